//! One pass over the headers of a tar.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use super::role::{self, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::digest::Digest;
use crate::spec::tar::{BLOCK, Fault, Header, Kind, Records, map_goes_further, map_goes_on};
use crate::spec::text::sanitise;

/// How many headers are read: each blob costs some hundred bytes of memory.
const MAX_HEADERS: usize = 100_000;

/// The largest extended header that is read, in bytes: real ones hold a path, times and perhaps a few attributes.
const MAX_EXTENSION: u64 = 1 << 20;

/// Where the files of a layout are in a tar.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) version: Option<Range<u64>>,
    pub(super) index: Option<Range<u64>>,
    pub(super) blobs: HashMap<Digest, Range<u64>>,
    /// The list of images is there that docker writes.
    pub(super) of_docker: bool,
}

/// Reads the headers of a tar of so many bytes, which errors call `name`.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`] for what is no tar, [`ErrorKind::Malformed`] for one that is truncated or that readers
/// could take for different ones, [`ErrorKind::TooLarge`] above the limits.
pub(super) fn scan(file: &File, length: u64, name: &str) -> Result<Members> {
    let mut scan = Scan { file, length, name, place: 0, headers: 0 };
    let mut members = Members::default();
    while let Some(member) = scan.next()? {
        members.note(&member).map_err(|fault| scan.unusable(fault))?;
    }
    Ok(members)
}

struct Scan<'a> {
    file: &'a File,
    length: u64,
    name: &'a str,
    /// Where the next header begins.
    place: u64,
    headers: usize,
}

/// A member with all that its headers say of it.
struct Member {
    name: Vec<u8>,
    kind: Kind,
    content: Range<u64>,
}

/// What extension headers say of the member behind them.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    records: Option<Records>,
}

