//! Compare-and-set.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Keys whose value can be changed only if it is the expected one.
#[async_trait(?Send)]
pub trait CompareAndSet {
    /// Sets the key to `new` if it holds `old`; whether it did. Atomic.
    async fn cas(&mut self, key: &Value, old: &Value, new: &Value) -> Answer<bool>;
}
