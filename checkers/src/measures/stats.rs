//! How much was done, and whether it was enough to mean anything.
//!
//! A run in which nothing could go wrong proves nothing. The verdict is `unknown` when no operation ran, when fewer than
//! a minimum succeeded, when some function never succeeded, or when several clients ran at once and yet no two
//! operations on one key ever overlapped.
//!
//! Operations that the database *declined* (see [`crate::is_declined`]) did not happen: they count as
//! failed, and a function that was only ever declined never succeeded, so nobody saw it do anything. But the database
//! did judge them against what else was going on: they contend for their key.
//!
//! Figures: `operations`, `ok`, `fail`, `declined` (how many of those that failed), `info`; `by_function` and `by_node`,
//! each name with the last four.

use rustc_hash::FxHashMap;
use schism_history::{F, History, Operation, Outcome, Time, Value};

use crate::measures::attempt::is_declined;
use crate::micro_op::{MicroOp, micro_ops};
use crate::proof::story::{count, grouped};
use crate::{Budget, Checker, Validity, Verdict};

/// Counts operations, and asks for enough of them.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    min_ok: u64,
}

impl Stats {
    /// Asks for at least `min_ok` operations that succeeded.
    pub const fn new(min_ok: u64) -> Self {
        Self { min_ok }
    }
}

impl Default for Stats {
    /// At least 10 operations that succeeded.
    fn default() -> Self {
        Self::new(10)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    ok: u64,
    fail: u64,
    declined: u64,
    info: u64,
}

impl Counts {
    fn add(&mut self, op: &Operation<'_>) {
        match op.outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Fail => self.fail += 1,
            Outcome::Info => self.info += 1,
        }
        self.declined += u64::from(is_declined(op));
    }

    fn figures(self) -> [(&'static str, u64); 4] {
        [
            ("ok", self.ok),
            ("fail", self.fail),
            ("declined", self.declined),
            ("info", self.info),
        ]
    }
}

impl Checker for Stats {
    fn name(&self) -> &'static str {
        "stats"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Verdict {
        let mut all = Counts::default();
        let mut by_function = ByName::new(history.functions().iter().map(F::name));
        let mut by_node = ByName::new(history.nodes().iter().map(|node| &**node));
        for op in history.operations() {
            all.add(&op);
            by_function.add(op.f().name(), &op);
            if let Some(node) = op.node() {
                by_node.add(node, &op);
            }
        }
        let reasons = doubts(self.min_ok, history, all, &by_function);
        let mut figures = vec![("operations", Value::from(history.len() as u64))];
        figures.extend(all.figures().map(|(name, count)| (name, count.into())));
        figures.push(("by_function", by_function.figures()));
        figures.push(("by_node", by_node.figures()));
        let declined = if all.declined > 0 {
            format!(" ({} of them declined)", grouped(all.declined))
        } else {
            String::new()
        };
        let done = format!(
            "{} ok, {} failed{declined}, {} unknown",
            grouped(all.ok),
            grouped(all.fail),
            grouped(all.info)
        );
        let verdict = if reasons.is_empty() {
            Verdict::new(self.name(), Validity::Valid, done)
        } else {
            Verdict::new(
                self.name(),
                Validity::Unknown,
                format!(
                    "too little to mean anything: {} ({done})",
                    reasons.join("; ")
                ),
            )
        };
        verdict.figures(Value::map(figures))
    }
}

/// Why what was done means nothing.
fn doubts(min_ok: u64, history: &History, all: Counts, by_function: &ByName<'_>) -> Vec<String> {
    if history.is_empty() {
        return vec!["nothing ran".to_owned()];
    }
    let mut doubts = Vec::new();
    if all.ok < min_ok {
        doubts.push(format!(
            "only {} succeeded, and {} are asked for",
            count(all.ok, "operation"),
            grouped(min_ok)
        ));
    }
    let never: Vec<&str> = by_function
        .counts
        .iter()
        .filter(|(_, counts)| counts.ok == 0 && counts.fail + counts.info > 0)
        .map(|&(name, _)| name)
        .collect();
    if !never.is_empty() {
        doubts.push(format!("no {} ever succeeded", never.join(", no ")));
    }
    if is_concurrent(history) && !has_contention(history) {
        doubts.push(
            "several clients ran at once, but no two operations on one key ever overlapped"
                .to_owned(),
        );
    }
    doubts
}

struct ByName<'a> {
    counts: Vec<(&'a str, Counts)>,
    places: FxHashMap<&'a str, usize>,
}

impl<'a> ByName<'a> {
    fn new(names: impl Iterator<Item = &'a str>) -> Self {
        let counts: Vec<_> = names.map(|name| (name, Counts::default())).collect();
        let places = counts
            .iter()
            .enumerate()
            .map(|(i, &(name, _))| (name, i))
            .collect();
        Self { counts, places }
    }

