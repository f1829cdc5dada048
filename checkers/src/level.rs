//! Consistency levels, and which one promises all that another one does.
//!
//! Sources: Adya, "Weak Consistency: A Generalized Theory and Optimistic Implementations for Distributed Transactions",
//! 1999 (read uncommitted to serializable, update serializability); Cerone, Bernardi and Gotsman, "A Framework for
//! Transactional Consistency Models with Atomic Visibility", 2015 (read atomic, prefix, parallel and plain snapshot
//! isolation); Bouajjani, Enea, Guerraoui and Hamza, "On verifying causal consistency", 2017; Terry et al., "Session
//! guarantees for weakly consistent replicated data", 1994.
//!
//! A level promises nothing about the order of a session's own transactions, nor about real time, unless its name says
//! so (`strong-session`, `strong`, `strict`) or it is about sessions by its nature (causal, sequential, PRAM, the session
//! guarantees).

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};

macro_rules! levels {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $promise:literal => [$($weaker:ident),*];)+) => {
        /// A consistency level. Ordered from strong to weak: what another one implies stands behind it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Level {
            $($(#[$doc])* $variant,)+
        }

        impl Level {
            /// Every level, from strong to weak.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name used on the command line, in files and in reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it promises, as the end of a sentence that begins with "every".
            pub const fn promise(self) -> &'static str {
                match self {
                    $(Self::$variant => $promise,)+
                }
            }

            /// The levels right below it: all that it implies follows through these.
            pub const fn weaker(self) -> &'static [Self] {
                match self {
                    $(Self::$variant => &[$(Self::$weaker),*],)+
                }
            }
        }
    };
}

levels! {
    /// Serializable, in an order that respects real time.
    StrictSerializable = "strict-serializable",
        "transaction takes effect at one moment while it ran" =>
        [StrongSessionSerializable, StrongSnapshotIsolation, Linearizable];
    /// Serializable, in an order that respects each session's own.
    StrongSessionSerializable = "strong-session-serializable",
        "session sees transactions in one serial order, its own in the order it sent them" =>
        [Serializable, StrongSessionSnapshotIsolation, Sequential];
    /// As if transactions ran one after the other (PL-3).
    Serializable = "serializable",
        "transaction runs as if alone" =>
        [SnapshotIsolation, UpdateSerializable, RepeatableRead];
    /// As serializable, but two transactions that only read may see different orders (PL-3U).
    UpdateSerializable = "update-serializable",
        "transaction that writes runs as if alone, and each that only reads sees some serial order of those" =>
        [ReadAtomic];
    /// As serializable, but for phantoms (PL-2.99).
    RepeatableRead = "repeatable-read",
        "item that a transaction read stays as it was until it ends" =>
        [MonotonicAtomicView];
    /// Snapshot isolation in which a snapshot holds all that had been committed when the transaction began.
    StrongSnapshotIsolation = "strong-snapshot-isolation",
        "transaction reads the newest snapshot and writes what nobody else wrote meanwhile" =>
        [StrongSessionSnapshotIsolation];
    /// Snapshot isolation in which a snapshot holds all that its session had committed before.
    StrongSessionSnapshotIsolation = "strong-session-snapshot-isolation",
        "transaction reads a snapshot no older than its session's last one, and writes what nobody else wrote meanwhile" =>
        [SnapshotIsolation, CausalConvergence];
    /// Reads from one snapshot, and no two concurrent writers of one item.
    SnapshotIsolation = "snapshot-isolation",
        "transaction reads from one snapshot, and writes what nobody else wrote meanwhile" =>
        [ParallelSnapshotIsolation, Prefix];
    /// Snapshot isolation in which two sites may see independent transactions in different orders.
    ParallelSnapshotIsolation = "parallel-snapshot-isolation",
        "transaction reads from one causal snapshot, and writes what nobody else wrote meanwhile" =>
        [ReadAtomic];
    /// Every snapshot is a beginning of one order of all transactions.
    Prefix = "prefix",
        "transaction reads a beginning of one order of all transactions" =>
        [ReadAtomic];
    /// Single operations take effect at one moment while they ran.
    Linearizable = "linearizable",
        "operation takes effect at one moment while it ran" =>
        [Sequential, Regular];
    /// One order of all operations, each session's in the order it sent them.
    Sequential = "sequential",
        "session sees operations in one order, its own in the order it sent them" =>
        [CausalConvergence, CausalMemory];
    /// A read returns the last completed write, or one that was going on.
    Regular = "regular",
        "read returns the last completed write, or one that was going on" =>
        [Safe];
    /// A read that no write overlaps returns the last completed one.
    Safe = "safe",
        "read that no write overlaps returns the last completed write" => [];
    /// Causal consistency in which all agree on the order of conflicting writes (`CCv`).
    CausalConvergence = "causal-convergence",
        "session sees causes before effects, and all agree on the order of writes" =>
        [ReadAtomic, Causal, ReadYourWrites, MonotonicReads, MonotonicWrites, WritesFollowReads];
    /// Causal consistency in which a session never changes its mind about the order of writes (CM).
    CausalMemory = "causal-memory",
        "session sees causes before effects, in one order of its own" =>
        [Causal, Pram, WritesFollowReads];
    /// No read misses a write that it depends on (CC).
    Causal = "causal",
        "session sees causes before effects" => [];
    /// Every session sees the writes of each other session in that one's order.
    Pram = "pram",
        "session sees the writes of each session in the order that one sent them" =>
        [ReadYourWrites, MonotonicReads, MonotonicWrites];
    /// A session sees its own writes.
    ReadYourWrites = "read-your-writes",
        "session sees its own writes" => [];
    /// What a session reads never goes back.
    MonotonicReads = "monotonic-reads",
        "session reads things in an order that never goes back" => [];
    /// The writes of a session take effect in its own order.
    MonotonicWrites = "monotonic-writes",
        "session's writes take effect in the order it sent them" => [];
    /// A write takes effect after what its session had read.
    WritesFollowReads = "writes-follow-reads",
        "session's writes take effect after what it had read" => [];
    /// A transaction's writes are seen all or none.
    ReadAtomic = "read-atomic",
        "transaction is seen whole or not at all" =>
        [MonotonicAtomicView];
    /// Once some effect of a transaction is seen, all of them are.
    MonotonicAtomicView = "monotonic-atomic-view",
        "transaction, once seen, stays seen whole" =>
        [ReadCommitted];
    /// Only committed, final values are read (PL-2).
    ReadCommitted = "read-committed",
        "read returns what a committed transaction left" =>
        [ReadUncommitted];
    /// Writes of different transactions do not mix (PL-1).
    ReadUncommitted = "read-uncommitted",
        "two transactions agree in which order they wrote" => [];
    /// When writes stop, all replicas come to hold the same.
    EventualConvergence = "eventual-convergence",
        "replica comes to hold the same once writes stop" => [];
}

