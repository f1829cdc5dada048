//! What a client asks of a node, and what it gets back.

use std::borrow::Cow;
use std::time::Duration;

use schism_history::Value;
use serde::{Deserialize, Serialize};

use crate::WallTime;

/// A client: one connection at a time, one open call at a time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ClientId(pub u32);

/// One call of a client, never used again for another one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct CallId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// A call as a store sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Call {
    /// The call, to be given back with the reply.
    pub id: CallId,
    /// Who called.
    pub client: ClientId,
    /// What the client's own clock showed when it sent the request; as wrong as that clock is.
    pub sent: WallTime,
}

/// What clients can ask for, in small pieces; a store offers some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// [`Request::Read`] and [`Request::Write`].
    Registers,
    /// [`Request::Cas`].
    CompareAndSet,
    /// [`Request::Add`] and [`Request::Elements`].
    Sets,
    /// [`Request::Remove`], besides [`Capability::Sets`].
    SetRemoval,
    /// [`Request::Transact`] with steps that read and append.
    AppendTransactions,
    /// [`Request::Transact`] with steps that read and write.
    RegisterTransactions,
    /// [`Request::Transact`] with conditions, and with steps that add amounts.
    ConditionalTransactions,
    /// [`Request::Increment`] and [`Request::Count`].
    Counters,
    /// [`Request::Enqueue`], [`Request::Dequeue`] and [`Request::Drain`].
    Queues,
    /// [`Request::Generate`].
    UniqueIds,
    /// [`Request::Acquire`] and [`Request::Release`].
    Locks,
    /// What [`Request::Acquire`] grants has a token, and [`Request::GuardedWrite`] takes it.
    FencedLocks,
    /// [`Request::Append`] and [`Request::Poll`].
    Logs,
    /// [`Request::Get`] and [`Request::Put`].
    Siblings,
    /// [`Request::Within`].
    SessionTokens,
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
        }
    }
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Reads a key: a register's value, an amount, or a list; the reply holds what was read, nil of a key that nobody
    /// wrote.
    Read {
        /// The key.
        key: Value,
        /// What was read; nil in a request.
        value: Value,
    },
    /// Sets a register.
    Write {
        /// The key.
        key: Value,
        /// The value.
        value: Value,
    },
    /// Appends to a list.
    Append {
        /// The key.
        key: Value,
        /// The element.
        element: Value,
    },
    /// Adds to an amount, which is 0 at first and may become negative.
    Add {
        /// The key.
        key: Value,
        /// What is added; may be negative.
        amount: i64,
    },
    /// Goes on only if the key holds this amount or more.
    AtLeast {
        /// The key.
        key: Value,
        /// The amount.
        amount: i64,
    },
    /// Goes on only if the key holds this value; nil: if nobody wrote it.
    Holds {
        /// The key.
        key: Value,
        /// The value.
        value: Value,
    },
}

impl Step {
    /// The key that it is about.
    pub const fn key(&self) -> &Value {
        match self {
            Self::Read { key, .. }
            | Self::Write { key, .. }
            | Self::Append { key, .. }
            | Self::Add { key, .. }
            | Self::AtLeast { key, .. }
            | Self::Holds { key, .. } => key,
        }
    }

    /// Whether it changes nothing.
    pub const fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Read { .. } | Self::AtLeast { .. } | Self::Holds { .. }
        )
    }
}

