//! Whether transactions, run one after the other in some order, find what they found.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{
    Argument, F, History, KeyId, MicroKind, MicroOp, MicroOps, OpId, Operation, Outcome, Time,
    Value, ValueId,
};

use super::{SerialOrder, Unproven};
use crate::Level;
use crate::predicate::Predicate;

/// What a key holds.
enum Held {
    Value(ValueId),
    List(Vec<ValueId>),
}

/// A database that runs one transaction after the other.
struct Database<'h> {
    history: &'h History,
    keys: FxHashMap<KeyId, Held>,
    /// For each predicate that somebody reads by: its meaning, and how many keys match it now.
    matching: Matching<'h>,
    /// The keys by name; empty when nobody reads by predicate.
    by_name: FxHashMap<&'h Value, KeyId>,
}

/// Predicates by their numbers, each with how many keys match it.
type Matching<'h> = BTreeMap<KeyId, (Predicate<'h>, usize)>;

/// Runs the transactions in the order, and compares what each of them read. O(steps + elements read), and for each
/// write O(predicates).
pub(super) fn verify(history: &History, certificate: &SerialOrder) -> Result<(), Unproven> {
    let order = &certificate.order;
    let mut stands = vec![false; history.len()];
    let matching = predicates(history, order);
    let named = if matching.is_empty() {
        0
    } else {
        history.key_count()
    };
    let mut database = Database {
        history,
        keys: FxHashMap::default(),
        matching,
        by_name: (0..named as u32)
            .map(|key| (history.key(KeyId(key)), KeyId(key)))
            .collect(),
    };
    for &id in order {
        if id.index() >= history.len() {
            return Err(Unproven::Stranger { operation: id });
        }
        let op = history.operation(id);
        if *op.f() != F::Txn || op.outcome == Outcome::Fail {
            return Err(Unproven::Stranger { operation: id });
        }
        if std::mem::replace(&mut stands[id.index()], true) {
            return Err(Unproven::Twice { operation: id });
        }
        let (steps, told) = steps(&op).ok_or(Unproven::NotUnderstood { operation: id })?;
        for step in steps {
            database.step(id, step, told)?;
        }
    }
    let missing = history
        .operations()
        .find(|op| *op.f() == F::Txn && op.outcome == Outcome::Ok && !stands[op.id.index()]);
    if let Some(missing) = missing {
        return Err(Unproven::Missing {
            operation: missing.id,
        });
    }
    if certificate.level.implies(Level::StrictSerializable) {
        in_real_time(history, order)?;
    }
    if certificate.level.implies(Level::StrongSessionSerializable) {
        in_sessions(history, order)?;
    }
    Ok(())
}

/// The steps of a transaction, and whether what they saw was told.
fn steps<'h>(op: &Operation<'h>) -> Option<(MicroOps<'h>, bool)> {
    let told = (op.outcome == Outcome::Ok)
        .then(|| op.output_micro_ops())
        .flatten();
    match told {
        Some(steps) => Some((steps, true)),
        None => Some((op.input_micro_ops()?, false)),
    }
}

/// The predicates that transactions of the order read by.
fn predicates<'h>(history: &'h History, order: &[OpId]) -> Matching<'h> {
    let mut found = BTreeMap::new();
    for &id in order.iter().filter(|id| id.index() < history.len()) {
        let op = history.operation(id);
        for step in steps(&op).into_iter().flat_map(|(steps, _)| steps) {
            if step.kind == MicroKind::Predicate
                && let Some(predicate) = Predicate::read(history.key(step.key))
            {
                found.entry(step.key).or_insert((predicate, 0));
            }
        }
    }
    found
}

