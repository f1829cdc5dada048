//! Long fork: two readers see two independent writes in opposite orders.
//!
//! Transactions (`txn`) write registers, each key once in the whole history (`["w", key, value]`), and others only read
//! several of them (`["r", key, value or nil]`). Keys that are written more than once are not judged, and neither are
//! those of which a value was read that nobody wrote.
//!
//! - `long-fork`: one read saw x written and y not yet, another one y written and x not yet. Parallel snapshot isolation
//!   allows that; prefix consistency, snapshot isolation and repeatable read do not.
//!
//! The source is the long-fork test of Jepsen, after Sovran et al., "Transactional storage for geo-replicated systems",
//! 2011. Reads of the same keys, in order of how much they saw, must contain each other; so it is enough to compare
//! neighbours. O(n log n) for reads of few keys.
//!
//! Figures: `reads` (judged), `groups` (sets of keys that were read together), `keys` (judged), `repeated_keys` (written
//! more than once, so not judged), `early_reads` (that saw nothing), `late_reads` (that saw everything).

use std::collections::BTreeMap;

use schism_history::{History, KeyId, MicroKind, OpId, Outcome, Value, ValueId};

use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::count;
use crate::verdict::Levels;
use crate::{Budget, Checker, Level, Validity, Verdict};

const BY: &str =
    "comparing what the two reads say about these two keys, and looking for other writers";

/// No two readers see two independent writes in opposite orders.
#[derive(Clone, Copy, Debug, Default)]
pub struct LongFork;

/// Who wrote a key.
#[derive(Clone, Copy, Default)]
enum Writer {
    #[default]
    Nobody,
    One(OpId, ValueId),
    Several,
}

/// One read: which of its group's keys it saw written.
struct Row {
    id: OpId,
    seen: Vec<u64>,
}

impl Row {
    fn size(&self) -> u32 {
        self.seen.iter().map(|word| word.count_ones()).sum()
    }

    /// The first key, by its place in the group, that this read saw written and the other one did not.
    fn beyond(&self, other: &Self) -> Option<usize> {
        let words = self.seen.iter().zip(&other.seen).enumerate();
        words
            .map(|(i, (mine, theirs))| (i, mine & !theirs))
            .find(|&(_, beyond)| beyond != 0)
            .map(|(i, beyond)| i * 64 + beyond.trailing_zeros() as usize)
    }
}

#[derive(Default)]
struct Counts {
    reads: u64,
    early: u64,
    late: u64,
}

impl Checker for LongFork {
    fn name(&self) -> &'static str {
        "long-fork"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let writers = writers(history);
        let mut counts = Counts::default();
        let mut groups = groups(history, &writers, &mut counts);
        let mut claims = Claims::new(history);
        for (keys, rows) in &mut groups {
            if budget.is_stopped() {
                break;
            }
            rows.sort_by_key(|row| (row.size(), row.id));
            for pair in rows.windows(2) {
                let (early, late) = (&pair[0], &pair[1]);
                let (Some(x), Some(y)) = (early.beyond(late), late.beyond(early)) else {
                    continue;
                };
                report(
                    history,
                    &writers,
                    [keys[x], keys[y]],
                    [early.id, late.id],
                    &mut claims,
                );
            }
        }
        let judged = |writer: &&Writer| matches!(writer, Writer::One(..));
        let several = |writer: &&Writer| matches!(writer, Writer::Several);
        let figures = Value::map([
            ("reads", counts.reads),
            ("groups", groups.len() as u64),
            ("keys", writers.iter().filter(judged).count() as u64),
            (
                "repeated_keys",
                writers.iter().filter(several).count() as u64,
            ),
            ("early_reads", counts.early),
            ("late_reads", counts.late),
        ]);
        let found = claims.count;
        let between = counts.reads - counts.early - counts.late;
        let verdict = conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if between < 2 {
                let text = "there is nothing to judge: fewer than two reads saw some keys written and others not yet";
                (Validity::Unknown, text.to_owned())
            } else {
                let text = format!(
                    "all of {} agree in which order keys were written",
                    count(counts.reads, "read")
                );
                (Validity::Valid, text)
            }
        });
        let levels = if verdict.validity == Validity::Invalid {
            Levels {
                refuted: vec![Level::RepeatableRead, Level::Prefix],
                held: Vec::new(),
            }
        } else {
            Levels::default()
        };
        verdict.levels(levels).figures(figures)
    }
}

