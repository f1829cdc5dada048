//! Unique constraint: no two rows have the same value where values must be unique.
//!
//! Each key is a constraint (a table and a column). `insert` adds a row with a value: the argument is the value, or a map
//! with it as part `unique`. `delete` takes such a row away. `read` returns the values of all rows, as a list. Typical: two
//! people who register with the same address, each on another side of a partition.
//!
//! - `two-rows`: two inserts of one value were acknowledged, and no `delete` can have come between them;
//! - `duplicate-row`: one read returned a value twice.
//!
//! Figures: `attempted`, `acknowledged`, `refused`, `unknown`, `values` (that somebody tried to insert), `contested`
//! (of these, more than once), `violated` (values with two acknowledged rows), `duplicate_rows`.
//!
//! O(n log n), and O(rows read).

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Operation, Outcome, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::invariants::keys::{Tally, judge_keys};
use crate::invariants::sums::Amount;
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

/// No value has two rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct UniqueConstraint;

#[derive(Default)]
struct Counts {
    attempted: u64,
    acknowledged: u64,
    refused: u64,
    unknown: u64,
    values: u64,
    contested: u64,
    violated: u64,
    duplicate_rows: u64,
}

impl Tally for Counts {
    fn add(&mut self, other: Self) {
        self.attempted += other.attempted;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.values += other.values;
        self.contested += other.contested;
        self.violated += other.violated;
        self.duplicate_rows += other.duplicate_rows;
    }
}

/// The rows of one value.
#[derive(Default)]
struct Rows {
    attempts: u64,
    inserted: Vec<Amount>,
    deleted: Vec<Amount>,
    /// The last read that returned it, and how often.
    seen: Option<(OpId, u32)>,
}

impl Checker for UniqueConstraint {
    fn name(&self) -> &'static str {
        "unique-constraint"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let (mut counts, mut claims) = (Counts::default(), Claims::new(history));
        if history.functions().iter().any(|f| f.name() == "insert") {
            (counts, claims) = judge_keys(history, budget, |ids, counts: &mut Counts, claims| {
                judge(history, ids, counts, claims);
            });
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.acknowledged == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: no row was inserted".to_owned(),
                )
            } else if counts.contested == 0 {
                (
                    Validity::Unknown,
                    "nothing was put to the test: nobody tried to insert a value again".to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "none of {}, which were inserted again, has two rows",
                        count(counts.contested, "value")
                    ),
                )
            }
        })
        .figures(Value::map([
            ("attempted", counts.attempted),
            ("acknowledged", counts.acknowledged),
            ("refused", counts.refused),
            ("unknown", counts.unknown),
            ("values", counts.values),
            ("contested", counts.contested),
            ("violated", counts.violated),
            ("duplicate_rows", counts.duplicate_rows),
        ]))
    }
}

