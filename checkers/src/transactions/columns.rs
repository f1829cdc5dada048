//! The transactions of a history, as columns of small numbers.
//!
//! Transactions are numbered session by session, each session's own in the order it sent them: "the next one of its
//! session" is the next number. Steps stand next to each other. Keys are numbered from 0, and values from 0 within their
//! key, where 0 is nil: what a key holds before anybody wrote it. So "who wrote it" is an index into an array.
//!
//! A list that was read is not copied. A key has *branches*: longest lists, of which the lists that were read are
//! beginnings. A list that only grows has one branch, however often it is read, so memory is O(appends) and not
//! O(elements read).

use std::ops::Range;

use rustc_hash::FxHashMap;
use schism_history::{
    Argument, F, History, KeyId, MicroKind, MicroOp, OpId, Operation, Outcome, Process, Time,
    Value, ValueId,
};

use crate::transactions::numbering::Numbering;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StepKind {
    /// Reads a register: its value.
    Read,
    /// Reads a list: `value` is its length, `branch` the branch that it is a beginning of; [`NONE`] for the empty list.
    ReadList,
    /// Reads something that nobody was told: its transaction is not known to have happened, or the answer is missing.
    ReadUnknown,
    /// Writes a register.
    Write,
    /// Appends to a list.
    Append,
    /// Reads by predicate: `key` is the predicate's number, and `value` the place of its [`Matched`].
    Predicate,
}

/// No branch; no version.
pub(crate) const NONE: u32 = u32::MAX;

/// What a key holds, as far as its steps say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// One value.
    Register,
    /// A list that transactions append to.
    List,
}

/// Which operations count as transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    /// Operations of the function `txn`.
    Transactions,
    /// Those, and single reads, writes, compare-and-sets and appends of keys as transactions of one or two steps.
    SingleOperations,
}

/// One step, put together from the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// What it does.
    pub(crate) kind: StepKind,
    /// On which key; for a predicate, its number.
    pub(crate) key: u32,
    /// The value within the key; for a list that was read, its length; for a predicate, the place in `matched`.
    pub(crate) value: u32,
    /// Of a list that was read: its branch.
    pub(crate) branch: u32,
}

/// A longest list of a key, of which other lists are beginnings.
#[derive(Debug)]
pub(crate) struct Branch<'h> {
    /// The key.
    pub(crate) key: u32,
    /// Its elements, by number within the key.
    pub(crate) elements: Vec<u32>,
    /// The same by the history's own numbers, where it was read so.
    ids: &'h [ValueId],
}

/// What a predicate read returned: (key, value within the key), in the order in which it was told.
pub(crate) type Matched = Vec<(u32, u32)>;

/// All transactions of a history.
#[derive(Debug, Default)]
pub(crate) struct Transactions<'h> {
    /// The operation that each one is.
    pub(crate) ops: Vec<OpId>,
    /// The session of each.
    pub(crate) session: Vec<u32>,
    /// When it was sent.
    pub(crate) invoked: Vec<Time>,
    /// The last moment at which it can have happened; [`Time::NEVER`] when that is not known.
    pub(crate) end: Vec<Time>,
    /// What the client knows. Those that failed are here, since somebody may have read what they wrote.
    pub(crate) outcome: Vec<Outcome>,
    /// The database's own order of the whole transaction; empty when no operation has one.
    pub(crate) revision: Vec<Option<i64>>,
    /// Where the steps of each begin; one more than there are transactions.
    pub(crate) first_step: Vec<u32>,
    /// Where the transactions of each session begin; one more than there are sessions.
    pub(crate) first_of_session: Vec<u32>,
    /// What each step does.
    pub(crate) kind: Vec<StepKind>,
    /// On which key. See [`Step::key`].
    pub(crate) key: Vec<u32>,
    /// See [`Step::value`].
    pub(crate) value: Vec<u32>,
    /// See [`Step::branch`]. Empty when no list was read.
    pub(crate) branch: Vec<u32>,
    /// The version number that a step names (its fourth item), by step; only those that name one.
    pub(crate) version: FxHashMap<u32, i64>,
    /// The branches of all keys, in order of first sight.
    pub(crate) branches: Vec<Branch<'h>>,
    /// What predicate reads returned.
    pub(crate) matched: Vec<Matched>,
    /// The keys.
    pub(crate) keys: Vec<&'h Value>,
    /// What each key holds.
    pub(crate) content: Vec<Content>,
    /// The values of each key; the first one is nil.
    pub(crate) values: Vec<Vec<&'h Value>>,
    /// The predicates.
    pub(crate) predicates: Vec<&'h Value>,
    /// Steps that are none of the known ones, and the first transaction with one: what they did is not known.
    pub(crate) unreadable: Option<(OpId, u64)>,
}

