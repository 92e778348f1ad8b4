//! Auth files and password stores that unlade and the programs that people have write and read in turn.

use serde_json::{Value, json};
use unlade_testkit::document::Image;
use unlade_testkit::process::Run;
use unlade_testkit::real::{DockerRegistry, PassStore, Peers, TokenServer, http_push, or_not_run};

use super::{assert_pulls, assert_pulls_with, here, ipxe, write};
use crate::common::{folder, unlade};

const USER: &str = "tester";
const PASSWORD: &str = "corréct:horse battery";

fn login(place: &str) -> Run {
    unlade().args(["login", place, "--username", USER, "--password-stdin"]).stdin(PASSWORD)
}

/// Registries of both kinds, each with `site/disk:v1`.
fn registries() -> [(DockerRegistry, Option<TokenServer>); 2] {
    let tokens = TokenServer::user(USER, PASSWORD, "identity");
    let (basic, bearer) = (here(DockerRegistry::htpasswd(USER, PASSWORD)), here(DockerRegistry::token(&tokens)));
    let disk = Image::titled("disk.img", ipxe());
    http_push(&basic.client().basic(USER, PASSWORD), "site/disk", "v1", &disk);
    let token = format!("Bearer {}", tokens.push_token("site/disk"));
    http_push(&bearer.client().header("Authorization", &token), "site/disk", "v1", &disk);
    [(basic, None), (bearer, Some(tokens))]
}

#[test]
fn what_skopeo_and_oras_keep_is_read() {
    let Some(peers) = or_not_run(Peers::installed()) else { return };
    for (registry, _tokens) in registries() {
        let (host, keys) = (registry.host(), folder());
        for (peer, words) in [
            (&peers.skopeo, ["login", "--tls-verify=false", "--authfile"]),
            (&peers.oras, ["login", "--plain-http", "--registry-config"]),
        ] {
            let file = keys.path().join(format!("{peer}.json")).display().to_string();
            let run = peer.run().args(words).args([&file, "--username", USER, "--password-stdin", &host]);
            run.stdin(PASSWORD).run().assert_code(0);
            assert_pulls(&format!("{host}/site/disk:v1"), &["--authfile", &file], &ipxe());
            unlade().args(["logout", &host, "--authfile", &file]).run().assert_code(0);
            let left: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            assert_eq!(left, json!({ "auths": {} }), "{peer}");
        }
    }
}

#[test]
fn what_is_kept_is_read_by_all_of_them() {
    let Some(peers) = or_not_run(Peers::installed()) else { return };
    for (registry, tokens) in registries() {
        let (host, keys) = (registry.host(), folder());
        let file = write(&keys, "config.json", "{}");
        let reference = format!("{host}/site/disk:v1");
        let tls = format!("--host=reg={host},tls=disabled");
        let docker = format!("docker://{reference}");
        let reads: [(_, Vec<&str>); 4] = [
            (&peers.skopeo, vec!["inspect", "--raw", "--tls-verify=false", "--authfile", &file, &docker]),
            (&peers.oras, vec!["manifest", "fetch", "--plain-http", "--registry-config", &file, &reference]),
            (&peers.regctl, vec![&tls, "manifest", "get", "--format", "raw-body", &reference]),
            (&peers.crane, vec!["manifest", &reference]),
        ];
        let read = |expected: bool| {
            // crane asks no token server on loopback.
            for (peer, words) in reads.iter().take(if tokens.is_some() { 3 } else { 4 }) {
                let outcome = peer.run().args(words).env("DOCKER_CONFIG", keys.path()).run();
                assert_eq!(outcome.code == Some(0), expected, "{peer}: {}", outcome.stderr);
            }
        };
        read(false);
        login(&host).args(["--authfile", &file]).run().assert_code(0);
        read(true);
        // One that another program forgets is forgotten.
        peers.skopeo.run().args(["logout", "--authfile", &file, &host]).run().assert_code(0);
        read(false);
    }
}

#[test]
fn a_password_store_keeps_the_login_by_dockers_own_helper() {
    let (pass, keys) = (here(PassStore::new()), folder());
    let [(registry, _), _] = registries();
    let host = registry.host();
    let file = write(&keys, "config.json", json!({ "credsStore": "pass" }).to_string());
    let with = |run: Run| pass.within(run).args(["--authfile", &file]);
    let outcome = with(login(&host)).run();
    outcome.assert_code(0);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("auths"), "the file was left alone");
    let kept: Value = serde_json::from_str(&pass.ask("get", &host)).unwrap();
    assert_eq!((&kept["Username"], &kept["Secret"]), (&json!(USER), &json!(PASSWORD)));
    assert_pulls_with(with, &format!("{host}/site/disk:v1"), &ipxe());
    with(unlade().args(["logout", &host])).run().assert_code(0);
    assert_eq!(pass.ask("list", "").trim(), "{}");
}
