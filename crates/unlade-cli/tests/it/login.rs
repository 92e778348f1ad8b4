//! `unlade login` and `unlade logout`: what is checked, where it goes, what stays.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use unlade_testkit::helper::HelperFolder;
use unlade_testkit::process::{Run, files};
use unlade_testkit::{Access, Bearer, LyingRegistry};

use crate::common::{disk, document, error, folder, keys, unlade};

const USER: &str = "keeper";
const PASSWORD: &str = "hunter2-canary:x y";

fn registry(access: Access) -> LyingRegistry {
    let registry = LyingRegistry::builder().access(access).start();
    registry.publish("acme/disk", "v1", &disk());
    registry
}

fn private() -> LyingRegistry {
    registry(Access::basic(USER, PASSWORD))
}

fn login(place: &str, password: &str) -> Run {
    let run = unlade().args(["login", place, "--username", USER, "--password-stdin"]);
    run.stdin(format!("{password}\n"))
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("an auth file")).expect("JSON")
}

#[test]
fn a_login_is_kept_for_the_next_pull_and_told_without_the_secret() {
    for registry in [private(), registry(Access::Bearer(Bearer::user(USER, PASSWORD)))] {
        let (host, keys_folder) = (registry.host(), folder());
        let file = keys_folder.path().join("auth.json");
        for (place, key) in [(host.clone(), host.clone()), (format!("{host}/acme"), format!("{host}/acme"))] {
            let outcome = login(&place, PASSWORD).arg("-vv").arg("--authfile").arg(&file).run();
            outcome.assert_code(0);
            let line = format!("logged in to {place} as {USER}: auths[{key}] of {}\n", file.display());
            assert_eq!(outcome.stdout_text(), line);
            assert!(!outcome.stderr.contains("hunter2") && !outcome.stderr.contains("warning"), "{}", outcome.stderr);
        }
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let digest = || unlade().args(["digest", &registry.reference("acme/disk:v1"), "--authfile"]).arg(&file).run();
        digest().assert_code(0);
        for place in [format!("{host}/acme"), host.clone()] {
            unlade().args(["logout", &place, "--authfile"]).arg(&file).run().assert_code(0);
        }
        digest().assert_code(4);
        assert_eq!(read(&file), json!({ "auths": {} }));
        assert_eq!(files(keys_folder.path()), ["auth.json"]);
    }
}

