//! Registers for sessions that carry what they have seen.

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Registers of which a session gets a token with each answer and shows it with the next call, at whatever node.
#[async_trait(?Send)]
pub trait SessionTokens {
    /// The key's value, and the next token. The first token is [`Value::Nil`].
    async fn read_within(&mut self, key: &Value, token: &Value) -> Answer<(Value, Value)>;

    /// Sets the key's value; the next token.
    async fn write_within(&mut self, key: &Value, value: &Value, token: &Value) -> Answer<Value>;
}
