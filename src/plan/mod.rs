//! Plans: what is tested, what is asked of it, what is done to it, and how the answers are judged.
//!
//! A plan is TOML. [`read`](read()) turns its text into a [`Plan`] in three steps: the text and the `--set`
//! arguments become one spanned tree; serde reads the tree into what may be written; that is lowered into what is
//! meant, with every default filled in and everything checked. Nothing later in the program sees a plan that was
//! not checked. Every mistake is reported at its place, all of them together.
//!
//! [`Plan::to_toml`] is the way back, for the run's folder: reading it gives the same plan again. It holds no secret,
//! because a plan never does.

use std::sync::Arc;
use std::time::Duration;

pub mod units;
pub mod target;
pub mod database;
pub mod load;
pub mod judgement;
pub mod path;
pub mod nearest;
mod raw;
mod wording;
mod texts;
mod put;
mod document;
mod lower;
mod resolve;
mod read;
pub mod set;
pub mod error;
mod schema;
pub mod init;

pub use database::{Database, Service};
pub use error::{Mistake, PlanError};
pub use judgement::{Checks, Gates, Levels, Quantile, StopOn};
pub use load::{Load, Pace, Recovery, Routing};
pub use read::{PlanFile, Reading, read, read_recorded};
pub use schema::{checker_options, schema};
pub use set::Override;
pub use target::{Lab, Latency, LatencyDistribution, Maelstrom, Node, Ssh, Target};

/// A plan that can be carried out: everything is said and was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The name of the run's folder.
    pub name: String,
    /// What every random choice comes from; at most 2^63 - 1.
    pub seed: u64,
    /// How long the load lasts.
    pub time: Duration,
    /// Whether the plan's author agreed to faults on machines that schism did not make.
    pub destructive: bool,
    /// What is tested.
    pub target: Target,
    /// The database; none on a simulated target.
    pub database: Option<Database>,
    /// What is asked of it.
    pub workload: schism_workloads::Spec,
    /// How hard it is worked.
    pub load: Load,
    /// What is done to it.
    pub faults: Vec<schism_nemeses::Spec>,
    /// What it gets after the load.
    pub recovery: Recovery,
    /// Who judges.
    pub checks: Checks,
    /// What must hold beyond the verdict.
    pub gates: Gates,
}

impl Plan {
    /// The names of the nodes, in order.
    pub fn nodes(&self) -> Vec<Arc<str>> {
        self.target.nodes()
    }

    /// How many processes call at once.
    pub fn processes(&self) -> u32 {
        self.load.concurrency.on(self.nodes().len())
    }

    /// What strikes when: the same for the same plan and seed.
    pub fn timeline(&self) -> Vec<schism_nemeses::Strike> {
        schism_nemeses::timeline(&self.faults, &self.nodes(), self.time, self.seed)
    }
}
