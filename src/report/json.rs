//! `verdict.json`: the same for machines.
//!
//! ```json
//! { "schism": "verdict", "version": 1, "validity": "invalid", "exit_code": 1, "meaning": "…", "reason": "…",
//!   "run": { "name": "…", "started": "…", "target": "…", "seed": 7, "command": "…", "versions": {}, "environment": {} },
//!   "operations": { "ok": 0, "fail": 0, "info": 0, "seconds": 0.0, "by_function": { "read": { "ok": 0, … } } },
//!   "faults": { "all": 0, "proved": 0, "spans": [ { "id": 0, "name": "…", "outcome": "installed", … } ] },
//!   "verdicts": [ … ], "gates": [ … ], "torn": null }
//! ```
//!
//! Fields may be added within a version; none changes its meaning or goes. Times are seconds since the run began.

use schism_checkers::{Validity, Verdict};
use schism_history::{FaultSpan, Time, Value};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::counts::{self, Counts};
use super::headline;
use super::input::Input;
use crate::gates::GateResult;

/// The version of the file's format.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct File<'a> {
    schism: &'static str,
    version: u32,
    validity: Validity,
    exit_code: u8,
    meaning: &'a str,
    reason: &'a str,
    run: Run<'a>,
    operations: Operations<'a>,
    faults: Faults<'a>,
    verdicts: &'a [Verdict],
    gates: &'a [GateResult],
    torn: Option<&'a str>,
}

#[derive(Serialize)]
struct Run<'a> {
    name: &'a str,
    started: &'a str,
    target: &'a str,
    seed: u64,
    command: &'a str,
    #[serde(serialize_with = "pairs")]
    versions: &'a [(String, String)],
    #[serde(serialize_with = "pairs")]
    environment: &'a [(String, String)],
}

#[derive(Serialize)]
struct Operations<'a> {
    #[serde(flatten)]
    all: Counts,
    seconds: f64,
    #[serde(serialize_with = "pairs")]
    by_function: &'a [(String, Counts)],
}

#[derive(Serialize)]
struct Faults<'a> {
    all: usize,
    proved: usize,
    spans: Vec<Fault<'a>>,
}

#[derive(Serialize)]
struct Fault<'a> {
    id: i64,
    name: &'a str,
    label: &'a str,
    nodes: Vec<&'a str>,
    injecting: f64,
    injected: Option<f64>,
    healing: Option<f64>,
    healed: Option<f64>,
    outcome: &'static str,
    heal_outcome: &'static str,
    evidence: &'a Value,
    heal_evidence: &'a Value,
}

impl<'a> Fault<'a> {
    fn new(span: &'a FaultSpan) -> Self {
        let seconds = |at: Option<Time>| at.map(Time::as_secs_f64);
        Self {
            id: span.id,
            name: &span.name,
            label: &span.label,
            nodes: span.nodes.iter().map(|node| &**node).collect(),
            injecting: span.injecting.as_secs_f64(),
            injected: seconds(span.injected),
            healing: seconds(span.healing),
            healed: seconds(span.healed),
            outcome: span.outcome.name(),
            heal_outcome: span.heal_outcome.name(),
            evidence: &span.evidence,
            heal_evidence: &span.heal_evidence,
        }
    }
}

/// Pairs as a map, in their order.
fn pairs<S: Serializer, V: Serialize>(
    pairs: &&[(String, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, value) in *pairs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// The file's text, indented.
pub fn verdict(input: &Input<'_>) -> String {
    let (run, conclusion) = (input.run, input.conclusion);
    let by_function: Vec<(String, Counts)> = counts::by_function(input.history)
        .into_iter()
        .map(|(f, counts)| (f.name().to_owned(), counts))
        .collect();
    let (proved, all) = headline::proved_faults(input.history.faults());
    let file = File {
        schism: "verdict",
        version: VERSION,
        validity: conclusion.validity,
        exit_code: conclusion.exit.code(),
        meaning: conclusion.exit.meaning(),
        reason: &conclusion.reason,
        run: Run {
            name: &run.name,
            started: &run.started,
            target: &run.target,
            seed: run.seed,
            command: &run.command,
            versions: &run.versions,
            environment: &run.environment,
        },
        operations: Operations {
            all: counts::all(input.history),
            seconds: input.history.end().as_secs_f64(),
            by_function: &by_function,
        },
        faults: Faults {
            all,
            proved,
            spans: input.history.faults().iter().map(Fault::new).collect(),
        },
        verdicts: input.verdicts,
        gates: input.gates,
        torn: input.torn,
    };
    let mut text = serde_json::to_string_pretty(&file).expect("all its keys are text");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{Ending, run};

    #[test]
    fn machines_find_what_the_format_promises() {
        let text = verdict(&run(Ending::Invalid, 2_000, 7).input());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["schism"], "verdict");
        assert_eq!(json["version"], 1);
        assert_eq!(json["validity"], "invalid");
        assert_eq!(json["exit_code"], 1);
        assert_eq!(json["run"]["seed"], 7);
        assert_eq!(json["run"]["versions"]["etcd"], "3.4.23");
        assert_eq!(json["faults"]["proved"], 5);
        assert_eq!(json["faults"]["spans"][0]["outcome"], "installed");
        assert_eq!(json["verdicts"][0]["anomalies"][0]["name"], "stale-read");
        assert_eq!(json["gates"][1]["level"], "warning");
        assert_eq!(json["gates"][1]["measured"], 0.9871);
        assert!(json["torn"].is_null());
        let counts = &json["operations"];
        let by_function: u64 = ["read", "write", "cas"]
            .map(|f| counts["by_function"][f]["ok"].as_u64().unwrap())
            .iter()
            .sum();
        assert_eq!(counts["ok"].as_u64().unwrap(), by_function);
    }
}
