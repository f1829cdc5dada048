//! Histories: everything the clients of a database under test saw, and what was done to its nodes meanwhile.
//!
//! A [`History`] is built once from [`Event`]s, which arrive in time order, and is immutable afterwards. Events are the
//! two ends of a call (`invoke`, then `ok`, `fail` or `info`); an [`Operation`] is the pair. Faults travel in the same
//! stream under the process [`Process::NEMESIS`] and come out as [`FaultSpan`]s.
//!
//! This crate knows no database, no clock and no runtime. It reads and writes bytes through `std::io` traits and
//! opens no file.
//!
//! ```
//! use schism_history::{Event, F, History, Kind, Outcome, Process, Time, Value};
//!
//! let mut builder = History::builder();
//! let p = Process::client(0);
//! builder.push(Event::new(Time::from_millis(1), p, Kind::Invoke, F::Write).key(7).value(3))?;
//! builder.push(Event::new(Time::from_millis(4), p, Kind::Ok, F::Write).key(7).value(3))?;
//! let history = builder.finish();
//!
//! let write = history.operations().next().expect("one operation");
//! assert_eq!(write.outcome, Outcome::Ok);
//! assert_eq!(write.latency().expect("it completed").as_millis(), 3);
//! assert_eq!(write.input(), &Value::Int(3));
//! # Ok::<(), schism_history::Malformed>(())
//! ```

mod time;
mod process;
mod function;
mod value;
mod event;
mod operation;
mod fault;
mod interner;
mod column;
mod columns;
mod micro_op;
mod lists;
mod bodies;
mod malformed;
mod slots;
mod history;
mod builder;
mod field;
mod scratch;
mod json;
mod read_error;
mod compression;
mod lines;
pub mod jsonl;
pub mod jepsen;
pub mod sessions;
#[cfg(feature = "parquet")]
pub mod tables;
pub mod format;
pub mod testing;
#[cfg(test)]
mod arbitrary;

pub use columns::Columns;
pub use event::{Event, Kind};
pub use fault::{FaultOutcome, FaultSpan, Phase};
pub use function::F;
pub use history::{Builder, Header, History};
pub use json::MAX_DEPTH;
pub use malformed::Malformed;
pub use micro_op::{Argument, MicroKind, MicroOp, MicroOps};
pub use operation::{KeyId, OpId, Operation, Outcome, ValueId};
pub use process::Process;
pub use read_error::{ReadError, Torn};
pub use time::Time;
pub use value::Value;
