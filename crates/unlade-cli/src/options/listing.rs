//! What the verbs take that list what is there.

#![expect(clippy::doc_markdown, reason = "these comments are the text of --help, where marks would show")]

use std::num::NonZeroUsize;

use clap::Args;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};

use super::Choice;

#[derive(Debug, Args)]
pub(crate) struct Tags {
    /// The repository: HOST/REPO or ocidir://PATH, without a tag and without a digest
    ///
    /// A name without a host is Docker Hub's. oci:// or docker:// may stand before the host.
    /// ocidir:// is an OCI image layout in a folder, ocitar:// one in a tar.
    #[arg(value_name = "REPO")]
    pub(crate) repository: String,
    /// Print so many at most
    #[arg(long, env = "UNLADE_LIMIT", value_name = "N")]
    pub(crate) limit: Option<NonZeroUsize>,
    /// Print those alone that follow this tag in the order of the registry
    ///
    /// A registry need not have that tag, and some pass this option over and list everything.
    #[arg(long, env = "UNLADE_LAST", value_name = "TAG", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) last: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Referrers {
    /// What is referred to: HOST/REPO[:TAG][@DIGEST] or ocidir://PATH[:TAG][@DIGEST]
    ///
    /// A tag is resolved first; a digest is taken as it is, and need not be there. Without a
    /// platform, what refers to an index is that which refers to the index itself. ocidir:// is an
    /// OCI image layout in a folder, ocitar:// one in a tar.
    pub(crate) reference: String,
    /// Only those of this type, such as application/spdx+json
    #[arg(long, env = "UNLADE_ARTIFACT_TYPE", value_name = "TYPE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) artifact_type: Option<String>,
    /// Only the newest, by the time that its publisher gave; its digest comes first
    ///
    /// The time is the annotation org.opencontainers.image.created. Those without it count as the
    /// oldest. The manifest is read, and must itself refer to what was asked for.
    #[arg(long, env = "UNLADE_LATEST", value_parser = BoolishValueParser::new())]
    pub(crate) latest: bool,
    // Last: its heading would hold for what follows.
    #[command(flatten)]
    pub(crate) choice: Choice,
}
