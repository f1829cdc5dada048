//! Isolation levels by their definitions alone: every order of a few transactions is tried.
//!
//! Slow on purpose, and written apart from the checkers that it confirms. The definitions are those of Biswas and Enea,
//! "On the Complexity of Checking Transactional Consistency", 2019, section 2: a level is kept if some order of all
//! transactions respects who read from whom and, for every read of a key from `t1` and every other writer `t2` of that
//! key that the level takes to be visible to the reader, has `t2` before `t1`. What is visible is all that tells the
//! levels apart. Parallel snapshot isolation is that of Cerone, Bernardi and Gotsman, 2015, and update serializability
//! that of Adya, 1999 (PL-3U).

use crate::Level;

/// A transaction, as far as orders go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transaction {
    /// Its session.
    pub(crate) session: u32,
    /// When it was invoked.
    pub(crate) invoked: u64,
    /// When it had returned; `u64::MAX`: nobody knows.
    pub(crate) completed: u64,
    /// Keys that it read, in its order, and from whom (`None`: the initial state). Transactions are named by their place.
    pub(crate) reads: Vec<(u32, Option<usize>)>,
    /// Keys that it wrote.
    pub(crate) writes: Vec<u32>,
}

/// What trying all orders found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An order that keeps the level.
    Order(Vec<usize>),
    /// There is none.
    Nothing,
    /// There were too many.
    Unfinished,
}

/// A relation: whether one transaction is related to another one.
type Relation = Vec<Vec<bool>>;

/// Looks for an order of the transactions, which stand in session order, that keeps a level. Tries no more than `most`
/// orders. O(n! n^3).
pub(crate) fn search(transactions: &[Transaction], level: Level, most: u64) -> Found {
    let n = transactions.len();
    let mut base = vec![vec![false; n]; n];
    for (t, transaction) in transactions.iter().enumerate() {
        for &(_, source) in &transaction.reads {
            if let Some(source) = source {
                if source == t {
                    return Found::Nothing;
                }
                base[source][t] = true;
            }
        }
    }
    let reads_from = base.clone();
    for (a, row) in base.iter_mut().enumerate() {
        for (b, related) in row.iter_mut().enumerate() {
            *related |= comes_first(transactions, level, a, b);
        }
    }
    let respected = base.clone();
    close(&mut base);
    if (0..n).any(|t| base[t][t]) {
        return Found::Nothing;
    }
    let seen = Seen {
        transactions,
        reads_from,
        respected,
        causes: base,
    };
    if level == Level::Causal {
        return if seen.misses_nothing() {
            Found::Order(Vec::new())
        } else {
            Found::Nothing
        };
    }
    // The order so far, and what to try next at each place of it.
    let mut order: Vec<usize> = Vec::with_capacity(n);
    let mut next = vec![0; n + 1];
    let mut tried = 0;
    loop {
        let depth = order.len();
        if depth == n {
            tried += 1;
            if seen.keeps(level, &order) {
                return Found::Order(order);
            }
            if tried >= most {
                return Found::Unfinished;
            }
        }
        let free = |&t: &usize| {
            !order.contains(&t)
                && (0..n).all(|before| !seen.causes[before][t] || order.contains(&before))
        };
        match (next[depth]..n).find(free) {
            Some(t) => {
                next[depth] = t + 1;
                order.push(t);
                next[order.len()] = 0;
            }
            None => {
                if order.pop().is_none() {
                    return Found::Nothing;
                }
            }
        }
    }
}

/// Whether a level makes `a` come before `b` whatever they did.
fn comes_first(transactions: &[Transaction], level: Level, a: usize, b: usize) -> bool {
    use Level::{
        Causal, CausalConvergence, StrictSerializable, StrongSessionSerializable,
        StrongSessionSnapshotIsolation, StrongSnapshotIsolation,
    };
    let session = a < b && transactions[a].session == transactions[b].session;
    match level {
        StrictSerializable | StrongSnapshotIsolation => {
            session || transactions[a].completed < transactions[b].invoked
        }
        StrongSessionSerializable | StrongSessionSnapshotIsolation | CausalConvergence | Causal => {
            session
        }
        _ => false,
    }
}

/// The transitive closure.
fn close(relation: &mut Relation) {
    let n = relation.len();
    for middle in 0..n {
        let after = relation[middle].clone();
        for row in relation.iter_mut().filter(|row| row[middle]) {
            for (related, &after) in row.iter_mut().zip(&after) {
                *related |= after;
            }
        }
    }
}

