//! The clock, as far as retrying needs one.

use std::time::{Duration, Instant, SystemTime};

use super::judge::retry_after_at;

/// Reads a `Retry-After` value; what is none is as if it were not there.
///
/// A date in it is measured by the clock of the server, which its answer's `Date` tells: ours may be another. Where it
/// does not tell, by ours.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let now = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    retry_after_at(value, now.unwrap_or_else(SystemTime::now))
}

/// How often something was tried, and for how long: what its error will tell.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    since: Instant,
    tries: u32,
}

impl Effort {
    /// Begins now, with nothing tried yet.
    pub fn begin() -> Self {
        Self { since: Instant::now(), tries: 0 }
    }

    /// Notes a try.
    pub fn note(&mut self) {
        self.tries = self.tries.saturating_add(1);
    }

    /// Returns how many tries were noted.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// Returns how long it took so far, waiting included.
    pub fn duration(&self) -> Duration {
        self.since.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_measured_by_the_clock_of_its_server() {
        let later = "Sun, 06 Nov 1994 08:49:47 GMT";
        for (value, date, expected) in [
            (later, Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(10)),
            (later, Some("Mon, 07 Nov 1994 08:49:37 GMT"), Some(0)),
            (later, Some("yesterday"), Some(0)),
            (later, None, Some(0)),
            ("7", Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7)),
            ("soon", Some("Sun, 06 Nov 1994 08:49:37 GMT"), None),
        ] {
            assert_eq!(retry_after(value, date), expected.map(Duration::from_secs), "{value} {date:?}");
        }
        let ahead = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(10));
        for date in [None, Some("yesterday")] {
            let wait = retry_after(&ahead, date).unwrap();
            assert!((590..=600).contains(&wait.as_secs()), "{date:?}: {wait:?}");
        }
    }
}
