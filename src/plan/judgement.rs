//! How a run is judged: by which checkers, with which budget, and what must be measured.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use schism_checkers::Options;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Share};

/// What ends a run early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StopOn {
    /// The first violation that is certain: then the load ends, everything is healed, and the final reads are made.
    FirstViolation,
}

/// Who judges, and how long they may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The names of the checkers, in the order of the report; no two the same.
    pub checkers: Vec<String>,
    /// What is told to them about the database.
    pub options: Options,
    /// The most search steps that one checker takes.
    pub steps: u64,
    /// The most memory that one checker takes.
    pub memory: Bytes,
    /// With fewer successful calls than this, nothing is called valid.
    pub minimum_ok: u64,
    /// What ends the run before its time; nothing when absent.
    pub stop_on: Option<StopOn>,
}

/// What must hold beyond the verdict, for a database configuration to pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gates {
    /// Checkers that must say valid.
    pub require: Vec<String>,
    /// The share of calls that succeed: at least.
    pub availability: Option<Levels<Share>>,
    /// The share of calls that fail or stay unknown: at most.
    pub errors: Option<Levels<Share>>,
    /// The share of successful reads that are stale: at most.
    pub stale_reads: Option<Levels<Share>>,
    /// The time from the end of a fault to the first success on every node: at most.
    pub recovery: Option<Levels<Duration>>,
    /// The latency of successful calls, by function and quantile: at most.
    pub latency: BTreeMap<String, BTreeMap<Quantile, Levels<Duration>>>,
}

impl Gates {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a measured figure becomes a warning, and where it misses the gate. A figure that is exactly at a level is on
/// its good side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels<T> {
    /// Beyond this it is worth a look.
    pub warning: Option<T>,
    /// Beyond this the gate is missed.
    pub critical: Option<T>,
}

/// A quantile of latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantile {
    /// Half of all calls are as fast or faster.
    P50,
    /// 95 of 100.
    P95,
    /// 99 of 100.
    P99,
    /// 999 of 1000.
    P999,
}

impl Quantile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P50, Self::P95, Self::P99, Self::P999];

    /// Its name in plans: `p99`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
        }
    }
}