#[test]
fn a_login_that_the_registry_refuses_is_not_kept() {
    for registry in [private(), registry(Access::Bearer(Bearer::user(USER, PASSWORD)))] {
        let keys = folder();
        let outcome =
            login(&registry.host(), "wrong-canary").arg("--json").arg("--authfile").arg(keys.path().join("a")).run();
        outcome.assert_code(4);
        assert_eq!(error(&outcome)["kind"], "Unauthorized", "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("wrong-canary"));
        assert_eq!(files(keys.path()), Vec::<String>::new());
    }
}

#[test]
fn a_login_that_nobody_asks_for_is_kept_with_a_warning() {
    let (registry, keys_folder) = (registry(Access::Anonymous), folder());
    let outcome =
        login(&registry.host(), PASSWORD).arg("--json").arg("--authfile").arg(keys_folder.path().join("a")).run();
    outcome.assert_code(0);
    let told = document(&outcome);
    assert_eq!(keys(&told), ["checked", "file", "helper", "hidden_by", "key", "registry", "username"]);
    assert_eq!((&told["checked"], &told["hidden_by"], &told["username"]), (&json!(false), &Value::Null, &json!(USER)));
    assert!(outcome.stderr.contains("this one was not checked"), "{}", outcome.stderr);
}

#[test]
fn what_others_keep_in_the_file_stays_and_a_link_too() {
    let (registry, keys) = (private(), folder());
    let (real, link) = (keys.path().join("real.json"), keys.path().join("link.json"));
    let before = json!({ "zeta": [1, { "b": 2, "a": 1 }], "auths": { "other.example": { "auth": "dTpw", "email": "e" } }, "HttpHeaders": { "X": "y" } });
    fs::write(&real, before.to_string()).unwrap();
    symlink("real.json", &link).unwrap();
    login(&registry.host(), PASSWORD).arg("--authfile").arg(&link).run().assert_code(0);
    assert!(link.is_symlink());
    let text = fs::read_to_string(&real).unwrap();
    let places = ["zeta", "\"b\"", "\"a\"", "auths", "other.example", &registry.host(), "HttpHeaders"]
        .map(|key| text.find(key).unwrap());
    assert!(places.is_sorted(), "{text}");
    unlade().args(["logout", &registry.host(), "--authfile"]).arg(&link).run().assert_code(0);
    assert_eq!(read(&real), before);
}

#[test]
fn two_logins_at_once_both_survive() {
    let (one, other, keys) = (private(), private(), folder());
    let file = keys.path().join("auth.json");
    thread::scope(|scope| {
        for registry in [&one, &other] {
            let file = &file;
            scope
                .spawn(move || login(&registry.host(), PASSWORD).arg("--authfile").arg(file).run().assert_code(0).code);
        }
    });
    assert_eq!(read(&file)["auths"].as_object().unwrap().len(), 2);
}

#[test]
fn a_login_goes_where_the_contract_says_and_one_that_hides_it_is_named() {
    let registry = private();
    let host = registry.host();
    let at_home = login(&host, PASSWORD);
    at_home.run().assert_code(0);
    assert_eq!(files(at_home.home()), [".config/containers/auth.json"]);
    fs::create_dir(at_home.home().join(".docker")).unwrap();
    let docker = at_home.home().join(".docker/config.json");
    fs::write(&docker, "{}").unwrap();
    let outcome = at_home.run();
    outcome.assert_code(0);
    let warned = format!("hidden by another one, which is asked before: auths[{host}] of ");
    assert!(outcome.stderr.contains(&warned) && outcome.stderr.contains("containers/auth.json"), "{}", outcome.stderr);
    assert!(read(&docker)["auths"][&host].is_object());
    let named = at_home.home().join("named.json");
    let outcome = login(&host, PASSWORD).env("REGISTRY_AUTH_FILE", &named).env("DOCKER_CONFIG", "/nowhere").run();
    outcome.assert_code(0);
    assert!(named.exists());
}

#[test]
fn a_helper_that_the_file_names_keeps_the_login_and_the_file_none() {
    let (registry, helpers, keys) = (private(), HelperFolder::new(), folder());
    let host = registry.host();
    helpers.add_keeper("keeper");
    let file = keys.path().join("config.json");
    fs::write(
        &file,
        json!({ "credsStore": "keeper", "auths": { &host: { "auth": "b2xkOm9sZA==", "email": "e" } } }).to_string(),
    )
    .unwrap();
    let with = |run: Run| run.env("PATH", helpers.search_path()).arg("--authfile").arg(&file);
    let outcome = with(login(&host, PASSWORD)).run();
    outcome.assert_code(0);
    assert!(outcome.stdout_text().contains("docker-credential-keeper for"), "{}", outcome.stdout_text());
    assert_eq!(read(&file)["auths"][&host], json!({ "email": "e" }));
    let digest = || with(unlade().args(["digest", &registry.reference("acme/disk:v1")])).run();
    digest().assert_code(0);
    let refused = with(login(&format!("{host}/acme"), PASSWORD)).run();
    refused.assert_code(2);
    let outcome = with(unlade().args(["logout", &host, "--json"])).run();
    outcome.assert_code(0);
    assert_eq!(document(&outcome)["removed"].as_array().unwrap().len(), 2, "{}", outcome.stdout_text());
    digest().assert_code(4);
    let outcome = with(unlade().args(["logout", &host])).run();
    assert!(outcome.stdout_text().starts_with("not logged in to"), "{}", outcome.stdout_text());
}

#[test]
fn a_helper_that_fails_to_keep_is_an_error_without_the_secret() {
    let (registry, helpers, keys) = (private(), HelperFolder::new(), folder());
    helpers.add("bad", "echo \"will not keep $input\"; exit 1");
    let file = keys.path().join("config.json");
    for (name, code) in [("bad", 7), ("missing", 7), ("../x", 2)] {
        fs::write(&file, json!({ "credsStore": name }).to_string()).unwrap();
        let run = login(&registry.host(), PASSWORD).env("PATH", helpers.search_path());
        let outcome = run.arg("--authfile").arg(&file).run();
        outcome.assert_code(code);
        assert!(outcome.stderr.contains(name) && !outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
        assert_eq!(read(&file), json!({ "credsStore": name }));
    }
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_asked() {
    let (registry, keys) = (private(), folder());
    let host = registry.host();
    let broken = keys.path().join("broken.json");
    fs::write(&broken, "{\"auths\":\n hunter2}").unwrap();
    for (run, text) in [
        (login("not-a-host", PASSWORD), "is no registry"),
        (login(&host, ""), "the password is empty"),
        (unlade().args(["login", &host, "--password-stdin"]).stdin("x"), "--username"),
        (unlade().args(["login", &host, "--username", "a:b", "--password-stdin"]).stdin("x"), "no colons"),
        (login(&host, PASSWORD).arg("--authfile").arg(&broken), "broken.json, line 2, column 2: this is not JSON"),
    ] {
        let outcome = run.run();
        outcome.assert_code(2);
        assert!(outcome.stderr.contains(text) && !outcome.stderr.contains("hunter2"), "{text}: {}", outcome.stderr);
    }
    assert!(registry.requests().is_empty());
}
