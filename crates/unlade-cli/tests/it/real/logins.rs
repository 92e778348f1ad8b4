//! Every way to log in, at a registry that really checks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;
use unlade_testkit::document::{Document, Image};
use unlade_testkit::real::{DistributionV3, DockerRegistry, TokenServer, http_push, or_not_run};

use super::{assert_pulls, assert_pulls_with, assert_refuses, here, ipxe, write};
use crate::common::folder;

const USER: &str = "tester";
/// As awkward as passwords are: more colons, a blank, letters that are not ASCII.
const PASSWORD: &str = "corréct:horse battery";
const IDENTITY: &str = "identity-canary";

/// A registry that lets one user in, and holds `site/disk:v1`.
struct Site {
    registry: DockerRegistry,
    /// What hands out tokens, where the registry wants those.
    tokens: Option<TokenServer>,
    keys: TempDir,
}

impl Site {
    fn with_passwords() -> Self {
        let registry = here(DockerRegistry::htpasswd(USER, PASSWORD));
        http_push(&registry.client().basic(USER, PASSWORD), "site/disk", "v1", &document());
        Self { registry, tokens: None, keys: folder() }
    }

    fn with_tokens(tokens: TokenServer) -> Self {
        let registry = here(DockerRegistry::token(&tokens));
        let bearer = format!("Bearer {}", tokens.push_token("site/disk"));
        http_push(&registry.client().header("Authorization", &bearer), "site/disk", "v1", &document());
        Self { registry, tokens: Some(tokens), keys: folder() }
    }

    fn host(&self) -> String {
        self.registry.host()
    }

    fn reference(&self) -> String {
        format!("{}/site/disk:v1", self.host())
    }

    fn tokens(&self) -> &TokenServer {
        self.tokens.as_ref().expect("this site has a token server")
    }

    /// Writes a file with a secret in it.
    fn secret(&self, content: impl AsRef<[u8]>) -> String {
        write(&self.keys, "secret", content)
    }

    /// Writes an auth file with one entry.
    fn auth_file(&self, key: &str, entry: &serde_json::Value) -> String {
        self.secret(json!({ "auths": { key: entry } }).to_string())
    }
}

fn document() -> Document {
    Image::titled("disk.img", ipxe())
}

fn pair(password: &str) -> String {
    format!("{USER}:{password}")
}

fn auth(password: &str) -> serde_json::Value {
    json!({ "auth": STANDARD.encode(pair(password)) })
}

/// The forms of a pull secret with user and password, by the names of `--pull-secret-format`.
fn forms(site: &Site, password: &str) -> [(&'static str, String); 3] {
    [
        ("user-password", pair(password)),
        ("base64", STANDARD.encode(pair(password))),
        ("authfile", json!({ "auths": { site.host(): auth(password) } }).to_string()),
    ]
}

#[test]
fn passwords_in_every_form_open_both_kinds_of_registry() {
    for site in [Site::with_passwords(), Site::with_tokens(TokenServer::user(USER, PASSWORD, IDENTITY))] {
        for (format, secret) in forms(&site, PASSWORD) {
            let file = site.secret(&secret);
            assert_pulls(&site.reference(), &["--pull-secret-file", &file], &ipxe());
            let fixed = ["--pull-secret-file", &file, "--pull-secret-format", format];
            assert_pulls(&site.reference(), &fixed, &ipxe());
            let piped = |run: unlade_testkit::process::Run| run.args(["--pull-secret-file", "-"]).stdin(secret);
            assert_pulls_with(piped, &site.reference(), &ipxe());
        }
    }
}

#[test]
fn a_wrong_password_or_none_is_refused_by_both() {
    // What was refused: the registry asks, and says no; the token server says no at once.
    let passwords = (Site::with_passwords(), 2);
    let tokens = (Site::with_tokens(TokenServer::user(USER, PASSWORD, IDENTITY)), 1);
    for (site, attempts) in [passwords, tokens] {
        for (format, secret) in forms(&site, "wrong") {
            let file = site.secret(secret);
            let options = ["--pull-secret-file", &file, "--pull-secret-format", format];
            let refused = assert_refuses(&site.reference(), &options, "Unauthorized", 4);
            assert_eq!((&refused["status"], &refused["attempts"]), (&json!(401), &json!(attempts)), "{refused}");
            assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains(&file)), "{refused}");
        }
        let refused = assert_refuses(&site.reference(), &[], "Unauthorized", 4);
        assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("--pull-secret-file")), "{refused}");
    }
}

