use super::*;
use crate::spec::manifest::{Manifest, RawManifest};

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn index(entries: &[String]) -> Index {
    let raw = RawManifest::new(None, format!(r#"{{"manifests":[{}]}}"#, entries.join(",")));
    match Manifest::parse(&raw).unwrap() {
        Manifest::Index(index) => *index,
        Manifest::Image(_) => panic!("an image"),
    }
}

fn entry(digest: &str, platform: &str) -> String {
    let platform = platform.split_once('/').map_or_else(
        || "null".to_owned(),
        |(os, architecture)| format!(r#"{{"os":"{os}","architecture":"{architecture}"}}"#),
    );
    format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":1,"platform":{platform}}}"#)
}

fn sound(last: char, platform: &str) -> String {
    entry(&format!("sha256:{HEX}{last}"), platform)
}

fn strange(platform: &str) -> String {
    entry(&format!("blake3:{HEX}0"), platform)
}

/// Chooses for a platform, and returns the last digit of the digest.
fn chosen(entries: &[String], platform: &str) -> Result<char, ErrorKind> {
    let selection =
        if platform.is_empty() { Selection::default() } else { Selection::platform(platform.parse().unwrap()) };
    let digit = |found: &Descriptor| found.digest.hex().chars().last().unwrap();
    manifest(&index(entries), &selection).map(digit).map_err(|error| error.kind())
}

#[test]
fn one_manifest_is_chosen_or_the_choice_is_left_to_the_user() {
    use ErrorKind::{Ambiguous, NoCandidate};
    let (amd, arm, any) = (sound('1', "linux/amd64"), sound('2', "linux/arm64"), sound('3', ""));
    let attestation = sound('4', "unknown/unknown");
    for (entries, platform, expected) in [
        (vec![amd.clone()], "", Ok('1')),
        (vec![amd.clone(), arm.clone()], "", Err(Ambiguous)),
        (vec![amd.clone(), arm.clone()], "linux/aarch64", Ok('2')),
        (vec![amd.clone(), arm.clone()], "linux/riscv64", Err(NoCandidate)),
        (vec![amd.clone(), amd.clone()], "", Ok('1')),
        (vec![amd.clone(), any.clone()], "linux/arm64", Ok('3')),
        (vec![amd.clone(), attestation.clone()], "", Ok('1')),
        (vec![attestation], "", Err(NoCandidate)),
        (vec![], "", Err(NoCandidate)),
    ] {
        assert_eq!(chosen(&entries, platform), expected, "{entries:?} {platform}");
    }
}

#[test]
fn an_entry_that_cannot_be_read_spoils_no_other() {
    use ErrorKind::{Ambiguous, Malformed, NoCandidate, Unsupported};
    let (amd, riscv, null) = (sound('1', "linux/amd64"), strange("linux/riscv64"), "null".to_owned());
    for (entries, platform, expected) in [
        (vec![riscv.clone(), amd.clone()], "linux/amd64", Ok('1')),
        (vec![riscv.clone(), amd.clone()], "linux/riscv64", Err(Unsupported)),
        // It is there, and may be the one that was meant.
        (vec![riscv.clone(), amd.clone()], "", Err(Ambiguous)),
        (vec![null.clone(), amd.clone()], "", Ok('1')),
        (vec![null.clone(), amd.clone()], "linux/amd64", Ok('1')),
        (vec![null.clone(), amd], "linux/riscv64", Err(NoCandidate)),
        (vec![null], "", Err(Malformed)),
        (vec![riscv], "", Err(Unsupported)),
        (vec![strange("")], "linux/amd64", Err(Unsupported)),
        (vec![strange(""), strange("")], "", Err(NoCandidate)),
    ] {
        assert_eq!(chosen(&entries, platform), expected, "{entries:?} {platform}");
    }
}

#[test]
fn a_long_list_of_candidates_says_that_it_was_cut() {
    let several = |count: usize| {
        let entries: Vec<String> = (0..count).map(|at| entry(&format!("sha256:{at:064x}"), "linux/amd64")).collect();
        let error = manifest(&index(&entries), &Selection::default()).unwrap_err();
        let Some(Advice::Choose { candidates, .. }) = &error.context().advice else { panic!("no candidates") };
        (candidates.len(), error.to_string())
    };
    let (listed, message) = several(32);
    assert_eq!((listed, message.contains("more")), (32, false), "{message}");
    let (listed, message) = several(40);
    assert!(listed == 32 && message.ends_with("; the first 32 are listed, 8 more are not"), "{message}");
}

#[test]
fn a_candidate_that_cannot_be_used_says_why() {
    let index = index(&[strange("linux/riscv64"), sound('1', "linux/amd64")]);
    let error = manifest(&index, &Selection::default()).unwrap_err();
    let Some(Advice::Choose { candidates, .. }) = &error.context().advice else { panic!("no candidates") };
    assert_eq!(
        candidates[0],
        format!("blake3:{HEX}0  linux/riscv64  a/b  (cannot be used: its digest cannot be used)")
    );
}
