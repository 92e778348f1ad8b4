//! What a case is played on: a registry, another origin, a login, and a question.

use std::path::Path;

use unlade_testkit::content::shared;
use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::process::Run;
use unlade_testkit::tls::Authority;
use unlade_testkit::{Access, Bearer, CanaryOrigin, LyingRegistry, Origin, ReceivedRequest};

use crate::common::unlade;

pub(super) const REPOSITORY: &str = "os/disk";
const USER: &str = "tester";
const PASSWORD: &str = "hunter2-password";
const IDENTITY: &str = "hunter2-identity";

/// What no other origin may see, and no output may show.
pub(super) const SECRETS: [&str; 3] = [PASSWORD, IDENTITY, "secret-signature"];

/// The type of the newest referrer.
pub(super) const NEWEST: &str = "application/x-signature";

/// How the registry asks who is there; the user always has the login that is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Login {
    /// User and password, shown to the registry.
    Basic,
    /// User and password, shown to the token server.
    Bearer,
    /// An identity token, shown to the token server.
    Identity,
    /// It does not ask.
    Nobody,
    /// It wants a token that everybody gets.
    Token,
}

/// What is asked of the command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Question {
    /// `pull` of a digest.
    Digest,
    /// `pull` of a tag that names an index.
    Index,
    /// `pull` of a tag that is not there; `v1` is.
    MissingTag,
    /// `blob`, whose size the command does not know.
    RawBlob,
    /// `referrers` of a tag.
    Referrers,
    /// `referrers --latest` of a tag.
    LatestReferrer,
    /// `digest` of a tag.
    Resolve,
    /// `pull` of a tag.
    Tag,
    /// `tags` of the repository, which has two.
    Tags,
}

/// Whether the other origin has a part of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Elsewhere {
    /// It is where nobody is to bring a credential.
    Canary,
    /// The registry keeps its blobs there.
    Store,
    /// The same, and it takes tokens of its own.
    StoreWithTokens,
}

/// The scene before any lie.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) login: Login,
    pub(super) question: Question,
    pub(super) elsewhere: Elsewhere,
    pub(super) size: usize,
    pub(super) tls: bool,
}

/// Where the servers are, for lies that name a place.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// `http://127.0.0.1:PORT` of the registry.
    pub(super) registry: String,
    /// `http://127.0.0.1:PORT` of the other origin.
    pub(super) elsewhere: String,
    /// The path of the blob at the registry.
    pub(super) blob: String,
    /// The path of the blob at a store.
    pub(super) signed: String,
}

impl Places {
    /// Makes up places, for looking at lies without telling them.
    pub(super) fn example() -> Self {
        let [registry, elsewhere, blob, signed] = ["http://127.0.0.1:1", "http://127.0.0.1:2", "/blob", "/signed/x"];
        Self {
            registry: registry.to_owned(),
            elsewhere: elsewhere.to_owned(),
            blob: blob.to_owned(),
            signed: signed.to_owned(),
        }
    }

    /// The registry under another name: another host to all who compare names.
    pub(super) fn registry_by_name(&self) -> String {
        self.registry.replace("127.0.0.1", "localhost")
    }

    /// The other origin under another host's name than the registry's.
    pub(super) fn elsewhere_by_name(&self) -> String {
        self.elsewhere.replace("127.0.0.1", "localhost")
    }
}

enum Other {
    Canary(CanaryOrigin),
    Store(Origin),
}

impl Other {
    fn origin(&self) -> &Origin {
        match self {
            Self::Canary(canary) => canary.origin(),
            Self::Store(origin) => origin,
        }
    }
}

/// The servers of one run.
pub(super) struct World {
    pub(super) registry: LyingRegistry,
    other: Other,
    authority: Option<Authority>,
    document: Document,
    setup: Setup,
}

