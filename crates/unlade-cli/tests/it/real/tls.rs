//! TLS as nginx speaks it, with certificates of every kind.

use unlade_testkit::document::{Image, OCI_MANIFEST};
use unlade_testkit::real::{DockerRegistry, Nginx, openssl_self_signed};
use unlade_testkit::tls::{Authority, LOOPBACK_NAMES, Validity};

use super::{assert_pulls, assert_pulls_with, assert_refuses, here, kernel, registry_with};
use crate::common::folder;

const SECURE: &str = "--plain-http=false";
const NAMES: &str = "subjectAltName=IP:127.0.0.1,DNS:localhost";

fn reference(host: &str) -> String {
    format!("{host}/site/disk:v1")
}

/// Gives the text of a path, for an option.
fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn an_authority_that_the_user_gives_is_believed() {
    let (payload, authority) = (kernel(), Authority::new());
    let registry = registry_with(&payload);
    let nginx = here(Nginx::before(registry.address()).tls(&authority.server()).start());
    let stranger = Authority::new();
    let (ca, other) = (text(&authority.file()), text(&stranger.file()));
    for host in [nginx.host(), nginx.host().replace("127.0.0.1", "localhost")] {
        assert_pulls(&reference(&host), &["--ca-file", &ca], &payload);
    }
    assert_pulls(&reference(&nginx.host()), &["--ca-file", &other, "--ca-file", &ca], &payload);
    assert_pulls_with(|run| run.env("UNLADE_CA_FILE", &ca), &reference(&nginx.host()), &payload);
    // The system's authorities are where OpenSSL's variable says.
    assert_pulls_with(|run| run.arg(SECURE).env("SSL_CERT_FILE", &ca), &reference(&nginx.host()), &payload);
    assert!(nginx.requests().iter().all(|request| request.status == 200));
}

#[test]
fn a_certificate_of_a_plain_openssl_command_is_its_own_authority() {
    let (payload, mine, stranger) = (kernel(), folder(), folder());
    let registry = registry_with(&payload);
    let (certificate, key) = here(openssl_self_signed(mine.path(), &[NAMES]));
    let (other, _) = here(openssl_self_signed(stranger.path(), &[NAMES]));
    let nginx = here(Nginx::before(registry.address()).tls_files(&certificate, &key).start());
    let (certificate, other) = (text(&certificate), text(&other));
    for host in [nginx.host(), nginx.host().replace("127.0.0.1", "localhost")] {
        assert_pulls(&reference(&host), &["--ca-file", &certificate], &payload);
    }
    let seen = nginx.requests().len();
    assert_refuses(&reference(&nginx.host()), &["--ca-file", &other], "Tls", 6);
    assert_refuses(&reference(&nginx.host()), &[SECURE], "Tls", 6);
    assert_eq!(nginx.requests().len(), seen);
}

#[test]
fn a_certificate_that_is_its_own_authority_must_have_the_right_name_and_date() {
    let (payload, mine, authority) = (kernel(), folder(), Authority::new());
    let registry = registry_with(&payload);
    // Nobody looks at the common name any more: a certificate without other names has none.
    for extensions in [&["subjectAltName=DNS:registry.example"][..], &[]] {
        let (certificate, key) = here(openssl_self_signed(mine.path(), extensions));
        let misnamed = here(Nginx::before(registry.address()).tls_files(&certificate, &key).start());
        assert_refuses(&reference(&misnamed.host()), &["--ca-file", &text(&certificate)], "Tls", 6);
        assert_eq!(misnamed.requests(), []);
    }
    let identity = authority.self_signed_for(&LOOPBACK_NAMES, Validity::Expired);
    let expired = here(Nginx::before(registry.address()).tls(&identity).start());
    assert_refuses(&reference(&expired.host()), &["--ca-file", &text(&identity.certificate)], "Tls", 6);
    assert_eq!(expired.requests(), []);
}

#[test]
fn a_self_signed_certificate_that_is_no_authority_is_believed_too() {
    let (payload, mine) = (kernel(), folder());
    let registry = registry_with(&payload);
    let extensions = [NAMES, "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth"];
    let (certificate, key) = here(openssl_self_signed(mine.path(), &extensions));
    let nginx = here(Nginx::before(registry.address()).tls_files(&certificate, &key).start());
    assert_pulls(&reference(&nginx.host()), &["--ca-file", &text(&certificate)], &payload);
}

#[test]
fn a_bundle_of_authorities_may_hold_words_too() {
    let (payload, authority, keys) = (kernel(), Authority::new(), folder());
    let registry = registry_with(&payload);
    let nginx = here(Nginx::before(registry.address()).tls(&authority.server()).start());
    let stranger = std::fs::read_to_string(Authority::new().file()).unwrap();
    let own = std::fs::read_to_string(authority.file()).unwrap();
    let bundle = super::write(&keys, "bundle", format!("# a stranger\r\n{stranger}\nsubject=ours\n{own}"));
    assert_pulls(&reference(&nginx.host()), &["--ca-file", &bundle], &payload);
}

