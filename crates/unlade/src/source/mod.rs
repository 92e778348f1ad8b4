//! Places that content can be read from.
//!
//! [`Source`] is for those who write such a place: two methods, and nothing is
//! promised about the bytes. [`SourceExt`] is for those who read from one: its
//! methods verify, and have the short names. [`Catalog`] and [`Store`] are what
//! some places can do besides.

mod ask;
mod body;
mod catalog;
mod document;
mod ext;
pub mod memory;
mod not_asked;

use std::borrow::Cow;
use std::fmt::{Debug, Display};

use async_trait::async_trait;

pub use ask::{Ask, EndpointId, Zeal};
pub use body::{Body, Chunks, VerifyingBody};
pub use catalog::{Catalog, ListOrigin, Referrers, Store};
pub use document::Document;
pub use ext::SourceExt;
pub use not_asked::NotAsked;

use crate::error::Result;
use crate::spec::descriptor::Content;
use crate::spec::manifest::RawManifest;
use crate::spec::reference::Selector;

/// A place that the manifests and blobs of one repository can be read from.
///
/// `Display` names the place as a user would write it.
///
/// # Errors
///
/// What does not exist is [`NotFound`](crate::ErrorKind::NotFound). A place that
/// cannot be reached, after the retries that the [`Ask`]'s budget allows, is
/// [`Unavailable`](crate::ErrorKind::Unavailable).
#[async_trait]
pub trait Source: Debug + Display + Send + Sync + 'static {
    /// Reads a manifest as the place has it; the bytes may be anything.
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest>;

    /// Opens a window of a blob; the bytes may be anything, and may end anywhere.
    ///
    /// The body says where it begins: a place that cannot begin where it was asked
    /// to begins earlier, and never later. Of a window that is empty, or lies behind
    /// the blob's end, no byte is wanted: whether the blob is there need not be found out.
    ///
    /// A place of which all endpoints are to be avoided is
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn open_unverified(&self, blob: &Content, ask: Ask) -> Result<Body>;

    /// Returns how many windows of one blob are worth asking for at the same time; one, unless a place is far away.
    fn lanes(&self) -> usize {
        1
    }

    /// Says whether a blob may be had from another endpoint than those given.
    fn has_others(&self, _blob: &Content, _than: &[EndpointId]) -> bool {
        false
    }

    /// Takes out of a text what this place was shown, and what no message may repeat although the place may: logins
    /// and tokens. What is read of it and then told, in an error of whoever reads, goes through here.
    ///
    /// Its own errors need not. By default nothing is taken out: most places are shown nothing.
    fn blot<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }
}
