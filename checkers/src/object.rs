//! The objects of a history, one per key, as columns of small numbers.
//!
//! Checkers that judge key by key read these instead of the history: the operations of a key stand next to each other,
//! keys are found by themselves, and a value is a number counted from 0 within its key, so "who wrote it" is an index
//! into an array and not a lookup.

use std::ops::Range;

use rustc_hash::FxHashMap;
use schism_history::{
    Columns, F, History, KeyId, OpId, Operation, Outcome, Process, Time, Value, ValueId,
};

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
    /// The numbers of the processes that called.
    clients: Vec<u32>,
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
    /// O(operations) time, 36 bytes an operation.
    pub(crate) fn of(history: &History) -> Self {
        let columns = history.columns();
        let classes = Class::of_all(history);
        // One walk through the columns says how much room each key needs, another one puts the calls there: millions of
        // operations on many keys are read in the order in which they stand in memory.
        let mut tallies = vec![Tally::default(); history.key_count()];
        for ((&f, &outcome), key) in columns
            .functions
            .iter()
            .zip(columns.outcomes)
            .zip(columns.keys)
        {
            let class = classes[usize::from(f)];
            let tally = &mut tallies[key.0 as usize];
            tally.occurs |= 1 << class as u8;
            tally.calls += u32::from(class.tells(outcome));
        }
        let others = finds_objects(history);
        let mut registers = Self::default();
        let mut count = 0;
        let mut places = vec![NONE; tallies.len()];
        for (key, tally) in tallies.iter().enumerate() {
            if tally.uses().is_some_and(|uses| uses.writes || !others) {
                places[key] = count;
                count += tally.calls;
            }
        }
        let nothing = Call {
            id: OpId(0),
            action: RegisterAction::Read(0),
            invoked: Time::ZERO,
            end: Time::ZERO,
        };
        registers.calls = vec![nothing; count as usize];
        registers.clients = vec![0; count as usize];
        let mut clients: FxHashMap<Process, u32> = FxHashMap::default();
        let mut next = places.clone();
        for i in 0..history.len() {
            let place = &mut next[columns.keys[i].0 as usize];
            if *place == NONE {
                continue;
            }
            let class = classes[usize::from(columns.functions[i])];
            let Some(call) = class.call(&columns, i) else {
                continue;
            };
            let number = clients.len() as u32;
            let process = history.operation(call.id).process;
            registers.calls[*place as usize] = call;
            registers.clients[*place as usize] = *clients.entry(process).or_insert(number);
            *place += 1;
        }
        let mut numbers = Numbers::new(history, count > 0);
        for (key, tally) in tallies.iter().enumerate() {
            let Some(uses) = tally.uses().filter(|_| places[key] != NONE) else {
                continue;
            };
            let calls = places[key] as usize..next[key] as usize;
            registers.number(&mut numbers, KeyId(key as u32), uses, calls);
        }
        registers
    }

    /// The same, but only of these keys; each with all its operations, in order of invocation. Who called is not told.
    pub(crate) fn among<'g>(
        history: &History,
        groups: impl IntoIterator<Item = (KeyId, &'g [OpId])>,
    ) -> Self {
        let others = finds_objects(history);
        let mut numbers: Option<Numbers<'_>> = None;
        let mut registers = Self::default();
        let (columns, classes) = (history.columns(), Class::of_all(history));
        for (key, ids) in groups {
            let mut tally = Tally::default();
            for id in ids {
                tally.occurs |= 1 << classes[usize::from(columns.functions[id.index()])] as u8;
            }
            let Some(uses) = tally.uses().filter(|uses| uses.writes || !others) else {
                continue;
            };
            let begin = registers.calls.len();
            registers.calls.extend(ids.iter().filter_map(|&id| {
                let class = classes[usize::from(columns.functions[id.index()])];
                class.call(&columns, id.index())
            }));
            let numbers = numbers.get_or_insert_with(|| Numbers::new(history, true));
            let calls = begin..registers.calls.len();
            registers.number(numbers, key, uses, calls);
        }
        registers
    }

    /// Numbers the values of one key's calls, which so far have the history's own numbers.
    fn number(
        &mut self,
        numbers: &mut Numbers<'_>,
        key: KeyId,
        uses: Uses,
        mut calls: Range<usize>,
    ) {
        numbers.begin(uses.cas);
        let mut kept = calls.start;
        for i in calls.clone() {
            let mut call = self.calls[i];
            let Some(action) = numbers.action(&call) else {
                continue;
            };
            call.action = action;
            self.calls[kept] = call;
            if let Some(&client) = self.clients.get(i) {
                self.clients[kept] = client;
            }
            kept += 1;
        }
        calls.end = kept;
        self.objects.push(RegisterObject {
            key,
            values: numbers.count,
            unreadable: numbers.unreadable,
            calls,
        });
    }

    /// The calls of one of the objects, in order of invocation.
    pub(crate) fn calls(&self, object: &RegisterObject) -> &[Call<RegisterAction>] {
        &self.calls[object.calls.clone()]
    }

    /// The same, each with the number of the process that called: they are numbered from 0, in order of first use. Only
    /// where the registers of the whole history were looked for.
    pub(crate) fn calls_of_clients(
        &self,
        object: &RegisterObject,
    ) -> impl Iterator<Item = (&Call<RegisterAction>, u32)> {
        let clients = self.clients[object.calls.clone()].iter().copied();
        self.calls(object).iter().zip(clients)
    }

    /// How many calls there are, on all objects together.
    pub(crate) fn call_count(&self) -> usize {
        self.objects.iter().map(|object| object.calls.len()).sum()
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

/// What a function means to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Read,
    Write,
    Cas,
    /// No register is asked that.
    Other,
}

