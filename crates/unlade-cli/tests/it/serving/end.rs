//! How a server ends: when it is asked to, whatever it is stuck in, and with the last lines of its log.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use unlade_testkit::content::digest;
use unlade_testkit::process::{Run, Running};

use super::{Served, Site, heeds_term};
use crate::common::{document, unlade};

/// Waits until nobody listens any more: the first request to stop was heard.
fn wait_for_closed_doors(address: SocketAddr) {
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
}

fn half_heard(run: &Run) -> (Running, SocketAddr) {
    let running = run.start_half_heard();
    let line = running.stdout_line("listening on ");
    let address = line.trim_end().rsplit_once('/').expect("a URL").1.parse().expect("an address and a port");
    (running, address)
}

#[test]
fn a_stderr_that_nobody_reads_holds_up_neither_answers_nor_the_end() {
    let site = Site::new();
    for (options, signals, code) in [
        (&["--access-log", "-", "-vv"][..], 2, 130),
        (&["-vv"], 1, 0),
        (&["--access-log", "-", "--progress=json"], 2, 130),
    ] {
        let (running, address) = half_heard(&site.run().args(options));
        // Each is two lines of the log, and one of `-vv`: enough for any pipe and queue.
        let requests = format!("GET /v2/{} HTTP/1.1\r\nHost: r\r\n\r\nGARBAGE\r\n\r\n", "x".repeat(500));
        for _ in 0..2500 {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            stream.write_all(requests.as_bytes()).unwrap();
            let mut answers = Vec::new();
            stream.read_to_end(&mut answers).unwrap();
            assert!(answers.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answers));
        }
        for number in 1..=signals {
            running.signal(Signal::TERM);
            if number == 1 {
                wait_for_closed_doors(address);
            }
        }
        running.finish().assert_code(code);
    }
}

#[test]
fn what_a_second_request_to_stop_cuts_off_has_its_line_in_the_log() {
    let site = Site::new();
    let name = digest(b"large");
    let hex = name.strip_prefix("sha256:").unwrap();
    let file = File::create(site.path("layouts/disk/blobs/sha256").join(hex)).unwrap();
    file.set_len(4 << 30).unwrap();
    let served = Served::start(&site.run().arg("--access-log").arg(site.path("log")));
    let path = format!("/v2/disk/blobs/{name}");
    let mut stalled = TcpStream::connect(served.host()).unwrap();
    write!(stalled, "GET {path} HTTP/1.1\r\nHost: r\r\n\r\n").unwrap();
    stalled.read_exact(&mut [0; 1000]).unwrap();
    served.running.signal(Signal::TERM);
    served.running.stderr_line("waiting: answers are under way; a second signal stops at once");
    served.running.signal(Signal::TERM);
    let outcome = served.running.finish();
    outcome.assert_code(130);
    assert!(outcome.stderr.ends_with("error: stopped at once on the second request\n"), "{}", outcome.stderr);
    let lines = site.log();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(json!([lines[0]["path"], lines[0]["status"], lines[0]["complete"]]), json!([path, 200, false]));
    assert!(lines[0]["bytes"].as_u64() < Some(4 << 30));
}

fn pipe(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, 0o600.into()).expect("make a pipe");
}

#[test]
fn a_file_that_never_comes_does_not_hold_up_the_end() {
    let site = Site::new();
    pipe(&site.path("pipe"));
    let key = site.identity.key.as_os_str().to_owned();
    let fifo = site.path("pipe").into_os_string();
    for words in [
        vec!["--htpasswd".into(), fifo.clone()],
        vec!["--tls-cert".into(), fifo.clone(), "--tls-key".into(), key],
        vec!["--access-log".into(), fifo],
    ] {
        let running = site.run().args(&words).start();
        while !heeds_term(running.id()) {
            std::thread::yield_now();
        }
        running.signal(Signal::INT);
        let outcome = running.finish();
        outcome.assert_code(130);
        assert!(outcome.stdout.is_empty(), "{words:?}: {outcome:?}");
    }
}

#[test]
fn stdin_is_no_file_of_a_server() {
    let site = Site::new();
    let (certificate, key) = (&site.identity.certificate, &site.identity.key);
    for (option, run) in [
        ("--htpasswd", site.run().args(["--htpasswd", "-"])),
        ("--tls-cert", site.run().args(["--tls-cert", "-", "--tls-key"]).arg(key)),
        ("--tls-key", site.run().args(["--tls-key", "-", "--tls-cert"]).arg(certificate)),
    ] {
        let outcome = run.arg("--json").run();
        outcome.assert_code(2);
        let expected = format!("{option} takes a file, and does not read stdin");
        assert_eq!(document(&outcome)["error"]["message"], expected);
    }
}

#[test]
fn options_of_clients_do_nothing_here() {
    let site = Site::new();
    fs::write(site.path("bad"), "no certificate").unwrap();
    let run = unlade().arg("serve").arg(site.path("layouts")).args(["--listen", "127.0.0.1:0"]);
    let run = run.env("UNLADE_CA_FILE", site.path("bad")).env("UNLADE_PULL_SECRET_FILE", site.path("missing"));
    let served =
        Served::start(&run.env("UNLADE_CERT_FILE", site.path("missing")).env("UNLADE_AUTHFILE", site.path("bad")));
    assert_eq!(served.client().get("/v2/").unwrap().status, 200);
    served.end();
}
