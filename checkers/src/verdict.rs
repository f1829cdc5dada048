//! What a checker says.

use schism_history::{OpId, Value};
use serde::Serialize;

use crate::Level;

/// The answer to "does the history keep the promise?". Ordered by weight: the heavier one wins a merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    /// It does.
    Valid,
    /// It is not known: too little was done, or a budget was spent.
    #[default]
    Unknown,
    /// It does not, and there is proof.
    Invalid,
}

impl Validity {
    /// The heavier of the two: invalid, then unknown, then valid.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// The name used in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
        }
    }
}

/// What a checker says about a history.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The checker's name.
    pub checker: &'static str,
    /// Its answer.
    pub validity: Validity,
    /// The answer and its reason in one sentence, for a reader who knows neither checker nor database.
    pub summary: String,
    /// Proofs of an invalid verdict: the smallest of each kind first. Not all that were found: see `anomaly_count`.
    pub anomalies: Vec<Anomaly>,
    /// How many anomalies were found in all.
    pub anomaly_count: u64,
    /// Proofs against levels that the claimed one does not promise: they are behind `levels`, and make nothing invalid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beyond_claim: Vec<Anomaly>,
    /// What it says about consistency levels; empty when it is about something else.
    #[serde(skip_serializing_if = "Levels::is_empty")]
    pub levels: Levels,
    /// What was measured, by name: counts, shares, seconds (named `…_s`). A [`Value::Map`], or nil.
    pub figures: Value,
    /// Two algorithms disagree: our own bug, and no verdict on the database. Says what each of them found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<String>,
}

impl Verdict {
    /// A verdict without anomalies and figures.
    pub fn new(checker: &'static str, validity: Validity, summary: impl Into<String>) -> Self {
        Self {
            checker,
            validity,
            summary: summary.into(),
            anomalies: Vec::new(),
            anomaly_count: 0,
            beyond_claim: Vec::new(),
            levels: Levels::default(),
            figures: Value::Nil,
            disagreement: None,
        }
    }

    /// An invalid verdict with its proofs.
    pub fn invalid(
        checker: &'static str,
        summary: impl Into<String>,
        anomalies: Vec<Anomaly>,
    ) -> Self {
        let anomaly_count = anomalies.len() as u64;
        Self {
            anomalies,
            anomaly_count,
            ..Self::new(checker, Validity::Invalid, summary)
        }
    }

    /// Sets what it says about levels.
    #[must_use]
    pub fn levels(self, levels: Levels) -> Self {
        Self { levels, ..self }
    }

    /// Sets the figures.
    #[must_use]
    pub fn figures(self, figures: Value) -> Self {
        Self { figures, ..self }
    }
}

/// What a checker says about consistency levels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Levels {
    /// The weakest levels that are violated, with proof. All that imply one of them are violated too.
    pub refuted: Vec<Level>,
    /// The strongest levels that this history surely keeps: the judge is complete for them, and nothing was left
    /// undecided. All that they imply are kept too.
    pub held: Vec<Level>,
}

impl Levels {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.refuted.is_empty() && self.held.is_empty()
    }
}

/// One proof that a promise was broken.
#[derive(Clone, Debug, Serialize)]
pub struct Anomaly {
    /// What the field calls it, in words joined by `-`: `stale-read`, `lost-write`.
    pub name: &'static str,
    /// What happened, in plain words, with keys and values.
    pub sentence: String,
    /// The object it happened to; nil when there is only one, or several.
    #[serde(skip_serializing_if = "Value::is_nil")]
    pub key: Value,
    /// The fewest operations that prove it, in the order in which `steps` tells the story.
    pub operations: Vec<OpId>,
    /// Why it is impossible, step by step.
    pub steps: Vec<Step>,
    /// The independent way that found it again.
    pub confirmation: Confirmation,
    /// What to draw of it.
    pub picture: Picture,
}

/// What to draw of an anomaly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picture {
    /// Its operations, each from its invocation to its return.
    #[default]
    Intervals,
    /// The same, and in which states the object may have been when each of them had returned.
    States(Vec<StatesAfter>),
    /// A cycle: each dependency begins where the one before ends, and the last one ends where the first begins.
    Cycle(Vec<Dependency>),
    /// What each session did, one after the other.
    Sessions,
    /// Nothing: the anomaly has no operations.
    Nothing,
}

/// The states that are possible when an operation has returned, given all that returned before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatesAfter {
    /// The operation.
    pub operation: OpId,
    /// The states, as they are written in a report. None are left where the proof ends.
    pub states: Vec<String>,
}

/// Why one operation comes before another one in every order that explains what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// The earlier one.
    pub from: OpId,
    /// The later one.
    pub to: OpId,
    /// What kind of reason it is.
    pub kind: DependencyKind,
    /// The key that they meet on; nil where it is not about a key.
    #[serde(skip_serializing_if = "Value::is_nil")]
    pub key: Value,
    /// The reason, as the end of a sentence that begins with "because": `#2 read the 5 that #1 appended to x`.
    pub because: String,
}

/// A kind of dependency between two operations (Adya, "Weak Consistency", 1999, but for the last three).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum DependencyKind {
    /// The later one overwrites what the earlier one wrote: a write dependency.
    #[serde(rename = "ww")]
    WriteWrite,
    /// The later one read what the earlier one wrote: a read dependency.
    #[serde(rename = "wr")]
    WriteRead,
    /// The later one overwrites what the earlier one read: an anti-dependency.
    #[serde(rename = "rw")]
    ReadWrite,
    /// The same session did one after the other.
    #[serde(rename = "process")]
    Process,
    /// The earlier one had returned before the later one was invoked.
    #[serde(rename = "realtime")]
    RealTime,
    /// It follows from other dependencies, which `because` names.
    #[serde(rename = "derived")]
    Derived,
}

impl DependencyKind {
    /// The name used in files and drawings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WriteWrite => "ww",
            Self::WriteRead => "wr",
            Self::ReadWrite => "rw",
            Self::Process => "process",
            Self::RealTime => "realtime",
            Self::Derived => "derived",
        }
    }
}

/// One step of an explanation.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The operation it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OpId>,
    /// What follows from it.
    pub text: String,
}

/// How an anomaly was confirmed.
#[derive(Clone, Debug, Serialize)]
pub struct Confirmation {
    /// The second way, in words: "search over all orders of these 3 operations".
    pub by: &'static str,
    /// Whether it agrees. An anomaly that is not confirmed makes no verdict invalid.
    pub agrees: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_outweighs_doubt_and_doubt_outweighs_health() {
        use Validity::{Invalid, Unknown, Valid};
        assert_eq!(Valid.and(Unknown), Unknown);
        assert_eq!(Unknown.and(Invalid), Invalid);
        assert_eq!(Invalid.and(Valid), Invalid);
    }
}
