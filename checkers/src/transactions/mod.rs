//! Judges of transactions: what clients read and wrote in groups, and the isolation level that explains it.

pub(crate) mod anomalies;
pub(crate) mod columns;
pub(crate) mod components;
pub(crate) mod cycles;
pub(crate) mod graph;
pub mod key_value;
pub(crate) mod levels;
pub mod list_append;
pub(crate) mod numbering;
pub(crate) mod order;
pub(crate) mod phrases;
pub(crate) mod search;
pub(crate) mod serial_order;
pub(crate) mod versions;
pub mod rw_register;
pub(crate) mod saturation;

use crate::Level;

/// What a database is taken to promise when nobody says: the level that "transactions" means to most of their users.
/// A judge of transactions finds a history invalid when this level is refuted, or one that it implies. Anomalies that
/// only stronger levels forbid are told all the same.
pub const DEFAULT_CLAIM: Level = Level::Serializable;
