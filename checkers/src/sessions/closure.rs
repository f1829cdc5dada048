//! What came before what, when only the order of each session and what reads saw is given.
//!
//! Sessions are chains, so what came before a node is a beginning of each session: one number a session, a *clock*, and
//! not one bit a node. Clocks are computed in one sweep through any order in which every node stands behind what must
//! precede it; where there is no such order, there is a cycle. Clocks are kept of writes only, because only those are
//! asked about later.
//!
//! Cost: a sweep takes O(nodes x sessions) time in the worst case, with small constants (a join of two clocks is a
//! maximum over two rows), and 4 bytes for each write and session.

use rustc_hash::FxHashSet;

use crate::sessions::program::{INITIAL, NONE, Program};

/// Whose reads tie a session to the writes that it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All reads: the order is the causal one.
    All,
    /// Only those of this session: all that it knows of the others is the order of their own writes.
    Session(u32),
}

/// An order that follows from a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    /// What stands first.
    pub(crate) from: u32,
    /// What stands behind it.
    pub(crate) to: u32,
    /// The read from which it follows.
    pub(crate) why: u32,
}

/// Nodes that must each precede the next one, and the last one the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cycle(pub(crate) Vec<u32>);

/// The order of a program's nodes: of sessions, of reads, and of [`Edge`]s that were added.
pub(crate) struct Closure<'p> {
    program: &'p Program,
    scope: Scope,
    edges: Vec<Edge>,
    /// For each node, its newest edge that leads to it; and for each edge, the one before. Empty without edges.
    into: Vec<u32>,
    before: Vec<u32>,
    /// Nodes that need a clock of their own although they do not write: edges lead from them.
    sources: FxHashSet<u32>,
    known: FxHashSet<(u32, u32)>,
    row_of: Vec<u32>,
    rows: Vec<u32>,
    /// The nodes in an order in which each stands behind what must precede it.
    pub(crate) order: Vec<u32>,
    /// Where each node stands in it.
    pub(crate) place: Vec<u32>,
}

/// What a node sees, while a sweep is at it.
pub(crate) struct View<'a> {
    program: &'a Program,
    /// The clock of the node itself.
    clock: &'a [u32],
    row_of: &'a [u32],
    rows: &'a [u32],
}

impl View<'_> {
    /// Whether a node came before the one that is looked at.
    pub(crate) fn sees(&self, node: u32) -> bool {
        covers(self.program, self.clock, node)
    }

    /// Whether a node came before a write that the sweep has passed.
    pub(crate) fn is_before(&self, node: u32, write: u32) -> bool {
        node != write
            && covers(
                self.program,
                row(self.rows, self.row_of, self.clock.len(), write),
                node,
            )
    }

    /// How many nodes of a session came before.
    pub(crate) fn seen_of(&self, session: u32) -> u32 {
        self.clock[session as usize]
    }
}

fn row<'a>(rows: &'a [u32], row_of: &[u32], width: usize, node: u32) -> &'a [u32] {
    let at = row_of[node as usize] as usize * width;
    &rows[at..at + width]
}

fn covers(program: &Program, clock: &[u32], node: u32) -> bool {
    let session = program.session[node as usize] as usize;
    program.begin[session] + clock[session] > node
}

impl<'p> Closure<'p> {
    /// The order without any added edge.
    pub(crate) fn new(program: &'p Program, scope: Scope) -> Self {
        Self {
            program,
            scope,
            edges: Vec::new(),
            into: Vec::new(),
            before: Vec::new(),
            sources: FxHashSet::default(),
            known: FxHashSet::default(),
            row_of: Vec::new(),
            rows: Vec::new(),
            order: Vec::new(),
            place: Vec::new(),
        }
    }

    /// How many bytes the clocks of a program take.
    pub(crate) fn bytes(program: &Program) -> u64 {
        let sessions = program.sessions() as u64;
        4 * sessions * (sessions + program.write_count() as u64) + 24 * program.len() as u64
    }

    /// The edges that were added.
    pub(crate) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Adds an edge; `false` if it is there already.
    pub(crate) fn add(&mut self, edge: Edge) -> bool {
        if !self.known.insert((edge.from, edge.to)) {
            return false;
        }
        if self.into.is_empty() {
            self.into = vec![NONE; self.program.len()];
        }
        let number = self.edges.len() as u32;
        self.before.push(self.into[edge.to as usize]);
        self.into[edge.to as usize] = number;
        if !self.program.writes[edge.from as usize] {
            self.sources.insert(edge.from);
        }
        self.edges.push(edge);
        true
    }

    /// Takes back the edges that were added after the first `keep`.
    pub(crate) fn truncate(&mut self, keep: usize) {
        while self.edges.len() > keep {
            let Some(edge) = self.edges.pop() else { break };
            self.known.remove(&(edge.from, edge.to));
            self.into[edge.to as usize] = self.before.pop().unwrap_or(NONE);
        }
    }

