//! The catalogue of anomalies: what each is called, and the levels that it refutes.
//!
//! | anomaly | what it is | weakest levels refuted | source |
//! |---|---|---|---|
//! | `G0` | a cycle of write dependencies | read-uncommitted | Adya PL-1 |
//! | `duplicate-elements` | a list holds an element twice that was appended once | read-uncommitted | Elle |
//! | `incompatible-order` | two reads of a list disagree on its order: one of them was dirty | read-committed | Elle |
//! | `cyclic-versions` | what transactions saw gives no order of a key's versions | read-uncommitted | Elle |
//! | `garbage-read` | a read of what nobody wrote | read-uncommitted | Elle |
//! | `G1a` | a read of what a failed transaction wrote | read-committed | Adya PL-2 |
//! | `G1b` | a read of what its writer overwrote itself | read-committed | Adya PL-2 |
//! | `dirty-update` | a committed write on top of one that failed | read-committed | Elle |
//! | `G1c` | a cycle of write and read dependencies | read-committed | Adya PL-2 |
//! | `internal` | a transaction does not see its own writes, or what it read changes | read-atomic | Cerone et al. INT |
//! | `future-read` | a transaction reads what it writes only later: a cycle of one | read-committed | Elle |
//! | `fractured-read` | a transaction sees one write of another one and misses another | read-atomic; monotonic-atomic-view if it saw one first | Bailis et al. 2014 |
//! | `lost-update` | between a transaction's read of a key and its write of it, another one wrote it | parallel-snapshot-isolation, update-serializable, repeatable-read | Adya G-cursor |
//! | `read-skew` | G-single whose reader saw newer state elsewhere | as G-single, and prefix | Berenson et al. A5A |
//! | `G-single` | a cycle with one anti-dependency | parallel-snapshot-isolation, update-serializable, repeatable-read (items) | Adya PL-2+; Cerone and Gotsman 2018 |
//! | `long-fork` | two readers see two writes in opposite orders | snapshot-isolation, prefix, repeatable-read | Cerone et al. 2015 |
//! | `G-nonadjacent` | a cycle without two anti-dependencies one after the other | snapshot-isolation, repeatable-read | Cerone and Gotsman 2018 |
//! | `write-skew` | two transactions each overwrite what the other one read | serializable, repeatable-read | Berenson et al. A5B |
//! | `G2-item` | a cycle of dependencies between items | repeatable-read, and update-serializable with at most one read-only transaction | Adya PL-2.99, PL-3U |
//! | `phantom` | a transaction sees by predicate that something was not there, and then that it was | as G-single with predicates: parallel-snapshot-isolation, prefix, update-serializable | Berenson et al. A3 |
//! | `G2` | as G2-item, with predicates | serializable | Adya PL-3 |
//! | `…-process` | the same with the order of a session | strong-session levels, causal consistency and session guarantees where the shape is theirs | Daudjee and Salem 2006 |
//! | `…-realtime` | the same with real time | strong snapshot isolation, strict serializability | Herlihy and Wing 1990 |

use crate::Level;
use crate::transactions::graph::Edge;

/// A cycle as it looks to the catalogue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// Why each transaction comes before the next one.
    pub(crate) edges: Vec<Edge>,
    /// For each edge of a key, the keys on which it holds. Empty for others.
    pub(crate) keys: Vec<Vec<u32>>,
    /// For each transaction, whether it surely writes nothing.
    pub(crate) only_reads: Vec<bool>,
    /// One transaction of a read dependency that ends the cycle saw a write of another one before it missed one.
    pub(crate) saw_first: bool,
}

/// What a cycle is called, and the weakest levels it refutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// The name by its shape: the most telling one.
    pub(crate) name: &'static str,
    /// The name of the class that it belongs to; the same, where the shape has no name of its own.
    pub(crate) general: &'static str,
    /// The weakest levels that forbid it.
    pub(crate) refuted: Vec<Level>,
}

