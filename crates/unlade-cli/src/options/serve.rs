//! What `serve` takes.

use std::path::PathBuf;

use clap::Args;

use crate::units;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// A layout, or a folder of layouts
    pub(crate) folder: PathBuf,
    /// Where to listen; port 0 picks one
    #[arg(long, env = "UNLADE_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:5000", value_parser = units::listening)]
    pub(crate) listen: std::net::SocketAddr,
}
