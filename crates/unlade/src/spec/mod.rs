//! The formats, without any I/O: what the OCI and Docker specifications define, as types of our own.
//!
//! Parsing is tolerant where real registries differ and strict where tolerance
//! would be a hole. What is not known takes no memory: it is in the bytes, which are
//! kept as they came.

pub mod api_error;
pub mod content_range;
pub mod descriptor;
pub mod digest;
pub mod entry;
mod grammar;
pub mod index_text;
mod json;
pub mod manifest;
pub mod media_type;
pub mod platform;
pub mod reference;
pub mod safe_url;
pub mod tag_list;
pub(crate) mod tar;
pub mod text;
