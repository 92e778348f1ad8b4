//! What a pull costs a real server: the requests in its log.

use unlade_testkit::document::{Image, Index};
use unlade_testkit::real::{DockerRegistry, LoggedRequest, Nginx, TokenServer, http_push};

use super::{assert_pulls, here, ipxe, registry_with};
use crate::common::{folder, unlade};

/// The log in short: method, what was asked for, status.
fn short(requests: &[LoggedRequest]) -> Vec<String> {
    let line = |request: &LoggedRequest| {
        let (_, place) = request.target.split_once("/v2/site/disk/").unwrap_or(("", &request.target));
        let kind = place.split('/').next().unwrap_or_default();
        format!("{} {kind} {}", request.method, request.status)
    };
    requests.iter().map(line).collect()
}

/// Publishes `v1`, one manifest, and `both`, an index of two.
fn publish(client: &unlade_testkit::Client) {
    let document = Image::titled("disk.img", ipxe());
    http_push(client, "site/disk", "v1", &document);
    http_push(client, "site/disk", "both", &Index::two_architectures(document, Image::untitled("other")));
}

#[test]
fn an_open_registry_is_asked_twice_and_three_times_for_an_index() {
    let registry = here(DockerRegistry::plain());
    publish(&registry.client());
    for (tag, options, expected) in [
        ("v1", &[][..], &["GET manifests 200", "GET blobs 200"][..]),
        ("both", &["--arch=amd64"], &["GET manifests 200", "GET manifests 200", "GET blobs 200"]),
    ] {
        let nginx = here(Nginx::before(registry.address()).start());
        assert_pulls(&format!("{}/site/disk:{tag}", nginx.host()), options, &ipxe());
        assert_eq!(short(&nginx.requests()), expected, "{tag}");
    }
}

#[test]
fn a_token_costs_two_requests_more() {
    let tokens = TokenServer::anonymous();
    let registry = here(DockerRegistry::token(&tokens));
    publish(&registry.client().header("Authorization", &format!("Bearer {}", tokens.push_token("site/disk"))));
    for (tag, options, expected) in [
        ("v1", &[][..], &["GET manifests 401", "GET manifests 200", "GET blobs 200"][..]),
        ("both", &["--arch=amd64"], &["GET manifests 401", "GET manifests 200", "GET manifests 200", "GET blobs 200"]),
    ] {
        let nginx = here(Nginx::before(registry.address()).start());
        tokens.recorder().forget();
        assert_pulls(&format!("{}/site/disk:{tag}", nginx.host()), options, &ipxe());
        assert_eq!(short(&nginx.requests()), expected, "{tag}");
        assert_eq!(tokens.recorder().requests().len(), 1, "{tag}");
    }
}

#[test]
fn a_password_costs_one_request_more() {
    let registry = here(DockerRegistry::htpasswd("tester", "right"));
    publish(&registry.client().basic("tester", "right"));
    let nginx = here(Nginx::before(registry.address()).start());
    let keys = folder();
    let secret = super::write(&keys, "secret", "tester:right");
    assert_pulls(&format!("{}/site/disk:v1", nginx.host()), &["--pull-secret-file", &secret], &ipxe());
    assert_eq!(short(&nginx.requests()), ["GET manifests 401", "GET manifests 200", "GET blobs 200"]);
}

#[test]
fn documents_and_blobs_cost_one_request_each() {
    let registry = registry_with(&ipxe());
    let digest = unlade_testkit::content::digest(&ipxe());
    for (verb, reference, expected) in [
        ("digest", "site/disk:v1".to_owned(), "GET manifests 200"),
        ("manifest", "site/disk:v1".to_owned(), "GET manifests 200"),
        ("blob", format!("site/disk@{digest}"), "GET blobs 200"),
    ] {
        let nginx = here(Nginx::before(registry.address()).start());
        unlade().args([verb, &format!("{}/{reference}", nginx.host())]).run().assert_code(0);
        assert_eq!(short(&nginx.requests()), [expected], "{verb}");
    }
}

#[test]
fn what_is_there_already_costs_the_manifest_alone() {
    let registry = registry_with(&ipxe());
    let nginx = here(Nginx::before(registry.address()).start());
    let run = unlade().args(["pull", &format!("{}/site/disk:v1", nginx.host()), "-o", "disk.img"]);
    for _ in 0..2 {
        run.run().assert_code(0);
    }
    super::assert_is(&run.home().join("disk.img"), &ipxe());
    assert_eq!(short(&nginx.requests()), ["GET manifests 200", "GET blobs 200", "GET manifests 200"]);
}

#[test]
fn a_repository_of_five_thousand_tags_is_not_listed() {
    let registry = registry_with(&ipxe());
    registry.tag_often("site/disk", "v1", 4_999);
    let listed = registry.client().get("/v2/site/disk/tags/list").unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.body).unwrap();
    assert_eq!(listed["tags"].as_array().map(Vec::len), Some(5_000));
    for tag in ["v1", "build-2500"] {
        let nginx = here(Nginx::before(registry.address()).start());
        assert_pulls(&format!("{}/site/disk:{tag}", nginx.host()), &[], &ipxe());
        assert_eq!(short(&nginx.requests()), ["GET manifests 200", "GET blobs 200"], "{tag}");
    }
}
