//! Putting into its place in a layout what is in memory.

use std::io::Read;

use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::descriptor::Content;
use crate::target::file::FileTarget;
use crate::target::{Job, Positioned as _, Receipt, Room, Stage as _};
use crate::verify::{Proof, Verifier};

/// So often is a blob put into its place while another program puts it there too.
pub(crate) const MAX_TURNS: u32 = 8;

/// How much of a file that is there is in memory while it is hashed, in bytes.
const BUFFER: usize = 64 << 10;

/// Says whether another program put a file in the place of the one that was looked at, which may be as good.
///
/// skopeo writes blobs anew that are there, and renames them into their place.
pub(crate) fn is_overtaken(error: &Error) -> bool {
    error.kind() == ErrorKind::Io && error.context().advice == Some(Advice::RunAgain)
}

/// Makes an attempt, and others while another program is faster.
pub(super) fn unhindered<T>(attempt: impl Fn() -> Result<T>) -> Result<T> {
    let is_final = |outcome: &Result<T>| !outcome.as_ref().is_err_and(is_overtaken);
    (1..MAX_TURNS).map(|_| attempt()).find(is_final).unwrap_or_else(&attempt)
}

/// Fills a target with bytes in memory, unless it holds them already.
pub(super) fn fill(mut target: FileTarget, content: &Content, bytes: &[u8], job: &Job) -> Result<Receipt> {
    if let Room::Present(present) = target.prepare(job)? {
        match prove(present, Verifier::begin(content, target.ticket())) {
            Ok(proof) => return Box::new(target).publish(proof),
            Err(error) if error.kind() == ErrorKind::Mismatch => {}
            Err(error) => return Err(error),
        }
        // It is not offered again, and will be replaced.
        target.prepare(job)?;
    }
    finish(target, content, bytes)
}

/// Fills a target that has room, and publishes it.
fn finish(target: FileTarget, content: &Content, bytes: &[u8]) -> Result<Receipt> {
    let mut verifier = Verifier::begin(content, target.ticket());
    verifier.absorb(bytes)?;
    let proof = verifier.settle()?;
    target.pages()?.write_at(bytes, 0)?;
    Box::new(target).publish(proof)
}

pub(super) fn prove(mut present: impl Read, mut verifier: Verifier) -> Result<Proof> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match present.read(&mut buffer) {
            Ok(0) => return verifier.settle(),
            Ok(read) => verifier.absorb(&buffer[..read])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("cannot read the file that is there already", error)),
        }
    }
}
