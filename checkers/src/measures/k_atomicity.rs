//! k-atomicity: how many versions behind reads are, as one number.
//!
//! A history is k-atomic if there is one order of its operations, each while it ran, in which every read returns one of
//! the newest k values (Aiyer, Alvisi and Bazzi, "On the availability of non-strict quorum systems", 2005). 1-atomic is
//! linearizable. The least k is told where it is 1 or 2, and between two bounds where it is more:
//!
//! - k = 1: no two clusters are in conflict (Gibbons and Korach, 1997);
//! - k = 2: limited backtracking (algorithm LBT of Golab, Hurwitz and Li, "On the k-atomicity-verification problem",
//!   2013): the order is built from its end; of the writes that may stand last one is tried, and what must stand before
//!   it follows, until nothing is forced and the choice can stay;
//! - the lower bound: a read of a value that m values have surely replaced needs k > m;
//! - the upper bound: two orders of the writes are tried, and each read stands as early as it may.
//!
//! It is exact for k up to 2 on registers whose values are written once. A compare-and-set counts as a read and a write.
//! Being stale breaks no promise by itself, so the verdict is never invalid; gates judge the figures.
//!
//! Cost: O(n log n), and for k = 2 up to as many times the part that was tried as writes overlap, within the budget.
//!
//! Figures: `k_lower`, `k_upper` (bounds of the least k, of all keys; equal where it is known; nil when no k explains the
//! history), `keys`, `keys_k1`, `keys_k2` (keys with least k 1, and 2), `reads` (judged), `undecidable` (reads of which it is
//! not known which write they saw), `impossible` (reads of what was not written yet, or never).

use schism_history::{History, Value};

use crate::measures::clusters::{self, Cluster, Key};
use crate::proof::story::count;
use crate::sessions::program::{NONE, Program};
use crate::{Budget, Checker, Validity, Verdict};

/// Measures how many versions behind reads are, at the most. Gates judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct KAtomicity;

impl Checker for KAtomicity {
    fn name(&self) -> &'static str {
        "k-atomicity"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let program = Program::of(history);
        let (keys, impossible) = clusters::of(history, &program);
        let (mut lower, mut upper) = (1, 1);
        let (mut ones, mut twos) = (0_u64, 0_u64);
        let mut steps = budget.steps;
        for key in &keys {
            if budget.is_stopped() {
                return Verdict::new(self.name(), Validity::Unknown, "the check was stopped");
            }
            let (low, high) = if impossible.is_empty() {
                bounds(key, &mut steps)
            } else {
                (1, 1)
            };
            ones += u64::from(high == 1);
            twos += u64::from(low == 2 && high == 2);
            lower = lower.max(low);
            upper = upper.max(high);
        }
        let known = |k: u64| {
            if impossible.is_empty() {
                Value::from(k)
            } else {
                Value::Nil
            }
        };
        let reads = program.reads;
        let figures = Value::map([
            ("k_lower", known(lower)),
            ("k_upper", known(upper)),
            ("keys", Value::from(keys.len() as u64)),
            ("keys_k1", known(ones)),
            ("keys_k2", known(twos)),
            ("reads", reads.into()),
            ("undecidable", program.undecidable.into()),
            ("impossible", (impossible.len() as u64).into()),
        ]);
        let (validity, summary) = if let Some(first) = impossible.first() {
            (
                Validity::Unknown,
                format!(
                    "no k explains {}, the first of which is {first}: they returned what was not written yet, or never",
                    count(impossible.len() as u64, "read")
                ),
            )
        } else if reads == 0 {
            (
                Validity::Unknown,
                "there is nothing to measure: no read of a register whose values were written once"
                    .to_owned(),
            )
        } else if lower == upper {
            let what = if lower == 1 {
                "every read returned the newest value".to_owned()
            } else {
                format!("every read returned one of the newest {lower} values")
            };
            (
                Validity::Valid,
                format!("{what}: {lower}-atomic and no better"),
            )
        } else {
            (
                Validity::Valid,
                format!("the least k for which it is k-atomic is from {lower} to {upper}"),
            )
        };
        Verdict::new(self.name(), validity, summary).figures(figures)
    }
}

/// The least k of a key: at least, and at most.
fn bounds(key: &Key, steps: &mut u64) -> (u64, u64) {
    let mut by_end = key.clusters.clone();
    by_end.sort_unstable_by_key(|cluster| cluster.end);
    if !clusters::in_conflict(&by_end, 0).contains(&true) {
        return (1, 1);
    }
    let lower = surely_replaced(key) + 1;
    if lower <= 2 {
        match Backwards::new(key).judge(steps) {
            Some(true) => return (2, 2),
            Some(false) => return (3, at_most(key).max(3)),
            None => return (2, at_most(key).max(2)),
        }
    }
    (lower, at_most(key).max(lower))
}

