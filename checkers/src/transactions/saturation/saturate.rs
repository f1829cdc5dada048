//! What follows from what is known: orders between transactions, until nothing more follows or a cycle does.
//!
//! Each node has a row: for each chain, how far along it the nodes are that come before. A new order `from -> to` joins
//! the row of `from` into the row of `to` and of all that comes after; whatever grows there is looked at once more:
//!
//! - (a) who wrote the key before its reader, but is not whom it read from, wrote it before that one;
//! - (b) who wrote the key after the one that was read comes after the reader;
//! - (c) of two writers of a key that must not overlap, one began before the other one committed: it commits before the
//!   other one begins.
//!
//! O(k) for each order that is added to a row, k the number of chains; all steps can be taken back.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::Rules;
use super::chains::{Base, Chains};
use super::committed::{Committed, INITIAL};
use crate::Budget;

/// Why an order was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Rule (a): `t2` comes before the reader at this place of the read columns.
    Hidden {
        /// The read.
        read: u32,
        /// The other writer.
        writer: u32,
    },
    /// Rule (b): `t2` comes after the writer that this read saw.
    Overwrites {
        /// The read.
        read: u32,
        /// The other writer.
        writer: u32,
    },
    /// Rule (c): the first one began before the second one committed.
    Overlap {
        /// Commits first.
        first: u32,
        /// Begins after that.
        second: u32,
    },
    /// One of two ways was tried, about these transactions.
    Tried {
        /// Whom it is about.
        about: [u32; 3],
        /// Which decision it is, from 0.
        decision: u32,
    },
}

/// An order that was added.
#[derive(Clone, Copy, Debug)]
struct Added {
    from: u32,
    to: u32,
    /// The order added from the same node before it.
    next: u32,
    why: Why,
}

/// Why saturation came to no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A cycle: the order that closes it.
    Cycle {
        /// Ends where the cycle's path begins.
        from: u32,
        /// Where the path begins.
        to: u32,
        /// Why it must be.
        why: Option<Why>,
    },
    /// The budget is spent.
    Spent,
}

/// The writers of a key that stand on one chain, in its order.
#[derive(Clone, Copy, Debug)]
struct Group {
    chain: u32,
    start: u32,
    end: u32,
}

/// Where to go back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    added: usize,
    trail: usize,
}

pub(crate) struct Saturation<'a> {
    pub(crate) committed: &'a Committed,
    pub(crate) base: &'a Base,
    pub(crate) chains: &'a Chains,
    rules: Rules,
    /// Rows of `k` numbers, one for each node.
    rows: Vec<u32>,
    k: usize,
    rank: Vec<u32>,
    /// Slots of each key, chain by chain.
    slots: Vec<u32>,
    groups: Vec<Group>,
    groups_of: Vec<u32>,
    readers_start: Vec<u32>,
    readers: Vec<u32>,
    added: Vec<Added>,
    head: Vec<u32>,
    /// What rows held before: (place, number). Kept only while something is tried.
    trail: Vec<(usize, u32)>,
    keeps_trail: bool,
    queue: VecDeque<(u32, u32, Why)>,
    work: BinaryHeap<Reverse<(u32, u32)>>,
    grown: Vec<(u32, u32, u32)>,
    /// Steps that are left.
    pub(crate) steps: u64,
}

/// Bytes that saturation needs for these chains.
pub(crate) fn bytes(base: &Base, chains: &Chains) -> u64 {
    (base.nodes as u64 * chains.count as u64).saturating_mul(4)
}

