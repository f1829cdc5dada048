//! What must be true of an application's data, whatever the isolation level is called.

pub mod bank;
pub mod counter;
pub mod ledger;
pub mod list_order;
pub mod lock;
pub mod lost_updates;
pub mod queue;
pub mod unique_ids;

mod claim;
mod sums;
