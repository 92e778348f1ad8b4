//! What a member of an archive becomes, and what may not be. Pure.

use super::super::title::Title;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::tar::{Header, Kind, Records};
use crate::spec::text::{is_plain, sanitise};

/// The longest target of a link, in bytes, as Linux takes it.
const MAX_TARGET: usize = 4095;

/// So many folders may lie in each other: when they go into one that is there, both are open on
/// the way, and read: three descriptors each.
const MAX_DEPTH: usize = 64;

/// The permissions that a member can have; the bits that change who a program runs as are never passed on.
const PERMISSIONS: u32 = 0o777;

/// One member, placed below the folder that the archive is unpacked as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its path below that folder; empty for the folder itself.
    pub(super) path: Vec<String>,
    pub(super) what: What,
    /// Its permissions, before the umask.
    pub(super) mode: u32,
    /// When it was last changed: seconds, and billionths of one.
    pub(super) modified: (i64, u32),
    /// How many bytes of content follow.
    pub(super) size: u64,
}

/// What a member becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    File,
    Folder,
    /// A further name of the file at a path below the folder.
    HardLink(Vec<String>),
    /// A link to what is not known, but inside.
    Symlink(String),
}

/// Reads a member from its header and what extension headers say of it.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] for names outside the title's folder, links that lead out of it, and what is neither file,
/// folder nor link; [`ErrorKind::Unsupported`] for sparse files and unknown kinds.
pub(super) fn member(
    header: &Header,
    records: &Records,
    name: &[u8],
    link: &[u8],
    prefix: &[String],
) -> Result<Member> {
    let mut path = place(name, prefix)?;
    if path.len() > MAX_DEPTH {
        return Err(fault(name, &format!("lies more than {MAX_DEPTH} folders deep")));
    }
    let what = match header.kind {
        Kind::File if !records.sparse => What::File,
        Kind::Folder => What::Folder,
        Kind::Other(b'1') => {
            let target =
                place(link, prefix).map_err(|error| error.making(said(name, "is a hard link that cannot be made")))?;
            if target.is_empty() {
                return Err(fault(name, "is a hard link to a folder"));
            }
            What::HardLink(target)
        }
        Kind::Other(b'2') => What::Symlink(target(name, link, path.len().saturating_sub(1))?),
        Kind::Other(b'3' | b'4' | b'6') => return Err(fault(name, &format!("is {}", header.kind.describe()))),
        kind => {
            let kind = if records.sparse { Kind::Other(b'S') } else { kind };
            let message = said(name, &format!("is {}, which this version does not unpack", kind.describe()));
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    };
    if path.is_empty() && what != What::Folder {
        return Err(fault(name, "is the folder itself, and is none"));
    }
    path.shrink_to_fit();
    let modified = records.modified.unwrap_or((header.modified, 0));
    let size = records.size.unwrap_or(header.size);
    if what != What::File && size != 0 {
        // Some readers skip the content, others do not: they would see different members from here on.
        return Err(fault(name, "has no content and says that it has some"));
    }
    Ok(Member { path, what, mode: header.mode & PERMISSIONS, modified, size })
}

/// Returns the path of a name below the folder of the title. With the title `.` that is the folder which all lie in.
fn place(name: &[u8], prefix: &[String]) -> Result<Vec<String>> {
    let text = std::str::from_utf8(name).map_err(|_| fault(name, "has a name that is no text"))?;
    if prefix.is_empty() && matches!(text, "." | "./") {
        return Ok(Vec::new());
    }
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    let parsed = Title::parse(text).map_err(|error| error.making(said(name, "has a name that cannot be used")))?;
    let mut path = parsed.folders;
    path.push(parsed.name);
    if path.len() < prefix.len() || !path.iter().zip(prefix).all(|(one, other)| one == other) {
        return Err(fault(name, "lies outside the folder of the title"));
    }
    Ok(path.split_off(prefix.len()))
}

/// Reads the target of a symbolic link that is so many folders deep.
///
/// It may climb first and descend then, never the other way round: what a name stands for may be a link itself, and
/// climbing from there could lead anywhere.
fn target(name: &[u8], link: &[u8], depth: usize) -> Result<String> {
    let text = std::str::from_utf8(link).ok().filter(|text| is_plain(text) && text.len() <= MAX_TARGET);
    let Some(text) = text else { return Err(fault(name, "is a link whose target cannot be used")) };
    if text.is_empty() || text.starts_with('/') {
        return Err(fault(name, "is a link whose target is no relative path"));
    }
    let mut climbed = 0;
    let mut descended = false;
    for component in text.split('/') {
        match component {
            "" | "." => {}
            ".." if descended => return Err(fault(name, "is a link whose target turns back on its way")),
            ".." => climbed += 1,
            _ => descended = true,
        }
    }
    if climbed > depth {
        return Err(fault(name, "is a link that leads out of its folder"));
    }
    Ok(text.to_owned())
}

/// Says something of a member, as the archive calls it.
pub(super) fn said(name: &[u8], what: &str) -> String {
    let text = String::from_utf8_lossy(&name[..name.len().min(200)]);
    format!("the member \"{}\" {what}", sanitise(&text))
}

pub(super) fn fault(name: &[u8], what: &str) -> Error {
    Error::new(ErrorKind::Malformed, said(name, what))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(kind: Kind) -> Header {
        let size = if kind == Kind::File { 3 } else { 0 };
        Header { kind, name: Vec::new(), size, link: Vec::new(), mode: 0o6755, modified: 7 }
    }

    fn read(kind: Kind, name: &str, link: &str) -> Result<Member, ErrorKind> {
        read_below(&["a", "tree"], kind, name, link)
    }

    fn read_below(prefix: &[&str], kind: Kind, name: &str, link: &str) -> Result<Member, ErrorKind> {
        let prefix: Vec<String> = prefix.iter().map(|&folder| folder.to_owned()).collect();
        let found = member(&header(kind), &Records::default(), name.as_bytes(), link.as_bytes(), &prefix);
        found.map_err(|error| error.kind())
    }

    const HARD: Kind = Kind::Other(b'1');
    const SOFT: Kind = Kind::Other(b'2');

    #[test]
    fn members_are_placed_below_the_titles_folder() {
        let found = read(Kind::File, "a/tree/sub/x", "").unwrap();
        assert_eq!((found.path, found.what, found.mode), (vec!["sub".to_owned(), "x".to_owned()], What::File, 0o755));
        for name in ["a/tree", "a/tree/", "./a/tree/"] {
            assert_eq!(read(Kind::Folder, name, "").unwrap().path, Vec::<String>::new(), "{name}");
        }
        let deep = format!("a/tree/{}x", "d/".repeat(63));
        assert_eq!(read(Kind::File, &deep, "").unwrap().path.len(), 64);
        let link = read(HARD, "a/tree/x", "a/tree/sub/y").unwrap().what;
        assert_eq!(link, What::HardLink(vec!["sub".to_owned(), "y".to_owned()]));
    }

    #[test]
    fn what_leads_out_or_is_neither_file_folder_nor_link_is_malformed() {
        let deep = format!("a/tree/{}x", "d/".repeat(64));
        for (kind, name, link) in [
            (Kind::File, "", ""),
            (Kind::File, "x", ""),
            (Kind::File, "a", ""),
            (Kind::Folder, "a/", ""),
            (Kind::File, "a/treehouse/x", ""),
            (Kind::File, "/a/tree/x", ""),
            (Kind::File, "../a/tree/x", ""),
            (Kind::File, "a/tree/../x", ""),
            (Kind::File, "a/tree/x/../../../y", ""),
            (Kind::File, "a//tree/x", ""),
            (Kind::File, "a/tree/x//", ""),
            (Kind::File, "a/tree/./x", ""),
            (Kind::File, "a/tree/nul\0", ""),
            (Kind::File, "a/tree/\u{1b}[2J", ""),
            (Kind::File, "a/tree/.x.unlade-partial", ""),
            (Kind::File, "a/tree", ""),
            (SOFT, "a/tree", "sub"),
            (Kind::File, &deep, ""),
            (Kind::Other(b'3'), "a/tree/null", ""),
            (Kind::Other(b'4'), "a/tree/sda", ""),
            (Kind::Other(b'6'), "a/tree/fifo", ""),
            (HARD, "a/tree/x", "/etc/passwd"),
            (HARD, "a/tree/x", "../x"),
            (HARD, "a/tree/x", "b/tree/x"),
            (HARD, "a/tree/x", "a/tree"),
            (HARD, "a/tree/x", ""),
            (SOFT, "a/tree/x", "/etc/passwd"),
            (SOFT, "a/tree/x", ".."),
            (SOFT, "a/tree/x", "../tree/y"),
            (SOFT, "a/tree/sub/x", "../../y"),
            (SOFT, "a/tree/sub/x", "y/../../../z"),
            (SOFT, "a/tree/sub/x", "link/.."),
            (SOFT, "a/tree/x", ""),
            (SOFT, "a/tree/x", "a\u{202e}b"),
        ] {
            assert_eq!(read(kind, name, link), Err(ErrorKind::Malformed), "{kind:?} {name:?} {link:?}");
        }
        for kind in [Kind::Other(b'S'), Kind::Other(b'7'), Kind::Other(b'V')] {
            assert_eq!(read(kind, "a/tree/x", ""), Err(ErrorKind::Unsupported), "{kind:?}");
        }
    }

    #[test]
    fn without_a_title_members_lie_in_the_folder_itself() {
        for (kind, name, expected) in [
            (Kind::Folder, ".", Ok("")),
            (Kind::Folder, "./", Ok("")),
            (Kind::Folder, "sub/", Ok("sub")),
            (Kind::File, "x", Ok("x")),
            (Kind::File, "./sub/x", Ok("sub/x")),
            (Kind::File, ".", Err(ErrorKind::Malformed)),
            (Kind::Folder, "", Err(ErrorKind::Malformed)),
            (Kind::Folder, "..", Err(ErrorKind::Malformed)),
            (Kind::File, "../x", Err(ErrorKind::Malformed)),
            (Kind::File, "/x", Err(ErrorKind::Malformed)),
        ] {
            let found = read_below(&[], kind, name, "").map(|member| member.path.join("/"));
            assert_eq!(found, expected.map(str::to_owned), "{kind:?} {name}");
        }
        assert_eq!(read_below(&[], HARD, "x", ".").map(drop), Err(ErrorKind::Malformed));
        assert_eq!(read_below(&[], SOFT, "x", "..").map(drop), Err(ErrorKind::Malformed));
    }

    #[test]
    fn content_that_some_readers_would_skip_is_malformed() {
        let records = Records { size: Some(512), ..Records::default() };
        let prefix = ["tree".to_owned()];
        for (kind, link) in [(Kind::Folder, ""), (HARD, "tree/x"), (SOFT, "x")] {
            let found = member(&header(kind), &records, b"tree/y", link.as_bytes(), &prefix);
            assert_eq!(found.unwrap_err().kind(), ErrorKind::Malformed, "{kind:?}");
        }
        assert_eq!(member(&header(Kind::File), &records, b"tree/y", b"", &prefix).unwrap().size, 512);
    }

    #[test]
    fn links_that_stay_inside_are_kept_as_they_are() {
        for (name, link) in [
            ("a/tree/x", "y"),
            ("a/tree/x", "./y/"),
            ("a/tree/sub/x", "../y"),
            ("a/tree/sub/x", ".."),
            ("a/tree/sub/er/x", "../../sub//y"),
        ] {
            assert_eq!(read(SOFT, name, link).unwrap().what, What::Symlink(link.to_owned()), "{name} {link}");
        }
    }

    proptest! {
        #[test]
        fn no_link_climbs_above_its_folder(link in r"((\.\.|\.|a|b|)/){0,6}(\.\.|a)?", depth in 0_usize..4) {
            let Ok(target) = target(b"x", link.as_bytes(), depth) else { return Ok(()) };
            // Whatever the names on the way stand for, as long as that is inside, the end is.
            let mut level = i64::try_from(depth).unwrap();
            for component in target.split('/') {
                match component {
                    ".." => level -= 1,
                    "" | "." => {}
                    // The worst that a name can stand for.
                    _ => level = 0,
                }
                prop_assert!(level >= 0, "{target}");
            }
        }
    }
}
