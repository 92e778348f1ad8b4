//! The members of a tar, one after the other.

use super::member::{Member, member, said};
use super::packing::Packing;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::digest::Digest;
use crate::spec::tar::{BLOCK, Fault, Header, Kind, Records};

/// So many headers are read at most.
const MAX_HEADERS: usize = 1_000_000;

/// The largest extended header that is read, in bytes: real ones hold a path, times and perhaps a few attributes.
const MAX_EXTENSION: u64 = 1 << 20;

/// A tar being read from its start.
pub(super) struct Reader<'a> {
    packing: Packing,
    prefix: &'a [String],
    /// What is left of the member's content, and behind that of its padding.
    content: u64,
    padding: u64,
    headers: usize,
}

/// A member, and its name as it stands in the archive.
pub(super) struct Entry {
    pub(super) member: Member,
    pub(super) name: Vec<u8>,
}

/// What extension headers say of the member behind them.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Option<Records>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(packing: Packing, prefix: &'a [String]) -> Self {
        Self { packing, prefix, content: 0, padding: 0, headers: 0 }
    }

    /// Reads up to the next member; `None` is the end of the archive.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        let mut extensions = Extensions::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            match header.kind {
                Kind::LongName => extensions.name = Some(until_nul(self.extension(&header)?)),
                Kind::LongLink => extensions.link = Some(until_nul(self.extension(&header)?)),
                Kind::Records => extensions.records = Some(self.records(&header)?),
                Kind::GlobalRecords => {
                    let records = self.records(&header)?;
                    if records.path.is_some() || records.size.is_some() || records.sparse || records.link.is_some() {
                        // Some readers obey them, others do not.
                        return Err(malformed("a global extended header names or measures members"));
                    }
                }
                _ => return self.member(&header, extensions).map(Some),
            }
        }
    }

    /// Reads content of the member; none is its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.content).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.packing.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(malformed("the archive ends within a member"));
        }
        self.content -= read as u64;
        Ok(read)
    }

    /// Reads what is behind the end, which may be zeros alone, and returns the digest of the whole archive.
    pub(super) fn finish(mut self) -> Result<Digest> {
        let mut buffer = vec![0; 16 * BLOCK];
        loop {
            let read = self.packing.read(&mut buffer)?;
            if read == 0 {
                return Ok(self.packing.digest());
            }
            if buffer[..read].iter().any(|byte| *byte != 0) {
                return Err(malformed("something stands behind the end of the archive"));
            }
        }
    }

    fn member(&mut self, header: &Header, extensions: Extensions) -> Result<Entry> {
        let records = extensions.records.unwrap_or_default();
        let name = one_of(records.path.as_ref(), extensions.name.as_ref(), &header.name)?.clone();
        let link = one_of(records.link.as_ref(), extensions.link.as_ref(), &header.link)?;
        let member = member(header, &records, &name, link, self.prefix)?;
        // Before room is made for it: what cannot come is a lie, and nothing that the disk is too small for.
        self.packing.expect(member.size).map_err(|error| error.making(said(&name, "is too large")))?;
        self.content = member.size;
        self.padding = padding(member.size);
        Ok(Entry { member, name })
    }

    fn header(&mut self) -> Result<Option<Header>> {
        if self.headers == MAX_HEADERS {
            let message = format!("the archive has more than {MAX_HEADERS} headers");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        self.headers += 1;
        let mut block = [0; BLOCK];
        self.fill(&mut block, "the archive has no end")?;
        match Header::parse(&block) {
            Ok(Some(header)) => Ok(Some(header)),
            Ok(None) => {
                self.fill(&mut block, "the archive has no end")?;
                if block.iter().any(|byte| *byte != 0) {
                    return Err(malformed("something stands behind a block of zeros"));
                }
                Ok(None)
            }
            Err(fault) if self.headers == 1 => Err(malformed("the content is no tar").caused_by(fault)),
            Err(fault) => Err(unreadable(fault)),
        }
    }

    fn records(&mut self, header: &Header) -> Result<Records> {
        Records::parse(&self.extension(header)?).map_err(unreadable)
    }

    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        if header.size > MAX_EXTENSION {
            let message = format!("the archive has an extended header of more than {MAX_EXTENSION} bytes");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        let mut text = vec![0; usize::try_from(header.size).expect("it is below the limit")];
        self.fill(&mut text, "the archive ends within an extended header")?;
        self.padding = padding(header.size);
        Ok(text)
    }

    /// Passes over what is left of a member.
    fn skip(&mut self) -> Result<()> {
        let mut buffer = [0; BLOCK];
        while self.read(&mut buffer)? > 0 {}
        let padding = usize::try_from(std::mem::take(&mut self.padding)).expect("less than a block");
        self.fill(&mut buffer[..padding], "the archive ends within a member")
    }

    fn fill(&mut self, mut buffer: &mut [u8], otherwise: &str) -> Result<()> {
        while !buffer.is_empty() {
            let read = self.packing.read(buffer)?;
            if read == 0 {
                return Err(malformed(otherwise));
            }
            buffer = &mut buffer[read..];
        }
        Ok(())
    }
}

/// Returns what long forms say, which must be one thing, else the short one.
fn one_of<'v>(posix: Option<&'v Vec<u8>>, gnu: Option<&'v Vec<u8>>, short: &'v Vec<u8>) -> Result<&'v Vec<u8>> {
    match (posix, gnu) {
        (Some(one), Some(other)) if one != other => Err(malformed("a member has two long names, which differ")),
        (Some(long), _) | (None, Some(long)) => Ok(long),
        (None, None) => Ok(short),
    }
}

/// Returns how many bytes fill up the last block of a content.
fn padding(size: u64) -> u64 {
    let block = BLOCK as u64;
    (block - size % block) % block
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    if let Some(end) = text.iter().position(|byte| *byte == 0) {
        text.truncate(end);
    }
    text
}

fn unreadable(fault: Fault) -> Error {
    malformed("the archive cannot be read").caused_by(fault)
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::Malformed, message)
}
