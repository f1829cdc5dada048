//! Everything a report is made from. The report renders it and decides nothing.

use schism_checkers::{Validity, Verdict};
use schism_history::{History, Time};

use crate::exit_code::ExitCode;
use crate::gates::GateResult;

/// All that is known about a finished run.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What the clients saw and the nemesis did.
    pub history: &'a History,
    /// What the checkers say, in the order in which they are shown.
    pub verdicts: &'a [Verdict],
    /// The answer of the whole run.
    pub conclusion: &'a Conclusion,
    /// The gates of the plan.
    pub gates: &'a [GateResult],
    /// The run's circumstances.
    pub run: &'a RunFacts,
    /// What the nodes logged, cut down to what is worth showing.
    pub logs: &'a [LogExcerpt],
    /// Set when the history file was torn: what is missing, in a sentence.
    pub torn: Option<&'a str>,
}

/// The answer of the whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// All verdicts merged.
    pub validity: Validity,
    /// How the process ends, all trouble of the harness considered.
    pub exit: ExitCode,
    /// Why, in one sentence.
    pub reason: String,
}

/// Where, when and with what a run was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFacts {
    /// The plan's name.
    pub name: String,
    /// When it began, as text for a reader: wall time is never computed with.
    pub started: String,
    /// What was tested: "etcd 3.4.23 on 5 nodes (lab)".
    pub target: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command line that repeats the run.
    pub command: String,
    /// The plan as resolved, in TOML.
    pub plan: String,
    /// Names and versions: of schism, of the database, of the nodes' kernels.
    pub versions: Vec<(String, String)>,
    /// Facts about the machine of the controller and the nodes.
    pub environment: Vec<(String, String)>,
}

/// Lines of one node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogExcerpt {
    /// The node.
    pub node: String,
    /// The lines, in their order in the file.
    pub lines: Vec<LogLine>,
    /// What was left out, if anything: "the last 200 of 81,412 lines".
    pub note: Option<String>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, on the run's own clock; `None` when the line does not say in a way we can read.
    pub time: Option<Time>,
    /// The line.
    pub text: String,
}
