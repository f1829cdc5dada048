//! An order that may explain every read: greedily, one moment after the other.
//!
//! A write of a key waits until all who read the current one have read. Where all that is left waits for each other, the
//! write that returned first goes on all the same: what this splits has to be decided by a search.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Rules;
use super::certificate::{Certificate, Point};
use super::chains::Base;
use super::committed::{Committed, INITIAL};

/// A node order that follows all edges.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// The nodes, moments in time left out.
    pub(crate) order: Vec<u32>,
    /// Whether nobody had to go on without what it should have waited for.
    pub(crate) fits: bool,
}

impl Schedule {
    /// The certificate that the order is, if it fits.
    pub(crate) fn certificate(&self, base: &Base) -> Certificate {
        if base.split {
            let points = self.order.iter().map(|&node| {
                let t = node / 2;
                if node % 2 == 0 {
                    Point::Begin(t)
                } else {
                    Point::Commit(t)
                }
            });
            Certificate::Snapshots(points.collect())
        } else {
            Certificate::Serial(self.order.clone())
        }
    }
}

/// When each transaction should happen at the latest: when it returned, or when somebody returned who read from it.
pub(crate) fn urgency(committed: &Committed) -> Vec<u64> {
    let mut urgency = committed.completed.clone();
    for t in (0..committed.len() as u32).rev() {
        for r in committed.reads(t) {
            let slot = committed.read_slot[r];
            if slot != INITIAL {
                let source = committed.writer[slot as usize] as usize;
                urgency[source] = urgency[source].min(urgency[t as usize]);
            }
        }
    }
    urgency
}

/// Orders that a schedule follows besides the base: from each node, to others.
pub(crate) struct More {
    start: Vec<u32>,
    to: Vec<u32>,
}

impl More {
    /// These orders, as (from, to).
    pub(crate) fn of(nodes: usize, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut start = vec![0_u32; nodes + 1];
        for (from, _) in edges.clone() {
            start[from as usize + 1] += 1;
        }
        for i in 1..start.len() {
            start[i] += start[i - 1];
        }
        let mut fill = start.clone();
        let mut to = vec![0; start[nodes] as usize];
        for (from, next) in edges {
            to[fill[from as usize] as usize] = next;
            fill[from as usize] += 1;
        }
        Self { start, to }
    }

    /// None.
    pub(crate) fn none(nodes: usize) -> Self {
        Self::of(nodes, std::iter::empty())
    }

    fn after(&self, node: u32) -> &[u32] {
        &self.to[self.start[node as usize] as usize..self.start[node as usize + 1] as usize]
    }
}

struct Run<'a> {
    committed: &'a Committed,
    base: &'a Base,
    rules: Rules,
    more: &'a More,
    urgency: &'a [u64],
    waits: Vec<u32>,
    ready: BinaryHeap<Reverse<(bool, u64, u32)>>,
    /// Those that wait for a key; some have gone on already.
    held: BinaryHeap<Reverse<(u64, u32)>>,
    held_by: Vec<Vec<u32>>,
    /// The slot that each key holds.
    current: Vec<u32>,
    /// Reads of each slot that are still to come; behind the slots, those of each key's initial state.
    left: Vec<u32>,
    /// Who writes each key and has begun but not committed; one of them.
    active: Vec<u32>,
    done: Vec<bool>,
    order: Vec<u32>,
}

/// A schedule. `None` when the edges have a cycle. O((n + edges) log n).
pub(crate) fn schedule(
    committed: &Committed,
    base: &Base,
    rules: Rules,
    more: &More,
    urgency: &[u64],
) -> Option<Schedule> {
    let mut waits = vec![0_u32; base.nodes];
    for node in 0..base.nodes as u32 {
        for &to in base.after(node).iter().chain(more.after(node)) {
            waits[to as usize] += 1;
        }
    }
    let slots = committed.write_key.len();
    let mut left = vec![0_u32; slots + committed.keys as usize];
    for (&slot, &key) in committed.read_slot.iter().zip(&committed.read_key) {
        let place = if slot == INITIAL {
            slots + key as usize
        } else {
            slot as usize
        };
        left[place] += 1;
    }
    let mut run = Run {
        committed,
        base,
        rules,
        more,
        urgency,
        ready: BinaryHeap::new(),
        held: BinaryHeap::new(),
        held_by: vec![Vec::new(); committed.keys as usize],
        current: vec![INITIAL; committed.keys as usize],
        left,
        active: vec![INITIAL; committed.keys as usize],
        done: vec![false; base.nodes],
        order: Vec::with_capacity(base.points),
        waits,
    };
    for node in 0..base.nodes as u32 {
        if run.waits[node as usize] == 0 {
            run.push(node);
        }
    }
    let mut fits = true;
    loop {
        while let Some(Reverse((_, _, node))) = run.ready.pop() {
            if !run.done[node as usize] && run.may_go(node) {
                run.go(node);
            }
        }
        let mut forced = None;
        while let Some(Reverse((_, node))) = run.held.pop() {
            if !run.done[node as usize] {
                forced = Some(node);
                break;
            }
        }
        let Some(node) = forced else { break };
        fits = false;
        run.go(node);
    }
    (run.done.iter().all(|&done| done)).then_some(Schedule {
        order: run.order,
        fits,
    })
}

