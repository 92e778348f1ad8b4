//! `unlade serve` over TLS to one user alone, read by each peer with that user's password and without.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use unlade_testkit::document::Image;
use unlade_testkit::layout;
use unlade_testkit::process::Run;
use unlade_testkit::real::{Peers, htpasswd, or_not_run};
use unlade_testkit::tls::Authority;

use crate::common::{folder, unlade};
use crate::real::{here, write};

const USER: &str = "tester";

/// How each peer asks for a manifest with a password.
fn questions(peers: &Peers, reference: &str, password: &str) -> [Run; 4] {
    let (host, _) = reference.split_once('/').expect("a reference has a host");
    let login = format!("{USER}:{password}");
    let crane = peers.crane.run().args(["manifest", reference]);
    let config = json!({ "auths": { host: { "auth": STANDARD.encode(&login) } } });
    fs::create_dir(crane.home().join(".docker")).expect("make a folder for crane's configuration");
    fs::write(crane.home().join(".docker/config.json"), config.to_string()).expect("write crane's configuration");
    [
        crane,
        peers.oras.run().args(["manifest", "fetch", "--username", USER, "--password", password, reference]),
        peers.regctl.run().args([
            &format!("--host=reg={host},tls=enabled,user={USER},pass={password}"),
            "manifest",
            "get",
            "--format=raw-body",
            reference,
        ]),
        peers.skopeo.run().args(["inspect", "--raw", "--creds", &login, &format!("docker://{reference}")]),
    ]
}

#[test]
fn peers_read_what_is_served_to_one_user_over_tls() {
    let Some(peers) = or_not_run(Peers::installed()) else { return };
    let (layouts, keys) = (folder(), folder());
    let document = Image::titled("disk.img", "behind a lock");
    layout::write(&layouts.path().join("site/disk"), &[("v1", &document)]);
    let authority = Authority::new();
    let identity = authority.server();
    let users = write(&keys, "users", here(htpasswd(USER, "right")));
    let run = unlade().arg("serve").arg(layouts.path()).args(["--listen", "127.0.0.1:0", "--htpasswd", &users]);
    let serving = run.arg("--tls-cert").arg(&identity.certificate).arg("--tls-key").arg(&identity.key).start();
    let line = serving.stdout_line("listening on");
    let host = line.trim_end().strip_prefix("listening on https://").expect("it says that it speaks TLS");
    let reference = format!("{host}/site/disk:v1");
    // All four are in Go, which takes its authorities from here.
    for run in questions(&peers, &reference, "right").map(|run| run.env("SSL_CERT_FILE", authority.file())) {
        let outcome = run.run();
        outcome.assert_code(0);
        assert_eq!(outcome.stdout, document.bytes);
    }
    for run in questions(&peers, &reference, "wrong").map(|run| run.env("SSL_CERT_FILE", authority.file())) {
        let outcome = run.run();
        assert!(outcome.code != Some(0) && outcome.stdout.is_empty(), "{outcome:?}");
    }
    // Without the authority nobody speaks to it.
    for run in questions(&peers, &reference, "right") {
        assert_ne!(run.run().code, Some(0));
    }
}
