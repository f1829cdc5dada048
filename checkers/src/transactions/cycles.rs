//! Cycles of a graph, by what kinds of edges they may have: the shortest ones, and whether there are any.
//!
//! Every level of isolation forbids cycles of some shape. The shapes here can all be decided: a level is a small
//! automaton over the edges of a walk ([`Language`]), and a cycle of that shape exists exactly where the graph,
//! multiplied by the states of the automaton, has a strongly connected component. That is linear, so no search needs a
//! time limit. Only *at most one anti-dependency* asks which transactions reach which; see `reach`.
//!
//! The shortest cycle through an edge is found breadth first in the same product.

use std::collections::VecDeque;

use crate::transactions::columns::NONE;
use crate::transactions::components::components;
use crate::transactions::graph::{Edge, Graph};

/// Which cycles are looked for, by the dependencies they may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    /// Write dependencies only: G0.
    Writes,
    /// Write and read dependencies: G1c.
    Reads,
    /// One anti-dependency: G-single.
    OneAnti,
    /// Anti-dependencies, each right after a read dependency, a session's order or real time.
    AntiAfterRead,
    /// No two anti-dependencies one after the other: G-nonadjacent.
    Nonadjacent,
    /// Any.
    Any,
}

/// Which orders beside the dependencies cycles may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extra {
    /// None.
    Nothing,
    /// The order of each session.
    Process,
    /// The order of each session, and real time.
    RealTime,
}

impl Extra {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Nothing, Self::Process, Self::RealTime];
}

/// Bits of an automaton's state: the last edge was an anti-dependency; it was one that an anti-dependency may follow in
/// [`Language::AntiAfterRead`].
const STATES: u32 = 2;

impl Language {
    /// The state after an edge, or none if the edge may not stand there.
    fn step(self, extra: Extra, state: u32, edge: Edge) -> Option<u32> {
        match edge {
            Edge::Through => Some(state),
            Edge::Process if extra == Extra::Nothing => None,
            Edge::RealTime if extra != Extra::RealTime => None,
            Edge::WriteWrite => Some(0),
            Edge::Process | Edge::RealTime => Some(u32::from(self == Self::AntiAfterRead)),
            Edge::WriteRead | Edge::PredicateWriteRead => match self {
                Self::Writes => None,
                Self::AntiAfterRead => Some(1),
                _ => Some(0),
            },
            Edge::ReadWrite | Edge::PredicateReadWrite => match self {
                Self::Writes | Self::Reads | Self::OneAnti => None,
                Self::AntiAfterRead => (state == 1).then_some(0),
                Self::Nonadjacent => (state == 0).then_some(1),
                Self::Any => Some(0),
            },
        }
    }

    /// The smallest language with all cycles of this one for which components can be found.
    fn linear(self) -> Self {
        match self {
            Self::OneAnti => Self::Nonadjacent,
            other => other,
        }
    }

    /// Whether a search for a cycle begins at this kind of edge: every cycle of the language that is in no weaker one
    /// has such an edge.
    fn begins(self, edge: Edge) -> bool {
        match self {
            Self::Writes => edge == Edge::WriteWrite,
            Self::Reads => edge.is_read(),
            _ => edge.is_anti(),
        }
    }

    /// The state behind the first edge of a search.
    fn begin(self, extra: Extra, edge: Edge) -> Option<u32> {
        if self == Self::OneAnti {
            return Some(0);
        }
        (0..STATES).find_map(|state| self.step(extra, state, edge))
    }

    /// Whether a walk that comes back in this state may go on with the edge it began with.
    fn closes(self, extra: Extra, state: u32, edge: Edge) -> bool {
        self == Self::OneAnti || self.step(extra, state, edge).is_some()
    }
}

/// A cycle of transactions: `edges[i]` leads from `nodes[i]` to the next one, the last edge back to the first node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cycle {
    /// Transactions.
    pub(crate) nodes: Vec<u32>,
    /// Why each comes before the next one.
    pub(crate) edges: Vec<Edge>,
}

