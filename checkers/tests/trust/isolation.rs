//! Isolation levels by their definitions alone, for a few transactions: every order of them and every choice of who sees
//! whom is tried.
//!
//! Cerone, Bernardi and Gotsman, "A Framework for Transactional Consistency Models with Atomic Visibility", 2015, for
//! those that are about what is visible; Adya, "Weak Consistency", 1999, for those that are about cycles. A list is an
//! item whose versions hold one element more each time; a transaction reads, of the writers it sees, the version of the
//! last one.

use schism_checkers::Level;

/// What a transaction does to a list: keys and elements by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Append(usize, u32),
    Read(usize, Vec<u32>),
}

/// A transaction that surely happened.
#[derive(Clone, Debug)]
pub(crate) struct Txn {
    pub(crate) process: u32,
    pub(crate) invoked: u64,
    pub(crate) end: u64,
    pub(crate) steps: Vec<Step>,
}

impl Txn {
    fn writes(&self, key: usize) -> Vec<u32> {
        let elements = self.steps.iter().filter_map(|step| match step {
            Step::Append(k, element) if *k == key => Some(*element),
            _ => None,
        });
        elements.collect()
    }

    fn only_reads(&self) -> bool {
        !self.steps.iter().any(|s| matches!(s, Step::Append(..)))
    }
}

/// Bits of transactions.
type Set = u32;

/// The levels that are judged here.
pub(crate) const LEVELS: [Level; 15] = [
    Level::StrictSerializable,
    Level::StrongSessionSerializable,
    Level::Serializable,
    Level::UpdateSerializable,
    Level::RepeatableRead,
    Level::StrongSnapshotIsolation,
    Level::StrongSessionSnapshotIsolation,
    Level::SnapshotIsolation,
    Level::ParallelSnapshotIsolation,
    Level::Prefix,
    Level::CausalConvergence,
    Level::ReadAtomic,
    Level::ReadCommitted,
    Level::ReadUncommitted,
    Level::MonotonicAtomicView,
];

/// For each of [`LEVELS`], whether some order and some visibility explain these transactions.
pub(crate) fn kept(txns: &[Txn], keys: usize) -> Vec<bool> {
    let mut kept = vec![false; LEVELS.len()];
    let mut order: Vec<usize> = (0..txns.len()).collect();
    permute(&mut order, 0, &mut |order| {
        let versions: Vec<Vec<(usize, u32)>> =
            (0..keys).map(|key| versions(txns, order, key)).collect();
        if let Some(graph) = dependencies(txns, &versions) {
            for (i, &level) in LEVELS.iter().enumerate() {
                kept[i] |= by_cycles(level, txns, &graph);
            }
        }
        let pairs: Vec<(usize, usize)> = (0..txns.len())
            .flat_map(|i| (0..i).map(move |j| (j, i)))
            .map(|(j, i)| (order[j], order[i]))
            .collect();
        for chosen in 0..1_u32 << pairs.len() {
            let mut sees: Vec<Set> = vec![0; txns.len()];
            for (bit, &(before, after)) in pairs.iter().enumerate() {
                if chosen >> bit & 1 == 1 {
                    sees[after] |= 1 << before;
                }
            }
            if !txns
                .iter()
                .enumerate()
                .all(|(i, t)| explains(t, sees[i], txns, &versions))
            {
                continue;
            }
            for (i, &level) in LEVELS.iter().enumerate() {
                kept[i] |= by_visibility(level, txns, order, &sees, keys);
            }
        }
    });
    kept
}

fn permute(order: &mut Vec<usize>, from: usize, each: &mut impl FnMut(&[usize])) {
    if from + 1 >= order.len() {
        each(order);
        return;
    }
    for i in from..order.len() {
        order.swap(from, i);
        permute(order, from + 1, each);
        order.swap(from, i);
    }
}

/// All elements of a key with their writers, when transactions write in this order.
fn versions(txns: &[Txn], order: &[usize], key: usize) -> Vec<(usize, u32)> {
    order
        .iter()
        .flat_map(|&t| txns[t].writes(key).into_iter().map(move |e| (t, e)))
        .collect()
}

