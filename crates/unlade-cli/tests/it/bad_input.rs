//! Every row of bad input: the right exit code, one clear error with its chain and a hint, nothing published and
//! nothing left behind.

pub(crate) mod access;
mod documents;
mod folders;
mod network;
mod options;
mod partials;
mod references;
mod streams;
pub(crate) mod targets;

use std::ffi::{OsStr, OsString};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use unlade_testkit::LyingRegistry;
use unlade_testkit::process::{Run, files};
use unlade_testkit::tls::Authority;

use crate::common::{folder, pull, refused};

/// A row that involves a server: what is asked of whom, and what must come of it.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) host: String,
    /// The repository, with its tag or digest.
    rest: &'static str,
    options: Vec<OsString>,
    code: i32,
    kind: &'static str,
    text: &'static str,
    server: Server,
}

/// Who is at the other end, for as long as the row lives.
enum Server {
    Nobody,
    Registry(Box<LyingRegistry>),
    Speaker(Speaker),
}

impl Row {
    fn new(name: &'static str, registry: LyingRegistry) -> Self {
        Self { server: Server::Registry(Box::new(registry)), ..Self::at(name, String::new()) }.called()
    }

    fn of_speaker(name: &'static str, speaker: Speaker) -> Self {
        Self { server: Server::Speaker(speaker), ..Self::at(name, String::new()) }.called()
    }

    fn at(name: &'static str, host: String) -> Self {
        let (code, kind, text) = (0, "", "");
        Self { name, host, rest: "acme/disk:v1", options: Vec::new(), code, kind, text, server: Server::Nobody }
    }

    fn called(mut self) -> Self {
        self.host = match &self.server {
            Server::Nobody => return self,
            Server::Registry(registry) => registry.host(),
            Server::Speaker(speaker) => speaker.address.to_string(),
        };
        self
    }

    fn asking_for(mut self, rest: &'static str) -> Self {
        self.rest = rest;
        self
    }

    fn with<S: AsRef<OsStr>>(mut self, options: impl IntoIterator<Item = S>) -> Self {
        self.options.extend(options.into_iter().map(|option| option.as_ref().to_owned()));
        self
    }

    /// Makes a row of everything that the text of its error says.
    fn says(mut self, code: i32, kind: &'static str, text: &'static str) -> Self {
        (self.code, self.kind, self.text) = (code, kind, text);
        self
    }

    pub(crate) fn reference(&self) -> String {
        format!("{}/{}", self.host, self.rest)
    }

    /// Adds the row's options to a command.
    pub(crate) fn options(&self, run: Run) -> Run {
        let patience = if self.options.iter().any(|option| option == "--retries") { &[][..] } else { &["--retries=0"] };
        run.args(patience).args(&self.options)
    }

    /// Says whether the server saw a text; `None` where there is nobody who could.
    pub(crate) fn saw(&self, text: &str) -> Option<bool> {
        match &self.server {
            Server::Registry(registry) if !registry.requests().is_empty() => Some(registry.saw_text(text)),
            _ => None,
        }
    }

    #[track_caller]
    fn check(&self) {
        let folder = folder();
        let run = self.options(pull(&self.reference(), folder.path()));
        let error = refused(run, self.code, self.kind, self.text);
        assert!(files(folder.path()).is_empty(), "{}: left behind {:?}", self.name, files(folder.path()));
        if !matches!(self.server, Server::Nobody) {
            assert!(error["reference"].as_str().is_some_and(|named| named.starts_with(&self.host)), "{error}");
        }
    }
}

/// Makes each row that involves a server.
pub(crate) fn rows() -> impl Iterator<Item = fn() -> Row> {
    network::ROWS.iter().chain(access::ROWS).copied()
}

/// An authority that lives as long as the tests, and the option that trusts it.
fn authority() -> (&'static Authority, [OsString; 2]) {
    static AUTHORITY: std::sync::LazyLock<Authority> = std::sync::LazyLock::new(Authority::new);
    (&AUTHORITY, ["--ca-file".into(), AUTHORITY.file().into()])
}

/// A server that takes what it is sent, says one thing, and hangs up.
struct Speaker {
    address: SocketAddr,
    listening: Option<thread::JoinHandle<()>>,
}

impl Speaker {
    fn start(says: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen on loopback");
        let address = listener.local_addr().expect("a listening socket has an address");
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("accept a connection");
                // An end without a word is the word to end.
                if stream.read(&mut [0; 4096]).unwrap_or(0) == 0 {
                    return;
                }
                // The client may have left already.
                drop(stream.write_all(says.as_bytes()).and_then(|()| stream.shutdown(Shutdown::Write)));
                drop(stream.read_to_end(&mut Vec::new()));
            }
        });
        Self { address, listening: Some(listening) }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            // A panic of that thread has been printed.
            drop(listening.join());
        }
    }
}

/// Writes a file into a folder, and gives its path.
fn file(folder: &tempfile::TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("write a file");
    path
}
