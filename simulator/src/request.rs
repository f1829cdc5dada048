//! What a client asks of a node, and what it gets back.

use std::borrow::Cow;

use schism_history::Value;
use serde::{Deserialize, Serialize};

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
}

impl Capability {
    /// Its name in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registers => "registers",
            Self::CompareAndSet => "compare-and-set",
            Self::Sets => "sets",
        }
    }
}

/// What a client asks for. A key that was never written holds [`Value::Nil`], or the empty set.
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
    /// All elements of the set with this key.
    Elements {
        /// The key.
        key: Value,
    },
}

impl Request {
    /// The key.
    pub fn key(&self) -> &Value {
        match self {
            Self::Read { key }
            | Self::Write { key, .. }
            | Self::Cas { key, .. }
            | Self::Add { key, .. }
            | Self::Elements { key } => key,
        }
    }

    /// Whether it changes nothing. A read that gave no result surely had no effect.
    pub const fn is_read(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Elements { .. })
    }

    /// Which capability it belongs to.
    pub const fn capability(&self) -> Capability {
        match self {
            Self::Read { .. } | Self::Write { .. } => Capability::Registers,
            Self::Cas { .. } => Capability::CompareAndSet,
            Self::Add { .. } | Self::Elements { .. } => Capability::Sets,
        }
    }
}

/// What a client gets back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Read`].
    Value(Value),
    /// To [`Request::Write`] and [`Request::Add`].
    Done,
    /// To [`Request::Cas`]: whether the key held the old value.
    Swapped(bool),
    /// To [`Request::Elements`], in any order.
    Elements(Vec<Value>),
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
            Self::NoLeader => "no leader",
            Self::NoQuorum => "no quorum",
            Self::TimedOut => "timed out",
            Self::Overloaded => "overloaded",
        }
    }
}
