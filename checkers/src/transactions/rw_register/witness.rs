//! The fewest transactions that a level does not allow, told and confirmed.

use schism_history::{History, OpId, Outcome, Value};

use super::explain::Scene;
use super::resolve::View;
use crate::proof::commit_orders::{self, Found, Transaction};
use crate::proof::conclusion::{Case, SecondOpinion};
use crate::transactions::columns::Transactions;
use crate::transactions::saturation::Answer;
use crate::transactions::saturation::committed::Committed;
use crate::transactions::saturation::levels::{Judged, judge};
use crate::verdict::{Anomaly, Confirmation};
use crate::{Budget, Level};

/// Witnesses of one level that are told.
const TOLD: usize = 3;
/// Transactions up to which a history is searched again for further witnesses.
const SEARCHED_AGAIN: usize = 500;
/// Orders that are tried to confirm one witness.
pub(super) const ORDERS: u64 = 200_000;
/// Steps for judging a few transactions once more.
const STEPS: u64 = 5_000_000;

/// Levels by how much it says that one of them is refuted.
pub(super) const TELLING: [Level; 15] = [
    Level::ReadCommitted,
    Level::MonotonicAtomicView,
    Level::ReadAtomic,
    Level::Causal,
    Level::CausalConvergence,
    Level::ParallelSnapshotIsolation,
    Level::Prefix,
    Level::SnapshotIsolation,
    Level::RepeatableRead,
    Level::Serializable,
    Level::UpdateSerializable,
    Level::StrongSessionSnapshotIsolation,
    Level::StrongSessionSerializable,
    Level::StrongSnapshotIsolation,
    Level::StrictSerializable,
];

/// The witnesses against each refuted level. Those that refute several levels stand there once.
pub(super) fn cases(
    history: &History,
    transactions: &Transactions<'_>,
    view: &View,
    judged: &Judged,
    budget: &Budget,
) -> Vec<(Vec<Level>, Case)> {
    let mut found: Vec<(Vec<Level>, Vec<u32>)> = Vec::new();
    let all: Vec<Level> = judged.refuted.iter().map(|&(level, _)| level).collect();
    let weakest = Level::weakest(&all);
    for (level, core) in &judged.refuted {
        if core.is_empty() || !weakest.contains(level) {
            continue;
        }
        let mut gone: Vec<u32> = Vec::new();
        let mut core = core.clone();
        for _ in 0..TOLD {
            let fewest = fewest(&view.committed, *level, core, budget);
            gone.extend(fewest.last());
            match found.iter_mut().find(|(_, other)| *other == fewest) {
                Some((levels, _)) => levels.push(*level),
                None => found.push((vec![*level], fewest)),
            }
            if view.committed.len() > SEARCHED_AGAIN || budget.is_stopped() {
                break;
            }
            let kept: Vec<u32> = (0..view.committed.len() as u32)
                .filter(|t| !gone.contains(t))
                .collect();
            let part = budget.part(budget.steps / 16, budget.bytes);
            match judge(&view.committed.only(&kept), *level, &part) {
                Some(Answer::Refuted(next)) => {
                    core = next.into_iter().map(|t| kept[t as usize]).collect();
                }
                _ => break,
            }
        }
    }
    found
        .into_iter()
        .map(|(mut levels, fewest)| {
            levels.sort_by_key(|level| TELLING.iter().position(|other| other == level));
            let case = tell(history, transactions, view, &levels, &fewest);
            (levels, case)
        })
        .collect()
}

/// Fewer and fewer transactions that refute a level, until none can be left out.
pub(super) fn fewest(
    committed: &Committed,
    level: Level,
    mut core: Vec<u32>,
    budget: &Budget,
) -> Vec<u32> {
    let part = budget.part(STEPS.min(budget.steps), budget.bytes);
    let again = |kept: &[u32]| match judge(&committed.only(kept), level, &part) {
        Some(Answer::Refuted(next)) => {
            let next: Vec<u32> = next.into_iter().map(|t| kept[t as usize]).collect();
            Some(next)
        }
        _ => None,
    };
    while let Some(next) = again(&core) {
        if next.len() >= core.len() {
            break;
        }
        core = next;
    }
    // Parts first, then one by one.
    let mut size = (core.len() / 2).max(1);
    loop {
        let mut at = 0;
        while at < core.len() && core.len() > 1 {
            if budget.is_stopped() {
                return core;
            }
            let mut kept = core.clone();
            kept.drain(at..(at + size).min(core.len()));
            match again(&kept) {
                Some(next) => core = next,
                None => at += size,
            }
        }
        if size == 1 {
            break;
        }
        size = if size > 8 { size / 2 } else { 1 };
    }
    // What is left may let go of one that was tried too early.
    let mut at = 0;
    while at < core.len() && core.len() > 1 {
        let mut kept = core.clone();
        kept.remove(at);
        match again(&kept) {
            Some(next) => {
                core = next;
                at = 0;
            }
            None => at += 1,
        }
    }
    core
}

