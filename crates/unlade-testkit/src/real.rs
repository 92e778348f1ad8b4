//! Starters of programs that sites really run, and the real files that go through them.
//!
//! Each runs on a free loopback port, with a folder of its own, and ends with the value that started it.

mod cgroup;
mod distribution;
mod docker_registry;
mod faketime;
mod file_system;
mod files;
mod forward_proxy;
mod missing;
mod nginx;
mod openssl;
mod peers;
mod push;
mod referrers_registry;
mod token_server;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

pub use cgroup::Cgroup;
pub use distribution::DistributionV3;
pub use docker_registry::{DockerRegistry, htpasswd};
pub use faketime::FakeTime;
pub use file_system::{FileSystem, FileSystemKind, Plan};
pub use files::{RealFiles, real_files};
pub use forward_proxy::RealProxy;
pub use missing::{Lack, Missing, Supply, not_run, or_not_run};
pub use nginx::{LoggedRequest, Nginx, NginxBuilder};
pub use openssl::openssl_self_signed;
pub use peers::{Peer, Peers, Place};
pub use push::{http_push, http_push_blob, skopeo, skopeo_copy, skopeo_push};
pub use referrers_registry::ReferrersRegistry;
pub use token_server::TokenServer;

use missing::{built, program};

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

/// Begins a command that gets nothing from the environment of the tests: no proxies, no credentials, no settings.
fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("find a free port on loopback");
    listener.local_addr().expect("a listening socket has an address")
}

#[cfg(test)]
mod tests;
