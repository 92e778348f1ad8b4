//! Titles beside each other: which of them can stand in one folder. Pure.

use std::cmp::Ordering;

use super::title::{Title, quoted};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Content;

/// What becomes of one of several titled layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// It becomes a file.
    File(Title),
    /// It is the same file as the layer of that number: title and content are the same.
    Repeats(usize),
}

/// Two titles that exclude each other, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clash {
    /// They are one name.
    Same(usize, usize),
    /// The first is a folder of the second.
    Within(usize, usize),
}

/// Gives each layer of an artifact its place in a folder that tells upper case from lower.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] for a title that is none, for one that two layers with different content have, and for one
/// that is a file and a folder at once.
pub(super) fn arrange(layers: &[(&str, Content)]) -> Result<Vec<Slot>> {
    let mut slots =
        layers.iter().map(|(title, _)| Title::parse(title).map(Slot::File)).collect::<Result<Vec<Slot>>>()?;
    let titles: Vec<&str> = layers.iter().map(|(title, _)| *title).collect();
    for clash in clashes(&titles) {
        match clash {
            Clash::Same(one, other) if layers[one].1 == layers[other].1 => slots[other] = Slot::Repeats(one),
            Clash::Same(one, _) => {
                let message = format!("two layers with different content have the title {}", quoted(titles[one]));
                return Err(Error::new(ErrorKind::Malformed, message));
            }
            Clash::Within(one, other) => {
                let (file, other) = (quoted(titles[one]), quoted(titles[other]));
                let message = format!("the title {file} is a file, and a folder in {other}");
                return Err(Error::new(ErrorKind::Malformed, message));
            }
        }
    }
    Ok(slots)
}

/// Finds the pairs that exclude each other where case is folded. Titles that are the same are for [`arrange`].
pub(super) fn folded_clashes(titles: &[&str]) -> Vec<Clash> {
    let folded: Vec<String> = titles.iter().map(|title| fold(title)).collect();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let mut found = clashes(&folded);
    found.retain(|clash| {
        let (Clash::Same(one, other) | Clash::Within(one, other)) = *clash;
        titles[one] != titles[other]
    });
    found
}

/// Folds case as widely as any file system does: more clashes may be feared than there are.
fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Finds all pairs of neighbours that exclude each other, where titles are sorted by their components: what a title
/// is a folder of comes right behind it.
fn clashes(titles: &[&str]) -> Vec<Clash> {
    let mut order: Vec<usize> = (0..titles.len()).collect();
    order.sort_by(|one, other| compare(titles[*one], titles[*other]));
    let mut found = Vec::new();
    let mut first = 0;
    for at in 1..order.len() {
        let (one, other) = (order[first], order[at]);
        if titles[one] == titles[other] {
            // The sort is stable: of titles that are the same, the first stands for all.
            found.push(Clash::Same(one, other));
            continue;
        }
        first = at;
        if titles[other].strip_prefix(titles[one]).is_some_and(|rest| rest.starts_with('/')) {
            found.push(Clash::Within(one, other));
        }
    }
    found
}

fn compare(one: &str, other: &str) -> Ordering {
    one.split('/').cmp(other.split('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::digest::Algorithm;
    use crate::verify::digest_of;

    fn content(text: &str) -> Content {
        Content { digest: digest_of(Algorithm::Sha256, text.as_bytes()), size: Some(text.len() as u64) }
    }

    fn outcome(layers: &[(&str, &str)]) -> Result<Vec<Option<usize>>, String> {
        let layers: Vec<_> = layers.iter().map(|(title, text)| (*title, content(text))).collect();
        let slots = arrange(&layers).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Malformed);
            error.to_string()
        })?;
        let repeats = |slot: &Slot| match slot {
            Slot::File(_) => None,
            Slot::Repeats(of) => Some(*of),
        };
        Ok(slots.iter().map(repeats).collect())
    }

    #[test]
    fn titles_that_exclude_each_other_are_refused() {
        let folder =
            |file: &str, other: &str| Err(format!("the title \"{file}\" is a file, and a folder in \"{other}\""));
        let twice = |title: &str| Err(format!("two layers with different content have the title \"{title}\""));
        for (layers, expected) in [
            (&[("a", "1"), ("b", "1"), ("c/a", "2")][..], Ok(vec![None, None, None])),
            (&[("a", "1"), ("b", "2"), ("a", "1"), ("a", "1")], Ok(vec![None, None, Some(0), Some(0)])),
            (&[("a", "1"), ("b", "2"), ("a", "2")], twice("a")),
            (&[("b/c", "1"), ("a", "1"), ("b", "2")], folder("b", "b/c")),
            // What sorts between a title and what it is a folder of.
            (&[("a/x", "1"), ("a-b", "1"), ("a.b", "2"), ("a", "2")], folder("a", "a/x")),
            (&[("a", "1"), ("a", "1"), ("a/b/c", "1")], folder("a", "a/b/c")),
            (&[("a/b", "1"), ("a/b/c", "1"), ("a/bc", "1")], folder("a/b", "a/b/c")),
            (&[("a", "1"), ("A", "2"), ("A/b", "2")], folder("A", "A/b")),
            (&[("a", "1"), ("A", "2")], Ok(vec![None, None])),
            (&[("a", "1"), ("../a", "1")], Err("the title \"../a\" has a component that is no name".to_owned())),
            (
                &[("x", "1"), (".x.unlade-partial", "1")],
                Err("the title \".x.unlade-partial\" has the form of an unfinished download's name".to_owned()),
            ),
            (&[], Ok(vec![])),
        ] {
            assert_eq!(outcome(layers), expected, "{layers:?}");
        }
    }

    #[test]
    fn case_makes_more_clashes() {
        for (titles, expected) in [
            (&["a", "b"][..], None),
            (&["a", "A"], Some(Clash::Same(0, 1))),
            (&["Boot/x", "boot/y"], None),
            (&["Boot/x", "boot/X"], Some(Clash::Same(0, 1))),
            (&["boot/x", "BOOT"], Some(Clash::Within(1, 0))),
            (&["straße", "STRASSE"], Some(Clash::Same(0, 1))),
            (&["a", "a"], None),
        ] {
            assert_eq!(folded_clashes(titles).first().copied(), expected, "{titles:?}");
        }
    }

    proptest! {
        #[test]
        fn every_clash_is_found(titles in proptest::collection::vec("[ab-](/[ab-]){0,3}", 0..8)) {
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            let within = |file: &&str, other: &&str| other.strip_prefix(*file).is_some_and(|rest| rest.starts_with('/'));
            let any = titles.iter().any(|file| titles.iter().any(|other| within(file, other)));
            let same = (1..titles.len()).any(|at| titles[..at].contains(&titles[at]));
            let found = clashes(&titles);
            prop_assert_eq!(found.iter().any(|clash| matches!(clash, Clash::Within(..))), any);
            prop_assert_eq!(found.iter().any(|clash| matches!(clash, Clash::Same(..))), same);
        }
    }
}
