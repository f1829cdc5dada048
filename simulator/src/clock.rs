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

/// What a fault does to a clock. Several add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFault {
    /// The wall clock is set forwards by so many nanoseconds (negative: back), at once.
    Jump {
        /// By how much.
        by_ns: i64,
    },
    /// Both clocks run fast by so many millionths (negative: slow). What the wall clock gains meanwhile is taken away
    /// when the fault is healed, as a time service would do.
    Drift {
        /// By how much.
        ppm: i32,
    },
    /// The wall clock stands still. The running clock goes on, and with it the timers.
    Freeze,
    /// The wall clock jumps forwards by so much and back again, over and over.
    Strobe {
        /// By how much; negative: first back.
        by_ns: i64,
        /// How long it stays on each side; at least a nanosecond.
        every: Duration,
    },
}

/// What a wall clock and its known inaccuracy say together: the true time lies between the two, if the node's idea of
/// its own inaccuracy is right (a fault may make it wrong).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The true time is not before this.
    pub earliest: WallTime,
    /// The true time is not after this.
    pub latest: WallTime,
}

impl Interval {
    pub(crate) fn around(middle: WallTime, uncertainty: Duration) -> Self {
        let uncertainty = u64::try_from(uncertainty.as_nanos()).unwrap_or(u64::MAX);
        Self {
            earliest: WallTime(middle.0.saturating_sub(uncertainty)),
            latest: WallTime(middle.0.saturating_add(uncertainty)),
        }
    }

    /// Whether everything in this interval is surely over when the other begins.
    pub fn is_before(self, other: Self) -> bool {
        self.latest < other.earliest
    }
}

/// A clock that runs at its own pace, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Running {
    /// True time of the last change of pace.
    since: u64,
    /// What it showed then.
    shown: u64,
    /// By how many millionths it runs fast; within [`MAX_DRIFT_PPM`].
    drift_ppm: i32,
}

impl Running {
    const RIGHT: Self = Self {
        since: 0,
        shown: 0,
        drift_ppm: 0,
    };

    fn at(&self, now: u64) -> u64 {
        let passed = now.saturating_sub(self.since);
        if self.drift_ppm == 0 {
            return self.shown.saturating_add(passed);
        }
        let shown = u128::from(passed) * self.pace() / 1_000_000;
        self.shown
            .saturating_add(u64::try_from(shown).unwrap_or(u64::MAX))
    }

    fn set_pace(&mut self, now: u64, drift_ppm: i32) {
        self.shown = self.at(now);
        self.since = now;
        self.drift_ppm = drift_ppm.clamp(-MAX_DRIFT_PPM, MAX_DRIFT_PPM);
    }

    /// Millionths of a second that it shows per second. Positive: the drift is clamped.
    fn pace(&self) -> u128 {
        (1_000_000 + self.drift_ppm) as u128
    }
}

/// A fault at work on a clock.
#[derive(Clone, Copy, Debug)]
struct Laid {
    id: u32,
    fault: ClockFault,
    /// True time of its begin.
    since: u64,
    /// What the wall clock showed at its begin.
    shown: WallTime,
}

impl Laid {
    /// By how much the wall clock is ahead because of it.
    fn error(&self, now: u64) -> i64 {
        let passed = now.saturating_sub(self.since);
        match self.fault {
            ClockFault::Jump { by_ns } => by_ns,
            ClockFault::Drift { ppm } => {
                let gained = i128::from(passed) * i128::from(ppm) / 1_000_000;
                i64::try_from(gained).unwrap_or(if gained < 0 { i64::MIN } else { i64::MAX })
            }
            ClockFault::Freeze => 0,
            ClockFault::Strobe { by_ns, every } => {
                let every = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).max(1);
                let away = (passed / every).is_multiple_of(2);
                if away { by_ns } else { 0 }
            }
        }
    }
}

/// A node's clocks: one that only runs (and may run fast or slow), and one on the wall (that may also be set).
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// The running clock, faults included.
    running: Running,
    /// What the running clock would show without faults: the wall clock follows it.
    undisturbed: Running,
    /// What the wall clock shows beyond epoch and undisturbed clock.
    ahead: i64,
    /// Faults, in the order they began.
    faults: Vec<Laid>,
}

impl Clock {
    /// A clock that is right but for `offset` nanoseconds, and will not stay so.
    pub(crate) fn new(offset: i64, drift_ppm: i32) -> Self {
        let mut clock = Self {
            running: Running::RIGHT,
            undisturbed: Running::RIGHT,
            ahead: 0,
            faults: Vec::new(),
        };
        clock.set(0, offset, drift_ppm);
        clock
    }

