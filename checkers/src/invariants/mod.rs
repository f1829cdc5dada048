//! What must be true of an application's data, whatever the isolation level is called.

pub mod bank;
pub mod booking;
pub mod causal_reverse;
pub mod counter;
pub mod dirty_reads;
pub mod leader_election;
pub mod ledger;
pub mod list_order;
pub mod lock;
pub mod log;
pub mod long_fork;
pub mod lost_updates;
pub mod queue;
pub mod replica_equality;
pub mod revocation;
pub mod saga;
pub mod set_full;
pub mod unique_constraint;
pub mod unique_ids;
pub mod watch;

pub(crate) mod claim;
mod keys;
mod sums;