fn tell(
    history: &History,
    transactions: &Transactions<'_>,
    view: &View,
    levels: &[Level],
    fewest: &[u32],
) -> Case {
    let level = levels[0];
    let committed = view.committed.only(fewest);
    let number: Vec<u32> = fewest.iter().map(|&t| view.number[t as usize]).collect();
    let mut keys: Vec<u32> = Vec::new();
    for &t in fewest {
        keys.extend(view.committed.reads(t).map(|r| view.committed.read_key[r]));
        keys.extend(
            view.committed
                .writes(t)
                .map(|w| view.committed.write_key[w]),
        );
    }
    keys.sort_unstable();
    keys.dedup();
    let scene = Scene {
        history,
        transactions,
        committed: &committed,
        number: &number,
        keys: &keys,
    };
    let told = scene.tell(level);
    let mut operations: Vec<OpId> = number
        .iter()
        .map(|&t| transactions.ops[t as usize])
        .collect();
    operations.sort_unstable();
    let opinion = confirm(history, &operations, levels);
    let anomaly = Anomaly {
        name: told.name,
        sentence: told.sentence,
        key: told.key,
        operations,
        steps: told.steps,
        confirmation: Confirmation {
            by: "trying all orders of these transactions by the level's definition",
            agrees: opinion == SecondOpinion::Agrees,
        },
        picture: told.picture,
    };
    (anomaly, opinion)
}

/// Whether the transactions violate all these levels by their definitions.
fn confirm(history: &History, operations: &[OpId], levels: &[Level]) -> SecondOpinion {
    let plain = plain(history, operations, &|_, _| None);
    let mut opinion = SecondOpinion::Agrees;
    for &level in levels {
        match commit_orders::search(&plain, level, ORDERS) {
            Found::Nothing => {}
            Found::Order(order) => {
                let order: Vec<String> = order
                    .iter()
                    .map(|&place| operations[place].to_string())
                    .collect();
                return SecondOpinion::Disagrees(format!(
                    "a search by the definition of {level} found the order {}",
                    order.join(" ")
                ));
            }
            Found::Unfinished => opinion = SecondOpinion::Unfinished,
        }
    }
    opinion
}

/// The transactions as they stand in the history, read anew: only who wrote what a read of another one saw.
/// `chosen` may say whom a read saw, by the transaction's place and the read's.
pub(super) fn plain(
    history: &History,
    operations: &[OpId],
    chosen: &dyn Fn(usize, usize) -> Option<Option<usize>>,
) -> Vec<Transaction> {
    struct Raw<'h> {
        reads: Vec<(&'h Value, &'h Value)>,
        writes: Vec<(&'h Value, &'h Value)>,
    }
    let raw: Vec<Raw<'_>> = operations
        .iter()
        .map(|&id| {
            let op = history.operation(id);
            let told = op.outcome == Outcome::Ok && op.output().as_list().is_some();
            let steps = if told { op.output() } else { op.input() };
            let mut raw = Raw {
                reads: Vec::new(),
                writes: Vec::new(),
            };
            for step in steps.as_list().unwrap_or_default() {
                let Some([name, key, value, ..]) = step.as_list() else {
                    continue;
                };
                match name.as_text() {
                    Some("w") => {
                        raw.writes.retain(|&(written, _)| written != key);
                        raw.writes.push((key, value));
                    }
                    Some("r") if told && raw.writes.iter().all(|&(written, _)| written != key) => {
                        raw.reads.push((key, value));
                    }
                    _ => {}
                }
            }
            raw
        })
        .collect();
    let mut keys: Vec<&Value> = Vec::new();
    let mut number = |key| {
        let place = keys.iter().position(|&known| known == key);
        place.unwrap_or_else(|| {
            keys.push(key);
            keys.len() - 1
        }) as u32
    };
    let mut made = Vec::new();
    for (place, &id) in operations.iter().enumerate() {
        let op = history.operation(id);
        let mut transaction = Transaction {
            session: op.process.number().unwrap_or(u32::MAX),
            invoked: op.invoked.as_nanos(),
            completed: if op.outcome == Outcome::Ok {
                op.end().as_nanos()
            } else {
                u64::MAX
            },
            ..Transaction::default()
        };
        for (read, &(key, value)) in raw[place].reads.iter().enumerate() {
            if let Some(source) = chosen(place, read) {
                transaction.reads.push((number(key), source));
                continue;
            }
            if value.is_nil() {
                transaction.reads.push((number(key), None));
                continue;
            }
            let mut writers = (0..raw.len())
                .filter(|&other| other != place && raw[other].writes.contains(&(key, value)));
            // Who wrote it is not among them, or it is not known which of them: then it says nothing here.
            if let (Some(writer), None) = (writers.next(), writers.next()) {
                transaction.reads.push((number(key), Some(writer)));
            }
        }
        transaction.writes = (raw[place].writes.iter())
            .map(|&(key, _)| number(key))
            .collect();
        made.push(transaction);
    }
    made
}