    fn add(&mut self, name: &str, op: &Operation<'_>) {
        if let Some(&place) = self.places.get(name) {
            self.counts[place].1.add(op);
        }
    }

    fn figures(&self) -> Value {
        Value::map(
            self.counts
                .iter()
                .map(|&(name, counts)| (name, Value::map(counts.figures()))),
        )
    }
}

/// Whether several clients ran at once: the header says so, or, where it is silent, more than one process called.
fn is_concurrent(history: &History) -> bool {
    if history.header().concurrency > 0 {
        return history.header().concurrency > 1;
    }
    let mut processes = history.operations().map(|op| op.process);
    let first = processes.next();
    processes.any(|process| Some(process) != first)
}

/// Whether two operations on one key ever overlapped. O(operations), and ends at the first that did.
fn has_contention(history: &History) -> bool {
    // Until when any operation on a key was open so far. A process is sequential, so whoever is still open is another.
    let mut open: FxHashMap<&Value, Time> = FxHashMap::default();
    let mut overlaps = |key, op: &Operation<'_>| {
        let until = open.entry(key).or_insert(Time::ZERO);
        let overlaps = *until > op.invoked;
        let end = op.completed.unwrap_or(Time::NEVER);
        *until = end.max(*until);
        overlaps
    };
    history
        .operations()
        .filter(|op| op.outcome != Outcome::Fail || is_declined(op))
        .any(|op| {
            if *op.f() != F::Txn {
                return overlaps(op.key(), &op);
            }
            let mut keys: Vec<&Value> = micro_ops(&op)
                .map(|micro_op| match micro_op {
                    MicroOp::Read { key, .. } | MicroOp::Append { key, .. } => key,
                })
                .collect();
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().any(|key| overlaps(key, &op))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::attempt::testing::figure;
    use schism_history::testing;

    fn judge(min_ok: u64, drawing: &str) -> Verdict {
        Stats::new(min_ok).check(&testing::history(drawing), &Budget::default())
    }

    #[test]
    fn enough_is_valid_and_counted() {
        let verdict = judge(
            3,
            "
            0@n1 |w x 1|
            1@n2   |r x -> 1|
            2@n2   |r x -> 1 !|
            3@n1     |w x 2 ?
            0@n1               |r x -> 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(verdict.summary, "3 ok, 1 failed, 1 unknown");
        let figures = &verdict.figures;
        assert_eq!(figure(figures, "operations"), &Value::from(5));
        assert_eq!(figure(figures, "by_function.read.ok"), &Value::from(2));
        assert_eq!(figure(figures, "by_function.write.info"), &Value::from(1));
        assert_eq!(figure(figures, "by_node.n2.fail"), &Value::from(1));
    }

    #[test]
    fn too_little_is_unknown() {
        assert!(judge(0, "").summary.contains("nothing ran"));
        let verdict = judge(2, "0 |w x 1|");
        assert_eq!(verdict.validity, Validity::Unknown);
        assert!(
            verdict
                .summary
                .contains("only 1 operation succeeded, and 2")
        );
        let verdict = judge(1, "0 |w x 1|\n0       |cas x 1 2 !|");
        assert!(
            verdict.summary.contains("no cas ever succeeded"),
            "{}",
            verdict.summary
        );
    }

    #[test]
    fn what_was_declined_failed_but_contended() {
        let drawing = "
            0 |w x 1|
            0          |cas x 1 2|
            1             |cas x 1 3 !|
            ";
        let verdict = judge(1, drawing);
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(
            verdict.summary,
            "2 ok, 1 failed (1 of them declined), 0 unknown"
        );
        let figures = &verdict.figures;
        assert_eq!(figure(figures, "declined"), &Value::from(1));
        assert_eq!(figure(figures, "by_function.cas.fail"), &Value::from(1));
        assert_eq!(figure(figures, "by_function.cas.declined"), &Value::from(1));
        assert_eq!(
            figure(figures, "by_function.write.declined"),
            &Value::from(0)
        );
        // A write that was turned away met nobody.
        let failed = judge(1, &drawing.replace("cas x 1 3 !", "w x 3 !"));
        assert_eq!(failed.validity, Validity::Unknown, "{}", failed.summary);
    }

    #[test]
    fn clients_that_never_meet_prove_nothing() {
        let apart = judge(
            1,
            "
            0 |w x 1|
            1         |w x 2|
            2   |w y 1|
            ",
        );
        assert_eq!(apart.validity, Validity::Unknown);
        assert!(
            apart.summary.contains("no two operations on one key"),
            "{}",
            apart.summary
        );
        let alone = judge(1, "0 |w x 1|\n0       |w x 2|");
        assert_eq!(alone.validity, Validity::Valid);
        let transactions = judge(
            1,
            "
            0 |txn nil [[append,x,1],[append,y,1]]|
            1   |txn nil [[append,y,2]]|
            ",
        );
        assert_eq!(transactions.validity, Validity::Valid);
    }
}
