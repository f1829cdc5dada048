//! When one entry of a plan strikes, and for how long.

use std::time::Duration;

use humantime_serde::re::humantime::format_duration;
use rand_pcg::Pcg64Mcg;

use crate::draw;
use crate::duration_range::{DurationRange, HumanDuration};
use crate::mistake::Mistake;
use crate::spec::Spec;

/// No entry may strike more often in one run.
const STRIKES_MAX: u128 = 10_000;

/// From when to when one strike lasts, counted from the begin of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) at: Duration,
    pub(crate) until: Duration,
}

/// The schedule of an entry with every default filled in.
struct Schedule {
    cadence: Cadence,
    lasting: DurationRange,
}

enum Cadence {
    /// At these times, sorted.
    At(Vec<Duration>),
    /// From strike to strike.
    Every { first: Duration, every: Duration },
    /// From healing to strike; the first like the others when it is not given.
    Between {
        first: Option<Duration>,
        quiet: DurationRange,
    },
}

/// The windows in which the entry strikes: in order, apart from each other, none later than `total`.
pub(crate) fn windows(spec: &Spec, total: Duration, rng: &mut Pcg64Mcg) -> Vec<Window> {
    let Schedule { cadence, lasting } = schedule(spec, total);
    let mut windows = Vec::new();
    let mut strike = |at: Duration, rng: &mut Pcg64Mcg| {
        let drawn = draw::duration(rng, lasting.min, lasting.max);
        let room = total.saturating_sub(at);
        let fits = at < total && lasting.min <= room && (windows.len() as u128) < STRIKES_MAX;
        let until = at + drawn.min(room);
        if fits {
            windows.push(Window { at, until });
        }
        fits.then_some(until)
    };
    match cadence {
        Cadence::At(times) => {
            for at in times {
                strike(at, rng);
            }
        }
        Cadence::Every { first, every } => {
            let mut at = first;
            while strike(at, rng).is_some() {
                at = at.saturating_add(every);
            }
        }
        Cadence::Between { first, quiet } => {
            let mut at = first.unwrap_or_else(|| draw::duration(rng, quiet.min, quiet.max));
            while let Some(until) = strike(at, rng) {
                at = until.saturating_add(draw::duration(rng, quiet.min, quiet.max));
            }
        }
    }
    windows
}

/// The entry with every default of the schedule written out.
pub(crate) fn explicit(spec: &Spec, total: Duration) -> Spec {
    let Schedule { cadence, lasting } = schedule(spec, total);
    let mut spec = spec.clone();
    if spec.lasts() {
        spec.lasting = Some(lasting);
    }
    match cadence {
        Cadence::At(times) => spec.at = Some(times.into_iter().map(HumanDuration).collect()),
        Cadence::Every { first, every } => {
            spec.after = Some(HumanDuration(first));
            spec.every = Some(HumanDuration(every));
        }
        Cadence::Between { first, quiet } => {
            spec.after = first.map(HumanDuration);
            spec.between = Some(quiet);
        }
    }
    spec
}

