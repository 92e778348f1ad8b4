//! Registries that do not let one in, or have not what is asked for.

use unlade_testkit::content::digest;
use unlade_testkit::document::Image;
use unlade_testkit::{Access, Bearer, Fault, LyingRegistry, Matcher, RetryAfter, Which};

use super::Row;
use crate::common::{disk, registry_of};

pub(super) const ROWS: &[fn() -> Row] = &[
    no_challenge,
    unknown_scheme,
    wrong_password,
    wrong_password_for_a_token,
    password_wanted,
    token_wanted,
    forbidden,
    missing_repository,
    missing_repository_that_is_kept_secret,
    missing_tag,
    missing_tag_unlike_any,
    missing_digest,
    missing_blob,
    come_back_tomorrow,
];

#[test]
fn each_row_says_what_is_wrong() {
    for row in ROWS {
        row().check();
    }
}

fn lying(which: Which, fault: Fault) -> LyingRegistry {
    let registry = registry_of(&disk());
    registry.script(Matcher::new(which).always(), fault);
    registry
}

fn guarded(access: Access) -> LyingRegistry {
    let registry = LyingRegistry::builder().access(access).start();
    registry.publish("acme/disk", "v1", &disk());
    registry
}

/// What [`wrong_secret`] gives as a password; a secret like any other.
pub(crate) const WRONG_PASSWORD: &str = "canary/wrong+password";

/// The option that gives a pull secret which no registry here accepts.
fn wrong_secret() -> [String; 2] {
    static FILE: std::sync::LazyLock<tempfile::NamedTempFile> = std::sync::LazyLock::new(|| {
        let file = tempfile::NamedTempFile::new().expect("make a file");
        std::fs::write(file.path(), format!("tester:{WRONG_PASSWORD}")).expect("write a pull secret");
        file
    });
    ["--pull-secret-file".to_owned(), FILE.path().display().to_string()]
}

fn no_challenge() -> Row {
    Row::new("401 without a challenge", lying(Which::Manifest, Fault::UnauthorizedWithoutChallenge)).says(
        4,
        "Unauthorized",
        "error: cannot read the manifest v1 of HOST/acme/disk: \
             HOST answered 401 unauthorized; UNAUTHORIZED: authentication required\n  \
             caused by: it cannot be answered\n  \
             caused by: no challenge says in what form a login is wanted\n\
             hint: nothing on this side helps: the registry must ask for a login as Basic or as Bearer\n",
    )
}

fn unknown_scheme() -> Row {
    Row::new("an unknown scheme", lying(Which::Manifest, Fault::UnknownScheme)).says(
        4,
        "Unauthorized",
        "error: cannot read the manifest v1 of HOST/acme/disk: \
             HOST answered 401 unauthorized; UNAUTHORIZED: authentication required\n  \
             caused by: a login is wanted in a form that is not spoken here: Negotiate, Hoba\n\
             hint: nothing on this side helps: the registry must ask for a login as Basic or as Bearer\n",
    )
}

fn wrong_password() -> Row {
    Row::new("a wrong password", guarded(Access::basic("tester", "s3cret"))).with(wrong_secret()).says(
        4,
        "Unauthorized",
        "error: cannot read the manifest v1 of HOST/acme/disk: HOST answered 401 unauthorized; \
             UNAUTHORIZED: authentication required\n\
             hint: check the login, which came from the pull secret DIR\n",
    )
}

fn wrong_password_for_a_token() -> Row {
    Row::new("a wrong password for a token", guarded(Access::Bearer(Bearer::user("tester", "s3cret"))))
        .with(wrong_secret())
        .says(
            4,
            "Unauthorized",
            "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the token server HOST answered 401 unauthorized; UNAUTHORIZED: incorrect username \
             or password\n\
             hint: check the login, which came from the pull secret DIR\n",
        )
}

fn password_wanted() -> Row {
    Row::new("no password", guarded(Access::basic("tester", "s3cret"))).says(
        4,
        "Unauthorized",
        "error: cannot read the manifest v1 of HOST/acme/disk: \
             HOST answered 401 unauthorized; UNAUTHORIZED: authentication required\n  \
             caused by: a login is wanted, and none is known\n\
             hint: give a login with --pull-secret-file or --authfile; a registry may also answer so for \
             what does not exist\n",
    )
}

