//! Credential helpers, sound and unsound: what is run, what is said, and what is done without.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use unlade_testkit::helper::HelperFolder;
use unlade_testkit::process::{Outcome, Run};
use unlade_testkit::{Access, Anonymous, Bearer, LyingRegistry};

use crate::common::{disk, error, folder, pull, unlade};

const USER: &str = "helped";
const PASSWORD: &str = "hunter2-canary";

fn private() -> LyingRegistry {
    registry(Access::basic(USER, PASSWORD))
}

/// A registry that hands tokens to everybody: it asks who is there, although everything is public.
fn public() -> LyingRegistry {
    registry(Access::Bearer(Bearer::user(USER, PASSWORD).with_anonymous(Anonymous::Accepted)))
}

fn registry(access: Access) -> LyingRegistry {
    let registry = LyingRegistry::builder().access(access).start();
    registry.publish("acme/disk", "v1", &disk());
    registry
}

/// A run that has an auth file and helpers.
fn digest(registry: &LyingRegistry, helpers: &HelperFolder, file: &Value) -> Run {
    let run = unlade().args(["digest", &registry.reference("acme/disk:v1")]).env("PATH", helpers.search_path());
    let path = run.home().join("auth.json");
    std::fs::write(&path, file.to_string()).expect("write an auth file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("keep an auth file private");
    run.env("REGISTRY_AUTH_FILE", path)
}

fn warnings(outcome: &Outcome) -> Vec<&str> {
    outcome.stderr.lines().filter(|line| line.starts_with("warning: ")).collect()
}

#[test]
fn a_helper_that_is_no_use_is_a_warning_where_content_is_public_and_named_where_it_is_not() {
    let helpers = HelperFolder::new();
    helpers.add("hangs", "sleep 60");
    helpers.add("garbage", &format!("echo {PASSWORD}"));
    helpers.add("fails", "echo no keyring here; exit 1");
    helpers.add("floods", "exec yes");
    for (name, reason) in [
        ("missing", "docker-credential-missing is not installed"),
        ("../x", "\"docker-credential-../x\" is not run: the names of helpers have"),
        ("hangs", "it did not answer within 0.3 s, and was ended"),
        ("garbage", "answered get with 15 bytes that are not what helpers say"),
        ("fails", "it ended with exit status: 1: no keyring here"),
        ("floods", "it wrote more than 262144 bytes, and was ended"),
    ] {
        let open = public();
        for file in [json!({ "credsStore": name }), json!({ "credHelpers": { open.host(): name } })] {
            let outcome = digest(&open, &helpers, &file).args(["--helper-timeout", "300ms"]).run();
            outcome.assert_code(0);
            let warned = warnings(&outcome);
            assert_eq!(warned.len(), 1, "{name}: {}", outcome.stderr);
            assert!(warned[0].contains(reason) && warned[0].contains("auth.json"), "{name}: {warned:?}");
        }
        let closed = private();
        let file = json!({ "credsStore": name });
        let outcome = digest(&closed, &helpers, &file).args(["--helper-timeout", "300ms", "--json"]).run();
        outcome.assert_code(4);
        let error = error(&outcome);
        let causes = error["causes"].to_string();
        let said = reason.replace('"', "\\\"");
        assert!(causes.contains(&said) && causes.contains("credsStore of"), "{name}: {error}");
        assert!(error["hint"].as_str().unwrap().starts_with("mend "), "{error}");
        assert!(!outcome.stderr.contains(PASSWORD), "{}", outcome.stderr);
    }
}

#[test]
fn a_missing_helper_is_a_warning_even_where_nobody_asks_for_a_login() {
    let (helpers, registry) = (HelperFolder::new(), LyingRegistry::start());
    registry.publish("acme/disk", "v1", &disk());
    let outcome = digest(&registry, &helpers, &json!({ "credsStore": "desktop" })).run();
    outcome.assert_code(0);
    let warned = warnings(&outcome);
    assert_eq!(warned.len(), 1, "{}", outcome.stderr);
    assert!(warned[0].contains("docker-credential-desktop is not installed"), "{warned:?}");
}

#[test]
fn a_helper_is_asked_once_somebody_wants_a_login_and_not_before() {
    let (helpers, open, closed) = (HelperFolder::new(), LyingRegistry::start(), private());
    open.publish("acme/disk", "v1", &disk());
    helpers.add_login("x", &closed.host(), USER, PASSWORD);
    digest(&open, &helpers, &json!({ "credsStore": "x" })).run().assert_code(0);
    assert!(helpers.calls("x").is_empty());
    digest(&closed, &helpers, &json!({ "credsStore": "x" })).run().assert_code(0);
    assert_eq!(helpers.calls("x"), [format!("get {}", closed.host())]);
    assert!(closed.saw_text(&format!("{USER}:{PASSWORD}")));
}

#[test]
fn keys_and_helpers_are_asked_in_their_order() {
    let registry = private();
    let host = registry.host();
    let login = |user: &str| json!({ "username": user, "password": PASSWORD });
    for (file, expected) in [
        (
            json!({ "auths": { format!("{host}/acme"): login("path"), &host: login("host") },
                 "credHelpers": { &host: "own" }, "credsStore": "all" }),
            "auths[",
        ),
        (
            json!({ "auths": { &host: login("host") }, "credHelpers": { &host: "own" }, "credsStore": "all" }),
            "docker-credential-own",
        ),
        (
            json!({ "auths": { &host: login("host") }, "credHelpers": { "other.example": "own" }, "credsStore": "all" }),
            "auths[",
        ),
        (json!({ "auths": { &host: {} }, "credsStore": "all" }), "docker-credential-all"),
        (json!({ "credHelpers": { &host: "none" }, "auths": { &host: login("host") } }), "auths["),
    ] {
        let helpers = HelperFolder::new();
        helpers.add_login("own", &host, "own", PASSWORD);
        helpers.add_login("all", &host, "all", PASSWORD);
        helpers.add_login("none", "other.example", "none", PASSWORD);
        let outcome = digest(&registry, &helpers, &file).arg("-v").run();
        let line = outcome.stderr.lines().find(|line| line.contains("comes from")).unwrap_or_default();
        assert!(line.contains(&format!("comes from {expected}")), "{file}: {}", outcome.stderr);
    }
    // Nobody is asked where the file says that it keeps the login of this registry itself.
    let helpers = HelperFolder::new();
    helpers.add_login("all", &host, USER, PASSWORD);
    let outcome = digest(&registry, &helpers, &json!({ "credHelpers": { &host: "" }, "credsStore": "all" })).run();
    outcome.assert_code(4);
    assert!(helpers.calls("all").is_empty());
}

#[test]
fn a_pull_secret_never_runs_a_helper() {
    let (registry, helpers, keys) = (private(), HelperFolder::new(), folder());
    let host = registry.host();
    helpers.add_login("x", &host, USER, PASSWORD);
    let secret = keys.path().join("secret");
    let text = json!({ "auths": { &host: {} }, "credHelpers": { &host: "x" }, "credsStore": "x" }).to_string();
    std::fs::write(&secret, text).unwrap();
    let run = pull(&registry.reference("acme/disk:v1"), keys.path()).env("PATH", helpers.search_path());
    run.arg("--pull-secret-file").arg(&secret).run().assert_code(4);
    assert!(helpers.calls("x").is_empty());
}

#[test]
fn a_login_that_everybody_may_read_is_a_warning() {
    let (registry, helpers) = (private(), HelperFolder::new());
    let file = json!({ "auths": { registry.host(): { "username": USER, "password": PASSWORD } } });
    for (mode, count) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
        let run = digest(&registry, &helpers, &file);
        let path = run.home().join("auth.json");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let outcome = run.run();
        outcome.assert_code(0);
        let warned = warnings(&outcome);
        assert_eq!(warned.len(), count, "{mode:o}: {}", outcome.stderr);
        assert!(warned.iter().all(|line| line.contains("chmod 600")), "{warned:?}");
    }
}