/// How many values had surely replaced the one that a read saw, at the most. O(n log n).
fn surely_replaced(key: &Key) -> u64 {
    // Clusters by when they had been written; counted, in order of their beginning, as reads are sent.
    let mut by_begin: Vec<u64> = key.clusters.iter().map(|it| it.begin).collect();
    by_begin.sort_unstable();
    let mut by_end: Vec<&Cluster> = key.clusters.iter().collect();
    by_end.sort_unstable_by_key(|it| it.end);
    let mut reads = key.reads.clone();
    reads.sort_unstable_by_key(|read| read.begin);
    let mut tree = vec![0_u64; by_begin.len() + 1];
    let mut written = 0;
    let mut most = 0;
    for read in &reads {
        while let Some(cluster) = by_end.get(written).filter(|it| it.end < read.begin) {
            let mut at = by_begin.partition_point(|&begin| begin < cluster.begin) + 1;
            while at < tree.len() {
                tree[at] += 1;
                at += at & at.wrapping_neg();
            }
            written += 1;
        }
        let seen = &key.clusters[read.cluster as usize];
        let mut at = by_begin.partition_point(|&begin| begin <= seen.end);
        let mut older = 0;
        while at > 0 {
            older += tree[at];
            at -= at & at.wrapping_neg();
        }
        most = most.max(written as u64 - older);
    }
    most
}

/// How many of the newest values suffice if writes take effect in the order of their ends, or in that of their
/// beginnings, whichever is better. O(n log n).
fn at_most(key: &Key) -> u64 {
    let mut ends: Vec<u64> = key.clusters.iter().map(|it| it.end).collect();
    ends.sort_unstable();
    let with = |order: &mut dyn FnMut(&Cluster) -> (u64, u64)| {
        let mut sorted: Vec<u32> = (0..key.clusters.len() as u32).collect();
        sorted.sort_by_key(|&it| order(&key.clusters[it as usize]));
        let mut place = vec![0_u64; sorted.len()];
        for (at, &it) in sorted.iter().enumerate() {
            place[it as usize] = at as u64;
        }
        // Of the clusters that ended first, the last place.
        let mut by_end: Vec<u32> = (0..key.clusters.len() as u32).collect();
        by_end.sort_by_key(|&it| key.clusters[it as usize].end);
        let mut last = Vec::with_capacity(by_end.len());
        let mut top = 0;
        for &it in &by_end {
            top = top.max(place[it as usize]);
            last.push(top);
        }
        let behind = |read: &clusters::Read| {
            let ended = ends.partition_point(|&end| end < read.begin);
            let own = place[read.cluster as usize];
            let after = ended.checked_sub(1).map_or(0, |at| last[at]);
            after.max(own) - own + 1
        };
        key.reads.iter().map(behind).max().unwrap_or(1)
    };
    let by_end = with(&mut |it| (it.end, it.begin));
    let by_begin = with(&mut |it| (it.begin, it.end));
    by_end.min(by_begin)
}

/// Builds an order in which every read returns one of the newest two values, from its end.
struct Backwards<'k> {
    key: &'k Key,
    /// Reads of each cluster: `reads_of[first[c]..first[c + 1]]`, as places in `reads`.
    first: Vec<u32>,
    reads_of: Vec<u32>,
    /// Reads by when they were sent; writes by that, and by their ends.
    reads: Chain,
    begins: Chain,
    ends: Chain,
    sent: Vec<u64>,
    cluster_of: Vec<u32>,
    /// The cluster at each place of `begins` and `ends`, and the places of each cluster.
    begin_at: Vec<u32>,
    end_at: Vec<u32>,
    begin_place: Vec<u32>,
    end_place: Vec<u32>,
    removed_reads: Vec<u32>,
    removed_writes: Vec<u32>,
}

/// Places from which some are taken out, and put back in the reverse order.
struct Chain {
    next: Vec<u32>,
    back: Vec<u32>,
    gone: Vec<bool>,
}

impl Chain {
    /// Place 0 stands for both ends.
    fn of(size: usize) -> Self {
        let around = size as u32 + 1;
        Self {
            next: (1..=around).map(|it| it % around).collect(),
            back: (0..around).map(|it| (it + around - 1) % around).collect(),
            gone: vec![false; around as usize],
        }
    }

    fn last(&self) -> u32 {
        self.back[0]
    }

