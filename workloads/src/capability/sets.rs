//! Sets.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Sets that grow.
#[async_trait(?Send)]
pub trait Sets {
    /// Adds an element to the set named `key`.
    async fn add(&mut self, key: &Value, element: &Value) -> Answer<()>;

    /// All elements of the set named `key`, in any order.
    async fn elements(&mut self, key: &Value) -> Answer<Vec<Value>>;
}

/// Sets from which elements can be taken again.
#[async_trait(?Send)]
pub trait SetRemoval {
    /// Removes an element from the set named `key`, if it is there.
    async fn remove(&mut self, key: &Value, element: &Value) -> Answer<()>;
}
