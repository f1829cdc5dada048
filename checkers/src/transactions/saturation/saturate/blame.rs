//! What a contradiction needs.

use super::super::committed::INITIAL;
use super::{Added, Saturation, Why};

impl Saturation<'_> {
    /// What a cycle needs: the transactions on it, and those that its orders follow from, rising; and the decisions,
    /// rising.
    pub(crate) fn core(&self, from: u32, to: u32, why: Option<Why>) -> (Vec<u32>, Vec<u32>) {
        let mut decisions = Vec::new();
        if let Some(Why::Tried { decision, .. }) = why {
            decisions.push(decision);
        }
        let mut needed = vec![false; self.committed.len()];
        let mut asked = vec![false; self.added.len()];
        // Paths that are needed: (from, to, orders added before this place).
        let mut paths = vec![(to, from, self.added.len())];
        self.needs(from, to, why, self.added.len(), &mut needed, &mut paths);
        let mut parent = vec![(INITIAL, INITIAL); self.base.nodes];
        while let Some((from, to, limit)) = paths.pop() {
            for edge in self.path(from, to, limit, &mut needed, &mut parent) {
                if !asked[edge as usize] {
                    asked[edge as usize] = true;
                    let Added { from, to, why, .. } = self.added[edge as usize];
                    if let Why::Tried { decision, .. } = why {
                        decisions.push(decision);
                    }
                    self.needs(from, to, Some(why), edge as usize, &mut needed, &mut paths);
                }
            }
        }
        decisions.sort_unstable();
        decisions.dedup();
        let core = (0..self.committed.len() as u32).filter(|&t| needed[t as usize]);
        (core.collect(), decisions)
    }

    /// What an order needs: its transactions, and the path that it follows from.
    fn needs(
        &self,
        from: u32,
        to: u32,
        why: Option<Why>,
        limit: usize,
        needed: &mut [bool],
        paths: &mut Vec<(u32, u32, usize)>,
    ) {
        for node in [from, to] {
            if let Some(t) = self.base.transaction(node) {
                needed[t as usize] = true;
            }
        }
        let source = |read: u32| match self.committed.read_slot[read as usize] {
            INITIAL => None,
            slot => Some(self.committed.writer[slot as usize]),
        };
        match why {
            None => {}
            Some(Why::Hidden { read, writer }) => {
                let reader = self.reader(read);
                needed[reader as usize] = true;
                paths.push((
                    self.base.write_node(writer),
                    self.base.read_node(reader),
                    limit,
                ));
            }
            Some(Why::Overwrites { read, writer }) => {
                if let Some(source) = source(read) {
                    needed[source as usize] = true;
                    paths.push((
                        self.base.write_node(source),
                        self.base.write_node(writer),
                        limit,
                    ));
                }
            }
            Some(Why::Overlap { first, second }) => {
                paths.push((
                    self.base.read_node(first),
                    self.base.write_node(second),
                    limit,
                ));
            }
            Some(Why::Tried { about, .. }) => {
                for t in about {
                    if t != INITIAL {
                        needed[t as usize] = true;
                    }
                }
            }
        }
    }

    /// A shortest path by what is known from the start and the orders added before `limit`: notes the transactions on
    /// it, and returns the added orders on it.
    fn path(
        &self,
        from: u32,
        to: u32,
        limit: usize,
        needed: &mut [bool],
        parent: &mut [(u32, u32)],
    ) -> Vec<u32> {
        if from == to {
            return Vec::new();
        }
        let mut queue = vec![from];
        let mut edges = Vec::new();
        let mut at = 0;
        parent[from as usize] = (from, INITIAL);
        let leads = |node: u32| {
            self.chains.chain[node as usize] == INITIAL
                || self.chains.chain[to as usize] == INITIAL
                || self.before(node, to)
        };
        'search: while at < queue.len() {
            let node = queue[at];
            at += 1;
            let mut visit = |next: u32, edge: u32, queue: &mut Vec<u32>| {
                if parent[next as usize].0 == INITIAL && leads(next) {
                    parent[next as usize] = (node, edge);
                    queue.push(next);
                }
                next == to
            };
            for &next in self.base.after(node) {
                if visit(next, INITIAL, &mut queue) {
                    break 'search;
                }
            }
            let mut edge = self.head[node as usize];
            while edge != INITIAL {
                let added = self.added[edge as usize];
                if (edge as usize) < limit && visit(added.to, edge, &mut queue) {
                    break 'search;
                }
                edge = added.next;
            }
        }
        if parent[to as usize].0 != INITIAL {
            let mut node = to;
            while node != from {
                if let Some(t) = self.base.transaction(node) {
                    needed[t as usize] = true;
                }
                let (before, edge) = parent[node as usize];
                if edge != INITIAL {
                    edges.push(edge);
                }
                node = before;
            }
            if let Some(t) = self.base.transaction(from) {
                needed[t as usize] = true;
            }
        }
        for &node in &queue {
            parent[node as usize] = (INITIAL, INITIAL);
        }
        edges
    }
}
