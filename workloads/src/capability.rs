//! What a database can do, in small pieces that workloads are written against.
//!
//! Every method is one attempt: no retry, no failover, no second node. What it answers is what the history says.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// A piece of what a database can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// [`Registers`].
    Registers,
    /// [`CompareAndSet`].
    CompareAndSet,
    /// [`Sets`].
    Sets,
    /// [`Transactions`] whose writes append to lists.
    AppendTransactions,
}

impl Capability {
    /// Its name in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registers => "registers",
            Self::CompareAndSet => "compare-and-set",
            Self::Sets => "sets",
            Self::AppendTransactions => "append transactions",
        }
    }
}

/// Keys that hold one value each. A key that was never written holds [`Value::Nil`].
#[async_trait(?Send)]
pub trait Registers {
    /// The key's value.
    async fn read(&mut self, key: &Value) -> Answer<Value>;

    /// Sets the key's value, whatever it was.
    async fn write(&mut self, key: &Value, value: &Value) -> Answer<()>;
}

/// Keys whose value can be changed only if it is the expected one.
#[async_trait(?Send)]
pub trait CompareAndSet {
    /// Sets the key to `new` if it holds `old`; whether it did. Atomic.
    async fn cas(&mut self, key: &Value, old: &Value, new: &Value) -> Answer<bool>;
}

/// Sets that grow.
#[async_trait(?Send)]
pub trait Sets {
    /// Adds an element to the set named `key`.
    async fn add(&mut self, key: &Value, element: &Value) -> Answer<()>;

    /// All elements of the set named `key`, in any order.
    async fn elements(&mut self, key: &Value) -> Answer<Vec<Value>>;
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MicroOp {
    /// Reads a key's list; the result of a transaction holds what was read.
    Read {
        /// The key.
        key: Value,
        /// What was read; `None` before the transaction ran. An absent list is empty.
        list: Option<Vec<Value>>,
    },
    /// Appends an element to a key's list.
    Append {
        /// The key.
        key: Value,
        /// The element.
        element: Value,
    },
}

impl MicroOp {
    /// The key it is about.
    pub const fn key(&self) -> &Value {
        match self {
            Self::Read { key, .. } | Self::Append { key, .. } => key,
        }
    }

    /// As it stands in a history: `["r", key, null or list]` or `["append", key, element]`.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Read { key, list } => Value::list([
                Value::from("r"),
                key.clone(),
                list.as_ref()
                    .map_or(Value::Nil, |list| Value::list(list.iter().cloned())),
            ]),
            Self::Append { key, element } => {
                Value::list([Value::from("append"), key.clone(), element.clone()])
            }
        }
    }

    /// From how it stands in a history; `None` when it is no micro-operation.
    pub fn from_value(value: &Value) -> Option<Self> {
        let [name, key, argument] = value.as_list()? else {
            return None;
        };
        match name.as_text()? {
            "r" => Some(Self::Read {
                key: key.clone(),
                list: argument.as_list().map(<[Value]>::to_vec),
            }),
            "append" => Some(Self::Append {
                key: key.clone(),
                element: argument.clone(),
            }),
            _ => None,
        }
    }
}

/// Several reads and appends that happen at once or not at all.
#[async_trait(?Send)]
pub trait Transactions {
    /// Runs a transaction; the same micro-operations, with what the reads saw. Reads see the transaction's own appends
    /// that come before them.
    async fn transact(&mut self, micro_ops: &[MicroOp]) -> Answer<Vec<MicroOp>>;
}
