//! One body of one range of a blob.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs>

use std::ops::Range;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use super::api::Api;
use super::held::Held;
use super::manifest::plain;
use super::refusal;
use super::request::{Reply, Request, Terms};
use super::rest::permit;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Ask, Body, Chunks, Zeal};
use crate::spec::content_range::ContentRange;
use crate::spec::descriptor::Content;
use crate::spec::safe_url::SafeUrl;
use crate::transport::redirect::same_origin;
use crate::transport::watch::watch;

/// Opens a window of a blob; what is done about failures is said apart from the ask, which says what is done about the
/// right to a body.
pub(super) async fn open(api: &Arc<Api>, blob: &Content, ask: &Ask, zeal: Zeal) -> Result<Body> {
    let origin = api.id();
    if let Some(at) = nowhere(&ask.window, blob.size) {
        return Ok(Body::new(at..at, blob.size, origin, stream::empty().boxed()));
    }
    let what = format!("fetch the blob {} of {}", blob.digest, api.repository);
    // The registry's own, wherever it leads: who redirects and who is redirected to bear the same load.
    let permit = permit(&api.host, &origin, &what, ask).await?;
    let terms = Terms { zeal, ..Terms::of(ask, &permit) };
    let path = format!("blobs/{}", blob.digest);
    let request = Request::new(path, what.clone()).starting_at(api.targets.of(&blob.digest));
    let found = find(api, blob, &ask.window, request, terms).await.inspect_err(|error| {
        // A place that has too much to do is still the right one, and so is one that was not asked.
        if error.context().status != Some(503) && error.kind() != ErrorKind::RateLimited {
            api.targets.forget(&blob.digest);
        }
    })?;
    let Found { reply, window, total } = found;
    let url = SafeUrl::from(reply.url().clone());
    api.targets.note(&blob.digest, reply.journey.target());
    let held = Held::new(chunks(api, &what, reply), window.end - window.start, permit)
        .found_by(Arc::clone(&api.targets), blob.digest.clone());
    Ok(Body::new(window, total, origin, held.boxed()).from_url(url))
}

/// An answer that holds bytes of a blob, and which.
struct Found {
    reply: Reply,
    window: Range<u64>,
    total: Option<u64>,
}

/// Asks for a window of a blob, and where the place that is known has nothing that can be used, once more by way of the
/// registry.
async fn find(api: &Api, blob: &Content, window: &Range<u64>, mut request: Request, terms: Terms<'_>) -> Result<Found> {
    loop {
        let reply = ask_for(api, range(window, blob.size), &request, terms).await?;
        let headers = &reply.answer.headers;
        // An answer that is compressed has another length, which would hide the reason.
        let placed = plain(headers).and_then(|()| place(reply.answer.status, headers, blob, window));
        match placed {
            Ok((window, total)) => return Ok(Found { reply, window, total }),
            Err(error) if reply.journey.clone().leave_outset() => {
                let reason = api.blot(&error.chain().join(": "));
                tracing::info!("the place that the registry named before gives nothing of use: {reason}");
                request.outset = None;
            }
            Err(error) => return Err(reply.failed(&request, error)),
        }
    }
}

async fn ask_for(api: &Api, range: Option<String>, request: &Request, terms: Terms<'_>) -> Result<Reply> {
    let Some(range) = range else { return api.send(request, terms).await };
    match api.send(&request.clone().ranged(&range), terms).await {
        // Some servers refuse ranges that are perfectly good: the whole is then asked for. The place that was known has
        // refused the range too, or was left before.
        Err(error) if error.context().status == Some(416) && terms.zeal == Zeal::Stubborn => {
            api.send(&request.clone().starting_at(None), terms).await
        }
        outcome => outcome,
    }
}

/// Says where a window without a byte in it lies: no range could name it. A blob that is
/// empty itself is asked for like any other, since it may not be there.
fn nowhere(window: &Range<u64>, size: Option<u64>) -> Option<u64> {
    let end = window.end.min(size.unwrap_or(u64::MAX));
    let whole = window.start == 0 && size == Some(0);
    (window.start >= end && !whole).then(|| window.start.min(size.unwrap_or(u64::MAX)))
}