impl<'a> Saturation<'a> {
    /// Rows for what is known from the start. `order` is topological.
    pub(crate) fn new(
        committed: &'a Committed,
        base: &'a Base,
        chains: &'a Chains,
        rules: Rules,
        order: &[u32],
        budget: &Budget,
    ) -> Self {
        let k = chains.count;
        let mut rank = vec![0; base.nodes];
        for (i, &node) in order.iter().enumerate() {
            rank[node as usize] = i as u32;
        }
        let (readers_start, readers) = committed.readers();
        let mut made = Self {
            committed,
            base,
            chains,
            rules,
            rows: vec![0; base.nodes * k],
            k,
            rank,
            slots: Vec::new(),
            groups: Vec::new(),
            groups_of: Vec::new(),
            readers_start,
            readers,
            added: Vec::new(),
            head: vec![INITIAL; base.nodes],
            trail: Vec::new(),
            keeps_trail: false,
            queue: VecDeque::new(),
            work: BinaryHeap::new(),
            grown: Vec::new(),
            steps: budget.steps,
        };
        made.group_writers();
        for &node in order {
            let chain = chains.chain[node as usize];
            if chain != INITIAL {
                let at = node as usize * k + chain as usize;
                made.rows[at] = chains.place[node as usize];
            }
            for &to in base.after(node) {
                join(&mut made.rows, k, node as usize, to as usize);
            }
        }
        made
    }

    fn group_writers(&mut self) {
        let committed = self.committed;
        let keys = committed.keys as usize;
        let mut fill = vec![0_u32; keys + 1];
        for &key in &committed.write_key {
            fill[key as usize + 1] += 1;
        }
        for i in 1..fill.len() {
            fill[i] += fill[i - 1];
        }
        let starts = fill.clone();
        self.slots = vec![0; committed.write_key.len()];
        for members in &self.chains.members {
            for &t in members {
                for slot in committed.writes(t) {
                    let place = &mut fill[committed.write_key[slot] as usize];
                    self.slots[*place as usize] = slot as u32;
                    *place += 1;
                }
            }
        }
        self.groups_of.push(0);
        for key in 0..keys {
            let mut at = starts[key];
            while at < starts[key + 1] {
                let chain = self.chain_of_slot(at);
                let start = at;
                while at < starts[key + 1] && self.chain_of_slot(at) == chain {
                    at += 1;
                }
                self.groups.push(Group {
                    chain,
                    start,
                    end: at,
                });
            }
            self.groups_of.push(self.groups.len() as u32);
        }
    }

    fn chain_of_slot(&self, at: u32) -> u32 {
        let t = self.writer_at(at);
        self.chains.chain[self.base.write_node(t) as usize]
    }

    /// The transaction at a place of `slots`.
    fn writer_at(&self, at: u32) -> u32 {
        self.committed.writer[self.slots[at as usize] as usize]
    }

    fn place(&self, node: u32) -> u32 {
        self.chains.place[node as usize]
    }

    /// How far along a chain the nodes are that come before a node, or are that node.
    fn reach(&self, node: u32, chain: u32) -> u32 {
        self.rows[node as usize * self.k + chain as usize]
    }

    /// Whether one node comes before another one, or is it. Neither is a moment in time.
    pub(crate) fn before(&self, first: u32, second: u32) -> bool {
        self.reach(second, self.chains.chain[first as usize]) >= self.place(first)
    }

    fn groups_of(&self, key: u32) -> std::ops::Range<usize> {
        self.groups_of[key as usize] as usize..self.groups_of[key as usize + 1] as usize
    }

    /// All that follows from what is known from the start.
    pub(crate) fn saturate(&mut self) -> Result<(), Stop> {
        let committed = self.committed;
        let mut hidden: Vec<u32> = Vec::new();
        let mut later: Vec<u32> = Vec::new();
        for t in 0..committed.len() as u32 {
            for r in committed.reads(t) {
                let key = committed.read_key[r];
                self.spend(1 + self.groups_of(key).len() as u64 / 8)?;
                self.candidates(t, r, &mut hidden, &mut later);
                let source = match committed.read_slot[r] {
                    INITIAL => None,
                    slot => Some(committed.writer[slot as usize]),
                };
                for &writer in &hidden {
                    let why = Why::Hidden {
                        read: r as u32,
                        writer,
                    };
                    self.hide(source, writer, why)?;
                }
                if self.rules.total || committed.slot(t, key).is_some() {
                    for &writer in &later {
                        let why = Why::Overwrites {
                            read: r as u32,
                            writer,
                        };
                        let (from, to) = (self.base.read_node(t), self.base.write_node(writer));
                        self.queue.push_back((from, to, why));
                    }
                }
            }
            if self.rules.split && self.rules.exclusive {
                for slot in committed.writes(t) {
                    let key = committed.write_key[slot];
                    let node = self.base.write_node(t);
                    for g in self.groups_of(key) {
                        let group = self.groups[g];
                        let reach = self.reach(node, group.chain);
                        self.overlaps(t, group, 0, reach);
                    }
                }
            }
            if self.queue.len() > 4_096 {
                self.settle()?;
            }
        }
        self.settle()
    }

