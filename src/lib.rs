//! Chaos testing for databases: concurrent clients, faults over SSH, and a verdict on what the clients saw.
//!
//! The stages of a run, in the order of its data flow, are the modules of this crate.

pub mod cli;
pub mod look;
pub mod plan;
pub mod lab;
pub mod clock;
pub mod interrupt;
pub mod generator;
pub mod load;
pub mod targets;
pub mod controller;
pub mod recorder;
pub mod run_folder;
pub mod environment;
pub mod run;
pub mod judge;
pub mod replay;
pub mod cases;
pub mod hunt;
pub mod gates;
pub mod exit_code;
pub mod report;
