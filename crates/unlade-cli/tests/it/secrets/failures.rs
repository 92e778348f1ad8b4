//! Every row of bad input that involves a server, and every numbered fault.

use std::path::Path;
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};
use unlade_testkit::document::Image;
use unlade_testkit::process::Run;
use unlade_testkit::{Access, Bearer, Fault, LyingRegistry, Matcher, Origin, Which};

use super::canary::{IDENTITY_TOKEN, PASSWORD, REGISTRY_TOKEN, SIGNATURE, Secrets, USER, Vault};
use crate::bad_input::access::WRONG_PASSWORD;
use crate::bad_input::rows;
use crate::common::{folder, pull, unlade};

/// Each login, as an entry of an auth file, and what the server must have seen of it.
fn logins() -> [(&'static str, Value, String); 3] {
    [
        ("a password", Vault::login(), format!("{USER}:{PASSWORD}")),
        ("an identity token", json!({ "identitytoken": IDENTITY_TOKEN }), IDENTITY_TOKEN.to_owned()),
        ("a registry token", json!({ "registrytoken": REGISTRY_TOKEN }), REGISTRY_TOKEN.to_owned()),
    ]
}

/// Does jobs on a few threads: most of their time is waiting.
fn spread<T: Send>(jobs: Vec<T>, work: impl Fn(T) + Sync) {
    let queue = Mutex::new(jobs);
    let next = || queue.lock().expect("no holder of this lock panics").pop();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(job) = next() {
                    work(job);
                }
            });
        }
    });
}

#[test]
fn no_row_of_bad_input_tells_a_secret() {
    let secrets = Secrets::all();
    let seen = Mutex::new(Vec::new());
    let mut jobs = Vec::new();
    for row in rows() {
        for login in 0..logins().len() {
            jobs.extend([(row, login, "-v"), (row, login, "-vv")]);
        }
    }
    let vault = Vault::new();
    spread(jobs, |(row, login, verbosity)| {
        let row = row();
        let (login, entry, shown) = &logins()[login];
        let file = thread_file(&vault, &row.host, entry);
        let folder = folder();
        // A variable: rows that have a login of their own keep it.
        let run = row.options(pull(&row.reference(), folder.path())).args([verbosity, "--json"]);
        let run = run.env("UNLADE_AUTHFILE", &file);
        let outcome = run.run();
        let name = format!("{} with {login} {verbosity}", row.name);
        assert!(outcome.code.is_some_and(|code| code > 0), "{name}: {outcome:?}");
        secrets.assert_kept(&outcome, &[run.home(), folder.path()], &name);
        if row.saw(shown) == Some(true) || row.saw(WRONG_PASSWORD) == Some(true) {
            seen.lock().expect("no holder of this lock panics").push(name);
        }
    });
    let seen = seen.into_inner().expect("no holder of this lock panics");
    for expected in [
        "a wrong password with a password",
        "a wrong password for a token with an identity token",
        "no password with a password",
        "no password for a token with a password",
        "no password for a token with an identity token",
        "401 without a challenge with a registry token",
        "an unknown scheme with a registry token",
        "a missing repository with a registry token",
        "a missing repository that is kept secret with a password",
        "a port of SSH with a registry token",
        "a port that says nothing with a registry token",
    ] {
        for verbosity in ["-v", "-vv"] {
            let name = format!("{expected} {verbosity}");
            assert!(seen.contains(&name), "{name}: the secret was never in play; it was in {seen:#?}");
        }
    }
}

/// Writes an auth file of its own for a thread.
fn thread_file(vault: &Vault, host: &str, entry: &Value) -> std::path::PathBuf {
    static LOCK: Mutex<()> = Mutex::new(());
    let _turn = LOCK.lock().expect("no holder of this lock panics");
    vault.auth_file(host, entry)
}

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// The manifest, once the login was shown.
    Manifest,
    /// The same, for `inspect`.
    ManifestInspected,
    /// The same, for `pick`.
    ManifestPicked,
    /// The referrers, for `referrers`.
    Referrers,
    /// The tag that stands in for them, for `referrers`.
    ReferrersByTag,
    /// The rest of a blob, at the store that signed addresses lead to.
    Range,
    /// The blob, at the store.
    Store,
    /// The tags, which are listed when the one that was asked for is missing.
    Tags,
    /// The tags, for `tags`.
    TagsListed,
    /// The token server.
    Token,
}

impl Place {
    /// The verb that comes by there, and what it asks for.
    fn question(self) -> (&'static str, &'static str) {
        match self {
            Self::ManifestInspected => ("inspect", ":v1"),
            Self::ManifestPicked => ("pick", ":v1"),
            Self::Referrers | Self::ReferrersByTag => ("referrers", ":v1"),
            Self::Tags => ("pull", ":v2"),
            Self::TagsListed => ("tags", ""),
            _ => ("pull", ":v1"),
        }
    }
}

