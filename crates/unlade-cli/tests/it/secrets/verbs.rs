//! Every verb, with every kind of login.

use rustix::process::Signal;
use serde_json::json;
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::{Document, Image};
use unlade_testkit::process::Run;
use unlade_testkit::{Access, Bearer, Client, LyingRegistry, LyingRegistryBuilder, Origin, layout};

use super::canary::{
    BARE_TOKEN, IDENTITY_TOKEN, PASSWORD, REGISTRY_TOKEN, SIGNATURE, Secrets, USER, Vault, at_each_verbosity,
};
use crate::common::{folder, unlade};
use crate::main_job::folders::artifact;

/// Small: all that is left behind is searched.
fn disk() -> Document {
    Image::titled("disk.raw", bytes(1, 3000))
}

fn registry(builder: LyingRegistryBuilder) -> LyingRegistry {
    let registry = builder.start();
    registry.publish("acme/disk", "v1", &disk());
    registry.publish("acme/disk", "two", &artifact(&[("a", b"a file"), ("b", b"another")]));
    registry
}

/// Runs every verb that reads, at each verbosity, with a login, and searches all that they say and leave.
#[track_caller]
fn every_verb(registry: &LyingRegistry, secrets: &Secrets, login: impl Fn(Run) -> Run) {
    let reference = registry.reference("acme/disk:v1");
    let several = registry.reference("acme/disk:two");
    let blob = registry.reference(&format!("acme/disk@{}", digest(disk().payload())));
    let repository = registry.reference("acme/disk");
    for words in [
        &["pull", &reference, "-o", "out.img"][..],
        &["pull", &reference, "-o", "out.img", "--json", "--progress=json"],
        &["pull", &reference, "-o", "-"],
        &["pull", &reference, "-o", "-", "--verify-first"],
        &["pull", &reference, "-o", "out.img", "--dry-run"],
        &["pull", &several, "-o", "out"],
        &["pull", &several, "-o", "out", "--json", "--progress=json"],
        &["pull", &reference, "-o", "ocidir://layout", "--referrers"],
        &["manifest", &reference],
        &["manifest", &reference, "--json"],
        &["digest", &reference],
        &["digest", &reference, "--json"],
        &["inspect", &reference],
        &["inspect", &reference, "--json"],
        &["pick", &reference, "--explain"],
        &["pick", &reference, "--json"],
        &["blob", &blob],
        &["blob", &blob, "--verify-first"],
        &["tags", &repository],
        &["tags", &repository, "--json"],
        &["referrers", &reference],
        &["referrers", &reference, "--json"],
    ] {
        at_each_verbosity(
            || login(unlade().args(words)),
            |run, outcome, verbosity| {
                let name = format!("{words:?} {verbosity}");
                assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stderr);
                secrets.assert_kept(outcome, &[run.home()], &name);
                assert!(
                    verbosity == "-v" || outcome.stderr.to_lowercase().contains("debug"),
                    "{name} says nothing that could tell"
                );
            },
        );
    }
}

#[test]
fn a_password_is_shown_to_the_registry_alone() {
    let vault = Vault::new();
    let registry = registry(LyingRegistry::builder().access(Access::basic(USER, PASSWORD)));
    let file = vault.auth_file(&registry.host(), &Vault::login());
    every_verb(&registry, &Secrets::all(), |run| run.arg("--authfile").arg(&file));
    assert!(registry.saw_text(&format!("{USER}:{PASSWORD}")));
}

#[test]
fn a_pull_secret_is_shown_to_the_registry_alone() {
    let registry = registry(LyingRegistry::builder().access(Access::basic(USER, PASSWORD)));
    every_verb(&registry, &Secrets::all(), |run| {
        run.args(["--pull-secret-file", "-"]).stdin(format!("{USER}:{PASSWORD}"))
    });
    assert!(registry.saw_text(&format!("{USER}:{PASSWORD}")));
}

#[test]
fn a_login_in_the_environment_is_shown_to_the_registry_alone() {
    let registry = registry(LyingRegistry::builder().access(Access::basic(USER, PASSWORD)));
    let text = json!({ "auths": { registry.host(): Vault::login() } }).to_string();
    every_verb(&registry, &Secrets::all(), |run| run.env("DOCKER_AUTH_CONFIG", &text));
    assert!(registry.saw_text(&format!("{USER}:{PASSWORD}")));
}

#[test]
fn a_token_and_a_signature_are_shown_where_they_belong() {
    let vault = Vault::new();
    let store = Origin::start();
    store.offer_blobs("acme/disk", &disk());
    store.offer_blobs("acme/disk", &artifact(&[("a", b"a file"), ("b", b"another")]));
    let rules = Bearer::user(USER, PASSWORD);
    let registry = registry(LyingRegistry::builder().access(Access::Bearer(rules)).blobs_at(&store.url("")));
    let file = vault.auth_file(&registry.host(), &Vault::login());
    every_verb(&registry, &Secrets::all(), |run| run.arg("--authfile").arg(&file));
    assert!(registry.saw_text(&format!("{USER}:{PASSWORD}")));
    assert!(registry.requests_for("*/blobs/*").iter().any(|request| request.holds_text("token-")));
    assert!(store.recorder().saw_text(SIGNATURE));
    assert!(!store.recorder().saw_text("token-") && !store.recorder().saw_text(PASSWORD));
}

