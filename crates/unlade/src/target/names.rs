//! The names of the files that an unfinished download has beside its target.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use rustix::fs::fstatvfs;

use super::directory::Directory;
use super::title::{JOURNAL_SUFFIX, PARTIAL_SUFFIX};
use crate::spec::digest::Algorithm;
use crate::verify::digest_of;

/// The longest name of a file in bytes, where the file system does not tell a shorter one.
const MAX_NAME: usize = 255;

/// The shortest limit that is believed: it leaves room for the hash of a long name.
const MIN_NAME: usize = 64;

/// So many hexadecimal digits tell names apart that begin alike.
pub(super) const MARK_DIGITS: usize = 16;

/// Returns the name of a target's partial.
///
/// Where the name would be too long for the file system, its beginning and its hash stand for it.
pub(super) fn partial_name(target: &OsStr, limit: usize) -> OsString {
    name_beside(target, PARTIAL_SUFFIX, limit)
}

/// Returns the name of the journal of a target's partial.
pub(super) fn journal_name(target: &OsStr, limit: usize) -> OsString {
    name_beside(target, JOURNAL_SUFFIX, limit)
}

/// Returns the name of a partial with a mark, as much of the target's own before it as the file system takes.
pub(super) fn marked_name(target: &OsStr, mark: &str, limit: usize) -> OsString {
    marked(target, mark, PARTIAL_SUFFIX, limit)
}

fn name_beside(target: &OsStr, suffix: &str, limit: usize) -> OsString {
    if target.len() + suffix.len() < limit {
        let mut name = OsString::from(".");
        name.push(target);
        name.push(suffix);
        return name;
    }
    let hash = digest_of(Algorithm::Sha256, target.as_bytes());
    marked(target, &hash.hex()[..MARK_DIGITS], suffix, limit)
}

fn marked(target: &OsStr, mark: &str, suffix: &str, limit: usize) -> OsString {
    let room = limit.saturating_sub(".".len() + "-".len() + mark.len() + suffix.len());
    let mut name = b".".to_vec();
    name.extend_from_slice(beginning(target.as_bytes(), room));
    name.extend_from_slice(format!("-{mark}{suffix}").as_bytes());
    OsString::from_vec(name)
}

/// Cuts a name where it does not split a character of UTF-8.
fn beginning(name: &[u8], room: usize) -> &[u8] {
    let mut end = room.min(name.len());
    while end > 0 && name.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    &name[..end]
}

/// Returns how long a name in a folder can be, in bytes.
pub(super) fn name_limit(directory: &Directory) -> usize {
    // Some file systems count characters, or say nothing: no name is longer than Linux takes.
    let told = fstatvfs(directory).ok().and_then(|system| usize::try_from(system.f_namemax).ok());
    told.unwrap_or(MAX_NAME).clamp(MIN_NAME, MAX_NAME)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_names_are_kept_whole() {
        assert_eq!(partial_name(OsStr::new("disk.img"), MAX_NAME), ".disk.img.unlade-partial");
        let longest = "x".repeat(MAX_NAME - 1 - PARTIAL_SUFFIX.len());
        assert_eq!(partial_name(OsStr::new(&longest), MAX_NAME), *format!(".{longest}.unlade-partial"));
    }

    #[test]
    fn long_names_that_begin_alike_differ() {
        let one = partial_name(OsStr::new(&"x".repeat(254)), MAX_NAME);
        let other = partial_name(OsStr::new(&"x".repeat(255)), MAX_NAME);
        assert_eq!((one.len(), other.len()), (MAX_NAME, MAX_NAME));
        assert_ne!(one, other);
    }

    proptest! {
        #[test]
        fn every_name_fits_and_is_text_where_the_target_s_is(name in ".{1,255}", limit in MIN_NAME..=MAX_NAME) {
            let (partial, journal) = (partial_name(OsStr::new(&name), limit), journal_name(OsStr::new(&name), limit));
            prop_assert!(partial.len() <= limit && journal.len() <= limit);
            let (partial, journal) = (partial.to_str().unwrap(), journal.to_str().unwrap());
            prop_assert!(partial.starts_with('.') && partial.ends_with(PARTIAL_SUFFIX));
            prop_assert_eq!(partial.strip_suffix(PARTIAL_SUFFIX), journal.strip_suffix(JOURNAL_SUFFIX));
        }
    }
}
