//! Options of every verb.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use unlade::config::Mirror;

use crate::units;

/// Options of every verb; they may stand before or after the reference. The short help shows the commoner ones.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// An auth file as docker and podman write it, asked before those in their usual places
    #[arg(long, global = true, env = "UNLADE_AUTHFILE", value_name = "FILE", help_heading = "Credentials")]
    pub(crate) authfile: Option<PathBuf>,
    /// A pull secret, asked before any auth file: an auth file, user:password, base64 of that, or a token; - is stdin
    #[arg(long, global = true, env = "UNLADE_PULL_SECRET_FILE", value_name = "FILE", help_heading = "Credentials")]
    pub(crate) pull_secret_file: Option<PathBuf>,
    /// How to read the pull secret
    #[arg(
        long,
        global = true,
        env = "UNLADE_PULL_SECRET_FORMAT",
        value_name = "FORMAT",
        help_heading = "Credentials",
        hide_short_help = true,
        value_enum,
        default_value = "auto"
    )]
    pub(crate) pull_secret_format: SecretFormat,
    /// What a token server on another host than the registry's is shown
    #[arg(
        long,
        global = true,
        env = "UNLADE_REALM",
        value_name = "RULE",
        help_heading = "Credentials",
        hide_short_help = true,
        value_enum,
        default_value = "warn"
    )]
    pub(crate) realm: Realm,
    /// A token server on another host that may see any login over https, unwarned; may be repeated
    #[arg(
        long,
        global = true,
        env = "UNLADE_TRUST_REALM",
        value_name = "HOST",
        help_heading = "Credentials",
        hide_short_help = true,
        value_delimiter = ','
    )]
    pub(crate) trust_realm: Vec<String>,
    /// A host that may see the login when the registry redirects there over https; may be repeated
    #[arg(
        long,
        global = true,
        env = "UNLADE_TRUST_HOST",
        value_name = "HOST",
        help_heading = "Credentials",
        hide_short_help = true,
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
    /// A client certificate for the registry, with --key-file
    #[arg(
        long,
        global = true,
        env = "UNLADE_CERT_FILE",
        value_name = "FILE",
        help_heading = "Connection",
        hide_short_help = true
    )]
    pub(crate) cert_file: Option<PathBuf>,
    /// The private key of the client certificate
    #[arg(
        long,
        global = true,
        env = "UNLADE_KEY_FILE",
        value_name = "FILE",
        help_heading = "Connection",
        hide_short_help = true
    )]
    pub(crate) key_file: Option<PathBuf>,
    /// The lowest version of TLS that is spoken
    #[arg(
        long,
        global = true,
        env = "UNLADE_TLS_MIN",
        value_name = "VERSION",
        help_heading = "Connection",
        hide_short_help = true,
        value_enum,
        default_value = "1.2"
    )]
    pub(crate) tls_min: Tls,
    /// Believe whoever answers: no certificate is checked
    #[arg(
        long,
        global = true,
        env = "UNLADE_INSECURE_SKIP_TLS_VERIFY",
        help_heading = "Connection",
        hide_short_help = true,
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Speak plain http to the registry, or never [default: to loopback, unless an option is about TLS]
    #[arg(
        long,
        global = true,
        env = "UNLADE_PLAIN_HTTP",
        value_name = "true|false",
        help_heading = "Connection",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) plain_http: Option<bool>,
    /// An http, https, socks5 or socks5h proxy, in the place of those of the environment; none for no proxy
    #[arg(
        long,
        global = true,
        env = "UNLADE_PROXY",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Connection"
    )]
    pub(crate) proxy: Option<String>,
    /// A private network into which servers may lead; may be repeated
    #[arg(
        long,
        global = true,
        env = "UNLADE_ALLOW_NET",
        value_name = "CIDR",
        help_heading = "Connection",
        hide_short_help = true,
        value_delimiter = ',',
        value_parser = units::network
    )]
    pub(crate) allow_net: Vec<IpNet>,
    /// A host, or a URL, that is asked first for manifests and blobs of any registry; may be repeated
    #[arg(
        long,
        global = true,
        env = "UNLADE_MIRROR",
        value_name = "HOST",
        help_heading = "Connection",
        value_delimiter = ',',
        value_parser = units::mirror
    )]
    pub(crate) mirror: Vec<Mirror>,
    /// How many connections to one host may bring blobs at the same time, at most 64
    #[arg(
        long,
        global = true,
        env = "UNLADE_CONNECTIONS",
        value_name = "N",
        help_heading = "Connection",
        hide_short_help = true,
        default_value = "8",
        value_parser = units::connections
    )]
    pub(crate) connections: NonZeroUsize,
    /// How often to try again without progress; 1 MiB of new bytes is progress
    #[arg(
        long,
        global = true,
        env = "UNLADE_RETRIES",
        value_name = "N",
        help_heading = "Connection",
        hide_short_help = true,
        default_value = "5"
    )]
    pub(crate) retries: u32,
    /// How long to wait for a connection, TLS included; 0 for any time
    #[arg(long, global = true, env = "UNLADE_CONNECT_TIMEOUT", value_name = "TIME", help_heading = "Connection", hide_short_help = true, default_value = "30s", value_parser = units::duration)]
    pub(crate) connect_timeout: Duration,
    /// How long to wait for an answer to begin; 0 for any time
    #[arg(long, global = true, env = "UNLADE_RESPONSE_TIMEOUT", value_name = "TIME", help_heading = "Connection", hide_short_help = true, default_value = "60s", value_parser = units::duration)]
    pub(crate) response_timeout: Duration,
    /// How long a download may stand still; 0 for any time
    #[arg(long, global = true, env = "UNLADE_STALL_TIMEOUT", value_name = "TIME", help_heading = "Connection", hide_short_help = true, default_value = "30s", value_parser = units::duration)]
    pub(crate) stall_timeout: Duration,
    /// A download slower than this counts as broken, in bytes a second; 0 for any rate
    #[arg(long, global = true, env = "UNLADE_MIN_RATE", value_name = "SIZE", help_heading = "Connection", hide_short_help = true, default_value = "1K", value_parser = units::size)]
    pub(crate) min_rate: u64,

    /// How long to wait for another unlade that fills the same file; 0 for not at all
    #[arg(long, global = true, env = "UNLADE_LOCK_TIMEOUT", value_name = "TIME", help_heading = "Output", hide_short_help = true, default_value = "10m", value_parser = units::duration)]
    pub(crate) lock_timeout: Duration,
    /// Print one JSON document to stdout, also for a failure
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
    /// Say more on stderr; -vv tells of every request
    #[arg(short, long, global = true, env = "UNLADE_VERBOSE", action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true, env = "UNLADE_QUIET", help_heading = "Output", value_parser = BoolishValueParser::new())]
    pub(crate) quiet: bool,
}

/// The form of a pull secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecretFormat {
    /// The first of the others that fits
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

/// What a token server on another host than the registry's is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Realm {
    /// Nothing, unless --trust-realm names it
    Strict,
    /// User and password, over verified https, with a warning
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
    /// One JSON object a line, and nothing else
    Json,
    /// No bar; notes are still made, unless --quiet is given
    None,
}