impl Class {
    /// Of each function of a history, in order.
    fn of_all(history: &History) -> Vec<Self> {
        let functions = history.functions().iter();
        functions
            .map(|f| match f {
                F::Read => Self::Read,
                F::Write => Self::Write,
                F::Cas => Self::Cas,
                _ => Self::Other,
            })
            .collect()
    }

    /// Whether an operation tells anything if it ended like this.
    fn tells(self, outcome: Outcome) -> bool {
        match self {
            Self::Read => outcome == Outcome::Ok,
            Self::Write | Self::Cas => outcome != Outcome::Fail,
            Self::Other => false,
        }
    }

    /// An operation as a call, if it tells anything. Values have the history's own numbers; of a compare-and-set, these are
    /// its argument and its result.
    fn call(self, columns: &Columns<'_>, i: usize) -> Option<Call<RegisterAction>> {
        let outcome = columns.outcomes[i];
        let (input, output) = (columns.inputs[i].0, columns.outputs[i].0);
        let action = match self {
            _ if !self.tells(outcome) => return None,
            Self::Read => RegisterAction::Read(output),
            Self::Write => RegisterAction::Write(input),
            Self::Cas => RegisterAction::Cas(input, output),
            Self::Other => return None,
        };
        Some(Call {
            id: OpId(i as u32),
            action,
            invoked: columns.invoked[i],
            end: match outcome {
                Outcome::Ok => columns.completed[i],
                Outcome::Fail | Outcome::Info => Time::NEVER,
            },
        })
    }
}

/// What the operations of a register do.
#[derive(Clone, Copy)]
struct Uses {
    /// Whether any writes, or compares and sets. In a history of other objects, a key that is only read is one of those.
    writes: bool,
    /// Whether any compares and sets.
    cas: bool,
}

/// What is done to one key.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// One bit for each [`Class`] that occurs.
    occurs: u8,
    /// Operations that tell anything.
    calls: u32,
}

impl Tally {
    /// What the operations do, if they are those of a register.
    fn uses(self) -> Option<Uses> {
        let any = |class: Class| self.occurs & (1 << class as u8) != 0;
        let uses = Uses {
            writes: any(Class::Write) || any(Class::Cas),
            cas: any(Class::Cas),
        };
        (self.occurs != 0 && !any(Class::Other)).then_some(uses)
    }
}

const NONE: u32 = u32::MAX;

/// Numbers the values of one key after the other.
struct Numbers<'h> {
    history: &'h History,
    /// By the history's own number of a value: the number of the key for which it holds (the upper half), and the number
    /// within that key.
    packed: Vec<u64>,
    epoch: u32,
    count: u32,
    /// Compare-and-sets name values inside a list, and those have no number in the history: where a key has any, its
    /// values are looked up by what they are.
    by_value: Option<FxHashMap<&'h Value, u32>>,
    pairs: FxHashMap<ValueId, (u32, u32)>,
    unreadable: Option<OpId>,
}

impl<'h> Numbers<'h> {
    fn new(history: &'h History, any: bool) -> Self {
        Self {
            history,
            packed: vec![0; if any { history.value_count() } else { 0 }],
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

    /// What a call does, in numbers of this key; `None` if that cannot be read.
    fn action(&mut self, call: &Call<RegisterAction>) -> Option<RegisterAction> {
        Some(match call.action {
            RegisterAction::Read(value) => RegisterAction::Read(self.of_id(value)),
            RegisterAction::Write(value) => RegisterAction::Write(self.of_id(value)),
            RegisterAction::Cas(input, output) => {
                let (old, new) = self.of_pair(call.id, ValueId(input))?;
                let is_refused = || *self.history.value(ValueId(output)) == Value::Bool(false);
                if call.is_certain() && is_refused() {
                    RegisterAction::Unlike(old)
                } else {
                    RegisterAction::Cas(old, new)
                }
            }
            RegisterAction::Unlike(_) => return None,
        })
    }

    fn of_id(&mut self, id: u32) -> u32 {
        if id == ValueId::NIL.0 {
            return 0;
        }
        let known = self.packed[id as usize];
        if (known >> 32) as u32 == self.epoch {
            return known as u32;
        }
        let number = if self.by_value.is_some() {
            self.of_value(self.history.value(ValueId(id)))
        } else {
            self.count += 1;
            self.count - 1
        };
        self.packed[id as usize] = u64::from(self.epoch) << 32 | u64::from(number);
        number
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

    fn of_pair(&mut self, id: OpId, input: ValueId) -> Option<(u32, u32)> {
        if let Some(&pair) = self.pairs.get(&input) {
            return Some(pair);
        }
        let Some((old, new)) = self.history.value(input).as_pair() else {
            self.unreadable = self.unreadable.or(Some(id));
            return None;
        };
        let pair = (self.of_value(old), self.of_value(new));
        self.pairs.insert(input, pair);
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
