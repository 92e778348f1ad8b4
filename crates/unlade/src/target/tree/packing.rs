//! The bytes of an archive, out of whatever it is packed in.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use flate2::bufread::GzDecoder;

use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::digest::{Algorithm, Digest};
use crate::verify::Hasher;

/// How much of the packed bytes is read at once.
const CHUNK: usize = 64 << 10;

/// What may come out of any blob, in bytes.
const ALWAYS_ALLOWED: u64 = 1 << 30;

/// What may come out of a large one, for each of its bytes. gzip makes at most some 1,000 of one; real files
/// come nowhere near, unless they are all zeros.
const RATIO: u64 = 256;

/// The most that gzip makes of a byte: 258 bytes take two bits at least (RFC 1951, section 3.2.5).
const MAX_DEFLATED: u64 = 1032;

/// Says how many bytes may come out of a blob of so many: what is above that is a bomb.
pub(super) fn limit(packed: u64) -> u64 {
    packed.saturating_mul(RATIO).max(ALWAYS_ALLOWED)
}

/// A packed archive being read.
pub(super) struct Packing {
    form: Form,
    hasher: Hasher,
    cancel: Cancel,
    seen: u64,
    limit: u64,
    /// What can come out at all.
    most: u64,
}

enum Form {
    Gzip(Box<Gunzip>),
    Plain(BufReader<Blob>),
}

impl Packing {
    /// Opens a blob that is in a file, and tells by its first bytes what it is packed in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for other compressions than gzip.
    pub(super) fn open(blob: Blob, algorithm: Algorithm, limit: u64, cancel: Cancel) -> Result<Self> {
        let size = blob.size;
        let mut reader = BufReader::with_capacity(CHUNK, blob);
        let start = reader.fill_buf().map_err(unread)?;
        let foreign = [
            (&b"\x28\xb5\x2f\xfd"[..], "zstd"),
            (b"\xfd7zXZ\0", "xz"),
            (b"BZh", "bzip2"),
            (b"\x04\x22\x4d\x18", "lz4"),
        ];
        if let Some((_, name)) = foreign.iter().find(|(magic, _)| start.starts_with(magic)) {
            let message = format!("the archive is compressed with {name}, which this version does not unpack");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let is_gzip = start.starts_with(b"\x1f\x8b");
        let (form, most) = if is_gzip {
            (Form::Gzip(Box::new(Gunzip::new(reader))), size.saturating_mul(MAX_DEFLATED))
        } else {
            (Form::Plain(reader), size)
        };
        Ok(Self { form, hasher: Hasher::new(algorithm), cancel, seen: 0, limit, most })
    }

    /// Reads the next bytes; none is the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for what cannot be unpacked, [`ErrorKind::TooLarge`] above the limit.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.cancel.check()?;
        let read = match &mut self.form {
            Form::Gzip(gunzip) => gunzip.read(buffer, &self.cancel)?,
            Form::Plain(reader) => reader.read(buffer).map_err(unread)?,
        };
        self.seen += read as u64;
        if self.seen > self.limit {
            return Err(self.bomb());
        }
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }

    /// Says whether so many bytes more can come, as long as none of them is read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for more than there can be in the blob, [`ErrorKind::TooLarge`] above the limit.
    pub(super) fn expect(&self, size: u64) -> Result<()> {
        let left = |most: u64| most.saturating_sub(self.seen);
        match self.form {
            Form::Gzip(_) if size > left(self.limit) => Err(self.bomb()),
            _ if size <= left(self.most) => Ok(()),
            _ => {
                let message =
                    format!("it is said to have {size} bytes, where no more than {} can follow", left(self.most));
                Err(Error::new(ErrorKind::Malformed, message))
            }
        }
    }

    fn bomb(&self) -> Error {
        Error::new(ErrorKind::TooLarge, format!("more than {} bytes come out of the archive", self.limit))
    }

    /// Returns the digest of all that was read.
    pub(super) fn digest(self) -> Digest {
        self.hasher.finish()
    }
}

/// The members of a gzip file, one after the other (RFC 1952, section 2.2).
struct Gunzip {
    decoder: Option<GzDecoder<BufReader<Blob>>>,
}

impl Gunzip {
    fn new(reader: BufReader<Blob>) -> Self {
        Self { decoder: Some(GzDecoder::new(reader)) }
    }