#[test]
fn an_identity_token_is_shown_to_the_token_server_alone() {
    let vault = Vault::new();
    let rules = Bearer::user("nobody", "else").with_identity_token(IDENTITY_TOKEN);
    let registry = registry(LyingRegistry::builder().access(Access::Bearer(rules)));
    let file = vault.auth_file(&registry.host(), &json!({ "identitytoken": IDENTITY_TOKEN }));
    every_verb(&registry, &Secrets::all(), |run| run.arg("--authfile").arg(&file));
    assert!(registry.requests_for("/token").iter().all(|request| request.holds_text(IDENTITY_TOKEN)));
    assert!(registry.requests_for("/v2/*").iter().all(|request| !request.holds_text(IDENTITY_TOKEN)));
}

#[test]
fn a_registry_token_is_shown_to_the_registry_alone() {
    let vault = Vault::new();
    let registry = registry(LyingRegistry::builder());
    let file = vault.auth_file(&registry.host(), &json!({ "registrytoken": REGISTRY_TOKEN }));
    every_verb(&registry, &Secrets::all(), |run| run.arg("--authfile").arg(&file));
    assert!(registry.requests().iter().all(|request| request.holds_text(REGISTRY_TOKEN)));
}

#[test]
fn a_bare_token_is_shown_to_the_token_server_alone() {
    let registry = registry(LyingRegistry::builder().access(Access::Bearer(Bearer::user("", BARE_TOKEN))));
    every_verb(&registry, &Secrets::all(), |run| run.args(["--pull-secret-file", "-"]).stdin(BARE_TOKEN));
    assert!(registry.requests_for("/token").iter().all(|request| request.holds_text(BARE_TOKEN)));
    assert!(registry.requests_for("/v2/*").iter().all(|request| !request.holds_text(BARE_TOKEN)));
}

#[test]
fn a_clients_key_is_shown_to_nobody() {
    let vault = Vault::new();
    let identity = vault.authority.client("canary");
    let tls = vault.authority.requiring_clients(&vault.authority.server());
    let registry = registry(LyingRegistry::builder().tls(tls));
    let secrets = Secrets::all().with_key(&identity.key);
    every_verb(&registry, &secrets, |run| {
        let run = run.arg("--ca-file").arg(vault.authority.file());
        run.arg("--cert-file").arg(&identity.certificate).arg("--key-file").arg(&identity.key)
    });
    assert!(registry.requests().iter().all(|request| request.client_certificates == 1));
}

#[test]
fn what_clients_send_to_a_served_layout_is_not_told() {
    let layouts = folder();
    layout::write(&layouts.path().join("disk"), &[("v1", &disk())]);
    let vault = Vault::new();
    let file = vault.auth_file("registry.example", &Vault::login());
    for verbosity in ["-v", "-vv"] {
        let run = unlade().arg("serve").arg(layouts.path()).args(["--listen=127.0.0.1:0", verbosity]);
        let run = run.arg("--authfile").arg(&file);
        let running = run.start();
        let line = running.stdout_line("listening on ");
        let address = line.trim_end().strip_prefix("listening on http://").unwrap().parse().unwrap();
        let client = Client::new(address)
            .basic(USER, PASSWORD)
            .header("Cookie", REGISTRY_TOKEN)
            .header("Range", &format!("bytes={BARE_TOKEN}"));
        let query = format!("X-Signature={SIGNATURE}&token={IDENTITY_TOKEN}");
        assert_eq!(client.get(&format!("/v2/disk/manifests/v1?{query}")).unwrap().status, 200);
        assert_eq!(client.get(&format!("/v2/disk/manifests/{SIGNATURE}?{query}")).unwrap().status, 404);
        assert!(client.get(&format!("/v2/{BARE_TOKEN}/tags/list?n={SIGNATURE}&{query}")).unwrap().status >= 400);
        assert!(client.get(&format!("/{REGISTRY_TOKEN}?{query}")).unwrap().status >= 400);
        running.signal(Signal::TERM);
        let outcome = running.finish();
        outcome.assert_code(0);
        Secrets::all().assert_kept(&outcome, &[run.home(), layouts.path()], &format!("serve {verbosity}"));
    }
}

#[test]
fn no_option_takes_a_secret() {
    // What stands on a command line, every user of the machine can read: options name files.
    for verb in ["pull", "pick", "inspect", "manifest", "digest", "blob", "tags", "referrers", "serve"] {
        let text = unlade().args([verb, "--help"]).run().assert_code(0).stdout_text();
        for option in ["--password ", "--token ", "--username ", "--header "] {
            assert!(!text.contains(option), "{verb} {option}");
        }
    }
}
