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
mod session;
mod final_read;

// Histories that tests and benches draw at random.
#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod generate;

// One checker a file.
mod errors;
mod fault_effect;
mod latency;
mod linearizable;
mod list_order;
mod lost_updates;
mod monotonic_reads;
mod monotonic_writes;
mod read_your_writes;
mod staleness;
mod stats;
mod writes_follow_reads;

pub use budget::Budget;
pub use errors::Errors;
pub use fault_effect::FaultEffect;
pub use latency::Latency;
pub use linearizable::Linearizable;
pub use list_order::ListOrder;
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

/// Every checker, by name.
pub const CHECKERS: &[Listed] = &[];
