//! Signals: what they stop, how soon, and what is left then.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::Image;
use unlade_testkit::layout;
use unlade_testkit::process::{Run, Running, files};

use super::registry;
use crate::common::{folder, unlade};

const UNLADE: &str = env!("CARGO_BIN_EXE_unlade");

/// The command, after a shell has prepared the process that becomes it.
fn after(preparation: &str) -> Run {
    Run::new("/bin/sh").args(["-c", &format!("{preparation}; exec \"$0\" \"$@\""), UNLADE])
}

/// A server of one blob that is too large for the buffers between two sockets.
struct Server {
    running: Running,
    address: String,
    blob: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(run: Run) -> Self {
        let (folder, blob) = (folder(), bytes(3, 32 << 20));
        layout::write(&folder.path().join("disk"), &[("v1", &Image::titled("disk.img", blob.clone()))]);
        let running = run.args(["serve", "--listen", "127.0.0.1:0"]).arg(folder.path()).start();
        let line = running.stdout_line("listening on");
        let address = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
        Self { running, address, blob, _folder: folder }
    }

    /// Asks for the blob, and reads the first bytes of the answer.
    fn begin(&self) -> (TcpStream, Vec<u8>) {
        let mut client = TcpStream::connect(&self.address).expect("reach the server");
        let request = format!(
            "GET /v2/disk/blobs/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            digest(&self.blob),
            self.address
        );
        client.write_all(request.as_bytes()).expect("ask for the blob");
        let mut first = vec![0; 1000];
        client.read_exact(&mut first).expect("read the first bytes");
        (client, first)
    }
}

#[test]
fn a_server_ends_once_its_answers_are_given() {
    let server = Server::start(unlade());
    let (mut client, mut answer) = server.begin();
    server.running.signal(Signal::INT);
    server.running.stderr_line("answers are under way; a second signal stops at once");
    client.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(&server.blob), "the answer was cut after {} bytes", answer.len());
    let outcome = server.running.finish();
    outcome.assert_code(0);
    assert!(outcome.stderr.ends_with("stopped on request\n"), "{}", outcome.stderr);
}

#[test]
fn a_server_ends_at_once_if_told_so() {
    let server = Server::start(unlade());
    let unread = server.begin();
    server.running.signal(Signal::TERM);
    server.running.stderr_line("a second signal stops at once");
    server.running.signal(Signal::TERM);
    server.running.finish().assert_code(130);
    drop(unread);
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    for (name, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        let server = Server::start(after(&format!("trap '' {name}")));
        server.running.signal(signal);
        let reference = format!("{}/disk:v1", server.address);
        unlade().args(["digest", &reference, "--retries", "0"]).run().assert_code(0);
        server.running.signal(Signal::TERM);
        server.running.finish().assert_code(0);
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_a_lack_of_room() {
    let (registry, folder) = (registry(), folder());
    let run = after("ulimit -f 100").args(["pull", &registry.reference("a/disk:v1"), "--json", "-o"]);
    let outcome = run.arg(folder.path().join("out.img")).run();
    outcome.assert_code(7);
    assert_eq!(crate::common::error(&outcome)["kind"], "NoSpace");
    assert!(files(folder.path()).is_empty());

    let script = "ulimit -f 100; exec \"$0\" blob \"$1\" > \"$2\"";
    let reference = registry.reference(&format!("a/disk@{}", super::digest()));
    let run = Run::new("/bin/sh").args(["-c", script, UNLADE, &reference]).arg(folder.path().join("blob"));
    run.run().assert_code(7);
}

#[test]
fn a_reader_that_does_not_read_cannot_make_us_deaf() {
    let folder = folder();
    let large = Image::new().annotate("of", &"x".repeat(1 << 20)).build();
    layout::write(&folder.path().join("disk"), &[("v1", &large)]);
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let script = "exec \"$0\" manifest --json \"$1\" > \"$2\"";
    let reference = format!("ocidir://{}:v1", folder.path().join("disk").display());
    let running = Run::new("/bin/sh").args(["-c", script, UNLADE, &reference]).arg(&pipe).start();
    let mut reader = File::open(&pipe).unwrap();
    reader.read_exact(&mut [0]).unwrap();
    running.signal(Signal::TERM);
    running.stderr_line("a second signal stops at once");
    running.signal(Signal::TERM);
    running.finish().assert_code(130);
}
