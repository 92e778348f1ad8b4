//! Facts about places that content is put into. They begin empty.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use unlade::source::{Ask, Body, EndpointId, Source, SourceExt as _, Store};
use unlade::spec::descriptor::{Content, Descriptor};
use unlade::spec::manifest::RawManifest;
use unlade::spec::media_type::MediaType;
use unlade::spec::reference::{Selector, Tag};
use unlade::{Error, ErrorKind, Result};

use super::{Blob, Document, Holdings};

/// The place that the content comes from: it gives the same bytes, whatever it is asked for.
#[derive(Debug)]
struct Giver(Option<Bytes>);

impl fmt::Display for Giver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("giver")
    }
}

#[async_trait]
impl Source for Giver {
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest> {
        Err(Error::new(ErrorKind::NotFound, format!("there is no manifest {selector}")))
    }

    async fn open_unverified(&self, blob: &Content, ask: Ask) -> Result<Body> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no blob {}", blob.digest));
        let bytes = self.0.clone().ok_or_else(missing)?;
        assert_eq!(ask.window.start, 0, "a store has no reason to ask for parts");
        // Small chunks, so that there are several.
        let chunks: Vec<_> = bytes.chunks(50_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let window = 0..bytes.len() as u64;
        Ok(Body::new(window, None, EndpointId::new("giver"), stream::iter(chunks).boxed()))
    }
}

fn descriptor(blob: &Blob) -> Descriptor {
    Descriptor::new(MediaType::octet_stream(), blob.digest.clone(), blob.size())
}

fn raw(document: &Document) -> RawManifest {
    RawManifest::new(Some(document.media_type.parse().unwrap()), document.bytes.clone())
}

pub(crate) async fn what_was_put_is_there(store: Arc<dyn Store>, held: &Holdings) {
    for blob in &held.blobs {
        assert!(!store.contains(&blob.content()).await.unwrap(), "{} is there already", blob.digest);
        // Twice: what is there already is no difficulty.
        for _ in 0..2 {
            store.put(&descriptor(blob), &Giver(Some(blob.bytes.clone()))).await.unwrap();
            assert!(store.contains(&blob.content()).await.unwrap());
        }
        assert_eq!(store.read(&blob.content(), u64::MAX).await.unwrap(), blob.bytes);
    }
}

pub(crate) async fn what_is_not_what_it_says_is_not_taken_in(store: Arc<dyn Store>, held: &Holdings) {
    for blob in held.blobs.iter().filter(|blob| blob.size() > 1) {
        let short = blob.bytes.slice(1..);
        let long: Bytes = [&blob.bytes[..], b"x"].concat().into();
        let mut flipped = blob.bytes.to_vec();
        flipped[1] ^= 1;
        for bytes in [short, long, flipped.into()] {
            let error = store.put(&descriptor(blob), &Giver(Some(bytes))).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
            assert!(!store.contains(&blob.content()).await.unwrap());
        }
    }
}

pub(crate) async fn what_the_other_place_lacks_is_not_found(store: Arc<dyn Store>, held: &Holdings) {
    for blob in &held.blobs {
        let error = store.put(&descriptor(blob), &Giver(None)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(!store.contains(&blob.content()).await.unwrap());
    }
}

pub(crate) async fn a_manifest_is_put_under_its_tag(store: Arc<dyn Store>, held: &Holdings) {
    for blob in &held.blobs {
        store.put(&descriptor(blob), &Giver(Some(blob.bytes.clone()))).await.unwrap();
    }
    let tag: Tag = "moving".parse().unwrap();
    for document in &held.documents {
        let described = store.put_manifest(raw(document), Some(&tag)).await.unwrap();
        assert_eq!((&described.digest, described.size), (&document.digest, document.bytes.len() as u64));
        for selector in [document.selector(), Selector::Tag(tag.clone())] {
            assert_eq!(store.manifest_unverified(&selector).await.unwrap(), raw(document), "{selector}");
        }
    }
    let untagged = &held.documents[0];
    store.put_manifest(raw(untagged), None).await.unwrap();
    let last = held.documents.last().unwrap();
    assert_eq!(*store.manifest(&Selector::Tag(tag)).await.unwrap().digest(), last.digest);
    let nothing = RawManifest::new(None, "no manifest");
    assert_eq!(store.put_manifest(nothing, None).await.unwrap_err().kind(), ErrorKind::Malformed);
}
