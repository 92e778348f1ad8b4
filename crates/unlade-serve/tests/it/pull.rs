//! The endpoints of one repository.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use unlade::spec::digest::{Algorithm, Digest};
use unlade::spec::media_type::{OCI_INDEX, OCI_MANIFEST};
use unlade::verify::digest_of;

use crate::client::request;
use crate::world::World;

fn absent() -> Digest {
    digest_of(Algorithm::Sha256, b"absent")
}

#[test]
fn the_base_says_which_api_is_spoken() {
    let world = World::new();
    for target in ["/v2/", "/v2"] {
        let answer = world.registry.get(target);
        assert_eq!((answer.status, answer.json()), (200, json!({})));
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
    }
}

#[test]
fn a_manifest_is_given_by_tag_and_by_digest_whatever_is_accepted() {
    let mut world = World::new();
    let image = world.layout.image("one", Some("v1"));
    let index = world.layout.index("multi");
    let bytes = std::fs::read(world.layout.path(&image)).unwrap();
    for (reference, digest, media_type) in [
        ("v1".to_owned(), &image, OCI_MANIFEST),
        (image.to_string(), &image, OCI_MANIFEST),
        ("multi".to_owned(), &index, OCI_INDEX),
    ] {
        let answer = world.registry.get_with(&format!("/v2/disk/manifests/{reference}"), &["Accept: text/html"]);
        assert_eq!(answer.status, 200, "{reference}");
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        assert_eq!(answer.header("etag"), format!("\"{digest}\""));
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    }
    assert_eq!(world.registry.get("/v2/disk/manifests/v1").body, bytes);
    assert_eq!(world.registry.get(&format!("/v2/disk/blobs/{image}")).body, bytes);
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let mut world = World::new();
    let image = world.layout.image("one", Some("v1"));
    let blob = world.layout.blob(&vec![7; 300_000]);
    for (target, status) in [
        ("/v2/".to_owned(), 200),
        ("/v2/disk/manifests/v1".to_owned(), 200),
        (format!("/v2/disk/manifests/{image}"), 200),
        (format!("/v2/disk/blobs/{blob}"), 200),
        ("/v2/disk/tags/list?n=0".to_owned(), 200),
        (format!("/v2/disk/referrers/{image}"), 200),
        ("/v2/disk/manifests/v2".to_owned(), 404),
        (format!("/v2/disk/blobs/{}", absent()), 404),
        ("/v2/_catalog".to_owned(), 200),
        ("/v2/disk/tags/list?n=x".to_owned(), 400),
        ("/v2/disk/blobs/sha256:abc".to_owned(), 400),
        ("/v2/other/tags/list".to_owned(), 404),
        ("/".to_owned(), 404),
    ] {
        let mut got = world.registry.get(&target);
        let head = request(world.registry.address, "HEAD", &target, &[]);
        // How a body is framed is said only where there is one.
        got.headers.remove("transfer-encoding");
        assert_eq!((head.status, got.status), (status, status), "{target}");
        assert_eq!(head.headers, got.headers, "{target}");
        assert!(head.body.is_empty() && !got.body.is_empty(), "{target}");
    }
}

#[test]
fn parts_of_a_blob_are_given() {
    let world = World::new();
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| u8::try_from(at % 253).unwrap()).collect();
    let digest = world.layout.blob(&bytes);
    let target = format!("/v2/disk/blobs/{digest}");
    let matching = format!("If-Range: \"{digest}\"");
    for (headers, status, range, expected) in [
        (vec![], 200, "", 0..200_000),
        (vec!["Range: bytes=0-9"], 206, "bytes 0-9/200000", 0..10),
        (vec!["Range: bytes=65530-131080"], 206, "bytes 65530-131080/200000", 65_530..131_081),
        (vec!["Range: bytes=199999-"], 206, "bytes 199999-199999/200000", 199_999..200_000),
        (vec!["Range: bytes=-5"], 206, "bytes 199995-199999/200000", 199_995..200_000),
        (vec!["Range: bytes=5-999999"], 206, "bytes 5-199999/200000", 5..200_000),
        (vec!["Range: bytes=0-1,4-5"], 200, "", 0..200_000),
        (vec!["Range: bytes=9-3"], 200, "", 0..200_000),
        (vec!["Range: bytes=0-9", matching.as_str()], 206, "bytes 0-9/200000", 0..10),
        (vec!["Range: bytes=0-9", "If-Range: \"other\""], 200, "", 0..200_000),
    ] {
        let answer = world.registry.get_with(&target, &headers);
        assert_eq!((answer.status, answer.header("content-range")), (status, range), "{headers:?}");
        assert_eq!(answer.body, bytes[expected], "{headers:?}");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{headers:?}");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
    }
    let answer = world.registry.get_with(&target, &["Range: bytes=200000-"]);
    assert_eq!((answer.status, answer.header("content-range")), (416, "bytes */200000"));
}

