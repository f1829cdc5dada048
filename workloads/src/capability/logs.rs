//! Logs.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Logs with offsets. A list that is appended to and read whole is one that is polled from 0.
#[async_trait(?Send)]
pub trait Logs {
    /// Puts a message at the end of the log named `key`; its offset.
    async fn append(&mut self, key: &Value, message: &Value) -> Answer<i64>;

    /// The messages with this offset and higher ones, each with its own, in order.
    async fn poll(&mut self, key: &Value, from: i64) -> Answer<Vec<(i64, Value)>>;
}
