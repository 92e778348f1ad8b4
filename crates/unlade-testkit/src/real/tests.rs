use std::sync::Arc;
use std::sync::mpsc::channel;

use super::*;
use crate::content::bytes;
use crate::document::{Document, Image, Index};
use crate::tls::Authority;
use crate::{Client, layout};

fn image() -> Document {
    Image::titled("disk.raw", bytes(1, 300_000))
}

fn blob(document: &Document) -> String {
    format!("/v2/a/b/blobs/{}", crate::content::digest(document.payload()))
}

#[test]
fn a_plain_registry_takes_and_gives_documents() {
    let registry = DockerRegistry::plain().unwrap();
    let index = Index::two_architectures(image(), Image::untitled("other"));
    http_push(&registry.client(), "a/b", "v1", &index);
    let accepting = registry.client().header("Accept", &index.media_type);
    assert_eq!(accepting.get("/v2/a/b/manifests/v1").unwrap().body, index.bytes);
    let ranged = registry.client().header("Range", "bytes=10-19").get(&blob(&image())).unwrap();
    assert_eq!((ranged.status, ranged.body.as_slice()), (206, &image().payload()[10..20]));
}

#[test]
fn skopeo_pushes_a_layout() {
    let registry = DockerRegistry::htpasswd("tester", "right").unwrap();
    let folder = tempfile::tempdir().unwrap();
    // skopeo uploads only what it takes for an image: the configuration must be one.
    let image = Image::new()
        .platform_config("amd64", "linux")
        .layer("application/vnd.oci.image.layer.v1.tar", bytes(1, 1000))
        .build();
    layout::write(folder.path(), &[("v1", &image)]);
    let target = format!("{}/a/b:v1", registry.host());
    skopeo_push(folder.path(), "v1", &target, Some(("tester", "right"))).unwrap();
    assert_eq!(registry.client().get(&blob(&image)).unwrap().status, 401);
    assert_eq!(registry.client().basic("tester", "wrong").get(&blob(&image)).unwrap().status, 401);
    assert_eq!(registry.client().basic("tester", "right").get(&blob(&image)).unwrap().body, image.payload().as_ref());
}

#[test]
fn the_registry_believes_our_tokens() {
    for (tokens, login) in
        [(TokenServer::anonymous(), None), (TokenServer::user("tester", "right", "identity"), Some("right"))]
    {
        let registry = DockerRegistry::token(&tokens).unwrap();
        let bearer = |token: &str| registry.client().header("Authorization", &format!("Bearer {token}"));
        http_push(&bearer(&tokens.push_token("a/b")), "a/b", "v1", &image());
        let challenge = registry.client().get(&blob(&image())).unwrap();
        assert!(challenge.header("www-authenticate").unwrap().contains(&tokens.realm()));
        let mut client = Client::new(tokens.address());
        if let Some(password) = login {
            assert_eq!(client.get("/token").unwrap().status, 401);
            client = client.basic("tester", password);
        }
        let answer = client.get("/token?service=testkit&scope=repository:a/b:pull").unwrap();
        let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let token = document["token"].as_str().unwrap().to_owned();
        assert_eq!(bearer(&token).get(&blob(&image())).unwrap().body, image().payload().as_ref());
        assert_eq!(bearer(&token).get("/v2/other/tags/list").unwrap().status, 401);
    }
}

#[test]
fn an_identity_token_is_taken_by_post() {
    let tokens = TokenServer::user("tester", "right", "identity");
    let ask = |token: &str| {
        let form = format!("grant_type=refresh_token&service=testkit&refresh_token={token}");
        Client::new(tokens.address()).send("POST", "/token", form.as_bytes()).unwrap()
    };
    assert_eq!(ask("wrong").status, 401);
    assert!(ask("identity").text().contains("access_token"));
    assert_eq!(tokens.recorder().requests().len(), 2);
}

#[test]
fn nginx_adds_tls() {
    let registry = DockerRegistry::plain().unwrap();
    let authority = Authority::new();
    let nginx = Nginx::before(registry.address()).tls(&authority.server()).start().unwrap();
    let client = nginx.client().tls(authority.client_config());
    http_push(&client, "a/b", "v1", &image());
    assert_eq!(client.get(&blob(&image())).unwrap().body, image().payload().as_ref());
    let own = Nginx::before(registry.address()).tls(&authority.self_signed()).start().unwrap();
    assert!(own.client().tls(authority.client_config()).get("/v2/").is_err());
}

