//! The objects of a history, one per key, as columns of small numbers.
//!
//! Checkers that judge key by key read these instead of the history: the operations of a key stand next to each other,
//! keys are found by themselves, and a value is a number counted from 0 within its key, so "who wrote it" is an index
//! into an array and not a lookup.

use std::ops::Range;

use rustc_hash::FxHashMap;
use schism_history::{F, History, KeyId, OpId, Operation, Outcome, Time, Value, ValueId};

use crate::linearizable::finds_objects;
use crate::models::RegisterAction;

/// One operation on one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call<A> {
    /// Which operation it is.
    pub(crate) id: OpId,
    /// What it did.
    pub(crate) action: A,
    /// When it was sent.
    pub(crate) invoked: Time,
    /// When it had happened at the latest; [`Time::NEVER`] when it may happen at any time, or never.
    pub(crate) end: Time,
}

impl<A> Call<A> {
    /// Whether it happened for sure.
    pub(crate) fn is_certain(&self) -> bool {
        self.end != Time::NEVER
    }
}

/// All registers of a history.
#[derive(Debug, Default)]
pub(crate) struct Registers {
    calls: Vec<Call<RegisterAction>>,
    /// In order of first use.
    pub(crate) objects: Vec<RegisterObject>,
}

/// One register: a key that is read, written, and compared and set.
#[derive(Clone, Debug)]
pub(crate) struct RegisterObject {
    /// Its key.
    pub(crate) key: KeyId,
    /// How many values its calls mention, the first one (nil, number 0) included.
    pub(crate) values: u32,
    /// A compare-and-set that does not say `[expected, new]`: with it left out, nothing is known about the key.
    pub(crate) unreadable: Option<OpId>,
    calls: Range<usize>,
}

impl Registers {
    /// Finds the registers of a history: keys with reads, writes or compare-and-sets and nothing else. What surely did
    /// not happen (`fail`) is left out, and so is a read that came to no end: neither tells anything.
    /// O(operations) time, 40 bytes an operation.
    pub(crate) fn of(history: &History) -> Self {
        let groups = history.by_key();
        Self::among(history, groups.iter().map(|(key, ids)| (*key, &ids[..])))
    }

    /// The same, but only of these keys; each with all its operations, in order of invocation.
    pub(crate) fn among<'g>(
        history: &History,
        groups: impl IntoIterator<Item = (KeyId, &'g [OpId])>,
    ) -> Self {
        let others = finds_objects(history);
        let mut numbers: Option<Numbers<'_>> = None;
        let mut registers = Self::default();
        let (columns, functions) = (history.columns(), history.functions());
        for (key, ids) in groups {
            let Some(Uses { cas, .. }) = uses(history, ids).filter(|uses| uses.writes || !others)
            else {
                continue;
            };
            let numbers = numbers.get_or_insert_with(|| Numbers::new(history));
            numbers.begin(cas);
            let begin = registers.calls.len();
            registers.calls.extend(ids.iter().filter_map(|&id| {
                let i = id.index();
                let outcome = columns.outcomes[i];
                let row = Row {
                    id,
                    f: &functions[usize::from(columns.functions[i])],
                    outcome,
                    input: columns.inputs[i],
                    output: columns.outputs[i],
                };
                let action = numbers.action(row)?;
                Some(Call {
                    id,
                    action,
                    invoked: columns.invoked[i],
                    end: match outcome {
                        Outcome::Ok => columns.completed[i],
                        Outcome::Fail | Outcome::Info => Time::NEVER,
                    },
                })
            }));
            registers.objects.push(RegisterObject {
                key,
                values: numbers.count,
                unreadable: numbers.unreadable,
                calls: begin..registers.calls.len(),
            });
        }
        registers
    }

    /// The calls of one of the objects, in order of invocation.
    pub(crate) fn calls(&self, object: &RegisterObject) -> &[Call<RegisterAction>] {
        &self.calls[object.calls.clone()]
    }

    /// How many calls there are, on all objects together.
    pub(crate) fn call_count(&self) -> usize {
        self.calls.len()
    }
}

/// The value that an operation on a register found, if it says so.
pub(crate) fn found<'h>(op: &Operation<'h>) -> Option<&'h Value> {
    match op.f() {
        F::Read => Some(op.output()),
        F::Cas => op.input().as_pair().map(|(old, _)| old),
        _ => None,
    }
}

/// The value that an operation on a register wrote, or would have written.
pub(crate) fn written<'h>(op: &Operation<'h>) -> Option<&'h Value> {
    match op.f() {
        F::Write => Some(op.input()),
        F::Cas => op.input().as_pair().map(|(_, new)| new),
        _ => None,
    }
}

/// What there is to know about an operation to say what it did.
#[derive(Clone, Copy)]
struct Row<'h> {
    id: OpId,
    f: &'h F,
    outcome: Outcome,
    input: ValueId,
    output: ValueId,
}

/// What the operations of a register do.
struct Uses {
    /// Whether any writes, or compares and sets. In a history of other objects, a key that is only read is one of those.
    writes: bool,
    /// Whether any compares and sets.
    cas: bool,
}

/// What these operations of one key do, if they are those of a register.
fn uses(history: &History, ids: &[OpId]) -> Option<Uses> {
    let functions = history.functions();
    let column = history.columns().functions;
    let mut occurs = [false; 256];
    for id in ids {
        occurs[usize::from(column[id.index()])] = true;
    }
    let mut uses = Uses {
        writes: false,
        cas: false,
    };
    for (f, _) in functions.iter().zip(occurs).filter(|&(_, occurs)| occurs) {
        match f {
            F::Read => {}
            F::Write => uses.writes = true,
            F::Cas => {
                uses.writes = true;
                uses.cas = true;
            }
            _ => return None,
        }
    }
    Some(uses)
}

