//! What `serve` takes.

use std::path::PathBuf;

use clap::Args;

use crate::units;

#[derive(Debug, Clone, Args)]
pub(crate) struct Serve {
    /// A layout, or a folder of layouts
    pub(crate) folder: PathBuf,
    /// Where to listen; port 0 picks one
    #[arg(long, env = "UNLADE_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:5000", value_parser = units::listening)]
    pub(crate) listen: std::net::SocketAddr,
    /// Speak TLS, with this certificate (PEM, its issuers behind it), and --tls-key
    #[arg(long, env = "UNLADE_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, env = "UNLADE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Answer none but the users in this file, as `htpasswd -B` writes it
    #[arg(long, env = "UNLADE_HTPASSWD", value_name = "FILE")]
    pub(crate) htpasswd: Option<PathBuf>,
    /// Append a JSON object to this file for each request; - is stderr
    #[arg(long, env = "UNLADE_ACCESS_LOG", value_name = "FILE")]
    pub(crate) access_log: Option<PathBuf>,
}
