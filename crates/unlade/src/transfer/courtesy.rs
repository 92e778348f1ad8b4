//! Whether connections give way to the one whose bytes come next. Pure.
//!
//! Where one connection is as fast as all together, the others only bring bytes early, which are then written and read
//! back. Where each is slow, they bring what one cannot. Which of the two it is shows when both are tried.

use std::time::Duration;

/// So long one way is measured.
const WINDOW: Duration = Duration::from_millis(60);

/// After so many windows the other way is tried again; twice as many each time that it is no better.
const FIRST_TRIAL: u32 = 32;
const LAST_TRIAL: u32 = 512;

/// How the connections of a blob behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// All bring bytes as they come.
    Free,
    /// Only the one brings bytes whose turn it is.
    GiveWay,
}

/// Measures both ways, and keeps to the better one.
#[derive(Debug)]
pub(super) struct Courtesy {
    way: Way,
    began: Option<Duration>,
    bytes: u64,
    giving_way: u64,
    free: Option<u64>,
    left: u32,
    patience: u32,
}

impl Default for Courtesy {
    fn default() -> Self {
        let (began, free) = (None, None);
        Self { way: Way::GiveWay, began, bytes: 0, giving_way: 0, free, left: 0, patience: FIRST_TRIAL }
    }
}

impl Courtesy {
    /// Returns how the connections behave now.
    pub(super) fn way(&self) -> Way {
        self.way
    }

    /// Notes bytes that came at a time, which is measured from anywhere; none may have come.
    pub(super) fn note(&mut self, now: Duration, bytes: u64) {
        let began = *self.began.get_or_insert(now);
        self.bytes += bytes;
        let took = now.saturating_sub(began);
        if took < WINDOW {
            return;
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let rate = self.bytes.saturating_mul(1_000_000) / micros;
        (self.began, self.bytes) = (Some(now), 0);
        self.judge(rate);
    }

    fn judge(&mut self, rate: u64) {
        self.left = self.left.saturating_sub(1);
        match (self.way, self.free) {
            (Way::GiveWay, None) => {
                self.giving_way = rate;
                self.way = Way::Free;
            }
            (Way::GiveWay, Some(free)) => {
                let has_slowed = rate < self.giving_way / 2;
                self.giving_way = rate;
                // A trial of this way that fails; or the other's turn.
                if is_better(free, rate) || has_slowed || self.left == 0 {
                    self.way = Way::Free;
                }
            }
            (Way::Free, before) => {
                self.free = Some(rate);
                if !is_better(rate, self.giving_way) {
                    self.way = Way::GiveWay;
                    self.wait();
                } else if before.is_none() {
                    self.left = self.patience;
                } else if self.left == 0 {
                    self.way = Way::GiveWay;
                    self.wait();
                }
            }
        }
    }

    fn wait(&mut self) {
        self.left = self.patience;
        self.patience = (self.patience * 2).min(LAST_TRIAL);
    }
}

/// Says whether all together are worth that bytes come early.
fn is_better(free: u64, giving_way: u64) -> bool {
    free / 5 > giving_way / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a network for some windows, and returns how many of them were free.
    fn play(courtesy: &mut Courtesy, clock: &mut Duration, windows: u32, rates: (u64, u64)) -> u32 {
        let mut free = 0;
        for _ in 0..windows {
            let (is_free, rate) = match courtesy.way() {
                Way::Free => (1, rates.1),
                Way::GiveWay => (0, rates.0),
            };
            free += is_free;
            *clock += WINDOW;
            courtesy.note(*clock, rate);
        }
        free
    }

    #[test]
    fn where_one_is_as_fast_as_all_the_others_give_way() {
        let (mut courtesy, mut clock) = (Courtesy::default(), Duration::from_secs(5));
        assert!(play(&mut courtesy, &mut clock, 1000, (100, 105)) < 12);
    }

    #[test]
    fn where_all_are_faster_they_are_free() {
        let (mut courtesy, mut clock) = (Courtesy::default(), Duration::ZERO);
        assert!(play(&mut courtesy, &mut clock, 1000, (100, 700)) > 980);
    }

    #[test]
    fn a_change_is_noticed() {
        let (mut courtesy, mut clock) = (Courtesy::default(), Duration::ZERO);
        play(&mut courtesy, &mut clock, 200, (100, 100));
        // The one whose turn it is stands still.
        assert!(play(&mut courtesy, &mut clock, 50, (0, 700)) > 40);
        assert!(play(&mut courtesy, &mut clock, 2000, (700, 700)) < 700);
    }
}
