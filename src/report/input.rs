//! Everything a report is made from. The report renders it and decides nothing.

use schism_checkers::{Validity, Verdict};
use schism_history::{History, Time};
use serde::{Serialize, Serializer};

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
    /// The exit code of the process.
    pub exit_code: u8,
    /// What that code means, in half a sentence: "a checker proved an anomaly".
    pub meaning: String,
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

/// How one gate of the plan came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateResult {
    /// Its name, the path of its key in the plan's `[gates]`: `availability`, `latency.read.p99`.
    pub name: String,
    /// What was measured.
    pub measured: Option<Amount>,
    /// Where the warning begins.
    pub warning: Option<Amount>,
    /// Where the gate is missed.
    pub critical: Option<Amount>,
    /// How it came out.
    pub level: Level,
    /// Why there is no figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a gate measures or asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A share, from 0 to 1.
    Share(f64),
    /// Seconds, 0 or more.
    Seconds(f64),
    /// A checker's answer.
    Validity(Validity),
}

/// Shares and seconds as numbers, an answer as its name.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Share(number) | Self::Seconds(number) => serializer.serialize_f64(number),
            Self::Validity(validity) => serializer.serialize_str(validity.name()),
        }
    }
}

/// How a gate came out, the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// On the good side of every level.
    Passed,
    /// Beyond the warning level. Shown, but not missed.
    Warning,
    /// Beyond the critical level: missed.
    Critical,
    /// There is no figure: missed.
    NotMeasured,
}

impl Level {
    /// Its name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::NotMeasured => "not measured",
        }
    }

    /// Whether the gate is missed.
    pub const fn is_missed(self) -> bool {
        matches!(self, Self::Critical | Self::NotMeasured)
    }
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
