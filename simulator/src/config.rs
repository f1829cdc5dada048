//! What a plan says about a simulated cluster.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::place::MAX_NODES;
use crate::regions::{self, Geography, Ground};
use crate::stores::{self, STORES};
use crate::{Conditions, DataCentre, MAX_DRIFT_PPM, Random, Route, Simulation};

/// Options of a store, as they stand in a plan.
pub type Options = serde_json::Map<String, serde_json::Value>;

/// The longest delay that a link may have.
const LONGEST_DELAY: Duration = Duration::from_hours(1);

/// The largest offset that a clock may have.
const LARGEST_OFFSET: Duration = Duration::from_hours(10 * 365 * 24);

/// A simulated cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the nodes run: the name of a store, see `schism list`.
    #[schemars(schema_with = "store_schema")]
    pub store: String,
    /// How many nodes there are, from 1 to 128.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 128))]
    pub nodes: u16,
    /// How many of the nodes, counted from the last, are no members at first: a fault can add them. Only for stores
    /// whose members change.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spares: u16,
    /// What the store can be told; each store has its own.
    #[serde(default, skip_serializing_if = "Options::is_empty")]
    #[schemars(schema_with = "options_schema")]
    pub options: Options,
    /// What packets go through when no fault is at work.
    #[serde(default)]
    pub network: Conditions,
    /// How wrong the nodes' clocks are when no fault is at work.
    #[serde(default)]
    pub clocks: Clocks,
    /// How fast the nodes' disks are when no fault is at work.
    #[serde(default, skip_serializing_if = "DiskConfig::is_default")]
    pub disk: DiskConfig,
    /// Where the clients are, and how wrong their clocks are.
    #[serde(default, skip_serializing_if = "Clients::is_default")]
    pub clients: Clients,
    /// The data centres; each node is in one. One for all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<DataCentre>,
    /// What packets go through between two data centres; 40 to 60 ms when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Conditions>,
    /// What packets go through from one data centre to another, where that differs from `between`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// How fast disks are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiskConfig {
    /// How long it takes until what was written is safe, for stores that wait for it; at most an hour. As `"2ms"`.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub sync: Duration,
}

impl DiskConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where clients are, and how wrong their clocks are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clients {
    /// `"beside"`: in the data centre of the node that they call; `"spread"`: one after the other in each data centre; or
    /// the name of a data centre in which all are.
    pub place: String,
    /// How wrong the clients' clocks are when no fault is at work: for stores that take the client's time.
    pub clocks: Clocks,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            place: regions::BESIDE.to_owned(),
            clocks: Clocks::default(),
        }
    }
}

impl Clients {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How wrong the nodes' clocks are at the beginning. Each node draws its own offset and drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clocks {
    /// A node's wall clock is off by at most this much, ahead or behind; at most ten years. As `"30s"`.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub offset: Duration,
    /// A node's clocks run fast or slow by at most so many millionths; at most 500,000.
    #[schemars(range(min = 0, max = 500_000))]
    pub drift_ppm: u32,
    /// What the nodes take for their clocks' inaccuracy, for stores that ask for an interval instead of a time; as
    /// much as `offset` when left out.
    #[serde(
        with = "humantime_serde::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub uncertainty: Option<Duration>,
}

impl Clocks {
    /// What the nodes take for their clocks' inaccuracy.
    pub(crate) fn uncertainty(&self) -> Duration {
        self.uncertainty.unwrap_or(self.offset)
    }

    /// Draws a node's offset in nanoseconds and its drift in millionths.
    pub(crate) fn draw(&self, random: &mut Random) -> (i64, i32) {
        let mut around_zero = |bound: u64| {
            let drawn = random.below(bound.saturating_mul(2).saturating_add(1));
            drawn as i64 - bound as i64
        };
        let offset = around_zero(self.offset.min(LARGEST_OFFSET).as_nanos() as u64);
        let drift = around_zero(u64::from(self.drift_ppm.min(MAX_DRIFT_PPM as u32)));
        (offset, drift as i32)
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct ConfigError {
    /// Which key, from the configuration's own root: `network.delay.max`.
    pub path: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl ConfigError {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
        }
    }
}

impl Config {
    /// Five nodes of a store, with everything else as it is by default.
    pub fn new(store: impl Into<String>) -> Self {
        Self {
            store: store.into(),
            nodes: five(),
            options: Options::new(),
            network: Conditions::default(),
            clocks: Clocks::default(),
            disk: DiskConfig::default(),
            clients: Clients::default(),
            regions: Vec::new(),
            between: None,
            routes: Vec::new(),
            spares: 0,
        }
    }

