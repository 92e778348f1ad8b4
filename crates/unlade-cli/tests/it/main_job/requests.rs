//! What a pull asks of a registry, and how often.

use unlade_testkit::document::{DOCKER_LIST, DOCKER_MANIFEST, Image, Index, OCI_INDEX, OCI_MANIFEST};
use unlade_testkit::{Access, Bearer, LyingRegistry};

use crate::common::{disk, folder, pull, registry_of};

/// Pulls `acme/disk:v1`, and lists the methods and paths that it took.
#[track_caller]
fn requests(registry: &LyingRegistry, options: &[&str]) -> Vec<String> {
    let folder = folder();
    pull(&registry.reference("acme/disk:v1"), folder.path()).args(options).run().assert_code(0);
    let name = |path: &str| {
        let end = path.find("sha256:").unwrap_or(path.len());
        path[..end].trim_start_matches("/v2/acme/disk/").to_owned()
    };
    registry.requests().iter().map(|request| format!("{} {}", request.method, name(&request.path))).collect()
}

#[test]
fn a_tag_of_a_manifest_costs_two() {
    let registry = registry_of(&disk());
    assert_eq!(requests(&registry, &[]), ["GET manifests/v1", "GET blobs/"]);
    assert_eq!(registry.connections(), 1, "one connection serves both");
}

#[test]
fn a_tag_of_an_index_costs_three() {
    let registry = registry_of(&Index::two_architectures(disk(), Image::untitled("other")));
    let expected = ["GET manifests/v1", "GET manifests/", "GET blobs/"];
    assert_eq!(requests(&registry, &["--arch", "amd64"]), expected);
}

#[test]
fn a_token_server_costs_two_more() {
    let registry = LyingRegistry::builder().access(Access::Bearer(Bearer::anonymous())).start();
    registry.publish("acme/disk", "v1", &Index::two_architectures(disk(), Image::untitled("other")));
    assert_eq!(
        requests(&registry, &["--arch", "amd64"]),
        ["GET manifests/v1", "GET /token", "GET manifests/v1", "GET manifests/", "GET blobs/"]
    );
    assert_eq!(registry.connections(), 1);
}

#[test]
fn a_repository_of_many_tags_costs_no_more() {
    let disk = disk();
    let registry = registry_of(&disk);
    for tag in 0..5000 {
        registry.publish("acme/disk", &format!("t{tag}"), &disk);
    }
    assert_eq!(requests(&registry, &[]).len(), 2);
}

#[test]
fn all_types_of_manifests_are_asked_for_in_one_line() {
    let registry = registry_of(&disk());
    requests(&registry, &[]);
    let all = registry.requests();
    let accepted: Vec<&str> = all[0]
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("accept"))
        .map(|(_, value)| &**value)
        .collect();
    let [line] = accepted.as_slice() else { panic!("one line: {accepted:?}") };
    let types: Vec<&str> = line.split(',').map(|part| part.split(';').next().unwrap().trim()).collect();
    for media_type in [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST] {
        assert!(types.contains(&media_type), "{media_type} is missing in {line}");
    }
}

#[test]
fn nothing_compressed_is_asked_for_and_nothing_is_told_but_the_version() {
    let registry = registry_of(&disk());
    requests(&registry, &[]);
    for request in registry.requests() {
        assert_eq!(request.header("accept-encoding"), Some("identity"), "{}", request.path);
        assert_eq!(request.header("user-agent"), Some("unlade/0.1.0"), "{}", request.path);
        for name in ["authorization", "cookie", "referer", "range"] {
            assert_eq!(request.header(name), None, "{}: {name}", request.path);
        }
    }
}
