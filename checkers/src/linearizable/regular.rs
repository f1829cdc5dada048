//! Regular and safe registers: what a register promises when only reads that nothing overlaps can be relied on.
//!
//! Lamport ("On interprocess communication", 1986) defined both for one writer. With several, the writes that come before
//! a read need not be in one order, so variants differ. These are the weakest: *weak regularity* (MWR1 of Shao, Welch,
//! Pierce and Lee, "Multiwriter consistency conditions for shared memory registers", 2011) and what follows from it for
//! safe registers. Each read is judged by itself, two reads need not agree:
//!
//! - **regular**: a read returns the value of a write that began before the read ended, and that no other write surely
//!   followed which had ended before the read began. The first value counts as written before everything else.
//! - **safe**: the same, but a read that overlaps some write may return anything.
//!
//! A compare-and-set counts as a write of its new value when it succeeded; what it found is not judged. A write of unknown
//! outcome may be going on for ever: it can be read at any time, it replaces nothing, and every later read overlaps it.
//!
//! Histories: `read`, `write` and `cas` of keys. O(n log n). A violation is judged again by going through all writes of the
//! history one by one.
//!
//! Figures: `keys`, `reads` (those that were judged), `overlapped` (reads that a write overlapped).

use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use crate::models::RegisterAction;
use crate::object::{Call, Registers, written};
use crate::proof::conclusion::{Case, SecondOpinion, conclude};
use crate::proof::story::{Story, count, of_key, remark, step};
use crate::proof::witness::Part;
use crate::verdict::{Anomaly, Confirmation, Levels, Picture};
use crate::{Budget, Checker, Level, Validity, Verdict};

/// A read returns the last completed write, or one that was going on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Regular;

/// A read that no write overlaps returns the last completed write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Safe;

impl Checker for Regular {
    fn name(&self) -> &'static str {
        "regular"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        check(history, budget, Level::Regular)
    }
}

impl Checker for Safe {
    fn name(&self) -> &'static str {
        "safe"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        check(history, budget, Level::Safe)
    }
}

/// Violations that are told.
const TOLD: usize = 8;
/// About what the tables take for one call.
const BYTES_PER_CALL: u64 = 100;

fn check(history: &History, budget: &Budget, level: Level) -> Verdict {
    let registers = Registers::of(history);
    let (mut reads, mut overlapped, mut broken) = (0, 0, 0);
    let mut cases: Vec<Case> = Vec::new();
    let mut undecided = None;
    for object in &registers.objects {
        let calls = registers.calls(object);
        let key = history.key(object.key);
        if let Some(id) = object.unreadable {
            undecided.get_or_insert(format!(
                "operation {id} {} is a compare-and-set whose value is no list [expected, new]",
                of_key(key)
            ));
            continue;
        }
        if calls.len() as u64 * BYTES_PER_CALL > budget.bytes || budget.is_stopped() {
            undecided.get_or_insert(format!(
                "of the operations {} nothing is known: the allowed memory was full, or the check was stopped",
                of_key(key)
            ));
            continue;
        }
        let writes = Writes::of(calls, object.values);
        for call in calls.iter().filter(|call| call.is_certain()) {
            let RegisterAction::Read(value) = call.action else {
                continue;
            };
            let overlaps = writes.overlap(call);
            overlapped += u64::from(overlaps);
            if overlaps && level == Level::Safe {
                continue;
            }
            reads += 1;
            if writes.explain(call, value) {
                continue;
            }
            broken += 1;
            if cases.len() < TOLD {
                let last = writes.last_of(value, call.end);
                let newer = writes
                    .newest_before(call.invoked)
                    .map(|i| calls[i as usize].id);
                cases.push(tell(
                    history,
                    level,
                    call.id,
                    last.map(|i| calls[i as usize].id),
                    newer,
                ));
            }
        }
    }
    let figures = Value::map([
        ("keys", registers.objects.len() as u64),
        ("reads", reads),
        ("overlapped", overlapped),
    ]);
    let verdict = conclude(level.name(), cases, broken, || match undecided {
        Some(why) => (Validity::Unknown, why),
        None if reads == 0 => (
            Validity::Unknown,
            "there is nothing to judge: no read of a register tells anything".to_owned(),
        ),
        None => (
            Validity::Valid,
            format!("{} returned what the promise allows", count(reads, "read")),
        ),
    });
    let levels = match verdict.validity {
        Validity::Valid => Levels {
            refuted: Vec::new(),
            held: vec![level],
        },
        Validity::Invalid => Levels {
            refuted: vec![level],
            held: Vec::new(),
        },
        Validity::Unknown => Levels::default(),
    };
    verdict.levels(levels).figures(figures)
}

/// The writes of one register, so that it is quickly told which ones a read may return.
struct Writes {
    /// By value: when writes began, in order, and of these and all before the latest end and whose it is.
    by_value: Vec<Vec<(Time, Time, u32)>>,
    /// When writes ended, in order, and of these and all before the latest beginning and whose it is.
    by_end: Vec<(Time, Time, u32)>,
    /// When writes began and ended, both in order: how many are open at a moment follows.
    begins: Vec<Time>,
    ends: Vec<Time>,
}

