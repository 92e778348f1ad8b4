//! The headers of a tar: POSIX's ustar and pax, GNU's long names. Pure.
//!
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13>,
//! <https://www.gnu.org/software/tar/manual/html_node/Standard.html>

/// The size of a header, and what the content of each member is padded to, in bytes.
pub(crate) const BLOCK: usize = 512;

/// Where the header of a sparse file in GNU's old form says that its map goes on in a block of its own, and where that
/// block says it of the next.
const MAP_GOES_ON: [usize; 2] = [482, 504];

/// One header as it stands, before what extension headers say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) name: Vec<u8>,
    /// How many bytes of content follow.
    pub(crate) size: u64,
    /// The target of a link; empty for everything else.
    pub(crate) link: Vec<u8>,
    /// The bits of the mode.
    pub(crate) mode: u32,
    /// When it was last changed, in seconds; 0 where that is not said.
    pub(crate) modified: i64,
}

/// What a header stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// Records for all members that follow.
    GlobalRecords,
    /// The target of the next member, which is a link.
    LongLink,
    /// The name of the next member.
    LongName,
    /// A member that holds no plain content, by its letter.
    Other(u8),
    /// Records for the next member.
    Records,
}

/// What pax records say that matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    /// The target of a link.
    pub(crate) link: Option<Vec<u8>>,
    /// When it was last changed: seconds, and billionths of one.
    pub(crate) modified: Option<(i64, u32)>,
    /// The member is sparse: its content is a map and pieces. Then `path` is the name of what they make.
    pub(crate) sparse: bool,
}

/// Why a block is no header, or a content no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the checksum of a header is wrong")]
    Checksum,
    #[error("a member that has no content says that it has some")]
    Content,
    #[error("a number in a header is none")]
    Number,
    #[error("the records of an extended header cannot be read")]
    Records,
}

impl Kind {
    /// Says what it is, as the end of a sentence.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Folder => "a folder",
            Self::Other(b'1') => "a hard link",
            Self::Other(b'2') => "a symbolic link",
            Self::Other(b'3' | b'4') => "a device",
            Self::Other(b'6') => "a FIFO",
            Self::Other(b'S') => "a sparse file",
            _ => "of an unknown kind",
        }
    }

    fn of(letter: u8, name: &[u8]) -> Self {
        match letter {
            // Before there were letters for it, a slash at its end made a name that of a folder.
            b'0' | 0 if name.ends_with(b"/") => Self::Folder,
            b'0' | 0 => Self::File,
            b'5' => Self::Folder,
            b'K' => Self::LongLink,
            b'L' => Self::LongName,
            b'g' => Self::GlobalRecords,
            b'x' => Self::Records,
            other => Self::Other(other),
        }
    }

    /// Says whether no content follows, whatever the size says: links, devices, folders, FIFOs.
    pub(crate) fn is_bare(self) -> bool {
        matches!(self, Self::Folder | Self::Other(b'1'..=b'6'))
    }
}

impl Header {
    /// Reads a block; one of zeros, which ends an archive, is `None`.
    pub(crate) fn parse(block: &[u8; BLOCK]) -> Result<Option<Self>, Fault> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        check_sum(block)?;
        let mut name = text(&block[..100]).to_vec();
        // Only POSIX's has the first part of long names here: in GNU's, times stand there.
        if block[257..263] == *b"ustar\0" && block[345] != 0 {
            name = [text(&block[345..500]), b"/", &name].concat();
        }
        let kind = Kind::of(block[156], &name);
        let size = number(&block[124..136])?;
        if kind.is_bare() && size != 0 {
            // Some readers skip the content, others do not: they would see different members from here on.
            return Err(Fault::Content);
        }
        // Neither decides what a member is: one that cannot be read is left out.
        let mode = number(&block[100..108]).ok().and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0);
        let modified = number(&block[136..148]).ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
        Ok(Some(Self { kind, name, size, link: text(&block[157..257]).to_vec(), mode, modified }))
    }
}

/// Says whether the map of a sparse file in GNU's old form goes on in the block behind its header.
pub(crate) fn map_goes_on(header: &[u8; BLOCK]) -> bool {
    header[156] == b'S' && header[MAP_GOES_ON[0]] != 0
}

/// Says whether such a map goes on behind a block of it.
pub(crate) fn map_goes_further(block: &[u8; BLOCK]) -> bool {
    block[MAP_GOES_ON[1]] != 0
}

