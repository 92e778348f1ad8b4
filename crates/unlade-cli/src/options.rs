//! The command line.

#![expect(clippy::doc_markdown, reason = "these comments are the text of --help, where marks would show")]

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::units;

/// Take disk images and other artifacts out of OCI registries.
#[derive(Debug, Parser)]
#[command(name = "unlade", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 malformed or misbehaving server, 2 usage, 3 not found, 4 login needed or \
    refused, 5 wrong bytes, 6 unavailable, 7 local file, 8 no or several candidates, 9 policy, 130 interrupted."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Download one artifact, verify it and publish it
    Pull(Pull),
    /// Print a manifest, byte for byte
    Manifest(Resolve),
    /// Print a blob, verified at its end
    Blob(Blob),
    /// Print the digest that a reference resolves to
    Digest(Resolve),
    /// Serve layouts as a read-only registry
    Serve(Serve),
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Where it is: oci://HOST/REPO[:TAG][@DIGEST], the same without oci://, or ocidir://PATH
    pub(crate) reference: String,
    /// Where it goes: a file, a folder, or - for stdout [default: its title, in this folder]
    #[arg(short, long, env = "UNLADE_OUTPUT", value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Replace a file whose name the publisher chose
    #[arg(long, env = "UNLADE_OVERWRITE", value_parser = BoolishValueParser::new())]
    pub(crate) overwrite: bool,
    /// Do not wait until the file is safe from a power cut
    #[arg(long, env = "UNLADE_NO_SYNC", value_parser = BoolishValueParser::new())]
    pub(crate) no_sync: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// Where it is: oci://HOST/REPO[:TAG][@DIGEST], the same without oci://, or ocidir://PATH
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Blob {
    /// Where it is, and its own digest: HOST/REPO@DIGEST or ocidir://PATH@DIGEST
    pub(crate) reference: String,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// A layout, or a folder of layouts
    pub(crate) folder: PathBuf,
    /// Where to listen; port 0 picks one
    #[arg(long, env = "UNLADE_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:5000", value_parser = units::listening)]
    pub(crate) listen: std::net::SocketAddr,
}

/// Which of several manifests.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Choosing")]
pub(crate) struct Choice {
    /// The platform; `host` is this machine's
    #[arg(long, env = "UNLADE_PLATFORM", value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// The architecture: amd64 or x86_64, arm64 or aarch64, …
    #[arg(long, env = "UNLADE_ARCH")]
    pub(crate) arch: Option<String>,
    /// The operating system
    #[arg(long, env = "UNLADE_OS")]
    pub(crate) os: Option<String>,
    /// The variant of the architecture
    #[arg(long, env = "UNLADE_VARIANT")]
    pub(crate) variant: Option<String>,
}

