//! What is under way on a link in one direction.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::{CHUNK, sleep_until};
use crate::server::lock;

/// What is under way in one direction.
#[derive(Default)]
pub(super) struct Flight {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Bytes with the moments at which they arrive.
    parcels: VecDeque<(Instant, Vec<u8>)>,
    /// Numbers of bytes with the moments at which the sender learns of their arrival.
    receipts: VecDeque<(Instant, u64)>,
    unconfirmed: u64,
    spare: Vec<Vec<u8>>,
    ended: bool,
}

impl Flight {
    /// Waits until the window is open; says how far, or `None` when nobody is there any more.
    pub(super) fn room(&self, window: u64) -> Option<u64> {
        let mut state = lock(&self.state);
        loop {
            if state.ended {
                return None;
            }
            let now = Instant::now();
            while let Some((_, bytes)) = state.receipts.pop_front_if(|(moment, _)| *moment <= now) {
                state.unconfirmed -= bytes;
            }
            let room = window - state.unconfirmed;
            if room > 0 {
                return Some(room);
            }
            let next = state.receipts.front().map(|(moment, _)| *moment - now);
            state = match next {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Takes a buffer that is free again.
    pub(super) fn buffer(&self) -> Vec<u8> {
        lock(&self.state).spare.pop().unwrap_or_else(|| vec![0; CHUNK])
    }

    /// Sends bytes on their way.
    pub(super) fn send(&self, arrival: Instant, mut buffer: Vec<u8>, count: usize) {
        // A few bytes do not keep a whole buffer for themselves: the window bounds memory too.
        let parcel = if count < CHUNK / 2 {
            let exact = buffer[..count].to_vec();
            self.free(buffer);
            exact
        } else {
            buffer.truncate(count);
            buffer
        };
        let mut state = lock(&self.state);
        state.unconfirmed += count as u64;
        state.parcels.push_back((arrival, parcel));
        self.changed.notify_all();
    }

    /// Waits for the next bytes to arrive; `None` at the end.
    pub(super) fn receive(&self) -> Option<Vec<u8>> {
        let mut state = lock(&self.state);
        loop {
            if let Some((arrival, parcel)) = state.parcels.pop_front() {
                drop(state);
                sleep_until(arrival);
                return Some(parcel);
            }
            if state.ended {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the sender know, at some moment, that bytes have arrived.
    pub(super) fn confirm(&self, moment: Instant, parcel: Vec<u8>) {
        let mut state = lock(&self.state);
        state.receipts.push_back((moment, parcel.len() as u64));
        drop(state);
        self.free(parcel);
        self.changed.notify_all();
    }

    fn free(&self, mut buffer: Vec<u8>) {
        // What was cut to size is given back to the allocator.
        if buffer.capacity() >= CHUNK {
            buffer.resize(CHUNK, 0);
            lock(&self.state).spare.push(buffer);
        }
    }

    /// Ends it: nobody waits any more.
    pub(super) fn end(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_all();
    }
}
