//! What nodes are to their cluster, as they say themselves.

use std::sync::Arc;

/// What a node is to its cluster at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It decides: a Raft leader, a primary.
    Leader,
    /// It follows a leader: a follower, a replica.
    Follower,
}

/// What each node says it is. Nodes that say nothing are absent; several may say that they lead.
pub type Roles = [(Arc<str>, Role)];

/// The nodes that say they have the role, in the order of the plan.
pub(crate) fn nodes_with(role: Role, roles: &Roles, nodes: &[Arc<str>]) -> Vec<Arc<str>> {
    nodes
        .iter()
        .filter(|node| roles.iter().any(|(name, r)| name == *node && *r == role))
        .cloned()
        .collect()
}
