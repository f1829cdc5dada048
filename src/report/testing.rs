//! Made-up runs for tests of the report, and to look at: five nodes, ten workers, a minute, four faults.
//!
//! Registers behave as they should but for the reads that a scenario plants. Everything follows from the seed.

mod calls;
mod proofs;

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Anomaly, Confirmation, Picture, Step, Validity, Verdict};
use schism_history::{History, OpId, Outcome, Time, Value};

use calls::{Call, KEYS, NODES};

pub use proofs::proofs;

use super::input::{Conclusion, Input, LogExcerpt, LogLine, RunFacts};
use crate::exit_code::ExitCode;
use crate::gates::{Amount, GateResult, Level};

/// What a made-up run ends as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All promises kept, all faults proved.
    Valid,
    /// Valid, but slower than its plan allows.
    GateMissed,
    /// Stale reads.
    Invalid,
    /// A fault had no effect.
    Unknown,
}

/// A made-up run.
pub struct Run {
    /// What the clients saw.
    pub history: History,
    /// What checkers would say.
    pub verdicts: Vec<Verdict>,
    /// The answer.
    pub conclusion: Conclusion,
    /// Gates, one of each level.
    pub gates: Vec<GateResult>,
    /// The circumstances.
    pub facts: RunFacts,
    /// A few lines per node.
    pub logs: Vec<LogExcerpt>,
}

impl Run {
    /// The report's input.
    pub fn input(&self) -> Input<'_> {
        Input {
            history: &self.history,
            verdicts: &self.verdicts,
            conclusion: &self.conclusion,
            gates: &self.gates,
            run: &self.facts,
            logs: &self.logs,
            torn: None,
        }
    }
}

/// A run of about this many operations.
pub fn run(ending: Ending, operations: u32, seed: u64) -> Run {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut calls = calls::calls(operations, &mut rng);
    calls::apply(&mut calls, &mut rng);
    let planted = if ending == Ending::Invalid {
        calls::plant(&mut calls)
    } else {
        Vec::new()
    };
    let (history, ids) = calls::history(&calls, ending);
    let mut verdicts = vec![linearizable(ending, &planted, &ids, &calls)];
    verdicts.extend(other_verdicts(&history, ending));
    Run {
        verdicts,
        conclusion: conclusion(ending),
        gates: gates(ending),
        facts: facts(seed),
        logs: logs(&mut rng),
        history,
    }
}

fn linearizable(ending: Ending, planted: &[[usize; 3]], ids: &[OpId], calls: &[Call]) -> Verdict {
    if ending != Ending::Invalid {
        return Verdict::new(
            "linearizable",
            Validity::Valid,
            "every read returned the latest value: each of the 6 keys has an order of its operations that fits what all clients saw",
        )
        .figures(Value::map([("keys", Value::from(KEYS)), ("steps", Value::from(81_204))]));
    }
    let anomalies = planted
        .iter()
        .map(|&[seen, hides, read]| {
            let (s, h, r) = (&calls[seen], &calls[hides], &calls[read]);
            let at = |call: &Call| format!("{:.3} s", call.completed.unwrap_or_default());
            let step = |place: usize, text: String| Step {
                operation: Some(ids[place]),
                text,
            };
            Anomaly {
                name: "stale-read",
                sentence: format!(
                    "Key {}: process {} read {} although {} had been written over it, and acknowledged, before the read began.",
                    r.key, r.process, r.output, h.input
                ),
                key: Value::from(r.key),
                operations: vec![ids[seen], ids[hides], ids[read]],
                steps: vec![
                    step(seen, format!("Process {} writes {}; it is acknowledged at {}.", s.process, s.input, at(s))),
                    step(hides, format!("After that, process {} writes {}; it is acknowledged at {}. From then on the key holds {} or something newer.", h.process, h.input, at(h), h.input)),
                    step(read, format!("After that, process {} reads, and gets {}: a value that was gone.", r.process, r.output)),
                ],
                confirmation: Confirmation {
                    by: "a search over all orders of these 3 operations finds none that fits",
                    agrees: true,
                },
                picture: Picture::default(),
            }
        })
        .collect();
    let mut verdict = Verdict::invalid(
        "linearizable",
        "2 of 6 keys have reads that went back in time",
        anomalies,
    );
    verdict.anomaly_count = 7;
    verdict.figures(Value::map([
        ("keys", Value::from(KEYS)),
        ("keys_invalid", Value::from(2)),
    ]))
}