#[test]
fn nginx_redirects_blobs() {
    let registry = DockerRegistry::plain().unwrap();
    http_push(&registry.client(), "a/b", "v1", &image());
    let base = format!("http://localhost:{}", registry.address().port());
    let nginx = Nginx::before(registry.address()).redirecting_blobs(&base).start().unwrap();
    let answer = nginx.client().get(&blob(&image())).unwrap();
    assert_eq!((answer.status, answer.header("location")), (307, Some(format!("{base}{}", blob(&image())).as_str())));
}

#[test]
fn nginx_serves_the_blobs_of_a_registry_and_logs_who_asked() {
    let registry = DockerRegistry::plain().unwrap();
    http_push(&registry.client(), "a/b", "v1", &image());
    let store = Nginx::over_blobs_of(&registry).start().unwrap();
    let answer = store.client().basic("tester", "right").header("Range", "bytes=0-9").get(&blob(&image())).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (206, &image().payload()[..10]));
    assert_eq!(store.client().get("/v2/a/b/manifests/v1").unwrap().status, 404);
    let log = store.requests();
    assert_eq!((log[0].status, log[0].range.as_deref(), log[0].sent), (206, Some("bytes=0-9"), 10));
    assert!(log[0].authorization.as_ref().unwrap().starts_with("Basic "));
    assert_eq!((log[1].status, log[1].authorization.as_ref(), log[1].is_for_blob()), (404, None, false));
}

#[test]
fn nginx_asks_for_certificates() {
    let registry = DockerRegistry::plain().unwrap();
    let authority = Authority::new();
    let (anonymous, known) = (authority.client_config(), authority.client_config_with(&authority.client("tester")));
    let front = Nginx::before(registry.address()).tls(&authority.server());
    let strict = front.clone().requiring_clients_of(&authority.file()).start().unwrap();
    assert_eq!(strict.client().tls(anonymous).get("/v2/").unwrap().status, 400);
    assert_eq!(strict.client().tls(Arc::clone(&known)).get("/v2/").unwrap().status, 200);
    let curious = front.asking_for_clients().start().unwrap();
    assert_eq!(curious.client().tls(known).get("/v2/").unwrap().status, 200);
    assert!(curious.requests()[0].client_certificate.is_some());
}

#[test]
fn nginx_limits_requests() {
    let registry = DockerRegistry::plain().unwrap();
    let limited = Nginx::before(registry.address()).limited_requests(60).start().unwrap();
    assert_eq!(limited.client().get("/v2/").unwrap().status, 200);
    let refused = limited.client().get("/v2/").unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")));
}

#[test]
fn openssl_makes_a_certificate_that_is_its_own_authority() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = openssl_self_signed(folder.path(), &["subjectAltName=IP:127.0.0.1"]).unwrap();
    assert!(fs::read_to_string(&certificate).unwrap().contains("BEGIN CERTIFICATE"));
    let registry = DockerRegistry::plain().unwrap();
    let nginx = Nginx::before(registry.address()).tls_files(&certificate, &key).start().unwrap();
    assert!(nginx.client().tls(Authority::new().client_config()).get("/v2/").is_err());
}

#[test]
fn the_registry_keeps_blobs_under_any_digest() {
    let registry = DockerRegistry::plain().unwrap();
    let digest = crate::content::digest_by("sha512", b"payload");
    http_push_blob(&registry.client(), "a/b", &digest, b"payload");
    assert_eq!(registry.client().get(&format!("/v2/a/b/blobs/{digest}")).unwrap().body, b"payload");
}

