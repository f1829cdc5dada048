//! What a database can do, in small pieces that workloads are written against: one file for each.
//!
//! Every method is one attempt: no retry, no failover, no second node. What it answers is what the history says.

mod registers;
mod compare_and_set;
mod sets;
mod transactions;
mod steps;
mod counters;
mod queues;
mod unique_ids;
mod locks;
mod logs;
mod siblings;
mod session_tokens;

pub use compare_and_set::CompareAndSet;
pub use counters::Counters;
pub use locks::{FencedLocks, Locks};
pub use logs::Logs;
pub use queues::Queues;
pub use registers::Registers;
pub use session_tokens::SessionTokens;
pub use sets::{SetRemoval, Sets};
pub use siblings::Siblings;
pub use steps::{RegisterTransactions, Step};
pub use transactions::{MicroOp, Transactions};
pub use unique_ids::UniqueIds;

/// A piece of what a database can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// [`Registers`].
    Registers,
    /// [`CompareAndSet`].
    CompareAndSet,
    /// [`Sets`].
    Sets,
    /// [`SetRemoval`].
    SetRemoval,
    /// [`Transactions`] whose writes append to lists.
    AppendTransactions,
    /// [`RegisterTransactions`] that read and write.
    RegisterTransactions,
    /// [`RegisterTransactions`] with conditions and with steps that add amounts.
    ConditionalTransactions,
    /// [`Counters`].
    Counters,
    /// [`Queues`].
    Queues,
    /// [`UniqueIds`].
    UniqueIds,
    /// [`Locks`].
    Locks,
    /// [`FencedLocks`].
    FencedLocks,
    /// [`Logs`].
    Logs,
    /// [`Siblings`].
    Siblings,
    /// [`SessionTokens`].
    SessionTokens,
    /// Answers carry a revision ([`Done::revision`](crate::Done)) that grows with every write, so that the order of
    /// writes is known without reading it off the values.
    Revisions,
}

impl Capability {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Registers,
        Self::CompareAndSet,
        Self::Sets,
        Self::SetRemoval,
        Self::AppendTransactions,
        Self::RegisterTransactions,
        Self::ConditionalTransactions,
        Self::Counters,
        Self::Queues,
        Self::UniqueIds,
        Self::Locks,
        Self::FencedLocks,
        Self::Logs,
        Self::Siblings,
        Self::SessionTokens,
        Self::Revisions,
    ];

    /// Its name in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registers => "registers",
            Self::CompareAndSet => "compare-and-set",
            Self::Sets => "sets",
            Self::SetRemoval => "sets with removal",
            Self::AppendTransactions => "append transactions",
            Self::RegisterTransactions => "register transactions",
            Self::ConditionalTransactions => "conditional transactions",
            Self::Counters => "counters",
            Self::Queues => "queues",
            Self::UniqueIds => "unique ids",
            Self::Locks => "locks",
            Self::FencedLocks => "fenced locks",
            Self::Logs => "logs",
            Self::Siblings => "siblings",
            Self::SessionTokens => "session tokens",
            Self::Revisions => "revisions",
        }
    }
}