impl Cycle {
    /// The same cycle, beginning at its smallest transaction.
    fn normalized(mut self) -> Self {
        let place = (0..self.nodes.len()).min_by_key(|&i| self.nodes[i]);
        self.nodes.rotate_left(place.unwrap_or(0));
        self.edges.rotate_left(place.unwrap_or(0));
        self
    }
}

/// A part of a graph with all edges between its nodes, session order and real time included.
#[derive(Debug)]
pub(crate) struct Knot {
    /// The nodes' numbers in the graph.
    pub(crate) nodes: Vec<u32>,
    is_transaction: Vec<bool>,
    first: Vec<u32>,
    edges: Vec<(u32, Edge)>,
}

impl Knot {
    /// The strongly connected parts of a graph: all its cycles are in them.
    pub(crate) fn all(graph: &Graph) -> Vec<Self> {
        let count = graph.node_count();
        let found = components(count as u32, |node, cursor| {
            graph.successor(node, cursor).map(|(next, _)| next)
        });
        let mut place = vec![NONE; count];
        let mut part = vec![NONE; count];
        for (number, nodes) in found.iter().enumerate() {
            for (i, &node) in nodes.iter().enumerate() {
                place[node as usize] = i as u32;
                part[node as usize] = number as u32;
            }
        }
        let knot = |(number, nodes): (usize, Vec<u32>)| {
            let mut first = vec![0];
            let mut edges = Vec::new();
            for &node in &nodes {
                let mut cursor = 0;
                while let Some((next, edge)) = graph.successor(node, &mut cursor) {
                    if part[next as usize] == number as u32 {
                        edges.push((place[next as usize], edge));
                    }
                }
                first.push(edges.len() as u32);
            }
            Self {
                is_transaction: nodes.iter().map(|&n| graph.is_transaction(n)).collect(),
                nodes,
                first,
                edges,
            }
        };
        found.into_iter().enumerate().map(knot).collect()
    }

    /// How many nodes it has.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The edges out of a node.
    pub(crate) fn successors(&self, node: u32) -> &[(u32, Edge)] {
        let node = node as usize;
        &self.edges[self.first[node] as usize..self.first[node + 1] as usize]
    }

    /// For each node and state of a language, the strongly connected part it is in; [`NONE`] where there is no cycle.
    /// Linear.
    fn parts(&self, language: Language, extra: Extra) -> Vec<u32> {
        let mut parts = vec![NONE; self.len() * STATES as usize];
        let found = components(parts.len() as u32, |place, cursor| {
            let (node, state) = (place / STATES, place % STATES);
            let edges = self.successors(node);
            while let Some(&(next, edge)) = edges.get(*cursor as usize) {
                *cursor += 1;
                if let Some(state) = language.step(extra, state, edge) {
                    return Some(next * STATES + state);
                }
            }
            None
        });
        for (number, places) in found.iter().enumerate() {
            for &place in places {
                parts[place as usize] = number as u32;
            }
        }
        parts
    }

    /// Whether it has a cycle of this language. For [`Language::OneAnti`], whether it may have one. Linear.
    pub(crate) fn has(&self, language: Language, extra: Extra) -> bool {
        self.parts(language.linear(), extra)
            .iter()
            .any(|&part| part != NONE)
    }

    /// Edges that are on a cycle of this language, of the kind that searches begin at: their sources and their places
    /// among all edges. For [`Language::OneAnti`], edges that may be: see `reach`.
    pub(crate) fn candidates(&self, language: Language, extra: Extra) -> Vec<(u32, u32)> {
        let looked_in = language.linear();
        let parts = self.parts(looked_in, extra);
        let mut found = Vec::new();
        for node in 0..self.len() as u32 {
            let begin = self.first[node as usize];
            for (i, &(next, edge)) in self.successors(node).iter().enumerate() {
                let within = |state: u32| {
                    let part = parts[(node * STATES + state) as usize];
                    let behind = looked_in.step(extra, state, edge);
                    part != NONE
                        && behind.is_some_and(|s| parts[(next * STATES + s) as usize] == part)
                };
                if language.begins(edge) && (0..STATES).any(within) {
                    found.push((node, begin + i as u32));
                }
            }
        }
        found
    }