impl<'h> Transactions<'h> {
    /// Finds the transactions. O(steps + elements read) time, O(steps + distinct values) memory.
    pub(crate) fn of(history: &'h History, include: Include) -> Self {
        let mut builder = Builder {
            by_id: vec![NONE; history.key_count()],
            ..Builder::default()
        };
        for id in by_session(history, include, &mut builder.transactions) {
            builder.transaction(history, history.operation(id));
        }
        builder.finish()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ops.len()
    }

    /// The places of a transaction's steps in the columns.
    pub(crate) fn step_range(&self, transaction: u32) -> Range<usize> {
        let t = transaction as usize;
        self.first_step[t] as usize..self.first_step[t + 1] as usize
    }

    /// A transaction's steps, in its own order.
    pub(crate) fn steps(&self, transaction: u32) -> impl DoubleEndedIterator<Item = Step> + '_ {
        self.step_range(transaction).map(|place| self.step(place))
    }

    /// The step at a place of the columns.
    pub(crate) fn step(&self, place: usize) -> Step {
        Step {
            kind: self.kind[place],
            key: self.key[place],
            value: self.value[place],
            branch: self.branch.get(place).copied().unwrap_or(NONE),
        }
    }

    /// A value of a key.
    pub(crate) fn value_of(&self, key: u32, value: u32) -> &'h Value {
        self.values[key as usize][value as usize]
    }

    /// The elements of a list that was read, by number within its key.
    pub(crate) fn list(&self, step: Step) -> &[u32] {
        match step.branch {
            NONE => &[],
            branch => &self.branches[branch as usize].elements[..step.value as usize],
        }
    }
}

/// Whether this is a list, or the steps of a transaction.
fn is_list(history: &History, id: ValueId) -> bool {
    history.micro_ops(id).is_some() || history.value(id).as_list().is_some()
}

/// The operations that are transactions, session by session; fills in the columns about sessions.
fn by_session(
    history: &History,
    include: Include,
    transactions: &mut Transactions<'_>,
) -> Vec<OpId> {
    let counts = |f: &F| match f {
        F::Txn => true,
        F::Read | F::Write | F::Cas | F::Append => include == Include::SingleOperations,
        _ => false,
    };
    let mut number: FxHashMap<Process, u32> = FxHashMap::default();
    let mut session_of = Vec::new();
    let mut starts: Vec<u32> = Vec::new();
    let mut ids = Vec::new();
    for op in history.operations().filter(|op| counts(op.f())) {
        let next = starts.len() as u32;
        let session = *number.entry(op.process).or_insert(next);
        if session == next {
            starts.push(0);
        }
        starts[session as usize] += 1;
        session_of.push(session);
        ids.push(op.id);
    }
    let mut before = 0;
    for start in &mut starts {
        before += std::mem::replace(start, before);
    }
    transactions.first_of_session = starts.iter().copied().chain([before]).collect();
    transactions.session = vec![0; ids.len()];
    let mut ordered = vec![OpId(0); ids.len()];
    for (id, session) in ids.into_iter().zip(session_of) {
        let place = &mut starts[session as usize];
        ordered[*place as usize] = id;
        transactions.session[*place as usize] = session;
        *place += 1;
    }
    ordered
}

/// What is known about a key while its steps are read.
struct Key<'h> {
    numbers: Numbering<'h>,
    branches: Vec<u32>,
    written: bool,
    appended: bool,
    reads_lists: bool,
}

