//! What to ask of a database under test, and the clients that ask.
//!
//! A [`Workload`] draws operations; its [`Invoker`] turns each into calls of [capabilities](capability). Neither knows a
//! database. A [`Database`] hands out [`Client`]s, each bound to one named node; a client offers the capabilities it has.
//! Which workload runs on which database follows from that: [`clients::matrix`].
//!
//! Adding a database is one file in [`clients`] and one line in [`clients::DATABASES`]; adding a workload is one file, one
//! variant of [`Spec`] and one line in [`WORKLOADS`].

pub mod answer;
pub mod capability;
pub mod client;
pub mod workload;
pub mod within;
pub mod choice;
pub mod append;
pub mod register;
pub mod set;
pub mod spec;
pub mod secret;
pub mod clients;

pub use answer::{Answer, Certainty, Done, Failure};
pub use capability::{
    Capability, CompareAndSet, Counters, FencedLocks, Locks, Logs, MicroOp, Queues,
    RegisterTransactions, Registers, SessionTokens, SetRemoval, Sets, Siblings, Step, Transactions,
    UniqueIds,
};
pub use client::{Client, Database, Endpoint, Role, SetupError};
pub use secret::{Secret, SecretError};
pub use spec::{Listed, Spec, WORKLOADS};
pub use within::Within;
pub use workload::{Invocation, Invoker, Turn, Workload};
