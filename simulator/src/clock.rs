//! Each node's own clocks, which are wrong.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The largest drift, in millionths: a clock that runs half as fast again, or half as fast.
pub const MAX_DRIFT_PPM: i32 = 500_000;

/// The wall-clock time at which every simulated run begins: 14 November 2023, 22:13:20 UTC. Far from zero, so that a
/// clock can be set back by years.
const EPOCH: u64 = 1_700_000_000_000_000_000;

/// What a wall clock shows: nanoseconds since 1970, UTC, without leap seconds.
///
/// Range: 1970 to 2554; arithmetic saturates.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WallTime(u64);

impl WallTime {
    /// What a perfect clock shows when so many nanoseconds of the run have passed.
    pub(crate) const fn perfect(now: u64) -> Self {
        Self(EPOCH.saturating_add(now))
    }

    /// Nanoseconds since 1970.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How many nanoseconds this is ahead of `other`; negative when it is behind. Saturates at 292 years.
    pub fn ahead_of(self, other: Self) -> i64 {
        let difference = i128::from(self.0) - i128::from(other.0);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }
}

/// Seconds since 1970 with milliseconds.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:03} s",
            self.0 / 1_000_000_000,
            self.0 / 1_000_000 % 1_000
        )
    }
}

/// A node's clocks: one that only runs (and may run fast or slow), and one on the wall (that may also be set).
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// True time of the last change.
    since: u64,
    /// What the running clock showed then.
    running: u64,
    /// By how many millionths it runs fast.
    drift_ppm: i32,
    /// What the wall clock shows beyond epoch and running clock.
    ahead: i64,
}

impl Clock {
    /// A clock that is right but for `offset` nanoseconds, and will not stay so.
    pub(crate) fn new(offset: i64, drift_ppm: i32) -> Self {
        let mut clock = Self {
            since: 0,
            running: 0,
            drift_ppm: 0,
            ahead: 0,
        };
        clock.set(0, offset, drift_ppm);
        clock
    }

    /// From now on the wall clock is `offset` nanoseconds ahead of the truth, and both clocks drift. The running clock
    /// does not jump.
    pub(crate) fn set(&mut self, now: u64, offset: i64, drift_ppm: i32) {
        self.running = self.running(now);
        self.since = now;
        self.drift_ppm = drift_ppm.clamp(-MAX_DRIFT_PPM, MAX_DRIFT_PPM);
        let ahead = i128::from(now) + i128::from(offset) - i128::from(self.running);
        self.ahead = i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX });
    }

    /// What the clock that only runs shows, in nanoseconds.
    pub(crate) fn running(&self, now: u64) -> u64 {
        let passed = now.saturating_sub(self.since);
        if self.drift_ppm == 0 {
            return self.running.saturating_add(passed);
        }
        let shown = u128::from(passed) * self.pace() / 1_000_000;
        self.running
            .saturating_add(u64::try_from(shown).unwrap_or(u64::MAX))
    }

    /// What the wall clock shows.
    pub(crate) fn wall(&self, now: u64) -> WallTime {
        WallTime(
            EPOCH
                .saturating_add(self.running(now))
                .saturating_add_signed(self.ahead),
        )
    }

    /// How many true nanoseconds pass until the running clock has gone on by so many. Rounded up: a timer is never
    /// early.
    pub(crate) fn true_span(&self, shown: Duration) -> u64 {
        let shown = u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX);
        if self.drift_ppm == 0 {
            return shown;
        }
        let span = (u128::from(shown) * 1_000_000).div_ceil(self.pace());
        u64::try_from(span).unwrap_or(u64::MAX)
    }

    /// Millionths of a second that it shows per second. Positive: the drift is clamped.
    fn pace(&self) -> u128 {
        (1_000_000 + self.drift_ppm) as u128
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn ahead(clock: &Clock, now: u64) -> i64 {
        clock.wall(now).ahead_of(WallTime::perfect(now))
    }

    #[test]
    fn an_offset_shows_at_once_and_stays() {
        let clock = Clock::new(-30 * SECOND as i64, 0);
        assert_eq!(ahead(&clock, 0), -30 * SECOND as i64);
        assert_eq!(ahead(&clock, 100 * SECOND), -30 * SECOND as i64);
        assert_eq!(clock.running(7), 7);
    }

    #[test]
    fn drift_adds_up() {
        let fast = Clock::new(0, 100);
        assert_eq!(
            ahead(&fast, 10 * SECOND),
            1_000_000,
            "100 ppm of 10 s is 1 ms"
        );
        let slow = Clock::new(0, -100);
        assert_eq!(ahead(&slow, 10 * SECOND), -1_000_000);
        assert_eq!(slow.running(10 * SECOND), 9_999_000_000);
    }

    #[test]
    fn setting_the_wall_clock_does_not_move_the_running_one() {
        let mut clock = Clock::new(5, 200);
        let before = clock.running(SECOND);
        clock.set(SECOND, -60 * SECOND as i64, -200);
        assert_eq!(clock.running(SECOND), before);
        assert_eq!(ahead(&clock, SECOND), -60 * SECOND as i64);
        clock.set(2 * SECOND, 0, 0);
        assert_eq!(ahead(&clock, 2 * SECOND), 0);
        assert_eq!(ahead(&clock, 9 * SECOND), 0);
    }

    #[test]
    fn a_timer_on_a_wrong_clock_takes_another_time_and_is_never_early() {
        let second = Duration::from_secs(1);
        assert_eq!(Clock::new(0, 0).true_span(second), SECOND);
        for drift in [MAX_DRIFT_PPM, 333, -333, -MAX_DRIFT_PPM] {
            let clock = Clock::new(0, drift);
            let span = clock.true_span(second);
            assert_eq!(span < SECOND, drift > 0);
            assert!(clock.running(span) >= SECOND);
            assert!(clock.running(span - 2) < SECOND);
        }
    }

    #[test]
    fn extremes_saturate() {
        let mut clock = Clock::new(i64::MIN, i32::MIN);
        assert_eq!(clock.drift_ppm, -MAX_DRIFT_PPM);
        assert_eq!(clock.wall(0).as_nanos(), 0);
        clock.set(u64::MAX, i64::MAX, i32::MAX);
        assert!(clock.running(u64::MAX) > 0);
        assert_eq!(clock.true_span(Duration::MAX), u64::MAX / 3 * 2);
    }
}
