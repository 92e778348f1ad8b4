//! What the verbs take that print what is there as it is.

#![expect(clippy::doc_markdown, reason = "these comments are the text of --help, where marks would show")]

use clap::Args;
use clap::builder::BoolishValueParser;

use super::Choice;

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// What to resolve: HOST/REPO[:TAG][@DIGEST] or ocidir://PATH[:TAG][@DIGEST]
    ///
    /// The tag is latest unless one is given, and a digest decides over a tag. A name without a
    /// host is Docker Hub's. oci:// or docker:// may stand before the host. ocidir:// is an OCI
    /// image layout in a folder, ocitar:// one in a tar.
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Pick {
    /// The artifact: HOST/REPO[:TAG][@DIGEST] or ocidir://PATH[:TAG][@DIGEST]
    ///
    /// The tag is latest unless one is given, and a digest decides over a tag. A name without a
    /// host is Docker Hub's. oci:// or docker:// may stand before the host.
    pub(crate) reference: String,
    /// List all candidates, each with what speaks for or against it
    #[arg(long, env = "UNLADE_EXPLAIN", value_parser = BoolishValueParser::new())]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Blob {
    /// The blob, by its own digest: HOST/REPO@DIGEST or ocidir://PATH@DIGEST, or ocitar:// alike
    pub(crate) reference: String,
    /// Keep the bytes in a temporary file until all of them are verified
    #[arg(long, env = "UNLADE_VERIFY_FIRST", value_parser = BoolishValueParser::new())]
    pub(crate) verify_first: bool,
}
