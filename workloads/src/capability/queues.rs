//! Queues.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Queues: what is put in comes out once.
#[async_trait(?Send)]
pub trait Queues {
    /// Puts a value at the end of the queue named `key`.
    async fn enqueue(&mut self, key: &Value, value: &Value) -> Answer<()>;

    /// Takes the value at the front; `None` when the queue is empty.
    async fn dequeue(&mut self, key: &Value) -> Answer<Option<Value>>;

    /// Takes all that is in the queue, in its order.
    async fn drain(&mut self, key: &Value) -> Answer<Vec<Value>>;
}
