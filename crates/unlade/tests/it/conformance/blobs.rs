//! Facts about blobs and their windows.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, future};
use unlade::ErrorKind;
use unlade::source::{Ask, Body, Source, SourceExt as _};
use unlade::spec::descriptor::Content;

use super::{Blob, Holdings};

async fn open(source: &dyn Source, content: &Content, window: Range<u64>) -> Body {
    source.open_unverified(content, Ask::default().window(window)).await.unwrap()
}

/// Reads a body to its end, holds it to what it says of itself, and returns the part that was asked for.
async fn finish(body: Body, blob: &Blob, asked: &Range<u64>) -> Bytes {
    let Range { start, end } = body.window;
    assert!(start <= asked.start, "the body begins at {start}, later than {asked:?}");
    assert!(body.total.is_none_or(|total| total == blob.size()), "{:?} is not {}", body.total, blob.size());
    let mut chunks = body.chunks;
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    let behind = start + bytes.len() as u64;
    assert!(end == behind || end == u64::MAX, "the body ends at {behind}, and not where it says: {end}");
    assert!(behind >= asked.end.min(blob.size()), "the body ends at {behind}, and not where {asked:?} does");
    let expected = if bytes.is_empty() { &[] } else { &blob.bytes[range(start..behind)] };
    assert!(bytes == expected, "the bytes of {asked:?} are not the blob's");
    let wanted = asked.start.min(behind);
    let wanted = wanted..asked.end.clamp(wanted, behind);
    Bytes::from(bytes).slice(range(wanted.start - start..wanted.end - start))
}

fn range(window: Range<u64>) -> Range<usize> {
    usize::try_from(window.start).unwrap()..usize::try_from(window.end).unwrap()
}

async fn read(source: &dyn Source, blob: &Blob, content: &Content, asked: Range<u64>) -> Bytes {
    finish(open(source, content, asked.clone()).await, blob, &asked).await
}

pub(crate) async fn a_blob_is_given_whole(source: Arc<dyn Source>, held: &Holdings) {
    for blob in &held.blobs {
        for content in [blob.content(), blob.unsized_content()] {
            assert_eq!(read(&*source, blob, &content, 0..u64::MAX).await, blob.bytes);
        }
        let mut body = source.open(&blob.content()).await.unwrap();
        while body.chunk().await.unwrap().is_some() {}
        let verified = body.finish().await.unwrap();
        assert_eq!((&verified.digest, verified.size), (&blob.digest, blob.size()));
    }
}

pub(crate) async fn windows_are_given(source: Arc<dyn Source>, held: &Holdings) {
    for blob in held.blobs.iter().filter(|blob| blob.size() > 1) {
        let (size, middle) = (blob.size(), blob.size() / 2);
        for window in [
            0..1,
            0..size - 1,
            0..size,
            0..size + 1,
            1..2,
            1..u64::MAX,
            middle..middle + 1,
            middle..size,
            middle..size + 1,
            middle..u64::MAX,
            size - 1..size,
            size - 1..u64::MAX,
        ] {
            let end = window.end.min(size);
            let expected = range(window.start..end);
            for content in [blob.content(), blob.unsized_content()] {
                let got = read(&*source, blob, &content, window.clone()).await;
                assert!(got == blob.bytes[expected.clone()], "{window:?} of {size}");
            }
        }
    }
}

pub(crate) async fn of_an_empty_window_nothing_is_given(source: Arc<dyn Source>, held: &Holdings) {
    for blob in &held.blobs {
        let size = blob.size();
        for window in [0..0, size / 2..size / 2, size..size, size..u64::MAX, size + 1..size + 5, u64::MAX - 1..u64::MAX]
        {
            for content in [blob.content(), blob.unsized_content()] {
                assert!(read(&*source, blob, &content, window.clone()).await.is_empty(), "{window:?} of {size}");
            }
        }
    }
}

