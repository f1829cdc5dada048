//! Dirty reads: nobody reads what a failed operation wrote.
//!
//! An operation that ended as `fail` surely did not happen, so what it would have written must never be seen: neither by
//! a `read` or a `cas` of a register, nor in a set or a log, nor by a step `r` of a transaction. The source is G1a of Adya
//! (1999), and the dirty-reads test of Jepsen. Only values are judged that nobody else tried to write to the same key.
//!
//! - `dirty-read`: an acknowledged operation saw a value that only failed operations would have written.
//!
//! Figures: `failed_writes` (with a value that nobody else wrote), `judged` (of these, on a key that somebody read
//! afterwards), `reads` (acknowledged, of such keys), `dirty_reads`, `dirty_values`.
//!
//! O(operations + elements read from keys with failed writes).

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, History, OpId, Operation, Outcome, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

/// Nobody reads what a failed operation wrote.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirtyReads;

/// The first failed operation that would have written a value.
struct Failed {
    by: OpId,
    /// Somebody else may have written it.
    also: bool,
    read: bool,
}

impl Checker for DirtyReads {
    fn name(&self) -> &'static str {
        "dirty-reads"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut failed: FxHashMap<(&Value, &Value), Failed> = FxHashMap::default();
        let mut keys: FxHashMap<&Value, OpId> = FxHashMap::default();
        for op in history.operations() {
            if op.outcome == Outcome::Fail {
                for write in writes(&op) {
                    keys.entry(write.0).or_insert(op.id);
                    failed.entry(write).or_insert(Failed {
                        by: op.id,
                        also: false,
                        read: false,
                    });
                }
            }
        }
        let (mut reads, mut dirty, mut values) = (0_u64, 0_u64, 0_u64);
        let mut looked: FxHashSet<&Value> = FxHashSet::default();
        let mut claims = Claims::new(history);
        if !failed.is_empty() && !budget.is_stopped() {
            for op in history.operations() {
                if op.outcome != Outcome::Fail {
                    for write in writes(&op) {
                        if let Some(failed) = failed.get_mut(&write) {
                            failed.also = true;
                        }
                    }
                }
            }
            failed.retain(|_, failed| !failed.also);
            for op in history.operations() {
                if op.outcome != Outcome::Ok {
                    continue;
                }
                for (key, seen) in found(&op) {
                    let Some(&first) = keys.get(key) else {
                        continue;
                    };
                    reads += 1;
                    if op.id > first {
                        looked.insert(key);
                    }
                    let elements = match seen {
                        Value::List(elements) => elements,
                        one => std::slice::from_ref(one),
                    };
                    for value in elements {
                        let Some(failed) = failed.get_mut(&(key, value)) else {
                            continue;
                        };
                        dirty += 1;
                        values += u64::from(!failed.read);
                        failed.read = true;
                        let by = failed.by;
                        claims.report(
                            "dirty-read",
                            "looking for anybody who can have written the value again",
                            || {
                                let sentence = format!(
                                    "{value} {} was read, although writing it surely failed",
                                    of_key(key)
                                );
                                let mut ids = vec![by, op.id];
                                ids.sort_unstable();
                                Claim::new(sentence, key, ids)
                                    .because(op.id, format!(": {value} was there"))
                                    .because(
                                        by,
                                        ": it failed, so it surely did not happen".to_owned(),
                                    )
                            },
                            |history, ids| recount(history, ids, key, value),
                        );
                    }
                }
            }
        }
        let failed_writes = failed.len() as u64;
        let judged = failed
            .keys()
            .filter(|(key, _)| looked.contains(key))
            .count() as u64;
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if judged == 0 {
                let why = if failed_writes == 0 {
                    "no write failed with a value that nobody else wrote"
                } else {
                    "nobody read after a write had failed"
                };
                (
                    Validity::Unknown,
                    format!("there is nothing to judge: {why}"),
                )
            } else {
                (
                    Validity::Valid,
                    format!("none of {} was ever seen", count(judged, "failed write")),
                )
            }
        })
        .figures(Value::map([
            ("failed_writes", failed_writes),
            ("judged", judged),
            ("reads", reads),
            ("dirty_reads", dirty),
            ("dirty_values", values),
        ]))
    }
}