    /// The fewest transactions in a cycle of this language through an edge, if there is one. Spends the steps it takes.
    pub(crate) fn shortest(
        &self,
        language: Language,
        extra: Extra,
        (from, place): (u32, u32),
        search: &mut Search,
    ) -> Option<Cycle> {
        let (to, first) = self.edges[place as usize];
        let state = language.begin(extra, first)?;
        search.begin(self.len());
        let start = to * STATES + state;
        search.reach(start, NONE, first, 0);
        let mut end = None;
        while let Some((at, distance)) = search.next() {
            let (node, state) = (at / STATES, at % STATES);
            if node == from && language.closes(extra, state, first) {
                end = Some(at);
                break;
            }
            for &(next, edge) in self.successors(node) {
                search.steps += 1;
                if let Some(state) = language.step(extra, state, edge) {
                    // A node that is no transaction costs nothing.
                    let distance = distance + u32::from(edge != Edge::Through);
                    search.reach(next * STATES + state, at, edge, distance);
                }
            }
        }
        let mut walk = vec![(from, first)];
        let mut back = Vec::new();
        let mut at = end?;
        while at != start {
            let (before, edge) = search.came_from(at);
            back.push((before / STATES, edge));
            at = before;
        }
        walk.extend(back.into_iter().rev());
        self.cycle(&walk)
    }

    /// A cycle of transactions out of a closed walk. None if the walk meets a transaction twice: then there is a shorter
    /// one.
    fn cycle(&self, walk: &[(u32, Edge)]) -> Option<Cycle> {
        let mut cycle = Cycle {
            nodes: Vec::new(),
            edges: Vec::new(),
        };
        for &(node, edge) in walk {
            if !self.is_transaction[node as usize] {
                continue;
            }
            let node = self.nodes[node as usize];
            if cycle.nodes.contains(&node) {
                return None;
            }
            cycle.nodes.push(node);
            cycle.edges.push(edge);
        }
        Some(cycle.normalized())
    }
}

/// What a search for a shortest cycle remembers; used again for the next one.
#[derive(Default)]
pub(crate) struct Search {
    /// Edges looked at so far.
    pub(crate) steps: u64,
    number: u32,
    /// For each node and state.
    reached: Vec<Reached>,
    queue: VecDeque<(u32, u32)>,
    /// What the last one taken from the queue is away from the beginning.
    distance: u32,
}

#[derive(Clone, Copy)]
struct Reached {
    /// The search that this is about.
    search: u32,
    before: u32,
    edge: Edge,
    distance: u32,
    is_done: bool,
}

impl Search {
    fn begin(&mut self, nodes: usize) {
        self.number += 1;
        self.distance = 0;
        self.queue.clear();
        let places = nodes * STATES as usize;
        if self.reached.len() < places {
            let nothing = Reached {
                search: 0,
                before: NONE,
                edge: Edge::Through,
                distance: 0,
                is_done: false,
            };
            self.reached.resize(places, nothing);
        }
    }

    /// A node and state is reached, unless it was on a way as short.
    fn reach(&mut self, at: u32, before: u32, edge: Edge, distance: u32) {
        let reached = &mut self.reached[at as usize];
        if reached.search == self.number && (reached.is_done || reached.distance <= distance) {
            return;
        }
        *reached = Reached {
            search: self.number,
            before,
            edge,
            distance,
            is_done: false,
        };
        // The queue holds at most two distances, so this keeps it in order.
        if distance == self.distance {
            self.queue.push_front((at, distance));
        } else {
            self.queue.push_back((at, distance));
        }
    }

    fn next(&mut self) -> Option<(u32, u32)> {
        while let Some((at, distance)) = self.queue.pop_front() {
            let reached = &mut self.reached[at as usize];
            if !reached.is_done && reached.distance == distance {
                reached.is_done = true;
                self.distance = distance;
                return Some((at, distance));
            }
        }
        None
    }

    fn came_from(&self, at: u32) -> (u32, Edge) {
        let reached = self.reached[at as usize];
        (reached.before, reached.edge)
    }
}
