//! The smallest proof that a promise was broken, by itself: for a terminal, and for machines.
//!
//! ```json
//! { "schism": "witness", "version": 1, "history": "…", "validity": "invalid", "checker": "…", "anomaly": { … },
//!   "operations": [ { "id": 3, "process": 0, "node": "n1", "f": "read", "key": 7, "input": null, "output": 5,
//!                     "outcome": "ok", "invoked": 0.0, "completed": 0.1, "error": null } ],
//!   "faults": [ { "id": 0, "name": "…", "label": "…", "nodes": [], "from": 0.0, "to": 1.0 } ] }
//! ```
//!
//! Without any anomaly, `checker`, `anomaly` and `operations` are null.

use std::fmt::Write as _;

use schism_checkers::{Anomaly, Validity, Verdict};
use schism_history::{FaultSpan, History, OpId, Process, Time, Value};
use serde::Serialize;

use super::input::Input;
use super::{anomaly, phrase, text};
use crate::look::Look;

/// The version of the JSON.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct File<'a> {
    schism: &'static str,
    version: u32,
    history: &'a str,
    validity: Validity,
    checker: Option<&'static str>,
    anomaly: Option<&'a Anomaly>,
    operations: Option<Vec<Operation<'a>>>,
    faults: Vec<Fault<'a>>,
}

#[derive(Serialize)]
struct Operation<'a> {
    id: OpId,
    process: Option<u32>,
    node: Option<&'a str>,
    f: &'a str,
    key: Value,
    input: Value,
    output: Value,
    outcome: &'static str,
    invoked: f64,
    completed: Option<f64>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Fault<'a> {
    id: i64,
    name: &'a str,
    label: &'a str,
    nodes: Vec<&'a str>,
    from: f64,
    to: Option<f64>,
}

impl<'a> Fault<'a> {
    fn new(span: &'a FaultSpan) -> Self {
        Self {
            id: span.id,
            name: &span.name,
            label: &span.label,
            nodes: span.nodes.iter().map(|node| &**node).collect(),
            from: span.injecting.as_secs_f64(),
            to: span.healed.map(Time::as_secs_f64),
        }
    }
}

/// The anomaly of the fewest operations; of equal ones the first.
fn smallest<'a>(verdicts: &'a [Verdict], history: &History) -> Option<anomaly::Shown<'a>> {
    anomaly::shown(verdicts, history)
        .into_iter()
        .min_by_key(|shown| shown.anomaly.operations.len())
}

fn operation(history: &History, id: OpId) -> Operation<'_> {
    let operation = history.operation(id);
    Operation {
        id,
        process: Process::number(operation.process),
        node: operation.node().map(|node| &**node),
        f: operation.f().name(),
        key: Value::clone(operation.key()),
        input: Value::clone(operation.input()),
        output: Value::clone(operation.output()),
        outcome: operation.outcome.name(),
        invoked: operation.invoked.as_secs_f64(),
        completed: operation.completed.map(Time::as_secs_f64),
        error: operation.error().map(|error| &**error),
    }
}

/// As JSON.
pub fn json(input: &Input<'_>) -> String {
    let smallest = smallest(input.verdicts, input.history);
    let anomaly = smallest.map(|shown| shown.anomaly);
    let faults = anomaly.map_or_else(Vec::new, |anomaly| anomaly::faults(input.history, anomaly));
    let file = File {
        schism: "witness",
        version: VERSION,
        history: &input.run.name,
        validity: input.conclusion.validity,
        checker: smallest.map(|shown| shown.checker),
        anomaly,
        operations: anomaly.map(|anomaly| {
            let ids = anomaly.operations.iter();
            ids.map(|&id| operation(input.history, id)).collect()
        }),
        faults: faults.into_iter().map(Fault::new).collect(),
    };
    let mut text = serde_json::to_string_pretty(&file).expect("all its keys are text");
    text.push('\n');
    text
}

/// For a terminal: every operation and every step, and the proof drawn in words.
pub fn text(input: &Input<'_>, look: Look) -> String {
    let mut out = String::new();
    let Some(shown) = smallest(input.verdicts, input.history) else {
        let reason = phrase::sentence(&input.conclusion.reason);
        let validity = input.conclusion.validity.name();
        let _ = writeln!(out, "no proof: {validity}. {reason}");
        return out;
    };
    text::proof(&mut out, input, &shown, look);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{Ending, run};

    #[test]
    fn machines_find_the_operations_of_the_smallest_proof() {
        let invalid = run(Ending::Invalid, 2_000, 7);
        let file: serde_json::Value = serde_json::from_str(&json(&invalid.input())).unwrap();
        assert_eq!(file["anomaly"]["name"], "stale-read");
        assert_eq!(file["operations"].as_array().unwrap().len(), 3);
        assert_eq!(file["operations"][2]["f"], "read");
        let valid = run(Ending::Valid, 2_000, 7);
        let file: serde_json::Value = serde_json::from_str(&json(&valid.input())).unwrap();
        assert!(file["anomaly"].is_null() && file["validity"] == "valid");
    }

    #[test]
    fn people_read_every_step() {
        let invalid = run(Ending::Invalid, 2_000, 7);
        let text = text(&invalid.input(), Look::PLAIN);
        assert!(
            text.starts_with("stale read, found by linearizable\n"),
            "{text}"
        );
        assert_eq!(text.matches("After that, process").count(), 2, "{text}");
        assert!(text.contains("confirmed independently"), "{text}");
        let valid = run(Ending::Valid, 2_000, 7);
        let text = super::text(&valid.input(), Look::PLAIN);
        assert!(text.starts_with("no proof: valid. "), "{text}");
    }
}
