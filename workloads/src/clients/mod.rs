//! Databases: one file or folder each, with its driver calls and the table that says which of its errors prove that
//! nothing happened.

#[cfg(feature = "etcd")]
pub mod etcd;
pub mod memory;

use std::path::PathBuf;

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

    /// The files of this machine that the options name, each with its key below the database's name: `tls.ca`.
    pub fn files_mut(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match *self {
            #[cfg(feature = "etcd")]
            Self::Etcd(ref mut options) => options.files_mut(),
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

#[cfg(all(test, feature = "etcd"))]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Spec, toml::de::Error> {
        toml::from_str(toml)
    }

    #[test]
    fn the_list_is_in_order_and_true() {
        assert!(DATABASES.is_sorted_by_key(|listed| listed.name));
        for listed in DATABASES {
            let spec = read(&format!("{} = {{}}", listed.name)).unwrap();
            assert_eq!(spec.listed().name, listed.name);
            let database = spec.build("test").unwrap();
            assert_eq!(database.name(), listed.name);
            assert_eq!(database.capabilities(), listed.capabilities);
            assert_eq!(read(&toml::to_string(&spec).unwrap()).unwrap(), spec);
        }
    }

    #[test]
    fn every_workload_runs_on_etcd() {
        let row = DATABASES.iter().position(|listed| listed.name == "etcd");
        for (missing, workload) in matrix()[row.unwrap()].iter().zip(WORKLOADS) {
            assert!(missing.is_empty(), "{}: {missing:?}", workload.name);
        }
    }

    #[test]
    fn mistakes_are_told_with_what_would_be_right() {
        for (toml, expected) in [
            ("etdc = {}", "expected `etcd`"),
            (
                "etcd = { read = 1 }",
                "unknown field `read`, expected one of `reads`",
            ),
            (
                "etcd = { reads = \"stale\" }",
                "expected `linearizable` or `serializable`",
            ),
            (
                "etcd = { password = \"hunter2\" }",
                "{ env = \"VARIABLE\" }",
            ),
            ("etcd = { connect_timeout = 5 }", "expected a duration"),
            ("etcd = { tls = {} }", "missing field `ca`"),
        ] {
            let error = read(toml).unwrap_err();
            assert!(error.message().contains(expected), "{toml}: {error}");
        }
        let options = "etcd = { reads = \"serializable\", connect_timeout = \"500ms\" }";
        let Spec::Etcd(options) = read(options).unwrap();
        assert_eq!(options.reads, etcd::Reads::Serializable);
        assert_eq!(options.connect_timeout.as_millis(), 500);
    }
}
