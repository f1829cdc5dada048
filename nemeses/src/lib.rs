//! Faults: what they do to which nodes, when, and how they are undone and proved.
//!
//! A plan's fault [`Spec`]s and a seed give a timeline of [`Strike`]s: pure, printable, the same every time. When a
//! strike is due, its roles (leader, follower) are resolved and it becomes a [`Fault`]: what is done to whom. An
//! [`Injector`] carries it out and undoes it, on real nodes through [`control`] or in a simulator, and measures both.
//!
//! Adding a fault is one file with its settings and its pure part, one field of [`Spec`] and one variant of
//! [`Effect`].

mod draw;
mod duration_range;
mod quantity;
mod mistake;
mod quote;
mod role;
mod targets;
mod topology;
pub mod fault;
mod partition;
mod process;
mod link;
mod clock;
mod disk;
mod point;
mod member;
mod spec;
mod schedule;
mod timeline;
mod firewall;
mod probe;
mod process_rule;
mod lease;
mod survey;
mod cluster;
mod obstacle;
mod remote_injector;
pub mod injector;
pub mod control;
#[cfg(test)]
mod testing;

pub use clock::{ClockChange, ClockFault, Strobe};
pub use cluster::{Cluster, Target};
pub use disk::{DiskChange, DiskFault, DiskKind};
pub use duration_range::{DurationRange, HumanDuration};
pub use fault::{Effect, Endpoint, Fault, Link, RejectMode};
pub use firewall::FirewallTool;
pub use injector::{Injector, Report};
pub use lease::LEASE;
pub use link::{Distribution, Impairment, LinkFault};
pub use member::{MemberChange, MemberFault};
pub use mistake::Mistake;
pub use obstacle::Obstacle;
pub use partition::{Direction, Partition, Shape};
pub use point::PointFault;
pub use process::ProcessFault;
pub use process_rule::ProcessRule;
pub use quantity::{Rate, Share, SignedDuration};
pub use quote::{HasNul, quote};
pub use remote_injector::RemoteInjector;
pub use role::{Role, Roles};
pub use spec::{Spec, validate};
pub use targets::Targets;
pub use timeline::{Planned, Strike, timeline};