/// What a client asks for. A key that was never written holds [`Value::Nil`], or what is empty, or 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The key's value.
    Read {
        /// The key.
        key: Value,
    },
    /// Set the key's value, whatever it was.
    Write {
        /// The key.
        key: Value,
        /// The value.
        value: Value,
    },
    /// Set the key to `new` if it holds `old`, and say whether it did.
    Cas {
        /// The key.
        key: Value,
        /// The value that it must hold.
        old: Value,
        /// The value that it then gets.
        new: Value,
    },
    /// Add an element to the set with this key.
    Add {
        /// The key.
        key: Value,
        /// The element.
        element: Value,
    },
    /// Remove an element from the set with this key, if it is there.
    Remove {
        /// The key.
        key: Value,
        /// The element.
        element: Value,
    },
    /// All elements of the set with this key.
    Elements {
        /// The key.
        key: Value,
    },
    /// All of these steps, at once or not at all.
    Transact {
        /// The steps, in order; each sees those before it.
        steps: Vec<Step>,
    },
    /// Add to the counter with this key.
    Increment {
        /// The key.
        key: Value,
        /// What is added; negative to take off.
        amount: i64,
    },
    /// What the counter with this key stands at.
    Count {
        /// The key.
        key: Value,
    },
    /// Put a value at the end of the queue with this key.
    Enqueue {
        /// The key.
        key: Value,
        /// The value.
        value: Value,
    },
    /// Take the value at the front of the queue with this key.
    Dequeue {
        /// The key.
        key: Value,
    },
    /// Take all that is in the queue with this key.
    Drain {
        /// The key.
        key: Value,
    },
    /// An identifier that nobody else ever gets from this key.
    Generate {
        /// The key.
        key: Value,
    },
    /// Take the lock with this key. Who holds it already cannot take it again.
    Acquire {
        /// The key.
        key: Value,
        /// Who wants it: the name by which it is released.
        holder: Value,
        /// After how long it is free again by itself.
        lease: Duration,
    },
    /// Give the lock with this key back, if it is this one who holds it.
    Release {
        /// The key.
        key: Value,
        /// Who held it.
        holder: Value,
    },
    /// Set a register that a lock guards, unless a higher token was seen there.
    GuardedWrite {
        /// The key of the register.
        key: Value,
        /// What the lock gave out.
        token: i64,
        /// The value.
        value: Value,
    },
    /// Put a message at the end of the log with this key.
    Append {
        /// The key.
        key: Value,
        /// The message.
        message: Value,
    },
    /// The messages of the log with this key.
    Poll {
        /// The key.
        key: Value,
        /// The lowest offset that is wanted; 0 for all.
        from: i64,
    },
    /// All values that the key holds: several when writes did not know of each other.
    Get {
        /// The key.
        key: Value,
    },
    /// Write a value in the place of those that were read with this context.
    Put {
        /// The key.
        key: Value,
        /// The value.
        value: Value,
        /// What [`Reply::Siblings`] said, as it was; nil without a read before.
        context: Value,
    },
    /// A request of a session that has seen what the token stands for.
    Within {
        /// What the last [`Reply::Within`] of this session said, as it was; nil at first.
        token: Value,
        /// The request itself.
        request: Box<Self>,
    },
}

impl Request {
    /// The key; nil of a transaction, which names its own.
    pub fn key(&self) -> &Value {
        match self {
            Self::Read { key }
            | Self::Write { key, .. }
            | Self::Cas { key, .. }
            | Self::Add { key, .. }
            | Self::Remove { key, .. }
            | Self::Elements { key }
            | Self::Increment { key, .. }
            | Self::Count { key }
            | Self::Enqueue { key, .. }
            | Self::Dequeue { key }
            | Self::Drain { key }
            | Self::Generate { key }
            | Self::Acquire { key, .. }
            | Self::Release { key, .. }
            | Self::GuardedWrite { key, .. }
            | Self::Append { key, .. }
            | Self::Poll { key, .. }
            | Self::Get { key }
            | Self::Put { key, .. } => key,
            Self::Transact { .. } => &Value::Nil,
            Self::Within { request, .. } => request.key(),
        }
    }

    /// All keys, those of a transaction in the order of its steps.
    pub fn keys(&self) -> Vec<&Value> {
        match self {
            Self::Transact { steps } => steps.iter().map(Step::key).collect(),
            Self::Within { request, .. } => request.keys(),
            other => vec![other.key()],
        }
    }

    /// Whether it changes nothing. A read that gave no result surely had no effect.
    pub fn is_read(&self) -> bool {
        match self {
            Self::Read { .. }
            | Self::Elements { .. }
            | Self::Count { .. }
            | Self::Poll { .. }
            | Self::Get { .. } => true,
            Self::Transact { steps } => steps.iter().all(Step::is_read),
            Self::Within { request, .. } => request.is_read(),
            _ => false,
        }
    }

