//! Judges of a history: pure functions from what the clients saw to a [`Verdict`].
//!
//! A [`Checker`] does no I/O, reads no clock and draws no random number: the same history and the same [`Budget`] give
//! the same verdict, byte for byte, on any number of threads. Every anomaly names the fewest operations that prove it,
//! and a second, independent way has confirmed it.
//!
//! [`Request`] asks some checkers, or those that suit the operations; [`CHECKERS`] lists them all, and each can be asked by
//! itself with [`Checker::check`].
//!
//! ```
//! use schism_checkers::{Request, Validity};
//! use schism_history::testing;
//!
//! // Processes 0 and 1; time runs to the right.
//! let history = testing::history("
//!     0 |w x 1|
//!     0        |w x 2|
//!     1               |r x -> 1|
//! ");
//! let request = Request { checkers: vec!["linearizable".to_owned()], ..Request::default() };
//! let verdict = request.judge(&history)?.remove(0);
//! assert_eq!(verdict.validity, Validity::Invalid);
//! assert_eq!(verdict.anomalies[0].name, "stale-read");
//! assert_eq!(verdict.anomalies[0].operations.len(), 3);
//! # Ok::<(), schism_checkers::RequestError>(())
//! ```

mod budget;
mod certificate;
mod verdict;
mod level;
mod kinds;
mod options;
mod request;

pub mod model;

// What several checkers share: objects, their models, and proofs.
mod micro_op;
mod predicate;
mod models;
mod object;
mod versions;
mod list;
mod final_read;
mod proof;

// Histories that tests and benches draw at random.
#[cfg(test)]
mod agreement;
#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod generate;

// One checker a file.
pub mod invariants;
pub mod linearizable;
pub mod measures;
pub mod online;
pub mod sessions;
pub mod transactions;

pub use budget::Budget;
pub use certificate::{Certificate, Linearization, SerialOrder, Unproven};
pub use invariants::bank::Bank;
pub use invariants::booking::Booking;
pub use invariants::causal_reverse::CausalReverse;
pub use invariants::counter::Counter;
pub use invariants::dirty_reads::DirtyReads;
pub use invariants::leader_election::LeaderElection;
pub use invariants::ledger::Ledger;
pub use invariants::list_order::ListOrder;
pub use invariants::lock::Lock;
pub use invariants::log::Log;
pub use invariants::long_fork::LongFork;
pub use invariants::lost_updates::LostUpdates;
pub use invariants::queue::Queue;
pub use invariants::replica_equality::ReplicaEquality;
pub use invariants::revocation::Revocation;
pub use invariants::saga::Saga;
pub use invariants::set_full::SetFull;
pub use invariants::unique_constraint::UniqueConstraint;
pub use invariants::unique_ids::UniqueIds;
pub use invariants::watch::Watch;
pub use kinds::Kinds;
pub use level::Level;
pub use linearizable::regular::{Regular, Safe};
pub use linearizable::{Linearizable, LinearizableAs, ModelName};
pub use measures::attempt::is_declined;
pub use measures::availability::Availability;
pub use measures::delta_atomicity::DeltaAtomicity;
pub use measures::errors::Errors;
pub use measures::fault_effect::FaultEffect;
pub use measures::k_atomicity::KAtomicity;
pub use measures::latency::Latency;
pub use measures::log_pattern::{BadPattern, LogPattern};
pub use measures::staleness::Staleness;
pub use measures::stats::Stats;
pub use model::{Action, Model, StateTable};
pub use options::{Objects, Options};
pub use request::{Request, RequestError};
pub use sessions::causal::{Causal, CausalConvergence};
pub use sessions::causal_memory::CausalMemory;
pub use sessions::eventual_convergence::EventualConvergence;
pub use sessions::monotonic_reads::MonotonicReads;
pub use sessions::monotonic_writes::MonotonicWrites;
pub use sessions::pram::Pram;
pub use sessions::read_your_writes::ReadYourWrites;
pub use sessions::sequential::Sequential;
pub use sessions::writes_follow_reads::WritesFollowReads;
pub use transactions::key_value::KeyValue;
pub use transactions::list_append::ListAppend;
pub use transactions::rw_register::RwRegister;
pub use verdict::{
    Anomaly, Confirmation, Dependency, DependencyKind, Levels, Picture, StatesAfter, Step,
    Validity, Verdict,
};

