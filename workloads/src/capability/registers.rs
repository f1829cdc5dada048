//! Registers.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Keys that hold one value each. A key that was never written holds [`Value::Nil`].
#[async_trait(?Send)]
pub trait Registers {
    /// The key's value.
    async fn read(&mut self, key: &Value) -> Answer<Value>;

    /// Sets the key's value, whatever it was.
    async fn write(&mut self, key: &Value, value: &Value) -> Answer<()>;
}