    fn take(&mut self, place: u32) {
        let (next, back) = (self.next[place as usize], self.back[place as usize]);
        self.next[back as usize] = next;
        self.back[next as usize] = back;
        self.gone[place as usize] = true;
    }

    fn put_back(&mut self, place: u32) {
        let (next, back) = (self.next[place as usize], self.back[place as usize]);
        self.next[back as usize] = place;
        self.back[next as usize] = place;
        self.gone[place as usize] = false;
    }
}

impl<'k> Backwards<'k> {
    fn new(key: &'k Key) -> Self {
        let size = key.clusters.len();
        let mut reads = key.reads.clone();
        reads.sort_by_key(|read| read.begin);
        let mut first = vec![0_u32; size + 1];
        for read in &reads {
            first[read.cluster as usize + 1] += 1;
        }
        for at in 0..size {
            first[at + 1] += first[at];
        }
        let mut next = first.clone();
        let mut reads_of = vec![0; reads.len()];
        for (at, read) in reads.iter().enumerate() {
            let slot = &mut next[read.cluster as usize];
            reads_of[*slot as usize] = at as u32 + 1;
            *slot += 1;
        }
        let sorted = |by: &dyn Fn(&Cluster) -> u64| {
            let mut at: Vec<u32> = (0..size as u32).collect();
            at.sort_by_key(|&it| by(&key.clusters[it as usize]));
            let mut place = vec![0; size];
            for (i, &it) in at.iter().enumerate() {
                place[it as usize] = i as u32 + 1;
            }
            at.insert(0, NONE);
            (at, place)
        };
        let (begin_at, begin_place) = sorted(&|it| it.begin);
        let (end_at, end_place) = sorted(&|it| it.end);
        Self {
            key,
            first,
            reads_of,
            reads: Chain::of(reads.len()),
            begins: Chain::of(size),
            ends: Chain::of(size),
            sent: std::iter::once(0)
                .chain(reads.iter().map(|it| it.begin))
                .collect(),
            cluster_of: std::iter::once(NONE)
                .chain(reads.iter().map(|it| it.cluster))
                .collect(),
            begin_at,
            end_at,
            begin_place,
            end_place,
            removed_reads: Vec::new(),
            removed_writes: Vec::new(),
        }
    }