impl Writes {
    fn of(calls: &[Call<RegisterAction>], values: u32) -> Self {
        let mut this = Self {
            by_value: vec![Vec::new(); values as usize],
            by_end: Vec::new(),
            begins: Vec::new(),
            ends: Vec::new(),
        };
        for (i, call) in calls.iter().enumerate() {
            let Some(value) = call.action.left() else {
                continue;
            };
            let i = i as u32;
            let same = &mut this.by_value[value as usize];
            let latest = same.last().map_or((call.end, i), |&(_, end, other)| {
                if end > call.end {
                    (end, other)
                } else {
                    (call.end, i)
                }
            });
            same.push((call.invoked, latest.0, latest.1));
            this.begins.push(call.invoked);
            if call.is_certain() {
                this.ends.push(call.end);
                this.by_end.push((call.end, call.invoked, i));
            }
        }
        this.ends.sort_unstable();
        this.by_end.sort_unstable();
        let mut latest: Option<(Time, u32)> = None;
        for (_, begin, i) in &mut this.by_end {
            let newest = latest
                .filter(|(time, _)| time > begin)
                .unwrap_or((*begin, *i));
            (*begin, *i) = newest;
            latest = Some(newest);
        }
        this
    }

    /// Whether some write was going on at some time while the call was.
    fn overlap(&self, call: &Call<RegisterAction>) -> bool {
        let begun = self.begins.partition_point(|&begin| begin <= call.end);
        let over = self.ends.partition_point(|&end| end < call.invoked);
        begun > over
    }

    /// Of the writes that had ended before a moment, the one that began last.
    fn newest_before(&self, moment: Time) -> Option<u32> {
        let over = self.by_end.partition_point(|&(end, ..)| end < moment);
        self.by_end[..over].last().map(|&(_, _, i)| i)
    }

    /// Of the writes of a value that had begun by a moment, the one that ended last.
    fn last_of(&self, value: u32, moment: Time) -> Option<u32> {
        let same = &self.by_value[value as usize];
        let begun = same.partition_point(|&(begin, ..)| begin <= moment);
        same[..begun].last().map(|&(_, _, i)| i)
    }

    /// Whether a read may return this value.
    fn explain(&self, read: &Call<RegisterAction>, value: u32) -> bool {
        let over = self.by_end.partition_point(|&(end, ..)| end < read.invoked);
        let Some(&(_, newest, _)) = self.by_end[..over].last() else {
            // Nothing had been written for sure.
            return value == 0 || self.last_of(value, read.end).is_some();
        };
        let same = &self.by_value[value as usize];
        let begun = same.partition_point(|&(begin, ..)| begin <= read.end);
        same[..begun]
            .last()
            .is_some_and(|&(_, end, _)| end >= newest)
    }
}

/// The violation of one read, and what going through all writes says.
fn tell(
    history: &History,
    level: Level,
    read: OpId,
    last: Option<OpId>,
    newer: Option<OpId>,
) -> Case {
    let op = history.operation(read);
    let key = op.key();
    // A newer write only matters when what was read had been there at all.
    let newer = newer.filter(|_| last.is_some() || op.output().is_nil());
    let mut operations: Vec<OpId> = [last, newer, Some(read)].into_iter().flatten().collect();
    operations.sort_unstable();
    operations.dedup();
    let story = Story::of(history, operations.iter().copied());
    let mut steps = Vec::new();
    if op.output().is_nil() && last.is_none() {
        steps.push(remark("at the beginning the value is nil"));
    }
    for &id in &operations {
        steps.push(step(id, story.sentence(Part::whole(id))));
    }
    let value = op.output();
    let (name, sentence, why) = if newer.is_some() {
        let newer = newer.map(|id| history.operation(id));
        let new = newer.as_ref().and_then(written);
        let new = new.map_or(String::new(), ToString::to_string);
        (
            "stale-read",
            format!(
                "process {} read {value} {} after {new} had replaced it",
                op.process,
                of_key(key)
            ),
            format!(
                "{new} was written after every write of {value} was over, and before the read began"
            ),
        )
    } else {
        (
            "never-written",
            format!(
                "process {} read {value} {}, which nobody had begun to write",
                op.process,
                of_key(key)
            ),
            format!("nobody had begun to write {value} when the read ended"),
        )
    };
    steps.push(remark(why));
    let opinion = second_opinion(history, &op, level, newer);
    let anomaly = Anomaly {
        name,
        sentence,
        key: key.clone(),
        operations,
        steps,
        confirmation: Confirmation {
            by: "the definition, applied to every write of the history",
            agrees: opinion == SecondOpinion::Agrees,
        },
        picture: Picture::Intervals,
    };
    (anomaly, opinion)
}

