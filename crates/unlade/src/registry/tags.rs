//! The tags of a repository.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags>

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, TryStreamExt as _};
use url::form_urlencoded::byte_serialize;

use super::api::Api;
use super::page::{Pages, Read};
use super::request::Request;
use super::trail::Print;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Observer;
use crate::spec::tag_list::TagList;

/// So many tags are asked for at a time: more is not given by the registries that say how many they give.
const PAGE: usize = 1000;

/// Lists the tags, those behind one of them if it is named; a page is asked for when it is wanted.
pub(super) fn list(
    api: &Arc<Api>,
    observer: &Arc<dyn Observer>,
    after: Option<&str>,
) -> BoxStream<'static, Result<String>> {
    let mut path = format!("tags/list?n={PAGE}");
    if let Some(after) = after {
        path.push_str("&last=");
        path.extend(byte_serialize(after.as_bytes()));
    }
    let request = Request::new(path, format!("list the tags of {}", api.repository));
    let pages = Pages::new(api, observer, "tags", request);
    let tags = |page: TagList| (0..page.len()).map_while(move |place| page.get(place).map(str::to_owned));
    stream::try_unfold(pages, next).map_ok(move |page| stream::iter(tags(page).map(Ok))).try_flatten().boxed()
}

async fn next(mut pages: Pages) -> Result<Option<(TagList, Pages)>> {
    let read = pages.read(|_, bytes| parse(&bytes).map(Some)).await?;
    Ok(match read {
        Read::Page(tags) => Some((tags, pages)),
        Read::End | Read::Stranger => None,
    })
}

fn parse(bytes: &[u8]) -> Result<(TagList, Print)> {
    let tags = TagList::parse(bytes)
        .map_err(|cause| Error::new(ErrorKind::Malformed, "the list cannot be used").caused_by(cause))?;
    let print = Print::of(tags.iter());
    Ok((tags, print))
}
