//! A target that remembers what was done to it, and fails where it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::io::Cursor;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use unlade::target::{
    Fate, Job, Kept, Ledger, Pages, Positioned, Receipt, Resume, Room, Sequential, Stage, Status, Target, Transform,
};
use unlade::verify::{Proof, Ticket};
use unlade::{Error, ErrorKind, Result};

/// Longer than any test may take; only a test that fails waits for so long.
const LONG: Duration = Duration::from_mins(1);

/// How a target ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Without a word: nobody could have cleaned up in time.
    Dropped,
    Published,
    Suspended(Fate),
}

/// What is known of a target from outside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    end: Option<End>,
    outputs: Vec<Option<u64>>,
    resumes: Vec<Resume>,
    read_back: usize,
}

/// What goes wrong.
#[derive(Default)]
pub(crate) struct Faults {
    /// What `prepare` says, one each time, before it says that there is nothing.
    pub(crate) rooms: Vec<Result<Room>>,
    /// The offset from which on there is no space.
    pub(crate) full_at: Option<usize>,
    /// Publishing fails.
    pub(crate) publish: Option<ErrorKind>,
    /// Suspending fails.
    pub(crate) suspend: Option<ErrorKind>,
    /// `prepare` waits for this.
    pub(crate) gate: Option<Receiver<()>>,
    /// Where it notes granules.
    pub(crate) records: Option<Records>,
}

/// The granules of a target, as number and checksum.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records(pub(crate) Arc<Mutex<BTreeMap<u64, u64>>>);

impl Ledger for Records {
    fn replay(&self) -> Result<Vec<(u64, u64)>> {
        Ok(self.0.lock().unwrap().clone().into_iter().collect())
    }

    fn note(&self, granule: u64, checksum: u64) -> Result<()> {
        self.0.lock().unwrap().insert(granule, checksum);
        Ok(())
    }
}

/// The target.
pub(crate) struct Probe {
    witness: Witness,
    ticket: Ticket,
    rooms: VecDeque<Result<Room>>,
    faults: Faults,
}

impl Witness {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
        changed
    }

    fn end_with(&self, end: End) {
        self.change(|state| state.end = state.end.or(Some(end)));
    }

    /// Waits for the end: a thread of the target's own brings it about.
    pub(crate) fn end(&self) -> End {
        let state = self.0.0.lock().unwrap();
        let (state, timeout) = self.0.1.wait_timeout_while(state, LONG, |state| state.end.is_none()).unwrap();
        assert!(!timeout.timed_out(), "the target was not ended: {} bytes are in it", state.bytes.len());
        state.end.unwrap()
    }

    /// Waits until so many bytes were written.
    pub(crate) fn wait_for(&self, length: usize) {
        let state = self.0.0.lock().unwrap();
        let (state, timeout) = self.0.1.wait_timeout_while(state, LONG, |state| state.bytes.len() < length).unwrap();
        assert!(!timeout.timed_out(), "{} of {length} bytes were written", state.bytes.len());
    }

    /// Returns what was written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.change(|state| state.bytes.clone())
    }

    /// Puts there what an earlier run left.
    pub(crate) fn leave(&self, bytes: &[u8]) {
        self.change(|state| state.bytes = bytes.to_vec());
    }

    /// Returns what the target was told of earlier runs, each time that it was prepared.
    pub(crate) fn resumes(&self) -> Vec<Resume> {
        self.change(|state| state.resumes.clone())
    }

    /// Returns how many bytes were read back.
    pub(crate) fn read_back(&self) -> usize {
        self.change(|state| state.read_back)
    }

    /// Returns the sizes that the target was prepared for.
    pub(crate) fn outputs(&self) -> Vec<Option<u64>> {
        self.change(|state| state.outputs.clone())
    }

    fn write(&self, bytes: &[u8], offset: Option<usize>, full_at: Option<usize>) -> Result<()> {
        self.change(|state| {
            let start = offset.unwrap_or(state.bytes.len());
            let end = start + bytes.len();
            if full_at.is_some_and(|full_at| end > full_at) {
                return Err(Error::new(ErrorKind::NoSpace, "the target is full"));
            }
            state.bytes.resize(state.bytes.len().max(end), 0);
            state.bytes[start..end].copy_from_slice(bytes);
            Ok(())
        })
    }
}

/// Offers a finished file.
pub(crate) fn present(bytes: &[u8]) -> Room {
    Room::Present(Box::new(Cursor::new(bytes.to_vec())))
}

impl Probe {
    pub(crate) fn new() -> (Self, Witness) {
        Self::failing(Faults::default())
    }

    pub(crate) fn failing(mut faults: Faults) -> (Self, Witness) {
        let witness = Witness::default();
        let rooms = std::mem::take(&mut faults.rooms).into();
        (Self { witness: witness.clone(), ticket: Ticket::new(), rooms, faults }, witness)
    }

    /// Takes bytes at any offset.
    pub(crate) fn positioned(self) -> Target {
        Target::Positioned(Box::new(self))
    }

    /// Takes bytes in order.
    pub(crate) fn ordered(self) -> Target {
        Target::Ordered(Box::new(self), None)
    }

    /// Takes what comes out of a decoder.
    pub(crate) fn behind(self, transform: impl Transform + 'static) -> Target {
        Target::Ordered(Box::new(self), Some(Box::new(transform)))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.witness.end_with(End::Dropped);
    }
}

fn fault(kind: Option<ErrorKind>) -> Result<()> {
    kind.map_or(Ok(()), |kind| Err(Error::new(kind, "the target was told to fail")))
}

impl Stage for Probe {
    fn prepare(&mut self, job: &Job) -> Result<Room> {
        if let Some(gate) = self.faults.gate.take() {
            gate.recv_timeout(LONG).unwrap();
        }
        self.witness.change(|state| {
            state.outputs.push(job.output_size());
            state.resumes.push(job.resume);
        });
        // A proof of what was offered is none of what is filled in its stead.
        self.ticket = Ticket::new();
        self.rooms.pop_front().unwrap_or(Ok(Room::Empty))
    }

    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn publish(self: Box<Self>, proof: Proof) -> Result<Receipt> {
        let verified = proof.redeem(&self.ticket)?;
        fault(self.faults.publish)?;
        self.witness.end_with(End::Published);
        Ok(Receipt::new(None, verified, Status::Downloaded))
    }

    fn suspend(self: Box<Self>, fate: Fate) -> Result<Kept> {
        self.witness.end_with(End::Suspended(fate));
        fault(self.faults.suspend)?;
        Ok(Kept::Nothing)
    }
}

impl Sequential for Probe {
    fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.witness.write(&chunk, None, self.faults.full_at)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Positioned for Probe {
    fn pages(&self) -> Result<Arc<dyn Pages>> {
        Ok(Arc::new(ProbePages { witness: self.witness.clone(), full_at: self.faults.full_at }))
    }

    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        self.faults.records.clone().map(|records| Arc::new(records) as _)
    }
}

struct ProbePages {
    witness: Witness,
    full_at: Option<usize>,
}

impl Pages for ProbePages {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.witness.write(bytes, Some(usize::try_from(offset).unwrap()), self.full_at)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.witness.change(|state| {
            state.read_back += buffer.len();
            let there = state.bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let length = buffer.len().min(there.len());
            buffer[..length].copy_from_slice(&there[..length]);
            Ok(length)
        })
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }
}
