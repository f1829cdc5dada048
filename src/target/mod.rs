//! What a plan is run against: a simulated cluster, or a real one.

pub mod sim;
