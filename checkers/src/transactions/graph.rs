//! The direct serialization graph (Adya, 1999): which transaction comes before which, and why.
//!
//! Edges of keys are stored in compressed rows, four bytes each. Session order and real time are not stored edge by edge:
//! the next transaction of a session has the next number, and real time goes through a chain of *barriers*, one for each
//! moment between a completion and an invocation that follows it. So both cost O(transactions), whatever overlaps.

use schism_history::{Outcome, Time};

use crate::transactions::columns::{NONE, Transactions};
use crate::transactions::versions::Versions;

/// Why the target of an edge comes after its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Edge {
    /// It overwrites what the source wrote.
    WriteWrite,
    /// It reads what the source wrote.
    WriteRead,
    /// It overwrites what the source read.
    ReadWrite,
    /// It reads by predicate, and what the source wrote decided whether it matched.
    PredicateWriteRead,
    /// It changes what matches a predicate that the source had read by.
    PredicateReadWrite,
    /// The same session did it later.
    Process,
    /// It was sent after the source had returned.
    RealTime,
    /// From a node that is no transaction: the reason is that of the edge before.
    Through,
}

impl Edge {
    const ALL: [Self; 8] = [
        Self::WriteWrite,
        Self::WriteRead,
        Self::ReadWrite,
        Self::PredicateWriteRead,
        Self::PredicateReadWrite,
        Self::Process,
        Self::RealTime,
        Self::Through,
    ];

    /// Whether it is an anti-dependency.
    pub(crate) fn is_anti(self) -> bool {
        matches!(self, Self::ReadWrite | Self::PredicateReadWrite)
    }

    /// Whether it is a read dependency.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::WriteRead | Self::PredicateWriteRead)
    }
}

/// Bits for the kind in a stored edge; the rest is the target.
const KIND_BITS: u32 = 3;
/// Nodes that a graph can have.
const MOST_NODES: usize = 1 << (32 - KIND_BITS);

/// A graph over transactions. Nodes are the transactions, then those that stand for writers whose order nobody saw,
/// then the barriers of real time.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    transactions: u32,
    /// Transactions and the nodes for unordered writers: those that have rows.
    rows: u32,
    first: Vec<u32>,
    edges: Vec<u32>,
    /// For each transaction, the next one of its session that happened; [`NONE`] for the last one.
    next_of_session: Vec<u32>,
    /// For each transaction that surely ended, the barrier right after its end; [`NONE`] when nothing follows.
    barrier_after: Vec<u32>,
    /// Transactions in order of invocation.
    by_invocation: Vec<u32>,
    /// For each barrier, the place in `by_invocation` of the first transaction behind it; one more than there are.
    behind: Vec<u32>,
}