impl Scan<'_> {
    fn next(&mut self) -> Result<Option<Member>> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            match header.kind {
                Kind::LongName => {
                    let name = self.extension(&header)?;
                    let name = name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
                    self.refuse_second(extensions.name.replace(name))?;
                }
                Kind::LongLink => drop(self.extension(&header)?),
                Kind::Records => {
                    let records = self.records(&header)?;
                    self.refuse_second(extensions.records.replace(records))?;
                }
                Kind::Other(b'X') => {
                    return Err(self.unusable("it has an extended header of Solaris, which some readers obey"));
                }
                Kind::GlobalRecords => {
                    let records = self.records(&header)?;
                    if records.path.is_some() || records.size.is_some() || records.sparse {
                        // Some readers obey them, others do not.
                        return Err(self.unusable("a global extended header names or measures members"));
                    }
                }
                _ => return self.member(header, extensions).map(Some),
            }
        }
    }

    /// Fails if the member has an extended header of this kind already.
    fn refuse_second<T>(&self, first: Option<T>) -> Result<()> {
        // Some readers obey the first, others the last.
        first.map_or(Ok(()), |_| Err(self.unusable("a member has two extended headers of one kind")))
    }

    fn member(&mut self, header: Header, extensions: Extensions) -> Result<Member> {
        let records = extensions.records.unwrap_or_default();
        let name = match (records.path, extensions.name) {
            (Some(one), Some(other)) if one != other => {
                return Err(self.unusable("a member has two long names, which differ"));
            }
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => header.name,
        };
        let kind = if records.sparse { Kind::Other(b'S') } else { header.kind };
        let size = records.size.unwrap_or(header.size);
        if kind.is_bare() && size != 0 {
            // The header itself says no such thing; of what it says elsewhere, readers differ.
            return Err(self.unusable(Fault::Content));
        }
        let content = self.content(size, &name)?;
        Ok(Member { name, kind, content })
    }

    /// Reads the next header; `None` is the end of the archive.
    fn header(&mut self) -> Result<Option<Header>> {
        self.count()?;
        let block = self.block()?;
        match Header::parse(&block) {
            Ok(Some(header)) => {
                self.pass_map(&block)?;
                Ok(Some(header))
            }
            // Two such blocks are the end; where there is but one, others may read on.
            Ok(None) if self.place == self.length || self.block()?.iter().all(|byte| *byte == 0) => Ok(None),
            Ok(None) => Err(self.unusable("something stands behind a block of zeros")),
            Err(fault) if self.headers == 1 => {
                Err(Error::new(ErrorKind::InvalidInput, format!("{} is not a tar", self.name)).caused_by(fault))
            }
            Err(fault) => Err(self.unusable(fault)),
        }
    }

    /// Steps over the rest of a map that a header has no room for.
    fn pass_map(&mut self, header: &[u8; BLOCK]) -> Result<()> {
        let mut goes_on = map_goes_on(header);
        while goes_on {
            self.count()?;
            goes_on = map_goes_further(&self.block()?);
        }
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        if self.headers == MAX_HEADERS {
            let message = format!("{} has more than {MAX_HEADERS} headers, and is no layout's tar", self.name);
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        self.headers += 1;
        Ok(())
    }

    fn block(&mut self) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        if self.length < BLOCK as u64 {
            return Err(Error::new(ErrorKind::InvalidInput, format!("{} is not a tar", self.name)));
        }
        if self.length - self.place < BLOCK as u64 {
            return Err(self.truncated("it has no end"));
        }
        self.read(&mut block, self.place)?;
        self.place += BLOCK as u64;
        Ok(block)
    }

    /// Steps over the content behind a header, and says where it is.
    fn content(&mut self, size: u64, name: &[u8]) -> Result<Range<u64>> {
        let start = self.place;
        let end = start.checked_add(size).filter(|end| *end <= self.length);
        let next = end.and_then(|end| end.checked_next_multiple_of(BLOCK as u64));
        let (Some(end), Some(next)) = (end, next) else {
            return Err(self.truncated(&format!("it ends within the member {}", quote(name))));
        };
        // The padding of the last member may be missing: then the end is, too.
        self.place = next.min(self.length);
        Ok(start..end)
    }

    fn records(&mut self, header: &Header) -> Result<Records> {
        let text = self.extension(header)?;
        Records::parse(&text).map_err(|fault| self.unusable(fault))
    }

    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        let content = self.content(header.size, &header.name)?;
        if header.size > MAX_EXTENSION {
            let message = format!("{} has an extended header of more than {MAX_EXTENSION} bytes", self.name);
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        let mut text = vec![0; usize::try_from(header.size).expect("it is below the limit")];
        self.read(&mut text, content.start)?;
        Ok(text)
    }

    fn read(&self, bytes: &mut [u8], place: u64) -> Result<()> {
        self.file.read_exact_at(bytes, place).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::UnexpectedEof => self.truncated("it became shorter while it was read"),
            _ => Error::io(format!("cannot read {}", self.name), cause),
        })
    }

    fn truncated(&self, how: &str) -> Error {
        self.unusable(format!("the tar is truncated: {how}"))
    }

    fn unusable(&self, fault: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(ErrorKind::Malformed, format!("{} cannot be used", self.name)).caused_by(fault)
    }
}

impl Members {
    fn note(&mut self, member: &Member) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let role = role::of(&member.name)?;
        let expected = match role {
            Role::Stranger => return Ok(()),
            Role::OfDocker => {
                self.of_docker = true;
                return Ok(());
            }
            Role::Folder => Kind::Folder,
            Role::Blob(_) | Role::Index | Role::Version => Kind::File,
        };
        if member.kind != expected {
            let (name, kind) = (quote(&member.name), member.kind.describe());
            return Err(format!("the member {name} is {kind}, where {} has to be", expected.describe()).into());
        }
        let is_first = match role {
            Role::Blob(digest) => match self.blobs.entry(digest) {
                Entry::Vacant(vacant) => {
                    vacant.insert(member.content.clone());
                    true
                }
                Entry::Occupied(_) => false,
            },
            Role::Index => self.index.replace(member.content.clone()).is_none(),
            Role::Version => self.version.replace(member.content.clone()).is_none(),
            Role::Folder | Role::OfDocker | Role::Stranger => true,
        };
        if is_first {
            return Ok(());
        }
        // Some readers take the first, others the last.
        Err(format!("the member {} stands in it twice", quote(&member.name)).into())
    }
}

/// Makes a member's name fit for a message.
fn quote(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(&name[..name.len().min(200)]);
    sanitise(&text).into_owned()
}
