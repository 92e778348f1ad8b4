//! Where logins come from, in every form, and how they reach the registry.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use unlade_testkit::process::Run;
use unlade_testkit::{Access, Anonymous, Bearer, LyingRegistry, Realm};

use crate::common::{disk, unlade};

const USER: &str = "tester";
const PASSWORD: &str = "pass:word";

fn registry(access: Access) -> LyingRegistry {
    let registry = LyingRegistry::builder().access(access).start();
    registry.publish("acme/disk", "v1", &disk());
    registry
}

fn basic() -> LyingRegistry {
    registry(Access::basic(USER, PASSWORD))
}

fn bearer(rules: Bearer) -> LyingRegistry {
    registry(Access::Bearer(rules))
}

/// An auth file with one entry.
fn auths(key: &str, entry: &serde_json::Value) -> String {
    json!({ "auths": { key: entry } }).to_string()
}

/// The usual entry: base64 of user and password.
fn login(user: &str, password: &str) -> serde_json::Value {
    json!({ "auth": STANDARD.encode(format!("{user}:{password}")) })
}

fn digest(registry: &LyingRegistry) -> Run {
    unlade().args(["digest", &registry.reference("acme/disk:v1")])
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("make a folder");
    fs::write(path, text).expect("write a file");
}

#[test]
fn a_password_is_shown_to_a_registry_that_asks_for_it() {
    let registry = basic();
    let text = auths(&registry.host(), &login(USER, PASSWORD));
    let run = digest(&registry).args(["--authfile", "auth.json"]);
    write(&run.home().join("auth.json"), &text);
    run.run().assert_code(0);
    let shown: Vec<Option<String>> =
        registry.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    let header = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    assert_eq!(shown, [None, Some(header)], "nothing is shown before it is asked for");
}

#[test]
fn a_password_is_exchanged_for_a_token_of_this_repository_alone() {
    let registry = bearer(Bearer::user(USER, PASSWORD));
    let run = digest(&registry).args(["--authfile", "auth.json"]);
    write(&run.home().join("auth.json"), &auths(&registry.host(), &login(USER, PASSWORD)));
    run.run().assert_code(0);
    let token = &registry.requests_for("/token")[0];
    assert_eq!((token.method.as_str(), token.query_value("service")), ("GET", Some("testkit")));
    assert_eq!(token.query_value("scope"), Some("repository:acme/disk:pull"));
    let last = registry.requests().pop().unwrap();
    assert!(last.header("authorization").unwrap().starts_with("Bearer token-1-"));
}

#[test]
fn an_identity_token_is_posted() {
    let registry = bearer(Bearer::user(USER, PASSWORD).with_identity_token("lasting"));
    for entry in [json!({ "auth": login(USER, "x")["auth"], "identitytoken": "lasting" }), login("<token>", "lasting")]
    {
        registry.recorder().forget();
        let run = digest(&registry).args(["--authfile", "auth.json"]);
        write(&run.home().join("auth.json"), &auths(&registry.host(), &entry));
        run.run().assert_code(0);
        let token = &registry.requests_for("/token")[0];
        assert_eq!((token.method.as_str(), token.query.len()), ("POST", 0), "{entry}");
        let form = String::from_utf8_lossy(&token.body).into_owned();
        for part in [
            "grant_type=refresh_token",
            "refresh_token=lasting",
            "service=testkit",
            "scope=repository%3Aacme%2Fdisk%3Apull",
        ] {
            assert!(form.contains(part), "{entry}: {part} is missing in {form}");
        }
        assert_eq!(token.header("authorization"), None, "{entry}");
    }
}

#[test]
fn a_registry_token_is_used_as_it_is() {
    let registry = LyingRegistry::start();
    registry.publish("acme/disk", "v1", &disk());
    let run = digest(&registry).args(["--authfile", "auth.json"]);
    write(&run.home().join("auth.json"), &auths(&registry.host(), &json!({ "registrytoken": "as-it-is" })));
    run.run().assert_code(0);
    let shown: Vec<Option<String>> =
        registry.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(shown, [Some("Bearer as-it-is".to_owned())]);
}

#[test]
fn public_content_needs_no_login() {
    let registry = bearer(Bearer::anonymous());
    digest(&registry).run().assert_code(0);
    assert_eq!(registry.requests_for("/token")[0].header("authorization"), None);
}

#[test]
fn a_token_server_at_another_port_of_the_registry_is_the_registrys_own() {
    let registry = bearer(Bearer::user(USER, PASSWORD).with_realm(Realm::SecondPort));
    let run = digest(&registry).args(["--pull-secret-file", "-"]).stdin(format!("{USER}:{PASSWORD}"));
    run.run().assert_code(0);
    assert_eq!(registry.requests_for("/token").len(), 1);
}

#[test]
fn a_pull_secret_comes_in_any_form() {
    let basic = basic();
    let pair = format!("{USER}:{PASSWORD}");
    let file = auths(&basic.host(), &login(USER, PASSWORD));
    for (name, secret, format) in [
        ("an auth file", file.clone(), "authfile"),
        ("user and password", pair.clone(), "user-password"),
        ("with a line end", format!("{pair}\n"), "user-password"),
        ("in base64", STANDARD.encode(&pair), "base64"),
        ("in base64 with a line end", format!("{}\n", STANDARD.encode(&pair)), "base64"),
        ("an auth file in base64, as Kubernetes has it", STANDARD.encode(&file), "auto"),
    ] {
        for format in ["auto", format] {
            let run = digest(&basic).args(["--pull-secret-file", "secret", "--pull-secret-format", format]);
            write(&run.home().join("secret"), &secret);
            run.run().assert_code(0);
            digest(&basic)
                .args(["--pull-secret-file=-", "--pull-secret-format", format])
                .stdin(&*secret)
                .run()
                .assert_code(0);
        }
        basic.requests().iter().for_each(|request| assert!(!request.holds_text("auths"), "{name}"));
    }
}