    /// The other writers that a read makes come earlier than whom it read from, and those that it makes come later than
    /// its own transaction; on each chain the one that implies the others, and none that others imply.
    fn candidates(&self, t: u32, r: usize, hidden: &mut Vec<u32>, later: &mut Vec<u32>) {
        hidden.clear();
        later.clear();
        let committed = self.committed;
        let slot = committed.read_slot[r];
        let source = (slot != INITIAL).then(|| committed.writer[slot as usize]);
        let read_node = self.base.read_node(t);
        for g in self.groups_of(committed.read_key[r]) {
            let group = self.groups[g];
            let mut end = self.last(group, self.reach(read_node, group.chain));
            if end > group.start && self.writer_at(end - 1) == t {
                end -= 1;
            }
            if end > group.start {
                let writer = self.writer_at(end - 1);
                if Some(writer) != source {
                    keep(hidden, writer, |a, b| {
                        let (a, b) = (self.base.write_node(a), self.base.write_node(b));
                        self.before(a, b)
                    });
                }
            }
            let first = match source {
                None => group.start,
                Some(source) => {
                    let node = self.base.write_node(source);
                    let (chain, place) = (self.chains.chain[node as usize], self.place(node));
                    self.first(group, chain, place)
                }
            };
            let first = (first..group.end).find(|&at| Some(self.writer_at(at)) != source);
            if let Some(first) = first {
                let writer = self.writer_at(first);
                if writer != t {
                    keep(later, writer, |a, b| {
                        let (a, b) = (self.base.write_node(b), self.base.write_node(a));
                        self.before(a, b)
                    });
                }
            }
        }
    }

    /// Behind the last writer of a group whose commit is no further along its chain than `reach`.
    fn last(&self, group: Group, reach: u32) -> u32 {
        let slots = &self.slots[group.start as usize..group.end as usize];
        let count = slots.partition_point(|&slot| {
            let t = self.committed.writer[slot as usize];
            self.place(self.base.write_node(t)) <= reach
        });
        group.start + count as u32
    }

    /// The first writer of a group that comes after this place of a chain, or stands there.
    fn first(&self, group: Group, chain: u32, place: u32) -> u32 {
        let slots = &self.slots[group.start as usize..group.end as usize];
        let count = slots.partition_point(|&slot| {
            let t = self.committed.writer[slot as usize];
            self.reach(self.base.write_node(t), chain) < place
        });
        group.start + count as u32
    }

    /// Rule (a): `writer` wrote before `source`. The initial state is older than any writer.
    fn hide(&mut self, source: Option<u32>, writer: u32, why: Why) -> Result<(), Stop> {
        let from = self.base.write_node(writer);
        if let Some(source) = source {
            self.queue
                .push_back((from, self.base.write_node(source), why));
            return Ok(());
        }
        let Why::Hidden { read, .. } = why else {
            return Ok(());
        };
        // Who reads the initial state comes before all who write.
        let reader = self.reader(read);
        Err(Stop::Cycle {
            from: self.base.read_node(reader),
            to: from,
            why: Some(why),
        })
    }

