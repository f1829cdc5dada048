//! An order of nodes, kept while edges come in: the first edge that closes a cycle is told.
//!
//! The algorithm of Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs" (2006): each node
//! has a rank, and an edge that goes up needs nothing. One that goes down moves the nodes between its ends that can be
//! reached from there, and only those are looked at. Nodes are added at the top, so that edges from older to newer ones,
//! which is nearly all of them, are free.
//!
//! Only so many nodes are kept; then the oldest one is forgotten, with its edges.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

/// Nodes, known by their numbers, and edges between them.
pub(super) struct Order {
    nodes: FxHashMap<u64, Node>,
    /// In order of being added.
    age: VecDeque<u64>,
    next_rank: u64,
    most: usize,
    edges: usize,
}

#[derive(Default)]
struct Node {
    rank: u64,
    to: Vec<u64>,
    from: Vec<u64>,
}

impl Order {
    /// No node yet, and no more than this at any time.
    pub(super) fn of_most(most: usize) -> Self {
        Self {
            nodes: FxHashMap::default(),
            age: VecDeque::new(),
            next_rank: 0,
            most,
            edges: 0,
        }
    }

    /// Adds a node, if it is not there. Amortised O(1).
    pub(super) fn add(&mut self, number: u64) {
        if self.nodes.contains_key(&number) {
            return;
        }
        let node = Node {
            rank: self.next_rank,
            ..Node::default()
        };
        self.next_rank += 1;
        self.nodes.insert(number, node);
        self.age.push_back(number);
        if self.nodes.len() > self.most
            && let Some(oldest) = self.age.pop_front()
        {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(node) = self.nodes.remove(&number) else {
            return;
        };
        self.edges -= node.to.len() + node.from.len();
        for other in node.to {
            if let Some(other) = self.nodes.get_mut(&other) {
                other.from.retain(|&from| from != number);
            }
        }
        for other in node.from {
            if let Some(other) = self.nodes.get_mut(&other) {
                other.to.retain(|&to| to != number);
            }
        }
    }

    /// Whether the node is there.
    pub(super) fn has(&self, number: u64) -> bool {
        self.nodes.contains_key(&number)
    }

    /// Adds an edge, if both nodes are there. If it closes a cycle it is not added, and the cycle is returned: its nodes, each
    /// before the next, and the last before the first. O(1) for an edge that goes up, else O(what lies between).
    pub(super) fn connect(&mut self, from: u64, to: u64) -> Option<Vec<u64>> {
        if from == to {
            return None;
        }
        let rank = |number: u64| self.nodes.get(&number).map(|node| node.rank);
        let (above, below) = (rank(from)?, rank(to)?);
        let (to_there, from_here) = (&self.nodes[&from].to, &self.nodes[&to].from);
        let known = if to_there.len() < from_here.len() {
            to_there.contains(&to)
        } else {
            from_here.contains(&from)
        };
        if known {
            return None;
        }
        if below < above {
            let after = match self.after(to, from, above) {
                Ok(after) => after,
                Err(cycle) => return Some(cycle),
            };
            let before = self.before(from, below);
            self.reorder(before, after);
        }
        for (number, other, out) in [(from, to, true), (to, from, false)] {
            let node = self.nodes.get_mut(&number).expect("both nodes are there");
            if out { &mut node.to } else { &mut node.from }.push(other);
        }
        self.edges += 1;
        None
    }

    /// All nodes that can be reached from this one and whose ranks are below another one's; the way to that one if it can be
    /// reached.
    fn after(&self, start: u64, end: u64, rank: u64) -> Result<Vec<u64>, Vec<u64>> {
        let mut found = vec![start];
        let mut by: FxHashMap<u64, u64> = FxHashMap::default();
        let mut place = 0;
        while let Some(&number) = found.get(place) {
            place += 1;
            for &next in &self.nodes[&number].to {
                if next == end {
                    let mut way = vec![end, number];
                    while let Some(&before) = way.last().and_then(|last| by.get(last)) {
                        way.push(before);
                    }
                    way.reverse();
                    return Err(way);
                }
                if next != start && self.nodes[&next].rank < rank && !by.contains_key(&next) {
                    by.insert(next, number);
                    found.push(next);
                }
            }
        }
        Ok(found)
    }

    /// All nodes from which this one can be reached and whose ranks are above.
    fn before(&self, start: u64, rank: u64) -> Vec<u64> {
        let mut found = vec![start];
        let mut seen: FxHashSet<u64> = FxHashSet::default();
        seen.insert(start);
        let mut place = 0;
        while let Some(&number) = found.get(place) {
            place += 1;
            for &next in &self.nodes[&number].from {
                if self.nodes[&next].rank > rank && seen.insert(next) {
                    found.push(next);
                }
            }
        }
        found
    }

    /// Gives the ranks of these nodes to the same ones, the former before the latter.
    fn reorder(&mut self, mut before: Vec<u64>, mut after: Vec<u64>) {
        before.sort_unstable_by_key(|number| self.nodes[number].rank);
        after.sort_unstable_by_key(|number| self.nodes[number].rank);
        before.append(&mut after);
        let mut ranks: Vec<u64> = before
            .iter()
            .map(|number| self.nodes[number].rank)
            .collect();
        ranks.sort_unstable();
        for (number, rank) in before.into_iter().zip(ranks) {
            if let Some(node) = self.nodes.get_mut(&number) {
                node.rank = rank;
            }
        }
    }

    /// How many nodes and edges there are.
    pub(super) fn remembered(&self) -> usize {
        self.nodes.len() + self.edges
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Whether there is a way, by following all edges.
    fn reaches(edges: &[(u64, u64)], from: u64, to: u64) -> bool {
        let mut found = vec![from];
        let mut place = 0;
        while let Some(&at) = found.get(place) {
            place += 1;
            for &(a, b) in edges {
                if a == at && !found.contains(&b) {
                    found.push(b);
                }
            }
        }
        found.contains(&to)
    }

    #[test]
    fn exactly_the_edges_that_close_a_cycle_are_told() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let mut cycles = 0;
        for _ in 0..200 {
            let count = rng.random_range(2..12);
            let mut order = Order::of_most(100);
            (0..count).for_each(|node| order.add(node));
            let mut edges: Vec<(u64, u64)> = Vec::new();
            for _ in 0..30 {
                let (a, b) = (rng.random_range(0..count), rng.random_range(0..count));
                let closes = a != b && reaches(&edges, b, a);
                let cycle = order.connect(a, b);
                assert_eq!(cycle.is_some(), closes, "{edges:?} {a} {b}");
                if let Some(cycle) = cycle {
                    cycles += 1;
                    edges.push((a, b));
                    for (i, &node) in cycle.iter().enumerate() {
                        let next = cycle[(i + 1) % cycle.len()];
                        assert!(edges.contains(&(node, next)), "{edges:?} {cycle:?}");
                    }
                    edges.pop();
                } else if a != b {
                    edges.push((a, b));
                }
            }
        }
        assert!(cycles > 100);
    }

    #[test]
    fn the_oldest_nodes_are_forgotten_with_their_edges() {
        let mut order = Order::of_most(3);
        for node in 0..1_000 {
            order.add(node);
            assert_eq!(order.connect(node.max(1) - 1, node), None);
            assert!(order.remembered() <= 6);
        }
        assert!(!order.has(996) && order.has(997));
        assert_eq!(order.connect(999, 0), None);
        assert_eq!(order.connect(999, 997), Some(vec![997, 998, 999]));
    }
}
