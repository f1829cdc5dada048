//! Where packets come from and go to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most nodes that a cluster has.
pub const MAX_NODES: usize = 128;

/// A node, by its place in the cluster, counted from 0. Its name is `n1` for the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct NodeId(u8);

impl NodeId {
    /// The node at this place, counted from 0.
    ///
    /// # Panics
    /// When `index` is not below [`MAX_NODES`].
    pub const fn new(index: usize) -> Self {
        assert!(index < MAX_NODES, "a cluster has at most 128 nodes");
        Self(index as u8)
    }

    /// Its place in the cluster, counted from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// `n1` for the first.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.index() + 1)
    }
}

/// Where packets come from or go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A node of the cluster.
    Node(NodeId),
    /// Where all clients are.
    Clients,
}

impl From<NodeId> for Place {
    fn from(node: NodeId) -> Self {
        Self::Node(node)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::Clients => f.write_str("clients"),
        }
    }
}

/// Packets in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Who sends.
    pub from: Place,
    /// Who receives.
    pub to: Place,
}

impl Link {
    /// Packets from one place to another.
    pub fn new(from: impl Into<Place>, to: impl Into<Place>) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)
    }
}

/// A set of nodes: who has answered, who has voted. Adding a node twice counts once, so duplicated messages do no harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeSet(u128);

impl NodeSet {
    /// Nobody.
    pub const EMPTY: Self = Self(0);

    /// One node.
    pub const fn of(node: NodeId) -> Self {
        Self(1 << node.index())
    }

    /// Adds a node; whether it is new.
    pub const fn insert(&mut self, node: NodeId) -> bool {
        let new = !self.contains(node);
        self.0 |= 1 << node.index();
        new
    }

    /// Takes a node out; whether it was there.
    pub const fn remove(&mut self, node: NodeId) -> bool {
        let there = self.contains(node);
        self.0 &= !(1 << node.index());
        there
    }

    /// The nodes, in order.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        (0..MAX_NODES)
            .map(NodeId::new)
            .filter(move |node| self.contains(*node))
    }

    /// Whether the node is in it.
    pub const fn contains(self, node: NodeId) -> bool {
        self.0 & (1 << node.index()) != 0
    }

    /// How many nodes are in it.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether nobody is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_counts_each_node_once() {
        let mut set = NodeSet::EMPTY;
        assert!(set.is_empty());
        assert!(set.insert(NodeId::new(0)));
        assert!(set.insert(NodeId::new(MAX_NODES - 1)));
        assert!(!set.insert(NodeId::new(0)));
        assert_eq!(set.len(), 2);
        assert!(set.contains(NodeId::new(127)));
        assert!(!set.contains(NodeId::new(1)));
        assert_eq!(NodeSet::of(NodeId::new(3)).len(), 1);
    }

    #[test]
    fn links_are_shown_with_names() {
        let link = Link::new(NodeId::new(2), Place::Clients);
        assert_eq!(link.to_string(), "n3 -> clients");
    }
}
