//! Simulated clusters from outside: same seed same run, each fault does what it says, each store is what it claims to
//! be.

#![expect(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions, and everything here is called by one"
)]

mod driver;
mod judge;

mod clients;
mod clocks;
mod cuts;
mod disks;
mod disturbances;
mod determinism;
mod members;
mod packets;
mod processes;
mod tutorial;
mod verdicts;