impl Run<'_> {
    /// A node waits for no other one any more.
    fn push(&mut self, node: u32) {
        let (writes, urgency) = match self.base.transaction(node) {
            None => (false, 0),
            Some(t) => {
                let commits = node == self.base.write_node(t);
                // Begin late: others may still commit what it is to see. Read early: others wait to write.
                let writes = !self.committed.is_read_only(t) && (commits || self.rules.exclusive);
                (writes, self.urgency[t as usize])
            }
        };
        self.ready.push(Reverse((writes, urgency, node)));
    }

    fn place_of(&self, r: usize) -> usize {
        match self.committed.read_slot[r] {
            INITIAL => self.committed.write_key.len() + self.committed.read_key[r] as usize,
            slot => slot as usize,
        }
    }

    /// Whether a node breaks nothing if it goes now. If it does, it is held.
    fn may_go(&mut self, node: u32) -> bool {
        let committed = self.committed;
        let Some(t) = self.base.transaction(node) else {
            return true;
        };
        let mut holder = None;
        if self.base.split && self.rules.exclusive && node == self.base.read_node(t) {
            holder = committed
                .writes(t)
                .map(|slot| committed.write_key[slot])
                .find(|&key| self.active[key as usize] != INITIAL);
        }
        if holder.is_none() && node == self.base.write_node(t) {
            if !self.base.split {
                for r in committed.reads(t) {
                    let place = self.place_of(r);
                    self.left[place] -= 1;
                }
            }
            holder = committed
                .writes(t)
                .map(|slot| committed.write_key[slot])
                .find(|&key| {
                    let current = match self.current[key as usize] {
                        INITIAL => committed.write_key.len() + key as usize,
                        slot => slot as usize,
                    };
                    self.left[current] > 0
                });
            if !self.base.split {
                for r in committed.reads(t) {
                    let place = self.place_of(r);
                    self.left[place] += 1;
                }
            }
        }
        if let Some(key) = holder {
            self.held_by[key as usize].push(node);
            self.held.push(Reverse((self.urgency[t as usize], node)));
        }
        holder.is_none()
    }

    fn go(&mut self, node: u32) {
        let committed = self.committed;
        self.done[node as usize] = true;
        if let Some(t) = self.base.transaction(node) {
            self.order.push(node);
            if node == self.base.read_node(t) {
                for r in committed.reads(t) {
                    let place = self.place_of(r);
                    self.left[place] -= 1;
                    // Its last reader may itself be the one that waits to write it.
                    if self.left[place] <= 1 {
                        self.wake(committed.read_key[r]);
                    }
                }
                if self.base.split && self.rules.exclusive {
                    for slot in committed.writes(t) {
                        self.active[committed.write_key[slot] as usize] = t;
                    }
                }
            }
            if node == self.base.write_node(t) {
                for slot in committed.writes(t) {
                    let key = committed.write_key[slot];
                    self.current[key as usize] = slot as u32;
                    if self.active[key as usize] == t {
                        self.active[key as usize] = INITIAL;
                    }
                    self.wake(key);
                }
            }
        }
        let (base, more) = (self.base, self.more);
        for &to in base.after(node).iter().chain(more.after(node)) {
            self.waits[to as usize] -= 1;
            if self.waits[to as usize] == 0 {
                self.push(to);
            }
        }
    }

    /// Those that wait for a key look again.
    fn wake(&mut self, key: u32) {
        let held = std::mem::take(&mut self.held_by[key as usize]);
        for node in held {
            if !self.done[node as usize] {
                self.push(node);
            }
        }
    }
}

/// Where an order gives somebody something else than it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// This read (its place in the read columns) by `reader` saw what `source` had written (`None`: the initial state),
    /// but `writer` stands between.
    Read {
        /// The read.
        read: u32,
        /// Its transaction.
        reader: u32,
        /// Whom it read from.
        source: Option<u32>,
        /// Who stands between.
        writer: u32,
        /// Whether `writer` stands nearer to `source` than to `reader`.
        nearer_source: bool,
    },
    /// Two writers of a key overlap; the first one began first.
    Overlap(u32, u32),
}

/// All places where an order splits something. O(reads + writes).
pub(crate) fn splits(
    committed: &Committed,
    base: &Base,
    rules: Rules,
    order: &[u32],
) -> Vec<Split> {
    let mut current = vec![INITIAL; committed.keys as usize];
    let mut active = vec![INITIAL; committed.keys as usize];
    let mut at = vec![0_u32; base.nodes];
    let mut found = Vec::new();
    for (i, &node) in order.iter().enumerate() {
        at[node as usize] = i as u32;
        let Some(t) = base.transaction(node) else {
            continue;
        };
        if node == base.read_node(t) {
            for r in committed.reads(t) {
                let (slot, key) = (committed.read_slot[r], committed.read_key[r]);
                let now = current[key as usize];
                if now == slot || now == INITIAL {
                    continue;
                }
                let writer = committed.writer[now as usize];
                let source = (slot != INITIAL).then(|| committed.writer[slot as usize]);
                let since = source.map_or(0, |s| at[base.write_node(s) as usize]);
                let between = at[base.write_node(writer) as usize];
                found.push(Split::Read {
                    read: r as u32,
                    reader: t,
                    source,
                    writer,
                    nearer_source: between - since < i as u32 - between,
                });
            }
            if base.split && rules.exclusive {
                for slot in committed.writes(t) {
                    let key = committed.write_key[slot] as usize;
                    if active[key] != INITIAL {
                        found.push(Split::Overlap(active[key], t));
                    }
                    active[key] = t;
                }
            }
        }
        if node == base.write_node(t) {
            for slot in committed.writes(t) {
                let key = committed.write_key[slot] as usize;
                current[key] = slot as u32;
                if active[key] == t {
                    active[key] = INITIAL;
                }
            }
        }
    }
    found
}
