//! What a plan can set of a store on quorums.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a plan can set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct QuorumOptions {
    /// How many replicas a read, and a write's look for the highest stamp, waits for, its own node included. By default
    /// more than half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) read: Option<u16>,
    /// How many replicas must have stored a value, its own node included. By default more than half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) write: Option<u16>,
    /// Whether a read stores what it found on a write quorum before it answers.
    pub(crate) write_back: bool,
    /// Where a write's stamp comes from.
    pub(crate) stamps: Stamps,
    /// Whom a call goes to.
    pub(crate) contact: Contact,
    /// How long a replica takes to store a value that another node sends it; nobody sees it there before.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub(crate) store_takes: Duration,
    /// After how long a node asks those again that have not answered.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub(crate) retry: Duration,
    /// After how long a node gives a call up that too few have answered.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub(crate) give_up: Duration,
    /// How often a node sends a stretch of its records to all others; `"0s"` for never.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub(crate) anti_entropy: Duration,
}

impl Default for QuorumOptions {
    fn default() -> Self {
        Self {
            read: None,
            write: None,
            write_back: true,
            stamps: Stamps::Logical,
            contact: Contact::All,
            store_takes: Duration::ZERO,
            retry: Duration::from_millis(200),
            give_up: Duration::from_secs(5),
            anti_entropy: Duration::from_secs(1),
        }
    }
}

/// Where stamps come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stamps {
    /// One more than the highest that a read quorum knows.
    #[default]
    Logical,
    /// The wall clock of the node that serves the write. Nobody is asked.
    WallClock,
}

/// Whom a call goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contact {
    /// To all replicas at once; the first to answer count.
    #[default]
    All,
    /// A question goes to just as many replicas as are needed, drawn at random. A value goes to one replica after the
    /// other, in random order, and to the rest once enough hold it. Who does not answer in time is passed over.
    Few,
}
