//! What can be asked of such nodes: the workloads of Maelstrom, each with its messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use schism_workloads::Capability;
use serde::{Deserialize, Serialize};

/// A set of messages that nodes answer.
#[derive(Debug)]
pub struct Protocol {
    /// Its name, the same as in Maelstrom.
    pub name: &'static str,
    /// What it is about, in half a sentence.
    pub summary: &'static str,
    /// What its clients can ask for.
    pub offers: &'static [Capability],
    /// The workload that suits it, in a plan's words.
    pub workload: &'static str,
    /// Checkers that judge it, beyond those of the workload.
    pub also_judged_by: &'static [&'static str],
    /// Whether nodes are told who their neighbours are.
    pub has_topology: bool,
}

/// All protocols, by name.
pub const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "broadcast",
        summary: "messages that every node gets to know: broadcast, read, topology",
        offers: &[Capability::Sets],
        workload: "set = { add = 4 }",
        also_judged_by: &["replica-equality"],
        has_topology: true,
    },
    Protocol {
        name: "g-set",
        summary: "a set that grows: add, read",
        offers: &[Capability::Sets],
        workload: "set = { add = 4 }",
        also_judged_by: &["replica-equality"],
        has_topology: false,
    },
    Protocol {
        name: "lin-kv",
        summary: "a linearizable key-value store: read, write, cas",
        offers: &[Capability::Registers, Capability::CompareAndSet],
        workload: "register = {}",
        also_judged_by: &[],
        has_topology: false,
    },
];

impl Protocol {
    /// The protocol of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROTOCOLS.iter().find(|protocol| protocol.name == name)
    }
}

impl Protocol {
    /// Everybody who judges it: the workload's checkers and its own.
    pub fn checkers(&self) -> Vec<&'static str> {
        #[derive(Deserialize)]
        struct Wrapped {
            workload: schism_workloads::Spec,
        }
        let text = format!("workload = {{ {} }}", self.workload);
        let wrapped: Wrapped = toml::from_str(&text).expect("a test reads all protocols");
        let checkers = wrapped.workload.build(self.offers).checkers();
        [self.also_judged_by, checkers].concat()
    }
}

impl PartialEq for Protocol {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Who is whose neighbour, as nodes are told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// A square grid.
    #[default]
    Grid,
    /// One after the other.
    Line,
    /// Everybody is everybody's.
    Total,
    /// A tree in which each node has two below it.
    Tree2,
    /// A tree in which each node has three below it.
    Tree3,
    /// A tree in which each node has four below it.
    Tree4,
}

impl Topology {
    /// Each node's neighbours.
    pub(super) fn neighbours(self, nodes: &[Arc<str>]) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
        let count = nodes.len();
        let side = (1..=count).find(|side| side * side >= count).unwrap_or(1);
        let linked = |a: usize, b: usize| {
            let (low, high) = (a.min(b), a.max(b));
            match self {
                Self::Grid => high == low + side || (high == low + 1 && low / side == high / side),
                Self::Line => high == low + 1,
                Self::Total => true,
                Self::Tree2 => (high - 1) / 2 == low,
                Self::Tree3 => (high - 1) / 3 == low,
                Self::Tree4 => (high - 1) / 4 == low,
            }
        };
        let of = |node: usize| {
            let others = (0..count).filter(|other| *other != node && linked(node, *other));
            others.map(|other| Arc::clone(&nodes[other])).collect()
        };
        (0..count)
            .map(|node| (Arc::clone(&nodes[node]), of(node)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbours(topology: Topology, count: usize) -> Vec<Vec<String>> {
        let nodes: Vec<Arc<str>> = (0..count).map(|i| Arc::from(format!("n{i}"))).collect();
        let all = topology.neighbours(&nodes);
        let names = |list: &Vec<Arc<str>>| list.iter().map(ToString::to_string).collect();
        nodes.iter().map(|node| names(&all[node])).collect()
    }

    #[test]
    fn neighbours_are_what_the_topology_says() {
        assert_eq!(
            neighbours(Topology::Grid, 4),
            [["n1", "n2"], ["n0", "n3"], ["n0", "n3"], ["n1", "n2"]]
        );
        assert_eq!(neighbours(Topology::Line, 3)[1], ["n0", "n2"]);
        assert_eq!(neighbours(Topology::Total, 3)[0], ["n1", "n2"]);
        assert_eq!(neighbours(Topology::Tree2, 7)[1], ["n0", "n3", "n4"]);
        assert_eq!(neighbours(Topology::Tree4, 6)[0], ["n1", "n2", "n3", "n4"]);
        assert_eq!(neighbours(Topology::Grid, 1), [Vec::<String>::new()]);
    }

    #[test]
    fn everybody_is_reached_in_every_topology() {
        for topology in [
            Topology::Grid,
            Topology::Line,
            Topology::Total,
            Topology::Tree2,
            Topology::Tree3,
            Topology::Tree4,
        ] {
            for count in 1..30 {
                let nodes: Vec<Arc<str>> = (0..count).map(|i| Arc::from(format!("{i}"))).collect();
                let all = topology.neighbours(&nodes);
                let mut reached = vec![Arc::clone(&nodes[0])];
                let mut next = 0;
                while let Some(node) = reached.get(next).cloned() {
                    for other in &all[&node] {
                        assert!(all[other].contains(&node), "both know each other");
                        if !reached.contains(other) {
                            reached.push(Arc::clone(other));
                        }
                    }
                    next += 1;
                }
                assert_eq!(reached.len(), count, "{topology:?} of {count}");
            }
        }
    }

    #[test]
    fn the_list_is_in_order_and_its_workloads_can_be_read() {
        assert!(PROTOCOLS.is_sorted_by_key(|protocol| protocol.name));
        for protocol in PROTOCOLS {
            assert!(protocol.checkers().contains(&"stats"));
        }
    }
}