    /// From now on the wall clock is `offset` nanoseconds ahead of the truth, and both clocks drift. The running clock
    /// does not jump. Faults are at work on top of it.
    pub(crate) fn set(&mut self, now: u64, offset: i64, drift_ppm: i32) {
        self.undisturbed.set_pace(now, drift_ppm);
        let ahead = i128::from(now) + i128::from(offset) - i128::from(self.undisturbed.shown);
        self.ahead = i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX });
        self.repace(now);
    }

    /// Begins a fault, in the place of one with the same number.
    pub(crate) fn disturb(&mut self, now: u64, id: u32, fault: ClockFault) {
        self.calm(now, id);
        let shown = self.wall(now);
        self.faults.push(Laid {
            id,
            fault,
            since: now,
            shown,
        });
        self.repace(now);
    }

    /// Ends a fault; whether there was one.
    pub(crate) fn calm(&mut self, now: u64, id: u32) -> bool {
        let before = self.faults.len();
        self.faults.retain(|laid| laid.id != id);
        self.repace(now);
        self.faults.len() < before
    }

    fn repace(&mut self, now: u64) {
        let drift = self.faults.iter().map(|laid| match laid.fault {
            ClockFault::Drift { ppm } => ppm,
            _ => 0,
        });
        let drift = drift.fold(self.undisturbed.drift_ppm, i32::saturating_add);
        self.running.set_pace(now, drift);
    }

    /// What the clock that only runs shows, in nanoseconds.
    pub(crate) fn running(&self, now: u64) -> u64 {
        self.running.at(now)
    }

    /// What the wall clock shows.
    pub(crate) fn wall(&self, now: u64) -> WallTime {
        if let Some(frozen) = self
            .faults
            .iter()
            .find(|laid| laid.fault == ClockFault::Freeze)
        {
            return frozen.shown;
        }
        let shown = EPOCH
            .saturating_add(self.undisturbed.at(now))
            .saturating_add_signed(self.ahead);
        WallTime(self.faults.iter().fold(shown, |shown, laid| {
            shown.saturating_add_signed(laid.error(now))
        }))
    }

    /// How many true nanoseconds pass until the running clock has gone on by so many. Rounded up: a timer is never
    /// early.
    pub(crate) fn true_span(&self, shown: Duration) -> u64 {
        let shown = u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX);
        if self.running.drift_ppm == 0 {
            return shown;
        }
        let span = (u128::from(shown) * 1_000_000).div_ceil(self.running.pace());
        u64::try_from(span).unwrap_or(u64::MAX)
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
        assert_eq!(clock.running.drift_ppm, -MAX_DRIFT_PPM);
        assert_eq!(clock.wall(0).as_nanos(), 0);
        clock.set(u64::MAX, i64::MAX, i32::MAX);
        assert!(clock.running(u64::MAX) > 0);
        assert_eq!(clock.true_span(Duration::MAX), u64::MAX / 3 * 2);
    }

    #[test]
    fn a_jump_moves_the_wall_clock_only_and_is_taken_back() {
        let mut clock = Clock::new(3, 0);
        clock.disturb(SECOND, 1, ClockFault::Jump { by_ns: -5 });
        assert_eq!(ahead(&clock, SECOND), -2);
        assert_eq!(clock.running(2 * SECOND), 2 * SECOND);
        clock.disturb(SECOND, 2, ClockFault::Jump { by_ns: 100 });
        assert_eq!(ahead(&clock, SECOND), 98, "faults add up");
        assert!(clock.calm(3 * SECOND, 1));
        assert!(!clock.calm(3 * SECOND, 1));
        assert_eq!(ahead(&clock, 3 * SECOND), 103);
        assert!(clock.calm(3 * SECOND, 2));
        assert_eq!(ahead(&clock, 3 * SECOND), 3);
    }

    #[test]
    fn a_fault_of_pace_moves_both_clocks_and_the_wall_clock_is_put_right_again() {
        let mut clock = Clock::new(0, 0);
        clock.disturb(SECOND, 1, ClockFault::Drift { ppm: 100_000 });
        assert_eq!(ahead(&clock, 2 * SECOND), SECOND as i64 / 10);
        assert_eq!(clock.running(2 * SECOND), 2 * SECOND + SECOND / 10);
        assert!(clock.true_span(Duration::from_secs(1)) < SECOND);
        assert!(clock.calm(2 * SECOND, 1));
        assert_eq!(ahead(&clock, 2 * SECOND), 0);
        assert_eq!(
            clock.running(2 * SECOND),
            2 * SECOND + SECOND / 10,
            "it never jumps"
        );
        assert_eq!(clock.true_span(Duration::from_secs(1)), SECOND);
    }

    #[test]
    fn a_frozen_wall_clock_stands_still_and_timers_go_on() {
        let mut clock = Clock::new(0, 0);
        clock.disturb(SECOND, 1, ClockFault::Freeze);
        assert_eq!(clock.wall(9 * SECOND), WallTime::perfect(SECOND));
        assert_eq!(clock.running(9 * SECOND), 9 * SECOND);
        assert!(clock.calm(9 * SECOND, 1));
        assert_eq!(ahead(&clock, 9 * SECOND), 0);
    }

    #[test]
    fn a_strobe_goes_to_and_fro() {
        let mut clock = Clock::new(0, 0);
        let every = Duration::from_secs(1);
        clock.disturb(0, 1, ClockFault::Strobe { by_ns: 7, every });
        let seen: Vec<i64> = (0..5)
            .map(|second| ahead(&clock, second * SECOND))
            .collect();
        assert_eq!(seen, [7, 0, 7, 0, 7]);
        assert!(clock.calm(5 * SECOND, 1));
        assert_eq!(ahead(&clock, 6 * SECOND), 0);
    }

    #[test]
    fn an_interval_holds_the_truth_as_long_as_the_clock_is_as_good_as_it_says() {
        let around = |offset| {
            let clock = Clock::new(offset, 0);
            Interval::around(clock.wall(SECOND), Duration::from_nanos(10))
        };
        let truth = WallTime::perfect(SECOND);
        let within = |interval: Interval| interval.earliest <= truth && truth <= interval.latest;
        assert!(within(around(10)) && within(around(-10)));
        assert!(!within(around(11)) && !within(around(-11)));
        assert!(around(0).is_before(around(21)));
        assert!(!around(0).is_before(around(20)));
    }
}
