//! What happened between the nodes, packet by packet: what a message diagram is drawn from.

use schism_history::Time;

use crate::{CallId, NodeId, Place};

/// A packet within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(pub(crate) u64);

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// When it happened.
    pub at: Time,
    /// What happened.
    pub step: TraceStep,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceStep {
    /// A packet was sent.
    Sent {
        /// The packet.
        packet: PacketId,
        /// Who sent it.
        from: Place,
        /// To whom.
        to: Place,
        /// What it says, in the words of the store.
        text: String,
        /// The client's call, of a request or a reply.
        call: Option<CallId>,
    },
    /// A packet was sent and got lost on its way.
    Lost {
        /// Who sent it.
        from: Place,
        /// To whom.
        to: Place,
        /// What it said.
        text: String,
        /// Why.
        why: Loss,
    },
    /// A packet arrived, and whoever received it has done with it.
    Arrived {
        /// The packet.
        packet: PacketId,
        /// How the store describes the state of the node afterwards; empty when it does not, or a client received it.
        state: String,
    },
    /// A packet did not reach whom it was sent to.
    Stopped {
        /// The packet.
        packet: PacketId,
        /// Why.
        why: Loss,
    },
    /// A timer ran out, and the node has done with it.
    Timer {
        /// Whose.
        node: NodeId,
        /// Its tag.
        tag: u64,
        /// How the store describes the state of the node afterwards.
        state: String,
    },
    /// Something was done to a node or a link from outside, or a node died by itself.
    Fault {
        /// To which node; none when it is about links.
        node: Option<NodeId>,
        /// What, in words.
        text: String,
    },
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// It got lost on the link, by chance or in a full queue.
    Link,
    /// It was damaged, and its checksum said so.
    Damaged,
    /// A cut dropped it.
    Cut,
    /// A cut rejected it, or nothing runs where it arrived. The sender is told.
    Refused,
    /// The node stands still, and its inbox is full.
    Overflow,
    /// An acknowledgement that a fault took away.
    Acknowledgement,
    /// Nobody waits for it any more.
    TooLate,
}

impl Loss {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "lost",
            Self::Damaged => "damaged",
            Self::Cut => "cut",
            Self::Refused => "refused",
            Self::Overflow => "inbox full",
            Self::Acknowledgement => "acknowledgement lost",
            Self::TooLate => "too late",
        }
    }
}
