//! Saga: all parts of a step that spans several stores end up done, or none.
//!
//! Clients call `saga` `{id, parts}`: an id that is used once, and the list of the stores in which it leaves a mark (an
//! order, a charge, a reservation; the participants of a two-phase commit). Each key is a store: `read` returns the
//! list of the ids whose marks are in it. Compensation takes a mark away again, so it needs no operation of its own.
//! What counts are the reads that have the last word about a store: those of the phase `final-reads`; in a history that
//! names no phases, the last read of each node.
//!
//! - `partial-saga`: at the end some of its stores show it, and another one, read later, does not;
//! - `uncompensated-saga`: it surely failed, and a store still shows it;
//! - `lost-saga`: it was acknowledged, and no store shows it;
//! - `repeated-saga`: one read of a store shows it twice: a part was done again when its answer got lost;
//! - `unexpected-saga`: a store shows an id that nobody had sent by then.
//!
//! Figures: `sagas`, `acknowledged`, `failed`, `unknown`, `complete` (all stores show it), `absent` (none does),
//! `partial`, `uncompensated`, `lost`, `repeated`, `unexpected`, `undecided` (a store was not read after it).
//!
//! O(parts + ids read).

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Outcome, Value};

use crate::final_read::last_words;
use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

const BY: &str = "looking for the saga in the results of these reads again";

/// All parts or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saga;

#[derive(Default)]
struct Counts {
    sagas: u64,
    acknowledged: u64,
    failed: u64,
    unknown: u64,
    complete: u64,
    absent: u64,
    partial: u64,
    uncompensated: u64,
    lost: u64,
    repeated: u64,
    unexpected: u64,
    undecided: u64,
}

/// What the reads of a store say.
#[derive(Default)]
struct Store<'h> {
    last: Vec<OpId>,
    /// Who of those that have the last word shows which saga: the first one.
    shown: FxHashMap<&'h Value, OpId>,
}

impl Checker for Saga {
    fn name(&self) -> &'static str {
        "saga"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut counts = Counts::default();
        let mut claims = Claims::new(history);
        let mut sagas: FxHashMap<&Value, OpId> = FxHashMap::default();
        for op in history.operations().filter(|op| op.f().name() == "saga") {
            if let Some(id) = op.input().get("id") {
                sagas.entry(id).or_insert(op.id);
            }
        }
        let mut stores: FxHashMap<&Value, Store<'_>> = FxHashMap::default();
        if !sagas.is_empty() {
            for (key, ids) in history.by_key() {
                if budget.is_stopped() {
                    break;
                }
                let store = read_store(history, &ids, &sagas, &mut counts, &mut claims);
                stores.insert(history.key(key), store);
            }
        }
        for op in history.operations() {
            if op.f().name() == "saga" && !budget.is_stopped() {
                judge(history, op.id, &stores, &mut counts, &mut claims);
            }
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.complete == 0 {
                let why = if counts.sagas == 0 {
                    "there is none"
                } else {
                    "nobody saw all parts of any of them at the end"
                };
                (
                    Validity::Unknown,
                    format!("nothing could be judged about sagas: {why}"),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "{} complete, {} without a trace, and none half done",
                        count(counts.complete, "saga"),
                        counts.absent
                    ),
                )
            }
        })
        .figures(counts.figures())
    }
}

/// What the reads of one store show, and what none of them must show.
fn read_store<'h>(
    history: &'h History,
    ids: &[OpId],
    sagas: &FxHashMap<&'h Value, OpId>,
    counts: &mut Counts,
    claims: &mut Claims<'h>,
) -> Store<'h> {
    let reads: Vec<OpId> = ids
        .iter()
        .copied()
        .filter(|&id| {
            let op = history.operation(id);
            *op.f() == F::Read && op.outcome == Outcome::Ok && op.output().as_list().is_some()
        })
        .collect();
    let mut store = Store {
        last: last_words(history, reads.iter().copied()),
        shown: FxHashMap::default(),
    };
    // Per id: the last read that shows it, and how often.
    let mut seen: FxHashMap<&'h Value, (OpId, u32)> = FxHashMap::default();
    for read in reads {
        let op = history.operation(read);
        let is_last = store.last.binary_search(&read).is_ok();
        for id in op.output().as_list().unwrap_or_default() {
            let new = !seen.contains_key(id);
            let (by, times) = seen.entry(id).or_insert((read, 0));
            if *by != read {
                (*by, *times) = (read, 0);
            }
            *times += 1;
            if *times == 2 {
                counts.repeated += 1;
                claims.report(
                    "repeated-saga",
                    BY,
                    || {
                        let sentence =
                            format!("saga {id} was done twice in the store {}", of_key(op.key()));
                        Claim::new(sentence, op.key(), vec![read])
                    },
                    |history, ids| match shows(history, ids[0], id) {
                        2.. => Ok(()),
                        times => Err(format!("it is there {times} times")),
                    },
                );
            }
            let too_late = |&saga: &OpId| history.operation(saga).invoked > op.end();
            if new && sagas.get(id).is_none_or(too_late) {
                counts.unexpected += 1;
                claims.report(
                    "unexpected-saga",
                    "looking for anybody who had sent it again",
                    || {
                        let of = of_key(op.key());
                        let sentence = format!(
                            "the store {of} shows saga {id}, which nobody had sent by then"
                        );
                        Claim::new(sentence, op.key(), vec![read])
                    },
                    |history, ids| recount_unexpected(history, ids[0], id),
                );
            }
            if is_last {
                store.shown.entry(id).or_insert(read);
            }
        }
    }
    store
}

