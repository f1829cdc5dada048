//! A fault, with its roles resolved: what is done to whom.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::ClockChange;
use crate::disk::DiskChange;
use crate::link::Impairment;
use crate::member::MemberChange;
use crate::quantity::Share;

/// A place that packets come from: a node, or the clients (the controller's own addresses).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// A node of the cluster.
    Node(Arc<str>),
    /// Where the clients are.
    Clients,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => f.write_str(name),
            Self::Clients => f.write_str("clients"),
        }
    }
}

/// Packets in one direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Who sends.
    pub from: Endpoint,
    /// Who receives.
    pub to: Endpoint,
}

/// What happens to a packet on a cut link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RejectMode {
    /// It vanishes: the sender waits.
    #[default]
    Drop,
    /// The sender is told at once.
    Reject,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Packets on these links do not arrive.
    Cut {
        /// The links, sorted.
        links: Vec<Link>,
        /// Whether the sender is told.
        mode: RejectMode,
    },
    /// The database's processes die at once (SIGKILL). Healed by starting them.
    Kill,
    /// The database's processes are asked to end (SIGTERM). Healed by starting them.
    Stop,
    /// The database's processes stand still (SIGSTOP). Healed by SIGCONT.
    Pause,
    /// The database's processes are ended and started again. Nothing is left to heal.
    Restart,
    /// The database's processes die and their disks are wiped. Healed by starting them.
    Amnesia,
    /// Packets on these links are late, lost, doubled, overtaken, damaged or slow.
    Impair {
        /// The links, sorted.
        links: Vec<Link>,
        /// What is done to the packets.
        impairment: Impairment,
    },
    /// Clocks are wrong.
    Clock {
        /// What is done to them.
        change: ClockChange,
        /// The share of the clients whose clocks they are; those of the nodes when absent.
        clients: Option<Share>,
    },
    /// Disks are slow, stalled, full, torn or set back.
    Disk(DiskChange),
    /// Nodes die when they come to a named point. Healed by starting them.
    CrashAt {
        /// The point.
        point: Arc<str>,
    },
    /// Acknowledgements get lost that are sent from a named point on.
    DropReplies {
        /// The point.
        point: Arc<str>,
        /// In which share of cases.
        share: Share,
    },
    /// Nodes join or leave the cluster. Taken back by the healing.
    Members(MemberChange),
}

impl Effect {
    /// Whether it can be done to real nodes; otherwise only a simulated cluster can do it, so far.
    pub const fn is_for_real_nodes(&self) -> bool {
        matches!(
            self,
            Self::Cut { .. } | Self::Kill | Self::Stop | Self::Pause | Self::Restart
        )
    }
}

/// A fault that is ready to be injected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its number within the run.
    pub id: u32,
    /// Its kind: `partition`, `kill`, `pause`.
    pub name: &'static str,
    /// What exactly: `halves: n1 n2 | n3 n4 n5`.
    pub label: String,
    /// The nodes it acts on, sorted.
    pub nodes: Vec<Arc<str>>,
    /// For a partition, the groups of nodes that still reach each other; empty otherwise.
    pub sides: Vec<Vec<Arc<str>>>,
    /// What it does to them.
    pub effect: Effect,
}
