//! Lists that come in pages, each of which links to the next.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use url::Url;

use super::api::Api;
use super::link::{ListPlace, Next, next_page};
use super::manifest::plain;
use super::request::{Reply, Request, Terms};
use super::trail::{Astray, Print, Trail};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Observer;
use crate::retry::Budget;

/// The largest page, in bytes: as large as the largest manifest that registries take.
const MAX_PAGE: u64 = 4 << 20;

/// A list that is read page by page. Only the page that is read now is in memory.
pub(super) struct Pages {
    api: Arc<Api>,
    observer: Arc<dyn Observer>,
    /// What is listed, for messages: "tags".
    noun: &'static str,
    /// The path of the list below its repository.
    path: String,
    request: Request,
    trail: Trail,
    following: Following,
}

/// What comes behind the page that was read last.
enum Following {
    End,
    /// Why it is not read; told once the page itself was used.
    Error(Error),
    Page,
}

/// What came of reading a page.
pub(super) enum Read<T> {
    End,
    Page(T),
    /// The answer is no page of such a list.
    Stranger,
}

impl Pages {
    /// Begins a list with the request for its first page.
    pub(super) fn new(api: &Arc<Api>, observer: &Arc<dyn Observer>, noun: &'static str, request: Request) -> Self {
        let path = request.path.split('?').next().unwrap_or_default().to_owned();
        // A path that is no URL is reported when it is asked for.
        let first = api.home().join(&request.path).map(|url| place(&url)).unwrap_or_default();
        let (api, observer) = (Arc::clone(api), Arc::clone(observer));
        Self { api, observer, noun, path, request, trail: Trail::begin(&first), following: Following::Page }
    }

    /// Says what was tried, for messages.
    pub(super) fn what(&self) -> &str {
        &self.request.what
    }

    /// Reads the next page, as `parse` says: what it holds, and a print of that; or `None` for what is no page.
    pub(super) async fn read<T>(
        &mut self,
        parse: impl FnOnce(&HeaderMap, Bytes) -> Result<Option<(T, Print)>>,
    ) -> Result<Read<T>> {
        match std::mem::replace(&mut self.following, Following::End) {
            Following::End => return Ok(Read::End),
            Following::Error(error) => return Err(error),
            Following::Page => {}
        }
        let budget = Budget::new(self.api.registries.policy.clone(), None);
        let terms = Terms::new(&budget, self.observer.as_ref());
        let (reply, bytes) = self.api.read(&self.request, MAX_PAGE, terms).await?;
        if let Err(astray) = self.trail.weigh(bytes.len()) {
            return Err(self.astray(&reply, astray));
        }
        let headers = &reply.answer.headers;
        let parsed = whole(&reply).and_then(|()| parse(headers, bytes));
        let Some((page, print)) = parsed.map_err(|error| reply.failed(&self.request, error))? else {
            return Ok(Read::Stranger);
        };
        self.follow(&reply, print)?;
        Ok(Read::Page(page))
    }

    /// Looks where a page leads.
    fn follow(&mut self, reply: &Reply, print: Print) -> Result<()> {
        let list = ListPlace { home: self.api.home(), path: &self.path };
        let next = next_page(&reply.answer.headers, reply.url(), list);
        let link = next.as_ref().ok().and_then(|next| next.as_ref().map(Next::name));
        let noted = self.trail.note(print, link);
        if let Err(Astray::Repeated) = noted {
            return Err(self.astray(reply, Astray::Repeated));
        }
        self.following = match (noted, next) {
            (Err(astray), _) => Following::Error(self.astray(reply, astray)),
            (Ok(()), Err(error)) => Following::Error(self.misled(reply, &error.to_string())),
            (Ok(()), Ok(None)) => Following::End,
            (Ok(()), Ok(Some(next))) => {
                (self.request.path, self.request.outset) = match next {
                    Next::Home(path) => (path, None),
                    // The guard let this page's own request pass there, and looks again at the address.
                    Next::There(url, path) => (path, Some(reply.journey.outset(url))),
                };
                Following::Page
            }
        };
        Ok(())
    }

    fn astray(&self, reply: &Reply, astray: Astray) -> Error {
        let error = self.misled(reply, &astray.to_string());
        if astray == Astray::Large { error.turned_into(ErrorKind::TooLarge) } else { error }
    }

    fn misled(&self, reply: &Reply, why: &str) -> Error {
        let text = format!("after {} {}, {why}", self.trail.entries(), self.noun);
        reply.failed(&self.request, Error::new(ErrorKind::PeerMisbehaved, text))
    }
}

/// Says whether an answer is whole, and as it is stored.
fn whole(reply: &Reply) -> Result<()> {
    let status = reply.answer.status.as_u16();
    if status != 200 {
        return Err(Error::new(ErrorKind::PeerMisbehaved, format!("the answer {status} holds no list")));
    }
    plain(&reply.answer.headers)
}

fn place(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}
