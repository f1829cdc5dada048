//! Registers that keep concurrent values side by side.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Registers that keep all values whose writes did not know of each other (Dynamo, Riak).
#[async_trait(?Send)]
pub trait Siblings {
    /// The values, and what stands for having seen them.
    async fn get(&mut self, key: &Value) -> Answer<(Vec<Value>, Value)>;

    /// Writes a value in the place of those that were read with this context; [`Value::Nil`] without a read before.
    async fn put(&mut self, key: &Value, value: &Value, context: &Value) -> Answer<()>;
}