/// Whether a transaction that sees these others reads what it read.
fn explains(txn: &Txn, sees: Set, txns: &[Txn], versions: &[Vec<(usize, u32)>]) -> bool {
    let mut own: Vec<Vec<u32>> = vec![Vec::new(); versions.len()];
    txn.steps.iter().all(|step| match step {
        Step::Append(key, element) => {
            own[*key].push(*element);
            true
        }
        Step::Read(key, list) => {
            let newest = versions[*key].iter().rposition(|(t, _)| sees >> t & 1 == 1);
            let visible = &versions[*key][..newest.map_or(0, |place| place + 1)];
            // Its own elements are on top of what it sees.
            let expected: Vec<u32> = visible
                .iter()
                .filter(|(t, _)| !std::ptr::eq(&raw const txns[*t], txn))
                .map(|(_, element)| *element)
                .chain(own[*key].iter().copied())
                .collect();
            expected == *list
        }
    })
}

fn by_visibility(level: Level, txns: &[Txn], order: &[usize], sees: &[Set], keys: usize) -> bool {
    let count = txns.len();
    let all = || (0..count).flat_map(|a| (0..count).map(move |b| (a, b)));
    let place = |t: usize| order.iter().position(|&o| o == t);
    let visible = |a: usize, b: usize| sees[b] >> a & 1 == 1;
    let session = |a: usize, b: usize| {
        txns[a].process == txns[b].process && txns[a].invoked < txns[b].invoked
    };
    let time = |a: usize, b: usize| txns[a].end < txns[b].invoked;
    let transitive = || {
        all().all(|(a, b)| !visible(a, b) || (0..count).all(|c| !visible(b, c) || visible(a, c)))
    };
    let prefix = || {
        all().all(|(a, b)| {
            place(a) >= place(b) || (0..count).all(|c| !visible(b, c) || visible(a, c))
        })
    };
    let conflicts = || {
        all().all(|(a, b)| {
            let both = |key| !txns[a].writes(key).is_empty() && !txns[b].writes(key).is_empty();
            a == b || visible(a, b) || visible(b, a) || !(0..keys).any(both)
        })
    };
    let total = || all().all(|(a, b)| place(a) >= place(b) || visible(a, b));
    let sessions = || all().all(|(a, b)| !session(a, b) || visible(a, b));
    let times = || all().all(|(a, b)| !time(a, b) || visible(a, b));
    match level {
        Level::ReadAtomic => true,
        Level::CausalConvergence => transitive() && sessions(),
        Level::ParallelSnapshotIsolation => transitive() && conflicts(),
        Level::Prefix => prefix(),
        Level::SnapshotIsolation => prefix() && conflicts(),
        Level::StrongSessionSnapshotIsolation => prefix() && conflicts() && sessions(),
        Level::StrongSnapshotIsolation => prefix() && conflicts() && sessions() && times(),
        Level::Serializable => total(),
        Level::StrongSessionSerializable => total() && sessions(),
        Level::StrictSerializable => total() && sessions() && times(),
        _ => false,
    }
}

/// What a version order makes of the transactions.
struct Dependencies {
    /// (from, to) of write, read and anti-dependencies.
    ww: Vec<(usize, usize)>,
    wr: Vec<(usize, usize)>,
    rw: Vec<(usize, usize)>,
    /// Some read is of a version that its writer overwrote itself, or of the reader's own future.
    dirty: bool,
    /// Some transaction saw one write of another one, and read an older version of something else it wrote: at all, and
    /// later in its own order.
    fractured: bool,
    fractured_later: bool,
    /// Some transaction does not see its own writes, or what it reads changes.
    internal: bool,
}

