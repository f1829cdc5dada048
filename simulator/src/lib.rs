//! A cluster in virtual time, and its stores, good and broken.
//!
//! A [`Simulation`] is a cluster of nodes that run a [`Store`], with links that delay, lose, double and reorder
//! packets, and clocks that are off and drift. It can be cut, crashed, paused and set back like a real one. Nothing
//! waits for real: time goes on from event to event, so an hour passes in moments. There is no thread, no clock and no
//! runtime in this crate, and every choice comes from the seed: the same [`Config`], seed and calls give the same run,
//! byte for byte, on any machine, in debug and in release.
//!
//! ```
//! use schism_simulator::{ClientId, Config, Happening, NodeId, Reply, Request};
//! use schism_history::Value;
//!
//! let mut cluster = Config::new("kg-abd").open(7)?;
//! let write = cluster.submit(
//!     ClientId(0),
//!     NodeId::new(0),
//!     Request::Write { key: Value::from("x"), value: Value::from(1) },
//! );
//! assert_eq!(cluster.next(), Some(Happening::Reply { call: write, reply: Reply::Done }));
//! let read = cluster.submit(ClientId(0), NodeId::new(4), Request::Read { key: Value::from("x") });
//! assert_eq!(
//!     cluster.next(),
//!     Some(Happening::Reply { call: read, reply: Reply::Value(Value::from(1)) })
//! );
//! # Ok::<(), schism_simulator::ConfigError>(())
//! ```
//!
//! # What clients see
//!
//! A client's request is a packet to its node, and the reply is a packet back. Whatever goes wrong, the client sees no
//! more than over a real connection:
//!
//! | what happens | what the client gets | surely not happened |
//! |---|---|---|
//! | the node is down when the request arrives | [`Class::ConnectionRefused`] | yes |
//! | a cut from the clients to the node rejects the request | [`Class::ConnectionRefused`] | yes |
//! | a cut drops the request, or it is lost | silence | |
//! | the node is paused | silence until it is resumed, then the reply | |
//! | the node crashes while it has the call | [`Class::ConnectionReset`] | only if it was a read |
//! | the reply is lost or cut, in either mode | silence | |
//! | the store refuses | what the store says | as the store says |
//!
//! Refusals are packets too, and take as long and get lost like others. After a silence the client gives up
//! ([`Simulation::abandon`]), and the request may still be carried out.
//!
//! # What nodes see
//!
//! A message that is dropped or lost is gone: stores send again what matters. One that is rejected, or arrives where
//! nothing runs, comes back ([`Store::undelivered`]). A paused node finds up to 4,096 packets in its inbox when it goes
//! on; more are lost. A crashed node keeps its [`Disk`] and forgets the rest; its timers are gone.
//!
//! # Adding a store
//!
//! One file in `stores/` with a type that is a [`Store`] and a [`Preset`] for its name, and one line in [`STORES`].
//! `tests/it/tutorial.rs` is a whole one in under 120 lines.

mod place;
mod request;
mod share;
mod random;
mod conditions;
mod config;
mod clock;
mod queue;
mod network;
mod disk;
mod context;
mod store;
mod simulation;
mod calls;
mod cluster;
#[cfg(test)]
mod lone;
pub mod stores;

pub use clock::{MAX_DRIFT_PPM, WallTime};
pub use cluster::Cluster;
pub use conditions::{Conditions, Delay, Spread};
pub use config::{Clocks, Config, ConfigError, Options};
pub use context::Context;
pub use disk::Disk;
pub use network::CutMode;
pub use place::{Link, MAX_NODES, NodeId, NodeSet, Place};
pub use random::Random;
pub use request::{Call, CallId, Capability, Class, ClientId, Refusal, Reply, Request, Step};
pub use share::{NotAShare, Share};
pub use simulation::{AlarmId, Happening, Simulation, Statistics, Status};
pub use store::{Preset, Role, Store};
pub use stores::{Listed, STORES};
