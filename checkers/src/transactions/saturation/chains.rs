//! The orders that are known from the start, as a graph, and its cover by few chains.
//!
//! Whether one node comes before another one is asked all the time. With nodes on chains, each node needs one number per
//! chain for it: how far along the chain the nodes are that come before. Sessions are such chains where their order
//! counts; elsewhere, who reads from whom makes some.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::committed::{Committed, INITIAL};
use super::{Order, Rules};

/// A graph of nodes: transactions (or their two moments), then the moments in time between them.
///
/// Real time takes few edges: its moments stand in a chain, a transaction comes before the first moment after its return,
/// and after the last moment before its invocation.
#[derive(Debug)]
pub(crate) struct Base {
    /// How many nodes there are, moments in time included.
    pub(crate) nodes: usize,
    /// How many of them are transactions or their moments.
    pub(crate) points: usize,
    /// Whether transactions have two nodes.
    pub(crate) split: bool,
    start: Vec<u32>,
    to: Vec<u32>,
}

/// Where something happens: who comes after whom, as (from, to).
struct Edges(Vec<(u32, u32)>);

impl Base {
    /// The node at which a transaction reads.
    pub(crate) fn read_node(&self, t: u32) -> u32 {
        if self.split { t * 2 } else { t }
    }

    /// The node at which a transaction writes.
    pub(crate) fn write_node(&self, t: u32) -> u32 {
        if self.split { t * 2 + 1 } else { t }
    }

    /// The transaction of a node that is no moment in time.
    pub(crate) fn transaction(&self, node: u32) -> Option<u32> {
        ((node as usize) < self.points).then_some(if self.split { node / 2 } else { node })
    }

    /// What comes right after a node.
    pub(crate) fn after(&self, node: u32) -> &[u32] {
        &self.to[self.start[node as usize] as usize..self.start[node as usize + 1] as usize]
    }

    /// The orders known from the start. O(n + reads), and O(n log n) where real time counts.
    pub(crate) fn of(committed: &Committed, rules: Rules) -> Self {
        let n = committed.len() as u32;
        let points = if rules.split { n * 2 } else { n };
        let mut base = Self {
            nodes: points as usize,
            points: points as usize,
            split: rules.split,
            start: Vec::new(),
            to: Vec::new(),
        };
        let mut edges = Edges(Vec::with_capacity(committed.read_slot.len() + n as usize));
        for t in 0..n {
            if rules.split {
                edges.0.push((base.read_node(t), base.write_node(t)));
            }
            if rules.respects != Order::None
                && let Some(before) = committed.previous(t)
            {
                edges.0.push((base.write_node(before), base.read_node(t)));
            }
            let mut last = INITIAL;
            for r in committed.reads(t) {
                let slot = committed.read_slot[r];
                if slot != INITIAL {
                    let from = committed.writer[slot as usize];
                    if from != last {
                        edges.0.push((base.write_node(from), base.read_node(t)));
                    }
                    last = from;
                }
            }
        }
        if rules.respects == Order::RealTime {
            base.nodes += edges.real_time(committed, &base);
        }
        base.take(&edges);
        base
    }

    fn take(&mut self, edges: &Edges) {
        self.start = vec![0; self.nodes + 1];
        for &(from, _) in &edges.0 {
            self.start[from as usize + 1] += 1;
        }
        for i in 1..self.start.len() {
            self.start[i] += self.start[i - 1];
        }
        let mut fill = self.start.clone();
        self.to = vec![0; edges.0.len()];
        for &(from, to) in &edges.0 {
            self.to[fill[from as usize] as usize] = to;
            fill[from as usize] += 1;
        }
    }

    /// The nodes in an order that follows all edges, or those that are left when there is a cycle.
    pub(crate) fn topological(&self) -> Result<Vec<u32>, Vec<u32>> {
        let mut waits = vec![0_u32; self.nodes];
        for &to in &self.to {
            waits[to as usize] += 1;
        }
        let mut order: Vec<u32> = (0..self.nodes as u32)
            .filter(|&node| waits[node as usize] == 0)
            .collect();
        order.reserve(self.nodes - order.len());
        let mut at = 0;
        while at < order.len() {
            for &to in self.after(order[at]) {
                waits[to as usize] -= 1;
                if waits[to as usize] == 0 {
                    order.push(to);
                }
            }
            at += 1;
        }
        if order.len() == self.nodes {
            Ok(order)
        } else {
            let left = |&node: &u32| waits[node as usize] > 0;
            Err((0..self.nodes as u32).filter(left).collect())
        }
    }

