//! The transactions of a history, as columns of small numbers.
//!
//! Transactions are numbered session by session, each session's own in the order it sent them: "the next one of its
//! session" is the next number. Their steps stand in the order in which they were sent. Keys are numbered from 0, and
//! values from 0 within their key, where 0 is nil: what a key holds before anybody wrote it. So "who wrote it" is an
//! index into an array.
//!
//! A list that was read is not copied. A key has *branches*: longest lists, of which the lists that were read are
//! beginnings. A list that only grows has one branch, however often it is read, so memory is O(appends) and not
//! O(elements read).

mod builder;
mod keys;
mod sessions;
mod settle;
#[cfg(test)]
mod tests;

use std::ops::Range;

use rustc_hash::FxHashMap;
use schism_history::{History, OpId, Outcome, Time, Value, ValueId};

use builder::Builder;

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
    /// Where the steps of each begin.
    pub(crate) first_step: Vec<u32>,
    /// Where they end.
    pub(crate) end_step: Vec<u32>,
    /// Where the transactions of each session begin; one more than there are sessions.
    pub(crate) first_of_session: Vec<u32>,
    /// All of them in the order in which they were sent. Whoever walks over all keys walks in this order: the keys in use
    /// at one time are few.
    pub(crate) by_time: Vec<u32>,
    /// What each step does.
    pub(crate) kind: Vec<StepKind>,
    /// On which key. See [`Step::key`].
    pub(crate) key: Vec<u32>,
    /// See [`Step::value`].
    pub(crate) value: Vec<u32>,
    /// See [`Step::branch`]. Empty when no list was read.
    pub(crate) branch: Vec<u32>,
    /// The version number that a step names (its fourth item), by step; only those that name one. Of a predicate, the
    /// revision at which it was evaluated.
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
        Builder::new(history, include).build()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ops.len()
    }

    /// The places of a transaction's steps in the columns.
    pub(crate) fn step_range(&self, transaction: u32) -> Range<usize> {
        let t = transaction as usize;
        self.first_step[t] as usize..self.end_step[t] as usize
    }

    /// The transaction whose step stands at this place. O(log transactions).
    pub(crate) fn transaction_at(&self, place: usize) -> u32 {
        let begins = |&t: &u32| self.first_step[t as usize] as usize <= place;
        let behind = self.by_time.partition_point(begins);
        // Those without steps begin where the next one does.
        self.by_time[behind - 1]
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
