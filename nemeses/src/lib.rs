//! Faults: what they do to which nodes, when, and how they are undone and proved.
//!
//! A plan's fault [`Spec`]s and a seed give a timeline of [`Strike`]s: pure, printable, the same every time. When a
//! strike is due, its roles (leader, follower) are resolved and it becomes a [`Fault`]: what is done to whom. An
//! [`Injector`] carries it out and undoes it, on real nodes through [`control`] or in a simulator, and measures both.
//!
//! Adding a fault is one file with its settings and its pure part, one field of [`Spec`] and one variant of
//! [`Effect`].

pub mod control;
pub mod fault;
pub mod injector;

pub use fault::{Effect, Endpoint, Fault, Link, RejectMode};
pub use injector::{Injector, Report};
