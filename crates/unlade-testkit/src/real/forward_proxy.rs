//! Forward proxies that sites really run: tinyproxy, squid and microsocks.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{Daemon, Missing, bare, htpasswd, program};

/// Runs a program that sees a file of its own as `/etc/hosts`.
const WITH_HOSTS: &str = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";

/// A running proxy, to which `r.test` is a name of loopback.
pub struct RealProxy {
    daemon: Daemon,
    scheme: &'static str,
}

impl RealProxy {
    /// Starts tinyproxy, which lets everybody through, or those alone who know user and password.
    ///
    /// # Errors
    ///
    /// [`Missing`] where it is not installed.
    #[track_caller]
    pub fn tinyproxy(login: Option<(&str, &str)>) -> Result<Self, Missing> {
        let binary = program("tinyproxy", "tinyproxy-bin")?;
        let login = login.map(|(user, password)| format!("BasicAuth {user} {password}\n")).unwrap_or_default();
        Ok(Self::start("http", "tinyproxy", |folder, address| {
            let (port, host) = (address.port(), address.ip());
            let config = folder.join("tinyproxy.conf");
            let text = format!("Port {port}\nListen {host}\nTimeout 60\nAllow {host}\n{login}");
            fs::write(&config, text).expect("write the configuration of tinyproxy");
            let mut command = with_hosts(folder);
            command.arg(&binary).arg("-d").arg("-c").arg(config);
            command
        }))
    }

    /// Starts squid, which lets everybody through, or those alone who know user and password.
    ///
    /// # Errors
    ///
    /// [`Missing`] where it, or htpasswd, is not installed.
    #[track_caller]
    pub fn squid(login: Option<(&str, &str)>) -> Result<Self, Missing> {
        let binary = program("squid", "squid")?;
        let passwords = login.map(|(user, password)| htpasswd(user, password)).transpose()?;
        Ok(Self::start("http", "squid", |folder, address| {
            // Started by root, it becomes somebody who could not enter.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("open a folder to squid");
            let hosts = hosts(folder);
            let rules = passwords.as_ref().map_or_else(
                || "http_access allow all".to_owned(),
                |passwords| {
                    let path = folder.join("passwords");
                    fs::write(&path, passwords).expect("write the passwords of squid");
                    format!(
                        "auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\nauth_param basic children 1\n\
                         acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all",
                        path.display()
                    )
                },
            );
            let config = folder.join("squid.conf");
            let text = format!(
                "http_port {address}\nhosts_file {}\ncoredump_dir {}\ncache deny all\naccess_log none\n\
                 pid_filename none\nnetdb_filename none\npinger_enable off\nshutdown_lifetime 0 seconds\n\
                 visible_hostname squid.test\n{rules}\n",
                hosts.display(),
                folder.display()
            );
            fs::write(&config, text).expect("write the configuration of squid");
            let mut command = bare(&binary);
            command.args(["-N", "-d", "1", "-f"]).arg(config);
            command
        }))
    }

    /// Starts microsocks, which speaks SOCKS 5, and lets everybody through, or those alone who know user and password.
    ///
    /// # Errors
    ///
    /// [`Missing`] where it is not installed.
    #[track_caller]
    pub fn microsocks(login: Option<(&str, &str)>) -> Result<Self, Missing> {
        let binary = program("microsocks", "microsocks")?;
        Ok(Self::start("socks5h", "microsocks", |folder, address| {
            let mut command = with_hosts(folder);
            command.arg(&binary).arg("-i").arg(address.ip().to_string()).arg("-p").arg(address.port().to_string());
            if let Some((user, password)) = login {
                command.args(["-u", user, "-P", password]);
            }
            command
        }))
    }

    #[track_caller]
    fn start(scheme: &'static str, name: &str, command: impl Fn(&Path, SocketAddr) -> Command) -> Self {
        Self { daemon: Daemon::start(name, command), scheme }
    }

    /// Gives its URL, without a login.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.daemon.address)
    }

    /// Gives its URL with a login.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("{}://{user}:{password}@{}", self.scheme, self.daemon.address)
    }
}

fn hosts(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("hosts");
    fs::write(&path, "127.0.0.1 localhost r.test\n").expect("write a file of hosts");
    path
}

/// Begins a command in a mount namespace of its own, which needs root, or a kernel that lets everybody have one.
fn with_hosts(folder: &Path) -> Command {
    let mut command = bare(Path::new("/usr/bin/unshare"));
    if !rustix::process::getuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "/bin/sh", "-c", WITH_HOSTS, "sh"]).arg(hosts(folder));
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}
