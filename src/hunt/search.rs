//! Seeds tried side by side, and counted in their order.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use schism_checkers::Validity;

use super::{Ending, Found, Outcome};

/// How many seeds each thread may be ahead of the first one that is not known yet: so much is kept out of order.
const AHEAD: u64 = 8;

/// Which seeds are tried, and until when.
pub struct Hunt<'a> {
    /// The first seed.
    pub first: u64,
    /// The last seed, which is tried too.
    pub last: u64,
    /// How many are tried at once; at least one.
    pub jobs: usize,
    /// Whether the hunt goes on after a violation.
    pub all: bool,
    /// Asked before each seed: why no more are tried.
    pub over: &'a (dyn Fn() -> Option<Ending> + Sync),
}

struct Shared {
    /// The next seed that nobody has begun.
    next: Option<u64>,
    /// The first seed whose outcome does not count yet.
    counted: u64,
    /// No more seeds are begun.
    ended: Option<Ending>,
}

/// Tries seeds, and counts what came of them in their order. `execute` is called with a seed and the number of the
/// thread, from 0; `told` after each seed that counts.
///
/// # Errors
/// The first seed that could not be tried, and why; those before it count, and were told.
pub fn search<E: Send>(
    hunt: &Hunt<'_>,
    execute: impl Fn(u64, usize) -> Result<Outcome, E> + Sync,
    told: &mut dyn FnMut(&Found),
) -> Result<Found, (u64, E)> {
    let shared = Mutex::new(Shared {
        next: (hunt.first <= hunt.last).then_some(hunt.first),
        counted: hunt.first,
        ended: None,
    });
    let changed = Condvar::new();
    let jobs = hunt.jobs.max(1);
    let window = AHEAD * jobs as u64;
    let (outcomes, arrived) = channel();
    let mut found = Found::default();
    let mut failed = None;
    thread::scope(|threads| {
        for job in 0..jobs {
            let outcomes = outcomes.clone();
            let (shared, changed, execute) = (&shared, &changed, &execute);
            threads.spawn(move || {
                while let Some(seed) = begin(hunt, shared, changed, window) {
                    if outcomes.send((seed, execute(seed, job))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(outcomes);
        let mut early = BTreeMap::new();
        let mut next = hunt.first;
        let mut is_over = false;
        for (seed, outcome) in arrived {
            if is_over {
                continue;
            }
            early.insert(seed, outcome);
            while let Some(outcome) = early.remove(&next) {
                match outcome {
                    Ok(outcome) => {
                        is_over = outcome.validity == Validity::Invalid && !hunt.all;
                        found.take(next, outcome);
                        told(&found);
                    }
                    Err(error) => {
                        failed = Some((next, error));
                        is_over = true;
                    }
                }
                next = next.saturating_add(1);
                let mut shared = lock(&shared);
                shared.counted = next;
                if is_over {
                    shared.ended = Some(Ending::Violation);
                }
                changed.notify_all();
                if is_over {
                    break;
                }
            }
        }
    });
    if let Some(failed) = failed {
        return Err(failed);
    }
    if let Some(ending) = lock(&shared).ended {
        found.ending = ending;
    }
    Ok(found)
}

/// The next seed to try; `None` when no more are.
fn begin(hunt: &Hunt<'_>, shared: &Mutex<Shared>, changed: &Condvar, window: u64) -> Option<u64> {
    let mut shared = lock(shared);
    loop {
        if shared.ended.is_some() {
            return None;
        }
        let seed = shared.next?;
        if let Some(ending) = (hunt.over)() {
            shared.ended = Some(ending);
            changed.notify_all();
            return None;
        }
        if seed - shared.counted < window {
            shared.next = seed.checked_add(1).filter(|next| *next <= hunt.last);
            return Some(seed);
        }
        shared = changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
    }
}

/// A thread that panicked leaves the numbers as they are, and the scope hands its panic on.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::exit_code::ExitCode;
    use crate::hunt::{Cause, Coverage};

    fn outcome(seed: u64) -> Outcome {
        let (validity, exit, causes) = match seed % 10 {
            7 => {
                let cause = Cause {
                    checker: "linearizable",
                    anomaly: if seed % 20 == 7 {
                        "stale-read"
                    } else {
                        "lost-write"
                    },
                    functions: vec!["read".to_owned()],
                };
                let causes = vec![(cause, format!("seed {seed}"))];
                (Validity::Invalid, ExitCode::Anomaly, causes)
            }
            4 => (Validity::Unknown, ExitCode::Unknown, Vec::new()),
            _ => (Validity::Valid, ExitCode::Valid, Vec::new()),
        };
        Outcome {
            validity,
            exit,
            reason: format!("because of {seed}"),
            causes,
            coverage: Coverage::default(),
            operations: seed,
        }
    }

    /// The later a seed, the sooner it is done.
    fn slowly(seed: u64) -> Outcome {
        for _ in 0..(200 - seed.min(200)) * 20 {
            thread::yield_now();
        }
        outcome(seed)
    }

    fn hunt(last: u64, jobs: usize, all: bool) -> Found {
        let hunt = Hunt {
            first: 0,
            last,
            jobs,
            all,
            over: &|| None,
        };
        search(&hunt, |seed, _| Ok::<_, ()>(slowly(seed)), &mut |_| {}).unwrap()
    }

    #[test]
    fn any_number_of_threads_finds_the_same() {
        for all in [false, true] {
            let one = hunt(120, 1, all);
            for jobs in [2, 5] {
                assert_eq!(hunt(120, jobs, all), one);
            }
        }
    }

    #[test]
    fn a_hunt_ends_at_the_first_violation() {
        let found = hunt(120, 3, false);
        assert_eq!(
            (found.seeds, found.valid, found.unknown, found.invalid),
            (8, 6, 1, 1)
        );
        assert_eq!(
            (found.ending, found.exit),
            (Ending::Violation, ExitCode::Anomaly)
        );
        assert_eq!(found.operations, (0..=7).sum::<u64>());
        assert_eq!(found.failure_rate_bound(), None);
    }

    #[test]
    fn violations_are_grouped_by_cause_and_not_by_seed() {
        let found = hunt(99, 2, true);
        assert_eq!(
            (found.seeds, found.invalid, found.ending),
            (100, 10, Ending::Seeds)
        );
        let groups: Vec<_> = found
            .groups
            .iter()
            .map(|group| (group.cause.anomaly, group.seeds, group.first))
            .collect();
        assert_eq!(groups, [("stale-read", 5, 7), ("lost-write", 5, 17)]);
        assert_eq!(found.first_unknown, Some((4, "because of 4".to_owned())));
    }

    #[test]
    fn a_clean_hunt_bounds_the_rate_by_what_is_known() {
        let found = hunt(6, 2, false);
        assert_eq!(
            (found.valid, found.unknown, found.exit),
            (6, 1, ExitCode::Unknown)
        );
        assert_eq!(
            found.failure_rate_bound(),
            Some(crate::hunt::failure_rate_bound(6))
        );
        // Nothing at all was tried.
        let none = search(
            &Hunt {
                first: 1,
                last: 0,
                jobs: 2,
                all: false,
                over: &|| None,
            },
            |seed, _| Ok::<_, ()>(outcome(seed)),
            &mut |_| {},
        );
        assert_eq!(none.unwrap().exit, ExitCode::Unknown);
    }

    #[test]
    fn a_hunt_that_is_ended_counts_what_it_began() {
        let asked = AtomicU64::new(0);
        let over = || (asked.fetch_add(1, Ordering::SeqCst) >= 20).then_some(Ending::Time);
        let hunt = Hunt {
            first: 5,
            last: u64::MAX,
            jobs: 3,
            all: true,
            over: &over,
        };
        let found = search(&hunt, |seed, _| Ok::<_, ()>(outcome(seed)), &mut |_| {}).unwrap();
        assert_eq!((found.seeds, found.ending), (20, Ending::Time));
    }

    #[test]
    fn the_first_failure_ends_it() {
        let hunt = Hunt {
            first: 0,
            last: 1_000,
            jobs: 4,
            all: true,
            over: &|| None,
        };
        let mut told = 0;
        let failed = search(
            &hunt,
            |seed, _| {
                if seed % 50 == 49 {
                    Err("no disk")
                } else {
                    Ok(outcome(seed))
                }
            },
            &mut |_| told += 1,
        );
        assert_eq!(failed.unwrap_err(), (49, "no disk"));
        assert_eq!(told, 49);
    }
}