struct Seen<'a> {
    transactions: &'a [Transaction],
    reads_from: Relation,
    respected: Relation,
    causes: Relation,
}

impl Seen<'_> {
    fn writes(&self, t: usize, key: u32) -> bool {
        self.transactions[t].writes.contains(&key)
    }

    fn share_a_key(&self, a: usize, b: usize) -> bool {
        let writes = &self.transactions[a].writes;
        writes.iter().any(|&key| self.writes(b, key))
    }

    /// No read misses a write that is newer by its causes.
    fn misses_nothing(&self) -> bool {
        let n = self.transactions.len();
        (0..n).all(|t3| {
            self.transactions[t3].reads.iter().all(|&(key, source)| {
                (0..n).all(|t2| {
                    let newer = source.is_none_or(|t1| self.causes[t1][t2]);
                    !(self.writes(t2, key) && newer && self.causes[t2][t3])
                })
            })
        })
    }

    /// Whether an order keeps a level.
    fn keeps(&self, level: Level, order: &[usize]) -> bool {
        let n = self.transactions.len();
        let mut place = vec![0; n];
        for (i, &t) in order.iter().enumerate() {
            place[t] = i;
        }
        if level == Level::UpdateSerializable {
            return self.updates_are_serial(&place);
        }
        let sees = self.visible(level, &place);
        for (t3, Transaction { reads, .. }) in self.transactions.iter().enumerate() {
            for (i, &(key, source)) in reads.iter().enumerate() {
                for t2 in (0..n).filter(|&t2| t2 != t3 && Some(t2) != source) {
                    if !self.writes(t2, key) {
                        continue;
                    }
                    let visible = if level == Level::MonotonicAtomicView {
                        reads[..i].iter().any(|&(_, earlier)| earlier == Some(t2))
                    } else {
                        sees[t2][t3]
                    };
                    if visible && source.is_none_or(|t1| place[t2] > place[t1]) {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Who is visible to whom.
    fn visible(&self, level: Level, place: &[usize]) -> Relation {
        use Level::{
            CausalConvergence, ParallelSnapshotIsolation, Prefix, ReadAtomic, RepeatableRead,
            Serializable, SnapshotIsolation, StrictSerializable, StrongSessionSerializable,
            StrongSessionSnapshotIsolation, StrongSnapshotIsolation,
        };
        let n = self.transactions.len();
        let mut sees = vec![vec![false; n]; n];
        for a in 0..n {
            for b in (0..n).filter(|&b| b != a) {
                sees[a][b] = match level {
                    StrictSerializable
                    | StrongSessionSerializable
                    | Serializable
                    | RepeatableRead => place[a] < place[b],
                    SnapshotIsolation
                    | StrongSessionSnapshotIsolation
                    | StrongSnapshotIsolation
                    | Prefix => (0..n).any(|middle| {
                        let writers = level != Prefix
                            && place[middle] < place[b]
                            && self.share_a_key(middle, b);
                        place[a] <= place[middle] && (self.respected[middle][b] || writers)
                    }),
                    ParallelSnapshotIsolation => {
                        self.reads_from[a][b] || place[a] < place[b] && self.share_a_key(a, b)
                    }
                    CausalConvergence => self.causes[a][b],
                    ReadAtomic => self.reads_from[a][b],
                    _ => false,
                };
            }
        }
        if level == ParallelSnapshotIsolation {
            close(&mut sees);
        }
        sees
    }

    /// With the versions of each key in this order: the transactions that write have no cycle of dependencies, nor have
    /// they with any single one that only reads.
    fn updates_are_serial(&self, place: &[usize]) -> bool {
        let n = self.transactions.len();
        let is_update = |t: usize| !self.transactions[t].writes.is_empty();
        let depends = |members: &dyn Fn(usize) -> bool| {
            let mut relation = vec![vec![false; n]; n];
            for a in (0..n).filter(|&a| members(a)) {
                for b in (0..n).filter(|&b| b != a && members(b)) {
                    relation[a][b] = self.reads_from[a][b]
                        || place[a] < place[b] && self.share_a_key(a, b)
                        || self.transactions[a].reads.iter().any(|&(key, source)| {
                            self.writes(b, key)
                                && Some(b) != source
                                && source.is_none_or(|source| place[source] < place[b])
                        });
                }
            }
            close(&mut relation);
            (0..n).all(|t| !relation[t][t])
        };
        depends(&is_update) && (0..n).all(|t| is_update(t) || depends(&|u| u == t || is_update(u)))
    }
}
