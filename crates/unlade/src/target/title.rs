//! Titles: the file names that publishers give to layers.

use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::spec::text::{is_plain, sanitise};

/// The longest name that Linux file systems take, in bytes.
const MAX_COMPONENT: usize = 255;

/// The longest path that Linux takes in one call, in bytes; it bounds the number of folders too.
const MAX_TITLE: usize = 4096;

/// So many characters of a bad title are quoted: enough to know it again.
const MAX_QUOTED: usize = 80;

/// The ends of the names that unfinished downloads have beside their target.
pub(super) const PARTIAL_SUFFIX: &str = ".unlade-partial";
pub(super) const JOURNAL_SUFFIX: &str = ".unlade-journal";

/// A title that stays beneath any folder it is put into.
///
/// A backslash is an ordinary character of a name here, as it is for Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Title {
    /// The folders on the way, outermost first.
    pub(super) folders: Vec<String>,
    /// The name of the file.
    pub(super) name: String,
}

impl Title {
    /// Parses the text of a server.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for what is not a relative path of plain names.
    pub(super) fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_TITLE {
            return Err(malformed(text, "is longer than 4096 bytes"));
        }
        if text.starts_with('/') {
            return Err(malformed(text, "is an absolute path"));
        }
        if !is_plain(text) {
            return Err(malformed(text, "holds control or bidirectional characters"));
        }
        let mut folders: Vec<String> = Vec::new();
        for component in text.split('/') {
            if let Some(fault) = fault(component) {
                return Err(malformed(text, fault));
            }
            folders.push(component.to_owned());
        }
        let name = folders.pop().expect("splitting a text gives at least one part");
        Ok(Self { folders, name })
    }

    /// Returns the title as a path.
    pub(super) fn to_path(&self) -> PathBuf {
        self.folders.iter().chain([&self.name]).collect()
    }
}

fn fault(component: &str) -> Option<&'static str> {
    match component {
        "" => Some("has an empty component"),
        "." | ".." => Some("has a component that is no name"),
        _ if component.len() > MAX_COMPONENT => Some("has a component longer than 255 bytes"),
        _ if is_ours(component) => Some("has the form of an unfinished download's name"),
        _ => None,
    }
}

/// Says whether a name could be that of a partial or a journal, on a file system that folds case too.
fn is_ours(component: &str) -> bool {
    let folded = component.to_lowercase();
    folded.starts_with('.') && (folded.ends_with(PARTIAL_SUFFIX) || folded.ends_with(JOURNAL_SUFFIX))
}

/// Quotes a title for a message, shortened.
pub(super) fn quoted(title: &str) -> String {
    let plain = sanitise(title);
    let beginning: String = plain.chars().take(MAX_QUOTED).collect();
    let more = if beginning.len() < plain.len() { "…" } else { "" };
    format!("\"{beginning}{more}\"")
}

fn malformed(title: &str, fault: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("the title {} {fault}", quoted(title)))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_relative_paths_are_titles() {
        for (text, folders, name) in [
            ("disk.img", &[] as &[&str], "disk.img"),
            ("boot/x86_64/vmlinuz", &["boot", "x86_64"], "vmlinuz"),
            ("...", &[], "..."),
            ("back\\slash and space", &[], "back\\slash and space"),
            (".hidden", &[], ".hidden"),
            ("unlade-partial", &[], "unlade-partial"),
            ("grün.raw", &[], "grün.raw"),
        ] {
            let title = Title::parse(text).unwrap();
            assert_eq!(title.folders, folders, "{text}");
            assert_eq!(title.name, name, "{text}");
            assert_eq!(title.to_path(), Path::new(text));
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        let long = "x".repeat(256);
        let deep = "a/".repeat(3000);
        for text in [
            "",
            "/",
            "/etc/passwd",
            ".",
            "..",
            "./disk.img",
            "../disk.img",
            "a/../../b",
            "a//b",
            "a/",
            "nul\0",
            "new\nline",
            "\u{1b}[2J",
            "evil\u{202e}gpj.exe",
            ".disk.img.unlade-partial",
            ".disk.img.UNLADE-journal",
            "a/.unlade-partial",
            ".x.unlade-partial/disk.img",
            &long,
            &deep,
        ] {
            let error = Title::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "{text:?}");
            assert!(is_plain(&error.to_string()), "{text:?}");
            assert!(error.to_string().chars().count() < 200, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_title_never_leaves_its_folder(text in any::<String>()) {
            stays_inside(&text)?;
        }

        #[test]
        fn a_path_like_title_never_leaves_its_folder(text in r"([./\\a-c]|\.\./|\u{0}){0,24}") {
            stays_inside(&text)?;
        }
    }

    fn stays_inside(text: &str) -> Result<(), TestCaseError> {
        if let Ok(title) = Title::parse(text) {
            let path = title.to_path();
            prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
            prop_assert_eq!(path.components().count(), title.folders.len() + 1);
            prop_assert_eq!(path.as_os_str(), text);
        }
        Ok(())
    }
}
