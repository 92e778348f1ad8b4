//! Logins in a real password store, by docker's own helper.

use serde_json::json;
use unlade_testkit::document::Image;
use unlade_testkit::process::Run;
use unlade_testkit::real::{DockerRegistry, PassStore, TokenServer, http_push};

use super::{assert_pulls_with, here, ipxe, write};
use crate::common::{error, folder, pull};

const USER: &str = "tester";
const PASSWORD: &str = "corréct:horse battery\"";
const IDENTITY: &str = "identity-canary";

fn store(pass: &PassStore, host: &str, user: &str, secret: &str) {
    pass.ask("store", &json!({ "ServerURL": host, "Username": user, "Secret": secret }).to_string());
}

#[test]
fn a_login_in_pass_opens_a_registry_by_either_key() {
    let (pass, keys) = (here(PassStore::new()), folder());
    let registry = here(DockerRegistry::htpasswd(USER, PASSWORD));
    let host = registry.host();
    http_push(&registry.client().basic(USER, PASSWORD), "site/disk", "v1", &Image::titled("disk.img", ipxe()));
    let reference = format!("{host}/site/disk:v1");
    for (key, file) in [
        ("credsStore".to_owned(), json!({ "credsStore": "pass", "auths": { &host: {} } })),
        (format!("credHelpers[{host}]"), json!({ "credHelpers": { &host: "pass" }, "credsStore": "missing" })),
    ] {
        let file = write(&keys, "auth.json", file.to_string());
        let with = |run: Run| pass.within(run).arg("-v").env("REGISTRY_AUTH_FILE", &file);
        // It knows of no login yet: it says so with an empty one.
        let folder = folder();
        let outcome = with(pull(&reference, folder.path())).arg("--json").run();
        outcome.assert_code(4);
        assert_eq!(error(&outcome)["causes"][0], "a login is wanted, and none is known", "{}", outcome.stderr);
        store(&pass, &host, USER, PASSWORD);
        let outcome = assert_pulls_with(with, &reference, &ipxe());
        let told = format!("comes from docker-credential-pass for {host}, which {key} of {file} names");
        assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("warning") && !outcome.stderr.contains("corr"), "{}", outcome.stderr);
        pass.ask("erase", &host);
    }
}

#[test]
fn an_identity_token_in_pass_is_exchanged() {
    let (pass, keys, tokens) = (here(PassStore::new()), folder(), TokenServer::user(USER, PASSWORD, IDENTITY));
    let registry = here(DockerRegistry::token(&tokens));
    let bearer = format!("Bearer {}", tokens.push_token("site/disk"));
    let client = registry.client().header("Authorization", &bearer);
    http_push(&client, "site/disk", "v1", &Image::titled("disk.img", ipxe()));
    store(&pass, &registry.host(), "<token>", IDENTITY);
    let file = write(&keys, "config.json", json!({ "credsStore": "pass" }).to_string());
    let reference = format!("{}/site/disk:v1", registry.host());
    assert_pulls_with(|run| pass.within(run).args(["--authfile", &file]), &reference, &ipxe());
    assert_eq!(tokens.recorder().requests()[0].method, "POST");
}