/// What an operation writes: keys and values, or elements.
fn writes<'h>(op: &Operation<'h>) -> Vec<(&'h Value, &'h Value)> {
    match op.f() {
        F::Write | F::Add | F::Append => vec![(op.key(), op.input())],
        F::Cas => op
            .input()
            .as_pair()
            .map(|(_, new)| (op.key(), new))
            .into_iter()
            .collect(),
        F::Txn => {
            let steps = op.input().as_list().unwrap_or_default();
            let writes = steps.iter().filter_map(|step| match step.as_list()? {
                [name, key, value, ..] if matches!(name.as_text(), Some("w" | "append")) => {
                    Some((key, value))
                }
                _ => None,
            });
            writes.collect()
        }
        _ => Vec::new(),
    }
}

/// What an operation saw: keys, and values or lists of them. What a transaction wrote itself, it may see.
fn found<'h>(op: &Operation<'h>) -> Vec<(&'h Value, &'h Value)> {
    match op.f() {
        F::Read => vec![(op.key(), op.output())],
        F::Cas if *op.output() != Value::Bool(false) => op
            .input()
            .as_pair()
            .map(|(old, _)| (op.key(), old))
            .into_iter()
            .collect(),
        F::Txn => {
            let steps = op.output().as_list().unwrap_or_default();
            let reads = steps.iter().filter_map(|step| match step.as_list()? {
                [name, key, value, ..] if name.as_text() == Some("r") => Some((key, value)),
                _ => None,
            });
            reads.collect()
        }
        _ => Vec::new(),
    }
}

/// One of the two operations failed to write the value, the other one saw it, and nobody else tried to write it.
fn recount(history: &History, ids: &[OpId], key: &Value, value: &Value) -> Result<(), String> {
    // A transaction's step that names the key and the value; for a single operation, itself.
    let names = |op: &Operation<'_>, what: &Value, steps: &[&str]| {
        if *op.f() == F::Txn {
            let all = what.as_list().unwrap_or_default().iter();
            all.filter_map(Value::as_list).any(|step| {
                let named = step.first().and_then(Value::as_text);
                let same = step.get(2).is_some_and(|seen| {
                    seen == value || seen.as_list().is_some_and(|list| list.contains(value))
                });
                named.is_some_and(|name| steps.contains(&name)) && step.get(1) == Some(key) && same
            })
        } else {
            let held = what.as_list().is_some_and(|list| list.contains(value));
            op.key() == key && (what == value || held)
        }
    };
    let mut failed = false;
    let mut seen = false;
    for op in history.operations() {
        let is_read = *op.f() == F::Read;
        let writes = !is_read && names(&op, op.input(), &["w", "append"]);
        if ids.contains(&op.id) {
            failed |= writes && op.outcome == Outcome::Fail;
            let saw = if *op.f() == F::Cas {
                op.input()
            } else {
                op.output()
            };
            seen |= op.outcome == Outcome::Ok && names(&op, saw, &["r"]);
        } else if writes && op.outcome != Outcome::Fail {
            // A compare-and-set that only expected the value wrote another one.
            let expected = op
                .input()
                .as_pair()
                .map(|(old, new)| (old == value, new == value));
            if !(*op.f() == F::Cas && expected == Some((true, false))) {
                return Err(format!("{} can have written it", op.id));
            }
        }
    }
    if failed && seen {
        Ok(())
    } else {
        Err("none failed to write it, or none saw it".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&DirtyReads, lines)
    }

    #[test]
    fn what_failed_is_never_seen() {
        let verdict = judge(
            "
            0 |w x 1 !|
            0 |w x 2 ?
            1 |w y 3 !|
            1 |w y 3|
            2 |r x -> 2|
            2 |r y -> 3|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "judged"), 1);
    }

    #[test]
    fn dirty_reads_are_found() {
        let verdict = judge(
            "
            0 |w x 1 !|
            2 |r x -> 1|
            2 |cas x 1 5|
            0 |add s 7 !|
            1 |r s -> [8,7]|
            0 |txn nil [[w,t,9],[append,l,4]] !|
            1 |txn nil [[r,l,nil]] -> [[r,l,[4]]]|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [
                ("dirty-read", vec![0, 1]),
                ("dirty-read", vec![0, 2]),
                ("dirty-read", vec![3, 4]),
                ("dirty-read", vec![5, 6])
            ]
        );
        assert_eq!(figure(&verdict, "dirty_values"), 3);
    }

    #[test]
    fn without_a_failure_there_is_nothing_to_see() {
        assert_eq!(judge("0 |w x 1|\n0 |r x -> 1|").validity, Validity::Unknown);
        assert_eq!(
            judge("0 |w x 1 !|\n0 |r y -> 1|").validity,
            Validity::Unknown
        );
    }
}
