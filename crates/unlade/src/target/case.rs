//! Whether a folder tells upper case from lower.

use std::ffi::OsStr;

use rustix::fs::{AtFlags, Mode, OFlags, fstatfs, openat, unlinkat};

use super::directory::{Directory, same};

/// File systems that fold case wherever they are used, by the number that `statfs` gives.
///
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>; exfat, ntfs3 and smb2 are in the kernel's own sources.
const FOLDING: [u32; 6] = [
    0x4d44,      // vfat
    0x2011_bab0, // exfat
    0x5346_544e, // ntfs, also behind FUSE
    0x7366_746e, // ntfs3
    0xff53_4d42, // cifs
    0xfe53_4d42, // smb2
];

/// What a folder makes of upper and lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Names that differ in it are one name.
    Folded,
    /// Names that differ in it are two names.
    Told,
}

/// How far one may go to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Probe {
    /// Nothing may be written: what cannot be seen stays unknown.
    Look,
    /// A file may be made, and is removed at once.
    Write,
}

/// Finds out what a folder makes of upper and lower case.
///
/// Single folders of ext4, f2fs and tmpfs fold it too, and no safe call tells which: there a file is made and looked
/// for under its name in the other case.
pub(super) fn of(directory: &Directory, probe: Probe) -> Case {
    if fstatfs(directory).is_ok_and(|system| FOLDING.iter().any(|number| is_number(system.f_type, *number))) {
        return Case::Folded;
    }
    match probe {
        Probe::Look => Case::Told,
        Probe::Write => try_out(directory).unwrap_or(Case::Told),
    }
}

/// Compares a number of `statfs`, whose width and sign differ from machine to machine.
fn is_number(found: impl TryInto<i128>, number: u32) -> bool {
    let low = i128::from(u32::MAX);
    found.try_into().is_ok_and(|found| found & low == i128::from(number))
}

/// Makes a file with a name that nobody has; `None` where none can be made, and so none published either.
fn try_out(directory: &Directory) -> Option<Case> {
    let name = format!(".unlade-{:016x}-case", fastrand::u64(..));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    drop(openat(directory, &name, flags, Mode::from_raw_mode(0o600)).ok()?);
    let (made, other) = (directory.look(OsStr::new(&name)), directory.look(OsStr::new(&name.to_uppercase())));
    // It is empty and hidden: one that stays does no harm.
    let _gone = unlinkat(directory, &name, AtFlags::empty());
    match (made.ok()??, other.ok()?) {
        (made, Some(other)) if same(&made, &other) => Some(Case::Folded),
        _ => Some(Case::Told),
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::resolve;
    use super::*;

    #[test]
    fn nothing_is_left_of_the_question() {
        let folder = tempfile::TempDir::new().unwrap();
        let place = resolve(&folder.path().join("disk.img"), None).unwrap();
        let directory = Directory::find(&place).unwrap().unwrap();
        assert_eq!(of(&directory, Probe::Look), Case::Told);
        // The systems that tests run on tell case, unless they are of the kind that says so itself.
        assert_eq!(of(&directory, Probe::Write), Case::Told);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn numbers_are_the_same_whatever_their_width() {
        assert!(is_number(0x4d44_i64, 0x4d44));
        assert!(is_number(0xff53_4d42_u32, 0xff53_4d42));
        // As a system of 32 bits gives it.
        assert!(is_number(-0x00ac_b2be_i32, 0xff53_4d42));
        assert!(!is_number(0x0102_1994_i64, 0x4d44));
    }
}