    /// Whether there is such an order; `None` when the steps are spent.
    fn judge(mut self, steps: &mut u64) -> Option<bool> {
        while self.begins.last() != 0 {
            // Nothing is forced: try each write that may stand last.
            let newest =
                self.key.clusters[self.begin_at[self.begins.last() as usize] as usize].begin;
            let mut at = self.ends.last();
            let mut candidates = Vec::new();
            while at != 0 && self.key.clusters[self.end_at[at as usize] as usize].end >= newest {
                candidates.push(self.end_at[at as usize]);
                at = self.ends.back[at as usize];
            }
            let mut found = false;
            for candidate in candidates {
                let (reads, writes) = (self.removed_reads.len(), self.removed_writes.len());
                if self.stretch(candidate, steps)? {
                    found = true;
                    break;
                }
                self.undo(reads, writes);
            }
            if !found {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Puts a write last, and what that forces before it, until nothing is forced.
    fn stretch(&mut self, candidate: u32, steps: &mut u64) -> Option<bool> {
        let mut last = Some(candidate);
        while let Some(write) = last {
            let end = self.key.clusters[write as usize].end;
            let newest = self.begin_at[self.begins.last() as usize];
            if self.key.clusters[newest as usize].begin > end {
                return Some(false);
            }
            // Reads that were sent after it must return it, or the value before it.
            let mut before = None;
            let mut at = self.reads.last();
            while at != 0 && self.sent[at as usize] > end {
                *steps = steps.checked_sub(1)?;
                let cluster = self.cluster_of[at as usize];
                if cluster != write {
                    if before.is_some_and(|before| before != cluster) {
                        return Some(false);
                    }
                    before = Some(cluster);
                }
                self.take_read(at);
                at = self.reads.last();
            }
            for i in self.first[write as usize]..self.first[write as usize + 1] {
                let read = self.reads_of[i as usize];
                if !self.reads.gone[read as usize] {
                    *steps = steps.checked_sub(1)?;
                    self.take_read(read);
                }
            }
            *steps = steps.checked_sub(1)?;
            self.begins.take(self.begin_place[write as usize]);
            self.ends.take(self.end_place[write as usize]);
            self.removed_writes.push(write);
            last = before;
        }
        Some(true)
    }

    fn take_read(&mut self, place: u32) {
        self.reads.take(place);
        self.removed_reads.push(place);
    }

    fn undo(&mut self, reads: usize, writes: usize) {
        while self.removed_reads.len() > reads {
            if let Some(place) = self.removed_reads.pop() {
                self.reads.put_back(place);
            }
        }
        while self.removed_writes.len() > writes {
            if let Some(write) = self.removed_writes.pop() {
                self.ends.put_back(self.end_place[write as usize]);
                self.begins.put_back(self.begin_place[write as usize]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::mutate;
    use crate::generate::{self, Clients};
    use crate::measures::attempt::testing::figure;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use schism_history::testing;

    fn judge(drawing: &str) -> Verdict {
        KAtomicity.check(&testing::history(drawing), &Budget::default())
    }

    fn k(drawing: &str) -> [Value; 2] {
        let figures = judge(drawing).figures;
        ["k_lower", "k_upper"].map(|name| figure(&figures, name).clone())
    }

    #[test]
    fn versions_behind_are_counted() {
        let fresh = "
            0 |w x 1|
            1         |r x -> 1|
            ";
        assert_eq!(k(fresh), [1, 1].map(Value::from));
        let behind = "
            0 |w x 1|
            0         |w x 2|
            1                 |r x -> 1|
            ";
        assert_eq!(k(behind), [2, 2].map(Value::from));
        let far = "
            0 |w x 1|
            0         |w x 2|
            0                 |w x 3|
            0                         |w x 4|
            1                                 |r x -> 1|
            ";
        assert_eq!(k(far), [4, 4].map(Value::from));
    }

    /// Whether an order exists in which every read returns one of the newest `k` values: all are tried.
    fn by_definition(key: &Key, ends: &[u64], k: usize) -> bool {
        struct Op {
            begin: u64,
            end: u64,
            cluster: u32,
            read: bool,
        }
        fn go(ops: &[Op], placed: u32, writes: &mut Vec<u32>, k: usize) -> bool {
            if placed.count_ones() as usize == ops.len() {
                return true;
            }
            for (i, op) in ops.iter().enumerate() {
                let waits = (0..ops.len()).any(|j| placed >> j & 1 == 0 && ops[j].end < op.begin);
                if placed >> i & 1 == 1 || waits {
                    continue;
                }
                if op.read {
                    if writes.iter().rev().take(k).any(|&it| it == op.cluster)
                        && go(ops, placed | 1 << i, writes, k)
                    {
                        return true;
                    }
                } else {
                    writes.push(op.cluster);
                    if go(ops, placed | 1 << i, writes, k) {
                        return true;
                    }
                    writes.pop();
                }
            }
            false
        }
        let mut ops: Vec<Op> = Vec::new();
        for (cluster, it) in key.clusters.iter().enumerate().skip(1) {
            ops.push(Op {
                begin: it.begin,
                end: it.end,
                cluster: cluster as u32,
                read: false,
            });
        }
        for (read, &end) in key.reads.iter().zip(ends) {
            ops.push(Op {
                begin: read.begin,
                end,
                cluster: read.cluster,
                read: true,
            });
        }
        go(&ops, 0, &mut vec![0], k)
    }

    #[test]
    fn bounds_hold_by_definition() {
        let mut rng = Pcg64Mcg::seed_from_u64(6);
        let mut seen = [0; 4];
        for _ in 0..if cfg!(debug_assertions) { 400 } else { 20_000 } {
            let clients = Clients {
                operations: 9,
                keys: 1,
                cas: 0,
                values: 0,
                unknown: 0,
                revisions: false,
                ..crate::arbitrary::clients(&mut rng)
            };
            let mut events = generate::register(&clients, &mut rng);
            mutate(&mut events, 3, &mut rng);
            let history = generate::history(events);
            let program = Program::of(&history);
            let (keys, impossible) = clusters::of(&history, &program);
            let [key] = &keys[..] else { continue };
            if !impossible.is_empty() {
                continue;
            }
            let ends: Vec<u64> = program
                .by_invocation
                .iter()
                .filter(|&&node| program.from[node as usize] != NONE)
                .map(|&node| {
                    history
                        .operation(program.id[node as usize])
                        .end()
                        .as_nanos()
                        + 1
                })
                .collect();
            let (lower, upper) = bounds(key, &mut 1_000_000);
            let least = (1..=10).find(|&k| by_definition(key, &ends, k)).unwrap() as u64;
            assert!(
                lower <= least && least <= upper,
                "{lower} {least} {upper} {history:?}"
            );
            if least <= 2 {
                assert_eq!((lower, upper), (least, least), "{history:?}");
            }
            seen[(least as usize).min(4) - 1] += 1;
        }
        assert!(seen[..3].iter().all(|&it| it > 5), "{seen:?}");
    }
}