    /// A shortest cycle through the first of these nodes that is on one; they are what [`topological`](Self::topological)
    /// left over.
    pub(crate) fn cycle(&self, left: &[u32]) -> Vec<u32> {
        let mut inside = vec![false; self.nodes];
        for &node in left {
            inside[node as usize] = true;
        }
        // Go back and forth no more than needed: follow edges until a node comes again; it is on a cycle.
        let mut into = vec![INITIAL; self.nodes];
        for &node in left {
            for &to in self.after(node) {
                if inside[to as usize] {
                    into[to as usize] = node;
                }
            }
        }
        let mut seen = vec![false; self.nodes];
        let mut node = left[0];
        while !seen[node as usize] {
            seen[node as usize] = true;
            node = into[node as usize];
        }
        let start = node;
        let mut parent = vec![INITIAL; self.nodes];
        let mut queue = vec![start];
        let mut at = 0;
        while at < queue.len() {
            let node = queue[at];
            at += 1;
            for &to in self.after(node) {
                if to == start {
                    let mut cycle = vec![node];
                    let mut node = node;
                    while node != start {
                        node = parent[node as usize];
                        cycle.push(node);
                    }
                    cycle.reverse();
                    return cycle;
                }
                if inside[to as usize] && parent[to as usize] == INITIAL {
                    parent[to as usize] = node;
                    queue.push(to);
                }
            }
        }
        left.to_vec()
    }
}

impl Edges {
    /// Adds the moments in time; says how many.
    fn real_time(&mut self, committed: &Committed, base: &Base) -> usize {
        let mut begins: Vec<(u64, u32)> = Vec::with_capacity(committed.len());
        let mut ends: Vec<(u64, u32)> = Vec::with_capacity(committed.len());
        for t in 0..committed.len() as u32 {
            begins.push((committed.invoked[t as usize], t));
            if committed.completed[t as usize] != u64::MAX {
                ends.push((committed.completed[t as usize], t));
            }
        }
        begins.sort_unstable();
        ends.sort_unstable();
        let mut moments = 0;
        let mut next = 0;
        for (invoked, t) in begins {
            let from = next;
            while next < ends.len() && ends[next].0 < invoked {
                next += 1;
            }
            if next > from {
                let moment = base.points as u32 + moments;
                moments += 1;
                if moments > 1 {
                    self.0.push((moment - 1, moment));
                }
                for &(_, done) in &ends[from..next] {
                    self.0.push((base.write_node(done), moment));
                }
            }
            if moments > 0 {
                let moment = base.points as u32 + moments - 1;
                self.0.push((moment, base.read_node(t)));
            }
        }
        moments as usize
    }
}

/// A cover of the nodes by chains: on each, what stands later comes later in every order.
#[derive(Debug)]
pub(crate) struct Chains {
    /// The chain of each node; moments in time have none.
    pub(crate) chain: Vec<u32>,
    /// Its place on it, from 1.
    pub(crate) place: Vec<u32>,
    /// How many chains there are.
    pub(crate) count: usize,
    /// The transactions of each chain, in its order.
    pub(crate) members: Vec<Vec<u32>>,
}

impl Chains {
    /// Covers the nodes, greedily: a transaction goes behind one that surely comes before it and has none behind it yet.
    /// `order` is topological. O(reads + n log n).
    pub(crate) fn cover(
        committed: &Committed,
        base: &Base,
        respects: Order,
        order: &[u32],
    ) -> Self {
        let n = committed.len();
        let mut chain_of = vec![INITIAL; n];
        let mut members: Vec<Vec<u32>> = Vec::new();
        let is_tail = |members: &[Vec<u32>], chain_of: &[u32], t: u32| {
            chain_of[t as usize] != INITIAL
                && members[chain_of[t as usize] as usize].last() == Some(&t)
        };
        let ends_session = |t: u32| {
            t as usize + 1 == n
                || committed.session[t as usize + 1] != committed.session[t as usize]
        };
        // Ends of chains, the one that returned first on top; some have moved on.
        let mut returned: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
        for &node in order {
            let Some(t) = base.transaction(node) else {
                continue;
            };
            if node != base.read_node(t) {
                continue;
            }
            let sources = || {
                let slots = committed.reads(t).map(|r| committed.read_slot[r]);
                slots
                    .filter(|&slot| slot != INITIAL)
                    .map(|slot| committed.writer[slot as usize])
            };
            let mut behind = sources().find(|&source| {
                (respects == Order::None || ends_session(source))
                    && is_tail(&members, &chain_of, source)
            });
            if behind.is_none() && respects != Order::None {
                behind = committed
                    .previous(t)
                    .filter(|&before| is_tail(&members, &chain_of, before));
            }
            if behind.is_none() && respects == Order::RealTime {
                while let Some(&Reverse((completed, tail))) = returned.peek() {
                    if !is_tail(&members, &chain_of, tail) {
                        returned.pop();
                    } else if completed < committed.invoked[t as usize] {
                        behind = Some(tail);
                        break;
                    } else {
                        break;
                    }
                }
            }
            let chain = if let Some(behind) = behind {
                chain_of[behind as usize]
            } else {
                members.push(Vec::new());
                members.len() as u32 - 1
            };
            chain_of[t as usize] = chain;
            members[chain as usize].push(t);
            if respects == Order::RealTime && committed.completed[t as usize] != u64::MAX {
                returned.push(Reverse((committed.completed[t as usize], t)));
            }
        }
        let mut chains = Self {
            chain: vec![INITIAL; base.nodes],
            place: vec![0; base.nodes],
            count: members.len(),
            members,
        };
        for (chain, members) in chains.members.iter().enumerate() {
            let mut place = 0;
            for &t in members {
                for node in base.read_node(t)..=base.write_node(t) {
                    place += 1;
                    chains.chain[node as usize] = chain as u32;
                    chains.place[node as usize] = place;
                }
            }
        }
        chains
    }
}
