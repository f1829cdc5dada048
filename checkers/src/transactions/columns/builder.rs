//! Reads the steps of a history into columns.

use schism_history::{
    Argument, F, History, KeyId, MicroKind, MicroOp, Operation, Outcome, Value, ValueId,
};

use super::keys::{Key, Owners};
use super::sessions::body;
use super::{Branch, Include, Matched, NONE, StepKind, Transactions};
use crate::transactions::numbering::Numbering;

/// Branches of a key that a list is compared with. A database that gives more than these is broken in so many ways
/// that some lists may stand twice.
const COMPARED: usize = 16;

/// Reads operations in the order in which they were sent.
pub(super) struct Builder<'h> {
    history: &'h History,
    transactions: Transactions<'h>,
    key_numbers: Numbering<'h>,
    /// The keys' numbers by the history's own; [`NONE`] for those not seen yet.
    by_id: Vec<u32>,
    owners: Owners,
    predicate_numbers: Numbering<'h>,
    keys: Vec<Key<'h>>,
}

impl<'h> Builder<'h> {
    /// Numbers the transactions; their steps are still to be read.
    pub(super) fn new(history: &'h History, include: Include) -> Self {
        let mut transactions = Transactions::default();
        transactions.number(history, include);
        Self {
            history,
            transactions,
            key_numbers: Numbering::default(),
            by_id: vec![NONE; history.key_count()],
            owners: Owners::new(history),
            predicate_numbers: Numbering::default(),
            keys: Vec::new(),
        }
    }

