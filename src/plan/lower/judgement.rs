//! Checkers and gates of a plan.

use std::collections::BTreeMap;
use std::time::Duration;

use schism_checkers::online::Online;
use schism_checkers::{Budget, Options};
use schism_history::F;

use super::super::judgement::{Checks, Gates, Levels, Quantile};
use super::super::nearest::suggest;
use super::super::path::KeyPath;
use super::super::raw::{RawChecks, RawGates, RawLevels, RawQuantiles};
use super::super::units::{Bytes, Share, Span};
use super::{Lowering, at};
use crate::gates::{AVAILABILITY, ERRORS, LATENCY, STALENESS};

/// A checker with less memory than this can judge nothing.
const MEMORY_MIN: u64 = 1 << 20;

/// Functions of operations that a gate may name.
const FUNCTIONS: [&str; 10] = [
    "read", "write", "cas", "txn", "add", "remove", "append", "enqueue", "dequeue", "drain",
];

impl Lowering<'_> {
    pub(super) fn checks(
        &mut self,
        raw: RawChecks,
        options: Options,
        default_checkers: Option<&'static [&'static str]>,
    ) -> Option<Checks> {
        let before = self.complaints.len();
        let budget = Budget::default();
        if let Some(checkers) = &raw.checkers {
            self.check_names(checkers);
        }
        let steps = raw.steps.unwrap_or(budget.steps);
        if steps == 0 {
            self.complain(
                at("checks.steps"),
                "without a step nothing is judged",
                format!("leave it out for {}", budget.steps),
            );
        }
        let memory = raw.memory.unwrap_or(Bytes(budget.bytes));
        if memory.0 < MEMORY_MIN {
            self.complain(
                at("checks.memory"),
                format!("{memory} is too little to judge anything"),
                format!(
                    "at least {}; leave it out for {}",
                    Bytes(MEMORY_MIN),
                    Bytes(budget.bytes)
                ),
            );
        }
        let checkers = match raw.checkers {
            Some(checkers) => checkers,
            None => default_checkers?
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
        };
        for name in options.told() {
            if !checkers.iter().any(|known| known == name) {
                self.complain(
                    at("checkers").key(name),
                    format!("nobody listens to this: the checker {name} does not run"),
                    format!("add \"{name}\" to use under [checks]"),
                );
            }
        }
        let judged = |name: &String| Online::names().any(|judge| judge == name);
        if raw.stop_on.is_some() && !checkers.iter().any(judged) {
            let names: Vec<&str> = Online::names().collect();
            self.complain(
                at("checks.stop_on"),
                "none of this plan's checkers can judge while the run goes on",
                format!("those that can are {}", names.join(", ")),
            );
        }
        (self.complaints.len() == before).then_some(Checks {
            checkers,
            options,
            steps,
            memory,
            minimum_ok: raw.minimum_ok.unwrap_or(MINIMUM_OK),
            stop_on: raw.stop_on,
        })
    }

    fn check_names(&mut self, checkers: &[String]) {
        let root = at("checks.use");
        if checkers.is_empty() {
            self.complain(
                root.clone(),
                "without a checker nothing is judged",
                "leave it out for the workload's own checkers",
            );
        }
        for (i, name) in checkers.iter().enumerate() {
            let names = self.reading.checkers;
            if !names.contains(&name.as_str()) {
                self.complain(
                    root.index(i),
                    format!("there is no checker `{name}`"),
                    suggest(name, "the checkers are", names.iter().copied()),
                );
            } else if checkers[..i].contains(name) {
                self.complain(
                    root.index(i),
                    format!("the checker {name} is named twice"),
                    "name each checker once",
                );
            }
        }
    }

    /// The gates, once it is known which checkers run: a gate that nothing measures is always missed.
    pub(super) fn gates(&mut self, raw: RawGates, checks: Option<&Checks>) -> Option<Gates> {
        let before = self.complaints.len();
        let require = raw.require.unwrap_or_default();
        for (i, name) in require.iter().enumerate() {
            let place = at("gates.require").index(i);
            if let Some(checks) = checks
                && !checks.checkers.contains(name)
            {
                if self.reading.checkers.contains(&name.as_str()) {
                    self.complain(
                        place,
                        format!("the checker {name} does not run, so it can never say valid"),
                        format!("add \"{name}\" to use under [checks]"),
                    );
                } else {
                    let names = checks.checkers.iter().map(String::as_str);
                    self.complain(
                        place,
                        format!("there is no checker `{name}`"),
                        suggest(name, "the checkers of this plan are", names),
                    );
                }
            } else if require[..i].contains(name) {
                self.complain(
                    place,
                    format!("the checker {name} is required twice"),
                    "name each checker once",
                );
            }
        }
        let share = |share: Share| share;
        let availability = self.levels(raw.availability, &at("gates.availability"), true, share);
        let errors = self.levels(raw.errors, &at("gates.errors"), false, share);
        let stale_reads = self.levels(raw.stale_reads, &at("gates.stale_reads"), false, share);
        let recovery = self.levels(raw.recovery, &at("gates.recovery"), false, time);
        let latency = self.latency(&raw.latency);
        if let Some(checks) = checks {
            for (gate, is_given, checker) in [
                ("availability", availability.is_some(), AVAILABILITY),
                ("errors", errors.is_some(), ERRORS),
                ("stale_reads", stale_reads.is_some(), STALENESS),
                ("recovery", recovery.is_some(), AVAILABILITY),
                ("latency", !latency.is_empty(), LATENCY),
            ] {
                if is_given && !checks.checkers.iter().any(|name| name == checker) {
                    self.complain(
                        at("gates").key(gate),
                        format!("nothing measures this: the checker {checker} does not run"),
                        format!("add \"{checker}\" to use under [checks]"),
                    );
                }
            }
        }
        (self.complaints.len() == before).then_some(Gates {
            require,
            availability,
            errors,
            stale_reads,
            recovery,
            latency,
        })
    }

    fn latency(
        &mut self,
        raw: &BTreeMap<String, RawQuantiles>,
    ) -> BTreeMap<String, BTreeMap<Quantile, Levels<Duration>>> {
        let mut latency = BTreeMap::new();
        for (function, raw) in raw {
            let here = at("gates.latency").key(function);
            if matches!(F::from(function.as_str()), F::Other(_)) {
                self.complain(
                    here.clone(),
                    format!("there is no function `{function}`"),
                    suggest(function, "the functions are", FUNCTIONS),
                );
            }
            let mut quantiles = BTreeMap::new();
            for (quantile, levels) in [
                (Quantile::P50, raw.p50),
                (Quantile::P95, raw.p95),
                (Quantile::P99, raw.p99),
                (Quantile::P999, raw.p999),
            ] {
                let place = here.key(quantile.name());
                if let Some(levels) = self.levels(levels, &place, false, time) {
                    quantiles.insert(quantile, levels);
                }
            }
            if quantiles.is_empty() {
                self.complain(
                    here,
                    "this gate asks for nothing",
                    "add a quantile, as in p99 = { critical = \"200ms\" }",
                );
            }
            latency.insert(function.clone(), quantiles);
        }
        latency
    }

    fn levels<R: Copy + std::fmt::Display, T: PartialOrd>(
        &mut self,
        raw: Option<RawLevels<R>>,
        place: &KeyPath,
        high_is_good: bool,
        lower: impl Fn(R) -> T,
    ) -> Option<Levels<T>> {
        let raw = raw?;
        match (raw.warning, raw.critical) {
            (None, None) => self.complain(
                place.clone(),
                "this gate asks for nothing",
                "add warning, critical or both",
            ),
            (Some(warning), Some(critical)) => {
                let (warning_at, critical_at) = (lower(warning), lower(critical));
                let is_right = if high_is_good {
                    warning_at >= critical_at
                } else {
                    warning_at <= critical_at
                };
                if !is_right {
                    let (is, shall) = if high_is_good {
                        ("above", "below")
                    } else {
                        ("below", "above")
                    };
                    self.complain(
                        place.key("critical"),
                        format!("critical ({critical}) lies {is} warning ({warning})"),
                        format!(
                            "the critical level lies {shall} the warning level, or is the same"
                        ),
                    );
                }
            }
            _ => {}
        }
        Some(Levels {
            warning: raw.warning.map(&lower),
            critical: raw.critical.map(&lower),
        })
    }
}

/// With fewer successful calls than this nothing is called valid, unless the plan says otherwise.
const MINIMUM_OK: u64 = 100;

fn time(span: Span) -> Duration {
    span.0
}