/// An edge, and the keys on which it holds.
type Part<'a> = (Edge, &'a [u32]);
/// The three names of a class: plain, with session order, with real time.
type Names = [&'static str; 3];

const G0: Names = ["G0", "G0-process", "G0-realtime"];
const G1C: Names = ["G1c", "G1c-process", "G1c-realtime"];
const G_SINGLE: Names = ["G-single", "G-single-process", "G-single-realtime"];
const G_NONADJACENT: Names = [
    "G-nonadjacent",
    "G-nonadjacent-process",
    "G-nonadjacent-realtime",
];
const G2_ITEM: Names = ["G2-item", "G2-item-process", "G2-item-realtime"];
const G2: Names = ["G2", "G2-process", "G2-realtime"];

impl Shape {
    /// What it is called, and what it refutes.
    pub(crate) fn class(&self) -> Class {
        let general = self.general()[self.extra()];
        let mut refuted = Vec::new();
        self.refute(&mut refuted);
        refuted.sort_unstable();
        refuted.dedup();
        Class {
            name: self.special().unwrap_or(general),
            general,
            refuted: Level::weakest(&refuted),
        }
    }

    fn extra(&self) -> usize {
        if self.edges.contains(&Edge::RealTime) {
            2
        } else {
            usize::from(self.edges.contains(&Edge::Process))
        }
    }

    fn anti_count(&self) -> usize {
        self.edges.iter().filter(|edge| edge.is_anti()).count()
    }

    fn has_predicate(&self) -> bool {
        let predicate =
            |edge: &Edge| matches!(edge, Edge::PredicateReadWrite | Edge::PredicateWriteRead);
        self.edges.iter().any(predicate)
    }

    /// The edge before each edge.
    fn pairs(&self) -> impl Iterator<Item = (Edge, Edge)> + '_ {
        let count = self.edges.len();
        (0..count).map(move |i| (self.edges[(i + count - 1) % count], self.edges[i]))
    }

    fn is_nonadjacent(&self) -> bool {
        !self
            .pairs()
            .any(|(before, edge)| before.is_anti() && edge.is_anti())
    }

    /// Whether every anti-dependency follows a read dependency, a session's order or real time.
    fn is_prefix(&self) -> bool {
        let follows = |edge: Edge| edge.is_read() || matches!(edge, Edge::Process | Edge::RealTime);
        self.pairs()
            .all(|(before, edge)| !edge.is_anti() || follows(before))
    }

    fn general(&self) -> &'static Names {
        match self.anti_count() {
            0 if self.edges.iter().any(|edge| edge.is_read()) => &G1C,
            0 => &G0,
            1 => &G_SINGLE,
            _ if self.is_nonadjacent() => &G_NONADJACENT,
            _ if self.has_predicate() => &G2,
            _ => &G2_ITEM,
        }
    }

    /// The name of exactly this shape.
    fn special(&self) -> Option<&'static str> {
        if self.extra() > 0 {
            return None;
        }
        if self.has_predicate() {
            let is_seen = self.edges.iter().any(|edge| edge.is_read());
            return (self.edges.len() == 2 && self.anti_count() == 1 && is_seen)
                .then_some("phantom");
        }
        match self.anti_count() {
            1 if self.is_on_one_key() => Some("lost-update"),
            1 if self.is_fractured() => Some("fractured-read"),
            1 if self.is_prefix() => Some("read-skew"),
            2 if self.is_long_fork() => Some("long-fork"),
            2 if self.edges.len() == 2 && self.keys[0] != self.keys[1] => Some("write-skew"),
            _ => None,
        }
    }

    /// Adya's G-cursor: write dependencies and one anti-dependency, all on one key.
    fn is_on_one_key(&self) -> bool {
        let rest = |edge: &Edge| edge.is_anti() || *edge == Edge::WriteWrite;
        self.edges.iter().all(rest)
            && self.keys[0]
                .iter()
                .any(|key| self.keys.iter().all(|keys| keys.contains(key)))
    }

    /// The edges and keys, beginning behind the first anti-dependency; and the keys of that one.
    fn behind_anti(&self) -> Option<(&[u32], Vec<Part<'_>>)> {
        let anti = self.edges.iter().position(|edge| edge.is_anti())?;
        let count = self.edges.len();
        let rest = (1..count)
            .map(|i| (anti + i) % count)
            .map(|i| (self.edges[i], &*self.keys[i]))
            .collect();
        Some((&self.keys[anti], rest))
    }

    /// The reader misses what another transaction wrote to one key, and reads what it wrote to another one: an
    /// anti-dependency and then write dependencies on one key, and a read dependency on another one.
    fn is_fractured(&self) -> bool {
        let Some((missed, rest)) = self.behind_anti() else {
            return false;
        };
        let Some(((Edge::WriteRead, read), between)) = rest.split_last() else {
            return false;
        };
        missed.iter().any(|x| {
            let on = |(edge, keys): &Part<'_>| *edge == Edge::WriteWrite && keys.contains(x);
            between.iter().all(on) && read.iter().any(|y| y != x)
        })
    }

    /// Write, read, anti, read, anti: two readers, of which each sees the write that the other one misses.
    fn is_long_fork(&self) -> bool {
        self.edges.len() == 4
            && self
                .pairs()
                .all(|(before, edge)| edge.is_anti() != before.is_anti())
            && self
                .edges
                .iter()
                .all(|edge| edge.is_anti() || *edge == Edge::WriteRead)
    }

    fn refute(&self, levels: &mut Vec<Level>) {
        let anti = self.anti_count();
        let nonadjacent = self.is_nonadjacent();
        match self.extra() {
            2 => levels.push(if nonadjacent {
                Level::StrongSnapshotIsolation
            } else {
                Level::StrictSerializable
            }),
            1 => {
                levels.push(if nonadjacent {
                    Level::StrongSessionSnapshotIsolation
                } else {
                    Level::StrongSessionSerializable
                });
                self.refute_causal(levels);
            }
            _ if anti == 0 => levels.push(if self.edges.iter().any(|edge| edge.is_read()) {
                Level::ReadCommitted
            } else {
                Level::ReadUncommitted
            }),
            _ => {
                levels.push(Level::Serializable);
                if !self.has_predicate() {
                    levels.push(Level::RepeatableRead);
                }
                if self.only_reads.iter().filter(|&&only| only).count() <= 1 {
                    levels.push(Level::UpdateSerializable);
                }
                if nonadjacent {
                    levels.push(Level::SnapshotIsolation);
                }
                if self.is_prefix() {
                    levels.push(Level::Prefix);
                }
                if anti == 1 {
                    levels.push(Level::ParallelSnapshotIsolation);
                    if !self.has_predicate() && self.is_fractured() {
                        levels.push(Level::ReadAtomic);
                        if self.saw_first {
                            levels.push(Level::MonotonicAtomicView);
                        }
                    }
                }
            }
        }
    }

    /// Cycles with session order: those of causal consistency, and of the session guarantees.
    fn refute_causal(&self, levels: &mut Vec<Level>) {
        if self.has_predicate() {
            return;
        }
        let causal = |edge: Edge| matches!(edge, Edge::Process | Edge::WriteRead);
        match self.anti_count() {
            0 => {
                levels.push(Level::CausalConvergence);
                if self.edges.iter().all(|&edge| causal(edge)) {
                    levels.push(Level::Causal);
                }
                self.refute_write_guarantees(levels);
            }
            1 => {
                let Some((missed, rest)) = self.behind_anti() else {
                    return;
                };
                for x in missed {
                    let on =
                        |(edge, keys): &&Part<'_>| *edge == Edge::WriteWrite && keys.contains(x);
                    let past = &rest[rest.iter().take_while(on).count()..];
                    if past.iter().all(|&(edge, _)| causal(edge)) {
                        levels.push(Level::CausalConvergence);
                    }
                    match past {
                        [(Edge::Process, _)] => levels.push(Level::ReadYourWrites),
                        [(Edge::WriteRead, keys), (Edge::Process, _)] if keys.contains(x) => {
                            levels.push(Level::MonotonicReads);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// One step of a session, and writes of one key that go back: monotonic writes, and writes follow reads.
    fn refute_write_guarantees(&self, levels: &mut Vec<Level>) {
        let sessions = |edge: &&Edge| **edge == Edge::Process;
        let count = self.edges.len();
        let Some(place) = self.edges.iter().position(|edge| *edge == Edge::Process) else {
            return;
        };
        if self.edges.iter().filter(sessions).count() > 1 {
            return;
        }
        // What follows the step of the session, until it comes back to it.
        let rest: Vec<usize> = (1..count).map(|i| (place + i) % count).collect();
        let Some((&last, before)) = rest.split_last() else {
            return;
        };
        let on_one_key = |places: &[usize], and: Option<usize>| {
            let first = places.first().copied().or(and);
            first.is_some_and(|first| {
                self.keys[first].iter().any(|key| {
                    places
                        .iter()
                        .chain(and.as_ref())
                        .all(|&place| self.keys[place].contains(key))
                })
            })
        };
        let writes = |places: &[usize]| {
            !places.is_empty()
                && (places.iter()).all(|&place| self.edges[place] == Edge::WriteWrite)
        };
        if writes(&rest) && on_one_key(&rest, None) {
            levels.push(Level::MonotonicWrites);
        }
        if self.edges[last] == Edge::WriteRead && writes(before) && on_one_key(before, Some(last)) {
            levels.push(Level::WritesFollowReads);
        }
    }
}

/// The weakest levels that an anomaly that is no cycle refutes.
pub(crate) fn refuted_by(name: &str) -> &'static [Level] {
    match name {
        "duplicate-elements" | "cyclic-versions" | "garbage-read" => &[Level::ReadUncommitted],
        "G1a" | "G1b" | "dirty-update" | "incompatible-order" | "future-read" => {
            &[Level::ReadCommitted]
        }
        "internal" => &[Level::ReadAtomic],
        "lost-update" => &[
            Level::ParallelSnapshotIsolation,
            Level::UpdateSerializable,
            Level::RepeatableRead,
        ],
        "phantom" => &[Level::Serializable],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Edge::{Process, ReadWrite, RealTime, WriteRead, WriteWrite};

    /// Edges with their keys, the name, and what is refuted.
    type Case = (&'static [(Edge, u32)], &'static str, &'static [Level]);

    fn class(edges: &[(Edge, u32)]) -> (&'static str, Vec<Level>) {
        let shape = Shape {
            edges: edges.iter().map(|&(edge, _)| edge).collect(),
            keys: edges.iter().map(|&(_, key)| vec![key]).collect(),
            only_reads: vec![false; edges.len()],
            ..Shape::default()
        };
        let class = shape.class();
        (class.name, class.refuted)
    }

    #[test]
    fn cycles_have_the_names_of_the_literature() {
        use Level::{
            CausalConvergence, MonotonicReads, MonotonicWrites, ParallelSnapshotIsolation, Prefix,
            ReadAtomic, ReadCommitted, ReadUncommitted, ReadYourWrites, RepeatableRead,
            SnapshotIsolation, StrictSerializable, StrongSnapshotIsolation, UpdateSerializable,
            WritesFollowReads,
        };
        let cases: &[Case] = &[
            (
                &[(WriteWrite, 0), (WriteWrite, 1)],
                "G0",
                &[ReadUncommitted],
            ),
            (&[(WriteRead, 0), (WriteWrite, 1)], "G1c", &[ReadCommitted]),
            (
                &[(ReadWrite, 0), (WriteWrite, 0)],
                "lost-update",
                &[
                    UpdateSerializable,
                    RepeatableRead,
                    ParallelSnapshotIsolation,
                ],
            ),
            (
                &[(ReadWrite, 0), (WriteWrite, 1)],
                "G-single",
                &[
                    UpdateSerializable,
                    RepeatableRead,
                    ParallelSnapshotIsolation,
                ],
            ),
            (
                &[(ReadWrite, 0), (WriteRead, 1)],
                "fractured-read",
                &[RepeatableRead, ReadAtomic],
            ),
            (
                &[(ReadWrite, 0), (WriteRead, 1), (WriteRead, 2)],
                "read-skew",
                &[
                    UpdateSerializable,
                    RepeatableRead,
                    ParallelSnapshotIsolation,
                    Prefix,
                ],
            ),
            (
                &[
                    (ReadWrite, 0),
                    (WriteRead, 0),
                    (ReadWrite, 1),
                    (WriteRead, 1),
                ],
                "long-fork",
                &[UpdateSerializable, RepeatableRead, Prefix],
            ),
            (
                &[(ReadWrite, 0), (ReadWrite, 1)],
                "write-skew",
                &[UpdateSerializable, RepeatableRead],
            ),
            (
                &[
                    (ReadWrite, 0),
                    (WriteWrite, 2),
                    (ReadWrite, 1),
                    (WriteWrite, 3),
                ],
                "G-nonadjacent",
                &[UpdateSerializable, RepeatableRead, SnapshotIsolation],
            ),
            (
                &[(ReadWrite, 0), (Process, 0)],
                "G-single-process",
                &[ReadYourWrites],
            ),
            (
                &[
                    (ReadWrite, 0),
                    (WriteWrite, 0),
                    (WriteRead, 0),
                    (Process, 0),
                ],
                "G-single-process",
                &[MonotonicReads],
            ),
            (
                &[(ReadWrite, 0), (WriteRead, 1), (Process, 0)],
                "G-single-process",
                &[CausalConvergence],
            ),
            (
                &[(WriteWrite, 0), (Process, 0)],
                "G0-process",
                &[MonotonicWrites],
            ),
            (
                &[(WriteWrite, 0), (WriteRead, 0), (Process, 0)],
                "G1c-process",
                &[WritesFollowReads],
            ),
            (
                &[(ReadWrite, 0), (RealTime, 0)],
                "G-single-realtime",
                &[StrongSnapshotIsolation],
            ),
            (
                &[(ReadWrite, 0), (ReadWrite, 1), (RealTime, 0)],
                "G2-item-realtime",
                &[StrictSerializable],
            ),
        ];
        for (edges, name, refuted) in cases {
            assert_eq!(class(edges), (*name, refuted.to_vec()), "{edges:?}");
        }
    }
}
