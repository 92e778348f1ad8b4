//! Whether a client wants the content under the conditions that it names.

use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName};

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The client wants other content than there is.
    Failed,
    /// The client has the content already.
    Known,
    Wanted,
}

/// Judges a request for content with an entity tag, in the order of RFC 9110, section 13.2.2.
///
/// Content has no date here, so that conditions on dates are ignored, as they have to be. Tags are those of digests, so
/// that a comma is never in one that matches; what is malformed matches nothing.
pub(crate) fn judge(headers: &HeaderMap, entity_tag: &str) -> Verdict {
    // Here a weak tag never matches (section 13.1.1).
    let wanted = !headers.contains_key(IF_MATCH) || names(headers, &IF_MATCH, |tag| tag == entity_tag);
    if !wanted {
        return Verdict::Failed;
    }
    // Here weakness does not count (section 13.1.2).
    let known = names(headers, &IF_NONE_MATCH, |tag| tag.strip_prefix("W/").unwrap_or(tag) == entity_tag);
    if known { Verdict::Known } else { Verdict::Wanted }
}

/// Says whether one of the tags in a header is the right one.
fn names(headers: &HeaderMap, header: &HeaderName, is_right: impl Fn(&str) -> bool) -> bool {
    let lists = headers.get_all(header).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(|tag| tag.trim_matches([' ', '\t']))
        .any(|tag| tag == "*" || is_right(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(header: &HeaderName, conditions: &[&str]) -> Verdict {
        judge(&conditions.iter().map(|text| (header.clone(), text.parse().unwrap())).collect(), "\"x\"")
    }

    #[test]
    fn any_of_the_tags_may_match() {
        for (conditions, if_none_match, if_match) in [
            (&[] as &[&str], Verdict::Wanted, Verdict::Wanted),
            (&["\"x\""], Verdict::Known, Verdict::Wanted),
            (&["W/\"x\""], Verdict::Known, Verdict::Failed),
            (&["*"], Verdict::Known, Verdict::Wanted),
            (&["\"y\", \"x\""], Verdict::Known, Verdict::Wanted),
            (&["\"y\"", " W/\"z\",\"x\" "], Verdict::Known, Verdict::Wanted),
            (&["\"y\""], Verdict::Wanted, Verdict::Failed),
            (&["x"], Verdict::Wanted, Verdict::Failed),
            (&["w/\"x\""], Verdict::Wanted, Verdict::Failed),
            (&[""], Verdict::Wanted, Verdict::Failed),
        ] {
            assert_eq!(judged(&IF_NONE_MATCH, conditions), if_none_match, "{conditions:?}");
            assert_eq!(judged(&IF_MATCH, conditions), if_match, "{conditions:?}");
        }
    }

    #[test]
    fn a_condition_that_fails_comes_before_one_that_holds() {
        for (if_match, expected) in [("\"y\"", Verdict::Failed), ("\"x\"", Verdict::Known)] {
            let headers = [(IF_MATCH, if_match), (IF_NONE_MATCH, "\"x\"")];
            let headers = headers.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
            assert_eq!(judge(&headers, "\"x\""), expected, "{if_match}");
        }
    }
}
