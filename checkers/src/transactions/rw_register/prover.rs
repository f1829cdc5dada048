//! Why a level does not hold for a few transactions: a cycle, each step of it with its reason.
//!
//! The same rules as in the search for large histories, without its shortcuts: all that follows is derived round by
//! round, and each order keeps what it follows from, so that the first cycle is among those with the simplest reasons.

use crate::Level;
use crate::transactions::saturation::Order;
use crate::transactions::saturation::committed::{Committed, INITIAL};

/// Transactions that a proof is looked for, at most.
const MOST: usize = 48;

/// Why one moment comes before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// A transaction takes its snapshot before it commits.
    Same,
    /// The order of a session.
    Session,
    /// Real time.
    RealTime,
    /// The later one read what the earlier one wrote: the place of the read.
    Read(u32),
    /// `from` wrote the key of this read too, and comes before the reader: so it comes before `to`, whom that read from.
    Hidden(u32),
    /// `from` did this read, and `to` overwrites what it saw.
    Overwrites(u32),
    /// Both write this key, and `from` took its snapshot before `to` committed.
    Overlap(u32),
}

/// An order between two moments.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    /// The earlier transaction.
    pub(super) from: u32,
    /// The later one.
    pub(super) to: u32,
    /// Why.
    pub(super) reason: Reason,
    /// The orders it follows from, one after the other.
    pub(super) premise: Vec<usize>,
    nodes: (usize, usize),
}

/// A proof.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// All orders that were found, each after those that it follows from.
    pub(super) edges: Vec<Edge>,
    /// Those that make the cycle, in its order.
    pub(super) cycle: Vec<usize>,
}

/// How far a level looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// What the same transaction had read from before.
    ReadBefore,
    /// What the same transaction reads from.
    ReadFrom,
    /// All that is known from the start.
    Causes,
    /// All that follows.
    All,
}

struct Prover<'a> {
    committed: &'a Committed,
    split: bool,
    reach: Reach,
    edges: Vec<Edge>,
    after: Vec<Vec<usize>>,
    /// How many edges are known from the start.
    base: usize,
}

/// A cycle that shows that a level does not hold; `None` when it takes a choice between two ways to see it, or there are
/// too many transactions. O(n^4).
pub(super) fn prove(committed: &Committed, level: Level) -> Option<Proof> {
    if committed.len() > MOST {
        return None;
    }
    let split = matches!(
        level,
        Level::SnapshotIsolation
            | Level::StrongSessionSnapshotIsolation
            | Level::StrongSnapshotIsolation
            | Level::Prefix
    );
    let reach = match level {
        Level::ReadCommitted | Level::MonotonicAtomicView => Reach::ReadBefore,
        Level::ReadAtomic => Reach::ReadFrom,
        Level::Causal | Level::CausalConvergence => Reach::Causes,
        _ => Reach::All,
    };
    let nodes = committed.len() * if split { 2 } else { 1 };
    let mut prover = Prover {
        committed,
        split,
        reach,
        edges: Vec::new(),
        after: vec![Vec::new(); nodes],
        base: 0,
    };
    prover.start(respects(level));
    loop {
        let paths = prover.paths(prover.edges.len());
        if let Some(cycle) = prover.cycle(&paths) {
            let Prover { edges, .. } = prover;
            return Some(Proof { edges, cycle });
        }
        let found = prover.derive(&paths, level);
        if found.is_empty() {
            return None;
        }
        for edge in found {
            prover.add(edge);
        }
    }
}

/// What a level respects besides who read from whom.
pub(super) fn respects(level: Level) -> Order {
    match level {
        Level::StrictSerializable | Level::StrongSnapshotIsolation => Order::RealTime,
        Level::StrongSessionSerializable
        | Level::StrongSessionSnapshotIsolation
        | Level::Causal
        | Level::CausalConvergence => Order::Session,
        _ => Order::None,
    }
}

/// For each pair of nodes: the edge that a shortest path between them begins with, and its length.
type Paths = Vec<Vec<Option<(usize, u32)>>>;

