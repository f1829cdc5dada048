//! Unique ids.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Sources of identifiers.
#[async_trait(?Send)]
pub trait UniqueIds {
    /// An identifier that the source named `key` gives out once.
    async fn generate(&mut self, key: &Value) -> Answer<Value>;
}