#[test]
fn what_does_not_exist_is_not_found_once_logged_in() {
    for site in [Site::with_passwords(), Site::with_tokens(TokenServer::user(USER, PASSWORD, IDENTITY))] {
        let file = site.secret(pair(PASSWORD));
        let login = ["--pull-secret-file", &file];
        for reference in [format!("{}/site/nowhere:v1", site.host()), format!("{}/site/disk:gone", site.host())] {
            let absent = assert_refuses(&reference, &login, "NotFound", 3);
            assert_eq!(absent["status"], 404);
            // Without a login this registry does not say whether it has something.
            assert_refuses(&reference, &[], "Unauthorized", 4);
        }
    }
    let open = Site::with_tokens(TokenServer::anonymous());
    assert_refuses(&format!("{}/site/nowhere:v1", open.host()), &[], "NotFound", 3);
}

#[test]
fn tokens_for_everybody_need_no_login() {
    let site = Site::with_tokens(TokenServer::anonymous());
    assert_pulls(&site.reference(), &[], &ipxe());
    let asked = site.tokens().recorder().requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].query_value("scope"), Some("repository:site/disk:pull"));
    assert_eq!(asked[0].query_value("service"), Some(TokenServer::SERVICE));
    assert_eq!(asked[0].header("authorization"), None);
}

#[test]
fn an_identity_token_is_exchanged() {
    let site = Site::with_tokens(TokenServer::user(USER, PASSWORD, IDENTITY));
    for entry in [
        json!({ "identitytoken": IDENTITY }),
        json!({ "auth": STANDARD.encode(format!("<token>:{IDENTITY}")) }),
        json!({ "auth": STANDARD.encode(format!("{USER}:unused")), "identitytoken": IDENTITY }),
    ] {
        let file = site.auth_file(&site.host(), &entry);
        site.tokens().recorder().forget();
        assert_pulls(&site.reference(), &["--authfile", &file], &ipxe());
        let asked = site.tokens().recorder().requests();
        assert_eq!((asked.len(), asked[0].method.as_str()), (1, "POST"));
        assert!(asked[0].holds_text(IDENTITY));
    }
    let file = site.auth_file(&site.host(), &json!({ "identitytoken": "wrong" }));
    assert_refuses(&site.reference(), &["--authfile", &file], "Unauthorized", 4);
}

#[test]
fn a_token_of_the_registry_is_shown_as_it_is() {
    let site = Site::with_tokens(TokenServer::user(USER, PASSWORD, IDENTITY));
    let token = site.tokens().push_token("site/disk");
    let file = site.auth_file(&site.host(), &json!({ "registrytoken": token }));
    assert_pulls(&site.reference(), &["--authfile", &file], &ipxe());
    assert_eq!(site.tokens().recorder().requests().len(), 0);
    // A bare token is offered to the token server first, which knows nothing of it.
    let file = site.secret(&token);
    assert_pulls(&site.reference(), &["--pull-secret-file", &file], &ipxe());
    assert_pulls(&site.reference(), &["--pull-secret-file", &file, "--pull-secret-format", "token"], &ipxe());
    // Signed by the right server, for another repository.
    let file = site.secret(site.tokens().push_token("site/other"));
    assert_refuses(&site.reference(), &["--pull-secret-file", &file], "Unauthorized", 4);
}

#[test]
fn the_longest_key_of_an_auth_file_decides() {
    let site = Site::with_passwords();
    let host = site.host();
    let file = |entries: &[(&str, &str)]| {
        let auths: serde_json::Map<_, _> =
            entries.iter().map(|(path, password)| (format!("{host}{path}"), auth(password))).collect();
        site.secret(json!({ "auths": auths }).to_string())
    };
    for entries in [
        &[("", PASSWORD)][..],
        &[("/site", PASSWORD), ("", "wrong")],
        &[("/site/disk", PASSWORD), ("/site", "wrong"), ("", "wrong")],
        &[("/site", PASSWORD), ("/site/di", "wrong"), ("/site/disk/more", "wrong")],
    ] {
        assert_pulls(&site.reference(), &["--authfile", &file(entries)], &ipxe());
        assert_pulls(&site.reference(), &["--pull-secret-file", &file(entries)], &ipxe());
    }
    for entries in [&[("/site/disk", "wrong"), ("/site", PASSWORD), ("", PASSWORD)][..], &[("/other", PASSWORD)]] {
        assert_refuses(&site.reference(), &["--authfile", &file(entries)], "Unauthorized", 4);
    }
}