impl Prover<'_> {
    fn read_node(&self, t: u32) -> usize {
        t as usize * if self.split { 2 } else { 1 }
    }

    fn write_node(&self, t: u32) -> usize {
        self.read_node(t) + usize::from(self.split)
    }

    fn edge(&self, from: (u32, bool), to: (u32, bool), reason: Reason) -> Edge {
        let node = |(t, writes): (u32, bool)| {
            if writes {
                self.write_node(t)
            } else {
                self.read_node(t)
            }
        };
        Edge {
            from: from.0,
            to: to.0,
            reason,
            premise: Vec::new(),
            nodes: (node(from), node(to)),
        }
    }

    fn add(&mut self, edge: Edge) {
        self.after[edge.nodes.0].push(self.edges.len());
        self.edges.push(edge);
    }

    fn start(&mut self, respects: Order) {
        let committed = self.committed;
        let n = committed.len() as u32;
        for t in 0..n {
            for r in committed.reads(t) {
                let slot = committed.read_slot[r];
                if slot != INITIAL {
                    let source = committed.writer[slot as usize];
                    let edge = self.edge((source, true), (t, false), Reason::Read(r as u32));
                    self.add(edge);
                }
            }
            if self.split {
                let edge = self.edge((t, false), (t, true), Reason::Same);
                self.add(edge);
            }
            for other in 0..n {
                let in_session =
                    other < t && committed.session[other as usize] == committed.session[t as usize];
                let in_time = committed.completed[other as usize] < committed.invoked[t as usize];
                let reason = if respects != Order::None && in_session {
                    Reason::Session
                } else if respects == Order::RealTime && in_time {
                    Reason::RealTime
                } else {
                    continue;
                };
                let edge = self.edge((other, true), (t, false), reason);
                self.add(edge);
            }
        }
        self.base = self.edges.len();
    }

    /// Shortest paths by the first `limit` edges.
    fn paths(&self, limit: usize) -> Paths {
        let nodes = self.after.len();
        let mut before = vec![Vec::new(); nodes];
        for (i, edge) in self.edges[..limit].iter().enumerate() {
            before[edge.nodes.1].push(i);
        }
        let mut paths: Paths = vec![vec![None; nodes]; nodes];
        let mut to = 0;
        while to < nodes {
            let mut queue = vec![(to, 0)];
            let mut at = 0;
            while at < queue.len() {
                let (node, length) = queue[at];
                at += 1;
                for &edge in &before[node] {
                    let from = self.edges[edge].nodes.0;
                    // A path from a node to itself is a cycle, and counts as one.
                    if paths[from][to].is_none() {
                        paths[from][to] = Some((edge, length + 1));
                        if from != to {
                            queue.push((from, length + 1));
                        }
                    }
                }
            }
            to += 1;
        }
        paths
    }

    /// A shortest path, as edges.
    fn walk(&self, paths: &Paths, from: usize, to: usize) -> Vec<usize> {
        let mut walked = Vec::new();
        let mut node = from;
        while let Some((edge, _)) = paths[node][to] {
            walked.push(edge);
            node = self.edges[edge].nodes.1;
            if node == to {
                break;
            }
        }
        walked
    }

    fn cycle(&self, paths: &Paths) -> Option<Vec<usize>> {
        let nodes = 0..self.after.len();
        let shortest = nodes
            .filter_map(|node| paths[node][node].map(|(_, length)| (length, node)))
            .min()?;
        Some(self.walk(paths, shortest.1, shortest.1))
    }

    /// Orders that follow and are not known.
    fn derive(&self, paths: &Paths, level: Level) -> Vec<Edge> {
        let committed = self.committed;
        let n = committed.len() as u32;
        let start = self.paths(self.base);
        let known = |edge: &Edge| {
            edge.nodes.0 != edge.nodes.1 && paths[edge.nodes.0][edge.nodes.1].is_some()
        };
        let mut found: Vec<Edge> = Vec::new();
        let mut note = |mut edge: Edge, premise: Vec<usize>| {
            if !known(&edge) && !found.iter().any(|other| other.nodes == edge.nodes) {
                edge.premise = premise;
                found.push(edge);
            }
        };
        for t in 0..n {
            for r in committed.reads(t) {
                let key = committed.read_key[r];
                let slot = committed.read_slot[r];
                let source = (slot != INITIAL).then(|| committed.writer[slot as usize]);
                for writer in 0..n {
                    if writer == t || Some(writer) == source {
                        continue;
                    }
                    if committed.slot(writer, key).is_none() {
                        continue;
                    }
                    let (from, to) = (self.write_node(writer), self.read_node(t));
                    let visible = match self.reach {
                        Reach::ReadBefore => self.reads_before(t, r, writer),
                        Reach::ReadFrom => self.reads_before(t, committed.reads(t).end, writer),
                        Reach::Causes => start[from][to]
                            .is_some()
                            .then(|| self.walk(&start, from, to)),
                        Reach::All => paths[from][to]
                            .is_some()
                            .then(|| self.walk(paths, from, to)),
                    };
                    let older = match source {
                        None => Some(Vec::new()),
                        Some(source) => {
                            let (from, to) = (self.write_node(source), self.write_node(writer));
                            let known = if level == Level::Causal {
                                &start
                            } else {
                                paths
                            };
                            known[from][to]
                                .is_some()
                                .then(|| self.walk(known, from, to))
                        }
                    };
                    // Of levels without one order for all, a read only says something against what it should have seen.
                    let overwrites = match self.reach {
                        Reach::All => {
                            level != Level::ParallelSnapshotIsolation
                                || visible.is_some()
                                || committed.slot(t, key).is_some()
                        }
                        _ => visible.is_some(),
                    };
                    if overwrites && let Some(older) = older {
                        let reason = Reason::Overwrites(r as u32);
                        note(self.edge((t, false), (writer, true), reason), older);
                    } else if level != Level::Causal
                        && let (Some(visible), Some(source)) = (visible, source)
                    {
                        let reason = Reason::Hidden(r as u32);
                        note(self.edge((writer, true), (source, true), reason), visible);
                    }
                }
            }
            if !self.split || level == Level::Prefix {
                continue;
            }
            for w in committed.writes(t) {
                let key = committed.write_key[w];
                for other in (0..n).filter(|&other| other != t) {
                    let (from, to) = (self.read_node(other), self.write_node(t));
                    if committed.slot(other, key).is_some() && paths[from][to].is_some() {
                        let premise = self.walk(paths, from, to);
                        note(
                            self.edge((other, true), (t, false), Reason::Overlap(key)),
                            premise,
                        );
                    }
                }
            }
        }
        found
    }

    /// The read by which a transaction saw another one, before this place.
    fn reads_before(&self, t: u32, end: usize, writer: u32) -> Option<Vec<usize>> {
        let committed = self.committed;
        let read = committed.reads(t).take_while(|&r| r < end).find(|&r| {
            let slot = committed.read_slot[r];
            slot != INITIAL && committed.writer[slot as usize] == writer
        })?;
        let edge = self.edges[..self.base]
            .iter()
            .position(|edge| edge.reason == Reason::Read(read as u32))?;
        Some(vec![edge])
    }
}
