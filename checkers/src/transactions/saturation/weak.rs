//! Levels that are decided at once: read committed, monotonic atomic view, read atomic, and causal consistency.
//!
//! Each forces some orders between writers of a key that were read, once and for all; it is kept if these and who read
//! from whom have no cycle. Only the fewest orders are made that imply the others (Møldrup and Pavlogiannis, "AWDIT",
//! 2025). O(n^1.5), for causal consistency O(n k), k the number of chains.

use super::Answer;
use super::certificate::Certificate;
use super::chains::{Base, Chains};
use super::committed::{Committed, INITIAL};
use super::{Order, Rules};
use crate::Budget;

/// A weak level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weak {
    /// No cycle of who read from whom.
    ReadCommitted,
    /// What was seen once of a transaction is followed by all that it wrote.
    MonotonicAtomicView,
    /// What is seen of a transaction is all that it wrote, or newer.
    ReadAtomic,
    /// No read misses what it depends on. Sessions count.
    Causal,
    /// As causal, and all agree on the order of the writers of a key. Sessions count.
    CausalConvergence,
}

/// A forced order: `from` comes before `to`, because of what `reader` saw.
#[derive(Clone, Copy, Debug)]
struct Forced {
    from: u32,
    to: u32,
    reader: u32,
}

/// Decides a weak level. Complete; unknown only for want of memory, and only for causal consistency.
pub(crate) fn decide(committed: &Committed, level: Weak, budget: &Budget) -> Answer {
    let respects = match level {
        Weak::Causal | Weak::CausalConvergence => Order::Session,
        _ => Order::None,
    };
    let rules = Rules::serializable(respects);
    let base = Base::of(committed, rules);
    let order = match base.topological() {
        Ok(order) => order,
        Err(left) => {
            let mut core = base.cycle(&left);
            core.sort_unstable();
            return Answer::Refuted(core);
        }
    };
    let forced = match level {
        Weak::ReadCommitted => return Answer::Holds(Certificate::None),
        Weak::MonotonicAtomicView => observed(committed),
        Weak::ReadAtomic => atomic(committed),
        Weak::Causal | Weak::CausalConvergence => {
            let chains = Chains::cover(committed, &base, respects, &order);
            let need = super::saturate::bytes(&base, &chains);
            if need > budget.bytes {
                return Answer::Unknown(format!(
                    "{} transactions on {} chains need more memory than allowed",
                    committed.len(),
                    chains.count
                ));
            }
            let causes = Causes::of(committed, &base, &chains, &order);
            match causes.forced(level == Weak::Causal) {
                Ok(forced) => match acyclic(committed, &base, &forced) {
                    Ok(()) => return Answer::Holds(Certificate::None),
                    Err(cycle) => return Answer::Refuted(causes.core(&cycle)),
                },
                Err(missed) => return Answer::Refuted(causes.core(&[missed])),
            }
        }
    };
    let forced = match forced {
        Ok(forced) => forced,
        Err(core) => return Answer::Refuted(core),
    };
    match acyclic(committed, &base, &forced) {
        Ok(()) => Answer::Holds(Certificate::None),
        Err(cycle) => Answer::Refuted(members(&cycle)),
    }
}

fn members(cycle: &[Forced]) -> Vec<u32> {
    let mut core: Vec<u32> = cycle
        .iter()
        .flat_map(|f| [f.from, f.to, f.reader])
        .collect();
    core.retain(|&t| t != INITIAL);
    core.sort_unstable();
    core.dedup();
    core
}

/// Orders forced by what was seen of a transaction, and after it: in the order of the reads.
fn observed(committed: &Committed) -> Result<Vec<Forced>, Vec<u32>> {
    let mut forced = Vec::new();
    // For each key: the read of it that comes next, and whose.
    let mut next: Vec<(u32, u32)> = vec![(INITIAL, 0); committed.keys as usize];
    let mut seen = vec![INITIAL; committed.len()];
    let mut firsts = Vec::new();
    for t in 0..committed.len() as u32 {
        let reads = committed.reads(t);
        firsts.clear();
        for r in reads.clone() {
            let source = source(committed, r);
            firsts.push(source != INITIAL && seen[source as usize] != t);
            if source != INITIAL {
                seen[source as usize] = t;
            }
        }
        for r in reads.clone().rev() {
            let from = source(committed, r);
            let mut see = |slot: u32| {
                if slot == INITIAL {
                    return Err(vec![from.min(t), from.max(t)]);
                }
                let to = committed.writer[slot as usize];
                if to != from {
                    forced.push(Forced {
                        from,
                        to,
                        reader: t,
                    });
                }
                Ok(())
            };
            if firsts[r - reads.start] {
                let later = reads.end - r - 1;
                if committed.writes(from).len() <= later {
                    for w in committed.writes(from) {
                        let (whose, read) = next[committed.write_key[w] as usize];
                        if whose == t {
                            see(committed.read_slot[read as usize])?;
                        }
                    }
                } else {
                    for later in r + 1..reads.end {
                        if committed.slot(from, committed.read_key[later]).is_some() {
                            see(committed.read_slot[later])?;
                        }
                    }
                }
            } else if from != INITIAL {
                // What else it wrote was looked at where it was seen first, but only up to the next read of a key.
                let (whose, read) = next[committed.read_key[r] as usize];
                if whose == t {
                    see(committed.read_slot[read as usize])?;
                }
            }
            next[committed.read_key[r] as usize] = (t, r as u32);
        }
    }
    Ok(forced)
}

