//! Each write with the reads that saw it: what k-atomicity and Δ-atomicity are worked out from.
//!
//! (Gibbons and Korach, "Testing shared memories", 1997, call it a cluster.) Times are shifted by one nanosecond, so that
//! the initial value's cluster, which nobody wrote, ends before all.

use schism_history::{History, OpId, Outcome};

use crate::sessions::program::{INITIAL, NONE, Program};

/// A write and those who saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// When the write was sent; 0 for the initial value.
    pub(crate) begin: u64,
    /// When it had happened for sure: the first return of the write or of a read that saw it.
    pub(crate) end: u64,
    /// When the last of its reads was sent; 0 when there is none.
    pub(crate) last_read: u64,
}

/// A read, and the cluster that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// When it was sent.
    pub(crate) begin: u64,
    /// Its cluster's place among the key's.
    pub(crate) cluster: u32,
}

/// The clusters of one key; the initial value's comes first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key {
    /// The clusters.
    pub(crate) clusters: Vec<Cluster>,
    /// The reads, in order of session.
    pub(crate) reads: Vec<Read>,
}

/// The clusters of all keys that have any, in the order of the history's numbers of keys; and the reads that returned
/// before what they saw was sent, which no amount of staleness explains, with those of values that nobody wrote.
pub(crate) fn of(history: &History, program: &Program) -> (Vec<Key>, Vec<OpId>) {
    let mut keys: Vec<Key> = Vec::new();
    let mut place = vec![NONE; program.keys as usize];
    // The place of each write among its key's clusters.
    let mut cluster = vec![NONE; program.len()];
    let mut impossible = program.thin_air.clone();
    let mut key_of = |keys: &mut Vec<Key>, key: u32| {
        let place = &mut place[key as usize];
        if *place == NONE {
            *place = keys.len() as u32;
            keys.push(Key {
                clusters: vec![Cluster {
                    begin: 0,
                    end: 0,
                    last_read: 0,
                }],
                reads: Vec::new(),
            });
        }
        *place as usize
    };
    let times = |node: usize| {
        let op = history.operation(program.id[node]);
        let end = if op.outcome == Outcome::Ok {
            op.end().as_nanos().saturating_add(1)
        } else {
            u64::MAX
        };
        (op.invoked.as_nanos().saturating_add(1), end)
    };
    for &node in &program.by_invocation {
        let i = node as usize;
        let key = key_of(&mut keys, program.key[i]);
        if program.writes[i] {
            let (begin, end) = times(i);
            cluster[i] = keys[key].clusters.len() as u32;
            keys[key].clusters.push(Cluster {
                begin,
                end,
                last_read: 0,
            });
        }
    }
    for &node in &program.by_invocation {
        let i = node as usize;
        let from = program.from[i];
        if from == NONE {
            continue;
        }
        let key = key_of(&mut keys, program.key[i]);
        let (begin, end) = times(i);
        let number = if from == INITIAL {
            0
        } else {
            cluster[from as usize]
        };
        let cluster = &mut keys[key].clusters[number as usize];
        if end < cluster.begin {
            impossible.push(program.id[i]);
            continue;
        }
        cluster.end = cluster.end.min(end);
        cluster.last_read = cluster.last_read.max(begin);
        keys[key].reads.push(Read {
            begin,
            cluster: number,
        });
    }
    impossible.sort_unstable();
    (keys, impossible)
}

/// Whether the history is linearizable for sure: no two clusters of any key are in conflict, and nothing was read before it
/// was sent. Then one order of all operations explains it, and each session's own order lies within. Not asked where
/// there are compare-and-sets, which want more. O(n log n).
pub(crate) fn is_linearizable(history: &History, program: &Program) -> bool {
    let both = |node: usize| program.writes[node] && program.from[node] != NONE;
    // Operations of a session that only touch in time might be taken in either order.
    let touches = |node: usize| {
        !program.is_first(node as u32)
            && history.operation(program.id[node - 1]).end()
                >= history.operation(program.id[node]).invoked
    };
    if (0..program.len()).any(|node| both(node) || touches(node)) {
        return false;
    }
    let (keys, impossible) = of(history, program);
    impossible.is_empty()
        && keys.into_iter().all(|mut key| {
            key.clusters.sort_unstable_by_key(|cluster| cluster.end);
            !in_conflict(&key.clusters, 0).contains(&true)
        })
}

/// Which clusters are in conflict with any other one if every read had been sent `delta` nanoseconds earlier: each of
/// the two must precede the other. `by_end` are clusters in order of their ends. O(n log n).
pub(crate) fn in_conflict(by_end: &[Cluster], delta: u64) -> Vec<bool> {
    let last = |cluster: &Cluster| cluster.begin.max(cluster.last_read.saturating_sub(delta));
    // Of each beginning of `by_end`, the two greatest last invocations and whose the first is.
    let mut greatest: Vec<(u64, usize, u64)> = Vec::with_capacity(by_end.len());
    let mut top = (0, usize::MAX, 0);
    for (i, cluster) in by_end.iter().enumerate() {
        let own = last(cluster);
        top = if own > top.0 || top.1 == usize::MAX {
            (own, i, top.0)
        } else {
            (top.0, top.1, top.2.max(own))
        };
        greatest.push(top);
    }
    by_end
        .iter()
        .enumerate()
        .map(|(i, cluster)| {
            let before = by_end.partition_point(|other| other.end < last(cluster));
            before > 0 && {
                let (first, whose, second) = greatest[before - 1];
                let other = if whose == i { second } else { first };
                other > cluster.end
            }
        })
        .collect()
}