    /// The nodes in the data centre where all clients are, by their places; none when clients are beside their nodes or
    /// spread.
    pub fn nodes_near_clients(&self) -> Vec<usize> {
        let region = self
            .regions
            .iter()
            .find(|region| *region.name == *self.clients.place);
        let names = region.map_or(&[][..], |region| &region.nodes[..]);
        (0..usize::from(self.nodes))
            .filter(|&node| names.iter().any(|name| **name == format!("n{}", node + 1)))
            .collect()
    }

    fn geography(&self) -> Geography<'_> {
        Geography {
            nodes: usize::from(self.nodes),
            network: self.network,
            regions: &self.regions,
            between: self.between.unwrap_or_else(regions::far_apart),
            routes: &self.routes,
            clients: &self.clients.place,
        }
    }

    /// The conditions between all places, for something that was checked.
    pub(crate) fn ground(&self) -> Ground {
        self.geography().ground()
    }

    /// Everything that is wrong with it; nothing when it can be opened.
    pub fn check(&self) -> Vec<ConfigError> {
        let mut errors = self.check_cluster();
        match stores::named(&self.store) {
            None => {
                let names: Vec<&str> = STORES.iter().map(|listed| listed.name).collect();
                errors.push(ConfigError::new(
                    "store",
                    format!(
                        "there is no store {:?}; there are {}",
                        self.store,
                        names.join(", ")
                    ),
                ));
            }
            Some(listed) => errors.extend(listed.resolve(self).err()),
        }
        errors
    }

    /// The same with every option of the store written out.
    ///
    /// # Errors
    /// There is no such store, or it has no such option.
    pub fn resolve(&self) -> Result<Self, ConfigError> {
        if let Some(error) = self.check().into_iter().next() {
            return Err(error);
        }
        let listed = stores::named(&self.store).expect("just checked");
        Ok(Self {
            options: listed.resolve(self)?,
            ..self.clone()
        })
    }

    /// The cluster at time zero. The same configuration and seed give the same run, on any machine.
    ///
    /// # Errors
    /// Something is wrong with the configuration; [`Config::check`] tells everything.
    pub fn open(&self, seed: u64) -> Result<Box<dyn Simulation>, ConfigError> {
        if let Some(error) = self.check().into_iter().next() {
            return Err(error);
        }
        stores::named(&self.store)
            .expect("just checked")
            .open(self, seed)
    }

    /// What is wrong with everything but the store and its options.
    pub(crate) fn check_cluster(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if self.nodes == 0 || usize::from(self.nodes) > MAX_NODES {
            errors.push(ConfigError::new(
                "nodes",
                format!(
                    "a simulated cluster has 1 to {MAX_NODES} nodes, not {}",
                    self.nodes
                ),
            ));
        }
        errors.extend(
            self.network
                .check()
                .map_err(|error| ConfigError::new(format!("network.{}", error.path), error.reason))
                .err(),
        );
        errors.extend(self.clocks.check("clocks"));
        errors.extend(self.clients.clocks.check("clients.clocks"));
        if self.disk.sync > LONGEST_DELAY {
            errors.push(ConfigError::new(
                "disk.sync",
                "a disk takes an hour at most",
            ));
        }
        if errors.is_empty() {
            errors.extend(self.geography().check());
        }
        if self.spares >= self.nodes && self.spares > 0 {
            errors.push(ConfigError::new(
                "spares",
                format!(
                    "of {} nodes at most {} are spare",
                    self.nodes,
                    self.nodes.max(1) - 1
                ),
            ));
        }
        errors
    }
}

impl Clocks {
    fn check(&self, path: &str) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if self.offset > LARGEST_OFFSET {
            errors.push(ConfigError::new(
                format!("{path}.offset"),
                "a clock is off by ten years at most",
            ));
        }
        if self.drift_ppm > MAX_DRIFT_PPM as u32 {
            errors.push(ConfigError::new(
                format!("{path}.drift_ppm"),
                format!(
                    "a clock runs fast or slow by {MAX_DRIFT_PPM} ppm at most, not {}",
                    self.drift_ppm
                ),
            ));
        }
        errors
    }
}

impl Conditions {
    /// Whether packets can go through this.
    ///
    /// # Errors
    /// They cannot: which key is wrong, and what would be right.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.delay.max > LONGEST_DELAY {
            return Err(ConfigError::new(
                "delay.max",
                "a packet takes an hour at most",
            ));
        }
        if self.delay.min > self.delay.max {
            return Err(ConfigError::new(
                "delay.min",
                format!(
                    "the shortest delay ({:?}) is longer than the longest, delay.max ({:?})",
                    self.delay.min, self.delay.max
                ),
            ));
        }
        Ok(())
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_zero(number: &u16) -> bool {
    *number == 0
}