/// Orders forced by what was seen of a transaction, whatever the order of the reads.
fn atomic(committed: &Committed) -> Result<Vec<Forced>, Vec<u32>> {
    let mut forced = Vec::new();
    let mut read_of: Vec<(u32, u32)> = vec![(INITIAL, 0); committed.keys as usize];
    let mut seen = vec![INITIAL; committed.len()];
    for t in 0..committed.len() as u32 {
        let reads = committed.reads(t);
        for r in reads.clone() {
            let key = committed.read_key[r] as usize;
            let (whose, before) = std::mem::replace(&mut read_of[key], (t, r as u32));
            let (one, other) = (source(committed, before as usize), source(committed, r));
            if whose == t && one != other {
                // Each of the two would have to be the older one.
                let mut core = vec![one, other, t];
                core.retain(|&t| t != INITIAL);
                core.sort_unstable();
                return Err(core);
            }
        }
        for r in reads.clone() {
            let from = source(committed, r);
            if from == INITIAL || std::mem::replace(&mut seen[from as usize], t) == t {
                continue;
            }
            let mut see = |slot: u32| {
                if slot == INITIAL {
                    return Err(vec![from.min(t), from.max(t)]);
                }
                let to = committed.writer[slot as usize];
                if to != from {
                    forced.push(Forced {
                        from,
                        to,
                        reader: t,
                    });
                }
                Ok(())
            };
            if committed.writes(from).len() <= reads.len() {
                for w in committed.writes(from) {
                    let (whose, read) = read_of[committed.write_key[w] as usize];
                    if whose == t {
                        see(committed.read_slot[read as usize])?;
                    }
                }
            } else {
                for other in reads.clone() {
                    if committed.slot(from, committed.read_key[other]).is_some() {
                        see(committed.read_slot[other])?;
                    }
                }
            }
        }
    }
    Ok(forced)
}

/// Whom a read saw; [`INITIAL`] for nobody.
fn source(committed: &Committed, r: usize) -> u32 {
    match committed.read_slot[r] {
        INITIAL => INITIAL,
        slot => committed.writer[slot as usize],
    }
}

/// Causes: for each transaction and chain, how far along the chain the transactions are that come before it.
struct Causes<'a> {
    committed: &'a Committed,
    base: &'a Base,
    chains: &'a Chains,
    rows: Vec<u32>,
    k: usize,
    /// Writers of each key: chain by chain, as (chain, place, transaction).
    writers: Vec<(u32, u32, u32)>,
    writers_of: Vec<u32>,
}

impl<'a> Causes<'a> {
    fn of(committed: &'a Committed, base: &'a Base, chains: &'a Chains, order: &[u32]) -> Self {
        let k = chains.count;
        let mut rows = vec![0_u32; base.nodes * k];
        for &node in order {
            rows[node as usize * k + chains.chain[node as usize] as usize] =
                chains.place[node as usize];
            for &to in base.after(node) {
                super::saturate::join(&mut rows, k, node as usize, to as usize);
            }
        }
        let mut writers_of = vec![0_u32; committed.keys as usize + 1];
        for &key in &committed.write_key {
            writers_of[key as usize + 1] += 1;
        }
        for i in 1..writers_of.len() {
            writers_of[i] += writers_of[i - 1];
        }
        let mut fill = writers_of.clone();
        let mut writers = vec![(0, 0, 0); committed.write_key.len()];
        for members in &chains.members {
            for &t in members {
                for w in committed.writes(t) {
                    let place = &mut fill[committed.write_key[w] as usize];
                    writers[*place as usize] =
                        (chains.chain[t as usize], chains.place[t as usize], t);
                    *place += 1;
                }
            }
        }
        Self {
            committed,
            base,
            chains,
            rows,
            k,
            writers,
            writers_of,
        }
    }

    fn before(&self, first: u32, second: u32) -> bool {
        self.rows[second as usize * self.k + self.chains.chain[first as usize] as usize]
            >= self.chains.place[first as usize]
    }