#[test]
fn auth_files_are_found_where_docker_and_podman_keep_them() {
    let site = Site::with_passwords();
    let (good, bad) = (folder(), folder());
    let content = |password: &str| json!({ "auths": { site.host(): auth(password) } }).to_string();
    let (right, wrong) = (write(&good, "config.json", content(PASSWORD)), write(&bad, "config.json", content("wrong")));
    let empty = write(&bad, "empty.json", "{}");
    // Nobody named this file, and it decides nothing.
    let unsound = folder();
    write(&unsound, "config.json", r#"{"auths":"no"}"#);
    let broken = unsound.path().to_string_lossy().into_owned();
    let docker = good.path().to_string_lossy().into_owned();
    for (variables, options) in [
        (vec![("REGISTRY_AUTH_FILE", right.as_str())], vec![]),
        (vec![("DOCKER_CONFIG", docker.as_str())], vec![]),
        (vec![("UNLADE_AUTHFILE", right.as_str()), ("REGISTRY_AUTH_FILE", wrong.as_str())], vec![]),
        (vec![("REGISTRY_AUTH_FILE", right.as_str()), ("DOCKER_CONFIG", broken.as_str())], vec![]),
        (vec![("DOCKER_CONFIG", docker.as_str()), ("REGISTRY_AUTH_FILE", empty.as_str())], vec![]),
        (vec![("REGISTRY_AUTH_FILE", wrong.as_str())], vec!["--authfile", right.as_str()]),
    ] {
        let change = |run: unlade_testkit::process::Run| {
            variables.iter().fold(run.args(&options), |run, (name, value)| run.env(name, value))
        };
        assert_pulls_with(change, &site.reference(), &ipxe());
    }
    let inline = content(PASSWORD);
    assert_pulls_with(|run| run.env("DOCKER_AUTH_CONFIG", inline), &site.reference(), &ipxe());
    let at_home = |run: unlade_testkit::process::Run| {
        let place = run.home().join(".docker");
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("config.json"), content(PASSWORD)).unwrap();
        run
    };
    assert_pulls_with(at_home, &site.reference(), &ipxe());
}

#[test]
fn a_token_server_on_another_host_sees_no_login_over_plain_http() {
    let site = Site::with_tokens(TokenServer::user(USER, PASSWORD, IDENTITY));
    let file = site.secret(pair(PASSWORD));
    // The same registry by another name: its realm is now another host.
    let reference = site.reference().replace("127.0.0.1", "localhost");
    let refused = assert_refuses(&reference, &["--pull-secret-file", &file], "Denied", 4);
    let words = refused.to_string();
    assert!(words.contains("the login was not shown to 127.0.0.1"), "{words}");
    assert!(!site.tokens().recorder().saw_text(PASSWORD));
    // It would not help: the way to it is open.
    assert!(!words.contains("--trust-realm"), "{words}");
    assert_refuses(&reference, &["--pull-secret-file", &file, "--trust-realm=127.0.0.1"], "Denied", 4);
    assert!(!site.tokens().recorder().saw_text(PASSWORD));
}

#[test]
fn distribution_v3_takes_a_password_as_its_forerunner_does() {
    let Some(registry) = or_not_run(DistributionV3::htpasswd(USER, PASSWORD)) else { return };
    http_push(&registry.client().basic(USER, PASSWORD), "site/disk", "v1", &document());
    let (reference, keys) = (format!("{}/site/disk:v1", registry.host()), folder());
    let secret = write(&keys, "right", pair(PASSWORD));
    assert_pulls(&reference, &["--pull-secret-file", &secret], &ipxe());
    let secret = write(&keys, "wrong", pair("wrong"));
    assert_refuses(&reference, &["--pull-secret-file", &secret], "Unauthorized", 4);
    assert_refuses(&reference, &[], "Unauthorized", 4);
}