impl Level {
    /// The level of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|level| level.name() == name)
    }

    /// Whether this level promises all that the other one does; each implies itself.
    pub fn implies(self, other: Self) -> bool {
        self == other || self.weaker().iter().any(|weaker| weaker.implies(other))
    }

    /// All levels that are refuted when these are: they, and all that imply one of them. From strong to weak.
    pub fn refuted_by(violated: &[Self]) -> Vec<Self> {
        let refuted = |level: &Self| violated.iter().any(|&weak| level.implies(weak));
        Self::ALL.iter().copied().filter(refuted).collect()
    }

    /// Of some levels, those that imply no other one of them.
    pub fn weakest(of: &[Self]) -> Vec<Self> {
        let is_weakest = |&level: &Self| {
            !of.iter()
                .any(|&other| other != level && level.implies(other))
        };
        of.iter().copied().filter(is_weakest).collect()
    }

    /// Of some levels, those that no other one of them implies.
    pub fn strongest(of: &[Self]) -> Vec<Self> {
        let is_strongest = |&level: &Self| {
            !of.iter()
                .any(|&other| other != level && other.implies(level))
        };
        of.iter().copied().filter(is_strongest).collect()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::by_name(&name).ok_or_else(|| D::Error::unknown_variant(&name, Self::NAMES))
    }
}

impl JsonSchema for Level {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Level")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::NAMES })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_level_implies_stands_behind_it() {
        for &level in Level::ALL {
            assert_eq!(Level::by_name(level.name()), Some(level));
            assert!(level.implies(level));
            // So there is no cycle.
            assert!(
                level.weaker().iter().all(|&weaker| weaker > level),
                "{level}"
            );
        }
        assert_eq!(Level::by_name("Serializable"), None);
    }

    /// A direct edge that follows from others would be drawn twice.
    #[test]
    fn no_edge_follows_from_others() {
        for &level in Level::ALL {
            for &weaker in level.weaker() {
                let through = |&other: &Level| other != weaker && other.implies(weaker);
                let detour = level.weaker().iter().copied().find(through);
                assert_eq!(detour, None, "{level} implies {weaker} through it");
            }
        }
    }

    #[test]
    fn a_weak_level_that_is_violated_takes_the_strong_ones_with_it() {
        use Level::{CausalConvergence, Linearizable, Pram, ReadYourWrites, Sequential};
        let refuted = Level::refuted_by(&[ReadYourWrites]);
        for level in [Linearizable, Sequential, CausalConvergence, Pram] {
            assert!(refuted.contains(&level), "{level}");
        }
        assert!(!refuted.contains(&Level::Serializable));
        assert_eq!(Level::weakest(&refuted), [ReadYourWrites]);
        assert_eq!(Level::strongest(&refuted), [Level::StrictSerializable]);
    }
}