impl<'h> Database<'h> {
    fn step(&mut self, id: OpId, step: MicroOp<'h>, told: bool) -> Result<(), Unproven> {
        let not_understood = Unproven::NotUnderstood { operation: id };
        match (step.kind, step.argument) {
            (MicroKind::Read | MicroKind::Predicate, _) if !told => Ok(()),
            (MicroKind::Append, Argument::One(element)) => {
                match self.keys.entry(step.key).or_insert(Held::List(Vec::new())) {
                    Held::List(list) => {
                        list.push(element);
                        Ok(())
                    }
                    Held::Value(_) => Err(not_understood),
                }
            }
            (MicroKind::Write, Argument::One(value)) => {
                let before = match self.keys.insert(step.key, Held::Value(value)) {
                    Some(Held::Value(before)) => before,
                    Some(Held::List(_)) => return Err(not_understood),
                    None => ValueId::NIL,
                };
                let name = self.history.key(step.key);
                for (predicate, count) in self.matching.values_mut() {
                    *count += usize::from(predicate.matches(name, self.history.value(value)));
                    *count -= usize::from(predicate.matches(name, self.history.value(before)));
                }
                Ok(())
            }
            (MicroKind::Read, read) => {
                self.holds(step.key, read)
                    .then_some(())
                    .ok_or_else(|| Unproven::OtherRead {
                        operation: id,
                        key: self.history.key(step.key).clone(),
                    })
            }
            (MicroKind::Predicate, read) => {
                let Some(&(predicate, count)) = self.matching.get(&step.key) else {
                    return Err(not_understood);
                };
                let pairs = pairs(self.history, read).ok_or(not_understood)?;
                let names: FxHashSet<&Value> = pairs.iter().map(|&(name, _)| name).collect();
                let is_held = pairs.iter().all(|&(name, value)| {
                    let key = self.by_name.get(name).and_then(|key| self.keys.get(key));
                    predicate.matches(name, value)
                        && matches!(key, Some(Held::Value(held)) if self.history.value(*held) == value)
                });
                if is_held && names.len() == count {
                    return Ok(());
                }
                Err(Unproven::OtherRead {
                    operation: id,
                    key: self.history.key(step.key).clone(),
                })
            }
            _ => Err(not_understood),
        }
    }

    /// Whether a key holds what was read of it.
    fn holds(&self, key: KeyId, read: Argument<'_>) -> bool {
        match (self.keys.get(&key), read) {
            (None, Argument::One(value)) => value == ValueId::NIL,
            (None, Argument::List(list)) => list.is_empty(),
            (Some(Held::Value(held)), Argument::One(value)) => *held == value,
            (Some(Held::Value(held)), Argument::List(list)) => {
                let list = list.iter().map(|&element| self.history.value(element));
                (self.history.value(*held).as_list()).is_some_and(|held| held.iter().eq(list))
            }
            (Some(Held::List(held)), Argument::List(list)) => held == list,
            (Some(Held::List(held)), Argument::One(value)) => {
                value == ValueId::NIL && held.is_empty()
            }
        }
    }
}

/// The pairs that a read by predicate returned: key and value.
fn pairs<'h>(history: &'h History, read: Argument<'h>) -> Option<Vec<(&'h Value, &'h Value)>> {
    match read {
        Argument::One(ValueId::NIL) => Some(Vec::new()),
        Argument::One(pairs) => history
            .value(pairs)
            .as_list()?
            .iter()
            .map(Value::as_pair)
            .collect(),
        Argument::List(pairs) => pairs
            .iter()
            .map(|&pair| history.value(pair).as_pair())
            .collect(),
    }
}

/// Nobody stands behind one that was sent only after it had returned.
fn in_real_time(history: &History, order: &[OpId]) -> Result<(), Unproven> {
    let mut latest: Option<(Time, OpId)> = None;
    for &id in order {
        let op = history.operation(id);
        if let Some((invoked, before)) = latest
            && op.end() < invoked
        {
            return Err(Unproven::OutOfTime {
                operation: id,
                before,
            });
        }
        if latest.is_none_or(|(invoked, _)| invoked < op.invoked) {
            latest = Some((op.invoked, id));
        }
    }
    Ok(())
}

/// Each session's own stand as it sent them.
fn in_sessions(history: &History, order: &[OpId]) -> Result<(), Unproven> {
    let mut last = FxHashMap::default();
    for &id in order {
        if let Some(before) = last.insert(history.operation(id).process, id)
            && id < before
        {
            return Err(Unproven::OutOfSession {
                operation: id,
                before,
            });
        }
    }
    Ok(())
}
