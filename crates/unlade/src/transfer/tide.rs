//! How far the disk is, told to the hash that reads back.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Counts the chunks that were written.
#[derive(Debug, Default)]
pub(super) struct Tide {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    written: u64,
    is_over: bool,
}

/// The writer's end: when it is dropped, nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Rising(Arc<Tide>);

impl Tide {
    /// Returns the writer's end; there is one.
    pub(super) fn rising(self: &Arc<Self>) -> Rising {
        Rising(Arc::clone(self))
    }

    /// Waits until so many chunks were written; returns false if they never will be.
    pub(super) fn wait_for(&self, chunks: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.written < chunks && !state.is_over {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.written >= chunks
    }
}

impl Rising {
    /// Notes that one more was written.
    pub(super) fn written(&self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).written += 1;
        self.0.moved.notify_all();
    }
}

impl Drop for Rising {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_told_of_what_was_written_and_of_the_end() {
        let tide = Arc::new(Tide::default());
        let rising = tide.rising();
        assert!(tide.wait_for(0));
        let waiting = std::thread::spawn({
            let tide = Arc::clone(&tide);
            move || (tide.wait_for(2), tide.wait_for(3))
        });
        rising.written();
        rising.written();
        drop(rising);
        assert_eq!(waiting.join().unwrap(), (true, false));
    }
}