/// Who wrote each key, by the key's number. Writes that surely failed count as none.
fn writers(history: &History) -> Vec<Writer> {
    let mut writers = vec![Writer::Nobody; history.key_count()];
    for op in history.operations() {
        if op.outcome == Outcome::Fail {
            continue;
        }
        for step in op.input_micro_ops().into_iter().flatten() {
            if step.kind != MicroKind::Write {
                continue;
            }
            let writer = &mut writers[step.key.0 as usize];
            *writer = match (*writer, step.value()) {
                (Writer::Nobody, Some(value)) if value != ValueId::NIL => Writer::One(op.id, value),
                _ => Writer::Several,
            };
        }
    }
    writers
}

/// Transactions that only read, by the keys that they read.
fn groups(
    history: &History,
    writers: &[Writer],
    counts: &mut Counts,
) -> BTreeMap<Vec<KeyId>, Vec<Row>> {
    let mut groups: BTreeMap<Vec<KeyId>, Vec<Row>> = BTreeMap::new();
    for op in history.operations() {
        if op.outcome != Outcome::Ok {
            continue;
        }
        let Some(steps) = op.output_micro_ops() else {
            continue;
        };
        let mut read: Vec<(KeyId, bool)> = Vec::new();
        let mut only_reads = true;
        for step in steps {
            only_reads &= step.kind == MicroKind::Read;
            let (Writer::One(_, written), Some(value)) =
                (writers[step.key.0 as usize], step.value())
            else {
                continue;
            };
            if value == written || value == ValueId::NIL {
                read.push((step.key, value == written));
            }
        }
        read.sort_unstable();
        read.dedup();
        // A key that was read as two things is left to those who judge single transactions.
        let is_clear = read.windows(2).all(|pair| pair[0].0 != pair[1].0);
        if !only_reads || !is_clear || read.len() < 2 {
            continue;
        }
        counts.reads += 1;
        counts.early += u64::from(read.iter().all(|&(_, seen)| !seen));
        counts.late += u64::from(read.iter().all(|&(_, seen)| seen));
        let mut seen = vec![0_u64; read.len().div_ceil(64)];
        for (place, &(_, is_seen)) in read.iter().enumerate() {
            seen[place / 64] |= u64::from(is_seen) << (place % 64);
        }
        let keys = read.into_iter().map(|(key, _)| key).collect();
        groups
            .entry(keys)
            .or_default()
            .push(Row { id: op.id, seen });
    }
    groups
}

fn report(
    history: &History,
    writers: &[Writer],
    keys: [KeyId; 2],
    reads: [OpId; 2],
    claims: &mut Claims<'_>,
) {
    let [Writer::One(x, _), Writer::One(y, _)] = keys.map(|key| writers[key.0 as usize]) else {
        unreachable!("only keys with one writer are compared")
    };
    let claim = || {
        let [kx, ky] = keys.map(|key| history.key(key));
        let sentence = format!(
            "one read saw {kx} written and {ky} not yet, another one {ky} written and {kx} not yet"
        );
        let [first, second] = reads;
        Claim::new(sentence, &Value::Nil, vec![x, y, first, second])
            .because(first, format!(": {kx} was written before {ky}"))
            .because(second, format!(": {ky} was written before {kx}"))
    };
    claims.report("long-fork", BY, claim, recount);
}