fn other_verdicts(history: &History, ending: Ending) -> Vec<Verdict> {
    let mut verdicts = vec![
        Verdict::new(
            "read-your-writes",
            Validity::Valid,
            "every process saw its own writes",
        ),
        Verdict::new(
            "monotonic-reads",
            Validity::Valid,
            "no process saw a value and then an older one",
        ),
    ];
    let ok = history
        .operations()
        .filter(|op| op.outcome == Outcome::Ok)
        .count();
    let share = ok as f64 / history.len().max(1) as f64;
    verdicts.push(
        Verdict::new(
            "stats",
            Validity::Valid,
            "every function succeeded often enough",
        )
        .figures(Value::map([
            ("ok", Value::from(ok as u64)),
            ("total", Value::from(history.len() as u64)),
        ])),
    );
    let effect = if ending == Ending::Unknown {
        Verdict::new(
            "fault-effect",
            Validity::Unknown,
            "fault 3, pause of n2 n5, had no effect: its processes were still running",
        )
    } else {
        Verdict::new(
            "fault-effect",
            Validity::Valid,
            "all 5 faults were measured to have taken effect and to be healed",
        )
    };
    verdicts.push(effect);
    verdicts.push(
        Verdict::new(
            "availability",
            Validity::Valid,
            "measured; the plan's gates judge",
        )
        .figures(Value::map([
            ("ok_share", Value::from(share)),
            ("time_share", Value::from(0.9931)),
            ("outage_max_s", Value::from(0.74)),
            ("recovery_max_s", Value::from(1.31)),
        ])),
    );
    let quantiles: Vec<(String, Value)> = history
        .functions()
        .iter()
        .map(|f| {
            let mut latencies: Vec<Duration> = history
                .operations()
                .filter(|op| op.outcome == Outcome::Ok && op.f() == f)
                .filter_map(|op| op.latency())
                .collect();
            latencies.sort();
            let at = |q: f64| {
                let rank =
                    ((q * latencies.len() as f64) as usize).min(latencies.len().saturating_sub(1));
                Value::from(latencies.get(rank).map_or(0.0, Duration::as_secs_f64))
            };
            let figures = [("p50_s", at(0.5)), ("p95_s", at(0.95)), ("p99_s", at(0.99))];
            (f.name().to_owned(), Value::map(figures))
        })
        .collect();
    verdicts.push(
        Verdict::new(
            "latency",
            Validity::Valid,
            "measured; the plan's gates judge",
        )
        .figures(Value::map(quantiles)),
    );
    verdicts
}

fn conclusion(ending: Ending) -> Conclusion {
    let (exit, reason) = match ending {
        Ending::Valid => (
            ExitCode::Valid,
            "6 checkers found nothing, and all 5 faults were measured to have taken effect.",
        ),
        Ending::GateMissed => (
            ExitCode::GateMissed,
            "No promise was broken, but reads were slower than the plan allows.",
        ),
        Ending::Invalid => (
            ExitCode::Anomaly,
            "Reads returned values that had been overwritten: etcd was not linearizable while it was partitioned.",
        ),
        Ending::Unknown => (
            ExitCode::Unknown,
            "fault 3, pause of n2 n5, had no effect: its processes were still running",
        ),
    };
    Conclusion {
        validity: match ending {
            Ending::Valid | Ending::GateMissed => Validity::Valid,
            Ending::Invalid => Validity::Invalid,
            Ending::Unknown => Validity::Unknown,
        },
        exit,
        reason: reason.to_owned(),
    }
}

fn gates(ending: Ending) -> Vec<GateResult> {
    let gate = |name: &str, measured, warning, critical, level| GateResult {
        name: name.to_owned(),
        measured,
        warning,
        critical,
        level,
        reason: None,
    };
    let slow = ending == Ending::GateMissed;
    let required = if ending == Ending::Invalid {
        Validity::Invalid
    } else {
        Validity::Valid
    };
    vec![
        gate(
            "linearizable",
            Some(Amount::Validity(required)),
            None,
            Some(Amount::Validity(Validity::Valid)),
            if required == Validity::Valid {
                Level::Passed
            } else {
                Level::Critical
            },
        ),
        gate(
            "availability",
            Some(Amount::Share(0.9871)),
            Some(Amount::Share(0.99)),
            Some(Amount::Share(0.95)),
            Level::Warning,
        ),
        gate(
            "latency.read.p99",
            Some(Amount::Seconds(if slow { 0.412 } else { 0.0118 })),
            Some(Amount::Seconds(0.1)),
            Some(Amount::Seconds(0.25)),
            if slow { Level::Critical } else { Level::Passed },
        ),
        gate(
            "recovery",
            Some(Amount::Seconds(1.31)),
            Some(Amount::Seconds(5.0)),
            Some(Amount::Seconds(30.0)),
            Level::Passed,
        ),
    ]
}

fn facts(seed: u64) -> RunFacts {
    let pairs = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    };
    RunFacts {
        name: "etcd-register".to_owned(),
        started: "2025-03-14 09:26:53 UTC".to_owned(),
        target: "etcd 3.4.23 on 5 nodes (lab)".to_owned(),
        seed,
        command: format!("schism run examples/etcd-register --seed {seed}"),
        plan: format!(
            "name = \"etcd-register\"\nseed = {seed}\ntime = \"60s\"\n\n[target]\nlab = {{ nodes = 5 }}\n\n\
             [database]\netcd = {{ reads = \"serializable\" }}\n\n[workload]\nregister = {{ keys = 6 }}\n\n\
             [[faults]]\npartition = {{ shape = \"halves\" }}\nfor = \"8s\"\n"
        ),
        versions: pairs(&[("schism", "0.1.0"), ("etcd", "3.4.23"), ("kernel", "6.1.0")]),
        environment: pairs(&[
            ("controller", "2 cores, 24 GiB"),
            ("round trip", "0.2 ms to each node"),
        ]),
    }
}

fn logs(rng: &mut Pcg64Mcg) -> Vec<LogExcerpt> {
    const LINES: [&str; 5] = [
        "raft: lost leader at term 7",
        "rafthttp: health check for peer could not connect: i/o timeout",
        "etcdserver: request timed out, possibly due to connection lost",
        "raft: elected leader at term 8",
        "etcdserver: read-only range request took too long (412 ms) to execute",
    ];
    (1..=NODES)
        .map(|n| {
            let mut lines: Vec<LogLine> = (0..40)
                .map(|_| LogLine {
                    time: Some(Time::from_millis(rng.random_range(7_500..17_000))),
                    text: LINES[rng.random_range(0..LINES.len())].to_owned(),
                })
                .collect();
            lines.sort_by_key(|line| line.time);
            LogExcerpt {
                node: format!("n{n}"),
                lines,
                note: Some("the last 40 of 8,114".to_owned()),
            }
        })
        .collect()
}