/// Writes the range of a window, unless it is the whole blob. Always exact and closed
/// where the size is known: some servers refuse open and over-long ones.
fn range(window: &Range<u64>, size: Option<u64>) -> Option<String> {
    let end = window.end.min(size.unwrap_or(u64::MAX));
    match (window.start, end) {
        (0, end) if Some(end) == size || end == u64::MAX => None,
        (start, u64::MAX) => Some(format!("bytes={start}-")),
        (start, end) => Some(format!("bytes={start}-{}", end.saturating_sub(1).max(start))),
    }
}

/// Says which bytes an answer holds, and how many the blob has. Pure.
///
/// # Errors
///
/// [`ErrorKind::Mismatch`] if the answer speaks of another size, [`ErrorKind::PeerMisbehaved`] if its bytes
/// cannot be placed.
fn place(
    status: StatusCode,
    headers: &HeaderMap,
    blob: &Content,
    window: &Range<u64>,
) -> Result<(Range<u64>, Option<u64>)> {
    let asked = range(window, blob.size);
    match (status.as_u16(), asked) {
        (200, _) => {
            let total = length(headers)?;
            check_size(blob, total)?;
            Ok((0..total.or(blob.size).unwrap_or(u64::MAX), total))
        }
        (206, Some(_)) => partial(headers, blob, window),
        (206, None) => {
            Err(Error::new(ErrorKind::PeerMisbehaved, "the answer 206 is a part, although the whole was asked for"))
        }
        (status, _) => Err(Error::new(ErrorKind::Mismatch, format!("the answer {status} holds no content"))),
    }
}

fn partial(headers: &HeaderMap, blob: &Content, window: &Range<u64>) -> Result<(Range<u64>, Option<u64>)> {
    let misbehaved = |text: String| Error::new(ErrorKind::PeerMisbehaved, text);
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Err(misbehaved("the answer is made of several parts where one was asked for".to_owned()));
    }
    let range = ContentRange::from_headers(headers)
        .map_err(|error| misbehaved("the answer's bytes cannot be placed".to_owned()).caused_by(error))?;
    if range.first != window.start {
        return Err(misbehaved(format!(
            "the answer begins at byte {} where byte {} was asked for",
            range.first, window.start
        )));
    }
    let end = window.end.min(blob.size.unwrap_or(u64::MAX));
    if range.end() > end {
        return Err(misbehaved(format!("the answer ends at byte {} where {} was asked for", range.last, end - 1)));
    }
    if let (Some(size), Some(total)) = (blob.size, range.total)
        && size != total
    {
        return Err(misbehaved(format!("the answer is a part of {total} bytes where the blob has {size}")));
    }
    if length(headers)?.is_some_and(|length| length != range.end() - range.first) {
        return Err(misbehaved("the answer's length is not that of its range".to_owned()));
    }
    Ok((range.first..range.end(), range.total))
}

fn check_size(blob: &Content, total: Option<u64>) -> Result<()> {
    match (blob.size, total) {
        (Some(size), Some(total)) if size != total => Err(Error::new(
            ErrorKind::Mismatch,
            format!("the answer has {total} bytes where the descriptor promises {size}"),
        )),
        _ => Ok(()),
    }
}

fn length(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| Error::new(ErrorKind::PeerMisbehaved, "the answer's length is no number"))
}

fn chunks(api: &Arc<Api>, what: &str, reply: Reply) -> Chunks {
    let url = reply.url().clone();
    let host = SafeUrl::from(url.clone()).authority();
    let place = if same_origin(&url, api.home()) { String::new() } else { format!(" at {host}") };
    let asked = api.blot(&format!("cannot {what}{place}"));
    let shown = SafeUrl::parse(&api.blot(url.as_str())).ok();
    let effort = reply.effort;
    let api = Arc::clone(api);
    watch(reply.answer.chunks, api.registries.pace())
        .map_err(move |failure| {
            api.note_illness();
            refusal::failed(failure, &asked, &url).with(|context| {
                context.url.clone_from(&shown);
                context.attempts = effort.tries();
            })
        })
        .boxed()
}

#[cfg(test)]
mod tests;
