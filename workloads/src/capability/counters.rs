//! Counters.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Keys that count. A key that was never counted on stands at 0.
#[async_trait(?Send)]
pub trait Counters {
    /// Adds to the counter; a negative amount takes off.
    async fn increment(&mut self, key: &Value, amount: i64) -> Answer<()>;

    /// What the counter stands at.
    async fn count(&mut self, key: &Value) -> Answer<i64>;
}