pub(crate) fn validate(spec: &Spec, total: Duration, path: &str, mistakes: &mut Vec<Mistake>) {
    let before = mistakes.len();
    let cadences: Vec<&str> = [
        ("at", spec.at.is_some()),
        ("every", spec.every.is_some()),
        ("between", spec.between.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    for second in cadences.iter().skip(1) {
        mistakes.push(Mistake::new(
            format!("{path}.{second}"),
            format!("{second} does not go with {}", cadences[0]),
            "keep one of at, every and between",
        ));
    }
    if spec.at.is_some() && spec.after.is_some() {
        mistakes.push(Mistake::new(
            format!("{path}.after"),
            "after does not go with at",
            "leave it out: at holds all times",
        ));
    }
    if !spec.lasts() && spec.lasting.is_some() {
        mistakes.push(Mistake::new(
            format!("{path}.for"),
            "a restart is over when it is done",
            "leave out for, or use kill, which is started again after that time",
        ));
    }
    if spec.lasts() && spec.lasting.is_some_and(|lasting| lasting.min.is_zero()) {
        mistakes.push(Mistake::new(
            format!("{path}.for"),
            "the fault lasts no time",
            "write a duration above zero",
        ));
    }
    if spec.every.is_some_and(|every| every.0.is_zero()) {
        mistakes.push(Mistake::new(
            format!("{path}.every"),
            "every 0s is too often",
            "write a duration above zero",
        ));
    }
    if spec.at.as_ref().is_some_and(Vec::is_empty) {
        mistakes.push(Mistake::new(
            format!("{path}.at"),
            "the list of times is empty",
            "name at least one time, or leave at out",
        ));
    }
    if mistakes.len() == before {
        validate_fit(spec, total, path, mistakes);
    }
}

/// What is wrong with how the times fit each other and the run.
fn validate_fit(spec: &Spec, total: Duration, path: &str, mistakes: &mut Vec<Mistake>) {
    let Schedule { cadence, lasting } = schedule(spec, total);
    let too_late = |key: &str, at: Duration| {
        Mistake::new(
            format!("{path}.{key}"),
            format!(
                "the fault would be healed {} after the load began, and the run takes {}",
                format_duration(at.saturating_add(lasting.max)),
                format_duration(total)
            ),
            "let it strike earlier, make it shorter, or let the run take longer",
        )
    };
    let key_of_lasting = |other: &'static str| if spec.lasting.is_some() { "for" } else { other };
    match &cadence {
        Cadence::At(times) => {
            for (i, at) in times.iter().enumerate() {
                // The paths count as the plan does, which may not be sorted.
                let place = spec
                    .at
                    .iter()
                    .flatten()
                    .position(|given| given.0 == *at)
                    .unwrap_or(i);
                if at.saturating_add(lasting.max) > total {
                    mistakes.push(too_late(&format!("at[{place}]"), *at));
                }
                if let Some(previous) = i.checked_sub(1).map(|i| times[i])
                    && previous.saturating_add(lasting.max) >= *at
                {
                    mistakes.push(Mistake::new(
                        format!("{path}.at[{place}]"),
                        format!(
                            "the strike at {} may last {}, and the next is at {}",
                            format_duration(previous),
                            format_duration(lasting.max),
                            format_duration(*at)
                        ),
                        "leave more time between them, make for shorter, or use a second entry",
                    ));
                }
            }
            if times.len() as u128 > STRIKES_MAX {
                mistakes.push(too_often(path, "at"));
            }
        }
        Cadence::Every { first, every } => {
            if total.as_nanos() / every.as_nanos().max(1) > STRIKES_MAX {
                mistakes.push(too_often(path, "every"));
            } else if lasting.max > *every {
                mistakes.push(Mistake::new(
                    format!("{path}.for"),
                    format!(
                        "the fault lasts {}, longer than the {} from strike to strike",
                        format_duration(lasting.max),
                        format_duration(*every)
                    ),
                    "make for shorter or every longer",
                ));
            } else if first.saturating_add(lasting.max) > total {
                let key = if spec.after.is_some() {
                    "after"
                } else {
                    key_of_lasting("every")
                };
                mistakes.push(too_late(key, *first));
            }
        }
        Cadence::Between { first, quiet } => {
            let first = first.unwrap_or(quiet.max);
            if first.saturating_add(lasting.max) > total {
                mistakes.push(too_late(
                    if spec.after.is_some() {
                        "after"
                    } else {
                        key_of_lasting("between")
                    },
                    first,
                ));
            } else if total.as_nanos() / quiet.min.saturating_add(lasting.min).as_nanos().max(1)
                > STRIKES_MAX
            {
                mistakes.push(too_often(path, key_of_lasting("between")));
            }
        }
    }
}

fn too_often(path: &str, key: &str) -> Mistake {
    Mistake::new(
        format!("{path}.{key}"),
        format!("the fault would strike more than {STRIKES_MAX} times"),
        "let it strike less often",
    )
}

/// Fills in what the plan leaves open: lasting an eighth of the run, at most 10 s; quiet between half and one and a
/// half times as long; with `every`, first after a sixth of the run, at most 5 s.
fn schedule(spec: &Spec, total: Duration) -> Schedule {
    let usual = whole_millis((total / 8).min(Duration::from_secs(10)));
    let given = if spec.lasts() {
        spec.lasting
    } else {
        Some(Duration::ZERO.into())
    };
    let after = spec.after.map(|after| after.0);
    if let Some(at) = &spec.at {
        let mut times: Vec<Duration> = at.iter().map(|at| at.0).collect();
        times.sort_unstable();
        let room = times
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]) / 2)
            .chain(times.last().map(|last| total.saturating_sub(*last)))
            .min()
            .unwrap_or(usual);
        return Schedule {
            lasting: given.unwrap_or_else(|| usual.min(whole_millis(room)).into()),
            cadence: Cadence::At(times),
        };
    }
    if let Some(HumanDuration(every)) = spec.every {
        return Schedule {
            lasting: given.unwrap_or_else(|| usual.min(whole_millis(every / 2)).into()),
            cadence: Cadence::Every {
                first: after
                    .unwrap_or_else(|| whole_millis((total / 6).min(Duration::from_secs(5)))),
                every,
            },
        };
    }
    let lasting = given.unwrap_or_else(|| usual.into());
    // A restart takes no time here, but the nodes need some.
    let pace = if lasting.max.is_zero() {
        usual
    } else {
        lasting.max
    };
    Schedule {
        lasting,
        cadence: Cadence::Between {
            first: after,
            quiet: spec.between.unwrap_or(DurationRange {
                min: whole_millis(pace / 2),
                max: whole_millis(pace.saturating_mul(3) / 2),
            }),
        },
    }
}

