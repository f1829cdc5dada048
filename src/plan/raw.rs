//! A plan as it stands in TOML: what may be written where. Nothing is checked here beyond shape; that is
//! [`lower`](super::lower)'s work.
//!
//! Alternatives (the target, the workload, the database, a kind of fault) are told apart by their key, because a
//! mistake inside is then reported at its own place. The descriptions are those of the JSON Schema.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use schism_workloads::Secret;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::database::RawDatabase;
use super::judgement::StopOn;
use super::load::Routing;
use super::target::LatencyDistribution;
use super::units::{Bytes, Concurrency, Share, Span};
use crate::targets::maelstrom::Topology;

/// A plan: what is tested, what is asked of it, what is done to it, and how the answers are judged.
///
/// Only `target` and `workload` are needed, and `database` unless the target is simulated.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "schism plan")]
pub(super) struct RawPlan {
    /// The name of the run's folder: letters, digits, `.`, `-`, `_`. When absent: that of the plan's folder or file.
    pub(super) name: Option<String>,
    /// What every random choice comes from. When absent: drawn, shown and recorded.
    #[schemars(range(max = 9_223_372_036_854_775_807_i64))]
    pub(super) seed: Option<u64>,
    /// How long the load lasts; in a simulation, of its own time.
    pub(super) time: Option<Span>,
    /// Consent to faults on machines that schism did not make; needed for the target `ssh`.
    pub(super) destructive: Option<bool>,
    /// What is tested: exactly one of `sim`, `maelstrom`, `lab`, `ssh`.
    #[schemars(required)]
    pub(super) target: Option<RawTarget>,
    /// The database on a `lab` or `ssh` target, by name with its client's options, and how its processes are run.
    pub(super) database: Option<RawDatabase>,
    /// What is asked of the database: exactly one workload, by name with its options.
    #[schemars(required)]
    pub(super) workload: Option<schism_workloads::Spec>,
    /// How hard the database is worked.
    pub(super) load: Option<RawLoad>,
    /// What is done to the cluster: each entry one kind of fault and when it strikes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) faults: Vec<schism_nemeses::Spec>,
    /// What the cluster gets after the load: everything is healed, then it has time to recover.
    pub(super) recovery: Option<RawRecovery>,
    /// Who judges.
    pub(super) checks: Option<RawChecks>,
    /// What is told to checkers about the database, by their names: what it promises, and what it does not.
    pub(super) checkers: Option<schism_checkers::Options>,
    /// What must hold beyond the verdict.
    pub(super) gates: Option<RawGates>,
}

/// What is tested.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(super) struct RawTarget {
    /// A simulated cluster; needs no root, no database, no network.
    pub(super) sim: Option<schism_simulator::Config>,
    /// Programs that speak Maelstrom's protocol; needs no root and no network.
    pub(super) maelstrom: Option<RawMaelstrom>,
    /// A local cluster that schism brings up for the run; needs root.
    pub(super) lab: Option<RawLab>,
    /// A cluster of yours, reached over SSH; needs `destructive = true`.
    pub(super) ssh: Option<RawSsh>,
}

/// Nodes that are processes of this machine: they read messages from stdin and print messages to stdout.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMaelstrom {
    /// The program that each node is.
    #[schemars(required)]
    pub(super) bin: Option<String>,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) args: Vec<String>,
    /// How many nodes, named n1, n2, ….
    #[schemars(range(min = 1, max = 100))]
    pub(super) nodes: Option<u16>,
    /// What the nodes answer, see `schism list`.
    #[schemars(required)]
    pub(super) protocol: Option<String>,
    /// How long messages between nodes take, on average. When absent: no time.
    pub(super) latency: Option<Span>,
    /// How these times are spread. When absent: not at all.
    pub(super) distribution: Option<LatencyDistribution>,
    /// The share of messages between nodes that never arrive. When absent: none.
    pub(super) loss: Option<Share>,
    /// Who is whose neighbour, for `broadcast`. When absent: a grid.
    pub(super) topology: Option<Topology>,
}

/// A local cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLab {
    /// How many nodes, named n1, n2, ….
    #[schemars(range(min = 1))]
    pub(super) nodes: Option<u16>,
    /// The lab's name; one of this name that is up already is used. When absent: the database's name.
    pub(super) name: Option<String>,
    /// The database's program. When absent: the one in `PATH`.
    pub(super) binary: Option<String>,
}

