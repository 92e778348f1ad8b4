//! Whether a client has the content already.

use http::HeaderMap;
use http::header::IF_NONE_MATCH;

/// Says whether an `If-None-Match` names the entity tag (RFC 9110, section 13.1.2).
///
/// The comparison is weak, as it has to be here. Tags are those of digests, so that a comma is never in one that
/// matches; what is malformed matches nothing.
pub(crate) fn names(headers: &HeaderMap, entity_tag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(|tag| tag.trim_matches([' ', '\t']))
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == entity_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_tags_may_match() {
        for (conditions, expected) in [
            (&[] as &[&str], false),
            (&["\"x\""], true),
            (&["W/\"x\""], true),
            (&["*"], true),
            (&["\"y\", \"x\""], true),
            (&["\"y\"", " W/\"z\",\"x\" "], true),
            (&["\"y\""], false),
            (&["x"], false),
            (&["w/\"x\""], false),
            (&[""], false),
        ] {
            let headers = conditions.iter().map(|text| (IF_NONE_MATCH, text.parse().unwrap())).collect();
            assert_eq!(names(&headers, "\"x\""), expected, "{conditions:?}");
        }
    }
}
