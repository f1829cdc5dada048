//! The list of stores.
//!
//! A store is one file: what it remembers, what its nodes tell each other, what a plan can set. A name for plans is a
//! [`Preset`]: one line in `FAMILIES` of its own, or, where one store goes by many names, a row of its `PRESETS`.

#[macro_use]
mod presets;
mod list;
mod object;
mod relay;
pub mod quorum;

pub mod async_failover;
pub mod kb_lww_skew;
pub mod kb_quorum_no_writeback;
pub mod kg_abd;
pub mod single_copy;

use schemars::{Schema, SchemaGenerator};
use serde_json::Value as Json;

use async_failover::AsyncFailover;
use kb_lww_skew::KbLwwSkew;
use kb_quorum_no_writeback::KbQuorumNoWriteback;
use kg_abd::KgAbd;

use crate::config::{Config, ConfigError, Options};
use crate::{Capability, Cluster, Preset, Simulation, Store};

/// What each file lists.
const FAMILIES: &[&[Listed]] = &[
    &[Listed::of::<AsyncFailover>()],
    &[Listed::of::<KbLwwSkew>()],
    &[Listed::of::<KbQuorumNoWriteback>()],
    &[Listed::of::<KgAbd>()],
    single_copy::PRESETS,
];

/// All stores, by name.
pub const STORES: &[Listed] = &list::sorted::<{ list::count(FAMILIES) }>(FAMILIES);

/// The store with this name.
pub fn named(name: &str) -> Option<&'static Listed> {
    STORES.iter().find(|listed| listed.name == name)
}

type Opened = Result<Box<dyn Simulation>, ConfigError>;

/// A store that plans can name.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// The file in `simulator/src/stores` where it stands, without its ending.
    pub file: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether it keeps its promises under every fault.
    pub good: bool,
    /// What it models, in one line.
    pub summary: &'static str,
    /// What its clients can ask for.
    pub capabilities: &'static [Capability],
    /// The checkers that must find it invalid, each in at least one of 200 seeds under the faults that bite it.
    pub flagged_by: &'static [&'static str],
    /// The checkers that must never find it invalid, under any fault.
    pub passed_by: &'static [&'static str],
    resolve: fn(&Config) -> Result<Options, ConfigError>,
    open: fn(&Config, u64) -> Opened,
    options_schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Listed {
    const fn of<P: Preset>() -> Self {
        Self {
            file: P::FILE,
            name: P::NAME,
            good: P::GOOD,
            summary: P::SUMMARY,
            capabilities: P::CAPABILITIES,
            flagged_by: P::FLAGGED_BY,
            passed_by: P::PASSED_BY,
            resolve: |config| written_out(&options::<P>(config)?),
            open: |config, seed| {
                let cluster = Cluster::<P::Store>::new(config, options::<P>(config)?, seed)?;
                Ok(Box::new(cluster))
            },
            options_schema: |generator| generator.subschema_for::<<P::Store as Store>::Options>(),
        }
    }

    /// All options: the plan's where it sets them, the preset's where it does not.
    pub(crate) fn resolve(&self, config: &Config) -> Result<Options, ConfigError> {
        (self.resolve)(config)
    }

    pub(crate) fn open(&self, config: &Config, seed: u64) -> Opened {
        (self.open)(config, seed)
    }

    pub(crate) fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.options_schema)(generator)
    }
}

/// The preset's options, with those of the plan laid over them.
fn options<P: Preset>(config: &Config) -> Result<<P::Store as Store>::Options, ConfigError> {
    let mut all = written_out(&P::options())?;
    all.extend(config.options.clone());
    let all = if all.is_empty() {
        Json::Null
    } else {
        Json::Object(all)
    };
    let options = serde_json::from_value(all)
        .map_err(|error| ConfigError::new("options", format!("of {}: {error}", P::NAME)))?;
    P::Store::check(&options, usize::from(config.nodes))
        .map_err(|reason| ConfigError::new("options", reason))?;
    Ok(options)
}

/// Options as a plan would say them. A store without any has `()`, which is null in JSON.
fn written_out<T: serde::Serialize>(options: &T) -> Result<Options, ConfigError> {
    match serde_json::to_value(options) {
        Ok(Json::Object(options)) => Ok(options),
        Ok(Json::Null) => Ok(Options::new()),
        other => Err(ConfigError::new(
            "options",
            format!("the options of a store are no table but {other:?}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_names_are_unique() {
        let names: Vec<&str> = STORES.iter().map(|listed| listed.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn every_store_says_what_it_is() {
        for listed in STORES {
            assert_eq!(listed.good, listed.flagged_by.is_empty(), "{}", listed.name);
            assert!(!listed.summary.is_empty() && !listed.summary.ends_with('.'));
            assert!(!listed.capabilities.is_empty());
            for checker in listed.flagged_by {
                assert!(!listed.passed_by.contains(checker));
            }
        }
        assert!(named("nothing").is_none());
    }
}