fn judge<'h>(
    history: &'h History,
    saga: OpId,
    stores: &FxHashMap<&'h Value, Store<'h>>,
    counts: &mut Counts,
    claims: &mut Claims<'h>,
) {
    let op = history.operation(saga);
    let (Some(id), Some(parts)) = (op.input().get("id"), op.input().get("parts")) else {
        return;
    };
    let parts = parts.as_list().unwrap_or_default();
    counts.sagas += 1;
    match op.outcome {
        Outcome::Ok => counts.acknowledged += 1,
        Outcome::Fail => counts.failed += 1,
        Outcome::Info => counts.unknown += 1,
    }
    // Only what was read after the client knew the outcome, or had given up, says anything; after it was sent, where the
    // client never did.
    let over = op.completed.unwrap_or(op.invoked);
    let mut present: Vec<OpId> = Vec::new();
    let mut absent: Vec<OpId> = Vec::new();
    for part in parts {
        let Some(store) = stores.get(part) else {
            continue;
        };
        let later = |&&read: &&OpId| history.operation(read).invoked > over;
        if let Some(&read) = store.shown.get(id).filter(later) {
            present.push(read);
        } else if store.shown.contains_key(id) {
        } else if let Some(&read) = store.last.iter().rev().find(later) {
            absent.push(read);
        }
    }
    if present.len() + absent.len() < parts.len() || parts.is_empty() {
        counts.undecided += 1;
    } else if absent.is_empty() {
        counts.complete += 1;
    } else if present.is_empty() {
        counts.absent += 1;
    }
    // An unknown one may be done at once between two reads: the one that shows it must have come first.
    let pair = present.iter().find_map(|&shows| {
        let end = history.operation(shows).end();
        let lacking = absent
            .iter()
            .find(|&&lacks| op.outcome == Outcome::Ok || history.operation(lacks).invoked > end);
        lacking.map(|&lacks| (shows, lacks))
    });
    let key_of = |read: OpId| history.operation(read).key();
    if let (Outcome::Fail, Some(&shows)) = (op.outcome, present.first()) {
        counts.uncompensated += 1;
        claims.report(
            "uncompensated-saga",
            BY,
            || {
                let store = of_key(key_of(shows));
                let sentence =
                    format!("saga {id} surely failed, and the store {store} still shows it");
                Claim::new(sentence, &Value::Nil, vec![saga, shows])
            },
            |history, ids| recount(history, ids, &[true]),
        );
    } else if let Some((shows, lacks)) = pair {
        counts.partial += 1;
        claims.report(
            "partial-saga",
            BY,
            || {
                let sentence = format!(
                    "saga {id} is half done: the store {} shows it, and the store {} does not",
                    of_key(key_of(shows)),
                    of_key(key_of(lacks))
                );
                Claim::new(sentence, &Value::Nil, vec![saga, shows, lacks])
                    .because(shows, format!(": {id} is there"))
                    .because(lacks, format!(": {id} is not there"))
            },
            |history, ids| recount(history, ids, &[true, false]),
        );
    } else if let (Outcome::Ok, true, Some(&lacks)) = (
        op.outcome,
        present.is_empty() && absent.len() == parts.len(),
        absent.first(),
    ) {
        counts.lost += 1;
        claims.report(
            "lost-saga",
            BY,
            || {
                let sentence =
                    format!("saga {id} was acknowledged, and none of its stores shows it");
                let mut ids = vec![saga];
                ids.extend(&absent);
                ids.dedup();
                Claim::new(sentence, key_of(lacks), ids)
            },
            |history, ids| recount(history, ids, &vec![false; ids.len() - 1]),
        );
    }
}

