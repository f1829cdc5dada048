//! What the nemesis did, from when to when, and whether it worked.

use std::sync::Arc;

use crate::{Event, F, Time, Value};

/// Whether a fault took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultOutcome {
    /// Measured: it took effect.
    Installed,
    /// It was not tried, or it is measured that it had no effect.
    Skipped,
    /// Nobody knows: the attempt failed half-way, or could not be measured.
    Indeterminate,
}

impl FaultOutcome {
    /// The name used in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Skipped => "skipped",
            Self::Indeterminate => "indeterminate",
        }
    }

    /// The outcome with this name in files.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "installed" => Self::Installed,
            "skipped" => Self::Skipped,
            "indeterminate" => Self::Indeterminate,
            _ => return None,
        })
    }
}

/// One fault, from injection to healing.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpan {
    /// Its number within the run.
    pub id: i64,
    /// Its kind: `partition`, `kill`, `pause`.
    pub name: Arc<str>,
    /// What exactly: `halves: n1 n2 | n3 n4 n5`.
    pub label: Arc<str>,
    /// The nodes it acts on.
    pub nodes: Vec<Arc<str>>,
    /// For a partition, the groups of nodes that still reach each other; empty otherwise.
    pub sides: Vec<Vec<Arc<str>>>,
    /// When the injection was begun.
    pub injecting: Time,
    /// When the injection was done; `None` when the history ends before.
    pub injected: Option<Time>,
    /// When the healing was begun.
    pub healing: Option<Time>,
    /// When the healing was done.
    pub healed: Option<Time>,
    /// Whether the injection took effect.
    pub outcome: FaultOutcome,
    /// Whether the healing took effect; [`FaultOutcome::Indeterminate`] when the history does not say.
    pub heal_outcome: FaultOutcome,
    /// What was measured when it was injected.
    pub evidence: Value,
    /// What was measured when it was healed.
    pub heal_evidence: Value,
}

impl FaultSpan {
    /// The whole time in which the fault can have had an effect: from the begin of the injection to the end of the
    /// healing, or for ever.
    pub fn window(&self) -> (Time, Time) {
        (self.injecting, self.healed.unwrap_or(Time::NEVER))
    }

    /// The event that begins or ends an injection or a healing.
    ///
    /// Its value is a map with `fault` (the id), `name`, `label`, `nodes`, `sides`, and, at an end, `outcome` and
    /// `evidence`.
    pub(crate) fn apply(spans: &mut Vec<Self>, event: &Event) {
        let Some(id) = event.value.get("fault").and_then(Value::as_int) else {
            return;
        };
        let outcome = event
            .value
            .get("outcome")
            .and_then(Value::as_text)
            .and_then(FaultOutcome::from_name);
        let evidence = event.value.get("evidence").cloned().unwrap_or_default();
        let found = spans.iter_mut().rev().find(|span| span.id == id);
        match (&event.f, found) {
            (F::Inject, None) => spans.push(Self {
                id,
                name: text(&event.value, "name"),
                label: text(&event.value, "label"),
                nodes: event.value.get("nodes").map(names).unwrap_or_default(),
                sides: event
                    .value
                    .get("sides")
                    .and_then(Value::as_list)
                    .map(|sides| sides.iter().map(names).collect())
                    .unwrap_or_default(),
                injecting: event.time,
                injected: None,
                healing: None,
                healed: None,
                outcome: outcome.unwrap_or(FaultOutcome::Indeterminate),
                heal_outcome: FaultOutcome::Indeterminate,
                evidence,
                heal_evidence: Value::Nil,
            }),
            (F::Inject, Some(span)) => {
                span.injected = Some(event.time);
                span.outcome = outcome.unwrap_or(FaultOutcome::Indeterminate);
                span.evidence = evidence;
                // Roles are resolved when the fault strikes, so the end may know more than the begin.
                if let Some(label) = event.value.get("label").and_then(Value::as_text) {
                    span.label = Arc::from(label);
                }
                if let Some(nodes) = event.value.get("nodes") {
                    span.nodes = names(nodes);
                }
                if let Some(sides) = event.value.get("sides").and_then(Value::as_list) {
                    span.sides = sides.iter().map(names).collect();
                }
            }
            (F::Heal, Some(span)) if span.healing.is_none() => span.healing = Some(event.time),
            (F::Heal, Some(span)) => {
                span.healed = Some(event.time);
                span.heal_outcome = outcome.unwrap_or(FaultOutcome::Indeterminate);
                span.heal_evidence = evidence;
            }
            _ => {}
        }
    }
}

fn text(value: &Value, part: &str) -> Arc<str> {
    Arc::from(value.get(part).and_then(Value::as_text).unwrap_or_default())
}

fn names(value: &Value) -> Vec<Arc<str>> {
    value
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_text)
        .map(Arc::from)
        .collect()
}

/// A stretch of the run with a name: `main`, `recovery`, `final-reads`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: Arc<str>,
    /// When it began.
    pub from: Time,
    /// When the next one began, or the last event of the history.
    pub to: Time,
}
