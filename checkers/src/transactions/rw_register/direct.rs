//! Reads that are wrong by themselves, whatever the order of transactions.

use schism_history::{F, History, OpId, Outcome, Value};

use super::resolve::{Odd, OddKind, Resolved};
use crate::Level;
use crate::proof::conclusion::{Case, SecondOpinion};
use crate::proof::story::{Story, short, step};
use crate::proof::witness::Part;
use crate::transactions::columns::Transactions;
use crate::verdict::{Anomaly, Confirmation, Picture, Step};

/// Anomalies of one name that are told.
const TOLD: usize = 4;

/// What was found.
#[derive(Default)]
pub(super) struct Direct {
    /// Those that are told, with the weakest level that each refutes.
    pub(super) cases: Vec<(Vec<Level>, Case)>,
    /// The levels that are refuted.
    pub(super) refuted: Vec<Level>,
    /// How many there are of each name.
    pub(super) counts: Vec<(&'static str, u64)>,
}

/// The name of an anomaly, and the weakest level that it refutes.
fn class(kind: OddKind) -> (&'static str, Level) {
    match kind {
        OddKind::Garbage => ("garbage-read", Level::ReadUncommitted),
        OddKind::Aborted => ("G1a", Level::ReadCommitted),
        OddKind::Intermediate => ("G1b", Level::ReadCommitted),
        OddKind::Future => ("future-read", Level::ReadCommitted),
        OddKind::Internal => ("internal", Level::ReadAtomic),
        OddKind::NonRepeatable => ("non-repeatable-read", Level::ReadAtomic),
    }
}

impl Direct {
    /// How many refute this level.
    pub(super) fn against(&self, claim: Level) -> u64 {
        let kinds = [
            OddKind::Garbage,
            OddKind::Aborted,
            OddKind::Intermediate,
            OddKind::Future,
            OddKind::Internal,
            OddKind::NonRepeatable,
        ];
        let refuting = kinds
            .iter()
            .map(|&kind| class(kind))
            .filter(|&(_, level)| claim.implies(level));
        refuting
            .filter_map(|(name, _)| self.counts.iter().find(|(counted, _)| *counted == name))
            .map(|&(_, count)| count)
            .sum()
    }
}

/// Tells the reads that are odd by themselves. O(odd reads), and O(operations) for each that is told.
pub(super) fn find(
    history: &History,
    transactions: &Transactions<'_>,
    resolved: &Resolved,
) -> Direct {
    let mut direct = Direct::default();
    for &odd in &resolved.odd {
        let (name, level) = class(odd.kind);
        let place = direct
            .counts
            .iter()
            .position(|&(counted, _)| counted == name);
        let place = place.unwrap_or_else(|| {
            direct.counts.push((name, 0));
            direct.refuted.push(level);
            // What a read saw was in no order of what was committed: no cause of it, either.
            if level != Level::ReadAtomic {
                direct.refuted.push(Level::Causal);
            }
            direct.counts.len() - 1
        });
        direct.counts[place].1 += 1;
        if direct.counts[place].1 <= TOLD as u64 {
            direct
                .cases
                .push((vec![level], tell(history, transactions, odd)));
        }
    }
    direct
}

fn tell(history: &History, transactions: &Transactions<'_>, odd: Odd) -> Case {
    let (name, _) = class(odd.kind);
    let read = transactions.step(odd.step as usize);
    let key = transactions.keys[read.key as usize];
    let value = transactions.value_of(read.key, read.value);
    let reader = transactions.ops[odd.reader as usize];
    let other = (odd.other != super::resolve::NOBODY && odd.other != odd.reader)
        .then(|| transactions.ops[odd.other as usize]);
    let mut operations: Vec<OpId> = other.into_iter().chain([reader]).collect();
    operations.sort_unstable();
    let value_text = short(value);
    let (sentence, because) = match odd.kind {
        OddKind::Garbage => (
            format!("{reader} read {value_text} from key {key}, which nobody wrote to it"),
            "nobody wrote that value to that key".to_owned(),
        ),
        OddKind::Aborted => (
            format!(
                "{reader} read {value_text} from key {key}, which only {} wrote, and that failed",
                operations[usize::from(operations[0] == reader)]
            ),
            "who fails leaves nothing behind".to_owned(),
        ),
        OddKind::Intermediate => (
            format!(
                "{reader} read {value_text} from key {key}, which its writer {} replaced in the same transaction",
                operations[usize::from(operations[0] == reader)]
            ),
            "nobody outside of a transaction sees what it replaces itself".to_owned(),
        ),
        OddKind::Future => (
            format!("{reader} read {value_text} from key {key} before it wrote that itself"),
            "it is the only one that wrote it, and only later".to_owned(),
        ),
        OddKind::Internal => (
            format!(
                "{reader} read {value_text} from key {key} though it had itself written something else"
            ),
            "a transaction sees its own writes".to_owned(),
        ),
        OddKind::NonRepeatable => (
            format!(
                "{reader} read {value_text} from key {key} though it had read something else before"
            ),
            "a key does not change during a transaction".to_owned(),
        ),
    };
    let story = Story::of(history, operations.iter().copied());
    let mut steps: Vec<Step> = operations
        .iter()
        .map(|&id| step(id, story.sentence(Part::whole(id))))
        .collect();
    steps.push(step(reader, because));
    let agrees = confirm(history, odd.kind, reader, key, value);
    let anomaly = Anomaly {
        name,
        sentence,
        key: key.clone(),
        operations,
        steps,
        confirmation: Confirmation {
            by: "a second look at every write of the key, value by value",
            agrees,
        },
        picture: Picture::default(),
    };
    let opinion = if agrees {
        SecondOpinion::Agrees
    } else {
        SecondOpinion::Disagrees("a second look at every write of the key explains it".to_owned())
    };
    (anomaly, opinion)
}

/// The steps of a transaction: name, key and argument; what its reads saw only if it is `ok`.
fn steps(history: &History, id: OpId) -> impl Iterator<Item = (&str, &Value, &Value)> {
    let op = history.operation(id);
    let told = op.outcome == Outcome::Ok && op.output().as_list().is_some();
    let steps = if told { op.output() } else { op.input() };
    steps
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(|step| match step.as_list()? {
            [name, key, argument, ..] => Some((name.as_text()?, key, argument)),
            _ => None,
        })
}

/// Whether a read is odd, from the values as they stand in the history.
fn confirm(history: &History, kind: OddKind, reader: OpId, key: &Value, value: &Value) -> bool {
    match kind {
        OddKind::Internal | OddKind::NonRepeatable => {
            let mut held: Option<(&Value, bool)> = None;
            for (name, at, argument) in steps(history, reader) {
                if at != key {
                    continue;
                }
                match name {
                    "w" => held = Some((argument, true)),
                    "r" => {
                        if let Some((before, wrote)) = held
                            && before != argument
                            && argument == value
                            && wrote == (kind == OddKind::Internal)
                        {
                            return true;
                        }
                        held = Some((argument, held.is_some_and(|(_, wrote)| wrote)));
                    }
                    _ => {}
                }
            }
            false
        }
        _ => {
            // Whether anybody else left the value there.
            let mut written = false;
            for op in history.operations() {
                if *op.f() != F::Txn || op.outcome == Outcome::Fail || op.id == reader {
                    continue;
                }
                let last = steps(history, op.id)
                    .filter(|&(name, at, _)| name == "w" && at == key)
                    .last();
                written |= last.is_some_and(|(_, _, last)| last == value);
            }
            !written && !value.is_nil()
        }
    }
}