/// Numbers the values of one key after the other.
struct Numbers<'h> {
    history: &'h History,
    /// The key for which `number` holds, by the history's own number of the value.
    epoch_of: Vec<u32>,
    number: Vec<u32>,
    epoch: u32,
    count: u32,
    /// Compare-and-sets name values inside a list, and those have no number in the history: where a key has any, its
    /// values are looked up by what they are.
    by_value: Option<FxHashMap<&'h Value, u32>>,
    pairs: FxHashMap<ValueId, (u32, u32)>,
    unreadable: Option<OpId>,
}

impl<'h> Numbers<'h> {
    fn new(history: &'h History) -> Self {
        Self {
            history,
            epoch_of: vec![0; history.value_count()],
            number: vec![0; history.value_count()],
            epoch: 0,
            count: 0,
            by_value: None,
            pairs: FxHashMap::default(),
            unreadable: None,
        }
    }

    fn begin(&mut self, cas: bool) {
        self.epoch += 1;
        self.count = 1;
        self.by_value = cas.then(FxHashMap::default);
        self.pairs.clear();
        self.unreadable = None;
    }

    fn action(&mut self, row: Row<'_>) -> Option<RegisterAction> {
        match (row.outcome, row.f) {
            (Outcome::Ok, F::Read) => Some(RegisterAction::Read(self.of_id(row.output))),
            (Outcome::Ok | Outcome::Info, F::Write) => {
                Some(RegisterAction::Write(self.of_id(row.input)))
            }
            (Outcome::Ok | Outcome::Info, F::Cas) => {
                let (old, new) = self.of_pair(row)?;
                let is_refused = || *self.history.value(row.output) == Value::Bool(false);
                if row.outcome == Outcome::Ok && is_refused() {
                    Some(RegisterAction::Unlike(old))
                } else {
                    Some(RegisterAction::Cas(old, new))
                }
            }
            _ => None,
        }
    }

    fn of_id(&mut self, id: ValueId) -> u32 {
        if id == ValueId::NIL {
            return 0;
        }
        let i = id.0 as usize;
        if self.epoch_of[i] != self.epoch {
            self.epoch_of[i] = self.epoch;
            self.number[i] = self.of_value(self.history.value(id));
        }
        self.number[i]
    }

    fn of_value(&mut self, value: &'h Value) -> u32 {
        if value.is_nil() {
            return 0;
        }
        let next = self.count;
        let number = match &mut self.by_value {
            Some(by_value) => *by_value.entry(value).or_insert(next),
            None => next,
        };
        if number == next {
            self.count += 1;
        }
        number
    }

    fn of_pair(&mut self, row: Row<'_>) -> Option<(u32, u32)> {
        if let Some(&pair) = self.pairs.get(&row.input) {
            return Some(pair);
        }
        let Some((old, new)) = self.history.value(row.input).as_pair() else {
            self.unreadable = self.unreadable.or(Some(row.id));
            return None;
        };
        let pair = (self.of_value(old), self.of_value(new));
        self.pairs.insert(row.input, pair);
        Some(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RegisterAction::{Cas, Read, Unlike, Write};
    use schism_history::testing;

    fn actions(drawing: &str) -> Vec<(Value, Vec<RegisterAction>, u32)> {
        let history = testing::history(drawing);
        let registers = Registers::of(&history);
        registers
            .objects
            .iter()
            .map(|object| {
                let calls = registers.calls(object).iter();
                (
                    history.key(object.key).clone(),
                    calls.map(|call| call.action).collect(),
                    object.values,
                )
            })
            .collect()
    }

    #[test]
    fn values_are_numbered_within_their_key() {
        let found = actions(
            "
            0 |w x 7|
            1        |w y 9|
            0               |r x -> 7|
            1               |r y -> nil|
            0                           |w x 9 ?
            ",
        );
        assert_eq!(
            found,
            [
                (Value::from("x"), vec![Write(1), Read(1), Write(2)], 3),
                (Value::from("y"), vec![Write(1), Read(0)], 2),
            ]
        );
    }

    #[test]
    fn values_inside_a_compare_and_set_are_the_same_values() {
        let found = actions(
            "
            0 |w x 7|
            1        |cas x 7 8|
            0                   |r x -> 8|
            1                   |cas x 9 7 -> false|
            2                              |cas x nil 7 ?
            ",
        );
        assert_eq!(
            found[0].1,
            [Write(1), Cas(1, 2), Read(2), Unlike(3), Cas(0, 1)]
        );
    }

    #[test]
    fn what_tells_nothing_is_left_out() {
        let found = actions(
            "
            0 |w x 7 !|
            1 |r x -> 7 !|
            2 |r x ?
            3 |cas x 1 2 !|
            ",
        );
        assert_eq!(found, [(Value::from("x"), vec![], 1)]);
    }

    #[test]
    fn a_compare_and_set_that_cannot_be_read_is_remembered() {
        let history = testing::history("0 |cas x 7 ?");
        let registers = Registers::of(&history);
        assert_eq!(registers.objects[0].unreadable, Some(OpId(0)));
    }

    #[test]
    fn sets_and_transactions_are_no_registers() {
        let found = actions(
            "
            0 |add s 7|
            1          |r s -> [7]|
            1                      |r t -> []|
            0          |txn nil [append,x,1]|
            0                                |w x 1|
            ",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, Value::from("x"));
    }
}
