//! Judges of a history: pure functions from what the clients saw to a [`Verdict`].
//!
//! A [`Checker`] does no I/O, reads no clock and draws no random number: the same history and the same [`Budget`] give
//! the same verdict, byte for byte, on any number of threads. Every anomaly names the fewest operations that prove it,
//! and a second, independent way has confirmed it.

mod budget;
mod verdict;

// What several checkers share: objects, their models, proofs, and how they are confirmed and told.
mod micro_op;
mod models;
mod object;
mod versions;
mod list;
mod witness;
mod all_orders;
mod story;
mod conclusion;
mod attempt;
mod quantile;
mod findings;
mod final_read;

// Histories that tests and benches draw at random.
#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod generate;

// One checker a file, and what the four session guarantees share.
pub mod availability;
pub mod errors;
pub mod fault_effect;
pub mod latency;
pub mod linearizable;
pub mod list_order;
pub mod log_pattern;
pub mod lost_updates;
pub mod monotonic_reads;
pub mod monotonic_writes;
pub mod read_your_writes;
pub mod session;
pub mod staleness;
pub mod stats;
pub mod writes_follow_reads;

pub use availability::Availability;
pub use budget::Budget;
pub use errors::Errors;
pub use fault_effect::FaultEffect;
pub use latency::Latency;
pub use linearizable::Linearizable;
pub use list_order::ListOrder;
pub use log_pattern::{BadPattern, LogPattern};
pub use lost_updates::LostUpdates;
pub use monotonic_reads::MonotonicReads;
pub use monotonic_writes::MonotonicWrites;
pub use read_your_writes::ReadYourWrites;
pub use staleness::Staleness;
pub use stats::Stats;
pub use verdict::{Anomaly, Confirmation, Step, Validity, Verdict};
pub use writes_follow_reads::WritesFollowReads;

use schism_history::History;

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
    /// Makes one.
    pub new: fn() -> Box<dyn Checker>,
}

/// Every checker, by name, in alphabetical order. [`LogPattern`] judges logs, not histories, and is none of them.
pub const CHECKERS: &[Listed] = &[
    Listed {
        name: "availability",
        summary: "how much of what clients asked for they got, outages, and recovery after faults",
        new: || Box::new(Availability),
    },
    Listed {
        name: "errors",
        summary: "errors by class; unknown if the client never worked on some node",
        new: || Box::new(Errors),
    },
    Listed {
        name: "fault-effect",
        summary: "every fault took effect and healed, as measured",
        new: || Box::new(FaultEffect::default()),
    },
    Listed {
        name: "latency",
        summary: "how long operations took, by function, with and without faults",
        new: || Box::new(Latency),
    },
    Listed {
        name: "linearizable",
        summary: "registers behave as if operations took effect one at a time, each while it ran",
        new: || Box::new(Linearizable),
    },
    Listed {
        name: "list-order",
        summary: "all reads of a list agree on one order of its elements",
        new: || Box::new(ListOrder),
    },
    Listed {
        name: "lost-updates",
        summary: "what was acknowledged is still there at the end, or was replaced by something newer",
        new: || Box::new(LostUpdates),
    },
    Listed {
        name: "monotonic-reads",
        summary: "what a process reads never goes back",
        new: || Box::new(MonotonicReads),
    },
    Listed {
        name: "monotonic-writes",
        summary: "the writes of a process take effect in its own order",
        new: || Box::new(MonotonicWrites),
    },
    Listed {
        name: "read-your-writes",
        summary: "a process sees its own acknowledged writes",
        new: || Box::new(ReadYourWrites),
    },
    Listed {
        name: "staleness",
        summary: "how old the values are that reads return",
        new: || Box::new(Staleness),
    },
    Listed {
        name: "stats",
        summary: "enough was done, and done at once, to mean anything",
        new: || Box::new(Stats::default()),
    },
    Listed {
        name: "writes-follow-reads",
        summary: "a write takes effect after what its process had read",
        new: || Box::new(WritesFollowReads),
    },
];

/// The checker with this name.
pub fn by_name(name: &str) -> Option<Box<dyn Checker>> {
    let listed = CHECKERS.iter().find(|listed| listed.name == name)?;
    Some((listed.new)())
}

#[cfg(test)]
mod tests {
    use super::*;

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