/// The dependencies, if every read is of some version.
fn dependencies(txns: &[Txn], versions: &[Vec<(usize, u32)>]) -> Option<Dependencies> {
    let mut found = Dependencies {
        ww: Vec::new(),
        wr: Vec::new(),
        rw: Vec::new(),
        dirty: false,
        fractured: false,
        fractured_later: false,
        internal: false,
    };
    for versions in versions {
        for (i, &(before, _)) in versions.iter().enumerate() {
            found.ww.extend(
                versions[i..]
                    .iter()
                    .filter(|(after, _)| *after != before)
                    .map(|&(after, _)| (before, after)),
            );
        }
    }
    for (t, txn) in txns.iter().enumerate() {
        // What it read of others: key and how many elements.
        let mut reads: Vec<(usize, usize)> = Vec::new();
        for (at, step) in txn.steps.iter().enumerate() {
            let Step::Read(key, list) = step else {
                continue;
            };
            let versions = &versions[*key];
            let mine: Vec<u32> = Txn {
                steps: txn.steps[..at].to_vec(),
                ..txn.clone()
            }
            .writes(*key);
            let before = txn.steps[..at].iter().rev().find_map(|step| match step {
                Step::Read(k, list) if k == key => Some(list),
                _ => None,
            });
            let others: Vec<u32> = list.iter().copied().filter(|e| !mine.contains(e)).collect();
            if !list.ends_with(&mine)
                || before.is_some_and(|before| {
                    others
                        != before
                            .iter()
                            .copied()
                            .filter(|e| !mine.contains(e))
                            .collect::<Vec<_>>()
                })
            {
                found.internal = true;
            }
            // Its own elements at the end are no version yet.
            let own = if list.ends_with(&mine) { mine.len() } else { 0 };
            let seen = list.len() - own;
            let list = &list[..seen];
            let is_version =
                versions.len() >= seen && versions[..seen].iter().map(|(_, e)| e).eq(list.iter());
            if !is_version {
                return None;
            }
            reads.push((*key, seen));
            if seen > 0 {
                let (writer, element) = versions[seen - 1];
                if writer == t || txns[writer].writes(*key).last() != Some(&element) {
                    found.dirty = true;
                }
                if writer != t {
                    found.wr.push((writer, t));
                }
            }
            found.rw.extend(
                versions[seen..]
                    .iter()
                    .filter(|(after, _)| *after != t)
                    .map(|&(after, _)| (t, after)),
            );
        }
        for (i, &(y, newer)) in reads.iter().enumerate() {
            let Some(&(writer, _)) = newer.checked_sub(1).map(|last| &versions[y][last]) else {
                continue;
            };
            for (j, &(x, older)) in reads.iter().enumerate() {
                let missed = versions[x][older..].iter().any(|&(w, _)| w == writer);
                if x != y && writer != t && missed {
                    found.fractured = true;
                    found.fractured_later |= i < j;
                }
            }
        }
    }
    Some(found)
}

fn by_cycles(level: Level, txns: &[Txn], found: &Dependencies) -> bool {
    let count = txns.len();
    let acyclic = |edges: &[&[(usize, usize)]], nodes: Set| {
        let mut reach = vec![vec![false; count]; count];
        for &(a, b) in edges.iter().flat_map(|edges| edges.iter()) {
            reach[a][b] = nodes >> a & 1 == 1 && nodes >> b & 1 == 1;
        }
        for k in 0..count {
            for i in 0..count {
                for j in 0..count {
                    reach[i][j] |= reach[i][k] && reach[k][j];
                }
            }
        }
        !(0..count).any(|i| reach[i][i])
    };
    let everything = (1 << count) - 1;
    let (ww, wr, rw) = (&*found.ww, &*found.wr, &*found.rw);
    let committed = || !found.dirty && acyclic(&[ww, wr], everything);
    match level {
        Level::ReadUncommitted => acyclic(&[ww], everything),
        Level::ReadCommitted => committed(),
        Level::MonotonicAtomicView => committed() && !found.fractured_later,
        Level::RepeatableRead => committed() && acyclic(&[ww, wr, rw], everything),
        Level::UpdateSerializable => {
            let update: Set = (0..count)
                .filter(|&t| !txns[t].only_reads())
                .map(|t| 1 << t)
                .sum();
            committed()
                && !found.internal
                && !found.fractured
                && (0..count).all(|t| acyclic(&[ww, wr, rw], update | 1 << t))
        }
        _ => false,
    }
}