    /// Reads all steps.
    pub(super) fn build(mut self) -> Transactions<'h> {
        for i in 0..self.transactions.by_time.len() {
            let t = self.transactions.by_time[i];
            self.transactions.first_step[t as usize] = self.transactions.kind.len() as u32;
            self.transaction(t);
            self.transactions.end_step[t as usize] = self.transactions.kind.len() as u32;
        }
        if !self.transactions.branch.is_empty() {
            let steps = self.transactions.kind.len();
            self.transactions.branch.resize(steps, NONE);
        }
        self.transactions.settle(&self.keys);
        self.transactions
    }

    fn transaction(&mut self, t: u32) {
        let id = self.transactions.ops[t as usize];
        let op = self.history.operation(id);
        if let Some(revision) = op.revision() {
            let count = self.transactions.ops.len();
            self.transactions.revision.resize(count, None);
            self.transactions.revision[t as usize] = Some(revision);
        }
        if *op.f() != F::Txn {
            self.single(&op);
            return;
        }
        let (steps, told) = body(self.history, id.index());
        if let Some(steps) = self.history.micro_ops(steps) {
            for step in steps {
                if self.step(step, told).is_none() {
                    self.transactions.unreadable(id);
                }
            }
            return;
        }
        let steps = self.history.value(steps);
        for step in steps.as_list().unwrap_or_default() {
            if self.micro_operation(step, told).is_none() {
                self.transactions.unreadable(id);
            }
        }
        if !matches!(steps, Value::List(_) | Value::Nil) {
            self.transactions.unreadable(id);
        }
    }

    fn step(&mut self, step: MicroOp<'h>, told: bool) -> Option<()> {
        if step.kind == MicroKind::Predicate {
            let pairs: Option<Vec<&'h Value>> = match (told, step.argument) {
                (false, _) => None,
                (true, Argument::List(pairs)) => {
                    Some(pairs.iter().map(|&pair| self.history.value(pair)).collect())
                }
                (true, Argument::One(ValueId::NIL)) => Some(Vec::new()),
                (true, Argument::One(pairs)) => {
                    Some(self.history.value(pairs).as_list()?.iter().collect())
                }
            };
            self.predicate(self.history.key(step.key), pairs)?;
            self.version(step.version);
            return Some(());
        }
        if let (MicroKind::Other, Argument::One(step)) = (step.kind, step.argument) {
            return self.micro_operation(self.history.value(step), told);
        }
        let key = self.key_of(step.key);
        match (step.kind, step.argument) {
            (MicroKind::Read, _) if !told => self.push(StepKind::ReadUnknown, key, 0, NONE),
            (MicroKind::Read, Argument::List(list)) => self.read_ids(key, list),
            (MicroKind::Read, Argument::One(value)) => {
                self.read_value(key, self.history.value(value));
            }
            (MicroKind::Write, Argument::One(value)) => {
                self.keys[key as usize].written = true;
                let value = self.value_of(key, value);
                self.push(StepKind::Write, key, value, NONE);
            }
            (MicroKind::Append, Argument::One(value)) => {
                self.keys[key as usize].appended = true;
                let value = self.value_of(key, value);
                self.push(StepKind::Append, key, value, NONE);
            }
            _ => return None,
        }
        self.version(step.version);
        Some(())
    }

    /// The version that the last step names.
    fn version(&mut self, version: Option<i64>) {
        if let Some(version) = version {
            let place = self.transactions.kind.len() as u32 - 1;
            self.transactions.version.insert(place, version);
        }
    }

    fn micro_operation(&mut self, step: &'h Value, told: bool) -> Option<()> {
        let step = step.as_list()?;
        let (name, key, argument) = match step {
            [name, key, argument] | [name, key, argument, _] => (name.as_text()?, key, argument),
            [name, key] => (name.as_text()?, key, &Value::Nil),
            _ => return None,
        };
        match name {
            "r" if told => self.read(key, argument),
            "r" => {
                let key = self.key(key);
                self.push(StepKind::ReadUnknown, key, 0, NONE);
            }
            "w" => self.write(key, argument),
            "append" => {
                let key = self.key(key);
                self.append_value(key, argument);
            }
            "p" => {
                let matched = match (told, argument) {
                    (true, Value::List(pairs)) => Some(pairs.iter().collect()),
                    (true, Value::Nil) => Some(Vec::new()),
                    (true, _) => return None,
                    (false, _) => None,
                };
                self.predicate(key, matched)?;
            }
            _ => return None,
        }
        if let [_, _, _, version] = step
            && !version.is_nil()
        {
            let place = self.transactions.kind.len() as u32 - 1;
            self.transactions.version.insert(place, version.as_int()?);
        }
        Some(())
    }

    /// A single operation on a key.
    fn single(&mut self, op: &Operation<'h>) {
        let ok = op.outcome == Outcome::Ok;
        match (op.f(), op.input().as_pair()) {
            (F::Read, _) if ok => self.read(op.key(), op.output()),
            (F::Read, _) => {
                let key = self.key(op.key());
                self.push(StepKind::ReadUnknown, key, 0, NONE);
            }
            (F::Write, _) => self.write(op.key(), op.input()),
            (F::Append, _) => {
                let key = self.key(op.key());
                self.append_value(key, op.input());
            }
            // What it is told it does not hold is no value that it read.
            (F::Cas, Some(_)) if ok && *op.output() == Value::Bool(false) => {}
            // If it happened, it found what it expected.
            (F::Cas, Some((old, new))) => {
                self.read(op.key(), old);
                self.write(op.key(), new);
            }
            _ => self.transactions.unreadable(op.id),
        }
    }

    fn write(&mut self, key: &'h Value, value: &'h Value) {
        let key = self.key(key);
        self.write_value(key, value);
    }

    fn write_value(&mut self, key: u32, value: &'h Value) {
        self.keys[key as usize].written = true;
        let value = self.value(key, value);
        self.push(StepKind::Write, key, value, NONE);
    }

    fn append_value(&mut self, key: u32, value: &'h Value) {
        self.keys[key as usize].appended = true;
        let value = self.value(key, value);
        self.push(StepKind::Append, key, value, NONE);
    }

    fn read(&mut self, key: &'h Value, value: &'h Value) {
        let key = self.key(key);
        self.read_value(key, value);
    }

    fn read_value(&mut self, key: u32, value: &'h Value) {
        if let Value::List(list) = value {
            self.keys[key as usize].reads_lists = true;
            let elements: Vec<u32> = list.iter().map(|value| self.value(key, value)).collect();
            let branch = self.branch(key, elements, &[]);
            self.push(StepKind::ReadList, key, list.len() as u32, branch);
        } else {
            let value = self.value(key, value);
            self.push(StepKind::Read, key, value, NONE);
        }
    }

    /// A list by the history's own numbers. What was read of the same memory before is not looked at again.
    fn read_ids(&mut self, key: u32, list: &'h [ValueId]) {
        self.keys[key as usize].reads_lists = true;
        let length = list.len() as u32;
        if list.is_empty() {
            self.push(StepKind::ReadList, key, length, NONE);
            return;
        }
        let known = &self.keys[key as usize].branches;
        let found = known.iter().take(COMPARED).copied().find(|&branch| {
            let branch = &self.transactions.branches[branch as usize];
            let both = branch.ids.len().min(list.len());
            both > 0
                && (list.len() <= both || branch.ids.len() == branch.elements.len())
                && (std::ptr::eq(branch.ids.as_ptr(), list.as_ptr())
                    || branch.ids[both - 1] == list[both - 1] && branch.ids[..both] == list[..both])
        });
        let Some(branch) = found else {
            let elements = list.iter().map(|&value| self.value_of(key, value));
            let elements: Vec<u32> = elements.collect();
            let branch = self.branch(key, elements, list);
            self.push(StepKind::ReadList, key, length, branch);
            return;
        };
        let place = branch as usize;
        let known = self.transactions.branches[place].ids.len();
        if list.len() > known {
            for &value in &list[known..] {
                let element = self.value_of(key, value);
                self.transactions.branches[place].elements.push(element);
            }
            self.transactions.branches[place].ids = list;
        }
        self.push(StepKind::ReadList, key, length, branch);
    }

    /// A branch that the list is a beginning of.
    fn branch(&mut self, key: u32, list: Vec<u32>, ids: &'h [ValueId]) -> u32 {
        if list.is_empty() {
            return NONE;
        }
        let known = &self.keys[key as usize].branches;
        let found = known.iter().take(COMPARED).copied().find(|&branch| {
            let elements = &self.transactions.branches[branch as usize].elements;
            let both = elements.len().min(list.len());
            // The ends differ first where lists differ at all.
            elements[both - 1] == list[both - 1] && elements[..both] == list[..both]
        });
        if let Some(found) = found {
            let branch = &mut self.transactions.branches[found as usize];
            if list.len() > branch.elements.len() {
                branch.elements = list;
                branch.ids = ids;
            }
            return found;
        }
        let branch = self.transactions.branches.len() as u32;
        self.transactions.branches.push(Branch {
            key,
            elements: list,
            ids,
        });
        self.keys[key as usize].branches.push(branch);
        branch
    }

    fn predicate(&mut self, predicate: &'h Value, pairs: Option<Vec<&'h Value>>) -> Option<()> {
        let next = self.predicate_numbers.count();
        let number = self.predicate_numbers.number(predicate);
        if number == next {
            self.transactions.predicates.push(predicate);
        }
        let Some(pairs) = pairs else {
            self.push(StepKind::ReadUnknown, NONE, 0, NONE);
            return Some(());
        };
        let mut matched = Matched::with_capacity(pairs.len());
        for pair in pairs {
            let (key, value) = pair.as_pair()?;
            let key = self.key(key);
            matched.push((key, self.value(key, value)));
        }
        let place = self.transactions.matched.len() as u32;
        self.transactions.matched.push(matched);
        self.push(StepKind::Predicate, number, place, NONE);
        Some(())
    }

    fn push(&mut self, kind: StepKind, key: u32, value: u32, branch: u32) {
        let columns = &mut self.transactions;
        columns.kind.push(kind);
        columns.key.push(key);
        columns.value.push(value);
        if branch != NONE {
            columns.branch.resize(columns.kind.len() - 1, NONE);
            columns.branch.push(branch);
        }
    }

    fn key_of(&mut self, id: KeyId) -> u32 {
        let known = self.by_id[id.0 as usize];
        if known != NONE {
            return known;
        }
        let key = self.key(self.history.key(id));
        self.by_id[id.0 as usize] = key;
        key
    }

    fn key(&mut self, key: &'h Value) -> u32 {
        let next = self.key_numbers.count();
        let number = self.key_numbers.number(key);
        if number == next {
            self.transactions.keys.push(key);
            self.transactions.values.push(vec![&Value::Nil]);
            self.keys.push(Key::new());
        }
        number
    }

    fn value(&mut self, key: u32, value: &'h Value) -> u32 {
        let values = &mut self.transactions.values[key as usize];
        self.keys[key as usize].number_of(value, values)
    }

    fn value_of(&mut self, key: u32, value: ValueId) -> u32 {
        let values = &mut self.transactions.values[key as usize];
        let known = &mut self.keys[key as usize];
        self.owners.number(self.history, value, key, known, values)
    }
}