    /// The write that a node saw, if that ties it.
    pub(crate) fn source(&self, node: u32) -> Option<u32> {
        let program = self.program;
        let from = program.from[node as usize];
        let counts = match self.scope {
            Scope::All => true,
            Scope::Session(session) => program.session[node as usize] == session,
        };
        (from < INITIAL && counts).then_some(from)
    }

    /// The nodes that must precede a node, but for its session's: what it read from, and where edges come from.
    pub(crate) fn causes(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let mut edge = self.into.get(node as usize).copied().unwrap_or(NONE);
        self.source(node)
            .into_iter()
            .chain(std::iter::from_fn(move || {
                let this = self.edges.get(edge as usize)?;
                edge = self.before[edge as usize];
                Some(this.from)
            }))
    }

    /// Finds an order in which each node stands behind what must precede it, as near to the order of invocation as
    /// possible. O(nodes + edges).
    pub(crate) fn arrange(&mut self) -> Result<(), Cycle> {
        let program = self.program;
        let nodes = program.len();
        let mut order = std::mem::take(&mut self.order);
        let mut place = std::mem::take(&mut self.place);
        order.clear();
        order.reserve(nodes);
        place.clear();
        place.resize(nodes, NONE);
        // Nodes that wait for another one: the newest of them for each, and the one before.
        let mut waiting = vec![NONE; nodes];
        let mut next = vec![NONE; nodes];
        let mut ready: Vec<u32> = Vec::new();
        for &node in &program.by_invocation {
            ready.push(node);
            while let Some(node) = ready.pop() {
                if let Some(cause) = self.missing(node, &place) {
                    next[node as usize] = waiting[cause as usize];
                    waiting[cause as usize] = node;
                    continue;
                }
                place[node as usize] = order.len() as u32;
                order.push(node);
                let mut waiter = std::mem::replace(&mut waiting[node as usize], NONE);
                while waiter != NONE {
                    ready.push(waiter);
                    waiter = next[waiter as usize];
                }
            }
        }
        let done = order.len() == nodes;
        self.order = order;
        self.place = place;
        if done { Ok(()) } else { Err(self.cycle()) }
    }

    /// Something that must precede a node and has no place yet.
    fn missing(&self, node: u32, place: &[u32]) -> Option<u32> {
        let before = (!self.program.is_first(node)).then(|| node - 1);
        before
            .into_iter()
            .chain(self.causes(node))
            .find(|&cause| place[cause as usize] == NONE)
    }

    /// Why there is no order.
    fn cycle(&self) -> Cycle {
        let first = self.place.iter().position(|&place| place == NONE);
        let mut at = first.unwrap_or(0) as u32;
        let mut seen = vec![false; self.program.len()];
        let mut path = Vec::new();
        while !seen[at as usize] {
            seen[at as usize] = true;
            path.push(at);
            match self.missing(at, &self.place) {
                Some(cause) => at = cause,
                None => break,
            }
        }
        let begin = path.iter().position(|&node| node == at).unwrap_or(0);
        path.drain(..begin);
        path.reverse();
        let cycle = without_stops(self.program, &path);
        // A shorter one may close some step between two sessions.
        let steps = (0..cycle.len()).map(|i| (cycle[i], cycle[(i + 1) % cycle.len()]));
        let crossing = |&(a, b): &(u32, u32)| {
            self.program.session[a as usize] != self.program.session[b as usize]
        };
        let shorter = steps
            .filter(crossing)
            .take(TRIED)
            .filter_map(|(a, b)| self.path(b, a, self.edges.len()))
            .min_by_key(Vec::len);
        match shorter {
            Some(shorter) if shorter.len() < cycle.len() => Cycle(shorter),
            _ => Cycle(cycle),
        }
    }