#[derive(Default)]
struct Builder<'h> {
    transactions: Transactions<'h>,
    key_numbers: Numbering<'h>,
    /// The keys' numbers by the history's own; [`NONE`] for those not seen yet.
    by_id: Vec<u32>,
    predicate_numbers: Numbering<'h>,
    keys: Vec<Key<'h>>,
}

/// Branches of a key that a list is compared with. A database that gives more than these is broken in so many ways
/// that some lists may stand twice.
const COMPARED: usize = 16;

impl<'h> Builder<'h> {
    fn transaction(&mut self, history: &'h History, op: Operation<'h>) {
        let place = self.transactions.ops.len();
        let columns = &mut self.transactions;
        columns.ops.push(op.id);
        columns.invoked.push(op.invoked);
        columns.end.push(op.end());
        columns.outcome.push(op.outcome);
        columns.first_step.push(columns.kind.len() as u32);
        if let Some(revision) = op.revision() {
            columns.revision.resize(place, None);
            columns.revision.push(Some(revision));
        }
        if *op.f() != F::Txn {
            self.single(&op);
            return;
        }
        let told = op.outcome == Outcome::Ok && is_list(history, op.output_id);
        let id = if told { op.output_id } else { op.input_id };
        if let Some(steps) = history.micro_ops(id) {
            for step in steps {
                if self.step(history, step, told).is_none() {
                    self.unreadable(op.id);
                }
            }
            return;
        }
        let steps = history.value(id);
        for step in steps.as_list().unwrap_or_default() {
            if self.micro_operation(step, told).is_none() {
                self.unreadable(op.id);
            }
        }
        if !matches!(steps, Value::List(_) | Value::Nil) {
            self.unreadable(op.id);
        }
    }

    fn step(&mut self, history: &'h History, step: MicroOp<'h>, told: bool) -> Option<()> {
        if step.kind == MicroKind::Predicate {
            let pairs: Option<Vec<&'h Value>> = match (told, step.argument) {
                (false, _) => None,
                (true, Argument::List(pairs)) => {
                    Some(pairs.iter().map(|&pair| history.value(pair)).collect())
                }
                (true, Argument::One(ValueId::NIL)) => Some(Vec::new()),
                (true, Argument::One(pairs)) => {
                    Some(history.value(pairs).as_list()?.iter().collect())
                }
            };
            return self.predicate(history.key(step.key), pairs);
        }
        if let (MicroKind::Other, Argument::One(step)) = (step.kind, step.argument) {
            return self.micro_operation(history.value(step), told);
        }
        let key = self.key_of(history, step.key);
        match (step.kind, step.argument) {
            (MicroKind::Read, _) if !told => self.push(StepKind::ReadUnknown, key, 0, NONE),
            (MicroKind::Read, Argument::List(list)) => self.read_ids(history, key, list),
            (MicroKind::Read, Argument::One(value)) => {
                self.read_value(key, history.value(value));
            }
            (MicroKind::Write, Argument::One(value)) => {
                self.write_value(key, history.value(value));
            }
            (MicroKind::Append, Argument::One(value)) => {
                self.append_value(key, history.value(value));
            }
            _ => return None,
        }
        if let Some(version) = step.version {
            let place = self.transactions.kind.len() as u32 - 1;
            self.transactions.version.insert(place, version);
        }
        Some(())
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
            _ => self.unreadable(op.id),
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
    fn read_ids(&mut self, history: &'h History, key: u32, list: &'h [ValueId]) {
        self.keys[key as usize].reads_lists = true;
        let length = list.len() as u32;
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
            let elements = list
                .iter()
                .map(|&value| self.value(key, history.value(value)));
            let elements: Vec<u32> = elements.collect();
            let branch = self.branch(key, elements, list);
            self.push(StepKind::ReadList, key, length, branch);
            return;
        };
        let place = branch as usize;
        let known = self.transactions.branches[place].ids.len();
        if list.len() > known {
            for &value in &list[known..] {
                let element = self.value(key, history.value(value));
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

    fn key_of(&mut self, history: &'h History, id: KeyId) -> u32 {
        let known = self.by_id[id.0 as usize];
        if known != NONE {
            return known;
        }
        let key = self.key(history.key(id));
        self.by_id[id.0 as usize] = key;
        key
    }

    fn key(&mut self, key: &'h Value) -> u32 {
        let next = self.key_numbers.count();
        let number = self.key_numbers.number(key);
        if number == next {
            self.transactions.keys.push(key);
            self.transactions.values.push(vec![&Value::Nil]);
            let mut numbers = Numbering::default();
            numbers.number(&Value::Nil);
            self.keys.push(Key {
                numbers,
                branches: Vec::new(),
                written: false,
                appended: false,
                reads_lists: false,
            });
        }
        number
    }

    fn value(&mut self, key: u32, value: &'h Value) -> u32 {
        let numbers = &mut self.keys[key as usize].numbers;
        let next = numbers.count();
        let number = numbers.number(value);
        if number == next {
            self.transactions.values[key as usize].push(value);
        }
        number
    }

    fn unreadable(&mut self, id: OpId) {
        let (_, times) = self.transactions.unreadable.get_or_insert((id, 0));
        *times += 1;
    }

    fn finish(mut self) -> Transactions<'h> {
        let content = |key: &Key<'_>| {
            if key.appended || (key.reads_lists && !key.written) {
                Content::List
            } else {
                Content::Register
            }
        };
        let columns = &mut self.transactions;
        columns.first_step.push(columns.kind.len() as u32);
        columns.content = self.keys.iter().map(content).collect();
        if !columns.branch.is_empty() {
            columns.branch.resize(columns.kind.len(), NONE);
        }
        if !columns.revision.is_empty() {
            columns.revision.resize(columns.ops.len(), None);
        }
        if columns.content.contains(&Content::List) {
            self.nothing_is_an_empty_list();
        }
        if (self.keys.iter()).any(|key| key.reads_lists && content(key) == Content::Register) {
            self.lists_are_values();
        }
        self.transactions
    }