/// How often the result of a read names an id.
fn shows(history: &History, read: OpId, id: &Value) -> usize {
    let output = history
        .operation(read)
        .output()
        .as_list()
        .unwrap_or_default();
    output.iter().filter(|shown| *shown == id).count()
}

/// A saga, and reads that show it or do not: sent after it had ended, of stores that it has parts in.
fn recount(history: &History, ids: &[OpId], expected: &[bool]) -> Result<(), String> {
    let Some((&saga, reads)) = ids.split_first() else {
        return Err("it names no operation".to_owned());
    };
    let saga = history.operation(saga);
    let (Some(id), Some(Value::List(parts))) = (saga.input().get("id"), saga.input().get("parts"))
    else {
        return Err("it names no saga".to_owned());
    };
    if reads.len() != expected.len() {
        return Err("it names other reads".to_owned());
    }
    for (&read, &expected) in reads.iter().zip(expected) {
        let op = history.operation(read);
        if !parts.contains(op.key()) || saga.completed.is_some_and(|over| op.invoked <= over) {
            return Err(format!("{read} says nothing about it"));
        }
        if (shows(history, read, id) > 0) != expected {
            return Err(format!("{read} does not say that"));
        }
    }
    let ends = |&read: &OpId| history.operation(read).completed;
    let begins = |&read: &OpId| Some(history.operation(read).invoked);
    let unknown = saga.outcome == Outcome::Info;
    if unknown && reads.len() == 2 && ends(&reads[0]) >= begins(&reads[1]) {
        return Err("it can have been done between the two reads".to_owned());
    }
    Ok(())
}

fn recount_unexpected(history: &History, read: OpId, id: &Value) -> Result<(), String> {
    let read = history.operation(read);
    let sender = history.operations().find(|op| {
        let same = op.input().get("id") == Some(id);
        same && op.f() == &F::from("saga") && Some(op.invoked) <= read.completed
    });
    match sender {
        Some(op) => Err(format!("{} had sent it", op.id)),
        None if shows(history, read.id, id) > 0 => Ok(()),
        None => Err("it is not there".to_owned()),
    }
}

impl Counts {
    fn figures(&self) -> Value {
        Value::map([
            ("sagas", self.sagas),
            ("acknowledged", self.acknowledged),
            ("failed", self.failed),
            ("unknown", self.unknown),
            ("complete", self.complete),
            ("absent", self.absent),
            ("partial", self.partial),
            ("uncompensated", self.uncompensated),
            ("lost", self.lost),
            ("repeated", self.repeated),
            ("unexpected", self.unexpected),
            ("undecided", self.undecided),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&Saga, lines)
    }

    #[test]
    fn all_or_nothing_is_valid() {
        let verdict = judge(
            "
            0 |saga nil {id:1,parts:[stock,charge]}|
            1 |saga nil {id:2,parts:[stock,charge]} !|
            2 |saga nil {id:3,parts:[stock,charge]} ?
            3 |r stock -> [1,3]|
            3 |r stock -> [1]|
            3 |r charge -> [1,3]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "complete"), 1);
        assert_eq!(figure(&verdict, "absent"), 1);
    }

    #[test]
    fn halves_are_found() {
        let verdict = judge(
            "
            0 |saga nil {id:1,parts:[stock,charge]}|
            1 |saga nil {id:2,parts:[stock,charge]} !|
            0 |saga nil {id:3,parts:[stock,charge]} ?|
            4 |saga nil {id:4,parts:[stock,charge]}|
            3 |r stock -> [1,3,9]|
            3 |r charge -> [2]|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [
                ("unexpected-saga", vec![4]),
                ("uncompensated-saga", vec![1, 5]),
                ("partial-saga", vec![0, 4, 5]),
                ("lost-saga", vec![3, 4, 5]),
                ("partial-saga", vec![2, 4, 5])
            ]
        );
    }

    #[test]
    fn a_part_that_is_done_again_is_found() {
        let verdict = judge(
            "
            0 |saga nil {id:1,parts:[stock,charge]}|
            3 |r stock -> [1]|
            3 |r charge -> [1,1]|
            ",
        );
        assert_eq!(broken(&verdict), [("repeated-saga", vec![2])]);
    }

    #[test]
    fn what_nobody_reads_is_undecided() {
        let verdict = judge("0 |saga nil {id:1,parts:[stock,charge]}|\n3 |r stock -> [1]|");
        assert_eq!(verdict.validity, Validity::Unknown);
        assert_eq!(figure(&verdict, "undecided"), 1);
    }
}
