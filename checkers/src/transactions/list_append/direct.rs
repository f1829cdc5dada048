//! What is wrong with lists themselves, told: anomalies that are no cycles.

use schism_history::{OpId, Outcome, Value};

use super::lists::Direct;
use super::reasons::told;
use super::{Judge, Suspect, refuted_by};
use crate::proof::serial_orders::Respect;
use crate::proof::story::{Story, key_name, step};
use crate::proof::witness::Part;
use crate::transactions::columns::{StepKind, Transactions};

impl<'h> Judge<'_, 'h> {
    /// The anomaly with all that its proof needs; `None` if it cannot be told (its elements are ambiguous).
    pub(super) fn direct(&self, direct: Direct) -> Option<Suspect<'h>> {
        let transactions = self.transactions;
        let value = |key: u32, value: u32| transactions.value_of(key, value);
        let (key, sentence, placed, others, values) = match direct {
            Direct::Aborted {
                reader,
                writer,
                key,
                value: element,
            } => (
                key,
                format!(
                    "a transaction read what surely never happened (G1a, an aborted read): {} found {} in {}, although {}, which appended it, failed",
                    self.id(reader),
                    value(key, element),
                    self.key(key),
                    self.id(writer)
                ),
                vec![reader],
                vec![writer],
                vec![element],
            ),
            Direct::Garbage {
                reader,
                key,
                value: element,
            } => (
                key,
                format!(
                    "a transaction read what nobody wrote (garbage-read): {} found {} in {}, which nobody ever appended",
                    self.id(reader),
                    value(key, element),
                    self.key(key)
                ),
                vec![reader],
                vec![],
                vec![element],
            ),
            Direct::Intermediate {
                reader,
                writer,
                key,
                value: element,
                next,
            } => (
                key,
                format!(
                    "a transaction read from the middle of another one (G1b, an intermediate read): {} read {} with {} at its end, which {} appended before it appended {}",
                    self.id(reader),
                    self.key(key),
                    value(key, element),
                    self.id(writer),
                    value(key, next)
                ),
                vec![writer, reader],
                vec![],
                vec![element, next],
            ),
            Direct::Duplicate {
                reader,
                writer,
                key,
                value: element,
            } => (
                key,
                format!(
                    "an element is there twice (duplicate-elements): {} read {} with {} in it more than once, which {} appended once",
                    self.id(reader),
                    self.key(key),
                    value(key, element),
                    self.id(writer)
                ),
                vec![writer, reader],
                vec![],
                vec![element],
            ),
            Direct::Incompatible {
                one,
                other,
                key,
                values: (there, here),
            } => (
                key,
                format!(
                    "two reads disagree on the order of a list (incompatible-order): {} read {} with {} where {} read {}",
                    self.id(one),
                    self.key(key),
                    value(key, there),
                    self.id(other),
                    value(key, here)
                ),
                vec![one, other],
                vec![],
                vec![there, here],
            ),
            Direct::Misplaced {
                reader,
                writer,
                key,
                values: (first, second),
            } => (
                key,
                format!(
                    "a read disagrees with the order in which a list was written (incompatible-order): {} found {} in {}, and before it no {}, which {} had appended first",
                    self.id(reader),
                    value(key, second),
                    self.key(key),
                    value(key, first),
                    self.id(writer)
                ),
                vec![writer, reader],
                vec![],
                vec![first, second],
            ),
            Direct::Internal {
                transaction,
                key,
                step,
            } => {
                let values = self.unexpected(transaction, key, step);
                let read = transactions.step(step as usize);
                (
                    key,
                    format!(
                        "a transaction contradicts itself (internal): {} read {} from {}, which does not follow from what it had read and appended before",
                        self.id(transaction),
                        told(transactions, read),
                        self.key(key)
                    ),
                    vec![transaction],
                    vec![],
                    values,
                )
            }
            Direct::Future {
                transaction,
                key,
                value: element,
            } => (
                key,
                format!(
                    "a transaction read its own future (future-read): {} found {} in {} before it appended it",
                    self.id(transaction),
                    value(key, element),
                    self.key(key)
                ),
                vec![transaction],
                vec![],
                vec![element],
            ),
            Direct::DirtyUpdate {
                reader,
                aborted,
                writer,
                key,
                values: (before, after),
            } => (
                key,
                format!(
                    "a committed write builds on one that failed (dirty-update): {} found {} in {}, which {} appended behind the {} of {}, which failed",
                    self.id(reader),
                    value(key, after),
                    self.key(key),
                    self.id(writer),
                    value(key, before),
                    self.id(aborted)
                ),
                vec![writer, reader],
                vec![aborted],
                vec![before, after],
            ),
            Direct::LostUpdate { one, other, key } => {
                let appended = |t: u32| {
                    let mut steps = transactions.steps(t);
                    steps.find(|step| step.kind == StepKind::Append && step.key == key)
                };
                (
                    key,
                    format!(
                        "an update was lost (lost-update): {} and {} both read the same version of {} and appended to it, so neither saw the other one",
                        self.id(one),
                        self.id(other),
                        self.key(key)
                    ),
                    vec![one, other],
                    vec![],
                    vec![appended(one)?.value, appended(other)?.value],
                )
            }
        };
        let name = transactions.keys[key as usize];
        let scope: Vec<(&'h Value, &'h Value)> =
            values.iter().map(|&v| (name, value(key, v))).collect();
        let mut ids: Vec<OpId> = placed.iter().map(|&t| self.id(t)).collect();
        // Whoever appended what is looked at must be there.
        ids.extend(appenders(transactions, key, &values).map(|t| self.id(t)));
        ids.sort_unstable();
        ids.dedup();
        let others: Vec<OpId> = others.iter().map(|&t| self.id(t)).collect();
        let all: Vec<OpId> = others.iter().chain(&ids).copied().collect();
        let story = Story::of(self.history, all.iter().copied());
        let steps = all
            .iter()
            .map(|&id| step(id, story.sentence(Part::whole(id))))
            .collect();
        Some(Suspect {
            name: direct.name(),
            refuted: refuted_by(direct.name()).to_vec(),
            sentence,
            key: name,
            placed: ids,
            others,
            steps,
            scope,
            cycle: Vec::new(),
            respect: Respect::Nothing,
        })
    }

    fn key(&self, key: u32) -> String {
        key_name(self.transactions.keys[key as usize])
    }

    /// The elements in which a read first differs from what its own transaction did before.
    fn unexpected(&self, transaction: u32, key: u32, place: u32) -> Vec<u32> {
        let transactions = self.transactions;
        let mut known: Option<Vec<u32>> = None;
        let mut own: Vec<u32> = Vec::new();
        let begin = transactions.step_range(transaction).start;
        for at in begin..place as usize {
            let step = transactions.step(at);
            match step.kind {
                StepKind::Append if step.key == key => own.push(step.value),
                StepKind::ReadList if step.key == key => {
                    known = Some(transactions.list(step).to_vec());
                    own.clear();
                }
                _ => {}
            }
        }
        let read = transactions.list(transactions.step(place as usize));
        let pairs: Vec<(Option<u32>, Option<u32>)> = if let Some(mut expected) = known {
            expected.extend(own);
            let longest = expected.len().max(read.len());
            (0..longest)
                .map(|i| (expected.get(i).copied(), read.get(i).copied()))
                .collect()
        } else {
            // Nothing is known about what stands before its own.
            let back = own.iter().rev().enumerate();
            back.map(|(i, &own)| (Some(own), read.iter().rev().nth(i).copied()))
                .collect()
        };
        let differs = pairs
            .into_iter()
            .find(|(expected, found)| expected != found);
        let (expected, found) = differs.unwrap_or_default();
        let mut values: Vec<u32> = expected.into_iter().chain(found).collect();
        values.dedup();
        values
    }
}

/// Those who appended these values and did not fail. O(transactions), for a few anomalies only.
fn appenders<'a>(
    transactions: &'a Transactions<'_>,
    key: u32,
    values: &'a [u32],
) -> impl Iterator<Item = u32> + 'a {
    let appends = move |t: &u32| {
        transactions.outcome[*t as usize] != Outcome::Fail
            && transactions.steps(*t).any(|step| {
                step.kind == StepKind::Append && step.key == key && values.contains(&step.value)
            })
    };
    (0..transactions.len() as u32).filter(appends)
}