#[test]
fn what_a_client_has_is_not_given_again() {
    let mut world = World::new();
    let image = world.layout.image("one", Some("v1"));
    let blob = world.layout.blob(b"0123456789");
    for (target, digest) in [
        ("/v2/disk/manifests/v1".to_owned(), &image),
        (format!("/v2/disk/manifests/{image}"), &image),
        (format!("/v2/disk/blobs/{blob}"), &blob),
    ] {
        let known = format!("If-None-Match: \"{digest}\"");
        for headers in [vec![known.as_str()], vec![known.as_str(), "Range: bytes=0-1"]] {
            let answer = world.registry.get_with(&target, &headers);
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{target}");
            assert_eq!(answer.header("etag"), format!("\"{digest}\""), "{target}");
        }
        assert_eq!(request(world.registry.address, "HEAD", &target, &[&known]).status, 304, "{target}");
        assert_eq!(world.registry.get_with(&target, &["If-None-Match: \"other\""]).status, 200, "{target}");
    }
    let answer = world.registry.get_with("/v2/disk/manifests/none", &["If-None-Match: *"]);
    assert_eq!(answer.status, 404);
}

#[test]
fn a_manifest_that_is_not_what_it_is_named_is_not_given() {
    let mut world = World::new();
    let image = world.layout.image("one", Some("v1"));
    let bytes = std::fs::read(world.layout.path(&image)).unwrap();
    std::fs::write(world.layout.path(&image), [bytes.as_slice(), b" "].concat()).unwrap();
    for reference in ["v1".to_owned(), image.to_string()] {
        let answer = world.registry.get(&format!("/v2/disk/manifests/{reference}"));
        assert_eq!((answer.status, answer.code().as_str()), (500, "UNKNOWN"), "{reference}");
    }
}

#[test]
fn an_empty_blob_is_given() {
    let world = World::new();
    let digest = world.layout.blob(b"");
    let answer = world.registry.get(&format!("/v2/disk/blobs/{digest}"));
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, "0", 0));
}

