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

mod blame;
mod rules;
mod writers;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::chains::{Base, Chains};
use super::committed::{Committed, INITIAL};
use super::{Order, Rules};
use crate::Budget;

use writers::Group;

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

    /// All that follows from what is known from the start.
    pub(crate) fn saturate(&mut self) -> Result<(), Stop> {
        if self.rules.respects == Order::RealTime {
            self.missed()?;
        }
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
