//! Locks, plain and fenced.

use std::time::Duration;

use async_trait::async_trait;
use schism_history::Value;

use crate::Answer;

/// Locks with a lease, held by the client that took them.
#[async_trait(?Send)]
pub trait Locks {
    /// Takes the lock named `key`; it is free again by itself after the lease, which begins when the database grants
    /// it. The fencing token, where the database has some. That the lock is taken is a failure with the class
    /// `precondition`. One attempt: it does not wait.
    async fn acquire(&mut self, key: &Value, lease: Duration) -> Answer<Option<i64>>;

    /// Gives the lock back. That this client does not hold it is a failure with the class `precondition`.
    async fn release(&mut self, key: &Value) -> Answer<()>;
}

/// Locks that give out a token that rises with each grant, and registers that refuse a token lower than they have seen.
#[async_trait(?Send)]
pub trait FencedLocks {
    /// Sets a register that a lock guards. That a higher token was seen is a failure with the class `precondition`.
    async fn guarded_write(&mut self, key: &Value, token: i64, value: &Value) -> Answer<()>;
}
