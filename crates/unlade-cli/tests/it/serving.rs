//! `unlade serve` on a network: TLS, logins, the access log, and what it says when they cannot be used.

mod end;

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use unlade_testkit::content::digest;
use unlade_testkit::process::{Outcome, Run, Running};
use unlade_testkit::tls::{Authority, Identity};
use unlade_testkit::{Client, layout};

use crate::common::{disk, document, folder, pull, refused, unlade};

const PASSWORD: &str = "a pass:word";
/// What `htpasswd -Bbn -C 4 alice 'a pass:word'` prints.
const USERS: &str = "alice:$2y$04$ouWQ/ps4IgmdRvROypge7Ocq99f6psUct4Pyv1T7Gi6TQkVR97luW\n";

/// A layout, and all that serving it takes.
struct Site {
    folder: TempDir,
    authority: Authority,
    identity: Identity,
}

/// A command that serves.
struct Served {
    running: Running,
    url: String,
}

impl Site {
    fn new() -> Self {
        let (folder, authority) = (folder(), Authority::new());
        layout::write(&folder.path().join("layouts/disk"), &[("v1", &disk())]);
        fs::write(folder.path().join("users"), USERS).expect("write the users");
        fs::write(folder.path().join("secret"), format!("alice:{PASSWORD}")).expect("write a login");
        let identity = authority.server();
        Self { folder, authority, identity }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self) -> Run {
        unlade().arg("serve").arg(self.path("layouts")).args(["--listen", "127.0.0.1:0"])
    }

    fn with_tls(&self, run: Run) -> Run {
        run.arg("--tls-cert").arg(&self.identity.certificate).arg("--tls-key").arg(&self.identity.key)
    }

    fn with_logins(&self, run: Run) -> Run {
        run.arg("--htpasswd").arg(self.path("users"))
    }

    fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("log")).expect("read the log");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is a document")).collect()
    }
}

impl Served {
    #[track_caller]
    fn start(run: &Run) -> Self {
        let running = run.start();
        let line = running.stdout_line("listening on ");
        let url = line.trim_end().strip_prefix("listening on ").expect("the line names the URL").to_owned();
        Self { running, url }
    }

    fn host(&self) -> &str {
        self.url.split_once("://").expect("a URL").1
    }

    fn client(&self) -> Client {
        Client::new(self.host().parse().expect("an address and a port"))
    }

    #[track_caller]
    fn end(self) -> Outcome {
        self.running.signal(Signal::TERM);
        let outcome = self.running.finish();
        outcome.assert_code(0);
        outcome
    }
}

#[test]
fn unlade_pulls_over_tls_with_a_login() {
    let site = Site::new();
    let run = site.with_logins(site.with_tls(site.run())).arg("--access-log").arg(site.path("log")).arg("-vv");
    let served = Served::start(&run);
    assert!(served.url.starts_with("https://127.0.0.1:"), "{}", served.url);
    let (reference, target) = (format!("{}/disk:v1", served.host()), folder());
    let pull = || pull(&reference, target.path()).arg("--ca-file").arg(site.authority.file());
    pull().run().assert_code(4);
    let wrong = pull().args(["--pull-secret-file", "-"]).stdin("alice:another").run();
    wrong.assert_code(4);
    pull().arg("--pull-secret-file").arg(site.path("secret")).run().assert_code(0);
    assert!(fs::read(target.path().join("out.img")).unwrap() == *disk().payload());
    // Who asks in plain HTTP is told so, and how it is done right.
    let plain = unlade().args(["digest", &reference]).run();
    plain.assert_code(1);
    assert!(plain.stderr.contains("\nhint: if this server speaks TLS, say so with --plain-http=false\n"), "{plain:?}");
    let url = served.url.clone();
    let outcome = served.end();
    assert_eq!(outcome.stdout_text(), format!("listening on {url}\n"));
    for secret in [PASSWORD, "another", "YWxpY2U6", USERS.trim_start_matches("alice:").trim_end()] {
        let log = fs::read_to_string(site.path("log")).unwrap();
        assert!(!log.contains(secret) && !outcome.stderr.contains(secret), "{secret}: {log}{}", outcome.stderr);
    }
    let blob = format!("/v2/disk/blobs/{}", digest(disk().payload()));
    let last: Vec<Value> = site.log().into_iter().filter(|line| line["user"] == "alice").collect();
    let told = |line: &Value| json!([line["path"], line["status"], line["bytes"], line["complete"]]);
    assert_eq!(last.last().map(told), Some(json!([blob, 200, disk().payload().len(), true])));
    assert_eq!(site.log()[0]["user"], Value::Null);
}

