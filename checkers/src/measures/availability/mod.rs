//! How much of what clients asked for they got, and how soon after a fault they got it again.
//!
//! An attempt is available if it was *served*: the database answered it. It did so if it ended as `ok`, and if it was
//! *declined* (see [`is_declined`](crate::is_declined)): a compare-and-set that found another value, and a transaction
//! that gave way to another one, fail, but to say so is what a healthy database is for. Nothing else is available: not
//! other failures, and not what ended as `info`, whatever its class. The final reads are left out, as the harness repeats
//! them until they succeed.
//!
//! - *By request*: served attempts per attempt.
//! - *By time*: see [`timeline`]: the share of 100 ms stretches in which somebody was served, among those in which
//!   somebody asked; outages are stretches in a row in which nobody was.
//! - *Recovery*: see [`recovery`]: per fault, from the end of its healing to the first answer on each node, and to the
//!   latency of before.
//!
//! Gates judge the figures; the verdict is `valid`, or `unknown` when nothing ran.
//!
//! Figures (shares from 0 to 1; nil where there is nothing to take a share of):
//!
//! - `attempts`, `ok`, `declined`, `ok_share` (`ok` and `declined` per attempt); `nines` (whole nines of `ok_share`, no
//!   more than the number of attempts can show);
//! - `time_share`, `bucket_s`, `outages`, `outage_max_s`, `outage_total_s`, `mttr_s` (mean length of the outages that
//!   ended), `open_outage` (whether one lasted to the end);
//! - `before_faults`, `during_faults`, `after_faults`, each with these four, by when an attempt was
//!   sent: before the first injection, while a fault was active, or any other time after the first injection;
//! - `by_function` and `by_node`: name to these four, and for nodes `time_share` and `outage_max_s`;
//! - `sides`: for each partition and each of its sides `fault`, `nodes` and these four while it lasted;
//! - `faults`: for each fault `fault`, `name`, `label`, `recovered` (no node had to be given up), `recovery_s` (until
//!   the last node served again), `first_ok_s` (by node), `steady_s`;
//! - `recovery_max_s`, `steady_max_s`: the largest of these; nil when no fault was healed.

pub mod recovery;
pub mod timeline;

use schism_history::{F, FaultOutcome, History, Time, Value};

use crate::measures::attempt::{Attempt, FaultWindows, attempts};
use crate::measures::quantile::{seconds, share};
use crate::proof::story::grouped;
use crate::{Budget, Checker, Validity, Verdict};

use recovery::Recovery;
use timeline::Timeline;

/// Measures availability. Gates judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct Availability;

impl Checker for Availability {
    fn name(&self) -> &'static str {
        "availability"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Verdict {
        let attempts = attempts(history);
        if attempts.is_empty() {
            return Verdict::new(
                self.name(),
                Validity::Unknown,
                "there is nothing to measure: nothing ran",
            );
        }
        let all = Served::of(attempts.iter());
        let timeline = Timeline::of(attempts.iter(), history.end());
        let mut figures = all.figures();
        figures.push(("nines", nines(all)));
        figures.extend(timeline.figures());
        figures.extend(around_faults(history, &attempts));
        figures.push(("by_function", by_function(history, &attempts)));
        figures.push(("by_node", by_node(history, &attempts)));
        figures.push(("sides", sides(history, &attempts)));
        let recovery = Recovery::of(history, &attempts);
        figures.extend(recovery.figures(history));

        let percent = |share: f64| format!("{:.3} %", share * 100.0);
        let mut summary = format!(
            "{} of {} attempts were answered ({})",
            grouped(all.served()),
            grouped(all.attempts),
            percent(all.served() as f64 / all.attempts as f64)
        );
        let longest = timeline.outages.iter().map(|outage| outage.nanos).max();
        let outages = longest.map_or("no outage".to_owned(), |longest| {
            format!(
                "longest outage {:.1} s of {}",
                longest as f64 / 1e9,
                timeline.outages.len()
            )
        });
        summary = format!("{summary}; {outages}");
        if let Some(longest) = recovery.longest() {
            summary = format!(
                "{summary}; served again at the latest {:.1} s after a healing",
                longest as f64 / 1e9
            );
        }
        Verdict::new(self.name(), Validity::Valid, summary).figures(Value::map(figures))
    }
}