    fn read(&mut self, buffer: &mut [u8], cancel: &Cancel) -> Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            match decoder.read(buffer) {
                Ok(0) if !buffer.is_empty() => self.go_on(cancel)?,
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(undecoded(error)),
            }
        }
        Ok(0)
    }

    /// Goes on to the next member, if there is one. Zeros behind the last are padding.
    fn go_on(&mut self, cancel: &Cancel) -> Result<()> {
        // Members may be empty, and padding long: nothing of either comes out.
        cancel.check()?;
        let Some(decoder) = self.decoder.take() else { return Ok(()) };
        let mut reader = decoder.into_inner();
        let next = reader.fill_buf().map_err(unread)?;
        if next.first().is_some_and(|byte| *byte != 0) {
            self.decoder = Some(GzDecoder::new(reader));
            return Ok(());
        }
        loop {
            cancel.check()?;
            let padding = reader.fill_buf().map_err(unread)?;
            if padding.is_empty() {
                return Ok(());
            }
            if padding.iter().any(|byte| *byte != 0) {
                return Err(Error::new(ErrorKind::Malformed, "something stands behind the end of the gzip file"));
            }
            let length = padding.len();
            reader.consume(length);
        }
    }
}

/// A verified blob in a file, from its first byte to its last.
pub(super) struct Blob {
    file: Arc<File>,
    size: u64,
    offset: u64,
}

impl Blob {
    pub(super) fn new(file: Arc<File>, size: u64) -> Self {
        Self { file, size, offset: 0 }
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size - self.offset).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read = self.file.read_at(&mut buffer[..wanted], self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

fn unread(error: io::Error) -> Error {
    Error::io("cannot read the archive", error)
}

fn undecoded(error: io::Error) -> Error {
    Error::new(ErrorKind::Malformed, "the archive is no gzip file, or a broken one").caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::verify::digest_of;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(packed: &[u8], limit: u64) -> Result<(Vec<u8>, Digest), ErrorKind> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(packed).unwrap();
        let blob = Blob::new(Arc::new(file), packed.len() as u64);
        let read = || -> Result<_> {
            let mut packing = Packing::open(blob, Algorithm::Sha256, limit, Cancel::new())?;
            let (mut bytes, mut buffer) = (Vec::new(), [0; 700]);
            loop {
                match packing.read(&mut buffer)? {
                    0 => return Ok((bytes, packing.digest())),
                    read => bytes.extend_from_slice(&buffer[..read]),
                }
            }
        };
        read().map_err(|error| error.kind())
    }

    #[test]
    fn gzip_of_several_members_and_plain_bytes_are_read_whole() {
        let text: Vec<u8> = (0..100_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let (one, other) = text.split_at(70_000);
        let two = [gzip(one), gzip(other)].concat();
        let padded = [two.clone(), vec![0; 100_000]].concat();
        let with_empty = [gzip(b""), gzip(&text), gzip(b"")].concat();
        for packed in [gzip(&text), two, padded, with_empty, text.clone()] {
            let (bytes, digest) = unpack(&packed, 1 << 20).unwrap();
            assert!(bytes == text && digest == digest_of(Algorithm::Sha256, &text));
        }
        assert_eq!(unpack(b"", 1).unwrap().0, b"");
    }

    #[test]
    fn what_is_broken_or_foreign_is_told_apart() {
        let whole = gzip(b"cargo");
        let mut flipped = whole.clone();
        let crc = flipped.len() - 6;
        flipped[crc] ^= 1;
        for (packed, expected) in [
            (whole[..whole.len() - 1].to_vec(), ErrorKind::Malformed),
            (whole[..3].to_vec(), ErrorKind::Malformed),
            (flipped, ErrorKind::Malformed),
            ([&whole[..], b"x"].concat(), ErrorKind::Malformed),
            ([&whole[..], b"\0\0x"].concat(), ErrorKind::Malformed),
            (b"\x28\xb5\x2f\xfd....".to_vec(), ErrorKind::Unsupported),
            (b"\xfd7zXZ\0....".to_vec(), ErrorKind::Unsupported),
            (b"BZh9....".to_vec(), ErrorKind::Unsupported),
            (gzip(&[0; 5000]), ErrorKind::TooLarge),
        ] {
            assert_eq!(unpack(&packed, 4999).map(drop), Err(expected), "{}", packed.escape_ascii());
        }
    }

    #[test]
    fn nothing_that_gives_no_bytes_keeps_a_signal_waiting() {
        for behind in [gzip(b"").repeat(10), vec![0; 100]] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&[gzip(b""), behind].concat()).unwrap();
            let size = file.metadata().unwrap().len();
            let mut gunzip = Gunzip::new(BufReader::new(Blob::new(Arc::new(file), size)));
            let cancel = Cancel::new();
            cancel.cancel();
            assert_eq!(gunzip.read(&mut [0; 10], &cancel).unwrap_err().kind(), ErrorKind::Interrupted);
        }
    }

    #[test]
    fn the_limit_grows_with_the_blob() {
        assert_eq!(limit(0), 1 << 30);
        assert_eq!(limit(1 << 22), 1 << 30);
        assert_eq!(limit(1 << 23), 1 << 31);
        assert_eq!(limit(u64::MAX), u64::MAX);
    }
}