impl World {
    pub(super) fn start(setup: &Setup) -> Self {
        let authority = setup.tls.then(Authority::new);
        let tls = || authority.as_ref().map(|authority| authority.server().server_config());
        let origin = Origin::start_with(unlade_testkit::Binding::V4, tls());
        let mut builder = LyingRegistry::builder().access(access(setup.login));
        if let Some(config) = tls() {
            builder = builder.tls(config);
        }
        if setup.elsewhere != Elsewhere::Canary {
            builder = builder.blobs_at(&origin.url(""));
        }
        let registry = builder.start();
        let leaf = Image::titled("disk.raw", shared(1, setup.size));
        let root = match setup.question {
            Question::Index => Index::two_architectures(Image::untitled("of amd64"), leaf.clone()),
            _ => leaf.clone(),
        };
        registry.publish(REPOSITORY, "v1", &root);
        match setup.question {
            Question::Tags => registry.publish(REPOSITORY, "v2", &root),
            Question::LatestReferrer | Question::Referrers => publish_referrers(&registry, &leaf),
            _ => {}
        }
        origin.offer_blobs(REPOSITORY, &leaf);
        origin.offer("/token", r#"{"token":"token-of-elsewhere"}"#);
        origin.offer("/manifest", leaf.bytes.clone());
        origin.offer("/v2/project/os/disk/tags/list", r#"{"name":"project/os/disk","tags":["v0"]}"#);
        let other = match setup.elsewhere {
            Elsewhere::StoreWithTokens => Other::Store(origin),
            _ => Other::Canary(CanaryOrigin::new(origin, &SECRETS[..2])),
        };
        Self { registry, other, authority, document: leaf, setup: setup.clone() }
    }

    pub(super) fn places(&self) -> Places {
        let digest = unlade_testkit::content::digest(self.payload());
        Places {
            registry: self.registry.url(""),
            elsewhere: self.elsewhere().url(""),
            blob: format!("/v2/{REPOSITORY}/blobs/{digest}"),
            signed: format!("/signed/{REPOSITORY}/{digest}"),
        }
    }

    pub(super) fn elsewhere(&self) -> &Origin {
        self.other.origin()
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.document.payload()
    }

    /// The digest of the manifest.
    pub(super) fn digest(&self) -> String {
        self.document.digest()
    }

    /// Writes the command that asks the question, with its file in a folder.
    pub(super) fn command(&self, folder: &Path) -> Run {
        let blob = unlade_testkit::content::digest(self.payload());
        let (verb, rest) = match self.setup.question {
            Question::Digest => ("pull", format!("@{}", self.document.digest())),
            Question::MissingTag => ("pull", ":v2".to_owned()),
            Question::LatestReferrer | Question::Referrers => ("referrers", ":v1".to_owned()),
            Question::RawBlob => ("blob", format!("@{blob}")),
            Question::Resolve => ("digest", ":v1".to_owned()),
            Question::Index | Question::Tag => ("pull", ":v1".to_owned()),
            Question::Tags => ("tags", String::new()),
        };
        let mut run = unlade().args([verb, &self.registry.reference(&format!("{REPOSITORY}{rest}"))]);
        // A blob leaves no room for a document on stdout.
        run = run.arg(if self.setup.question == Question::RawBlob { "--progress=json" } else { "--json" });
        if self.setup.question.is_pull() {
            run = run.arg("-o").arg(folder.join("out.img"));
        }
        match self.setup.question {
            Question::Index => run = run.args(["--platform", "linux/arm64"]),
            Question::LatestReferrer => run = run.arg("--latest"),
            _ => {}
        }
        if let Some(authority) = &self.authority {
            run = run.arg("--ca-file").arg(authority.file());
        }
        match self.secret() {
            None => run,
            Some(secret) => run.args(["--pull-secret-file", "-"]).stdin(secret),
        }
    }

    fn secret(&self) -> Option<String> {
        match self.setup.login {
            Login::Basic | Login::Bearer => Some(format!("{USER}:{PASSWORD}")),
            Login::Identity => {
                Some(format!(r#"{{"auths":{{"{}":{{"identitytoken":"{IDENTITY}"}}}}}}"#, self.registry.host()))
            }
            Login::Nobody | Login::Token => None,
        }
    }

    /// Fails if a server saw what it should not see, whatever the case.
    #[track_caller]
    pub(super) fn assert_decent(&self) {
        for request in self.registry.requests().iter().chain(&self.elsewhere().recorder().requests()) {
            assert_decent(request);
        }
        for secret in &SECRETS[..2] {
            assert!(!self.elsewhere().recorder().saw_text(secret), "another origin saw the login");
        }
        if let Other::Canary(canary) = &self.other {
            canary.assert_no_credentials();
        }
        self.registry.assert_script_used();
        self.elsewhere().assert_script_used();
    }
}

impl Question {
    pub(super) fn is_pull(self) -> bool {
        !matches!(self, Self::LatestReferrer | Self::RawBlob | Self::Referrers | Self::Resolve | Self::Tags)
    }

    fn requests(self) -> &'static [&'static str] {
        match self {
            Self::Digest => &["manifest@", "blob"],
            Self::Index => &["manifest", "manifest@", "blob"],
            Self::MissingTag => &["manifest", "tags"],
            Self::LatestReferrer => &["manifest", "referrers", "manifest@"],
            Self::RawBlob => &["blob"],
            Self::Referrers => &["manifest", "referrers"],
            Self::Resolve => &["manifest"],
            Self::Tag => &["manifest", "blob"],
            Self::Tags => &["tags"],
        }
    }
}

impl Setup {
    /// Says whether the blob is so large that it comes over several connections.
    pub(super) fn is_parallel(&self) -> bool {
        self.size > 16 << 20
    }

    /// The requests that the registry sees when nobody lies.
    pub(super) fn honest_requests(&self) -> Vec<String> {
        let requests = self.question.requests();
        let (token, scheme) = match self.login {
            Login::Basic => (None, " +Basic"),
            Login::Bearer => (Some("token +Basic"), " +Bearer"),
            Login::Identity => (Some("POST token"), " +Bearer"),
            Login::Nobody => return requests.iter().map(|&line| line.to_owned()).collect(),
            Login::Token => (Some("token"), " +Bearer"),
        };
        let challenged = requests[..1].iter().copied().chain(token).map(str::to_owned);
        challenged.chain(requests.iter().map(|line| format!("{line}{scheme}"))).collect()
    }

    /// The requests that the other origin sees when nobody lies.
    pub(super) fn honest_requests_elsewhere(&self) -> Vec<String> {
        if self.elsewhere == Elsewhere::Canary { Vec::new() } else { vec!["signed".to_owned()] }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self { login: Login::Nobody, question: Question::Tag, elsewhere: Elsewhere::Canary, size: 100_000, tls: false }
    }
}

/// Two referrers, of which the second is the newer, and what refers to something else; and the index of all three that
/// a publisher keeps for registries without the API.
fn publish_referrers(registry: &LyingRegistry, subject: &Document) {
    let all = [
        ("application/x-sbom", referrer(subject, "application/x-sbom", "2024-05-01T00:00:00Z")),
        (NEWEST, referrer(subject, NEWEST, "2024-05-02T00:00:00Z")),
        (NEWEST, foreign()),
    ];
    let index = all.into_iter().fold(Index::new(), |index, (kind, referrer)| {
        registry.put(REPOSITORY, &referrer);
        index.entry(referrer).override_entry("artifactType", kind.into())
    });
    registry.publish(REPOSITORY, &subject.digest().replace(':', "-"), &index.build());
}

/// What refers to something else.
pub(super) fn foreign() -> Document {
    referrer(&Image::untitled("another subject"), NEWEST, "2024-05-03T00:00:00Z")
}

fn referrer(subject: &Document, kind: &str, created: &str) -> Document {
    Image::new().subject(subject).artifact_type(kind).annotate("org.opencontainers.image.created", created).build()
}

fn access(login: Login) -> Access {
    match login {
        Login::Basic => Access::basic(USER, PASSWORD),
        Login::Bearer => Access::Bearer(Bearer::user(USER, PASSWORD)),
        Login::Identity => Access::Bearer(Bearer::user(USER, PASSWORD).with_identity_token(IDENTITY)),
        Login::Nobody => Access::Anonymous,
        Login::Token => Access::Bearer(Bearer::anonymous()),
    }
}

/// Checks what holds for every request: bytes as they are, no cookie, and no scope but the repository's own.
#[track_caller]
fn assert_decent(request: &ReceivedRequest) {
    let what = format!("{} {}", request.method, request.path);
    if !request.headers.is_empty() {
        assert_eq!(request.header("accept-encoding"), Some("identity"), "{what}");
        assert_eq!(request.header("cookie"), None, "{what}");
    }
    if request.path == "/token" {
        let scope = format!("repository:{REPOSITORY}:pull");
        let posted = String::from_utf8_lossy(&request.body).into_owned();
        let asked = request.query_value("scope").map_or(posted, str::to_owned);
        let own = asked == scope || asked.split('&').any(|pair| pair == "scope=repository%3Aos%2Fdisk%3Apull");
        assert!(own, "{what} asks for {asked}");
    }
}