    /// The transaction of a read.
    pub(crate) fn reader(&self, read: u32) -> u32 {
        let (mut low, mut high) = (0, self.committed.len() as u32);
        while high - low > 1 {
            let middle = u32::midpoint(low, high);
            if self.committed.reads(middle).start <= read as usize {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Rule (c): writers of the group that began where `t` had not committed yet commit before it begins.
    fn overlaps(&mut self, t: u32, group: Group, old: u32, reach: u32) {
        // A transaction begins one place before it commits.
        for at in (group.start..self.last(group, reach.saturating_add(1))).rev() {
            let first = self.writer_at(at);
            if self.place(self.base.read_node(first)) <= old {
                break;
            }
            if first == t {
                continue;
            }
            let (from, to) = (self.base.write_node(first), self.base.read_node(t));
            if !self.before(from, to) {
                let why = Why::Overlap { first, second: t };
                self.queue.push_back((from, to, why));
            }
            // Those before it on its chain commit before it begins.
            break;
        }
    }

    fn spend(&mut self, steps: u64) -> Result<(), Stop> {
        self.steps = self.steps.saturating_sub(steps);
        if self.steps == 0 {
            return Err(Stop::Spent);
        }
        Ok(())
    }

    /// Adds an order that is tried, and all that follows from it.
    pub(crate) fn assume(&mut self, from: u32, to: u32, why: Why) -> Result<(), Stop> {
        self.queue.push_back((from, to, why));
        self.settle()
    }

    /// Adds what is queued, and all that follows from it.
    fn settle(&mut self) -> Result<(), Stop> {
        while let Some((from, to, why)) = self.queue.pop_front() {
            if from == to || self.before(to, from) {
                return Err(Stop::Cycle {
                    from,
                    to,
                    why: Some(why),
                });
            }
            if self.before(from, to) {
                continue;
            }
            let next = self.head[from as usize];
            self.head[from as usize] = self.added.len() as u32;
            self.added.push(Added {
                from,
                to,
                next,
                why,
            });
            self.grow(from, to)?;
            while let Some(Reverse((_, node))) = self.work.pop() {
                let base = self.base;
                for &to in base.after(node) {
                    self.grow(node, to)?;
                }
                let mut edge = self.head[node as usize];
                while edge != INITIAL {
                    let Added { to, next, .. } = self.added[edge as usize];
                    self.grow(node, to)?;
                    edge = next;
                }
            }
        }
        Ok(())
    }

    /// Joins a node's row into another one's, and looks at what grew.
    fn grow(&mut self, from: u32, to: u32) -> Result<(), Stop> {
        self.spend(1 + self.k as u64 / 64)?;
        let k = self.k;
        let chain = self.chains.chain[to as usize];
        if chain != INITIAL && self.reach(from, chain) >= self.place(to) {
            return Err(Stop::Cycle {
                from,
                to,
                why: None,
            });
        }
        let mut grown = std::mem::take(&mut self.grown);
        grown.clear();
        let (source, target) = (from as usize * k, to as usize * k);
        for c in 0..k {
            let (old, new) = (self.rows[target + c], self.rows[source + c]);
            if new > old {
                grown.push((c as u32, old, new));
                self.rows[target + c] = new;
                if self.keeps_trail {
                    self.trail.push((target + c, old));
                }
            }
        }
        let mut result = Ok(());
        if !grown.is_empty() {
            // It may stand there already: then it is looked at once more, and nothing grows.
            self.work.push(Reverse((self.rank[to as usize], to)));
            if let Some(t) = self.base.transaction(to) {
                result = self.consequences(t, to, &grown);
            }
        }
        self.grown = grown;
        result
    }

    /// What follows from the growth of the row of `node`, a moment of `t`.
    fn consequences(&mut self, t: u32, node: u32, grown: &[(u32, u32, u32)]) -> Result<(), Stop> {
        let committed = self.committed;
        if node == self.base.read_node(t) {
            for r in committed.reads(t) {
                let key = committed.read_key[r];
                let slot = committed.read_slot[r];
                let source = (slot != INITIAL).then(|| committed.writer[slot as usize]);
                self.each_group(key, grown, |this, group, old, new| {
                    let mut end = this.last(group, new);
                    if end > group.start && this.writer_at(end - 1) == t {
                        end -= 1;
                    }
                    if end == group.start {
                        return Ok(());
                    }
                    let writer = this.writer_at(end - 1);
                    if Some(writer) == source || this.place(this.base.write_node(writer)) <= old {
                        return Ok(());
                    }
                    let why = Why::Hidden {
                        read: r as u32,
                        writer,
                    };
                    this.hide(source, writer, why)
                })?;
            }
        }
        if node != self.base.write_node(t) {
            return Ok(());
        }
        for slot in committed.writes(t) {
            let key = committed.write_key[slot];
            self.each_group(key, grown, |this, group, old, new| {
                for at in (group.start..this.last(group, new)).rev() {
                    let source = this.writer_at(at);
                    if this.place(this.base.write_node(source)) <= old {
                        break;
                    }
                    if source != t {
                        this.overwritten(this.slots[at as usize], t);
                    }
                }
                if this.rules.split && this.rules.exclusive {
                    this.overlaps(t, group, old, new);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Rule (b): all who read this slot come before `writer`.
    fn overwritten(&mut self, slot: u32, writer: u32) {
        let committed = self.committed;
        let key = committed.write_key[slot as usize];
        let readers = self.readers_start[slot as usize]..self.readers_start[slot as usize + 1];
        let to = self.base.write_node(writer);
        for place in readers {
            let t = self.readers[place as usize];
            if t == writer || (!self.rules.total && committed.slot(t, key).is_none()) {
                continue;
            }
            let from = self.base.read_node(t);
            if self.before(from, to) {
                continue;
            }
            let read = committed
                .reads(t)
                .find(|&r| committed.read_slot[r] == slot)
                .expect("a reader of a slot reads it");
            let why = Why::Overwrites {
                read: read as u32,
                writer,
            };
            self.queue.push_back((from, to, why));
        }
    }

    /// Calls for each group of a key on a chain that grew.
    fn each_group(
        &mut self,
        key: u32,
        grown: &[(u32, u32, u32)],
        mut call: impl FnMut(&mut Self, Group, u32, u32) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let groups = self.groups_of(key);
        if grown.len() * 4 < groups.len() {
            for &(chain, old, new) in grown {
                let found = self.groups[groups.clone()].binary_search_by_key(&chain, |g| g.chain);
                if let Ok(place) = found {
                    let group = self.groups[groups.start + place];
                    call(self, group, old, new)?;
                }
            }
            return Ok(());
        }
        let mut next = 0;
        for g in groups {
            let group = self.groups[g];
            while next < grown.len() && grown[next].0 < group.chain {
                next += 1;
            }
            if next < grown.len() && grown[next].0 == group.chain {
                let (_, old, new) = grown[next];
                call(self, group, old, new)?;
            }
        }
        Ok(())
    }

    /// From here on everything can be taken back to here.
    pub(crate) fn mark(&mut self) -> Mark {
        self.keeps_trail = true;
        Mark {
            added: self.added.len(),
            trail: self.trail.len(),
        }
    }

    /// Takes back what was added since.
    pub(crate) fn undo(&mut self, mark: Mark) {
        self.queue.clear();
        self.work.clear();
        for &(place, old) in self.trail[mark.trail..].iter().rev() {
            self.rows[place] = old;
        }
        self.trail.truncate(mark.trail);
        for added in self.added[mark.added..].iter().rev() {
            self.head[added.from as usize] = added.next;
        }
        self.added.truncate(mark.added);
    }

    /// The orders that were added, as (from, to).
    pub(crate) fn added(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.added.iter().map(|added| (added.from, added.to))
    }

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

/// Joins a row into another one.
pub(crate) fn join(rows: &mut [u32], k: usize, from: usize, to: usize) {
    let (source, target) = if from < to {
        let (low, high) = rows.split_at_mut(to * k);
        (&low[from * k..from * k + k], &mut high[..k])
    } else {
        let (low, high) = rows.split_at_mut(from * k);
        (&high[..k], &mut low[to * k..to * k + k])
    };
    for (target, &source) in target.iter_mut().zip(source) {
        *target = (*target).max(source);
    }
}

/// Keeps one more candidate, unless one of those that are kept implies it.
fn keep(kept: &mut Vec<u32>, candidate: u32, implied_by: impl Fn(u32, u32) -> bool) {
    if kept.iter().any(|&other| implied_by(candidate, other)) {
        return;
    }
    kept.retain(|&other| !implied_by(other, candidate));
    kept.push(candidate);
}
