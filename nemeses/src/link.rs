//! Faults of links: packets that are late, lost, doubled, overtaken, damaged or slow.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use humantime_serde::re::humantime::format_duration;
use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration_range::HumanDuration;
use crate::fault::{Effect, Endpoint, Fault};
use crate::mistake::Mistake;
use crate::partition::Direction;
use crate::quantity::{Rate, Share};
use crate::role::Roles;
use crate::spec::Settings;
use crate::targets::{Targets, Unresolved, unknown_node};
use crate::topology;

/// The name by which a list of places means the clients.
const CLIENTS: &str = "clients";

/// Settings of a fault of links, in the words of `tc netem`. At least one of them must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFault {
    /// How much longer each packet takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<HumanDuration>,
    /// By how much the delay varies, up and down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<HumanDuration>,
    /// How delays are spread between `delay - jitter` and `delay + jitter`: `uniform` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// The share of packets that never arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
    /// The share of packets that arrive twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Share>,
    /// The share of packets that take no delay and pass those before them; needs a delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reorder: Option<Share>,
    /// The share of packets in which a bit is flipped. A checksum finds it, unless the store has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Share>,
    /// How fast packets follow each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The nodes at one end of the links; one node, drawn, when left out.
    #[serde(default)]
    pub from: Targets,
    /// The places at the other end: names of nodes, and `"clients"`; all other nodes when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<Arc<str>>>,
    /// Which way packets are hit: `both`, `out` (from the nodes of `from`) or `in` (towards them).
    #[serde(default)]
    pub direction: Direction,
}

/// How delays are spread around the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// All alike.
    #[default]
    Uniform,
    /// Most around the middle.
    Normal,
    /// Most short, few long.
    Pareto,
}

/// What is done to packets on a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// How much longer each packet takes.
    pub delay: Duration,
    /// By how much that varies, up and down.
    pub jitter: Duration,
    /// How it is spread.
    pub distribution: Distribution,
    /// The share of packets that never arrive.
    pub loss: Share,
    /// The share of packets that arrive twice.
    pub duplicate: Share,
    /// The share of packets that pass those before them.
    pub reorder: Share,
    /// The share of packets that are damaged.
    pub corrupt: Share,
    /// How fast packets follow each other.
    pub rate: Option<Rate>,
}

impl LinkFault {
    fn impairment(&self) -> Impairment {
        let time = |duration: Option<HumanDuration>| duration.map_or(Duration::ZERO, |d| d.0);
        Impairment {
            delay: time(self.delay),
            jitter: time(self.jitter),
            distribution: self.distribution.unwrap_or_default(),
            loss: self.loss.unwrap_or_default(),
            duplicate: self.duplicate.unwrap_or_default(),
            reorder: self.reorder.unwrap_or_default(),
            corrupt: self.corrupt.unwrap_or_default(),
            rate: self.rate,
        }
    }

    /// `delay 50ms ± 10ms, loss 1%`.
    fn what(&self) -> String {
        let mut parts = Vec::new();
        let impairment = self.impairment();
        if self.delay.is_some() || self.jitter.is_some() {
            let mut part = format!("delay {}", format_duration(impairment.delay));
            if !impairment.jitter.is_zero() {
                let _ = write!(part, " ± {}", format_duration(impairment.jitter));
            }
            parts.push(part);
        }
        for (name, share) in [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("corrupt", self.corrupt),
        ] {
            if let Some(share) = share {
                parts.push(format!("{name} {share}"));
            }
        }
        if let Some(rate) = self.rate {
            parts.push(format!("rate {rate}"));
        }
        parts.join(", ")
    }

    fn arrow(&self) -> &'static str {
        match self.direction {
            Direction::Both => "<->",
            Direction::Out => "->",
            Direction::In => "<-",
        }
    }

    fn far_end(&self) -> String {
        self.to
            .as_ref()
            .map_or_else(|| "the rest".to_owned(), |places| places.join(" "))
    }
}