#[test]
fn the_document_names_the_url_of_tls() {
    let site = Site::new();
    let running = site.with_tls(site.run()).arg("--json").start();
    running.stdout_line("https://");
    running.signal(Signal::TERM);
    let outcome = running.finish();
    outcome.assert_code(0);
    let url = document(&outcome)["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
}

#[test]
fn nobody_is_answered_without_a_login() {
    let site = Site::new();
    let served = Served::start(&site.with_logins(site.run()));
    for (method, target) in [("GET", "/v2/"), ("HEAD", "/v2/disk/manifests/v1"), ("GET", "/"), ("POST", "/v2/x")] {
        let answer = served.client().send(method, target, b"").unwrap();
        assert_eq!(answer.status, 401, "{method} {target}");
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"unlade\", charset=\"UTF-8\""));
        assert_eq!(answer.body.is_empty(), method == "HEAD");
        assert!(served.client().basic("alice", "wrong").send(method, target, b"").unwrap().status == 401);
        assert!(served.client().basic("alice", PASSWORD).send(method, target, b"").unwrap().status != 401);
    }
    served.end();
}

#[test]
fn the_access_log_may_be_stderr_and_goes_beside_what_else_is_said() {
    let site = Site::new();
    let served = Served::start(&site.run().args(["--access-log", "-", "--quiet"]));
    served.client().get("/v2/disk/tags/list?n=1").unwrap();
    served.client().get("/v2/%1b%5b31m").unwrap();
    let outcome = served.end();
    let lines: Vec<Value> = outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<Value> = lines.iter().map(|line| json!([line["method"], line["path"], line["status"]])).collect();
    assert_eq!(told, [json!(["GET", "/v2/disk/tags/list", 200]), json!(["GET", "/v2/%1b%5b31m", 404])]);
}

#[test]
fn a_log_is_appended_to_and_one_that_cannot_be_written_ends_it_before_it_listens() {
    let site = Site::new();
    for _ in 0..2 {
        let served = Served::start(&site.run().arg("--access-log").arg(site.path("log")));
        served.client().get("/v2/").unwrap();
        served.end();
    }
    assert_eq!(site.log().len(), 2);
    let run = site.run().arg("--access-log").arg(site.path("nowhere/log"));
    let text =
        "error: cannot write the access log DIR/nowhere/log\n  caused by: No such file or directory (os error 2)\n";
    refused(run, 7, "Io", text);
    // A disk that is full later on is told of, and holds up nobody.
    let served = Served::start(&site.run().args(["--access-log", "/dev/full"]));
    served.client().get("/v2/").unwrap();
    let told = "warning: the access log cannot be written: No space left on device (os error 28)\n";
    served.running.stderr_line(told.trim_end());
    assert_eq!(served.client().get("/v2/").unwrap().status, 200);
    let lost = "warning: the access log ends without its last lines\n";
    assert_eq!(served.end().stderr, format!("{told}{lost}stopped on request\n"));
}

/// Says whether a process has taken the signal over from the system.
fn heeds_term(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a line of signals");
    u64::from_str_radix(caught.trim(), 16).expect("a mask") & (1 << (Signal::TERM.as_raw() - 1)) != 0
}

#[test]
fn certificate_and_key_belong_together_and_must_be_usable() {
    let site = Site::new();
    let (certificate, key) = (&site.identity.certificate, &site.identity.key);
    let other = site.authority.server().key;
    let (missing, text) = (site.path("missing"), site.path("users"));
    let option = |name: &str, path: &Path| [name.into(), path.as_os_str().to_owned()];
    for (words, expected) in [
        (option("--tls-cert", certificate).to_vec(), "--tls-cert needs --tls-key, too".to_owned()),
        (option("--tls-key", key).to_vec(), "--tls-key needs --tls-cert, too".to_owned()),
        (
            [option("--tls-cert", &missing), option("--tls-key", key)].concat(),
            format!("cannot read {}", missing.display()),
        ),
        (
            [option("--tls-cert", certificate), option("--tls-key", &missing)].concat(),
            format!("cannot read {}", missing.display()),
        ),
        (
            [option("--tls-cert", &text), option("--tls-key", key)].concat(),
            format!("{} holds no certificate in PEM", text.display()),
        ),
        (
            [option("--tls-cert", certificate), option("--tls-key", &text)].concat(),
            format!("{} holds no private key in PEM", text.display()),
        ),
        (
            [option("--tls-cert", certificate), option("--tls-key", &other)].concat(),
            format!("the key in {} does not fit the certificate in {}", other.display(), certificate.display()),
        ),
    ] {
        let outcome = site.run().args(&words).arg("--json").run();
        outcome.assert_code(2);
        let error = &document(&outcome)["error"];
        assert_eq!((&error["kind"], &error["message"]), (&json!("InvalidInput"), &json!(expected)), "{words:?}");
    }
}