#[test]
fn errors_are_documents_with_the_codes_of_the_specification() {
    let mut world = World::new();
    let layer = world.layout.blob(b"a layer");
    world.layout.image("one", Some("a.example/x:v1"));
    world.layout.image("two", Some("b.example/x:v1"));
    for (method, target, status, code) in [
        ("GET", "/v2/other/manifests/v1".to_owned(), 404, "NAME_UNKNOWN"),
        ("GET", "/v2/other/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
        ("GET", format!("/v2/other/referrers/{layer}"), 404, "NAME_UNKNOWN"),
        ("GET", "/v2/DISK/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("GET", "/v2/disk/../disk/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("GET", "/v2/%2e%2e/disk/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("GET", "/v2/disk/manifests/absent".to_owned(), 404, "MANIFEST_UNKNOWN"),
        ("GET", format!("/v2/disk/manifests/{}", absent()), 404, "MANIFEST_UNKNOWN"),
        ("GET", format!("/v2/disk/manifests/{layer}"), 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/disk/manifests/v1".to_owned(), 404, "MANIFEST_UNKNOWN"),
        ("GET", format!("/v2/disk/blobs/{}", absent()), 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/disk/blobs/sha256:abc".to_owned(), 400, "DIGEST_INVALID"),
        ("GET", "/v2/disk/blobs/..%2f..%2foci-layout".to_owned(), 404, "UNSUPPORTED"),
        (
            "GET",
            format!("/v2/disk/blobs/{}", layer.to_string().to_uppercase().replace("SHA256", "sha256")),
            400,
            "DIGEST_INVALID",
        ),
        ("GET", format!("/v2/disk/blobs/{}", layer.to_string().to_uppercase()), 400, "DIGEST_INVALID"),
        ("GET", format!("/v2/disk/blobs/sha512:{}", layer.hex()), 400, "DIGEST_INVALID"),
        ("GET", format!("/v2/disk/blobs/md5:{}", &layer.hex()[..32]), 400, "DIGEST_INVALID"),
        ("GET", format!("/v2/disk/blobs/sha256:{}0", layer.hex()), 400, "DIGEST_INVALID"),
        ("GET", "/v2/disk//manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("GET", "//v2/disk/manifests/v1".to_owned(), 404, "UNSUPPORTED"),
        ("GET", "/v2/disk%2f..%2fdisk/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("GET", "/v2/disk/referrers/v1".to_owned(), 400, "DIGEST_INVALID"),
        ("GET", "/v2/disk/tags/list?n=x".to_owned(), 400, "PAGINATION_NUMBER_INVALID"),
        ("GET", "/".to_owned(), 404, "UNSUPPORTED"),
        ("POST", "/v2/disk/blobs/uploads/".to_owned(), 405, "UNSUPPORTED"),
        ("PUT", "/v2/disk/manifests/v1".to_owned(), 405, "UNSUPPORTED"),
        ("DELETE", format!("/v2/disk/blobs/{layer}"), 405, "UNSUPPORTED"),
    ] {
        let answer = request(world.registry.address, method, &target, &[]);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {target}");
        assert_eq!(answer.header("content-type"), "application/json", "{method} {target}");
        assert_eq!(answer.header("allow"), if status == 405 { "GET, HEAD" } else { "" }, "{method} {target}");
    }
}

#[test]
fn tags_are_listed_in_order_and_in_pages() {
    let mut world = World::new();
    for tag in ["v2", "example.org/disk:V1", "latest", "v1", "v2"] {
        world.layout.image("one", Some(tag));
    }
    let whole = world.registry.get("/v2/disk/tags/list");
    assert_eq!(whole.json(), json!({"name": "disk", "tags": ["latest", "V1", "v1", "v2"]}));
    assert_eq!(whole.header("link"), "");

    let mut target = "/v2/disk/tags/list?n=3".to_owned();
    let mut pages = Vec::new();
    loop {
        let answer = world.registry.get(&target);
        pages.push(answer.json()["tags"].clone());
        let Some(link) = answer.header("link").strip_suffix(">; rel=\"next\"") else {
            break;
        };
        target = link.strip_prefix('<').unwrap().to_owned();
    }
    assert_eq!(pages, [json!(["latest", "V1", "v1"]), json!(["v2"])]);

    let none = world.registry.get("/v2/disk/tags/list?n=0");
    assert_eq!((none.json()["tags"].clone(), none.header("link")), (json!([]), ""));
}

#[test]
fn a_repository_without_tags_has_an_empty_list() {
    let world = World::new();
    assert_eq!(world.registry.get("/v2/disk/tags/list").json(), json!({"name": "disk", "tags": []}));
}

#[test]
fn referrers_are_an_index_filtered_on_request() {
    let mut world = World::new();
    let subject = world.layout.image("subject", Some("v1"));
    let sbom = world.layout.referrer(&subject, "application/sbom+json");
    let signature = world.layout.referrer(&subject, "application/signature");
    world.layout.referrer(&absent(), "application/sbom+json");
    let list = |query: &str| world.registry.get(&format!("/v2/disk/referrers/{subject}{query}"));
    let digests = |document: &Value| {
        let manifests = document["manifests"].as_array().unwrap();
        manifests.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let all = list("");
    assert_eq!((all.status, all.header("content-type"), all.header("oci-filters-applied")), (200, OCI_INDEX, ""));
    assert_eq!((&all.json()["schemaVersion"], &all.json()["mediaType"]), (&json!(2), &json!(OCI_INDEX)));
    assert_eq!(digests(&all.json()), [sbom.to_string(), signature.to_string()]);

    for query in ["?artifactType=application/sbom%2Bjson", "?artifactType=application%2Fsbom+json"] {
        let some = list(query);
        assert_eq!(some.header("oci-filters-applied"), "artifactType");
        assert_eq!(digests(&some.json()), [sbom.to_string()]);
        assert_eq!(some.json()["manifests"][0]["artifactType"], "application/sbom+json");
        assert_eq!(some.json()["manifests"][0]["annotations"]["kind"], "application/sbom+json");
    }
    let none = world.registry.get(&format!("/v2/disk/referrers/{}", digest_of(Algorithm::Sha256, b"nothing")));
    assert_eq!((none.status, &none.json()["manifests"]), (200, &json!([])));
}

#[test]
fn nothing_is_served_through_a_link_or_from_a_fifo() {
    let world = World::new();
    let secret = world.folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let (link, fifo) = (absent(), digest_of(Algorithm::Sha256, b"fifo"));
    symlink(&secret, world.layout.path(&link)).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, world.layout.path(&fifo), 0o600.into()).unwrap();
    for digest in [link, fifo] {
        for kind in ["blobs", "manifests"] {
            let answer = world.registry.get(&format!("/v2/disk/{kind}/{digest}"));
            assert_eq!((answer.status, answer.code().as_str()), (500, "UNKNOWN"), "{kind}");
            let body = String::from_utf8(answer.body).unwrap();
            assert!(!body.contains("secret") && !body.contains(world.folder.path().to_str().unwrap()), "{body}");
        }
    }
}

#[test]
fn several_requests_share_a_connection() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};

    let mut world = World::new();
    world.layout.image("one", Some("v1"));
    let mut stream = BufReader::new(std::net::TcpStream::connect(world.registry.address).unwrap());
    for target in ["/v2/disk/manifests/v1", "/v2/disk/manifests/none", "/v2/"] {
        write!(stream.get_mut(), "GET {target} HTTP/1.1\r\nHost: registry\r\n\r\n").unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        assert!(length > 0, "{target}");
        stream.read_exact(&mut vec![0; length]).unwrap();
    }
}
