//! Who is in, and who has to leave when others wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use tokio::time::Instant;

/// All connections there are.
#[derive(Default)]
pub(crate) struct Guests {
    seats: Mutex<Vec<Weak<Seat>>>,
    house: Arc<House>,
}

#[derive(Default)]
struct House {
    /// Whether somebody waits for a place.
    wanted: AtomicBool,
    /// Tells whoever waits that a guest has become idle.
    idled: Notify,
}

/// One of them, as it is seen by the others.
pub(crate) struct Seat {
    doing: Mutex<Doing>,
    called: AtomicBool,
    leave: Notify,
    house: Arc<House>,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing was asked that is not answered, since then.
    Idle(Instant),
    /// An answer is being made: the client cannot but wait.
    Making,
    /// An answer goes out that was made then.
    Sending(Instant),
}

impl Guests {
    /// Lets one in.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        let seat = Arc::new(Seat {
            doing: Mutex::new(Doing::Idle(Instant::now())),
            called: AtomicBool::new(false),
            leave: Notify::new(),
            house: Arc::clone(&self.house),
        });
        let mut seats = self.seats();
        seats.retain(|seat| seat.strong_count() > 0);
        seats.push(Arc::downgrade(&seat));
        seat
    }

    /// Asks the one to leave that has been idle the longest, unless another was asked that can.
    pub(crate) fn call_one(&self) {
        let seats: Vec<_> = self.seats().iter().filter_map(Weak::upgrade).collect();
        let idle = seats.iter().filter_map(|seat| match seat.doing() {
            Doing::Idle(since) => Some((since, seat)),
            Doing::Making | Doing::Sending(_) => None,
        });
        let idle: Vec<_> = idle.collect();
        if idle.iter().any(|(_, seat)| seat.called.load(Ordering::Relaxed)) {
            return;
        }
        if let Some((_, seat)) = idle.iter().min_by_key(|(since, _)| *since) {
            seat.called.store(true, Ordering::Relaxed);
            seat.leave.notify_one();
        }
    }

    /// Notes whether somebody waits for a place.
    pub(crate) fn want(&self, wanted: Wanted) {
        self.house.wanted.store(wanted == Wanted::Yes, Ordering::Relaxed);
    }

    /// Waits until a guest has become idle.
    pub(crate) async fn idled(&self) {
        self.house.idled.notified().await;
    }

    fn seats(&self) -> MutexGuard<'_, Vec<Weak<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody waits for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    No,
    Yes,
}

impl Seat {
    pub(crate) fn doing(&self) -> Doing {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is done now.
    pub(crate) fn does(&self, doing: Doing) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
        if matches!(doing, Doing::Idle(_)) {
            self.house.idled.notify_one();
        }
    }

    /// Waits until the place is wanted by another.
    pub(crate) async fn called(&self) {
        self.leave.notified().await;
    }

    /// Says whether no other request is to follow on this connection, since others wait.
    pub(crate) fn is_wanted(&self) -> bool {
        self.called.load(Ordering::Relaxed) || self.house.wanted.load(Ordering::Relaxed)
    }

    /// Says when a connection on which nothing moves has rested for a time; `None` while it cannot but rest.
    pub(crate) fn resting_since(&self) -> Option<Instant> {
        match self.doing() {
            Doing::Idle(since) | Doing::Sending(since) => Some(since),
            Doing::Making => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_longest_idle_is_called_and_one_at_a_time() {
        let guests = Guests::default();
        let start = Instant::now();
        let seats: Vec<_> = (0..4).map(|_| guests.seat()).collect();
        for (seat, doing) in seats.iter().zip([
            Doing::Sending(start),
            Doing::Idle(start + Duration::from_secs(2)),
            Doing::Idle(start + Duration::from_secs(1)),
            Doing::Making,
        ]) {
            seat.does(doing);
        }
        let called = || seats.iter().map(|seat| seat.called().now_or_never().is_some()).collect::<Vec<_>>();
        guests.call_one();
        assert_eq!(called(), [false, false, true, false]);
        guests.call_one();
        assert_eq!(called(), [false; 4], "one was called, and is about to leave");
        // It was asked something that very moment: then another one has to go.
        seats[2].does(Doing::Making);
        guests.call_one();
        assert_eq!(called(), [false, true, false, false]);
        assert!(seats[2].is_wanted() && !seats[0].is_wanted());
        guests.want(Wanted::Yes);
        assert!(seats[0].is_wanted());
    }
}
