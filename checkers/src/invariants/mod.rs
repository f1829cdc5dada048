//! What must be true of an application's data, whatever the isolation level is called.

pub mod list_order;
pub mod lost_updates;