    /// Reads of nil from lists are reads of empty lists; reads of anything else, and writes, cannot be understood.
    fn nothing_is_an_empty_list(&mut self) {
        let columns = &mut self.transactions;
        let mut odd = Vec::new();
        for place in 0..columns.kind.len() {
            let kind = columns.kind[place];
            if !matches!(kind, StepKind::Read | StepKind::Write)
                || columns.content[columns.key[place] as usize] != Content::List
            {
                continue;
            }
            if kind == StepKind::Read && columns.value[place] == 0 {
                columns.kind[place] = StepKind::ReadList;
            } else {
                columns.kind[place] = StepKind::ReadUnknown;
                odd.push(place as u32);
            }
        }
        for place in odd {
            let first_step = &self.transactions.first_step;
            let transaction = first_step.partition_point(|&first| first <= place) - 1;
            self.unreadable(self.transactions.ops[transaction]);
        }
    }

    /// Lists that were read from registers are values like others.
    fn lists_are_values(&mut self) {
        let columns = &mut self.transactions;
        let mut places = Vec::new();
        for (place, kind) in columns.kind.iter().enumerate() {
            if *kind == StepKind::ReadList
                && columns.content[columns.key[place] as usize] == Content::Register
            {
                places.push(place);
            }
        }
        for place in places {
            let columns = &self.transactions;
            let (key, length) = (columns.key[place] as usize, columns.value[place] as usize);
            let branch = columns.branch.get(place).copied().unwrap_or(NONE);
            let values = &columns.values[key];
            let list: Vec<&Value> = match branch {
                NONE => Vec::new(),
                branch => columns.branches[branch as usize].elements[..length]
                    .iter()
                    .map(|&element| values[element as usize])
                    .collect(),
            };
            // The values that were written are the only lists of that key that have a number as a whole.
            let known = values.iter().position(|value| {
                let value = value.as_list();
                value.is_some_and(|value| value.iter().eq(list.iter().copied()))
            });
            let columns = &mut self.transactions;
            if let Some(known) = known {
                columns.kind[place] = StepKind::Read;
                columns.value[place] = known as u32;
                if let Some(branch) = columns.branch.get_mut(place) {
                    *branch = NONE;
                }
            } else {
                columns.kind[place] = StepKind::ReadUnknown;
                let firsts = &columns.first_step;
                let transaction = firsts.partition_point(|&first| first as usize <= place) - 1;
                let id = columns.ops[transaction];
                self.unreadable(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    #[test]
    fn transactions_stand_session_by_session() {
        let history = testing::history(
            "
            0 |txn nil [[append,x,7]]|
            1 |txn nil [[append,x,8],[r,x,nil]] ?
            0                                     |txn nil [[r,x,nil]] -> [[r,x,[7,8]]]|
            2 |txn nil [[append,x,9]] !|
            ",
        );
        let transactions = Transactions::of(&history, Include::Transactions);
        assert_eq!(transactions.len(), 4);
        assert_eq!(
            transactions.ops,
            [OpId(0), OpId(3), OpId(1), OpId(2)],
            "session by session"
        );
        assert_eq!(transactions.first_of_session, [0, 2, 3, 4]);
        assert_eq!(transactions.session, [0, 0, 1, 2]);
        let read: Vec<Step> = transactions.steps(1).collect();
        assert_eq!(transactions.list(read[0]).len(), 2);
        assert_eq!(
            transactions.value_of(0, transactions.list(read[0])[1]),
            &Value::from(8)
        );
        let open: Vec<StepKind> = transactions.steps(2).map(|step| step.kind).collect();
        assert_eq!(open, [StepKind::Append, StepKind::ReadUnknown]);
        assert_eq!(transactions.end[2], Time::NEVER);
        assert_eq!(transactions.outcome[3], Outcome::Fail);
    }

    #[test]
    fn lists_that_grow_have_one_branch_and_others_have_their_own() {
        let history = testing::history(
            "
            0 |txn nil [] -> [[append,x,1],[r,x,[1,2,3]],[r,x,[1]],[r,x,nil],[r,x,[2,1]],[r,x,[1,2,3,4]]]|
            ",
        );
        let transactions = Transactions::of(&history, Include::Transactions);
        assert_eq!(transactions.branches.len(), 2);
        let lists: Vec<&[u32]> = (1..6)
            .map(|place| transactions.list(transactions.step(place)))
            .collect();
        assert_eq!(lists, [&[1, 2, 3][..], &[1], &[], &[2, 1], &[1, 2, 3, 4]]);
        assert_eq!(transactions.unreadable, None);
    }

    #[test]
    fn registers_hold_values_of_any_kind() {
        let history = testing::history(
            "
            0 |txn nil [[w,x,[1]],[r,y,nil]] -> [[w,x,[1]],[r,y,nil],[r,x,[1]],[r,x,[2]]]|
            1 |cas z nil 5|
            2 |r z ?
            ",
        );
        let transactions = Transactions::of(&history, Include::SingleOperations);
        let steps: Vec<(StepKind, u32)> = (0..transactions.kind.len())
            .map(|place| (transactions.kind[place], transactions.value[place]))
            .collect();
        assert_eq!(
            steps,
            [
                (StepKind::Write, 1),
                (StepKind::Read, 0),
                (StepKind::Read, 1),
                (StepKind::ReadUnknown, 1),
                (StepKind::Read, 0),
                (StepKind::Write, 1),
                (StepKind::ReadUnknown, 0),
            ]
        );
        assert_eq!(transactions.unreadable, Some((OpId(0), 1)));
    }

    #[test]
    fn versions_and_predicates_are_kept() {
        let history = testing::history(
            "
            0 |txn nil [] -> [[w,x,5,3],[p,even,[[x,4],[y,2]]],[p,even,nil],[fly,x,1]]|
            1 |txn nil [[p,even,nil]] ?
            ",
        );
        let transactions = Transactions::of(&history, Include::Transactions);
        assert_eq!(transactions.version.get(&0), Some(&3));
        assert_eq!(transactions.predicates, [&Value::from("even")]);
        assert_eq!(transactions.matched, [vec![(0, 2), (1, 1)], vec![]]);
        assert_eq!(transactions.kind[3], StepKind::ReadUnknown);
        assert_eq!(transactions.unreadable, Some((OpId(0), 1)));
    }
}
