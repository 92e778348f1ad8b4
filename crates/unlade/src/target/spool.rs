//! A stream that gets nothing before all of it is verified.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::directory::Directory;
use super::file::{Allocation, Durability};
use super::pages::FilePages;
use super::room::Need;
use super::writer::fault;
use super::{Fate, Job, Kept, Ledger, Pages, Positioned, Receipt, Room, Stage, Status};
use crate::cancel::Cancel;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::observe::{Blind, Event, Observer};
use crate::verify::{Proof, Ticket};

/// How much is handed on at once; between two pieces a request to stop is heard.
const PIECE: usize = 256 << 10;

/// Fills any writer, out of a temporary file without a name: not a byte goes on before the proof.
///
/// The file is gone with the process, however that ends.
pub struct SpoolTarget {
    name: String,
    folder: PathBuf,
    writer: Box<dyn Write + Send>,
    ticket: Ticket,
    observer: Arc<dyn Observer>,
    cancel: Cancel,
    spool: Option<Spool>,
}

struct Spool {
    file: Arc<File>,
    pages: Arc<FilePages>,
}

impl SpoolTarget {
    /// Wraps a writer, which messages call by the name; the temporary file is in the folder.
    pub fn new(name: impl Into<String>, writer: Box<dyn Write + Send>, folder: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            folder: folder.into(),
            writer,
            ticket: Ticket::new(),
            observer: Arc::new(Blind),
            cancel: Cancel::new(),
            spool: None,
        }
    }

    /// Says in messages what is filled.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("a temporary file in {}", self.folder.display()))
    }

    fn hand_on(&mut self, file: &File, size: u64) -> Result<()> {
        let mut piece = vec![0; PIECE];
        let mut offset = 0;
        while offset < size {
            self.cancel.check()?;
            let wanted = usize::try_from(size - offset).unwrap_or(PIECE).min(PIECE);
            std::os::unix::fs::FileExt::read_exact_at(file, &mut piece[..wanted], offset)
                .map_err(|error| Error::io(format!("cannot read {}", self.path().display()), error))?;
            self.writer.write_all(&piece[..wanted]).map_err(|error| fault(&self.name, error))?;
            offset += wanted as u64;
        }
        self.writer.flush().map_err(|error| fault(&self.name, error))
    }
}

impl Stage for SpoolTarget {
    fn prepare(&mut self, job: &Job) -> Result<Room> {
        self.ticket = Ticket::new();
        self.observer = Arc::clone(&job.observer);
        self.cancel = job.cancel.clone();
        let directory = Directory::at(&self.folder)?;
        let file = Arc::new(anonymous(&directory)?);
        let path = self.path();
        let size = job.output_size();
        let need = Need { size, allocation: Allocation::Whole, path: &path, cancel: &job.cancel };
        need.take(&file, &directory).map_err(elsewhere)?;
        let pages = Arc::new(FilePages::new(Arc::clone(&file), &path, Durability::NoSync));
        self.spool = Some(Spool { file, pages });
        Ok(Room::Empty)
    }

    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn publish(mut self: Box<Self>, proof: Proof) -> Result<Receipt> {
        let verified = proof.redeem(&self.ticket)?;
        let spool = self.spool.take().ok_or_else(|| unprepared(&self.path()))?;
        spool.pages.seal();
        self.hand_on(&spool.file, verified.size)?;
        self.observer.notice(&Event::Committed { target: self.name.clone(), digest: verified.digest.clone() });
        Ok(Receipt::new(None, verified, Status::Downloaded))
    }

    fn suspend(self: Box<Self>, _fate: Fate) -> Result<Kept> {
        Ok(Kept::Nothing)
    }
}

impl Positioned for SpoolTarget {
    fn pages(&self) -> Result<Arc<dyn Pages>> {
        match &self.spool {
            Some(spool) => Ok(Arc::new(Spooled(Arc::clone(&spool.pages)))),
            None => Err(unprepared(&self.path())),
        }
    }

    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        None
    }
}

impl fmt::Debug for SpoolTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpoolTarget").field("name", &self.name).field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The pages of a temporary file, whose place is not chosen like that of others.
struct Spooled(Arc<FilePages>);

impl Pages for Spooled {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.0.write_at(bytes, offset).map_err(elsewhere)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn sync_data(&self) -> Result<()> {
        self.0.sync_data()
    }
}

