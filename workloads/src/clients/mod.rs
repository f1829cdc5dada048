//! Databases: one file or folder each, with its driver calls and the table that says which of its errors prove that
//! nothing happened.

#[cfg(feature = "etcd")]
pub mod etcd;
pub mod memory;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::WORKLOADS;
use crate::{Capability, Database, SetupError};

/// The database of a plan: its name, and its options below it, as in `etcd = { reads = "serializable" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Spec {
    /// etcd 3.4 and newer.
    #[cfg(feature = "etcd")]
    Etcd(etcd::Options),
}

impl Spec {
    /// Its line in [`DATABASES`].
    pub fn listed(&self) -> &'static Listed {
        match *self {
            #[cfg(feature = "etcd")]
            Self::Etcd(_) => &etcd::LISTED,
        }
    }

    /// The database, for the run with this name: letters, digits, `-`, `_` and `.`; anything else is replaced. Runs with
    /// different names don't see each other's data.
    ///
    /// # Errors
    /// A file that an option names cannot be read, or the environment variable of a secret is not set.
    #[cfg_attr(
        not(feature = "etcd"),
        expect(unused_variables, reason = "no database is built in")
    )]
    pub fn build(&self, run: &str) -> Result<Box<dyn Database>, SetupError> {
        match *self {
            #[cfg(feature = "etcd")]
            Self::Etcd(ref options) => Ok(Box::new(etcd::Etcd::new(options, run)?)),
        }
    }
}

/// A database that a plan can ask for by name.
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// What it is and which versions of it, in half a sentence.
    pub summary: &'static str,
    /// What its clients offer.
    pub capabilities: &'static [Capability],
    /// The port its clients connect to unless the plan says otherwise.
    pub port: u16,
}

/// Every database, by name.
pub const DATABASES: &[&Listed] = &[
    #[cfg(feature = "etcd")]
    &etcd::LISTED,
];

/// What a workload needs (with default options) and a database lacks: empty where the one runs on the other. Rows are
/// [`DATABASES`], columns are [`WORKLOADS`].
pub fn matrix() -> Vec<Vec<Vec<Capability>>> {
    DATABASES
        .iter()
        .map(|database| {
            WORKLOADS
                .iter()
                .map(|workload| (workload.spec)().missing(database.capabilities))
                .collect()
        })
        .collect()
}