    /// Which capability it belongs to. Of a transaction that only reads, [`Capability::RegisterTransactions`].
    pub fn capability(&self) -> Capability {
        match self {
            Self::Read { .. } | Self::Write { .. } => Capability::Registers,
            Self::Cas { .. } => Capability::CompareAndSet,
            Self::Add { .. } | Self::Elements { .. } => Capability::Sets,
            Self::Remove { .. } => Capability::SetRemoval,
            Self::Transact { steps } => {
                let any = |kind: fn(&Step) -> bool| steps.iter().any(kind);
                if any(|step| {
                    matches!(
                        step,
                        Step::Add { .. } | Step::AtLeast { .. } | Step::Holds { .. }
                    )
                }) {
                    Capability::ConditionalTransactions
                } else if any(|step| matches!(step, Step::Append { .. })) {
                    Capability::AppendTransactions
                } else {
                    Capability::RegisterTransactions
                }
            }
            Self::Increment { .. } | Self::Count { .. } => Capability::Counters,
            Self::Enqueue { .. } | Self::Dequeue { .. } | Self::Drain { .. } => Capability::Queues,
            Self::Generate { .. } => Capability::UniqueIds,
            Self::Acquire { .. } | Self::Release { .. } => Capability::Locks,
            Self::GuardedWrite { .. } => Capability::FencedLocks,
            Self::Append { .. } | Self::Poll { .. } => Capability::Logs,
            Self::Get { .. } | Self::Put { .. } => Capability::Siblings,
            Self::Within { .. } => Capability::SessionTokens,
        }
    }
}

/// What a client gets back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Read`], [`Request::Count`], [`Request::Dequeue`] (nil when the queue is empty),
    /// [`Request::Generate`], [`Request::Append`] (the offset) and [`Request::Acquire`] (the token, or nil where the
    /// store has none).
    Value(Value),
    /// To [`Request::Write`], [`Request::Add`] and whatever else has nothing to tell.
    Done,
    /// To [`Request::Cas`]: whether the key held the old value.
    Swapped(bool),
    /// To [`Request::Elements`], in any order; and to [`Request::Drain`], in the order of the queue.
    Elements(Vec<Value>),
    /// To [`Request::Transact`]: its steps, with what was read.
    Steps(Vec<Step>),
    /// To [`Request::Poll`]: messages with their offsets, in order.
    Messages(Vec<(i64, Value)>),
    /// To [`Request::Get`].
    Siblings {
        /// The values, in any order; none of a key that nobody wrote.
        values: Vec<Value>,
        /// What stands for having seen them.
        context: Value,
    },
    /// To [`Request::Within`].
    Within {
        /// What stands for all that the session has seen now.
        token: Value,
        /// The reply itself.
        reply: Box<Self>,
    },
    /// To everything that did not work.
    Refused(Refusal),
}

impl Reply {
    /// A refusal of something that surely did not happen and never will.
    pub fn refused(class: Class, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Refusal {
            class,
            detail: detail.into(),
            certain: true,
        })
    }

    /// A refusal of something that may have happened, may happen later, or never.
    pub fn unknown(class: Class, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Refusal {
            class,
            detail: detail.into(),
            certain: false,
        })
    }

    /// The answer of a store to a request that it does not offer.
    pub fn not_offered(request: &Request) -> Self {
        Self::refused(
            Class::NotOffered,
            format!("this store offers no {}", request.capability().name()),
        )
    }
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of failure, for counting.
    pub class: Class,
    /// What exactly; may be empty.
    pub detail: Cow<'static, str>,
    /// Whether it surely did not happen and never will. Otherwise nobody knows.
    pub certain: bool,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Nothing listens there, or a firewall said so: the request did not arrive.
    ConnectionRefused,
    /// The node died while the call was open.
    ConnectionReset,
    /// The store does not know such a request, or not on such a key.
    NotOffered,
    /// The store served the call and said no: a condition does not hold, the lock is taken.
    Precondition,
    /// The store gave the call up in favour of another one that was in its way.
    Conflict,
    /// The node does not decide and knows nobody who does, or cannot reach them.
    NoLeader,
    /// Not enough nodes answered the node.
    NoQuorum,
    /// Another node did not answer the node.
    TimedOut,
    /// The node has too many calls open.
    Overloaded,
}

impl Class {
    /// The name used in histories.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection refused",
            Self::ConnectionReset => "connection reset",
            Self::NotOffered => "not offered",
            Self::Precondition => "precondition",
            Self::Conflict => "conflict",
            Self::NoLeader => "no leader",
            Self::NoQuorum => "no quorum",
            Self::TimedOut => "timed out",
            Self::Overloaded => "overloaded",
        }
    }
}
