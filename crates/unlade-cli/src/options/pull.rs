//! What `pull` takes.

#![expect(clippy::doc_markdown, reason = "these comments are the text of --help, where marks would show")]

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::Choice;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Pull {
    /// The artifact: HOST/REPO[:TAG][@DIGEST] or ocidir://PATH[:TAG][@DIGEST]
    ///
    /// The tag is latest unless one is given, and a digest decides over a tag. A name without a
    /// host is Docker Hub's. oci:// or docker:// may stand before the host. ocidir:// is an OCI
    /// image layout in a folder, ocitar:// one in a tar.
    pub(crate) reference: String,
    /// A file, a folder, ocidir://DIR[:TAG], or - for stdout [default: the publisher's titles, here]
    ///
    /// The one layer of an artifact becomes a file. Several become files in a folder, each under its
    /// title; layers without a title are left out. A folder that oras packed is unpacked, and is itself
    /// what the path names if it is the one layer. A folder, or a path that ends in /, takes a single
    /// file under its title too. A file that is there is replaced only once the new one is verified.
    /// Bytes on stdout are verified at their end: trust them once the exit code is 0. ocidir://DIR
    /// adds to an OCI image layout, which is made if need be: the manifest or index with all that it
    /// names, under TAG or else the reference's.
    #[arg(short, long, env = "UNLADE_OUTPUT", value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) output: Option<PathBuf>,
    /// Say what would be pulled and what is there already, and write nothing
    #[arg(long, env = "UNLADE_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub(crate) dry_run: bool,
    /// Keep folders that are packed in an archive as that archive, a file
    #[arg(long, env = "UNLADE_NO_UNPACK", value_parser = BoolishValueParser::new())]
    pub(crate) no_unpack: bool,
    /// With -o -, keep the bytes in a temporary file until all of them are verified
    #[arg(long, env = "UNLADE_VERIFY_FIRST", value_parser = BoolishValueParser::new())]
    pub(crate) verify_first: bool,
    /// Without -o, replace files that are there and differ
    #[arg(long, env = "UNLADE_OVERWRITE", value_parser = BoolishValueParser::new())]
    pub(crate) overwrite: bool,
    /// Do not wait until the file would survive a power cut
    #[arg(long, env = "UNLADE_NO_SYNC", value_parser = BoolishValueParser::new())]
    pub(crate) no_sync: bool,
    /// Neither use what a stopped run has left nor leave anything when stopped
    #[arg(long, env = "UNLADE_NO_RESUME", value_parser = BoolishValueParser::new())]
    pub(crate) no_resume: bool,
    /// Leave holes where the file is zero, instead of taking room for all of it
    #[arg(long, env = "UNLADE_SPARSE", value_parser = BoolishValueParser::new())]
    pub(crate) sparse: bool,
    /// With -o ocidir://DIR, add what refers to the artifact too, such as signatures
    #[arg(long, env = "UNLADE_REFERRERS", value_parser = BoolishValueParser::new())]
    pub(crate) referrers: bool,
    // Last: its heading would hold for what follows.
    #[command(flatten)]
    pub(crate) choice: Choice,
}