/// The graph would have more nodes than it can number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Graph {
    /// The graph of these version orders. `is_committed` says which transactions are taken to have happened; only those
    /// have edges. O(steps + transactions) time where few transactions overlap, 4 bytes an edge and 20 a transaction.
    pub(crate) fn new(
        transactions: &Transactions<'_>,
        versions: &Versions,
        is_committed: &[bool],
    ) -> Result<Self, TooLarge> {
        let count = transactions.len();
        let chains = Chains::new(count as u32, versions);
        let rows = count + chains.node_count;
        if rows + count >= MOST_NODES {
            return Err(TooLarge);
        }
        let mut graph = Self {
            transactions: count as u32,
            rows: rows as u32,
            ..Self::default()
        };
        let (dependencies, ()) = rayon::join(
            || Dependencies::new(versions, &chains).rows(rows),
            || graph.time(transactions, is_committed),
        );
        (graph.first, graph.edges) = dependencies;
        Ok(graph)
    }

    /// How many nodes there are.
    pub(crate) fn node_count(&self) -> usize {
        self.rows as usize + self.behind.len().saturating_sub(1)
    }

    /// How many edges are stored, session order and real time not counted.
    pub(crate) fn edge_count(&self) -> usize {
        self.edges.len()
    }

    /// Whether a node is a transaction.
    pub(crate) fn is_transaction(&self, node: u32) -> bool {
        node < self.transactions
    }

    /// The next edge out of a node, and its target. The cursor begins at 0.
    #[inline]
    pub(crate) fn successor(&self, node: u32, cursor: &mut u32) -> Option<(u32, Edge)> {
        let at = *cursor;
        *cursor += 1;
        if node >= self.rows {
            return self.behind_barrier(node - self.rows, at);
        }
        let begin = self.first[node as usize];
        let count = self.first[node as usize + 1] - begin;
        if at < count {
            let edge = self.edges[(begin + at) as usize];
            let kind = Edge::ALL[(edge & ((1 << KIND_BITS) - 1)) as usize];
            return Some((edge >> KIND_BITS, kind));
        }
        if node >= self.transactions {
            return None;
        }
        // Real time first, then session order.
        let barrier = self.barrier_after[node as usize];
        let mut at = at - count;
        if barrier != NONE {
            if at == 0 {
                return Some((self.rows + barrier, Edge::RealTime));
            }
            at -= 1;
        }
        let next = self.next_of_session[node as usize];
        (at == 0 && next != NONE).then_some((next, Edge::Process))
    }

    fn behind_barrier(&self, barrier: u32, at: u32) -> Option<(u32, Edge)> {
        let place = barrier as usize;
        let last = place + 2 == self.behind.len();
        let at = if last {
            at
        } else {
            at.checked_sub(1).unwrap_or(NONE)
        };
        if at == NONE {
            return Some((self.rows + barrier + 1, Edge::Through));
        }
        let next = self.behind[place] + at;
        (next < self.behind[place + 1]).then(|| (self.by_invocation[next as usize], Edge::Through))
    }

    /// Finds session order and real time. Of those that are committed, only `ok` ones have an end.
    fn time(&mut self, transactions: &Transactions<'_>, is_committed: &[bool]) {
        let count = transactions.len();
        self.next_of_session = vec![NONE; count];
        let mut last = None;
        for t in (0..count).filter(|&t| is_committed[t]) {
            if let Some(last) = last.replace(t)
                && transactions.session[last] == transactions.session[t]
            {
                self.next_of_session[last] = t as u32;
            }
        }
        let committed = |&&t: &&u32| is_committed[t as usize];
        self.by_invocation = transactions
            .by_time
            .iter()
            .filter(committed)
            .copied()
            .collect();
        let invoked = |&t: &u32| transactions.invoked[t as usize];
        let invoked: Vec<Time> = self.by_invocation.iter().map(invoked).collect();
        // The first place behind the end of each transaction; a barrier stands in front of it.
        let mut is_behind = vec![false; invoked.len() + 1];
        self.barrier_after = vec![NONE; count];
        for (place, &t) in self.by_invocation.iter().enumerate() {
            if transactions.outcome[t as usize] == Outcome::Ok {
                let next = first_after(&invoked, place + 1, transactions.end[t as usize]);
                if next < invoked.len() {
                    is_behind[next] = true;
                    self.barrier_after[t as usize] = next as u32;
                }
            }
        }
        let mut barrier = vec![NONE; invoked.len()];
        for place in (0..invoked.len()).filter(|&place| is_behind[place]) {
            barrier[place] = self.behind.len() as u32;
            self.behind.push(place as u32);
        }
        for after in self
            .barrier_after
            .iter_mut()
            .filter(|after| **after != NONE)
        {
            *after = barrier[*after as usize];
        }
        if !self.behind.is_empty() {
            self.behind.push(self.by_invocation.len() as u32);
        }
    }
}

/// The first place from `begin` on with a time after this one; times ascend. O(log distance): what overlaps is near.
fn first_after(times: &[Time], begin: usize, time: Time) -> usize {
    let mut step = 1;
    let mut low = begin;
    while low + step <= times.len() && times[low + step - 1] <= time {
        low += step;
        step *= 2;
    }
    let high = times.len().min(low + step);
    low + times[low..high].partition_point(|&other| other <= time)
}

/// Nodes for writers whose order nobody saw. Whoever comes before all of them would need an edge to each; instead, the
/// writers of a key stand in two chains, one in each direction, and an edge to a node of a chain leads to all behind it.
/// A writer that comes before all the *others* has an edge into each chain, beside its own place.
struct Chains {
    begin: u32,
    node_count: usize,
    /// For each key that has more than one, where its writers begin in `Versions::unordered`.
    of_key: Vec<(u32, usize, usize)>,
}

impl Chains {
    fn new(begin: u32, versions: &Versions) -> Self {
        let mut of_key = Vec::new();
        let mut place = 0;
        for writers in versions.unordered.chunk_by(|a, b| a.0 == b.0) {
            of_key.push((writers[0].0, place, place + writers.len()));
            place += writers.len();
        }
        Self {
            begin,
            // Forwards and backwards.
            node_count: 2 * versions.unordered.len(),
            of_key,
        }
    }

    fn forward(&self, place: usize) -> u32 {
        self.begin + 2 * place as u32
    }

    fn backward(&self, place: usize) -> u32 {
        self.begin + 2 * place as u32 + 1
    }

