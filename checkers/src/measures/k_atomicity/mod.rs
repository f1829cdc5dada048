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

mod backwards;
#[cfg(test)]
mod tests;

use schism_history::{History, Value};

use crate::measures::clusters::{self, Cluster, Key};
use crate::proof::story::count;
use crate::sessions::program::Program;
use crate::{Budget, Checker, Validity, Verdict};

use backwards::Backwards;

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
