//! What is counted and timed, and whether enough was done to mean anything. Nothing here is ever invalid, but for
//! [`log_pattern`].

pub(crate) mod attempt;
pub mod availability;
pub(crate) mod clusters;
pub mod delta_atomicity;
pub mod errors;
pub mod fault_effect;
pub mod k_atomicity;
pub mod latency;
pub mod log_pattern;
pub(crate) mod quantile;
pub mod staleness;
pub mod stats;
