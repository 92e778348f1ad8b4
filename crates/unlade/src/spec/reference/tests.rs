use proptest::prelude::*;

use super::*;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn parsed(text: &str) -> Reference {
    text.replace("HEX", HEX).parse().unwrap_or_else(|error: ReferenceError| panic!("{error}\n{}", error.caret()))
}

#[test]
fn reads_every_form() {
    for (text, expected) in [
        ("oci://registry.example/acme/disk:1.4", "registry.example/acme/disk:1.4"),
        ("OCI://Registry.Example:5000/acme/disk", "registry.example:5000/acme/disk"),
        ("registry.example/acme/disk@sha256:HEX", "registry.example/acme/disk@sha256:HEX"),
        ("registry.example/acme/disk:1@sha256:HEX", "registry.example/acme/disk:1@sha256:HEX"),
        ("registry.example/acme/disk:@sha256:HEX", "registry.example/acme/disk@sha256:HEX"),
        ("docker://registry.example/acme/disk", "registry.example/acme/disk"),
        ("docker://alpine", "docker.io/library/alpine"),
        ("alpine", "docker.io/library/alpine"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("alpine@sha256:HEX", "docker.io/library/alpine@sha256:HEX"),
        ("user/x", "docker.io/user/x"),
        ("docker.io/alpine", "docker.io/library/alpine"),
        ("index.docker.io/user/x", "docker.io/user/x"),
        ("oci://docker.io/library/alpine", "docker.io/library/alpine"),
        ("localhost/x", "localhost/x"),
        ("localhost:5000/x:y", "localhost:5000/x:y"),
        ("oci://conductor/x", "oci://conductor/x"),
        ("oci://conductor:5000/x", "conductor:5000/x"),
        ("[::1]:5000/x", "[::1]:5000/x"),
        ("oci://[2001:DB8::1]/x", "[2001:db8::1]/x"),
        ("127.0.0.1:5000/a/b__c/d--e.f", "127.0.0.1:5000/a/b__c/d--e.f"),
        ("ocidir://./images:1.4", "ocidir://./images:1.4"),
        ("ocidir:///srv/a:b/images", "ocidir:///srv/a:b/images"),
        ("ocidir:///srv/a@b", "ocidir:///srv/a@b"),
        ("ocidir://images:@sha256:HEX", "ocidir://images@sha256:HEX"),
        ("ocitar://images.tar:1", "ocitar://images.tar:1"),
    ] {
        let reference = parsed(text);
        assert_eq!(reference.to_string(), expected.replace("HEX", HEX), "{text}");
        assert_eq!(parsed(&reference.to_string()), reference, "{text}");
    }
}

#[test]
fn the_digest_decides_and_a_missing_tag_is_the_default() {
    for (text, expected) in [
        ("r.example/x:1@sha256:HEX", format!("sha256:{HEX}")),
        ("r.example/x:1", "1".to_owned()),
        ("r.example/x", "latest".to_owned()),
    ] {
        assert_eq!(parsed(text).selector().to_string(), expected);
    }
    assert_eq!(parsed("ocidir://images").selector(), Selector::Only);
}

#[test]
fn a_bad_reference_shows_the_place() {
    for (text, column, reason) in [
        ("", 0, "the reference is empty"),
        ("r.example/Disk", 10, "the name of a repository is made of"),
        ("r.example/a//b", 12, "the name of a repository is made of"),
        ("r.example/a..b", 12, "the name of a repository is made of"),
        ("r.example/a/", 12, "the name of a repository is made of"),
        ("r.example/a b", 11, "a reference has no spaces"),
        ("r.example/a:b:c", 11, "the name of a repository is made of"),
        ("r.example/a:.b", 12, "a tag has"),
        ("r.example/a:", 12, "a tag has"),
        ("r.example/a@sha256:xyz", 19, "this is no digest"),
        ("r.example/a@md5:xyz", 12, "this is no digest"),
        ("r.example:0/a", 10, "a port is"),
        ("r.example:65536/a", 10, "a port is"),
        ("r.example:x/a", 10, "a port is"),
        ("-r.example/a", 0, "this is no name of a registry"),
        ("[::1/a", 0, "this is no name of a registry"),
        ("[::g]/a", 1, "this is no name of a registry"),
        ("[::1]", 5, "a repository is missing"),
        ("[::1]:5000", 10, "a repository is missing"),
        ("docker://[::1]:5000", 19, "a repository is missing"),
        ("[::1]@sha256:HEX", 5, "a repository is missing"),
        ("::1", 0, "an IPv6 address stands in brackets"),
        ("2001:db8::1/a", 0, "an IPv6 address stands in brackets"),
        ("oci://2001:db8::1:5000/a:b", 6, "an IPv6 address stands in brackets"),
        ("ocidir://漢字:.b", 14, "a tag has"),
        ("ocidir://e\u{301}:.b", 11, "a tag has"),
        ("oci://r.example", 15, "a repository is missing"),
        ("oci://", 6, "this is no name of a registry"),
        ("https://r.example/a", 0, "the scheme is none of"),
        ("r.example/a?x=y", 11, "a reference has no query"),
        ("r.example/a#y", 11, "a reference has no query"),
        ("ocidir://", 9, "the path of a layout is missing"),
    ] {
        let error = text.replace("HEX", HEX).parse::<Reference>().expect_err(text);
        assert!(error.to_string().starts_with(reason), "{text}: {error}");
        assert_eq!(error.column, column, "{text}");
    }
}

#[test]
fn a_login_is_refused_and_not_shown() {
    for text in [
        "oci://me:hunter2@r.example/a",
        "me:hunter2@r.example/a",
        "oci://me:hunter2@r.example",
        "me:hunter2/x@r.example/a",
    ] {
        let error = text.parse::<Reference>().unwrap_err();
        assert_eq!(*error.reason(), Reason::UserInfo, "{text}");
        assert!(!format!("{error} {error:?} {}", error.caret()).contains("hunter2"), "{text}");
    }
}

#[test]
fn the_place_before_a_login_is_shown_too() {
    let error = "https://me:hunter2@r.example/a".parse::<Reference>().unwrap_err();
    assert_eq!(error.caret(), "  https://***@r.example/a\n  ^");
}

#[test]
fn docker_hub_and_loopback_are_known_by_name() {
    let registry = |text: &str| match parsed(text).place() {
        Place::Registry(repository) => repository.registry().clone(),
        other => panic!("{other}"),
    };
    assert_eq!(registry("alpine").api_authority(), "registry-1.docker.io");
    assert_eq!(registry("r.example:5000/x").api_authority(), "r.example:5000");
    for (text, expected) in [
        ("localhost/x", true),
        ("a.localhost/x", true),
        ("127.8.9.1:5000/x", true),
        ("[::1]/x", true),
        ("127.0.0.1.example/x", false),
        ("localhost.example/x", false),
        ("[::2]/x", false),
        ("alpine", false),
    ] {
        assert_eq!(registry(text).is_loopback(), expected, "{text}");
    }
}

fn reads_back(text: &str) -> Result<(), TestCaseError> {
    if let Ok(reference) = text.parse::<Reference>() {
        let written = reference.to_string();
        prop_assert_eq!(written.parse(), Ok(reference.clone()), "{} as {}", text, written);
        let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
        let pinned: Reference = reference.pinned(&digest).parse().unwrap();
        prop_assert_eq!((pinned.place(), pinned.tag(), pinned.digest()), (reference.place(), None, Some(&digest)));
    }
    Ok(())
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>()) {
        if let Err(error) = text.parse::<Reference>() {
            error.caret();
        }
    }

    #[test]
    fn what_is_written_reads_back(
        text in r"((oci|docker|ocidir)://)?[A-Za-z0-9.:\[\]]{0,12}(/[a-z0-9._-]{1,8}){0,3}(:[A-Za-z0-9._-]{0,6})?(@sha256:[a-f0-9]{64})?"
    ) {
        reads_back(&text)?;
    }

    #[test]
    fn what_is_written_of_a_layout_reads_back(
        scheme in "ocidir|ocitar",
        path in r"[a-c/.:@ é~-]{0,12}",
        tag in r"(:[A-Za-z0-9._-]{0,6})?",
        digest in r"(@sha256:[a-f0-9]{64}|@sha384:[a-f0-9]{96}|@sha512:[a-f0-9]{128}){0,2}",
    ) {
        reads_back(&format!("{scheme}://{path}{tag}{digest}"))?;
    }

    #[test]
    fn every_part_of_a_well_formed_reference_is_found(
        host in r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){1,2}(:[1-9][0-9]{0,3})?|localhost|127\.0\.0\.1:5000|\[::1\]:5000",
        name in r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,8}){0,3}",
        tag in proptest::option::of(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"),
        digest in proptest::option::of(r"sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}"),
        scheme in "(oci://|docker://)?",
    ) {
        let part = |sign: &str, part: &Option<String>| part.as_ref().map_or_else(String::new, |part| format!("{sign}{part}"));
        let text = format!("{scheme}{host}/{name}{}{}", part(":", &tag), part("@", &digest));
        let reference = parsed(&text);
        let Place::Registry(repository) = reference.place() else { panic!("{text}") };
        prop_assert_eq!(repository.registry().authority(), host);
        prop_assert_eq!(repository.name(), name);
        prop_assert_eq!(reference.tag().map(Tag::as_str), tag.as_deref());
        prop_assert_eq!(reference.digest().map(ToString::to_string), digest);
        reads_back(&text)?;
    }

    #[test]
    fn the_caret_points_into_the_reference(text in r"((oci|docker|ocidir|x)://)?[aA0.:\[\]/@?# é_-]{0,20}") {
        if let Err(error) = text.parse::<Reference>() {
            let caret = error.caret();
            let (shown, below) = caret.split_once('\n').unwrap();
            prop_assert!(below.chars().count() <= shown.chars().count() + 1, "{}", caret);
            prop_assert_eq!(below.trim_start(), "^");
        }
    }
}

#[test]
fn names_without_a_registry_are_told_from_others() {
    for (text, expected) in [
        ("alpine", Some(("alpine", ""))),
        ("alpine:3", Some(("alpine", ":3"))),
        ("acme/disk:v1", Some(("acme/disk", ":v1"))),
        ("alpine@sha256:0", Some(("alpine", "@sha256:0"))),
        ("alpine:3@sha256:0", Some(("alpine", ":3@sha256:0"))),
        ("r.example/disk", None),
        ("localhost/disk", None),
        ("localhost:5000/disk", None),
        ("oci://alpine", None),
        ("Alpine", None),
        ("", None),
    ] {
        assert_eq!(short_name(text), expected, "{text}");
    }
}

#[test]
fn registries_are_read_alone() {
    for (text, expected) in [
        ("R.example:5000", Some("r.example:5000")),
        ("[::1]:5000", Some("[::1]:5000")),
        ("registry-1.docker.io", Some("docker.io")),
        ("r.example/x", None),
        ("r.example:0", None),
        ("", None),
    ] {
        assert_eq!(text.parse::<Registry>().ok().map(|registry| registry.to_string()).as_deref(), expected, "{text}");
    }
}
