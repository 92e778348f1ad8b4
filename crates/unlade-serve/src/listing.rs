//! Lists of names, in pages.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags>

use axum::response::Response;
use futures_util::TryStreamExt as _;
use http::StatusCode;
use http::header::LINK;
use serde_json::json;
use unlade::layout::Layout;
use unlade::source::Catalog as _;

use crate::name::Name;
use crate::query::{encode, parameter};
use crate::refusal::{Code, Refusal};
use crate::shelf::Shelf;

/// Answers with the tags of a repository.
pub(crate) async fn tags(layout: &Layout, name: &Name, query: &str) -> Result<Response, Refusal> {
    let page = Page::parse(query)?;
    let mut tags: Vec<String> =
        layout.tags(None).try_collect().await.map_err(|error| Refusal::of(&error, Code::NameUnknown))?;
    sort(&mut tags);
    let (tags, more) = page.cut(&tags);
    let link = more.then(|| page.next(&format!("/v2/{name}/tags/list"), tags)).flatten();
    Ok(answer(&json!({"name": name.as_str(), "tags": tags}), link))
}

/// Answers with the repositories of the shelf: no part of the specification, but widely known.
///
/// <https://distribution.github.io/distribution/spec/api/#listing-repositories>
pub(crate) async fn catalog(shelf: &Shelf, query: &str) -> Result<Response, Refusal> {
    let page = Page::parse(query)?;
    let all = shelf.names().await?;
    let (repositories, more) = page.cut(&all);
    let link = more.then(|| page.next("/v2/_catalog", repositories)).flatten();
    Ok(answer(&json!({"repositories": repositories}), link))
}

fn answer(document: &serde_json::Value, link: Option<String>) -> Response {
    let mut response = crate::json(StatusCode::OK, document);
    // Everything in the link is percent-encoded or a name: it is always a header.
    let link = link.and_then(|link| link.parse().ok()).map(|link| (LINK, link));
    response.headers_mut().extend(link);
    response
}

/// The longest page: clients follow the link to the next one, and memory does not grow with the list.
const MAX_PAGE: usize = 1000;

/// Which names of a list are wanted.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    /// At most so many.
    length: usize,
    /// Only what comes after this one, which need not be in the list.
    after: Option<String>,
}

impl Page {
    fn parse(query: &str) -> Result<Self, Refusal> {
        let length = parameter(query, "n").map(|n| {
            let sound = !n.is_empty() && n.bytes().all(|digit| digit.is_ascii_digit());
            let refused = || Refusal::new(Code::PageInvalid, "n is the number of names wanted, at least 0");
            // More than a usize can hold is more than there are.
            if sound { Ok(n.parse().unwrap_or(usize::MAX)) } else { Err(refused()) }
        });
        let length = length.transpose()?.unwrap_or(MAX_PAGE).min(MAX_PAGE);
        Ok(Self { length, after: parameter(query, "last") })
    }

    /// Cuts the page out of sorted names; says whether more follow.
    fn cut<'a>(&self, names: &'a [String]) -> (&'a [String], bool) {
        let rest = match self.after.as_deref().map(order) {
            Some(after) => &names[names.partition_point(|name| order(name) <= after)..],
            None => names,
        };
        (&rest[..rest.len().min(self.length)], rest.len() > self.length)
    }

    /// Writes the link to the page behind this one; a page of nothing has none.
    fn next(&self, path: &str, names: &[String]) -> Option<String> {
        let (length, last) = (self.length, names.last()?);
        Some(format!("<{path}?n={length}&last={}>; rel=\"next\"", encode(last)))
    }
}

/// Sorts names for [`Page::cut`].
pub(crate) fn sort(names: &mut [String]) {
    names.sort_by_cached_key(|name| order(name));
}

/// The order that the specification asks for: case-insensitive; the second part makes it one order for all.
fn order(name: &str) -> (String, String) {
    (name.to_ascii_lowercase(), name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(query: &str) -> (Vec<String>, bool) {
        let mut names = ["v2", "V1", "v1", "a", "B"].map(str::to_owned);
        sort(&mut names);
        let (page, more) = Page::parse(query).unwrap().cut(&names);
        (page.to_vec(), more)
    }

    #[test]
    fn pages_are_cut_from_the_sorted_list() {
        for (query, expected, more) in [
            ("", "a B V1 v1 v2", false),
            ("n=2", "a B", true),
            ("n=2&last=B", "V1 v1", true),
            ("n=2&last=v1", "v2", false),
            ("n=5", "a B V1 v1 v2", false),
            ("n=99999999999999999999999", "a B V1 v1 v2", false),
            ("n=0", "", true),
            ("last=b", "V1 v1 v2", false),
            ("last=V1", "v1 v2", false),
            ("last=zzz", "", false),
        ] {
            let (names, followed) = cut(query);
            assert_eq!((names.join(" ").as_str(), followed), (expected, more), "{query}");
        }
    }

    #[test]
    fn the_link_leads_to_the_rest_and_a_page_of_nothing_has_none() {
        let page = Page::parse("n=1").unwrap();
        assert_eq!(page.next("/x", &["a/b".to_owned()]).unwrap(), "</x?n=1&last=a%2Fb>; rel=\"next\"");
        assert_eq!(page.next("/x", &[]), None);
    }

    #[test]
    fn a_long_list_comes_in_pages_without_being_asked_for_them() {
        for query in ["", "n=5000"] {
            let page = Page::parse(query).unwrap();
            let all: Vec<_> = (0..1500).map(|number| format!("{number:04}")).collect();
            let (names, more) = page.cut(&all);
            assert_eq!((names.len(), more), (1000, true), "{query}");
            assert_eq!(page.next("/x", names).unwrap(), "</x?n=1000&last=0999>; rel=\"next\"", "{query}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_refused() {
        for query in ["n=", "n=-1", "n=+1", "n=two", "n=1.5", "n"] {
            assert_eq!(Page::parse(query).unwrap_err().code(), Code::PageInvalid, "{query}");
        }
    }

    proptest! {
        #[test]
        fn following_the_pages_gives_each_name_once(
            names in proptest::collection::hash_set("[a-cA-C]{1,3}", 0..20),
            length in 1_usize..6,
        ) {
            let mut whole: Vec<String> = names.into_iter().collect();
            sort(&mut whole);
            let (mut collected, mut after) = (Vec::new(), None);
            loop {
                let (page, more) = Page { length, after }.cut(&whole);
                collected.extend_from_slice(page);
                if !more {
                    break;
                }
                after = collected.last().cloned();
            }
            prop_assert_eq!(collected, whole);
        }
    }
}
