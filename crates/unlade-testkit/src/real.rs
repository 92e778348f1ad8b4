//! Starters of programs that sites really run, and the real files that go through them.
//!
//! Each runs on a free loopback port, with a folder of its own, and ends with the value that started it.

mod docker_registry;
mod files;
mod nginx;
mod openssl;
mod push;
mod token_server;

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

pub use docker_registry::{DockerRegistry, htpasswd};
pub use files::{RealFiles, real_files};
pub use nginx::{LoggedRequest, Nginx, NginxBuilder};
pub use openssl::openssl_self_signed;
pub use push::{http_push, http_push_blob, skopeo, skopeo_copy, skopeo_push};
pub use token_server::TokenServer;

/// A program, or a package, that this machine has not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Missing {
    /// What was looked for.
    pub wanted: String,
    /// The Debian package that has it.
    pub package: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is not installed (Debian package {})", self.wanted, self.package)
    }
}

impl std::error::Error for Missing {}

impl Missing {
    /// Makes the error; where `CI` is `true`, panics instead: there, a test that quietly did not run is a lie.
    #[track_caller]
    fn report(wanted: &str, package: &'static str) -> Self {
        let missing = Self { wanted: wanted.to_owned(), package };
        assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{missing}");
        missing
    }
}

/// Finds a program of a package.
#[track_caller]
fn program(name: &str, package: &'static str) -> Result<PathBuf, Missing> {
    let folders = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.ok_or_else(|| Missing::report(name, package))
}

/// A program that listens on a port, in a folder of its own.
struct Daemon {
    child: Child,
    address: SocketAddr,
    // Kept for as long as the program runs in it.
    folder: TempDir,
}

impl Daemon {
    /// Starts a program and waits until it listens.
    ///
    /// The port was free a moment ago, but another process may take it first; then the program ends at once, and is
    /// started anew with another port.
    #[track_caller]
    fn start(name: &str, command: impl Fn(&Path, SocketAddr) -> Command) -> Self {
        let mut logs = String::new();
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("make a folder for a program");
            let address = free_address();
            let log_path = folder.path().join("log");
            let log = File::create(&log_path).expect("make the log of a program");
            let share = || Stdio::from(log.try_clone().expect("share the log of a program"));
            let child = command(folder.path(), address)
                .env_clear()
                .stdin(Stdio::null())
                .stdout(share())
                .stderr(share())
                .spawn()
                .unwrap_or_else(|error| panic!("start {name}: {error}"));
            let mut daemon = Self { child, address, folder };
            if daemon.is_ready() {
                return daemon;
            }
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            write!(logs, "\n{log}").expect("writing to a String does not fail");
        }
        panic!("{name} did not begin to listen; its logs:{logs}")
    }

    /// Waits, for at most half a minute, until the program listens or has ended.
    fn is_ready(&mut self) -> bool {
        for _ in 0..3000 {
            let ended = self.child.try_wait().expect("ask after a program of our own").is_some();
            if ended {
                return false;
            }
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; a program that is gone is what was wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("find a free port on loopback");
    listener.local_addr().expect("a listening socket has an address")
}

#[cfg(test)]
mod tests;