pub(crate) async fn what_is_not_there_is_not_found(source: Arc<dyn Source>, _: &Holdings) {
    for digest in Holdings::absent() {
        for (size, window) in [(None, 0..u64::MAX), (Some(9), 0..u64::MAX), (None, 4..5), (Some(9), 4..5)] {
            let content = Content { digest: digest.clone(), size };
            let error = source.open_unverified(&content, Ask::default().window(window)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{digest}: {error}");
            assert!(error.to_string().contains(&digest.to_string()), "{error} does not name {digest}");
        }
        assert_eq!(source.read(&Content { digest, size: None }, 9).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

pub(crate) async fn a_place_has_a_name(source: Arc<dyn Source>, held: &Holdings) {
    let name = source.to_string();
    assert!(!name.is_empty() && !name.contains(char::is_control), "{name:?}");
    let mut origins = Vec::new();
    for blob in &held.blobs {
        origins.push(open(&*source, &blob.content(), 0..u64::MAX).await.origin);
    }
    origins.dedup();
    let [origin] = origins.as_slice() else { panic!("one place has several names: {origins:?}") };
    assert!(!origin.as_str().is_empty() && !origin.as_str().contains(char::is_control), "{origin:?}");
}

pub(crate) async fn a_place_to_be_avoided_is_not_read(source: Arc<dyn Source>, held: &Holdings) {
    let content = held.large().content();
    let mut ask = Ask::default();
    ask.avoid.push(open(&*source, &content, 0..u64::MAX).await.origin);
    let error = source.open_unverified(&content, ask).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let mut ask = Ask::default();
    ask.avoid.push(unlade::source::EndpointId::new("elsewhere.example"));
    assert!(source.open_unverified(&content, ask).await.is_ok());
}

pub(crate) async fn nothing_larger_than_the_limit_is_read(source: Arc<dyn Source>, held: &Holdings) {
    for blob in held.blobs.iter().filter(|blob| blob.size() > 0) {
        for content in [blob.content(), blob.unsized_content()] {
            assert_eq!(source.read(&content, blob.size()).await.unwrap(), blob.bytes);
            let error = source.read(&content, blob.size() - 1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        }
    }
}

pub(crate) async fn content_that_is_not_what_was_promised_is_a_mismatch(source: Arc<dyn Source>, held: &Holdings) {
    for blob in &held.blobs {
        for size in [blob.size() + 1, blob.size().saturating_sub(1), blob.size() * 2 + 1] {
            if size != blob.size() {
                let promised = Content { size: Some(size), ..blob.content() };
                let error = source.read(&promised, u64::MAX).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Mismatch, "{size} instead of {}: {error}", blob.size());
            }
        }
    }
}

pub(crate) async fn bodies_do_not_disturb_each_other(source: Arc<dyn Source>, held: &Holdings) {
    let large = held.large();
    let step = large.size() / 7;
    let windows = (0..8).map(|part| part * step..((part + 2) * step).min(large.size()));
    let parts = windows.map(|window| (large, window));
    let wholes = held.blobs.iter().map(|blob| (blob, 0..u64::MAX));
    let all = parts.chain(wholes).map(|(blob, window)| {
        let source = &*source;
        async move {
            let got = read(source, blob, &blob.content(), window.clone()).await;
            let expected = range(window.start..window.end.min(blob.size()));
            assert!(got == blob.bytes[expected], "{window:?} of {}", blob.digest);
        }
    });
    future::join_all(all).await;
}

pub(crate) async fn a_body_may_be_dropped_anywhere(source: Arc<dyn Source>, held: &Holdings) {
    let blob = held.large();
    drop(source.open_unverified(&blob.content(), Ask::default()));
    drop(open(&*source, &blob.content(), 0..u64::MAX).await);
    let mut kept = open(&*source, &blob.content(), 0..u64::MAX).await.chunks;
    let mut dropped = open(&*source, &blob.content(), 0..u64::MAX).await.chunks;
    let first = kept.next().await.unwrap().unwrap();
    assert!(dropped.next().await.unwrap().is_ok());
    drop(dropped);
    let rest: Vec<Bytes> = kept.try_collect().await.unwrap();
    assert!([first].into_iter().chain(rest).collect::<Vec<_>>().concat() == blob.bytes);
    assert_eq!(read(&*source, blob, &blob.content(), 0..u64::MAX).await, blob.bytes);
}

pub(crate) async fn a_body_is_independent_of_its_place(source: Arc<dyn Source>, held: &Holdings) {
    let blob = held.large();
    let body = open(&*source, &blob.content(), 0..u64::MAX).await;
    drop(source);
    assert_eq!(finish(body, blob, &(0..u64::MAX)).await, blob.bytes);
}