#[test]
fn certificates_that_prove_nothing_are_refused_unless_nobody_is_to_look() {
    let (payload, authority) = (kernel(), Authority::new());
    let registry = registry_with(&payload);
    let ca = text(&authority.file());
    for (name, identity, hint) in [
        ("another authority", Authority::new().server(), Some("--ca-file")),
        ("another name", authority.server_for(&["registry.example"], Validity::Now), None),
        ("too late", authority.server_for(&LOOPBACK_NAMES, Validity::Expired), None),
        ("too early", authority.server_for(&LOOPBACK_NAMES, Validity::Future), None),
    ] {
        let nginx = here(Nginx::before(registry.address()).tls(&identity).start());
        let refused = assert_refuses(&reference(&nginx.host()), &["--ca-file", &ca], "Tls", 6);
        assert_eq!(refused["attempts"], 1, "{name}: certificate errors are final: {refused}");
        if let Some(hint) = hint {
            assert!(refused["hint"].as_str().is_some_and(|text| text.contains(hint)), "{name}: {refused}");
        }
        assert_eq!(nginx.requests(), [], "{name}");
        assert_pulls(&reference(&nginx.host()), &["--insecure-skip-tls-verify"], &payload);
    }
}

#[test]
fn an_old_version_is_spoken_unless_a_newer_one_is_asked_for() {
    let (payload, authority) = (kernel(), Authority::new());
    let registry = registry_with(&payload);
    let front = Nginx::before(registry.address()).tls(&authority.server());
    let (old, new) = (
        here(front.clone().directive("ssl_protocols TLSv1.2").start()),
        here(front.directive("ssl_protocols TLSv1.3").start()),
    );
    let ca = text(&authority.file());
    assert_pulls(&reference(&old.host()), &["--ca-file", &ca], &payload);
    assert_pulls(&reference(&new.host()), &["--ca-file", &ca, "--tls-min=1.3"], &payload);
    let refused = assert_refuses(&reference(&old.host()), &["--ca-file", &ca, "--tls-min=1.3"], "Tls", 6);
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("--tls-min")), "{refused}");
}

#[test]
fn a_client_shows_its_certificate_where_one_is_asked_for() {
    let (payload, authority) = (kernel(), Authority::new());
    let registry = registry_with(&payload);
    let front = Nginx::before(registry.address()).tls(&authority.server());
    let nginx = here(front.requiring_clients_of(&authority.file()).start());
    let (ca, client) = (text(&authority.file()), authority.client("tester"));
    let (certificate, key) = (text(&client.certificate), text(&client.key));
    let shown = ["--ca-file", &ca, "--cert-file", &certificate, "--key-file", &key];
    assert_pulls(&reference(&nginx.host()), &shown, &payload);
    assert!(nginx.requests().iter().all(|request| request.client_certificate.as_deref() == Some("SUCCESS")));
    // nginx says this with 400 and a web page.
    let refused = assert_refuses(&reference(&nginx.host()), &["--ca-file", &ca], "Rejected", 1);
    assert_eq!(refused["status"], 400);
}

#[test]
fn a_server_that_is_taken_for_the_other_kind_gets_the_hint() {
    let (payload, authority) = (kernel(), Authority::new());
    let registry = registry_with(&payload);
    let nginx = here(Nginx::before(registry.address()).tls(&authority.server()).start());
    let refused = assert_refuses(&reference(&nginx.host()), &[], "Rejected", 1);
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("--plain-http=false")), "{refused}");
    let refused = assert_refuses(&reference(&registry.host()), &[SECURE], "Tls", 6);
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("--plain-http")), "{refused}");
}

#[test]
fn an_upload_through_tls_comes_back() {
    let (payload, authority) = (kernel(), Authority::new());
    let registry = here(DockerRegistry::plain());
    let nginx = here(Nginx::before(registry.address()).tls(&authority.server()).start());
    let client = nginx.client().tls(authority.client_config());
    let uploaded = Image::titled("linux", payload.clone());
    unlade_testkit::real::http_push(&client, "site/disk", "v1", &uploaded);
    let (host, ca) = (nginx.host(), text(&authority.file()));
    assert_pulls(&format!("{host}/site/disk@{}", uploaded.digest()), &["--ca-file", &ca], &payload);
    let described = crate::common::unlade().args(["manifest", &reference(&host), "--ca-file", &ca, "--json"]).run();
    described.assert_code(0);
    assert_eq!(super::document(&described)["media_type"], OCI_MANIFEST);
}
