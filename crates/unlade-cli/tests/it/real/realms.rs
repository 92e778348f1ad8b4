//! Token servers that a registry names: who is shown the login.

use serde_json::{Value, json};
use tempfile::TempDir;
use unlade_testkit::document::Image;
use unlade_testkit::real::{DockerRegistry, Nginx, NginxBuilder, TokenServer, http_push};
use unlade_testkit::tls::Authority;

use super::{assert_pulls, assert_refuses, here, ipxe, write};
use crate::common::folder;

const USER: &str = "tester";
const PASSWORD: &str = "correct-horse";
const IDENTITY: &str = "identity-canary";

/// A registry behind TLS that sends clients to a token server behind TLS.
struct Site {
    tokens: TokenServer,
    registry: Nginx,
    // Before it, the registry itself; what hands tokens on; the authority of both certificates; the logins.
    _registry: DockerRegistry,
    realm: Nginx,
    authority: Authority,
    keys: TempDir,
}

impl Site {
    /// Starts all, with the realm called by a name of loopback.
    fn start(realm_host: &str) -> Self {
        Self::with(realm_host, |realm| realm)
    }

    fn with(realm_host: &str, change: impl FnOnce(NginxBuilder) -> NginxBuilder) -> Self {
        let (tokens, authority) = (TokenServer::user(USER, PASSWORD, IDENTITY), Authority::new());
        let realm = here(change(Nginx::before(tokens.address()).tls(&authority.server())).start());
        let url = realm.url("/token").replace("127.0.0.1", realm_host);
        let inner = here(DockerRegistry::token_at(&tokens, &url));
        let bearer = format!("Bearer {}", tokens.push_token("site/disk"));
        let pushing = inner.client().header("Authorization", &bearer);
        http_push(&pushing, "site/disk", "v1", &Image::titled("disk.img", ipxe()));
        let registry = here(Nginx::before(inner.address()).tls(&authority.server()).start());
        Self { tokens, registry, _registry: inner, realm, authority, keys: folder() }
    }

    /// The reference, with the registry called by a name of loopback.
    fn reference(&self, host: &str) -> String {
        format!("{}/site/disk:v1", self.registry.host().replace("127.0.0.1", host))
    }

    fn ca(&self) -> String {
        self.authority.file().display().to_string()
    }

    fn password(&self) -> String {
        write(&self.keys, "secret", format!("{USER}:{PASSWORD}"))
    }

    fn identity(&self, host: &str) -> String {
        let host = self.registry.host().replace("127.0.0.1", host);
        write(&self.keys, "auth.json", json!({ "auths": { host: { "identitytoken": IDENTITY } } }).to_string())
    }

    #[track_caller]
    fn assert_kept_secret(&self) {
        assert!(!self.tokens.recorder().saw_text(PASSWORD) && !self.tokens.recorder().saw_text(IDENTITY));
    }
}

fn warnings(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.starts_with("warning:")).collect()
}

fn says(document: &Value, text: &str) -> bool {
    document.to_string().contains(text)
}

#[test]
fn the_registrys_own_host_gets_every_login_without_a_word() {
    let site = Site::start("127.0.0.1");
    let (ca, secret, identity) = (site.ca(), site.password(), site.identity("127.0.0.1"));
    for login in [["--pull-secret-file", &secret], ["--authfile", &identity]] {
        let options = ["--ca-file", &ca, "--realm=strict", login[0], login[1]];
        let outcome = assert_pulls(&site.reference("127.0.0.1"), &options, &ipxe());
        assert_eq!(warnings(&outcome.stderr), Vec::<&str>::new());
    }
}

#[test]
fn another_name_over_tls_gets_the_password_with_a_warning() {
    let site = Site::start("localhost");
    let (ca, secret) = (site.ca(), site.password());
    let options = ["--ca-file", &ca, "--pull-secret-file", &secret];
    let outcome = assert_pulls(&site.reference("127.0.0.1"), &options, &ipxe());
    let warned = warnings(&outcome.stderr);
    assert_eq!(warned.len(), 1, "{}", outcome.stderr);
    assert!(warned[0].contains(&site.realm.host().replace("127.0.0.1", "localhost")), "{warned:?}");
    // Trust is silence.
    let trusting = [&options[..], &["--trust-realm=localhost", "--realm=strict"]].concat();
    let outcome = assert_pulls(&site.reference("127.0.0.1"), &trusting, &ipxe());
    assert_eq!(warnings(&outcome.stderr), Vec::<&str>::new());
}