/// Rounded down to a whole millisecond, but not to nothing.
fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(
        u64::try_from(duration.as_millis())
            .unwrap_or(u64::MAX)
            .max(1),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::process::ProcessFault;

    const MINUTE: Duration = Duration::from_mins(1);

    fn kill() -> Spec {
        Spec {
            kill: Some(ProcessFault::default()),
            ..Spec::default()
        }
    }

    fn secs(secs: u64) -> HumanDuration {
        HumanDuration(Duration::from_secs(secs))
    }

    fn range(min: u64, max: u64) -> DurationRange {
        DurationRange {
            min: Duration::from_secs(min),
            max: Duration::from_secs(max),
        }
    }

    fn struck(spec: &Spec, total: Duration) -> Vec<(u128, u128)> {
        windows(spec, total, &mut draw::stream(7, 0))
            .iter()
            .map(|window| (window.at.as_millis(), window.until.as_millis()))
            .collect()
    }

    fn mistakes(spec: &Spec, total: Duration) -> Vec<String> {
        let mut mistakes = Vec::new();
        validate(spec, total, "faults[0]", &mut mistakes);
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn periodic_strikes_keep_their_period() {
        let spec = Spec {
            every: Some(secs(20)),
            lasting: Some(range(8, 8)),
            ..kill()
        };
        assert_eq!(
            struck(&spec, MINUTE),
            [(5_000, 13_000), (25_000, 33_000), (45_000, 53_000)]
        );
    }

    #[test]
    fn a_strike_that_does_not_fit_is_left_out() {
        let spec = Spec {
            every: Some(secs(20)),
            after: Some(secs(10)),
            lasting: Some(range(8, 12)),
            ..kill()
        };
        let struck = struck(&spec, MINUTE);
        assert_eq!(struck.len(), 3);
        assert!(struck[2].1 <= 60_000);
    }

    #[test]
    fn given_times_are_kept_in_order() {
        let spec = Spec {
            at: Some(vec![secs(40), secs(5)]),
            ..kill()
        };
        assert_eq!(struck(&spec, MINUTE), [(5_000, 12_500), (40_000, 47_500)]);
    }

    #[test]
    fn without_a_schedule_quiet_windows_are_random() {
        let mut all = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let windows = windows(&kill(), MINUTE, &mut draw::stream(seed, 0));
            assert!((2..=5).contains(&windows.len()), "{windows:?}");
            all.insert(windows[0].at);
        }
        assert!(all.len() > 40);
    }

    #[test]
    fn a_restart_is_a_moment() {
        let spec = Spec {
            restart: Some(ProcessFault::default()),
            at: Some(vec![secs(5)]),
            ..Spec::default()
        };
        assert_eq!(struck(&spec, MINUTE), [(5_000, 5_000)]);
    }

    proptest! {
        #[test]
        fn windows_are_apart_and_end_in_time(
            total in 0u64..200_000,
            cadence in 0u8..3,
            a in 0u64..30_000,
            b in 0u64..30_000,
            lasting in prop::option::of((0u64..20_000, 0u64..20_000)),
            after in prop::option::of(0u64..30_000),
            restart: bool,
            seed: u64,
        ) {
            let millis = |n| HumanDuration(Duration::from_millis(n));
            let pair = |a: u64, b: u64| DurationRange {
                min: Duration::from_millis(a.min(b)),
                max: Duration::from_millis(a.max(b)),
            };
            let mut spec = kill();
            if restart {
                spec = Spec { restart: spec.kill, ..Spec::default() };
            }
            match cadence {
                0 => spec.at = Some(vec![millis(a), millis(b)]),
                1 => spec.every = Some(millis(a)),
                _ => spec.between = Some(pair(a, b)),
            }
            if cadence > 0 {
                spec.after = after.map(millis);
            }
            if !restart {
                spec.lasting = lasting.map(|(a, b)| pair(a, b));
            }
            let total = Duration::from_millis(total);
            let windows = windows(&spec, total, &mut draw::stream(seed, 0));
            if mistakes(&spec, total).is_empty() {
                prop_assert!(!windows.is_empty());
                for pair in windows.windows(2) {
                    prop_assert!(pair[0].until <= pair[1].at);
                }
            }
            for window in &windows {
                prop_assert!(window.at <= window.until && window.until <= total);
            }
            let explicit = explicit(&spec, total);
            prop_assert_eq!(&super::explicit(&explicit, total), &explicit);
            prop_assert_eq!(super::windows(&explicit, total, &mut draw::stream(seed, 0)), windows);
        }
    }

    #[test]
    fn mistakes_say_what_does_not_fit() {
        let cases = [
            Spec {
                every: Some(secs(5)),
                lasting: Some(range(8, 8)),
                ..kill()
            },
            Spec {
                at: Some(vec![secs(5), secs(10)]),
                lasting: Some(range(8, 8)),
                ..kill()
            },
            Spec {
                at: Some(vec![secs(58)]),
                lasting: Some(range(8, 8)),
                ..kill()
            },
            Spec {
                every: Some(secs(5)),
                between: Some(range(1, 2)),
                ..kill()
            },
            Spec {
                at: Some(vec![secs(5)]),
                after: Some(secs(5)),
                ..kill()
            },
            Spec {
                restart: Some(ProcessFault::default()),
                lasting: Some(range(1, 1)),
                ..Spec::default()
            },
            Spec {
                lasting: Some(range(0, 1)),
                ..kill()
            },
            Spec {
                every: Some(secs(0)),
                ..kill()
            },
            Spec {
                at: Some(Vec::new()),
                ..kill()
            },
            Spec {
                after: Some(secs(60)),
                ..kill()
            },
            Spec {
                every: Some(HumanDuration(Duration::from_micros(10))),
                ..kill()
            },
        ];
        let shown: Vec<String> = cases
            .iter()
            .flat_map(|spec| mistakes(spec, MINUTE))
            .collect();
        assert_eq!(
            shown,
            [
                "faults[0].for: the fault lasts 8s, longer than the 5s from strike to strike; \
                 make for shorter or every longer",
                "faults[0].at[1]: the strike at 5s may last 8s, and the next is at 10s; \
                 leave more time between them, make for shorter, or use a second entry",
                "faults[0].at[0]: the fault would be healed 1m 6s after the load began, and the run takes 1m; \
                 let it strike earlier, make it shorter, or let the run take longer",
                "faults[0].between: between does not go with every; keep one of at, every and between",
                "faults[0].after: after does not go with at; leave it out: at holds all times",
                "faults[0].for: a restart is over when it is done; \
                 leave out for, or use kill, which is started again after that time",
                "faults[0].for: the fault lasts no time; write a duration above zero",
                "faults[0].every: every 0s is too often; write a duration above zero",
                "faults[0].at: the list of times is empty; name at least one time, or leave at out",
                "faults[0].after: the fault would be healed 1m 7s 500ms after the load began, \
                 and the run takes 1m; let it strike earlier, make it shorter, or let the run take longer",
                "faults[0].every: the fault would strike more than 10000 times; let it strike less often",
            ]
        );
        assert_eq!(mistakes(&kill(), MINUTE), [""; 0]);
        assert!(!mistakes(&kill(), Duration::ZERO).is_empty());
    }

    #[test]
    fn enormous_durations_do_no_harm() {
        let spec = Spec {
            between: Some(DurationRange {
                min: Duration::MAX,
                max: Duration::MAX,
            }),
            lasting: Some(Duration::MAX.into()),
            after: Some(HumanDuration(Duration::MAX)),
            ..kill()
        };
        assert_eq!(struck(&spec, MINUTE), []);
        assert_eq!(struck(&spec, Duration::MAX), []);
        let far = Spec {
            after: Some(secs(1)),
            lasting: Some(range(1, 1)),
            ..spec.clone()
        };
        assert_eq!(struck(&far, MINUTE), [(1_000, 2_000)]);
        assert_eq!(mistakes(&far, MINUTE), [""; 0]);
        assert!(!mistakes(&spec, MINUTE).is_empty());
        struck(
            &Spec {
                every: Some(secs(1)),
                ..kill()
            },
            Duration::MAX,
        );
    }
}