/// Attempts, and how many of them were served.
#[derive(Clone, Copy, Debug, Default)]
struct Served {
    attempts: u64,
    ok: u64,
    declined: u64,
}

impl Served {
    fn of<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> Self {
        let mut served = Self::default();
        for attempt in attempts {
            served.add(attempt);
        }
        served
    }

    fn add(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        self.ok += u64::from(attempt.is_ok());
        self.declined += u64::from(attempt.declined);
    }

    fn served(self) -> u64 {
        self.ok + self.declined
    }

    fn figures(self) -> Vec<(&'static str, Value)> {
        vec![
            ("attempts", self.attempts.into()),
            ("ok", self.ok.into()),
            ("declined", self.declined.into()),
            ("ok_share", share(self.served(), self.attempts)),
        ]
    }
}

/// How many nines a share has: 0.9995 has three. A run without failures shows only as many as it had attempts for.
fn nines(served: Served) -> Value {
    let failed = served.attempts - served.served();
    // In whole numbers: n nines are at most attempts / 10^n failures.
    let mut nines = 0_u64;
    let mut allowed = served.attempts / 10;
    while allowed > 0 && failed <= allowed {
        nines += 1;
        allowed /= 10;
    }
    Value::from(nines)
}

fn around_faults(history: &History, attempts: &[Attempt]) -> Vec<(&'static str, Value)> {
    let windows = FaultWindows::of(history);
    let first = windows.begin().unwrap_or(Time::NEVER);
    let mut parts = [Served::default(); 3];
    for attempt in attempts {
        let part = if windows.overlap(attempt.invoked, attempt.invoked) {
            1
        } else if attempt.invoked < first {
            0
        } else {
            2
        };
        parts[part].add(attempt);
    }
    ["before_faults", "during_faults", "after_faults"]
        .into_iter()
        .zip(parts.map(|served| Value::map(served.figures())))
        .collect()
}

fn by_function(history: &History, attempts: &[Attempt]) -> Value {
    let functions = history.functions().iter().enumerate();
    Value::map(functions.map(|(place, function)| {
        let of = attempts.iter().filter(|attempt| attempt.function == place);
        (F::name(function), Value::map(Served::of(of).figures()))
    }))
}

fn by_node(history: &History, attempts: &[Attempt]) -> Value {
    let nodes = history.nodes().iter().enumerate();
    Value::map(nodes.map(|(place, node)| {
        let of = || {
            attempts
                .iter()
                .filter(|attempt| attempt.node == Some(place))
        };
        let timeline = Timeline::of(of(), history.end());
        let mut figures = Served::of(of()).figures();
        figures.push(("time_share", timeline.share()));
        figures.push(("outage_max_s", timeline.longest()));
        (node, Value::map(figures))
    }))
}

/// What the clients of each side of each partition got while it lasted.
fn sides(history: &History, attempts: &[Attempt]) -> Value {
    let mut sides = Vec::new();
    for fault in history.faults() {
        if fault.outcome == FaultOutcome::Skipped {
            continue;
        }
        let (Some(begin), end) = (fault.injected, fault.healing.unwrap_or(Time::NEVER)) else {
            continue;
        };
        for side in &fault.sides {
            let of = attempts.iter().filter(|attempt| {
                let node = attempt.node.map(|node| &history.nodes()[node]);
                (begin..end).contains(&attempt.invoked)
                    && node.is_some_and(|node| side.contains(node))
            });
            let mut figures = vec![
                ("fault", Value::from(fault.id)),
                ("nodes", Value::list(side.iter().cloned())),
            ];
            figures.extend(Served::of(of).figures());
            sides.push(Value::map(figures));
        }
    }
    Value::list(sides)
}