/// A cluster reached over SSH.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSsh {
    /// The nodes: each a host, or a table with a name of its own.
    #[schemars(length(min = 1), required)]
    pub(super) nodes: Option<Vec<RawNode>>,
    /// The login name.
    pub(super) user: Option<String>,
    /// The port of sshd.
    #[schemars(range(min = 1))]
    pub(super) port: Option<u16>,
    /// The file of the private key.
    pub(super) key: Option<String>,
    /// The passphrase of the private key, from an environment variable.
    pub(super) passphrase: Option<Secret>,
    /// The file of known host keys. When absent: the user's and the system's.
    pub(super) known_hosts: Option<String>,
    /// The host through which the nodes are reached: host, user@host or user@host:port; several with commas between.
    pub(super) jump: Option<String>,
    /// Whether ~/.ssh/config is asked for what the plan does not say. When absent: yes.
    pub(super) config: Option<bool>,
    /// Whether root's work is done through sudo. When absent: yes.
    pub(super) sudo: Option<bool>,
    /// Whether keys of hosts seen for the first time are accepted and remembered. When absent: no.
    pub(super) accept_new_host_keys: Option<bool>,
}

/// A node: `"db1.example"`, or `{ name = "n1", host = "db1.example" }`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum RawNode {
    Host(String),
    Table(RawNodeTable),
}

/// A node with a name of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNodeTable {
    /// Its name in the plan and the report. When absent: the host.
    pub(super) name: Option<String>,
    /// The host that schism connects to.
    pub(super) host: String,
    /// The IP address that the other nodes know it by. When absent: found out.
    pub(super) address: Option<String>,
    /// The port of its sshd.
    #[schemars(range(min = 1))]
    pub(super) port: Option<u16>,
}

impl<'de> Deserialize<'de> for RawNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HostOrTable;

        impl<'de> Visitor<'de> for HostOrTable {
            type Value = RawNode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a host in quotes or a table { name = …, host = … }")
            }

            fn visit_str<E>(self, host: &str) -> Result<RawNode, E> {
                Ok(RawNode::Host(host.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawNode, A::Error> {
                RawNodeTable::deserialize(MapAccessDeserializer::new(map)).map(RawNode::Table)
            }
        }

        deserializer.deserialize_any(HostOrTable)
    }
}

impl JsonSchema for RawNode {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Node")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<RawNodeTable>();
        json_schema!({
            "description": "A node: its host, or a table with a name of its own.",
            "anyOf": [{ "type": "string", "minLength": 1 }, table]
        })
    }
}

/// How hard the database is worked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLoad {
    /// How many processes call at once: in all (10), or for each node ("2n").
    pub(super) concurrency: Option<Concurrency>,
    /// Calls a second, all processes together. When absent: as many as the database answers.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) rate: Option<f64>,
    /// Whether calls are due at the rate whatever the database does, with latency from the moment they were due.
    pub(super) open: Option<bool>,
    /// After how long a call is given up.
    pub(super) timeout: Option<Span>,
    /// Whether a process keeps to one node or moves between nodes.
    pub(super) routing: Option<Routing>,
    /// The load ends after so many calls, if the time is not over before.
    #[schemars(range(min = 1))]
    pub(super) operations: Option<u64>,
}

/// What the cluster gets after the load.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecovery {
    /// The longest time until every node serves clients again.
    pub(super) within: Option<Span>,
    /// How long is waited after that, before the final reads.
    pub(super) settle: Option<Span>,
}

/// Who judges, and how long they may take.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChecks {
    /// The checkers, by name. When absent: those of the workload.
    #[serde(rename = "use")]
    pub(super) checkers: Option<Vec<String>>,
    /// The most search steps that one checker takes.
    #[schemars(range(min = 1))]
    pub(super) steps: Option<u64>,
    /// The most memory that one checker takes.
    pub(super) memory: Option<Bytes>,
    /// With fewer successful calls than this, nothing is called valid.
    pub(super) minimum_ok: Option<u64>,
    /// What ends the run before its time. When absent: nothing does.
    pub(super) stop_on: Option<StopOn>,
}

/// What must hold beyond the verdict.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGates {
    /// Checkers that must say valid.
    pub(super) require: Option<Vec<String>>,
    /// The share of calls that succeed: at least.
    pub(super) availability: Option<RawLevels<Share>>,
    /// The share of calls that end in an error: at most.
    pub(super) errors: Option<RawLevels<Share>>,
    /// The share of successful reads that are stale: at most.
    pub(super) stale_reads: Option<RawLevels<Share>>,
    /// The time from the end of a fault until every node serves clients again: at most.
    pub(super) recovery: Option<RawLevels<Span>>,
    /// The latency of successful calls, by function (read, write, …) and quantile: at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) latency: BTreeMap<String, RawQuantiles>,
}

/// Where a figure becomes a warning, and where it misses the gate.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLevels<T> {
    /// Beyond this it is shown as a warning.
    pub(super) warning: Option<T>,
    /// Beyond this the gate is missed.
    pub(super) critical: Option<T>,
}

/// Levels by quantile.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuantiles {
    /// Half of all calls are as fast or faster.
    pub(super) p50: Option<RawLevels<Span>>,
    /// 95 of 100 calls are.
    pub(super) p95: Option<RawLevels<Span>>,
    /// 99 of 100 calls are.
    pub(super) p99: Option<RawLevels<Span>>,
    /// 999 of 1000 calls are.
    pub(super) p999: Option<RawLevels<Span>>,
}