fn token_wanted() -> Row {
    Row::new("no password for a token", guarded(Access::Bearer(Bearer::user("tester", "s3cret")))).says(
        4,
        "Unauthorized",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the token server HOST answered 401 unauthorized; UNAUTHORIZED: incorrect username \
             or password\n\
             hint: give a login with --pull-secret-file or --authfile; a registry may also answer so for \
             what does not exist\n",
    )
}

fn forbidden() -> Row {
    let fault = Fault::ServerError { status: 403, retry_after: RetryAfter::Absent };
    Row::new("forbidden", lying(Which::Manifest, fault)).says(
        4,
        "Denied",
        "error: cannot read the manifest v1 of HOST/acme/disk: HOST answered 403 forbidden; UNKNOWN: \
             the server failed\n\
             hint: give a login with --pull-secret-file or --authfile; a registry may also answer so for what does not exist\n",
    )
}

fn missing_repository() -> Row {
    Row::new("a missing repository", registry_of(&disk())).asking_for("acme/nothing:v1").says(
        3,
        "NotFound",
        "error: cannot read the manifest v1 of HOST/acme/nothing: HOST answered 404 not found; \
             NAME_UNKNOWN: repository name not known to registry\n\
             hint: check the spelling of the repository, and of the tag or digest\n",
    )
}

fn missing_repository_that_is_kept_secret() -> Row {
    let registry = guarded(Access::Bearer(Bearer::anonymous()));
    let fault = Fault::InsufficientScope { scope: "repository:acme/nothing:pull".to_owned() };
    registry.script(Matcher::new(Which::Manifest).always(), fault);
    Row::new("a missing repository that is kept secret", registry).asking_for("acme/nothing:v1").says(
        4,
        "Unauthorized",
        "error: cannot read the manifest v1 of HOST/acme/nothing: HOST answered 401 unauthorized; \
             UNAUTHORIZED: authentication required\n\
             hint: give a login with --pull-secret-file or --authfile; a registry may also answer so for \
             what does not exist\n",
    )
}

fn missing_tag() -> Row {
    let registry = registry_of(&disk());
    for tag in ["v2", "v10", "latest", "2024-01-01"] {
        registry.publish("acme/disk", tag, &disk());
    }
    Row::new("a missing tag", registry).asking_for("acme/disk:v11").says(
        3,
        "NotFound",
        "error: cannot read the manifest v11 of HOST/acme/disk: HOST answered 404 not found; \
             MANIFEST_UNKNOWN: manifest unknown\n\
             hint: near names that exist: v1, v10, v2\n",
    )
}

fn missing_tag_unlike_any() -> Row {
    Row::new("a missing tag unlike any", registry_of(&disk())).asking_for("acme/disk:nightly").says(
        3,
        "NotFound",
        "error: cannot read the manifest nightly of HOST/acme/disk: HOST answered 404 not found; \
             MANIFEST_UNKNOWN: manifest unknown\n\
             hint: check the spelling of the repository, and of the tag or digest\n",
    )
}

fn missing_digest() -> Row {
    let rest = "acme/disk@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(rest.ends_with(&digest(b"")), "the digest of nothing");
    Row::new("a missing digest", registry_of(&disk())).asking_for(rest).says(
        3,
        "NotFound",
        "error: cannot read the manifest DIGEST of HOST/acme/disk: HOST answered 404 not found; \
             MANIFEST_UNKNOWN: manifest unknown\n\
             hint: check the spelling of the repository, and of the tag or digest\n",
    )
}

fn missing_blob() -> Row {
    let other = serde_json::Value::from(digest(b"other"));
    let image = Image::new().layer("a/b", "payload").override_layer("digest", other).build();
    Row::new("a missing blob", registry_of(&image)).says(
        3,
        "NotFound",
        "error: cannot fetch the blob DIGEST of HOST/acme/disk: HOST answered 404 not found; \
             BLOB_UNKNOWN: blob unknown to registry\n\
             hint: a part of the artifact is missing there: push it again\n",
    )
}

fn come_back_tomorrow() -> Row {
    let fault = Fault::TooManyRequests { retry_after: RetryAfter::Seconds(86_400) };
    Row::new("too many requests", lying(Which::Manifest, fault)).says(
        6,
        "RateLimited",
        "error: cannot read the manifest v1 of HOST/acme/disk: HOST answered 429 too many requests; \
             TOOMANYREQUESTS: too many requests, and asks to come back in 86400 s\n\
             hint: come back later, or log in for a higher limit\n",
    )
}