/// Says that another folder for temporary files would help, where room would.
fn elsewhere(error: Error) -> Error {
    match error.context().advice {
        Some(Advice::FreeSpace(bytes)) => error.advise(Advice::SpoolElsewhere(bytes)),
        _ => error,
    }
}

fn unprepared(path: &Path) -> Error {
    Error::new(ErrorKind::Io, format!("cannot fill {}, for which no room was made", path.display()))
}

/// Makes a file that has no name, or loses it at once.
fn anonymous(directory: &Directory) -> Result<File> {
    let owner = Mode::from_raw_mode(0o600);
    let made = match openat(directory, ".", OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, owner) {
        // Not every file system has such files: NFS, overlays of older kernels.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
            let name = format!(".unlade-{:016x}-spool", fastrand::u64(..));
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(directory, &name, flags, owner)
                .and_then(|made| unlinkat(directory, &name, AtFlags::empty()).map(|()| made))
        }
        outcome => outcome,
    };
    made.map(File::from).map_err(|error| {
        Error::io(format!("cannot make a temporary file in {}", directory.path().display()), io::Error::from(error))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::Mutex;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::spec::descriptor::Content;
    use crate::spec::digest::Algorithm;
    use crate::verify::{Verifier, digest_of};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn job(size: Option<u64>, cancel: &Cancel) -> Job {
        let content = Content { digest: digest_of(Algorithm::Sha256, b"cargo"), size };
        Job::new(content, Duration::ZERO, cancel.clone(), Arc::new(Blind))
    }

    fn filled(writer: Box<dyn Write + Send>, folder: &TempDir, cancel: &Cancel) -> (Box<SpoolTarget>, Proof) {
        let (mut target, job) = (SpoolTarget::new("the test", writer, folder.path()), job(Some(5), cancel));
        assert!(matches!(target.prepare(&job).unwrap(), Room::Empty));
        target.pages().unwrap().write_at(b"cargo", 0).unwrap();
        let mut verifier = Verifier::begin(&job.content, target.ticket());
        verifier.absorb(b"cargo").unwrap();
        (Box::new(target), verifier.settle().unwrap())
    }

    #[test]
    fn nothing_goes_on_before_the_proof_and_nothing_has_a_name() {
        let (shared, folder) = (Shared::default(), TempDir::new().unwrap());
        let (target, proof) = filled(Box::new(shared.clone()), &folder, &Cancel::new());
        assert_eq!(*shared.0.lock().unwrap(), b"");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let receipt = target.publish(proof).unwrap();
        assert_eq!((receipt.path, receipt.status), (None, Status::Downloaded));
        assert_eq!(*shared.0.lock().unwrap(), b"cargo");
    }

    #[test]
    fn without_its_proof_nothing_goes_on() {
        let (shared, folder, cancel) = (Shared::default(), TempDir::new().unwrap(), Cancel::new());
        let (target, _) = filled(Box::new(shared.clone()), &folder, &cancel);
        let (_other, proof) = filled(Box::new(Shared::default()), &folder, &cancel);
        assert_eq!(target.publish(proof).unwrap_err().kind(), ErrorKind::Mismatch);
        let (target, _) = filled(Box::new(shared.clone()), &folder, &cancel);
        assert_eq!(target.suspend(Fate::Keep).unwrap(), Kept::Nothing);
        let (target, proof) = filled(Box::new(shared.clone()), &folder, &cancel);
        cancel.cancel();
        assert_eq!(target.publish(proof).unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(*shared.0.lock().unwrap(), b"");
    }

    #[test]
    fn a_reader_that_left_is_named() {
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        let folder = TempDir::new().unwrap();
        let (target, proof) = filled(Box::new(near), &folder, &Cancel::new());
        assert_eq!(target.publish(proof).unwrap_err().to_string(), "the reader of the test went away");
    }

    #[test]
    fn a_folder_that_is_missing_or_full_is_named() {
        let folder = TempDir::new().unwrap();
        let mut target = SpoolTarget::new("the test", Box::new(Shared::default()), folder.path().join("none"));
        assert!(target.prepare(&job(None, &Cancel::new())).unwrap_err().to_string().contains("none"));
        let mut target = SpoolTarget::new("the test", Box::new(Shared::default()), folder.path());
        let error = target.prepare(&job(Some(1 << 60), &Cancel::new())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert!(matches!(error.context().advice, None | Some(Advice::SpoolElsewhere(_))), "{error:?}");
        assert!(error.to_string().contains("a temporary file in "), "{error}");
    }
}