use schism_history::{F, History};

/// A judge of histories.
pub trait Checker: Send + Sync {
    /// Its name in plans and reports.
    fn name(&self) -> &'static str;

    /// Judges a history within a budget. A bound that is hit gives [`Validity::Unknown`] and says how far it got.
    fn check(&self, history: &History, budget: &Budget) -> Verdict;
}

/// A checker that a plan can ask for by name.
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// What it judges, in half a sentence.
    pub summary: &'static str,
    /// Whether it has something to say about a history of these kinds of operations: then it is asked when nobody says
    /// which checkers to ask.
    pub suits: fn(&Kinds) -> bool,
    /// Makes one.
    pub new: fn() -> Box<dyn Checker>,
}

/// Every checker, by name, in alphabetical order. [`LogPattern`] judges logs, not histories, and is none of them.
pub const CHECKERS: &[Listed] = &[
    Listed {
        name: "availability",
        summary: "how much of what clients asked for they got, outages, and recovery after faults",
        suits: |_| true,
        new: || Box::new(Availability),
    },
    Listed {
        name: "bank",
        summary: "money only moves: all accounts together always hold the same",
        suits: |kinds| kinds.has(&F::Transfer) && kinds.reads_maps,
        new: || Box::new(Bank::default()),
    },
    Listed {
        name: "booking",
        summary: "nothing is sold twice, and no more than there is",
        suits: |kinds| kinds.calls("book"),
        new: || Box::new(Booking),
    },
    Listed {
        name: "causal",
        summary: "no read of a register misses a write that it depends on (CC)",
        suits: |_| false,
        new: || Box::new(Causal),
    },
    Listed {
        name: "causal-convergence",
        summary: "causal, and all sessions agree on the order of conflicting writes (CCv)",
        suits: |_| false,
        new: || Box::new(CausalConvergence),
    },
    Listed {
        name: "causal-memory",
        summary: "causal, and no session changes its mind about the order of writes (CM)",
        suits: |_| false,
        new: || Box::new(CausalMemory),
    },
    Listed {
        name: "causal-reverse",
        summary: "no write is seen without those acknowledged before it began",
        suits: |_| false,
        new: || Box::new(CausalReverse),
    },
    Listed {
        name: "counter",
        summary: "what was added to a counter is counted, once",
        suits: |kinds| {
            kinds.reads_integers
                && (kinds.has(&F::Add) || kinds.calls("increment") || kinds.calls("decrement"))
        },
        new: || Box::new(Counter),
    },
    Listed {
        name: "delta-atomicity",
        summary: "how many seconds behind the reads of registers are, at the most",
        suits: |_| false,
        new: || Box::new(DeltaAtomicity),
    },
    Listed {
        name: "dirty-reads",
        summary: "nobody reads what a failed operation wrote",
        // Most histories have nothing to say about it: no write failed.
        suits: |_| false,
        new: || Box::new(DirtyReads),
    },
    Listed {
        name: "errors",
        summary: "errors by class; unknown if the client never worked on some node",
        suits: |_| true,
        new: || Box::new(Errors),
    },
    Listed {
        name: "eventual-convergence",
        summary: "when writes stop, all nodes come to hold the same",
        suits: |_| false,
        new: || Box::new(EventualConvergence),
    },
    Listed {
        name: "fault-effect",
        summary: "every fault took effect and healed, as measured",
        suits: |kinds| kinds.faults,
        new: || Box::new(FaultEffect::default()),
    },
    Listed {
        name: "k-atomicity",
        summary: "how many versions behind the reads of registers are, at the most",
        suits: |_| false,
        new: || Box::new(KAtomicity),
    },
    Listed {
        name: "key-value",
        summary: "transactions on keys whose versions are numbered, or by predicate, keep the claimed isolation level",
        suits: |kinds| (kinds.writes && kinds.versions || kinds.predicates) && !kinds.appends,
        new: || Box::new(KeyValue::default()),
    },
    Listed {
        name: "latency",
        summary: "how long operations took, by function, with and without faults",
        suits: |_| true,
        new: || Box::new(Latency),
    },
    Listed {
        name: "leader-election",
        summary: "a term has one leader, and terms rise",
        suits: |kinds| kinds.calls("leader") || kinds.calls("elect"),
        new: || Box::new(LeaderElection),
    },
    Listed {
        name: "ledger",
        summary: "nobody spends what is not there, and entries stay as they are",
        suits: |kinds| kinds.calls("open") && (kinds.has(&F::Transfer) || kinds.calls("withdraw")),
        new: || Box::new(Ledger::default()),
    },
    Listed {
        name: "linearizable",
        summary: "objects behave as if operations took effect one at a time, each while it ran",
        suits: Kinds::atomic_objects,
        new: || Box::new(Linearizable),
    },
    Listed {
        name: "list-append",
        summary: "transactions on lists keep the isolation level that is claimed; which levels they keep",
        suits: |kinds| kinds.appends,
        new: || Box::new(ListAppend::default()),
    },
    Listed {
        name: "list-order",
        summary: "all reads of a list agree on one order of its elements",
        suits: |kinds| kinds.appends,
        new: || Box::new(ListOrder),
    },
    Listed {
        name: "lock",
        summary: "a lock has one holder at a time, and fencing tokens rise",
        suits: |kinds| kinds.has(&F::Acquire),
        new: || Box::new(Lock),
    },
    Listed {
        name: "log",
        summary: "a log keeps what is sent to it, in order, and delivers it in order",
        suits: |kinds| kinds.calls("send") || kinds.calls("poll"),
        new: || Box::new(Log),
    },
    Listed {
        name: "long-fork",
        summary: "no two readers see two independent writes in opposite orders",
        suits: |_| false,
        new: || Box::new(LongFork),
    },
    Listed {
        name: "lost-updates",
        summary: "what was acknowledged is still there at the end, or was replaced by something newer",
        suits: |kinds| kinds.registers() || kinds.sets() || kinds.appends,
        new: || Box::new(LostUpdates),
    },
    Listed {
        name: "monotonic-reads",
        summary: "what a process reads never goes back",
        suits: |kinds| kinds.registers() || kinds.appends,
        new: || Box::new(MonotonicReads),
    },
    Listed {
        name: "monotonic-writes",
        summary: "the writes of a process take effect in its own order",
        suits: |kinds| kinds.registers() && kinds.revisions || kinds.appends,
        new: || Box::new(MonotonicWrites),
    },
    Listed {
        name: "pram",
        summary: "every session sees the writes of each other session in that one's order",
        suits: |_| false,
        new: || Box::new(Pram),
    },
    Listed {
        name: "queue",
        summary: "what is put into a queue comes out, once",
        suits: |kinds| kinds.has(&F::Enqueue),
        new: || Box::new(Queue::default()),
    },
    Listed {
        name: "read-your-writes",
        summary: "a process sees its own acknowledged writes",
        suits: |kinds| kinds.registers() || kinds.appends,
        new: || Box::new(ReadYourWrites),
    },
    Listed {
        name: "regular",
        summary: "a read returns the last completed write, or one that was going on",
        suits: |_| false,
        new: || Box::new(Regular),
    },
    Listed {
        name: "replica-equality",
        summary: "when all is quiet, every node says the same",
        // Not every database promises it, nor is every history read from all nodes at the end.
        suits: |_| false,
        new: || Box::new(ReplicaEquality),
    },
    Listed {
        name: "revocation",
        summary: "who has lost a right cannot use it any more",
        suits: |kinds| kinds.calls("revoke"),
        new: || Box::new(Revocation),
    },
    Listed {
        name: "rw-register",
        summary: "transactions on registers keep the claimed isolation level",
        suits: |kinds| kinds.writes && !kinds.appends && !kinds.predicates,
        new: || Box::new(RwRegister::default()),
    },
    Listed {
        name: "safe",
        summary: "a read that no write overlaps returns the last completed write",
        suits: |_| false,
        new: || Box::new(Safe),
    },
    Listed {
        name: "saga",
        summary: "all parts of a step that spans several stores end up done, or none",
        suits: |kinds| kinds.calls("saga"),
        new: || Box::new(Saga),
    },
    Listed {
        name: "sequential",
        summary: "one order of all operations, each session's in its own, explains every read of a register",
        suits: |_| false,
        new: || Box::new(Sequential),
    },
    Listed {
        name: "set-full",
        summary: "what was added to a set is there, and what was removed is gone",
        suits: |kinds| kinds.sets() && kinds.has(&F::Remove),
        new: || Box::new(SetFull),
    },
    Listed {
        name: "staleness",
        summary: "how old the values are that reads return",
        suits: Kinds::registers,
        new: || Box::new(Staleness),
    },
    Listed {
        name: "stats",
        summary: "enough was done, and done at once, to mean anything",
        suits: |_| true,
        new: || Box::new(Stats::default()),
    },
    Listed {
        name: "unique-constraint",
        summary: "no two rows have the same value where values must be unique",
        suits: |kinds| kinds.calls("insert"),
        new: || Box::new(UniqueConstraint),
    },
    Listed {
        name: "unique-ids",
        summary: "no identifier is given out twice",
        suits: |kinds| kinds.has(&F::Generate),
        new: || Box::new(UniqueIds),
    },
    Listed {
        name: "watch",
        summary: "a watch delivers every change, once, in order",
        suits: |kinds| kinds.calls("watch"),
        new: || Box::new(Watch),
    },
    Listed {
        name: "writes-follow-reads",
        summary: "a write takes effect after what its process had read",
        suits: |kinds| kinds.registers() && kinds.revisions || kinds.appends,
        new: || Box::new(WritesFollowReads),
    },
];

