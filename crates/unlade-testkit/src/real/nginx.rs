//! nginx in front of a registry: for TLS, redirects and limits.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Daemon, Missing, program};
use crate::client::Client;
use crate::tls::Identity;

/// A running nginx.
pub struct Nginx {
    daemon: Daemon,
    scheme: &'static str,
}

/// Chooses what an nginx does to the requests that pass it.
#[derive(Clone, Debug)]
pub struct NginxBuilder {
    upstream: SocketAddr,
    tls: Option<Identity>,
    redirect: Option<String>,
    connections: Option<(usize, u16)>,
    rate: Option<usize>,
}

impl NginxBuilder {
    /// Shows a certificate: one of an authority, or one that is its own.
    #[must_use]
    pub fn tls(mut self, identity: &Identity) -> Self {
        self.tls = Some(identity.clone());
        self
    }

    /// Redirects requests for blobs to the same path below another base, such as `http://localhost:5001`.
    #[must_use]
    pub fn redirecting_blobs(mut self, base: &str) -> Self {
        self.redirect = Some(base.trim_end_matches('/').to_owned());
        self
    }

    /// Serves this many connections at once, and answers the others with a status such as 429 or 503.
    #[must_use]
    pub fn limited_connections(mut self, count: usize, status: u16) -> Self {
        self.connections = Some((count, status));
        self
    }

    /// Sends at most this many bytes a second on each connection.
    #[must_use]
    pub fn limited_rate(mut self, bytes_per_second: usize) -> Self {
        self.rate = Some(bytes_per_second);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// [`Missing`] where nginx is not installed.
    pub fn start(self) -> Result<Nginx, Missing> {
        let binary = program("nginx", "nginx-light")?;
        let daemon = Daemon::start("nginx", |folder, address| {
            let config = folder.join("nginx.conf");
            fs::write(&config, self.configuration(folder, address)).expect("write the configuration of nginx");
            let mut command = Command::new(&binary);
            command.arg("-p").arg(folder).arg("-c").arg(config).args(["-e", "stderr"]);
            command
        });
        Ok(Nginx { daemon, scheme: if self.tls.is_some() { "https" } else { "http" } })
    }

    fn configuration(&self, folder: &Path, address: SocketAddr) -> String {
        let folder = folder.display();
        // One process alone: workers would outlive a master that is killed.
        let mut text = String::from("daemon off;\nmaster_process off;\nevents { worker_connections 512; }\n");
        // Started by root, the workers would become somebody who cannot enter our folder.
        if rustix::process::getuid().is_root() {
            text.push_str("user root root;\n");
        }
        let mut server = format!("listen {address}{};\n", if self.tls.is_some() { " ssl" } else { "" });
        let mut add = |line: std::fmt::Arguments<'_>| {
            server.write_fmt(line).expect("writing to a String does not fail");
        };
        if let Some(Identity { certificate, key, .. }) = &self.tls {
            add(format_args!("ssl_certificate {};\nssl_certificate_key {};\n", certificate.display(), key.display()));
        }
        if let Some(base) = &self.redirect {
            add(format_args!("location ~ ^/v2/.*/blobs/sha256: {{ return 307 {base}$request_uri; }}\n"));
        }
        if let Some((count, status)) = self.connections {
            add(format_args!("limit_conn all {count};\nlimit_conn_status {status};\n"));
        }
        if let Some(rate) = self.rate {
            add(format_args!("limit_rate {rate};\n"));
        }
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
            .concat();
        let upstream = self.upstream;
        write!(
            text,
            "pid {folder}/pid;\nhttp {{\naccess_log off;\nclient_max_body_size 0;\n{temporary}\
             limit_conn_zone $server_port zone=all:1m;\nserver {{\n{server}\
             location / {{ proxy_pass http://{upstream}; proxy_set_header Host $http_host; \
             proxy_set_header X-Forwarded-Proto $scheme; proxy_http_version 1.1; }}\n}}\n}}\n"
        )
        .expect("writing to a String does not fail");
        text
    }
}

impl Nginx {
    /// Begins to describe an nginx in front of a registry.
    pub fn before(upstream: SocketAddr) -> NginxBuilder {
        NginxBuilder { upstream, tls: None, redirect: None, connections: None, rate: None }
    }

    /// Gives host and port, as references name them.
    pub fn host(&self) -> String {
        self.address().to_string()
    }

    /// Gives the address.
    pub fn address(&self) -> SocketAddr {
        self.daemon.address
    }

    /// Gives the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address())
    }

    /// Makes a simple client, which speaks plain http unless told otherwise.
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }
}