#[test]
fn another_name_gets_nothing_under_the_strict_rule() {
    let site = Site::start("localhost");
    let (ca, secret) = (site.ca(), site.password());
    let options = ["--ca-file", &ca, "--pull-secret-file", &secret, "--realm=strict"];
    let refused = assert_refuses(&site.reference("127.0.0.1"), &options, "Denied", 4);
    assert!(says(&refused, "--trust-realm localhost") && says(&refused, "--realm strict"), "{refused}");
    site.assert_kept_secret();
}

#[test]
fn another_name_gets_an_identity_token_only_if_trusted() {
    let site = Site::start("localhost");
    let (ca, identity) = (site.ca(), site.identity("127.0.0.1"));
    let options = ["--ca-file", &ca, "--authfile", &identity];
    let refused = assert_refuses(&site.reference("127.0.0.1"), &options, "Denied", 4);
    assert!(says(&refused, "--trust-realm localhost"), "{refused}");
    site.assert_kept_secret();
    let trusting = [&options[..], &["--trust-realm=localhost"]].concat();
    assert_pulls(&site.reference("127.0.0.1"), &trusting, &ipxe());
}

#[test]
fn an_address_gets_nothing_unless_trusted() {
    let site = Site::start("127.0.0.1");
    let (ca, secret) = (site.ca(), site.password());
    let options = ["--ca-file", &ca, "--pull-secret-file", &secret];
    let refused = assert_refuses(&site.reference("localhost"), &options, "Denied", 4);
    assert!(says(&refused, "--trust-realm 127.0.0.1"), "{refused}");
    site.assert_kept_secret();
    let trusting = [&options[..], &["--trust-realm=127.0.0.1"]].concat();
    assert_pulls(&site.reference("localhost"), &trusting, &ipxe());
}

#[test]
fn nobody_else_gets_anything_where_certificates_are_not_looked_at() {
    let site = Site::start("localhost");
    let secret = site.password();
    let options = ["--insecure-skip-tls-verify", "--pull-secret-file", &secret, "--trust-realm=localhost"];
    let refused = assert_refuses(&site.reference("127.0.0.1"), &options, "Denied", 4);
    assert!(says(&refused, "--ca-file") && !says(&refused, "--trust-realm"), "{refused}");
    site.assert_kept_secret();
    // The registry's own host is the one that the user chose to believe.
    assert_pulls(&site.reference("localhost"), &options[..3], &ipxe());
}

#[test]
fn a_realm_without_tls_is_not_asked_by_a_registry_with_tls() {
    let (tokens, authority, keys) = (TokenServer::user(USER, PASSWORD, IDENTITY), Authority::new(), folder());
    let inner = here(DockerRegistry::token(&tokens));
    let registry = here(Nginx::before(inner.address()).tls(&authority.server()).start());
    let (ca, secret) = (authority.file().display().to_string(), write(&keys, "secret", format!("{USER}:{PASSWORD}")));
    let options = ["--ca-file", &ca, "--pull-secret-file", &secret];
    let refused = assert_refuses(&format!("{}/site/disk:v1", registry.host()), &options, "Denied", 4);
    assert!(says(&refused, &tokens.address().to_string()), "{refused}");
    assert_eq!(tokens.recorder().requests().len(), 0);
}

#[test]
fn a_token_server_with_much_to_do_is_asked_again() {
    let site = Site::with("localhost", |realm| realm.limited_requests(2));
    let (ca, secret) = (site.ca(), site.password());
    let options = ["--ca-file", &ca, "--pull-secret-file", &secret, "--retries=1"];
    for _ in 0..2 {
        assert_pulls(&site.reference("localhost"), &options, &ipxe());
    }
    let statuses: Vec<u16> = site.realm.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 429, 200]);
}

#[test]
fn a_token_server_that_is_gone_is_named() {
    let tokens = TokenServer::anonymous();
    let registry = here(DockerRegistry::token(&tokens));
    let gone = tokens.address().to_string();
    drop(tokens);
    let refused = assert_refuses(&format!("{}/site/disk:v1", registry.host()), &["--retries=1"], "Unavailable", 6);
    assert!(says(&refused, &gone), "{refused}");
    assert_eq!(refused["attempts"], 2);
}