impl Records {
    /// Reads records of the form `LENGTH KEY=VALUE\n`; of a key that stands there twice, the last one counts.
    pub(crate) fn parse(mut text: &[u8]) -> Result<Self, Fault> {
        let mut found = Self::default();
        let mut sparse_name = None;
        while !text.is_empty() {
            let (record, rest) = split_record(text).ok_or(Fault::Records)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(Fault::Records)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            if matches!(key, b"path" | b"linkpath" | b"GNU.sparse.name") && value.contains(&0) {
                // Some readers cut it there, others keep it.
                return Err(Fault::Records);
            }
            match key {
                // An empty value takes back what a record before said.
                b"path" => found.path = Some(value.to_vec()).filter(|path| !path.is_empty()),
                b"linkpath" => found.link = Some(value.to_vec()).filter(|link| !link.is_empty()),
                b"mtime" => found.modified = moment(value),
                b"size" if value.is_empty() => found.size = None,
                b"size" => found.size = Some(digits(value, 10).ok_or(Fault::Number)?),
                b"GNU.sparse.name" => sparse_name = Some(value.to_vec()),
                _ if key.starts_with(b"GNU.sparse.") => found.sparse = true,
                _ => {}
            }
            text = rest;
        }
        if sparse_name.is_some() {
            found.sparse = true;
            found.path = sparse_name;
        }
        Ok(found)
    }
}

/// Reads a time in seconds, with a fraction; `None` for one that no clock shows.
fn moment(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let billionths = format!("{fraction:0<9.9}");
    let billionths: u32 =
        if billionths.bytes().all(|byte| byte.is_ascii_digit()) { billionths.parse().ok()? } else { 0 };
    match (whole.starts_with('-'), billionths) {
        (true, 1..) => Some((seconds.checked_sub(1)?, 1_000_000_000 - billionths)),
        _ => Some((seconds, billionths)),
    }
}

fn split_record(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(digits(&text[..space], 10)?).ok()?;
    if length > text.len() || length <= space {
        return None;
    }
    let (record, rest) = text.split_at(length);
    Some((record[space + 1..].strip_suffix(b"\n")?, rest))
}

/// Checks the sum of all bytes, those of the sum itself taken as spaces.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), Fault> {
    let stored = number(&block[148..156])?;
    let (mut unsigned, mut signed) = (0_i64, 0_i64);
    for (place, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&place) { b' ' } else { *byte };
        unsigned += i64::from(byte);
        // Some old writers took bytes for signed ones.
        signed += i64::from(byte.cast_signed());
    }
    if [unsigned, signed].iter().any(|sum| u64::try_from(*sum) == Ok(stored)) { Ok(()) } else { Err(Fault::Checksum) }
}

/// Returns a field up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads a number: octal digits, or GNU's binary form, which has the highest bit set.
fn number(field: &[u8]) -> Result<u64, Fault> {
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        let mut value = u64::from(first & 0x7f);
        for byte in rest {
            // A negative one is too large as well.
            value = value.checked_mul(256).ok_or(Fault::Number)? | u64::from(*byte);
        }
        return Ok(value);
    }
    let digits_of = text(field).trim_ascii();
    if !digits_of.is_empty() {
        return digits(digits_of, 8).ok_or(Fault::Number);
    }
    // Some readers pass over what stands before the digits, others take it for their end.
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) { Ok(0) } else { Err(Fault::Number) }
}

