//! A stream as a target: bytes flow as they come, and the end is the verdict.

use std::fmt;
use std::io::{ErrorKind as IoErrorKind, Write};
use std::sync::Arc;

use bytes::Bytes;

use super::{Fate, Job, Kept, Receipt, Room, Sequential, Stage, Status};
use crate::error::{Error, Result};
use crate::observe::{Blind, Event, Observer};
use crate::verify::{Proof, Ticket};

/// Fills any writer: standard output, a pipe, a buffer.
///
/// What was written cannot be taken back. Whoever reads the other end must wait for
/// [`publish`](Stage::publish), or for the exit status, before trusting a byte.
pub struct WriterTarget {
    name: String,
    writer: Box<dyn Write + Send>,
    ticket: Ticket,
    observer: Arc<dyn Observer>,
}

impl WriterTarget {
    /// Wraps a writer, which messages call by the name.
    pub fn new(name: impl Into<String>, writer: Box<dyn Write + Send>) -> Self {
        Self { name: name.into(), writer, ticket: Ticket::new(), observer: Arc::new(Blind) }
    }
}

/// Names the stream that does not take bytes any more.
pub(super) fn fault(name: &str, error: std::io::Error) -> Error {
    let message = match error.kind() {
        IoErrorKind::BrokenPipe => format!("the reader of {name} went away"),
        _ => format!("cannot write to {name}"),
    };
    Error::io(message, error)
}

impl Stage for WriterTarget {
    fn prepare(&mut self, job: &Job) -> Result<Room> {
        self.ticket = Ticket::new();
        self.observer = Arc::clone(&job.observer);
        Ok(Room::Empty)
    }

    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn publish(mut self: Box<Self>, proof: Proof) -> Result<Receipt> {
        let verified = proof.redeem(&self.ticket)?;
        self.flush()?;
        self.observer.notice(&Event::Committed { target: self.name.clone(), digest: verified.digest.clone() });
        Ok(Receipt::new(None, verified, Status::Downloaded))
    }

    fn suspend(self: Box<Self>, _fate: Fate) -> Result<Kept> {
        Ok(Kept::Nothing)
    }
}

impl Sequential for WriterTarget {
    fn write(&mut self, chunk: Bytes) -> Result<()> {
        let outcome = self.writer.write_all(&chunk);
        outcome.map_err(|error| fault(&self.name, error))
    }

    fn flush(&mut self) -> Result<()> {
        let outcome = self.writer.flush();
        outcome.map_err(|error| fault(&self.name, error))
    }
}

impl fmt::Debug for WriterTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterTarget").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::cancel::Cancel;
    use crate::error::ErrorKind;
    use crate::spec::descriptor::Content;
    use crate::spec::digest::Algorithm;
    use crate::verify::{Verifier, digest_of};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.lock().unwrap().1 += 1;
            Ok(())
        }
    }

    fn job(bytes: &[u8]) -> Job {
        let content = Content { digest: digest_of(Algorithm::Sha256, bytes), size: Some(bytes.len() as u64) };
        Job::new(content, Duration::ZERO, Cancel::new(), Arc::new(Blind))
    }

    fn prove(job: &Job, ticket: &Ticket, bytes: &[u8]) -> Proof {
        let mut verifier = Verifier::begin(&job.content, ticket);
        verifier.absorb(bytes).unwrap();
        verifier.settle().unwrap()
    }

    #[test]
    fn bytes_arrive_in_order_and_are_flushed() {
        let shared = Shared::default();
        let mut target = Box::new(WriterTarget::new("the test", Box::new(shared.clone())));
        let job = job(b"cargo");
        assert!(matches!(target.prepare(&job).unwrap(), Room::Empty));
        target.write(Bytes::from_static(b"car")).unwrap();
        target.write(Bytes::from_static(b"go")).unwrap();
        let proof = prove(&job, target.ticket(), b"cargo");
        let receipt = target.publish(proof).unwrap();
        assert_eq!((receipt.path, receipt.status), (None, Status::Downloaded));
        assert_eq!(*shared.0.lock().unwrap(), (b"cargo".to_vec(), 1));
    }

    #[test]
    fn a_proof_of_another_target_does_not_fit() {
        let mut target = Box::new(WriterTarget::new("the test", Box::new(Shared::default())));
        let job = job(b"cargo");
        target.prepare(&job).unwrap();
        let proof = prove(&job, &Ticket::new(), b"cargo");
        assert_eq!(target.publish(proof).unwrap_err().kind(), ErrorKind::Mismatch);
    }

    #[test]
    fn a_reader_that_left_is_named() {
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        let mut target = WriterTarget::new("stdout", Box::new(near));
        target.prepare(&job(b"cargo")).unwrap();
        let error = target.write(Bytes::from_static(b"cargo")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.to_string(), "the reader of stdout went away");
    }

    #[test]
    fn nothing_is_kept_of_a_stream() {
        let mut target = Box::new(WriterTarget::new("the test", Box::new(Shared::default())));
        target.prepare(&job(b"cargo")).unwrap();
        assert_eq!(target.suspend(Fate::Keep).unwrap(), Kept::Nothing);
    }
}