    fn links(&self, versions: &Versions, mut emit: impl FnMut(u32, u32, Edge)) {
        for &(_, begin, end) in &self.of_key {
            if end - begin == 1 {
                continue;
            }
            for place in begin..end {
                let writer = versions.unordered[place].1;
                emit(self.forward(place), writer, Edge::Through);
                emit(self.backward(place), writer, Edge::Through);
                if place + 1 < end {
                    emit(self.forward(place), self.forward(place + 1), Edge::Through);
                }
                if place > begin {
                    emit(
                        self.backward(place),
                        self.backward(place - 1),
                        Edge::Through,
                    );
                }
            }
        }
    }

    /// Edges from a transaction to all others that wrote the key after its slots.
    fn lead(
        &self,
        versions: &Versions,
        from: u32,
        key: u32,
        kind: Edge,
        emit: &mut impl FnMut(u32, u32, Edge),
    ) {
        let Ok(place) = self.of_key.binary_search_by_key(&key, |&(key, ..)| key) else {
            return;
        };
        let (_, begin, end) = self.of_key[place];
        let writers = &versions.unordered[begin..end];
        if let [(_, writer)] = writers {
            if *writer != from {
                emit(from, *writer, kind);
            }
            return;
        }
        match writers.binary_search_by_key(&from, |&(_, writer)| writer) {
            Ok(own) => {
                if begin + own + 1 < end {
                    emit(from, self.forward(begin + own + 1), kind);
                }
                if own > 0 {
                    emit(from, self.backward(begin + own - 1), kind);
                }
            }
            Err(_) => emit(from, self.forward(begin), kind),
        }
    }
}

/// The edges that keys make.
struct Dependencies<'a> {
    versions: &'a Versions,
    chains: &'a Chains,
    seen: Vec<u32>,
    next: Vec<u32>,
}

impl<'a> Dependencies<'a> {
    fn new(versions: &'a Versions, chains: &'a Chains) -> Self {
        Self {
            versions,
            chains,
            seen: versions.seen(),
            next: versions.next(),
        }
    }

    /// All edges as compressed rows: counted first, then filled in.
    fn rows(&self, rows: usize) -> (Vec<u32>, Vec<u32>) {
        let mut first = vec![0_u32; rows + 1];
        self.emit(|from, _, _| first[from as usize] += 1);
        let mut before = 0;
        for count in &mut first {
            before += std::mem::replace(count, before);
        }
        let mut edges = vec![0_u32; before as usize];
        self.emit(|from, to, kind| {
            let place = &mut first[from as usize];
            edges[*place as usize] = to << KIND_BITS | kind as u32;
            *place += 1;
        });
        // Each row's beginning has moved to the beginning of the next one.
        first.rotate_right(1);
        first[0] = 0;
        (first, edges)
    }

    fn emit(&self, mut emit: impl FnMut(u32, u32, Edge)) {
        let versions = self.versions;
        for key in 0..versions.key_count() as u32 {
            let mut last = NONE;
            for &writer in &versions.writer[versions.slots(key)] {
                if writer != NONE {
                    if last != NONE && last != writer {
                        emit(last, writer, Edge::WriteWrite);
                    }
                    last = writer;
                }
            }
            if last != NONE && !versions.unordered.is_empty() {
                self.chains
                    .lead(versions, last, key, Edge::WriteWrite, &mut emit);
            }
        }
        self.reads(&versions.reads, Edge::WriteRead, Edge::ReadWrite, &mut emit);
        for &(from, to, kind) in &versions.by_predicate {
            emit(from, to, kind);
        }
        for &(writer, reader, _) in &versions.read_from {
            emit(writer, reader, Edge::WriteRead);
        }
        self.chains.links(versions, emit);
    }

    fn reads(
        &self,
        reads: &[(u32, u32)],
        dependency: Edge,
        anti: Edge,
        emit: &mut impl FnMut(u32, u32, Edge),
    ) {
        let versions = self.versions;
        for &(reader, slot) in reads {
            let writer = self.seen[slot as usize];
            if writer != NONE && writer != reader {
                emit(writer, reader, dependency);
            }
            let next = self.next[slot as usize];
            if next == NONE {
                if !versions.unordered.is_empty() {
                    let key = versions.key_of(slot);
                    self.chains.lead(versions, reader, key, anti, emit);
                }
            } else if next != reader {
                emit(reader, next, anti);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_after_another_is_found_from_anywhere() {
        let times: Vec<Time> = [1, 2, 2, 3, 5, 8, 8, 8, 13].map(Time::from_nanos).into();
        for begin in 0..=times.len() {
            for time in 0..15 {
                let time = Time::from_nanos(time);
                let expected = (begin..times.len()).find(|&place| times[place] > time);
                assert_eq!(
                    first_after(&times, begin, time),
                    expected.unwrap_or(times.len()),
                    "from {begin} after {time}"
                );
            }
        }
    }
}