fn digits(text: &[u8], radix: u32) -> Option<u64> {
    // A sign, which the parser would take, is none of the digits.
    let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    u64::from_str_radix(text, radix).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(edit: impl FnOnce(&mut [u8; BLOCK])) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..10].copy_from_slice(b"index.json");
        block[124..136].copy_from_slice(b"00000000012\0");
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        edit(&mut block);
        seal(&mut block);
        block
    }

    fn seal(block: &mut [u8; BLOCK]) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    fn header(name: &str, size: u64, kind: Kind) -> Header {
        Header { kind, name: name.as_bytes().to_vec(), size, link: Vec::new(), mode: 0, modified: 0 }
    }

    #[test]
    fn headers_of_all_forms_are_read() {
        type Edit = fn(&mut [u8; BLOCK]);
        let cases: [(Edit, Header); 9] = [
            (|_| {}, header("index.json", 10, Kind::File)),
            (|block| block[156] = 0, header("index.json", 10, Kind::File)),
            (|block| block[257..265].fill(0), header("index.json", 10, Kind::File)),
            (|block| block[345..350].copy_from_slice(b"blobs"), header("blobs/index.json", 10, Kind::File)),
            (
                |block| {
                    block[257..265].copy_from_slice(b"ustar  \0");
                    block[345..350].copy_from_slice(b"12345");
                },
                header("index.json", 10, Kind::File),
            ),
            (|block| block[124..136].copy_from_slice(b"         12 "), header("index.json", 10, Kind::File)),
            (
                |block| block[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\x03\0\0\0\x01"),
                header("index.json", (3 << 32) + 1, Kind::File),
            ),
            (
                |block| {
                    block[10] = b'/';
                    block[124..136].fill(0);
                },
                header("index.json/", 0, Kind::Folder),
            ),
            (|block| block[..100].fill(b'x'), header(&"x".repeat(100), 10, Kind::File)),
        ];
        for (edit, expected) in cases {
            assert_eq!(Header::parse(&block(edit)), Ok(Some(expected)));
        }
        assert_eq!(Header::parse(&[0; BLOCK]), Ok(None));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let mut flipped = block(|_| {});
        flipped[3] ^= 1;
        assert_eq!(Header::parse(&flipped), Err(Fault::Checksum));
        assert_eq!(Header::parse(&[b'a'; BLOCK]), Err(Fault::Number));
        for size in [
            b"0000000001x\0",
            b"-0000000001\0",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x0000000000012",
            b" \x00 000000012",
            b"\0\0\0\0\0\0\0\0\0\0\x001",
        ] {
            assert_eq!(Header::parse(&block(|block| block[124..136].copy_from_slice(size))), Err(Fault::Number));
        }
        for letter in *b"123456" {
            assert_eq!(Header::parse(&block(|block| block[156] = letter)), Err(Fault::Content));
        }
    }

    #[test]
    fn what_else_is_known_of_a_member_is_read_too() {
        let found = Header::parse(&block(|block| {
            block[100..108].copy_from_slice(b"0000755\0");
            block[124..136].fill(0);
            block[136..148].copy_from_slice(b"14525252525\0");
            block[156] = b'2';
            block[157..165].copy_from_slice(b"../other");
        }));
        let Ok(Some(found)) = found else { panic!("{found:?}") };
        assert_eq!((found.link.as_slice(), found.mode, found.modified), (&b"../other"[..], 0o755, 0o14_525_252_525));
        assert_eq!(found.kind, Kind::Other(b'2'));
        let records = Records::parse(b"17 linkpath=long\n14 mtime=12.5\n").unwrap();
        assert_eq!((records.link, records.modified), (Some(b"long".to_vec()), Some((12, 500_000_000))));
        for (text, expected) in [
            (&b"7"[..], Some((7, 0))),
            (b"7.000000001", Some((7, 1))),
            (b"7.0000000019", Some((7, 1))),
            (b"-7.25", Some((-8, 750_000_000))),
            (b"-7", Some((-7, 0))),
            (b"7.x", Some((7, 0))),
            (b"x", None),
            (b"", None),
            (b"99999999999999999999", None),
        ] {
            assert_eq!(moment(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn records_are_read_by_their_length() {
        let read = |text: &[u8]| Records::parse(text);
        let found = read(b"12 path=a/b\n13 x=1\nsize=\n12 size=123\n").unwrap();
        assert_eq!(found, Records { path: Some(b"a/b".to_vec()), size: Some(123), ..Records::default() });
        assert_eq!(read(b"9 path=a\n9 path=b\n").unwrap().path, Some(b"b".to_vec()));
        assert_eq!(read(b"9 path=a\n8 path=\n").unwrap().path, None);
        assert_eq!(read(b"").unwrap(), Records::default());
        let sparse = read(b"22 GNU.sparse.major=1\n21 GNU.sparse.name=b\n9 path=a\n").unwrap();
        assert_eq!(sparse, Records { path: Some(b"b".to_vec()), sparse: true, ..Records::default() });
        for bad in [
            &b"x"[..],
            b"9 path=a",
            b"8 path=a\n",
            b"99 path=a\n",
            b"0 \n",
            b"1 \n",
            b"-9 path=a\n",
            b"7 patha\n",
            b" ",
            b"12 path=a\0b\n",
            b"16 linkpath=a\0b\n",
            b"23 GNU.sparse.name=a\0b\n",
        ] {
            assert_eq!(read(bad), Err(Fault::Records), "{}", bad.escape_ascii());
        }
        for bad in [&b"9 size=x\n"[..], b"29 size=18446744073709551616\n", b"11 size=-1\n"] {
            assert_eq!(read(bad), Err(Fault::Number), "{}", bad.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), BLOCK), at in 0..BLOCK, flip in any::<u8>()) {
            let _ = Header::parse(&bytes.clone().try_into().unwrap());
            let _ = Records::parse(&bytes);
            let mut flipped = block(|block| block[at] ^= flip);
            seal(&mut flipped);
            let _ = Header::parse(&flipped);
            let mut records = b"12 path=a/b\n12 size=123\n".to_vec();
            let at = at % records.len();
            records[at] ^= flip;
            let _ = Records::parse(&records);
        }
    }
}