/// Options of every verb; they may stand before or after the reference.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Credentials as docker and podman keep them, looked at before all others
    #[arg(long, global = true, env = "UNLADE_AUTHFILE", value_name = "FILE", help_heading = "Credentials")]
    pub(crate) authfile: Option<PathBuf>,
    /// A pull secret in any form: an auth file, user:password, base64 of that, or a token; - is stdin
    #[arg(long, global = true, env = "UNLADE_PULL_SECRET_FILE", value_name = "FILE", help_heading = "Credentials")]
    pub(crate) pull_secret_file: Option<PathBuf>,
    /// The form of the pull secret
    #[arg(
        long,
        global = true,
        env = "UNLADE_PULL_SECRET_FORMAT",
        value_name = "FORMAT",
        help_heading = "Credentials",
        value_enum,
        default_value = "auto"
    )]
    pub(crate) pull_secret_format: SecretFormat,
    /// Send user and password to this token server without a warning; may be repeated
    #[arg(
        long,
        global = true,
        env = "UNLADE_TRUST_REALM",
        value_name = "HOST",
        help_heading = "Credentials",
        value_delimiter = ','
    )]
    pub(crate) trust_realm: Vec<String>,
    /// Whether other token servers over https get user and password
    #[arg(
        long,
        global = true,
        env = "UNLADE_REALM",
        value_name = "RULE",
        help_heading = "Credentials",
        value_enum,
        default_value = "warn"
    )]
    pub(crate) realm: Realm,
    /// Send the registry's credential along when it redirects to this host; may be repeated
    #[arg(
        long,
        global = true,
        env = "UNLADE_TRUST_HOST",
        value_name = "HOST",
        help_heading = "Credentials",
        value_delimiter = ','
    )]
    pub(crate) trust_host: Vec<String>,

    /// Trust this certificate authority, or this very certificate, beside the system's; may be repeated
    #[arg(
        long,
        global = true,
        env = "UNLADE_CA_FILE",
        value_name = "FILE",
        help_heading = "Connection",
        value_delimiter = ','
    )]
    pub(crate) ca_file: Vec<PathBuf>,
    /// The client's certificate
    #[arg(long, global = true, env = "UNLADE_CERT_FILE", value_name = "FILE", help_heading = "Connection")]
    pub(crate) cert_file: Option<PathBuf>,
    /// The key of the client's certificate
    #[arg(long, global = true, env = "UNLADE_KEY_FILE", value_name = "FILE", help_heading = "Connection")]
    pub(crate) key_file: Option<PathBuf>,
    /// The lowest version of TLS
    #[arg(
        long,
        global = true,
        env = "UNLADE_TLS_MIN",
        value_name = "VERSION",
        help_heading = "Connection",
        value_enum,
        default_value = "1.2"
    )]
    pub(crate) tls_min: Tls,
    /// Believe any server that it is who it says
    #[arg(long, global = true, env = "UNLADE_INSECURE_SKIP_TLS_VERIFY", help_heading = "Connection", value_parser = BoolishValueParser::new())]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Speak plain http [default: to loopback alone]
    #[arg(long, global = true, env = "UNLADE_PLAIN_HTTP", value_name = "BOOL", help_heading = "Connection", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub(crate) plain_http: Option<bool>,
    /// Follow servers into this private network; may be repeated
    #[arg(
        long,
        global = true,
        env = "UNLADE_ALLOW_NET",
        value_name = "CIDR",
        help_heading = "Connection",
        value_delimiter = ',',
        value_parser = units::network
    )]
    pub(crate) allow_net: Vec<IpNet>,
    /// Tries without progress after the first one
    #[arg(
        long,
        global = true,
        env = "UNLADE_RETRIES",
        value_name = "N",
        help_heading = "Connection",
        default_value = "5"
    )]
    pub(crate) retries: u32,
    /// How long to wait for a connection
    #[arg(long, global = true, env = "UNLADE_CONNECT_TIMEOUT", value_name = "TIME", help_heading = "Connection", default_value = "30s", value_parser = units::duration)]
    pub(crate) connect_timeout: Duration,
    /// How long to wait for an answer to begin
    #[arg(long, global = true, env = "UNLADE_RESPONSE_TIMEOUT", value_name = "TIME", help_heading = "Connection", default_value = "60s", value_parser = units::duration)]
    pub(crate) response_timeout: Duration,
    /// How long a download may stand still
    #[arg(long, global = true, env = "UNLADE_STALL_TIMEOUT", value_name = "TIME", help_heading = "Connection", default_value = "30s", value_parser = units::duration)]
    pub(crate) stall_timeout: Duration,
    /// The lowest rate of a download, a second
    #[arg(long, global = true, env = "UNLADE_MIN_RATE", value_name = "SIZE", help_heading = "Connection", default_value = "1K", value_parser = units::size)]
    pub(crate) min_rate: u64,
    /// How long to wait for another unlade that writes the same file
    #[arg(long, global = true, env = "UNLADE_LOCK_TIMEOUT", value_name = "TIME", help_heading = "Connection", default_value = "10m", value_parser = units::duration)]
    pub(crate) lock_timeout: Duration,

    /// Print one JSON document to stdout
    #[arg(long, global = true, env = "UNLADE_JSON", help_heading = "Output", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// How to show progress, on stderr
    #[arg(
        long,
        global = true,
        env = "UNLADE_PROGRESS",
        value_name = "HOW",
        help_heading = "Output",
        value_enum,
        default_value = "auto"
    )]
    pub(crate) progress: Progress,
    /// Say more on stderr; twice for every request
    #[arg(short, long, global = true, env = "UNLADE_VERBOSE", action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true, env = "UNLADE_QUIET", help_heading = "Output", value_parser = BoolishValueParser::new())]
    pub(crate) quiet: bool,
}

/// The form of a pull secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecretFormat {
    /// Whatever it turns out to be
    Auto,
    /// A whole auth file
    Authfile,
    /// Base64 of user:password
    Base64,
    /// A bare token
    Token,
    /// user:password
    UserPassword,
}

/// Who besides the registry's host gets user and password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Realm {
    /// Nobody
    Strict,
    /// Token servers over verified https, with a warning
    Warn,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    /// TLS 1.2
    #[value(name = "1.2")]
    V1_2,
    /// TLS 1.3
    #[value(name = "1.3")]
    V1_3,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar on a terminal, nothing elsewhere
    Auto,
    /// A bar
    Bar,
    /// One JSON object a line
    Json,
    /// Nothing
    None,
}
