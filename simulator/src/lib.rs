//! A cluster in virtual time, and its stores, good and broken.
//!
//! A [`Simulation`] is a cluster of nodes that run a [`Store`], in one data centre or several, with links that delay,
//! lose, double, reorder and damage packets, clocks that are off and drift, and disks. It can be cut, crashed, paused
//! and set back like a real one. Nothing
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
//! A message that is damaged is discarded, unless the store takes it ([`Store::damaged`]). A store that asks for
//! [`Durability::OnSync`] loses at a crash what it wrote and did not [`Context::sync`]. A node stands still while its
//! write waits for a stalled or slow disk, and dies of a write to a full one. It can be made to die, or to lose its
//! acknowledgements, where it passes a [`Context::point`]. Its clock says what time it is, [`Context::now_within`] how
//! sure that is, and [`Call::sent`] what the client's own clock said. Which nodes are members changes where the store
//! says so ([`Store::MEMBERSHIP`]). [`Simulation::set_tracing`] writes every packet down.
//!
//! # Adding a store
//!
//! One file in `stores/` with a type that is a [`Store`] and a [`Preset`] for its name, and one line in [`STORES`].
//! `tests/it/tutorial.rs` is a whole one in under 120 lines.

mod place;
mod request;
mod share;
mod rate;
mod random;
mod conditions;
mod regions;
mod config;
mod clock;
mod queue;
mod network;
mod disk;
mod points;
mod context;
mod store;
mod members;
mod trace;
mod simulation;
mod calls;
mod cluster;
#[cfg(test)]
mod lone;
pub mod stores;

pub use clock::{ClockFault, Interval, MAX_DRIFT_PPM, WallTime};
pub use cluster::Cluster;
pub use conditions::{Conditions, Delay, Disturbance, Spread, Touched};
pub use config::{Clients, Clocks, Config, ConfigError, DiskConfig, Options};
pub use context::Context;
pub use disk::{Disk, Durability};
pub use members::MemberChange;
pub use network::CutMode;
pub use place::{Link, MAX_NODES, NodeId, NodeSet, Place};
pub use points::{AtPoint, REPLY, SEND};
pub use random::Random;
pub use rate::{NotARate, Rate};
pub use regions::{DataCentre, Region, Route};
pub use request::{Call, CallId, Capability, Class, ClientId, Refusal, Reply, Request, Step};
pub use share::{NotAShare, Share};
pub use simulation::{AlarmId, DiskFault, DiskHarm, Happening, Simulation, Statistics, Status};
pub use store::{Preset, Role, Store};
pub use stores::{Listed, STORES};
pub use trace::{Loss, PacketId, TraceStep, Traced};
