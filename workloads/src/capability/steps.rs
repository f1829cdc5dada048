//! Transactions on registers and amounts.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// One step of a transaction on registers and amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reads a register or an amount; the result of a transaction holds what was read.
    Read {
        /// The key.
        key: Value,
        /// What was read; [`Value::Nil`] before the transaction ran, and of a key that nobody wrote.
        value: Value,
    },
    /// Sets a register.
    Write {
        /// The key.
        key: Value,
        /// The value.
        value: Value,
    },
    /// Adds to an amount, which is 0 at first.
    Add {
        /// The key.
        key: Value,
        /// What is added; may be negative.
        amount: i64,
    },
    /// Goes on only if the key holds this amount or more.
    AtLeast {
        /// The key.
        key: Value,
        /// The amount.
        amount: i64,
    },
    /// Goes on only if the key holds this value; [`Value::Nil`]: if nobody wrote it.
    Holds {
        /// The key.
        key: Value,
        /// The value.
        value: Value,
    },
}

impl Step {
    /// A read, before it ran.
    pub fn read(key: impl Into<Value>) -> Self {
        Self::Read {
            key: key.into(),
            value: Value::Nil,
        }
    }

    /// As it stands in a history: `["r", key, value]` or `["w", key, value]`; `None` for the others, which no history
    /// shows.
    pub fn to_value(&self) -> Option<Value> {
        let (name, key, value) = match self {
            Self::Read { key, value } => ("r", key, value),
            Self::Write { key, value } => ("w", key, value),
            _ => return None,
        };
        Some(Value::list([Value::from(name), key.clone(), value.clone()]))
    }

    /// From how it stands in a history; `None` when it is no such step.
    pub fn from_value(value: &Value) -> Option<Self> {
        let [name, key, value] = value.as_list()? else {
            return None;
        };
        let (key, value) = (key.clone(), value.clone());
        match name.as_text()? {
            "r" => Some(Self::Read { key, value }),
            "w" => Some(Self::Write { key, value }),
            _ => None,
        }
    }
}

/// Several steps on registers and amounts that happen at once or not at all.
#[async_trait(?Send)]
pub trait RegisterTransactions {
    /// Runs a transaction; the same steps, with what the reads saw. A step sees those before it. That a condition does
    /// not hold is a failure with the class `precondition`, that the transaction gave way to another one `conflict`.
    async fn run(&mut self, steps: &[Step]) -> Answer<Vec<Step>>;
}
