//! The one place that reads time.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use schism_history::Time;
use tokio::time::Instant;

/// A clock that runs from the begin of a run: the machine's monotonic one, or a simulator's virtual one.
pub trait Clock {
    /// Now. Never before an earlier answer.
    fn now(&self) -> Time;

    /// Completes at `time`, or at once when it is past.
    fn sleep_until(&self, time: Time) -> LocalBoxFuture<'_, ()>;
}

/// The machine's monotonic clock. A jump of the wall clock does not touch it.
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock {
    start: Instant,
}

impl MonotonicClock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// The time since it was started.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Time {
        Time::from(self.elapsed())
    }

    fn sleep_until(&self, time: Time) -> LocalBoxFuture<'_, ()> {
        let deadline = self.start + Duration::from_nanos(time.as_nanos().min(FAR));
        Box::pin(tokio::time::sleep_until(deadline))
    }
}

/// A year, in nanoseconds: further than any run, and near enough for every clock arithmetic.
const FAR: u64 = 365 * 24 * 3600 * 1_000_000_000;

/// The wall clock, for names and for people: never for measuring.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn wall_time() -> Timestamp {
    Timestamp::now()
}

/// As `20261121T101530.123Z`: sorts by time, and every file system takes it.
pub fn file_name(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_sorts_by_time() {
        let time: Timestamp = "2026-11-21T10:15:30.123456Z".parse().unwrap();
        assert_eq!(file_name(time), "20261121T101530.123Z");
    }

    #[test]
    fn the_clock_never_runs_backwards() {
        let clock = MonotonicClock::start();
        let mut last = clock.now();
        for _ in 0..1000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }
}