/// Goes through all writes of the key: none of them may be what the read returned. O(operations).
fn second_opinion(
    history: &History,
    read: &Operation<'_>,
    level: Level,
    newer: Option<OpId>,
) -> SecondOpinion {
    let newer = newer.map(|id| history.operation(id));
    let replaced = |end: Time| {
        newer
            .as_ref()
            .is_some_and(|newer| end < newer.invoked && newer.end() < read.invoked)
    };
    let writes = history.operations().filter(|op| {
        let refused = *op.f() == F::Cas && *op.output() == Value::Bool(false);
        op.key() == read.key()
            && op.outcome != Outcome::Fail
            && !(op.outcome == Outcome::Ok && refused)
            && written(op).is_some()
    });
    for write in writes {
        let overlaps = write.invoked <= read.end() && write.end() >= read.invoked;
        if level == Level::Safe && overlaps {
            return SecondOpinion::Disagrees(format!("{} overlaps the read", write.id));
        }
        let same = written(&write) == Some(read.output());
        if same && write.invoked <= read.end() && !replaced(write.end()) {
            return SecondOpinion::Disagrees(format!(
                "the read may return what {} wrote",
                write.id
            ));
        }
    }
    let first_value = read.output().is_nil();
    if first_value && newer.is_none_or(|newer| newer.end() >= read.invoked) {
        return SecondOpinion::Disagrees("the read may return the first value".to_owned());
    }
    SecondOpinion::Agrees
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Linearizable;
    use crate::arbitrary::arbitrary;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use schism_history::testing;

    fn names(checker: &dyn Checker, drawing: &str) -> Vec<(&'static str, usize)> {
        let verdict = checker.check(&testing::history(drawing), &Budget::default());
        assert_eq!(verdict.disagreement, None);
        let anomalies = verdict.anomalies.iter();
        anomalies
            .map(|anomaly| (anomaly.name, anomaly.operations.len()))
            .collect()
    }

    #[test]
    fn reads_may_go_back_while_a_write_is_going_on() {
        let new_then_old = "
            0 |w x 1|
            1         |w x 2                      |
            2           |r x -> 2|
            3                      |r x -> 1|
            ";
        assert_eq!(names(&Regular, new_then_old), []);
        assert!(!names(&Linearizable, new_then_old).is_empty());
    }

    #[test]
    fn what_was_replaced_is_stale() {
        let stale = "
            0 |w x 1|
            1         |w x 2|
            2                 |r x -> 1|
            3                 |r x -> nil|
            ";
        let found = [("stale-read", 2), ("stale-read", 3)];
        assert_eq!(names(&Regular, stale), found);
        assert_eq!(names(&Safe, stale), found);
    }

    #[test]
    fn a_safe_register_may_return_anything_while_it_is_written() {
        let odd = "
            0 |w x 1|
            1         |w x 2    |
            2           |r x -> 7|
            ";
        assert_eq!(names(&Regular, odd), [("never-written", 1)]);
        assert_eq!(names(&Safe, odd), []);
    }

    /// The definition, for every read.
    fn truth(history: &History, safe: bool) -> bool {
        let writes: Vec<Operation<'_>> = history
            .operations()
            .filter(|op| {
                let refused = *op.f() == F::Cas && *op.output() == Value::Bool(false);
                op.outcome != Outcome::Fail
                    && written(op).is_some()
                    && !(refused && op.outcome == Outcome::Ok)
            })
            .collect();
        history
            .operations()
            .filter(|op| *op.f() == F::Read && op.outcome == Outcome::Ok)
            .all(|read| {
                let before = |end: Time| {
                    !writes
                        .iter()
                        .any(|other| end < other.invoked && other.end() < read.invoked)
                };
                let overlapped = writes
                    .iter()
                    .any(|write| write.invoked <= read.end() && write.end() >= read.invoked);
                let first = read.output().is_nil()
                    && !writes.iter().any(|other| other.end() < read.invoked);
                safe && overlapped
                    || first
                    || writes.iter().any(|write| {
                        written(write) == Some(read.output())
                            && write.invoked <= read.end()
                            && before(write.end())
                    })
            })
    }

    #[test]
    fn both_agree_with_their_definitions_and_imply_each_other() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let mut counts = [0; 3];
        for _ in 0..3_000 {
            let history = arbitrary(&mut rng);
            let said: Vec<Verdict> = [&Linearizable as &dyn Checker, &Regular, &Safe]
                .iter()
                .map(|checker| checker.check(&history, &Budget::default()))
                .collect();
            assert!(said.iter().all(|verdict| verdict.disagreement.is_none()));
            let broken: Vec<bool> = said
                .iter()
                .map(|verdict| verdict.validity == Validity::Invalid)
                .collect();
            assert_eq!(broken[1], !truth(&history, false), "{history:?}");
            assert_eq!(broken[2], !truth(&history, true), "{history:?}");
            assert!(broken.is_sorted_by(|stronger, weaker| stronger >= weaker));
            for (count, broken) in counts.iter_mut().zip(broken) {
                *count += u32::from(broken);
            }
        }
        assert!(
            counts[2] > 100 && counts.is_sorted_by(|a, b| a > b),
            "{counts:?}"
        );
    }
}
