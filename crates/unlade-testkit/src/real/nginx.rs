//! nginx in front of a registry: for TLS, redirects and limits.

mod log;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::{Daemon, DockerRegistry, Missing, bare, program};
use crate::client::Client;
use crate::tls::Identity;

pub use log::LoggedRequest;

/// A running nginx.
pub struct Nginx {
    daemon: Daemon,
    scheme: &'static str,
}

/// Chooses what an nginx does to the requests that pass it.
#[derive(Clone, Debug)]
pub struct NginxBuilder {
    content: String,
    certificate: Option<(PathBuf, PathBuf)>,
    server: String,
    zones: String,
    listen: &'static str,
}

impl NginxBuilder {
    /// Adds any directive of a server, such as `gzip on`.
    #[must_use]
    pub fn directive(mut self, directive: &str) -> Self {
        self.server.extend([directive, ";\n"]);
        self
    }

    /// Shows a certificate: one of an authority, or one that is its own.
    #[must_use]
    pub fn tls(self, identity: &Identity) -> Self {
        self.tls_files(&identity.certificate, &identity.key)
    }

    /// Shows the certificate of a file; the other file holds its key.
    #[must_use]
    pub fn tls_files(mut self, certificate: &Path, key: &Path) -> Self {
        self.certificate = Some((certificate.to_owned(), key.to_owned()));
        self
    }

    /// Offers HTTP/2 to clients that speak TLS.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.listen = " http2";
        self
    }

    /// Lets in only clients that show a certificate of an authority.
    #[must_use]
    pub fn requiring_clients_of(self, authority: &Path) -> Self {
        self.directive(&format!("ssl_client_certificate {}", authority.display())).directive("ssl_verify_client on")
    }

    /// Lets clients show a certificate of any authority; the log says whether they did.
    #[must_use]
    pub fn asking_for_clients(self) -> Self {
        self.directive("ssl_verify_client optional_no_ca")
    }

    /// Redirects requests for blobs to the same path below another base, such as `http://localhost:5001`.
    #[must_use]
    pub fn redirecting_blobs(mut self, base: &str) -> Self {
        let base = base.trim_end_matches('/');
        self.server.push_str("location ~ ^/v2/.*/blobs/ { return 307 ");
        self.server.push_str(base);
        self.server.push_str("$request_uri; }\n");
        self
    }

    /// Serves this many connections at once, and answers the others with a status such as 429 or 503.
    #[must_use]
    pub fn limited_connections(self, count: usize, status: u16) -> Self {
        self.zone("limit_conn_zone $server_port zone=connections:1m")
            .directive(&format!("limit_conn connections {count}"))
            .directive(&format!("limit_conn_status {status}"))
    }

    /// Serves one request in this many seconds, at most a minute, and answers the others with 429 and the time after
    /// which to come back, which may be longer.
    #[must_use]
    pub fn limited_requests(self, seconds: u32) -> Self {
        let rate = 60 / seconds.clamp(1, 60);
        self.zone(&format!("limit_req_zone $server_port zone=requests:1m rate={rate}r/m"))
            .directive("limit_req zone=requests")
            .directive("limit_req_status 429")
            .directive(&format!("add_header Retry-After {seconds} always"))
    }

    /// Sends at most this many bytes a second on each connection.
    #[must_use]
    pub fn limited_rate(self, bytes_per_second: usize) -> Self {
        self.directive(&format!("limit_rate {bytes_per_second}"))
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
            let mut command = bare(&binary);
            command.arg("-p").arg(folder).arg("-c").arg(config).args(["-e", "stderr"]);
            command
        });
        Ok(Nginx { daemon, scheme: if self.certificate.is_some() { "https" } else { "http" } })
    }

    fn of(content: String) -> Self {
        Self { content, certificate: None, server: String::new(), zones: String::new(), listen: "" }
    }

    fn zone(mut self, zone: &str) -> Self {
        writeln!(self.zones, "{zone};").expect("writing to a String does not fail");
        self
    }

    fn configuration(&self, folder: &Path, address: SocketAddr) -> String {
        let folder = folder.display();
        // Started by root, the workers would become somebody who cannot enter our folder.
        let user = if rustix::process::getuid().is_root() { "user root root;\n" } else { "" };
        let (ssl, certificate) = self.certificate.as_ref().map_or_else(Default::default, |(certificate, key)| {
            let (certificate, key) = (certificate.display(), key.display());
            (" ssl", format!("ssl_certificate {certificate};\nssl_certificate_key {key};\n"))
        });
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
            .concat();
        let Self { content, server, zones, listen, .. } = self;
        let format = log::FORMAT;
        // One process alone: workers would outlive a master that is killed, and one process alone does one thing
        // after the other. So whoever got an answer from the second server finds all earlier requests in the log.
        format!(
            "daemon off;\nmaster_process off;\n{user}pid {folder}/pid;\nevents {{ worker_connections 512; }}\n\
             http {{\nlog_format testkit escape=json '{format}';\nclient_max_body_size 0;\n{temporary}{zones}\
             server {{\nlisten {address}{ssl}{listen};\naccess_log {folder}/access testkit;\n{certificate}{server}{content}}}\n\
             server {{\nlisten unix:{folder}/mark;\naccess_log off;\nlocation / {{ return 204; }}\n}}\n}}\n"
        )
    }
}

impl Nginx {
    /// Begins to describe an nginx in front of a registry.
    pub fn before(upstream: SocketAddr) -> NginxBuilder {
        NginxBuilder::of(format!(
            "location / {{ proxy_pass http://{upstream}; proxy_set_header Host $http_host; \
             proxy_set_header X-Forwarded-Proto $scheme; proxy_http_version 1.1; }}\n"
        ))
    }

    /// Begins to describe an nginx that serves the files in which a registry keeps its blobs, and nothing else: what a
    /// registry redirects to, where a bucket holds its store.
    pub fn over_blobs_of(registry: &DockerRegistry) -> NginxBuilder {
        let store = registry.blob_folder();
        NginxBuilder::of(format!(
            "location ~ \"^/v2/.*/blobs/([a-z0-9]+):(..)(.*)$\" {{ default_type application/octet-stream; \
             alias {}/$1/$2/$2$3/data; }}\nlocation / {{ return 404; }}\n",
            store.display()
        ))
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

    /// Gives the requests that were answered, or whose clients left, up to now.
    #[track_caller]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        let folder = self.daemon.folder.path();
        let mut mark = UnixStream::connect(folder.join("mark")).expect("connect to nginx");
        mark.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("ask nginx for a sign");
        mark.read_to_end(&mut Vec::new()).expect("read the sign of nginx");
        let text = fs::read_to_string(folder.join("access")).expect("read the log of nginx");
        text.lines().map(log::parse).collect()
    }
}