const fn five() -> u16 {
    5
}

fn store_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = STORES.iter().map(|listed| listed.name).collect();
    json_schema!({ "type": "string", "enum": names })
}

fn options_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schemas: Vec<Schema> = Vec::new();
    for listed in STORES {
        let schema = listed.options_schema(generator);
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }
    json_schema!({ "type": "object", "anyOf": schemas })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: serde_json::Value) -> Result<Config, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    fn paths(config: &Config) -> Vec<String> {
        config.check().into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn a_name_is_enough() {
        let config = read(json!({ "store": "kg-abd" })).unwrap();
        assert_eq!(config, Config::new("kg-abd"));
        assert_eq!(config.check(), []);
        assert_eq!(
            config.open(1).map(|cluster| cluster.nodes().len()).unwrap(),
            5
        );
    }

    #[test]
    fn unknown_keys_are_errors_everywhere() {
        for json in [
            json!({ "store": "kg-abd", "node": 3 }),
            json!({ "store": "kg-abd", "network": { "latency": "1ms" } }),
            json!({ "store": "kg-abd", "network": { "delay": { "mean": "1ms" } } }),
            json!({ "store": "kg-abd", "clocks": { "skew": "1s" } }),
        ] {
            assert!(read(json).unwrap_err().contains("unknown field"));
        }
    }

    #[test]
    fn several_mistakes_are_told_at_once_each_with_its_path() {
        let config = read(json!({
            "store": "kg-adb",
            "nodes": 0,
            "network": { "delay": { "min": "6ms" } },
            "clocks": { "offset": "11years", "drift_ppm": 600_000 },
        }))
        .unwrap();
        assert_eq!(
            paths(&config),
            [
                "nodes",
                "network.delay.min",
                "clocks.offset",
                "clocks.drift_ppm",
                "store"
            ]
        );
        assert!(config.check()[4].reason.contains("kg-abd"));
        assert!(config.open(1).is_err());
        assert!(config.resolve().is_err());
    }

    #[test]
    fn options_of_another_store_are_errors() {
        let config = read(json!({ "store": "kg-abd", "options": { "failover": "1s" } })).unwrap();
        let error = config.check().remove(0);
        assert_eq!(error.path, "options");
        assert!(
            error.reason.contains("failover") && error.reason.contains("write_back"),
            "{error}"
        );

        let config = read(json!({ "store": "kg-abd", "options": { "read": 9 } })).unwrap();
        assert_eq!(paths(&config), ["options"]);
        assert!(config.open(1).is_err());
    }

    #[test]
    fn a_resolved_configuration_says_everything_and_means_the_same() {
        for listed in STORES {
            let resolved = Config::new(listed.name).resolve().unwrap();
            assert_eq!(resolved.resolve().unwrap(), resolved);
            let text = serde_json::to_string(&resolved).unwrap();
            assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), resolved);
        }
        let config = read(json!({ "store": "kg-abd", "options": { "retry": "1s" } })).unwrap();
        let options = config.resolve().unwrap().options;
        assert_eq!(options["retry"], "1s");
        assert_eq!(options["write_back"], true);
    }

    #[test]
    fn the_schema_names_every_store() {
        let schema = serde_json::to_string(&schemars::schema_for!(Config)).unwrap();
        for listed in STORES {
            assert!(schema.contains(&format!("\"{}\"", listed.name)));
        }
        assert!(schema.contains("write_back") && schema.contains("failover"));
    }

    #[test]
    fn clocks_are_drawn_on_both_sides_of_the_truth() {
        let clocks = Clocks {
            offset: Duration::from_secs(1),
            drift_ppm: 50,
            uncertainty: None,
        };
        let mut random = Random::new(1, 0);
        let drawn: Vec<(i64, i32)> = (0..200).map(|_| clocks.draw(&mut random)).collect();
        assert!(drawn.iter().all(|(offset, drift)| {
            offset.unsigned_abs() <= 1_000_000_000 && drift.unsigned_abs() <= 50
        }));
        assert!(
            drawn
                .iter()
                .any(|(offset, drift)| *offset < 0 && *drift > 0)
        );
        assert!(
            drawn
                .iter()
                .any(|(offset, drift)| *offset > 0 && *drift < 0)
        );
        assert_eq!(Clocks::default().draw(&mut random), (0, 0));
    }
}