#[test]
fn a_bare_token_is_a_password_without_a_user_or_shown_as_it_is() {
    let exchanged = bearer(Bearer::user("", "bare-token"));
    digest(&exchanged).args(["--pull-secret-file", "-"]).stdin("bare-token").run().assert_code(0);
    // A registry whose token server refuses it may know it itself.
    let registry = bearer(Bearer::user(USER, PASSWORD).with_anonymous(Anonymous::Refused));
    let run = digest(&registry).args(["--pull-secret-file", "-", "--pull-secret-format", "token"]).stdin("bare-token");
    run.run().assert_code(4);
    let shown: Vec<Option<String>> = registry
        .requests_for("*/manifests/*")
        .iter()
        .map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(shown, [None, Some("Bearer bare-token".to_owned())]);
}

/// The places of credentials, the first before all others.
fn places(home: &Path) -> Vec<(&'static str, Option<&'static str>, std::path::PathBuf)> {
    vec![
        ("--authfile", None, home.join("option.json")),
        ("REGISTRY_AUTH_FILE", Some("REGISTRY_AUTH_FILE"), home.join("variable.json")),
        ("XDG_RUNTIME_DIR", Some("XDG_RUNTIME_DIR"), home.join("run/containers/auth.json")),
        ("containers' own", None, home.join(".config/containers/auth.json")),
        ("DOCKER_AUTH_CONFIG", Some("DOCKER_AUTH_CONFIG"), home.join("unused")),
        ("DOCKER_CONFIG", Some("DOCKER_CONFIG"), home.join("docker/config.json")),
    ]
}

#[test]
fn logins_are_looked_for_in_the_places_of_docker_and_podman_in_order() {
    let registry = basic();
    let count = places(Path::new("")).len();
    for first in 0..count {
        let mut run = digest(&registry);
        let home = run.home().to_owned();
        for (at, (place, variable, path)) in places(&home).into_iter().enumerate().skip(first) {
            // All but the first are wrong: taking any of them fails.
            let password = if at == first { PASSWORD } else { "wrong" };
            let text = auths(&registry.host(), &login(USER, password));
            write(&path, &text);
            run = match (place, variable) {
                ("--authfile", _) => run.arg("--authfile").arg(&path),
                (_, Some("DOCKER_AUTH_CONFIG")) => run.env("DOCKER_AUTH_CONFIG", &text),
                (_, Some("REGISTRY_AUTH_FILE")) => run.env("REGISTRY_AUTH_FILE", &path),
                (_, Some("XDG_RUNTIME_DIR")) => run.env("XDG_RUNTIME_DIR", home.join("run")),
                (_, Some(variable)) => run.env(variable, home.join("docker")),
                (_, None) => run,
            };
        }
        let outcome = run.run();
        assert_eq!(outcome.code, Some(0), "{}: {}", places(&home)[first].0, outcome.stderr);
    }
}

#[test]
fn the_home_folders_of_docker_and_of_the_configuration_are_known() {
    let registry = basic();
    let text = auths(&registry.host(), &login(USER, PASSWORD));
    let run = digest(&registry);
    write(&run.home().join(".docker/config.json"), &text);
    run.run().assert_code(0);
    let run = digest(&registry);
    write(&run.home().join("conf/containers/auth.json"), &text);
    let configured = run.home().join("conf");
    run.env("XDG_CONFIG_HOME", configured).run().assert_code(0);
}

#[test]
fn a_pull_secret_comes_before_every_file() {
    let registry = basic();
    let run = digest(&registry).args(["--authfile", "auth.json", "--pull-secret-file", "secret"]);
    write(&run.home().join("auth.json"), &auths(&registry.host(), &login(USER, "wrong")));
    write(&run.home().join("secret"), &format!("{USER}:{PASSWORD}"));
    run.run().assert_code(0);
}

#[test]
fn the_longest_key_of_whole_components_decides() {
    let registry = basic();
    let host = registry.host();
    let right = login(USER, PASSWORD);
    let wrong = login(USER, "wrong");
    for (keys, name) in [
        (vec![(host.clone(), &wrong), (format!("{host}/acme"), &right)], "a namespace"),
        (vec![(format!("{host}/acme"), &wrong), (format!("{host}/acme/disk"), &right)], "a repository"),
        (vec![(host.clone(), &right), (format!("{host}/acm"), &wrong)], "not half a component"),
        (vec![(format!("https://{host}/v2/"), &right), ("127.0.0.1".to_owned(), &wrong)], "an address of old"),
    ] {
        let entries: serde_json::Map<_, _> = keys.into_iter().map(|(key, entry)| (key, entry.clone())).collect();
        let run = digest(&registry).args(["--authfile", "auth.json"]);
        write(&run.home().join("auth.json"), &json!({ "auths": entries }).to_string());
        let outcome = run.run();
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn a_login_for_another_registry_stays_at_home() {
    let registry = registry(Access::Anonymous);
    let other = basic();
    let run = digest(&registry).args(["--authfile", "auth.json"]);
    write(&run.home().join("auth.json"), &auths(&other.host(), &login(USER, PASSWORD)));
    run.run().assert_code(0);
    assert!(!registry.saw_text(PASSWORD));
    assert!(other.requests().is_empty());
}
