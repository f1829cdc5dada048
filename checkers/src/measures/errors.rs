//! What went wrong, by class.
//!
//! The class of an error is what stands before its first colon. Errors are no proof against a database, so the verdict
//! is never invalid. It is `unknown` when every operation that was sent to some node while no fault was active failed:
//! then it is the client that is broken, and what it saw of that node means nothing.
//!
//! A compare-and-set that found another value, and a transaction that gave way to another one, are attempts that the
//! database answered and no errors (see [`is_declined`](crate::is_declined)): what is no error is available, and the
//! share of errors and that of what is available (`availability.ok_share`) make 1.
//!
//! Figures: `share` (errors per attempt, 0 to 1; nil without attempts), `attempts`, `errors`, `declined` (answers that
//! are no errors); `classes`, the most frequent first, each with `class`, `count`, `first_s` (when it came first) and
//! `operation` (the first one that ended so).

use rustc_hash::FxHashMap;
use schism_history::{History, OpId, Outcome, Time, Value};

use crate::measures::attempt::{Attempt, FaultWindows, attempts, class};
use crate::measures::quantile::{seconds, share};
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

/// Counts errors by class, and finds clients that never worked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors;

struct Class<'h> {
    name: &'h str,
    count: u64,
    first: Time,
    operation: OpId,
}

impl Checker for Errors {
    fn name(&self) -> &'static str {
        "errors"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Verdict {
        let attempts = attempts(history);
        let declined = attempts.iter().filter(|attempt| attempt.declined).count();
        let classes = classes(history, &attempts);
        let errors: u64 = classes.iter().map(|class| class.count).sum();
        let listed = classes.iter().map(|class| {
            Value::map([
                ("class", Value::from(class.name)),
                ("count", class.count.into()),
                ("first_s", seconds(class.first.as_nanos())),
                ("operation", class.operation.0.into()),
            ])
        });
        let figures = Value::map([
            ("share", share(errors, attempts.len() as u64)),
            ("attempts", Value::from(attempts.len() as u64)),
            ("errors", errors.into()),
            ("declined", Value::from(declined as u64)),
            ("classes", Value::list(listed)),
        ]);
        let broken = broken_nodes(history, &attempts);
        let (validity, summary) = if attempts.is_empty() {
            (Validity::Unknown, "nothing ran".to_owned())
        } else if !broken.is_empty() {
            (
                Validity::Unknown,
                format!(
                    "the client never worked on {}: without any fault, all its operations there failed",
                    broken.join(", ")
                ),
            )
        } else if let Some(most) = classes.first() {
            (
                Validity::Valid,
                format!(
                    "{} in {}; most often {:?} ({})",
                    count(errors, "error"),
                    count(attempts.len() as u64, "attempt"),
                    most.name,
                    count(most.count, "time")
                ),
            )
        } else {
            (
                Validity::Valid,
                format!("no error in {}", count(attempts.len() as u64, "attempt")),
            )
        };
        Verdict::new(self.name(), validity, summary).figures(figures)
    }
}

/// The classes of what did not succeed, the most frequent first.
fn classes<'h>(history: &'h History, attempts: &[Attempt]) -> Vec<Class<'h>> {
    let mut places: FxHashMap<&str, usize> = FxHashMap::default();
    let mut classes: Vec<Class<'h>> = Vec::new();
    for attempt in attempts.iter().filter(|attempt| !attempt.served) {
        let op = history.operation(attempt.id);
        let name = match (op.error(), op.completed, op.outcome) {
            (Some(error), ..) => class(error),
            (None, None, _) => "still open at the end",
            (None, Some(_), Outcome::Fail) => "failed without a reason",
            (None, Some(_), _) => "unknown without a reason",
        };
        let place = *places.entry(name).or_insert(classes.len());
        if place == classes.len() {
            classes.push(Class {
                name,
                count: 0,
                first: attempt.completed,
                operation: op.id,
            });
        }
        let class = &mut classes[place];
        class.count += 1;
        if attempt.completed < class.first {
            (class.first, class.operation) = (attempt.completed, op.id);
        }
    }
    classes.sort_by(|a, b| b.count.cmp(&a.count).then(a.name.cmp(b.name)));
    classes
}