#[test]
fn users_that_cannot_be_used_are_told_by_line_and_without_their_hashes() {
    let site = Site::new();
    let name = site.path("users").display().to_string();
    for (text, expected) in [
        (
            format!("# all\n{USERS}bob:$apr1$xyz$hashhashhash\n"),
            ":3: this password is stored as MD5, and only bcrypt is taken: htpasswd -B makes it",
        ),
        (
            "bob:plain\n".to_owned(),
            ":1: this password is stored as plain text, and only bcrypt is taken: htpasswd -B makes it",
        ),
        (format!("{USERS}{USERS}"), ":2: this user is in the file before"),
        (String::new(), " holds no user, so nobody could log in: htpasswd -B adds one"),
    ] {
        fs::write(site.path("users"), text).unwrap();
        let outcome = site.with_logins(site.run()).arg("--json").run();
        outcome.assert_code(2);
        let error = &document(&outcome)["error"];
        assert_eq!((&error["kind"], &error["message"]), (&json!("InvalidInput"), &json!(format!("{name}{expected}"))));
        assert!(!outcome.stderr.contains("hashhash") && !outcome.stderr.contains("plain\n"), "{}", outcome.stderr);
    }
    fs::remove_file(site.path("users")).unwrap();
    site.with_logins(site.run()).run().assert_code(2);
}

#[test]
fn whoever_listens_beyond_loopback_is_told_what_is_open() {
    let site = Site::new();
    let open = |run: Run| {
        let served = Served::start(&run.env("UNLADE_LISTEN", "0.0.0.0:0"));
        served.end().stderr.replace("stopped on request\n", "")
    };
    let run = || unlade().arg("serve").arg(site.path("layouts"));
    let warning = |what: &str| format!("warning: 0.0.0.0:0 is not loopback, and {what}\n");
    assert_eq!(
        open(run()),
        warning(
            "anybody who reaches it may read everything, and nothing is encrypted: see --htpasswd, --tls-cert and --tls-key"
        )
    );
    assert_eq!(
        open(site.with_tls(run())),
        warning("anybody who reaches it may read everything: --htpasswd FILE asks for a login")
    );
    assert_eq!(
        open(site.with_logins(run())),
        warning("passwords cross the network in clear: --tls-cert FILE and --tls-key FILE encrypt them")
    );
    assert_eq!(open(site.with_logins(site.with_tls(run()))), "");
    assert_eq!(open(run().arg("--quiet")), "");
}

#[test]
fn the_operator_is_told_what_cannot_be_served() {
    let site = Site::new();
    layout::write(&site.path("layouts/My-Disk"), &[("v1", &disk())]);
    let served = Served::start(&site.run());
    layout::write_long_ago(&site.path("layouts/disk/index.json"), "{");
    assert_eq!(served.client().get("/v2/disk/tags/list").unwrap().status, 500);
    let stderr = served.end().stderr;
    let lines: Vec<_> = stderr.lines().collect();
    let unfit = format!("the folder {} has a name that no repository can have", site.path("layouts/My-Disk").display());
    assert!(lines[0].starts_with(&format!("warning: {unfit}")), "{stderr}");
    let broken = site.path("layouts/disk").display().to_string();
    assert!(lines[1].starts_with("warning: a request cannot be answered: ") && lines[1].contains(&broken), "{stderr}");
    assert_eq!(lines[2..], ["stopped on request"]);
}

#[test]
fn it_listens_on_ipv6_too() {
    let site = Site::new();
    let served = Served::start(&unlade().arg("serve").arg(site.path("layouts")).args(["--listen", "[::1]:0"]));
    assert!(served.url.starts_with("http://[::1]:"), "{}", served.url);
    let target = folder();
    pull(&format!("{}/disk:v1", served.host()), target.path()).run().assert_code(0);
    assert!(fs::read(target.path().join("out.img")).unwrap() == *disk().payload());
    assert_eq!(served.end().stderr, "stopped on request\n");
}
