//! What a plan is run against: a simulated cluster, or a real one reached over SSH.

pub mod sim;
pub mod site;