    /// Computes the clocks, in the order that [`arrange`](Self::arrange) found, and shows each node what it sees: all
    /// that came before, and not itself.
    pub(crate) fn sweep(&mut self, mut visit: impl FnMut(u32, &View<'_>)) {
        let program = self.program;
        let width = program.sessions();
        let mut rows = std::mem::take(&mut self.rows);
        let mut row_of = std::mem::take(&mut self.row_of);
        rows.clear();
        row_of.clear();
        row_of.resize(program.len(), NONE);
        let mut now = vec![0_u32; width * width];
        for &node in &self.order {
            let session = program.session[node as usize] as usize;
            let clock = &mut now[session * width..(session + 1) * width];
            for cause in self.causes(node) {
                // Of its own session it sees all that came before anyway.
                if program.session[cause as usize] as usize != session
                    && !covers(program, clock, cause)
                {
                    for (own, other) in clock.iter_mut().zip(row(&rows, &row_of, width, cause)) {
                        *own = (*own).max(*other);
                    }
                }
            }
            visit(
                node,
                &View {
                    program,
                    clock,
                    row_of: &row_of,
                    rows: &rows,
                },
            );
            clock[session] = node - program.begin[session] + 1;
            if program.writes[node as usize] || self.sources.contains(&node) {
                row_of[node as usize] = (rows.len() / width) as u32;
                rows.extend_from_slice(clock);
            }
        }
        self.rows = rows;
        self.row_of = row_of;
    }

    /// Whether a node came before a write, after a sweep.
    pub(crate) fn is_before(&self, node: u32, write: u32) -> bool {
        node != write && covers(self.program, self.clock(write), node)
    }

    /// How many nodes of each session came before a write, or are it, after a sweep.
    pub(crate) fn clock(&self, write: u32) -> &[u32] {
        row(&self.rows, &self.row_of, self.program.sessions(), write)
    }

    /// A shortest way from one node to another that it precedes, both included: the operations that prove it. Only the
    /// first `edges` of the added edges are used. `None` if there is no way. O(nodes).
    pub(crate) fn path(&self, from: u32, to: u32, edges: usize) -> Option<Vec<u32>> {
        let program = self.program;
        // How far each session was looked at.
        let mut seen = program.begin.clone();
        // Steps back: a node, the node of its session from which it was reached, and the step before that.
        let mut steps: Vec<(u32, u32, usize)> = vec![(to, NONE, 0)];
        let mut next = 0;
        while let Some(&(node, ..)) = steps.get(next) {
            let session = program.session[node as usize] as usize;
            if program.session[from as usize] as usize == session && from <= node {
                let mut path = vec![from];
                let mut at = next;
                loop {
                    let (node, via, before) = steps[at];
                    if node != from {
                        path.push(node);
                    }
                    if via == NONE {
                        break;
                    }
                    path.push(via);
                    at = before;
                }
                path.dedup();
                return Some(path);
            }
            let begin = seen[session];
            seen[session] = seen[session].max(node + 1);
            for via in begin..=node {
                if let Some(from) = self.source(via) {
                    steps.push((from, via, next));
                }
                let mut edge = self.into.get(via as usize).copied().unwrap_or(NONE);
                while let Some(this) = self.edges.get(edge as usize) {
                    if (edge as usize) < edges {
                        steps.push((this.from, via, next));
                    }
                    edge = self.before[edge as usize];
                }
            }
            next += 1;
        }
        None
    }
}

/// Steps of a cycle that are tried to be closed by a shorter way.
const TRIED: usize = 8;

/// A cycle without the nodes that stand between two others of their session: the first of these precedes the last anyway.
pub(crate) fn without_stops(program: &Program, cycle: &[u32]) -> Vec<u32> {
    let size = cycle.len();
    let follows = |i: usize, j: usize| {
        let (a, b) = (cycle[i % size], cycle[j % size]);
        program.session[a as usize] == program.session[b as usize] && a < b
    };
    (0..size)
        .filter(|&i| !(follows(i + size - 1, i) && follows(i, i + 1)))
        .map(|i| cycle[i])
        .collect()
}

/// The writes of each key, session by session, each session's in its order.
pub(crate) struct WritesByKey {
    begin: Vec<u32>,
    nodes: Vec<u32>,
}

impl WritesByKey {
    /// Sorts them by counting. O(nodes + keys).
    pub(crate) fn of(program: &Program) -> Self {
        let mut begin = vec![0_u32; program.keys as usize + 1];
        let writes = || (0..program.len() as u32).filter(|&node| program.writes[node as usize]);
        for node in writes() {
            begin[program.key[node as usize] as usize + 1] += 1;
        }
        for key in 0..program.keys as usize {
            begin[key + 1] += begin[key];
        }
        let mut next = begin.clone();
        let mut nodes = vec![0; begin[program.keys as usize] as usize];
        for node in writes() {
            let place = &mut next[program.key[node as usize] as usize];
            nodes[*place as usize] = node;
            *place += 1;
        }
        Self { begin, nodes }
    }

    /// The writes of a key.
    pub(crate) fn of_key(&self, key: u32) -> &[u32] {
        let range = self.begin[key as usize] as usize..self.begin[key as usize + 1] as usize;
        &self.nodes[range]
    }

    /// Calls `visit` with the last write of a key in each session among what a node sees.
    pub(crate) fn last_seen(
        &self,
        program: &Program,
        key: u32,
        view: &View<'_>,
        mut visit: impl FnMut(u32),
    ) {
        let mut rest = self.of_key(key);
        while let Some(&first) = rest.first() {
            let session = program.session[first as usize];
            let end = program.begin[session as usize + 1];
            let (own, others) = rest.split_at(rest.partition_point(|&node| node < end));
            let until = program.begin[session as usize] + view.seen_of(session);
            let seen = own.partition_point(|&node| node < until);
            if seen > 0 {
                visit(own[seen - 1]);
            }
            rest = others;
        }
    }

    /// Calls `visit` with the writes of a key, one session after the other.
    pub(crate) fn by_session(&self, program: &Program, key: u32, mut visit: impl FnMut(&[u32])) {
        let mut rest = self.of_key(key);
        while let Some(&first) = rest.first() {
            let session = program.session[first as usize];
            let end = program.begin[session as usize + 1];
            let (own, others) = rest.split_at(rest.partition_point(|&node| node < end));
            visit(own);
            rest = others;
        }
    }
}
