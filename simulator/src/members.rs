//! Who belongs to a cluster.

use serde::{Deserialize, Serialize};

use crate::NodeId;

/// What an operator asks of a cluster whose nodes come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MemberChange {
    /// This node joins.
    Add(NodeId),
    /// This node leaves.
    Remove(NodeId),
}