/// The checker with this name.
pub fn by_name(name: &str) -> Option<Box<dyn Checker>> {
    let listed = CHECKERS.iter().find(|listed| listed.name == name)?;
    Some((listed.new)())
}

/// The checkers that have something to say about a history, in the order of [`CHECKERS`]; none when all that could be
/// said is how long its operations took. O(operations).
pub fn suited(history: &History) -> Vec<&'static Listed> {
    let kinds = Kinds::of(history);
    let always = |listed: &&Listed| (listed.suits)(&Kinds::default());
    let suited: Vec<&Listed> = CHECKERS
        .iter()
        .filter(|listed| (listed.suits)(&kinds))
        .collect();
    if suited.iter().all(always) {
        return Vec::new();
    }
    suited
}

/// The checker with this name, told what there is to tell it.
pub fn asked(name: &str, options: &Options) -> Option<Box<dyn Checker>> {
    options.checker(name).or_else(|| by_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_no_checker_is_judged_by_none() {
        let odd = schism_history::testing::history("0 |fly x|");
        assert!(suited(&odd).is_empty());
        let register = schism_history::testing::history("0 |w x 1|");
        let names: Vec<&str> = suited(&register).iter().map(|l| l.name).collect();
        assert!(names.contains(&"linearizable") && names.contains(&"stats"));
        assert!(!names.contains(&"list-order") && !names.contains(&"fault-effect"));
    }

    #[test]
    fn the_list_is_in_order_and_calls_each_by_its_name() {
        assert!(CHECKERS.is_sorted_by_key(|listed| listed.name));
        for listed in CHECKERS {
            assert_eq!((listed.new)().name(), listed.name);
        }
        assert!(by_name("stats").is_some() && by_name("Stats").is_none());
    }

    /// No checker panics on what it has nothing to do with.
    #[test]
    fn every_checker_judges_every_history() {
        use rand::SeedableRng;
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(9);
        let odd = "
            0 |txn nil [[r],[append,x],5,[append,x,[1]],[r,x,7]]|
            1 |cas x 1|
            2 |r x -> [1,2]|
            3 |add x [1] ?
            4 |fly x|
            5 |txn nil 5 !|
            6 |w nil nil|
            7            |r nil -> nil|
            8            |remove x 1|
            ";
        let mut histories = vec![schism_history::testing::history(odd)];
        histories.extend((0..200).map(|_| arbitrary::arbitrary(&mut rng)));
        histories.push(History::builder().finish());
        for history in &histories {
            for listed in CHECKERS {
                let verdict = (listed.new)().check(history, &Budget::default());
                assert_eq!(verdict.disagreement, None, "{history:?}");
                assert_eq!(
                    verdict.validity == Validity::Invalid,
                    !verdict.anomalies.is_empty()
                );
                assert!(!verdict.summary.is_empty());
                assert!(verdict.anomaly_count >= verdict.anomalies.len() as u64);
            }
        }
    }
}