fn judge<'h>(history: &'h History, ids: &[OpId], counts: &mut Counts, claims: &mut Claims<'h>) {
    let mut values: Vec<(&'h Value, Rows)> = Vec::new();
    let mut numbers: FxHashMap<&'h Value, usize> = FxHashMap::default();
    let mut place_of = |values: &mut Vec<(&'h Value, Rows)>, value: &'h Value| {
        let number = *numbers.entry(value).or_insert(values.len());
        if number == values.len() {
            values.push((value, Rows::default()));
        }
        number
    };
    let key = history.operation(ids[0]).key();
    for &id in ids {
        let op = history.operation(id);
        let refused = op.outcome == Outcome::Ok && *op.output() == Value::Bool(false);
        match op.f().name() {
            "insert" => {
                let place = place_of(&mut values, value_of(&op));
                let rows = &mut values[place].1;
                rows.attempts += 1;
                counts.attempted += 1;
                match op.outcome {
                    Outcome::Fail => counts.refused += 1,
                    Outcome::Info => counts.unknown += 1,
                    Outcome::Ok if refused => counts.refused += 1,
                    Outcome::Ok => {
                        counts.acknowledged += 1;
                        rows.inserted.extend(Amount::of(&op, 1));
                    }
                }
            }
            "delete" if !refused => {
                let place = place_of(&mut values, value_of(&op));
                values[place].1.deleted.extend(Amount::of(&op, 1));
            }
            "read" if op.outcome == Outcome::Ok => {
                for value in op.output().as_list().unwrap_or_default() {
                    let value = value.get("unique").unwrap_or(value);
                    let place = place_of(&mut values, value);
                    let rows = &mut values[place].1;
                    let times = match rows.seen {
                        Some((read, times)) if read == id => times + 1,
                        _ => 1,
                    };
                    rows.seen = Some((id, times));
                    if times == 2 {
                        counts.duplicate_rows += 1;
                        claims.report(
                            "duplicate-row",
                            "counting the value in the result again",
                            || {
                                let of = of_key(key);
                                let sentence = format!("one read returned {value} {of} twice");
                                Claim::new(sentence, key, vec![id])
                            },
                            |history, ids| recount_row(history, ids, value),
                        );
                    }
                }
            }
            _ => {}
        }
    }
    for (value, mut rows) in values {
        counts.values += u64::from(rows.attempts > 0);
        counts.contested += u64::from(rows.attempts > 1);
        // Two inserts that no delete can have come between: neighbours, in order of their ends.
        rows.inserted
            .sort_unstable_by_key(|insert| (insert.end, insert.id));
        rows.deleted
            .sort_unstable_by_key(|delete| (delete.invoked, delete.id));
        let mut ends = rows
            .deleted
            .iter()
            .map(|delete| delete.end)
            .collect::<Vec<_>>();
        for place in 1..ends.len() {
            ends[place] = ends[place].max(ends[place - 1]);
        }
        let clash = rows.inserted.windows(2).find(|pair| {
            let from = pair[0].invoked.min(pair[1].invoked);
            let sent = rows
                .deleted
                .partition_point(|delete| delete.invoked <= pair[1].end);
            sent == 0 || ends[sent - 1] < from
        });
        let Some(clash) = clash.map(|pair| [pair[0].id, pair[1].id]) else {
            continue;
        };
        counts.violated += 1;
        claims.report(
            "two-rows",
            "looking for a delete between these two operations again",
            || {
                let mut ids = clash.to_vec();
                ids.sort_unstable();
                let of = of_key(key);
                let sentence = format!(
                    "{value} {of} was inserted twice, and both were acknowledged: it must be unique"
                );
                Claim::new(sentence, key, ids)
            },
            recount_rows,
        );
    }
}

/// The value that must be unique.
fn value_of<'h>(op: &Operation<'h>) -> &'h Value {
    op.input().get("unique").unwrap_or(op.input())
}

fn recount_row(history: &History, ids: &[OpId], value: &Value) -> Result<(), String> {
    let read = history.operation(ids[0]);
    let rows = read.output().as_list().unwrap_or_default().iter();
    let times = rows
        .filter(|row| *row == value || row.get("unique") == Some(value))
        .count();
    if times > 1 {
        Ok(())
    } else {
        Err(format!("it is there {times} times"))
    }
}

fn recount_rows(history: &History, ids: &[OpId]) -> Result<(), String> {
    let &[a, b] = ids else {
        return Err("it does not name two operations".to_owned());
    };
    let [a, b] = [a, b].map(|id| history.operation(id));
    let row = |op: &Operation<'_>| match op.input() {
        map @ Value::Map(_) => map.get("unique").unwrap_or(map).clone(),
        other => other.clone(),
    };
    let refused = |op: &Operation<'_>| *op.output() == Value::Bool(false);
    let inserts = [a, b]
        .iter()
        .all(|op| op.f() == &F::from("insert") && op.outcome == Outcome::Ok && !refused(op));
    if !inserts || row(&a) != row(&b) || a.key() != b.key() || a.id == b.id {
        return Err("they do not insert the same value".to_owned());
    }
    let from = a.invoked.min(b.invoked);
    let until = a.completed.max(b.completed);
    for op in history.operations() {
        let deletes = op.f() == &F::from("delete") && op.key() == a.key() && row(&op) == row(&a);
        let over = op.outcome == Outcome::Ok && op.completed < Some(from);
        if deletes && op.outcome != Outcome::Fail && Some(op.invoked) <= until && !over {
            return Err(format!("{} can have come between them", op.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&UniqueConstraint, lines)
    }

    #[test]
    fn a_value_may_come_again_once_it_is_gone() {
        let verdict = judge(
            "
            0 |insert email a|
            1 |insert email a !|
            1 |insert email a ?
            2 |insert name a|
            0 |delete email a|
            2 |insert email {unique:a,id:7}|
            3 |read email -> [a,b]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "contested"), 1);
    }

    #[test]
    fn two_rows_are_found() {
        let verdict = judge(
            "
            0 |insert email a|
            0 |delete email a|
            1 |insert email {unique:a,id:7}|
            2 |insert email {unique:a,id:8}|
            3 |read email -> [a,b,a]|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [("duplicate-row", vec![4]), ("two-rows", vec![2, 3])]
        );
        assert_eq!(
            verdict.anomalies[1].sentence,
            "\"a\" of key \"email\" was inserted twice, and both were acknowledged: it must be unique"
        );
    }

    #[test]
    fn without_a_second_attempt_nothing_is_known() {
        assert_eq!(judge("0 |insert email a|").validity, Validity::Unknown);
    }
}