#[test]
fn nginx_limits_connections() {
    let registry = DockerRegistry::plain().unwrap();
    let document = Image::untitled(bytes(1, 30 << 20));
    http_push(&registry.client(), "a/b", "v1", &document);
    let limited = Nginx::before(registry.address()).limited_connections(1, 429).limited_rate(1 << 20).start().unwrap();
    let mut slow = TcpStream::connect(limited.address()).unwrap();
    let (started, has_started) = channel();
    let reader = {
        let path = blob(&document);
        thread::spawn(move || {
            use std::io::{Read, Write};
            write!(slow, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            slow.read_exact(&mut [0; 100]).unwrap();
            started.send(()).unwrap();
            slow
        })
    };
    has_started.recv().unwrap();
    assert_eq!(limited.client().get("/v2/").unwrap().status, 429);
    drop(reader.join().unwrap());
}

#[test]
fn real_files_are_what_their_names_say() {
    let files = real_files().unwrap();
    let starts = |path: &Path, magic: &[u8]| fs::read(path).unwrap().starts_with(magic);
    assert!(starts(&files.kernel, b"MZ"));
    assert!(starts(&files.initrd, &[0x1f, 0x8b]));
    assert!(fs::metadata(&files.ipxe).unwrap().len() > 100_000);
    assert!(fs::metadata(&files.memtest).unwrap().len() > 100_000);
}

#[test]
fn distribution_v3_takes_and_gives_documents() {
    let Some(open) = or_not_run(DistributionV3::plain()) else { return };
    let Some(locked) = or_not_run(DistributionV3::htpasswd("tester", "right")) else { return };
    assert_eq!(locked.client().get("/v2/").unwrap().status, 401);
    for client in [open.client(), locked.client().basic("tester", "right")] {
        http_push(&client, "a/b", "v1", &image());
        assert_eq!(client.get(&blob(&image())).unwrap().body, image().payload().as_ref());
    }
}

#[test]
fn the_referrers_registry_answers_the_api_and_closed_ranges_alone() {
    let Some(registry) = or_not_run(ReferrersRegistry::start()) else { return };
    let client = registry.client();
    let signature = Image::new().artifact_type("a/signature").subject(&image()).layer("a/b", "signed").build();
    http_push(&client, "a/b", "v1", &image());
    http_push(&client, "a/b", "signature", &signature);
    let listed = client.get(&format!("/v2/a/b/referrers/{}", image().digest())).unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.body).unwrap();
    assert_eq!(listed["manifests"][0]["digest"], signature.digest());
    for (range, status) in [("bytes=5-9", 206), ("bytes=5-", 416), ("bytes=-5", 416), ("bytes=5-999999", 416)] {
        assert_eq!(client.clone().header("Range", range).get(&blob(&image())).unwrap().status, status, "{range}");
    }
}

#[test]
fn peers_give_what_was_pushed() {
    let Some(peers) = or_not_run(Peers::installed()) else { return };
    let registry = DockerRegistry::plain().unwrap();
    let signature = Image::new().artifact_type("a/signature").subject(&image()).layer("a/b", "signed").build();
    for (tag, document) in [("v1", &image()), ("v0", &signature)] {
        http_push(&registry.client(), "a/b", tag, document);
    }
    let referrers = Index::new().entry(signature.clone()).build();
    http_push(&registry.client(), "a/b", &image().digest().replace(':', "-"), &referrers);
    let repository = format!("{}/a/b", registry.host());
    let (tagged, held) =
        (format!("{repository}:v1"), format!("{repository}@{}", blob(&image()).split('/').next_back().unwrap()));
    for peer in peers.all() {
        assert_eq!(peer.manifest(Place::Registry(&tagged)).unwrap(), image().bytes, "{peer}");
        assert!(peer.digest(Place::Registry(&tagged)).is_none_or(|digest| digest == image().digest()), "{peer}");
        assert!(peer.blob(Place::Registry(&held)).is_none_or(|held| held == *image().payload()), "{peer}");
        let mut tags = peer.tags(Place::Registry(&repository)).unwrap();
        tags.sort_unstable();
        assert_eq!(tags[1..], ["v0", "v1"], "{peer}");
        let referrers = peer.referrers(Place::Registry(&tagged));
        assert!(referrers.is_none_or(|found| found[0]["digest"] == signature.digest() && found.len() == 1), "{peer}");
    }
}

#[test]
fn a_missing_program_is_named() {
    let missing = |supply| Missing { wanted: "x".to_owned(), supply }.to_string();
    assert_eq!(missing(Supply::Debian("y")), "x is not installed (Debian package y)");
    assert_eq!(missing(Supply::Go), "x is not installed (tests/install-peers builds it, with Go)");
}
