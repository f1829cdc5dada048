//! A call and its answer, seen as one thing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::{F, History, MicroOps, Process, Time, Value};

/// An operation's place in its history, counted in order of invocation from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct OpId(pub u32);

impl OpId {
    /// As an index into a column.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A key, by its place in the history's table of keys. 0 is [`Value::Nil`]: no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

/// A value, by its place in the history's table of values: equal values have equal numbers. 0 is [`Value::Nil`].
///
/// Only what a transaction does as a whole is not looked up among all others: two transactions have different numbers,
/// and the input and the output of one have the same number when they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

impl ValueId {
    /// [`Value::Nil`].
    pub const NIL: Self = Self(0);
}

/// What the client knows about an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It happened, between its invocation and its completion.
    Ok,
    /// It surely did not happen.
    Fail,
    /// Unknown: at any time after its invocation, or never. An operation that the history leaves open is one of these.
    Info,
}

impl Outcome {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

/// A call and its answer: a view into a [`History`].
#[derive(Clone, Copy)]
pub struct Operation<'h> {
    pub(crate) history: &'h History,
    /// Its place in the history.
    pub id: OpId,
    /// Who called.
    pub process: Process,
    /// What the client knows.
    pub outcome: Outcome,
    /// When it was sent.
    pub invoked: Time,
    /// When the client gave up or got its answer; `None` when the history ends before.
    pub completed: Option<Time>,
    /// The object it was called on.
    pub key_id: KeyId,
    /// The argument.
    pub input_id: ValueId,
    /// The value of the completion. Only meaningful when the outcome is [`Outcome::Ok`].
    pub output_id: ValueId,
}

impl<'h> Operation<'h> {
    /// What was called.
    pub fn f(&self) -> &'h F {
        &self.history.functions[usize::from(self.history.function[self.id.index()])]
    }

    /// The object it was called on; [`Value::Nil`] when there is none.
    pub fn key(&self) -> &'h Value {
        self.history.key(self.key_id)
    }

    /// The steps of a transaction as they were asked for: nothing is known of what its reads see. `None` when it is no
    /// transaction, or its argument is no list.
    pub fn input_micro_ops(&self) -> Option<MicroOps<'h>> {
        self.history.micro_ops(self.input_id)
    }

    /// The steps of a transaction, with what they saw; only meaningful when the outcome is [`Outcome::Ok`]. `None` when
    /// it is no transaction, or its result is no list.
    pub fn output_micro_ops(&self) -> Option<MicroOps<'h>> {
        self.history.micro_ops(self.output_id)
    }

    /// The argument.
    pub fn input(&self) -> &'h Value {
        self.history.value(self.input_id)
    }

    /// The result; only meaningful when the outcome is [`Outcome::Ok`].
    pub fn output(&self) -> &'h Value {
        self.history.value(self.output_id)
    }

    /// The node it was sent to.
    pub fn node(&self) -> Option<&'h Arc<str>> {
        let node = self.history.node[self.id.index()];
        (node != u16::MAX).then(|| &self.history.node_names[usize::from(node)])
    }

    /// Why it did not end as `ok`: the error of its completion, or of its invocation if that has one only.
    pub fn error(&self) -> Option<&'h Arc<str>> {
        self.history.errors.get(&self.id.0)
    }

    /// The database's own order of this operation, where it offers one.
    pub fn revision(&self) -> Option<i64> {
        self.history.revisions.get(self.id.index())
    }

    /// When it should have been sent: [`Operation::invoked`], or earlier where an open loop fell behind.
    pub fn due(&self) -> Time {
        self.history
            .dues
            .get(self.id.index())
            .unwrap_or(self.invoked)
    }

    /// The last moment at which it can have taken effect: its completion when it is `ok`, [`Time::NEVER`] when unknown.
    /// A failed operation never takes effect; its completion is returned.
    pub fn end(&self) -> Time {
        match (self.outcome, self.completed) {
            (Outcome::Ok | Outcome::Fail, Some(completed)) => completed,
            _ => Time::NEVER,
        }
    }

    /// How long the client waited, from when it should have been sent; `None` when the history ends before.
    pub fn latency(&self) -> Option<Duration> {
        self.completed.map(|completed| completed.since(self.due()))
    }

    /// The line of its invocation among the history's events, from 0.
    pub fn invocation_index(&self) -> u64 {
        u64::from(self.history.invocation_index[self.id.index()])
    }
}

/// One line for a reader: `#12 process 3 on n1: cas x [1 2] -> ok, 1.002 s..1.007 s`.
impl fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} process {}", self.id, self.process)?;
        if let Some(node) = self.node() {
            write!(f, " on {node}")?;
        }
        write!(f, ": {}", self.f())?;
        if !self.key().is_nil() {
            write!(f, " {}", self.key())?;
        }
        if !self.input().is_nil() {
            write!(f, " {}", self.input())?;
        }
        f.write_str(" -> ")?;
        match self.outcome {
            Outcome::Ok if self.output_id != self.input_id => write!(f, "{}", self.output())?,
            outcome => f.write_str(outcome.name())?,
        }
        write!(f, ", {}..", self.invoked)?;
        match self.completed {
            Some(completed) => write!(f, "{completed}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
