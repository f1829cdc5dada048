//! How hard the database is worked, and how long it may take to recover.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Concurrency;

/// How hard the database is worked.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// How many processes call at once.
    pub concurrency: Concurrency,
    /// How fast they call.
    pub pace: Pace,
    /// After how long a call is given up; it may happen all the same.
    pub timeout: Duration,
    /// Which nodes a process calls.
    pub routing: Routing,
    /// The load ends after so many calls, or when the time is over, whichever comes first.
    pub operations: Option<u64>,
}

/// How fast processes call. Rates are calls a second, all processes together; finite and above zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each process calls again as soon as its call has ended.
    AsFastAsPossible,
    /// As before, but never faster than this. Latency counts from the sending of a call.
    Throttled(f64),
    /// Calls are due at this rate, whatever the database does. Latency counts from the moment a call was due, so that
    /// a stalled database cannot hide the calls it kept waiting.
    Open(f64),
}

/// Which nodes a process calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Routing {
    /// Always the same node, as long as the process lives.
    #[default]
    Pinned,
    /// Another node for each call. What one node showed to a process, the next one must know.
    Roaming,
    /// The same node for twenty calls, then the next.
    Moving,
    /// A node for each call, drawn.
    Random,
    /// Always the same node, one of those in the clients' data centre.
    Nearest,
    /// The node that the object belongs to on a ring of hashes: few objects move when a node comes or goes.
    Ring,
    /// The node that the object belongs to by its hash alone: most objects move when a node comes or goes.
    Hash,
}

impl Routing {
    /// Its name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Roaming => "roaming",
            Self::Moving => "moving",
            Self::Random => "random",
            Self::Nearest => "nearest",
            Self::Ring => "ring",
            Self::Hash => "hash",
        }
    }
}

/// What happens after the load: everything is healed, then the database has this long to recover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The longest time from the healing until every node serves clients again.
    pub within: Duration,
    /// How long is waited after that, before the final reads, so that what is under way arrives.
    pub settle: Duration,
}
