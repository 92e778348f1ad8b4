//! The secrets, and the search for them in any disguise.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use tempfile::TempDir;
use unlade_testkit::content::digest;
use unlade_testkit::percent_decode;
use unlade_testkit::process::{Outcome, Run, files};
use unlade_testkit::tls::Authority;

use crate::bad_input::access::WRONG_PASSWORD;

pub(super) const USER: &str = "canary-user";
/// With every character that is written in another way in a URL.
pub(super) const PASSWORD: &str = "canary/pass+word=&%:?~x";
pub(super) const IDENTITY_TOKEN: &str = "canary/identity+token=";
pub(super) const REGISTRY_TOKEN: &str = "canary-registry.token/+=";
pub(super) const BARE_TOKEN: &str = "canary-bare-token";
/// What [`blobs_at`](unlade_testkit::LyingRegistryBuilder::blobs_at) puts into signed addresses.
pub(super) const SIGNATURE: &str = "secret-signature";

/// How many tokens of a registry are looked for; none gives more in a test.
const TOKENS: usize = 40;

/// All that must not be told, by what it is, in each disguise.
pub(super) struct Secrets(Vec<(String, Vec<String>)>);

impl Secrets {
    pub(super) fn all() -> Self {
        let fixed = [
            ("the password", PASSWORD),
            ("the identity token", IDENTITY_TOKEN),
            ("the registry token", REGISTRY_TOKEN),
            ("the bare token", BARE_TOKEN),
            ("the signature", SIGNATURE),
            ("the wrong password", WRONG_PASSWORD),
        ];
        let fixed = fixed.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let login = ("user and password".to_owned(), format!("{USER}:{PASSWORD}"));
        let issued = (1..=TOKENS).map(|count| {
            let token = format!("token-{count}-{}", digest(&count.to_le_bytes()));
            (format!("token {count} of the registry"), token)
        });
        let all = fixed.into_iter().chain([login]).chain(issued);
        Self(all.map(|(name, secret)| (name, disguises(&secret))).collect())
    }

    /// Adds each line of a private key.
    pub(super) fn with_key(mut self, key: &Path) -> Self {
        let pem = fs::read_to_string(key).expect("read the key");
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        self.0.extend(lines.map(|line| ("the client's key".to_owned(), disguises(line))));
        self
    }

    /// Names the secrets that some bytes hold: as they are, in base64, percent-encoded, or as a list of numbers.
    pub(super) fn held_by(&self, bytes: &[u8]) -> Vec<&str> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let places = [percent_decode(&text), percent_decode(&text.replace('+', " ")), text];
        let holds = |needle: &String| places.iter().any(|place| place.contains(needle));
        self.0.iter().filter(|(_, needles)| needles.iter().any(holds)).map(|(name, _)| name.as_str()).collect()
    }

    /// Fails if what a run wrote or left below some folders holds a secret.
    #[track_caller]
    pub(super) fn assert_kept(&self, outcome: &Outcome, folders: &[&Path], name: &str) {
        assert!(!outcome.stderr.contains("panicked") && outcome.code != Some(101), "{name}: {}", outcome.stderr);
        assert!(outcome.code.is_some(), "{name}: died of a signal: {}", outcome.stderr);
        let told = self.held_by(outcome.stderr.as_bytes());
        assert!(told.is_empty(), "{name}: stderr tells {told:?}:\n{}", outcome.stderr);
        let told = self.held_by(&outcome.stdout);
        assert!(told.is_empty(), "{name}: stdout tells {told:?}:\n{}", outcome.stdout_text());
        for folder in folders {
            for file in files(folder) {
                let mut content = file.clone().into_bytes();
                content.extend(fs::read(folder.join(&file)).expect("read what a run left behind"));
                let told = self.held_by(&content);
                assert!(told.is_empty(), "{name}: the file {file} tells {told:?}");
            }
        }
    }
}

/// Writes a secret in every way in which it could hide in a text that is not encoded as a whole.
fn disguises(secret: &str) -> Vec<String> {
    let mut all = vec![secret.to_owned()];
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        all.extend((0..3).map(|lead| encoded(engine, lead, secret)));
    }
    let numbers = format!("{:?}", secret.as_bytes());
    all.push(numbers.trim_matches(['[', ']']).to_owned());
    all.push(hex(secret, ""));
    all
}

/// Writes each byte as two digits behind a sign: `%` makes what a URL has.
pub(super) fn hex(secret: &str, sign: &str) -> String {
    secret.bytes().map(|byte| [sign.to_owned(), format!("{byte:02x}")].concat()).collect::<Vec<_>>().concat()
}

/// Encodes a secret behind so many other bytes, and keeps what they and the bytes behind it do not change.
fn encoded(engine: &GeneralPurpose, lead: usize, secret: &str) -> String {
    let text = engine.encode([vec![0; lead], secret.as_bytes().to_vec()].concat());
    let (start, end) = ((lead * 8).div_ceil(6), (lead + secret.len()) * 8 / 6);
    text[start..end].to_owned()
}

/// Files with secrets, in a folder that no run writes to.
pub(super) struct Vault {
    folder: TempDir,
    pub(super) authority: Authority,
}

impl Vault {
    pub(super) fn new() -> Self {
        Self { folder: crate::common::folder(), authority: Authority::new() }
    }

    /// Writes an auth file with one entry.
    pub(super) fn auth_file(&self, host: &str, entry: &serde_json::Value) -> PathBuf {
        let path = self.folder.path().join(format!("{}.json", files(self.folder.path()).len()));
        let text = serde_json::json!({ "auths": { host: entry } }).to_string();
        fs::write(&path, text).expect("write an auth file");
        path
    }

    /// The usual entry of user and password.
    pub(super) fn login() -> serde_json::Value {
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
        serde_json::json!({ "auth": login })
    }
}

/// Runs with each verbosity, and keeps the home of each run for the search.
pub(super) fn at_each_verbosity(run: impl Fn() -> Run, each: impl Fn(&Run, &Outcome, &str)) {
    for verbosity in ["-v", "-vv"] {
        let run = run().arg(verbosity);
        let outcome = run.run();
        each(&run, &outcome, verbosity);
    }
}

#[test]
fn a_secret_is_found_in_every_disguise() {
    let secrets = Secrets::all();
    let engine = base64::engine::general_purpose::STANDARD;
    let form = "password=canary%2fpass%2bword%3D%26%25%3A%3f~x&x=y";
    for place in [
        format!("x {PASSWORD} y"),
        hex(PASSWORD, "%"),
        hex(PASSWORD, "%").to_uppercase(),
        hex(PASSWORD, ""),
        form.to_owned(),
        format!("{:?}", PASSWORD.as_bytes()),
        format!("Authorization: Basic {}", engine.encode(format!("{USER}:{PASSWORD}"))),
        engine.encode(format!("a{PASSWORD}b")),
        engine.encode(format!("ab{PASSWORD}")),
        engine.encode(format!("abc{PASSWORD}cd")),
        URL_SAFE_NO_PAD.encode(format!("\u{ff}{PASSWORD}\u{ff}")),
    ] {
        assert!(secrets.held_by(place.as_bytes()).contains(&"the password"), "{place}");
    }
    assert!(
        secrets.held_by(b"Bearer token-1-sha256:7c9fa136d4413fa6173637e883b6998d32e1d675f88cddff9dcbcf331820f4b8")
            == ["token 1 of the registry"]
    );
    assert!(secrets.held_by(b"canary pass word, Basic Y2FuYXJ5").is_empty());
}
