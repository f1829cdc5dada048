//! Data centres: which node and which client is where, and how far they are from each other.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conditions::Weather;
use crate::config::ConfigError;
use crate::{ClientId, Conditions, Delay, NodeId, Spread};

/// A data centre of a cluster: its place in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(u8);

impl Region {
    /// Its place in the configuration, counted from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A data centre: within it packets go through `network`, between two through `between` or a route's own conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataCentre {
    /// Its name.
    pub name: Arc<str>,
    /// The nodes in it, by name; each node of the cluster is in one.
    pub nodes: Vec<Arc<str>>,
}

/// How packets get from one data centre to another, in this direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Where they come from: the name of a region.
    pub from: Arc<str>,
    /// Where they go to.
    pub to: Arc<str>,
    /// What they go through.
    pub network: Conditions,
}

/// What packets go through between two data centres when the plan says nothing: 40 to 60 ms.
pub(crate) fn far_apart() -> Conditions {
    Conditions {
        delay: Delay {
            min: Duration::from_millis(40),
            max: Duration::from_millis(60),
            spread: Spread::LongTail,
        },
        ..Conditions::default()
    }
}

/// The words that a plan has for where clients are, besides the names of regions.
pub(crate) const BESIDE: &str = "beside";
pub(crate) const SPREAD: &str = "spread";

/// Where clients are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Placement {
    /// Where the node is that they call.
    #[default]
    Beside,
    /// One after the other in each region.
    Spread,
    /// All there.
    In(Region),
}

/// The conditions between all places when no fault is at work.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    near: Weather,
    /// From region times to region.
    table: Vec<Weather>,
    regions: usize,
    /// The region of each node.
    nodes: Vec<Region>,
    placement: Placement,
}

impl Ground {
    /// The conditions between places: the nodes, and after them the clients of each region.
    pub(crate) fn between(&self, from: usize, to: usize) -> Weather {
        if self.regions == 0 {
            return self.near;
        }
        let region = |place: usize| match self.nodes.get(place) {
            Some(region) => region.index(),
            None => place - self.nodes.len(),
        };
        self.table[region(from) * self.regions + region(to)]
    }

    /// How many regions there are; 0 when the cluster has none.
    pub(crate) fn regions(&self) -> usize {
        self.regions
    }

    /// Where a node is.
    pub(crate) fn of_node(&self, node: NodeId) -> Region {
        self.nodes.get(node.index()).copied().unwrap_or_default()
    }

    /// Where a client is when it calls this node.
    pub(crate) fn of_client(&self, client: ClientId, node: NodeId) -> Region {
        if self.regions == 0 {
            return Region::default();
        }
        match self.placement {
            Placement::Beside => self.of_node(node),
            Placement::Spread => Region((client.0 as usize % self.regions) as u8),
            Placement::In(region) => region,
        }
    }
}

/// Everything that a configuration says about places.
pub(crate) struct Geography<'a> {
    pub(crate) nodes: usize,
    pub(crate) network: Conditions,
    pub(crate) regions: &'a [DataCentre],
    pub(crate) between: Conditions,
    pub(crate) routes: &'a [Route],
    pub(crate) clients: &'a str,
}

impl Geography<'_> {
    fn region(&self, name: &str) -> Option<Region> {
        let place = self
            .regions
            .iter()
            .position(|region| *region.name == *name)?;
        u8::try_from(place).ok().map(Region)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.regions.iter().map(|region| &*region.name).collect();
        names.join(", ")
    }

    /// What is wrong with it.
    pub(crate) fn check(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut add = |path: String, reason: String| errors.push(ConfigError::new(path, reason));
        if self.regions.len() > usize::from(u8::MAX) {
            add(
                "regions".to_owned(),
                "there are 255 regions at most".to_owned(),
            );
        }
        let mut seen: Vec<&str> = Vec::new();
        for (place, region) in self.regions.iter().enumerate() {
            let path = format!("regions[{place}]");
            if region.name.is_empty() || [BESIDE, SPREAD].contains(&&*region.name) {
                let reason = format!("a region cannot be called {:?}", region.name);
                add(format!("{path}.name"), reason);
            }
            if self.regions[..place]
                .iter()
                .any(|other| other.name == region.name)
            {
                let reason = format!("there are two regions {:?}", region.name);
                add(format!("{path}.name"), reason);
            }
            for (position, node) in region.nodes.iter().enumerate() {
                let path = format!("{path}.nodes[{position}]");
                if node_named(node, self.nodes).is_none() {
                    add(
                        path,
                        format!("there is no node {node:?} among the {}", self.nodes),
                    );
                } else if seen.contains(&&**node) {
                    add(path, format!("{node} is in two places"));
                }
                seen.push(node);
            }
        }
        if !self.regions.is_empty() {
            let missing: Vec<String> = (0..self.nodes)
                .map(|index| NodeId::new(index).to_string())
                .filter(|node| !seen.contains(&node.as_str()))
                .collect();
            if !missing.is_empty() {
                let reason = format!(
                    "every node is in a region, and {} is in none",
                    missing.join(", ")
                );
                add("regions".to_owned(), reason);
            }
        }
        for (place, route) in self.routes.iter().enumerate() {
            for (key, name) in [("from", &route.from), ("to", &route.to)] {
                if self.region(name).is_none() {
                    let reason = format!("there is no region {name:?}; there are {}", self.names());
                    add(format!("routes[{place}].{key}"), reason);
                }
            }
            if let Err(error) = route.network.check() {
                add(
                    format!("routes[{place}].network.{}", error.path),
                    error.reason,
                );
            }
        }
        if let Err(error) = self.between.check() {
            add(format!("between.{}", error.path), error.reason);
        }
        if ![BESIDE, SPREAD].contains(&self.clients) && self.region(self.clients).is_none() {
            let reason = format!(
                "clients are {BESIDE:?}, {SPREAD:?}, or in one of the regions ({}), not {:?}",
                self.names(),
                self.clients
            );
            add("clients.place".to_owned(), reason);
        }
        errors
    }

    /// The conditions between all places, for something that was checked.
    pub(crate) fn ground(&self) -> Ground {
        let regions = self.regions.len();
        let mut table = vec![Weather::from(self.between); regions * regions];
        for region in 0..regions {
            table[region * regions + region] = self.network.into();
        }
        for route in self.routes {
            if let (Some(from), Some(to)) = (self.region(&route.from), self.region(&route.to)) {
                table[from.index() * regions + to.index()] = route.network.into();
            }
        }
        let mut nodes = vec![Region::default(); self.nodes];
        for (place, region) in self.regions.iter().enumerate() {
            for node in region
                .nodes
                .iter()
                .filter_map(|name| node_named(name, self.nodes))
            {
                nodes[node] = Region(place as u8);
            }
        }
        let placement = match self.clients {
            BESIDE => Placement::Beside,
            SPREAD => Placement::Spread,
            name => self.region(name).map_or(Placement::Beside, Placement::In),
        };
        Ground {
            near: self.network.into(),
            table,
            regions,
            nodes,
            placement,
        }
    }
}

/// The place of the node with this name.
fn node_named(name: &str, nodes: usize) -> Option<usize> {
    let number: usize = name.strip_prefix('n')?.parse().ok()?;
    (1..=nodes)
        .contains(&number)
        .then(|| number - 1)
        .filter(|&index| NodeId::new(index).to_string() == name)
}