    /// Orders forced by causes that a read does not show; the first one that contradicts a cause is an error. With
    /// `only_missed`, only contradictions are looked for.
    fn forced(&self, only_missed: bool) -> Result<Vec<Forced>, Forced> {
        let committed = self.committed;
        let mut forced = Vec::new();
        for t in 0..committed.len() as u32 {
            let row = &self.rows[t as usize * self.k..(t as usize + 1) * self.k];
            for r in committed.reads(t) {
                let key = committed.read_key[r] as usize;
                let to = source(committed, r);
                let writers =
                    &self.writers[self.writers_of[key] as usize..self.writers_of[key + 1] as usize];
                let mut at = 0;
                while at < writers.len() {
                    let chain = writers[at].0;
                    let reach = row[chain as usize];
                    let mut from = INITIAL;
                    while at < writers.len() && writers[at].0 == chain {
                        let (_, place, writer) = writers[at];
                        if place <= reach && writer != t {
                            from = writer;
                        }
                        at += 1;
                    }
                    if from == INITIAL || from == to {
                        continue;
                    }
                    let order = Forced {
                        from,
                        to,
                        reader: t,
                    };
                    if to == INITIAL || self.before(to, from) {
                        return Err(order);
                    }
                    if !only_missed && !self.before(from, to) {
                        forced.push(order);
                    }
                }
            }
        }
        Ok(forced)
    }

    /// The transactions that a cycle of forced orders needs, the causes between them included.
    fn core(&self, cycle: &[Forced]) -> Vec<u32> {
        let mut core = members(cycle);
        for forced in cycle {
            if forced.reader != INITIAL {
                self.path(forced.from, forced.reader, &mut core);
                if forced.to != INITIAL && self.before(forced.to, forced.from) {
                    self.path(forced.to, forced.from, &mut core);
                }
            }
        }
        core.sort_unstable();
        core.dedup();
        core
    }

    /// A shortest path of causes.
    fn path(&self, from: u32, to: u32, core: &mut Vec<u32>) {
        let mut parent = rustc_hash::FxHashMap::default();
        let mut queue = vec![from];
        let mut at = 0;
        while at < queue.len() && !parent.contains_key(&to) {
            let node = queue[at];
            at += 1;
            for &next in self.base.after(node) {
                if next != from && self.before(next, to) && !parent.contains_key(&next) {
                    parent.insert(next, node);
                    queue.push(next);
                }
            }
        }
        let mut node = to;
        while let Some(&before) = parent.get(&node) {
            core.push(before);
            node = before;
        }
    }
}

/// Whether what was read and these orders have no cycle; else the orders of a short one, those that are known from the
/// start with no reader.
fn acyclic(committed: &Committed, base: &Base, forced: &[Forced]) -> Result<(), Vec<Forced>> {
    let n = committed.len();
    let mut start = vec![0_u32; n + 1];
    for f in forced {
        start[f.from as usize + 1] += 1;
    }
    for i in 1..=n {
        start[i] += start[i - 1];
    }
    let mut fill = start.clone();
    let mut place = vec![0_u32; forced.len()];
    for (i, f) in forced.iter().enumerate() {
        place[fill[f.from as usize] as usize] = i as u32;
        fill[f.from as usize] += 1;
    }
    let after = |t: u32| {
        place[start[t as usize] as usize..start[t as usize + 1] as usize]
            .iter()
            .map(|&i| forced[i as usize])
    };
    let mut waits = vec![0_u32; n];
    for t in 0..n as u32 {
        for &to in base.after(t) {
            waits[to as usize] += 1;
        }
    }
    for f in forced {
        waits[f.to as usize] += 1;
    }
    let mut order: Vec<u32> = (0..n as u32).filter(|&t| waits[t as usize] == 0).collect();
    let mut at = 0;
    while at < order.len() {
        let t = order[at];
        at += 1;
        let known = base.after(t).iter().copied();
        for to in known.chain(after(t).map(|f| f.to)) {
            waits[to as usize] -= 1;
            if waits[to as usize] == 0 {
                order.push(to);
            }
        }
    }
    if order.len() == n {
        return Ok(());
    }
    // Go back from one that is left until one comes again: it is on a cycle.
    let known = |from: u32, to: u32| Forced {
        from,
        to,
        reader: INITIAL,
    };
    let edges = |t: u32| {
        let left = |f: &Forced| waits[f.to as usize] > 0;
        let base = base.after(t).iter().map(move |&to| known(t, to));
        base.chain(after(t)).filter(left)
    };
    let mut into = vec![INITIAL; n];
    let mut last = INITIAL;
    for t in (0..n as u32).filter(|&t| waits[t as usize] > 0) {
        last = t;
        for f in edges(t) {
            into[f.to as usize] = t;
        }
    }
    let mut seen = vec![false; n];
    let mut node = last;
    while !seen[node as usize] {
        seen[node as usize] = true;
        node = into[node as usize];
    }
    let first = node;
    let mut parent: Vec<Option<Forced>> = vec![None; n];
    let mut queue = vec![first];
    let mut at = 0;
    while at < queue.len() {
        let t = queue[at];
        at += 1;
        for f in edges(t) {
            if f.to == first {
                let mut cycle = vec![f];
                let mut node = t;
                while node != first {
                    let f = parent[node as usize].expect("it was reached");
                    cycle.push(f);
                    node = f.from;
                }
                return Err(cycle);
            }
            if parent[f.to as usize].is_none() {
                parent[f.to as usize] = Some(f);
                queue.push(f.to);
            }
        }
    }
    Err(Vec::new())
}