/// Reads the four operations again, as plain values.
fn recount(history: &History, ids: &[OpId]) -> Result<(), String> {
    let [x, y, first, second] = [0, 1, 2, 3].map(|i| ids[i]);
    let steps = |value: &Value| -> Vec<(String, Value, Value)> {
        let steps = value.as_list().unwrap_or_default().iter();
        steps
            .filter_map(|step| match step.as_list()? {
                [name, key, value, ..] => {
                    Some((name.as_text()?.to_owned(), key.clone(), value.clone()))
                }
                _ => None,
            })
            .collect()
    };
    let reads = |id: OpId, key: &Value| {
        let all = steps(history.operation(id).output());
        all.into_iter()
            .find(|(name, of, _)| name == "r" && of == key)
            .map(|(.., value)| value)
    };
    let opposite = |kx: &Value, vx: &Value, ky: &Value, vy: &Value| {
        reads(first, kx).as_ref() == Some(vx)
            && reads(first, ky) == Some(Value::Nil)
            && reads(second, ky).as_ref() == Some(vy)
            && reads(second, kx) == Some(Value::Nil)
    };
    let writes = |id: OpId| {
        let all = steps(history.operation(id).input());
        all.into_iter().filter(|(name, ..)| name == "w")
    };
    let only = |id: OpId, key: &Value| {
        let by_others = history
            .operations()
            .filter(|op| op.id != id && op.outcome != Outcome::Fail)
            .flat_map(|op| writes(op.id))
            .any(|(_, of, _)| of == *key);
        !by_others && writes(id).filter(|(_, of, _)| of == key).count() == 1
    };
    let found = writes(x).any(|(_, kx, vx)| {
        writes(y).any(|(_, ky, vy)| {
            kx != ky && opposite(&kx, &vx, &ky, &vy) && only(x, &kx) && only(y, &ky)
        })
    });
    if found {
        Ok(())
    } else {
        Err("no two keys of these writes are read in opposite orders".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{figure, judge};
    use crate::proof::findings::testing::broken;

    const WRITES: &str = "
        0 |txn nil [[w,x,1]]|
        1 |txn nil [[w,y,2]]|
        ";

    fn with(reads: &str) -> Verdict {
        judge(&LongFork, &format!("{WRITES}{reads}"))
    }

    #[test]
    fn opposite_orders_are_a_long_fork() {
        let verdict = with(
            "
            2 |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,1],[r,y,nil]]|
            3 |txn nil [[r,y,nil],[r,x,nil]] -> [[r,y,2],[r,x,nil]]|
            ",
        );
        assert_eq!(broken(&verdict), [("long-fork", vec![0, 1, 2, 3])]);
        assert_eq!(
            verdict.levels.refuted,
            [Level::RepeatableRead, Level::Prefix]
        );
    }

    #[test]
    fn reads_that_contain_each_other_agree() {
        let verdict = with(
            "
            2 |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,1],[r,y,nil]]|
            3 |txn nil [[r,y,nil],[r,x,nil]] -> [[r,y,nil],[r,x,1]]|
            2 |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,1],[r,y,2]]|
            2 |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,nil],[r,y,nil]]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(
            (
                figure(&verdict, "early_reads"),
                figure(&verdict, "late_reads")
            ),
            (1, 1)
        );
    }

    /// Written twice, it may have been absent again.
    #[test]
    fn keys_written_twice_are_not_judged() {
        let verdict = with(
            "
            0 |txn nil [[w,x,3]] ?
            2 |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,1],[r,y,nil]]|
            3 |txn nil [[r,y,nil],[r,x,nil]] -> [[r,y,2],[r,x,nil]]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
        assert_eq!(figure(&verdict, "repeated_keys"), 1);
    }

    #[test]
    fn what_failed_was_not_written() {
        let verdict = with(
            "
            4 |txn nil [[w,x,1]] !|
            2 |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,1],[r,y,nil]]|
            3 |txn nil [[r,y,nil],[r,x,nil]] -> [[r,y,2],[r,x,nil]]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Invalid);
    }

    #[test]
    fn the_recount_does_not_take_anything() {
        let history = schism_history::testing::history(
            "
            0 |txn nil [[w,x,1]]|
            1                    |txn nil [[w,y,2]]|
            2                                       |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,1],[r,y,nil]]|
            3                                       |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,1],[r,y,2]]|
            ",
        );
        assert!(recount(&history, &[0, 1, 2, 3].map(OpId)).is_err());
    }
}