impl Settings for LinkFault {
    fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        let impairment = self.impairment();
        let nothing = Impairment {
            distribution: impairment.distribution,
            ..Impairment::default()
        };
        if impairment == nothing {
            mistakes.push(Mistake::new(
                path,
                "the fault does nothing to the link",
                "give at least one of delay, jitter, loss, duplicate, reorder, corrupt and rate",
            ));
        }
        if !impairment.reorder.is_none() && impairment.delay.is_zero() {
            mistakes.push(Mistake::new(
                format!("{path}.reorder"),
                "packets can pass others only where those are delayed",
                "add a delay, like delay = \"10ms\"",
            ));
        }
        if self.distribution.is_some() && impairment.jitter.is_zero() {
            mistakes.push(Mistake::new(
                format!("{path}.distribution"),
                "a delay that does not vary has no distribution",
                "add a jitter, or leave the distribution out",
            ));
        }
        if impairment.delay > LONGEST || impairment.jitter > LONGEST {
            mistakes.push(Mistake::new(
                format!("{path}.delay"),
                "a packet would take more than an hour",
                "write a shorter delay, or use a partition",
            ));
        }
        self.from.validate(nodes, &format!("{path}.from"), mistakes);
        let Some(places) = &self.to else {
            if nodes.len() < 2 {
                mistakes.push(Mistake::new(
                    format!("{path}.to"),
                    "there is no other node",
                    "write to = [\"clients\"], or use more nodes",
                ));
            }
            return;
        };
        if places.is_empty() {
            mistakes.push(Mistake::new(
                format!("{path}.to"),
                "the list of places is empty",
                "name at least one node or \"clients\", or leave it out",
            ));
        }
        for (i, name) in places.iter().enumerate() {
            if **name != *CLIENTS && !nodes.contains(name) {
                mistakes.push(unknown_node(format!("{path}.to[{i}]"), name, nodes));
            }
        }
    }

    fn resolve(
        &self,
        id: u32,
        nodes: &[Arc<str>],
        roles: Option<&Roles>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Fault, Unresolved> {
        let mut near = self.from.draw(nodes, roles, rng)?;
        near.sort_unstable();
        let far: Vec<Endpoint> = match &self.to {
            None => nodes
                .iter()
                .filter(|node| !near.contains(node) || near.len() == nodes.len())
                .map(|node| Endpoint::Node(node.clone()))
                .collect(),
            Some(places) => places
                .iter()
                .map(|place| match &**place {
                    CLIENTS => Endpoint::Clients,
                    _ => Endpoint::Node(place.clone()),
                })
                .collect(),
        };
        let mut pairs = Vec::new();
        for node in &near {
            for other in &far {
                if *other != Endpoint::Node(node.clone()) {
                    pairs.push((Endpoint::Node(node.clone()), other.clone()));
                }
            }
        }
        if pairs.is_empty() {
            return Err(Unresolved::Impossible(
                "there is no link between these places".to_owned(),
            ));
        }
        Ok(Fault {
            id,
            name: "link",
            label: format!(
                "{}: {} {} {}",
                self.what(),
                near.join(" "),
                self.arrow(),
                self.far_end()
            ),
            nodes: near,
            sides: Vec::new(),
            effect: Effect::Impair {
                links: topology::links(&pairs, self.direction),
                impairment: self.impairment(),
            },
        })
    }

    fn awaited(&self) -> String {
        format!(
            "{}: {} {} {}",
            self.what(),
            self.from,
            self.arrow(),
            self.far_end()
        )
    }
}

/// The longest delay that a fault may add.
const LONGEST: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;
    use crate::testing::nodes;

    fn read(text: &str) -> LinkFault {
        toml::from_str(text).unwrap()
    }

    fn resolved(text: &str) -> Fault {
        read(text)
            .resolve(1, &nodes(3), None, &mut draw::stream(1, 0))
            .unwrap()
    }

    fn links(text: &str) -> Vec<String> {
        let Effect::Impair { links, .. } = resolved(text).effect else {
            panic!("a fault of links")
        };
        links
            .iter()
            .map(|link| format!("{}>{}", link.from, link.to))
            .collect()
    }

    fn mistakes(text: &str) -> Vec<String> {
        let mut mistakes = Vec::new();
        read(text).validate(&nodes(3), "link", &mut mistakes);
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn both_ways_and_one_way() {
        let both = links("delay = \"1ms\"\nfrom = [\"n1\"]");
        assert_eq!(both, ["n1>n2", "n1>n3", "n2>n1", "n3>n1"]);
        let out = links("delay = \"1ms\"\nfrom = [\"n1\"]\ndirection = \"out\"");
        assert_eq!(out, ["n1>n2", "n1>n3"]);
        let inwards = links(
            "delay = \"1ms\"\nfrom = [\"n1\"]\nto = [\"clients\", \"n2\"]\ndirection = \"in\"",
        );
        assert_eq!(inwards, ["n2>n1", "clients>n1"]);
        assert_eq!(links("loss = \"1%\"\nfrom = \"all\"").len(), 6);
    }

    #[test]
    fn labels_say_what_and_where() {
        let fault = resolved(
            "delay = \"50ms\"\njitter = \"10ms\"\nloss = \"1%\"\nrate = \"1mbit\"\nfrom = [\"n2\"]\ndirection = \"out\"",
        );
        assert_eq!(
            fault.label,
            "delay 50ms ± 10ms, loss 1%, rate 1mbit: n2 -> the rest"
        );
        let awaited = read("corrupt = \"1%\"\nfrom = \"leader\"\nto = [\"clients\"]").awaited();
        assert_eq!(awaited, "corrupt 1%: leader <-> clients");
    }

    #[test]
    fn what_cannot_be_is_told() {
        assert!(mistakes("delay = \"1ms\"").is_empty());
        for (text, part) in [
            ("", "does nothing"),
            ("loss = \"0%\"", "does nothing"),
            ("reorder = \"1%\"", "link.reorder"),
            (
                "delay = \"1ms\"\ndistribution = \"normal\"",
                "link.distribution",
            ),
            ("delay = \"2h\"", "more than an hour"),
            ("loss = \"1%\"\nto = []", "empty"),
            ("loss = \"1%\"\nto = [\"n9\"]", "link.to[0]"),
            ("loss = \"1%\"\nfrom = [\"n9\"]", "link.from[0]"),
        ] {
            let mistakes = mistakes(text);
            assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
            assert!(mistakes[0].contains(part), "{text}: {mistakes:?}");
        }
    }
}
