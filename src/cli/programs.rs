//! A run of programs that speak Maelstrom's protocol, from the command line alone: `schism run --bin ./node -w lin-kv`.
//!
//! The arguments become the text of a plan, so that they are checked, recorded and repeated as any plan is. Their names
//! are Maelstrom's where it has the same.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::plan_source::{Changes, Named, read_text};
use crate::plan::{Plan, PlanError};
use crate::targets::maelstrom::Protocol;

/// The arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Programs that speak Maelstrom's protocol, in place of a plan")]
pub(super) struct Programs {
    /// The program that each node is: reads messages from stdin, prints messages to stdout
    #[arg(
        long,
        value_name = "FILE",
        requires = "workload",
        conflicts_with = "path"
    )]
    bin: Option<PathBuf>,
    /// An argument of the program; may be given several times
    #[arg(
        long,
        value_name = "ARGUMENT",
        requires = "bin",
        allow_hyphen_values = true
    )]
    arg: Vec<String>,
    /// What the nodes answer: broadcast, echo, g-set, lin-kv, …; see `schism list`
    #[arg(long, short, value_name = "NAME", requires = "bin")]
    workload: Option<String>,
    /// How many nodes
    #[arg(long, value_name = "NUMBER", requires = "bin", default_value_t = 5)]
    node_count: u16,
    /// How many clients call at once, as 10 or as 2n: two for each node
    #[arg(long, value_name = "NUMBER", requires = "bin", default_value = "2n")]
    concurrency: String,
    /// Calls a second, all clients together
    #[arg(long, value_name = "NUMBER", requires = "bin", default_value_t = 100.0)]
    rate: f64,
    /// How long a message between nodes takes, on average; a mere number counts milliseconds
    #[arg(long, value_name = "DURATION", requires = "bin", default_value = "0ms")]
    latency: String,
    /// How these times are spread: constant, uniform or exponential
    #[arg(
        long,
        value_name = "NAME",
        requires = "bin",
        default_value = "constant"
    )]
    latency_dist: String,
    /// The share of messages between nodes that never arrive
    #[arg(long, value_name = "SHARE", requires = "bin", default_value = "0%")]
    loss: String,
    /// Who is whose neighbour: grid, line, total, tree2, tree3 or tree4
    #[arg(long, value_name = "NAME", requires = "bin", default_value = "grid")]
    topology: String,
    /// What is done to the nodes: partition, kill, pause; may be given several times
    #[arg(long, value_name = "FAULT", requires = "bin")]
    nemesis: Vec<String>,
    /// How long between the begins of two faults of a kind; each lasts half as long
    #[arg(long, value_name = "DURATION", requires = "bin", default_value = "10s")]
    nemesis_interval: String,
}

impl Programs {
    /// The plan that the arguments say; none when they name no program.
    ///
    /// # Errors
    /// Something is wrong with an argument: told as of a plan.
    pub(super) fn read(&self, changes: &Changes) -> Option<Result<Plan, PlanError>> {
        let bin = self.bin.as_ref()?;
        let text = self.plan(bin);
        let named = Named {
            source: "the command line, as a plan",
            default_name: self.workload.as_deref().unwrap_or("programs"),
            folder: Path::new("."),
        };
        Some(read_text(&text, &named, &changes.overrides()))
    }

    fn plan(&self, bin: &Path) -> String {
        let name = self.workload.as_deref().unwrap_or_default();
        // A protocol that does not exist is told by the plan; until then any workload does.
        let protocol = Protocol::named(name);
        let workload = protocol.map_or("register = {}", |protocol| protocol.workload);
        let checkers = protocol.map_or(Vec::new(), Protocol::checkers);
        let mut maelstrom = Table::new();
        let mut put = |key: &str, value: Value| maelstrom.insert(key.to_owned(), value);
        put("bin", bin.to_string_lossy().into_owned().into());
        if !self.arg.is_empty() {
            put("args", self.arg.clone().into());
        }
        put("protocol", name.into());
        put("nodes", i64::from(self.node_count).into());
        put("latency", milliseconds(&self.latency).into());
        put("distribution", self.latency_dist.clone().into());
        put("loss", self.loss.clone().into());
        put("topology", self.topology.clone().into());
        let maelstrom = toml::to_string(&maelstrom).expect("texts and numbers");
        let concurrency = self
            .concurrency
            .parse::<i64>()
            .map_or_else(|_| Value::from(self.concurrency.clone()), Value::from);
        let faults: Vec<String> = self
            .nemesis
            .iter()
            .map(|fault| format!("{{ {fault} = {{}}, every = {:?} }}", self.nemesis_interval))
            .collect();
        format!(
            "workload = {{ {workload} }}\nfaults = [{}]\n\n[checks]\nuse = {checkers:?}\n\n[load]\nconcurrency = {concurrency}\nrate = {:?}\n\n\
             [target.maelstrom]\n{maelstrom}",
            faults.join(", "),
            self.rate
        )
    }
}

/// A duration; a mere number is one of milliseconds, as in Maelstrom.
fn milliseconds(text: &str) -> String {
    if text.parse::<f64>().is_ok() {
        format!("{text}ms")
    } else {
        text.to_owned()
    }
}