/// Nodes to which operations were sent while no fault was active, and which never answered any.
fn broken_nodes<'h>(history: &'h History, attempts: &[Attempt]) -> Vec<&'h str> {
    let windows = FaultWindows::of(history);
    let mut tried = vec![(false, false); history.nodes().len()];
    for attempt in attempts {
        let Some(node) = attempt.node else { continue };
        if attempt.served {
            tried[node].1 = true;
        } else if !windows.overlap(attempt.invoked, attempt.completed) {
            tried[node].0 = true;
        }
    }
    let nodes = history.nodes().iter().zip(tried);
    nodes
        .filter(|(_, (failed, succeeded))| *failed && !succeeded)
        .map(|(node, _)| &**node)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::attempt::testing::{Run, figure};
    use schism_history::{F, Kind};

    fn judge(run: Run) -> Verdict {
        Errors.check(&run.history(), &Budget::default())
    }

    #[test]
    fn errors_are_counted_by_class() {
        let mut run = Run::default();
        run.reads("n1", 0, 10, 2);
        run.op("n1", &F::Write, 20, 21, Kind::Info, "timeout: after 1 s");
        run.op("n1", &F::Write, 22, 25, Kind::Info, "timeout: after 2 s");
        run.op("n1", &F::Read, 23, 24, Kind::Fail, "connection refused");
        run.op(
            "n1",
            &F::Cas,
            26,
            27,
            Kind::Fail,
            "precondition: it holds 2",
        );
        let verdict = judge(run);
        assert_eq!(verdict.validity, Validity::Valid);
        assert_eq!(
            verdict.summary,
            "3 errors in 9 attempts; most often \"timeout\" (2 times)"
        );
        assert_eq!(figure(&verdict.figures, "share"), &Value::from(3.0 / 9.0));
        assert_eq!(figure(&verdict.figures, "declined"), &Value::from(1));
        let classes = figure(&verdict.figures, "classes").as_list().unwrap();
        assert_eq!(classes[0].get("operation"), Some(&Value::from(5)));
        assert_eq!(classes[0].get("first_s"), Some(&Value::from(0.021)));
        assert_eq!(
            classes[1].get("class"),
            Some(&Value::from("connection refused"))
        );
        assert_eq!(classes.len(), 2, "an answer is no error: {classes:?}");
    }

    #[test]
    fn a_client_that_never_worked_is_broken() {
        let mut run = Run::default();
        run.reads("n1", 0, 10, 2);
        run.op("n2", &F::Read, 0, 1, Kind::Fail, "authentication");
        run.op("n2", &F::Read, 5, 6, Kind::Fail, "authentication");
        let verdict = judge(run);
        assert_eq!(verdict.validity, Validity::Unknown);
        assert!(
            verdict.summary.contains("never worked on n2"),
            "{}",
            verdict.summary
        );
    }

    #[test]
    fn a_node_that_always_says_no_works() {
        let mut run = Run::default();
        run.reads("n1", 0, 10, 2);
        run.op("n2", &F::Cas, 0, 1, Kind::Fail, "precondition: it holds 2");
        run.op("n2", &F::Txn, 2, 3, Kind::Fail, "conflict");
        run.op("n2", &F::Read, 5, 6, Kind::Fail, "connection refused");
        let verdict = judge(run);
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    #[test]
    fn errors_and_availability_make_one() {
        let mut run = Run::default();
        run.reads("n1", 0, 10, 2);
        run.op("n1", &F::Cas, 12, 13, Kind::Fail, "precondition");
        run.op("n1", &F::Cas, 14, 15, Kind::Info, "precondition");
        run.op("n1", &F::Txn, 16, 17, Kind::Fail, "conflict: try again");
        run.op("n1", &F::Read, 18, 19, Kind::Fail, "no leader");
        let history = run.history();
        let of = |checker: &dyn Checker, path| {
            let verdict = checker.check(&history, &Budget::default());
            figure(&verdict.figures, path).clone()
        };
        assert_eq!(of(&Errors, "share"), Value::from(2.0 / 9.0));
        assert_eq!(of(&crate::Availability, "ok_share"), Value::from(7.0 / 9.0));
    }

    #[test]
    fn failures_during_a_fault_are_the_faults() {
        let mut run = Run::default();
        run.reads("n1", 0, 10, 2);
        run.fault(&["n2"], &[], 1, 20, ["installed", "installed"]);
        run.op("n2", &F::Read, 0, 5, Kind::Fail, "connection refused");
        assert_eq!(judge(run).validity, Validity::Valid);
    }

    #[test]
    fn nothing_is_unknown() {
        assert_eq!(judge(Run::default()).validity, Validity::Unknown);
    }
}
