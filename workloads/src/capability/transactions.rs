//! Transactions on lists.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

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