fn places(fault: &Fault) -> &'static [Place] {
    match fault.number() {
        14..=17 | 19..=22 => &[Place::Range],
        34..=38 => &[Place::Token],
        46 | 47 => &[Place::Store],
        // It keeps both sides busy for seconds.
        50 => &[Place::Manifest],
        59 | 60 | 62 | 78..=82 | 88 => &[Place::Tags, Place::TagsListed, Place::Referrers],
        // So is this, unless the list is wanted for what is near.
        61 => &[Place::Tags],
        83 | 85..=87 => &[Place::Referrers, Place::ReferrersByTag],
        // A table of what is there is no message, and may hold what is there: see the echoes.
        89 => &[Place::Manifest, Place::ManifestPicked, Place::Store, Place::Referrers, Place::ReferrersByTag],
        84 | 90 => &[
            Place::Manifest,
            Place::ManifestInspected,
            Place::ManifestPicked,
            Place::Store,
            Place::TagsListed,
            Place::Referrers,
            Place::ReferrersByTag,
        ],
        _ => &[Place::Manifest, Place::Store],
    }
}

/// Which logins are tried there: each way to ask for a token at the token server, and one way elsewhere.
fn logins_at(place: Place) -> &'static [usize] {
    match place {
        Place::Token => &[0, 1],
        Place::Range | Place::Store => &[1],
        _ => &[0],
    }
}

/// A registry with a token server, whose blobs are at a store behind signed addresses.
struct World {
    registry: LyingRegistry,
    store: Origin,
}

impl World {
    fn new(place: Place, fault: &Fault) -> Self {
        // Small: some faults send it byte by byte.
        let document = Image::titled("disk.raw", "payload ".repeat(50));
        let store = Origin::start();
        store.offer_blobs("acme/disk", &document);
        let rules = Bearer::user(USER, PASSWORD).with_identity_token(IDENTITY_TOKEN);
        let access = Access::Bearer(rules);
        let registry = LyingRegistry::builder().access(access).blobs_at(&store.url("")).start();
        registry.publish("acme/disk", "v1", &document);
        let always = |which| Matcher::new(which).always();
        match place {
            // The first request carries no login, and is asked for one.
            Place::Manifest | Place::ManifestInspected | Place::ManifestPicked => {
                registry.script(always(Which::Manifest).skip(1), fault.clone());
            }
            Place::Referrers => registry.script(always(Which::Referrers), fault.clone()),
            Place::ReferrersByTag => {
                registry.script(Matcher::new(Which::Referrers), Fault::ReferrersAbsent { status: 404 });
                registry.script(always(Which::Manifest).skip(2), fault.clone());
            }
            Place::Range => {
                store.script(Matcher::new(Which::Redirected), Fault::CutBody { after: 100 });
                store.script(always(Which::Redirected), fault.clone());
            }
            Place::Store => store.script(always(Which::Redirected), fault.clone()),
            // The first request of this verb carries no login.
            Place::TagsListed => registry.script(always(Which::Tags).skip(1), fault.clone()),
            Place::Tags => registry.script(always(Which::Tags), fault.clone()),
            Place::Token => registry.script(always(Which::Token), fault.clone()),
        }
        Self { registry, store }
    }

    fn run(&self, place: Place, fault: &Fault, folder: &Path) -> Run {
        let (verb, rest) = place.question();
        let reference = self.registry.reference(&format!("acme/disk{rest}"));
        // What never begins or never ends is waited for, and keeps both sides busy: once is enough. Elsewhere a busy
        // machine must not be mistaken for a slow server.
        let waited_for = matches!(fault, Fault::StallBeforeHeaders) || fault.name().starts_with("Endless");
        let options = if waited_for {
            ["--retries=0", "--response-timeout=2s"]
        } else {
            ["--retries=1", "--response-timeout=30s"]
        };
        let run = if verb == "pull" { pull(&reference, folder) } else { unlade().args([verb, &reference]) };
        run.args(options).args(["--stall-timeout=500ms", "--min-rate=0"])
    }
}

#[test]
fn no_fault_tells_a_secret() {
    let secrets = Secrets::all();
    let vault = Vault::new();
    let mut jobs = Vec::new();
    for fault in Fault::examples() {
        for place in places(&fault) {
            for login in logins_at(*place) {
                jobs.extend(["-v", "-vv"].map(|verbosity| (fault.clone(), *place, *login, verbosity)));
            }
        }
    }
    assert!(jobs.len() >= 2 * Fault::ALL.len());
    spread(jobs, |(fault, place, login, verbosity)| {
        let world = World::new(place, &fault);
        let (login, entry, shown) = &logins()[login];
        let name = format!("F{} {} at {place:?} with {login} {verbosity}", fault.number(), fault.name());
        let file = thread_file(&vault, &world.registry.host(), entry);
        let folder = folder();
        let run = world.run(place, &fault, folder.path()).arg(verbosity).arg("--authfile").arg(&file);
        let outcome = run.run();
        secrets.assert_kept(&outcome, &[run.home(), folder.path()], &name);
        assert!(world.registry.saw_text(shown), "{name}: the login was never in play: {}", outcome.stderr);
        if matches!(place, Place::Range | Place::Store) {
            assert!(world.store.recorder().saw_text(SIGNATURE), "{name}: the signature was never in play");
            assert!(!world.store.recorder().saw_text(shown), "{name}: the store saw the login");
            assert!(!world.store.recorder().saw_text("token-"), "{name}: the store saw a token");
        }
    });
}