/// The largest of some measured times, as a figure; nil when none was measured.
fn largest(nanos: impl Iterator<Item = u64>) -> Value {
    nanos.max().map_or(Value::Nil, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::attempt::testing::{Run, figure};
    use schism_history::Kind;

    fn judge(run: Run) -> Verdict {
        Availability.check(&run.history(), &Budget::default())
    }

    #[test]
    fn what_was_answered_is_available() {
        let mut run = Run::default();
        run.reads("n1", 0, 60, 10);
        run.op("n1", &F::Write, 100, 110, Kind::Info, "timeout");
        run.op("n2", &F::Write, 120, 121, Kind::Fail, "no quorum");
        run.op(
            "n2",
            &F::Cas,
            130,
            131,
            Kind::Fail,
            "precondition: it holds 1",
        );
        let verdict = judge(run);
        let figures = &verdict.figures;
        assert_eq!(verdict.validity, Validity::Valid);
        assert_eq!(figure(figures, "attempts"), &Value::from(9));
        assert_eq!(figure(figures, "ok"), &Value::from(6));
        assert_eq!(figure(figures, "ok_share"), &Value::from(7.0 / 9.0));
        assert!(
            verdict.summary.starts_with("7 of 9 attempts were answered"),
            "{}",
            verdict.summary
        );
        assert_eq!(figure(figures, "declined"), &Value::from(1));
        assert_eq!(
            figure(figures, "by_function.read.ok_share"),
            &Value::from(1.0)
        );
        assert_eq!(
            figure(figures, "by_function.cas.ok_share"),
            &Value::from(1.0)
        );
        assert_eq!(
            figure(figures, "by_function.write.ok_share"),
            &Value::from(0.0)
        );
        assert_eq!(figure(figures, "by_node.n2.ok"), &Value::from(0));
        assert_eq!(figure(figures, "by_node.n2.ok_share"), &Value::from(0.5));
        assert_eq!(figure(figures, "nines"), &Value::from(0));
        assert_eq!(figure(figures, "recovery_max_s"), &Value::Nil);
    }

    #[test]
    fn nines_are_counted_in_whole_numbers() {
        let cases = [
            (1_000, 1_000, 3),
            (1_000, 999, 3),
            (1_000, 998, 2),
            (10_000, 9_995, 3),
            (10_000, 9_000, 1),
            (10_000, 8_999, 0),
            (9, 9, 0),
        ];
        for (attempts, ok, expected) in cases {
            // Half of them, or all but one, are answers that say no.
            for declined in [0, ok / 2, ok - 1] {
                let served = Served {
                    attempts,
                    ok: ok - declined,
                    declined,
                };
                assert_eq!(nines(served), Value::from(expected), "{served:?}");
            }
        }
    }

    #[test]
    fn each_side_of_a_partition_has_its_own_share() {
        let mut run = Run::default();
        run.fault(
            &["n1", "n2", "n3"],
            &[&["n1"], &["n2", "n3"]],
            100,
            200,
            ["installed", "installed"],
        );
        run.op("n1", &F::Read, 50, 51, Kind::Ok, "");
        run.op("n1", &F::Read, 120, 130, Kind::Info, "timeout");
        run.op("n1", &F::Cas, 120, 130, Kind::Fail, "no quorum");
        run.op("n2", &F::Read, 120, 130, Kind::Ok, "");
        run.op("n3", &F::Cas, 150, 160, Kind::Fail, "precondition: no");
        run.op("n1", &F::Txn, 250, 260, Kind::Fail, "conflict");
        let verdict = judge(run);
        let figures = &verdict.figures;
        let sides = figure(figures, "sides").as_list().unwrap();
        let shares: Vec<_> = sides
            .iter()
            .map(|side| figure(side, "ok_share").clone())
            .collect();
        assert_eq!(shares, [Value::from(0.0), Value::from(1.0)]);
        assert_eq!(figure(figures, "before_faults.ok"), &Value::from(1));
        assert_eq!(figure(figures, "during_faults.attempts"), &Value::from(4));
        assert_eq!(figure(figures, "after_faults.ok_share"), &Value::from(1.0));
    }

    #[test]
    fn nothing_is_unknown() {
        assert_eq!(judge(Run::default()).validity, Validity::Unknown);
    }
}
