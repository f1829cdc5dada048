//! Made-up runs for tests of the report, and to look at: five nodes, ten workers, a minute, four faults.
//!
//! Registers behave as they should but for the reads that a scenario plants. Everything follows from the seed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Anomaly, Confirmation, Step, Validity, Verdict};
use schism_history::{Event, F, Header, History, Kind, OpId, Outcome, Process, Time, Value};

use super::input::{Amount, Conclusion, GateResult, Input, Level, LogExcerpt, LogLine, RunFacts};

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

const NODES: u32 = 5;
const WORKERS: u32 = 10;
const KEYS: i64 = 6;
const SECONDS: f64 = 60.0;

/// A fault of the made-up run: name, label, nodes it hurts, from, to (seconds).
const FAULTS: [(&str, &str, &[u32], f64, f64); 5] = [
    ("partition", "halves: n1 n2 | n3 n4 n5", &[1, 2], 8.0, 16.0),
    ("kill", "n3", &[3], 23.0, 29.0),
    ("partition", "leader: n4 | n1 n2 n3 n5", &[4], 35.0, 42.0),
    ("pause", "n2 n5", &[2, 5], 40.0, 45.0),
    ("kill", "minority: n1 n5", &[1, 5], 50.0, 54.0),
];

struct Call {
    process: u32,
    node: u32,
    invoked: f64,
    completed: Option<f64>,
    outcome: Outcome,
    f: F,
    key: i64,
    input: Value,
    output: Value,
    error: Option<&'static str>,
    takes_effect: f64,
}

/// A run of about this many operations.
pub fn run(ending: Ending, operations: u32, seed: u64) -> Run {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut calls = calls(operations, &mut rng);
    apply(&mut calls, &mut rng);
    let planted = if ending == Ending::Invalid {
        plant(&mut calls)
    } else {
        Vec::new()
    };
    let (history, ids) = history(&calls, ending);
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

/// Roughly normal, mean 0, deviation 1.
fn normal(rng: &mut Pcg64Mcg) -> f64 {
    (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

fn calls(operations: u32, rng: &mut Pcg64Mcg) -> Vec<Call> {
    let pause = (SECONDS * f64::from(WORKERS) / f64::from(operations.max(1)) - 0.004).max(0.000_1);
    let mut calls = Vec::new();
    for worker in 0..WORKERS {
        let node = worker % NODES + 1;
        let mut process = worker;
        let mut now = rng.random_range(0.0..pause.max(0.001));
        while now < SECONDS {
            let hurt = FAULTS.iter().find(|(_, _, nodes, from, to)| {
                nodes.contains(&node) && (*from..*to).contains(&now)
            });
            let unsettled = FAULTS
                .iter()
                .any(|(_, _, _, from, _)| (*from..*from + 0.9).contains(&now));
            let f = match rng.random_range(0..20) {
                0..10 => F::Read,
                10..17 => F::Write,
                _ => F::Cas,
            };
            let mut latency = 0.0021 * (normal(rng) * 0.42).exp();
            if f != F::Read {
                latency += 0.0014 * (normal(rng) * 0.5).exp();
            }
            if rng.random_range(0..400) == 0 {
                latency *= rng.random_range(4.0..12.0);
            }
            let (mut outcome, mut error) = (Outcome::Ok, None);
            match hurt {
                Some(("kill", ..)) => {
                    (outcome, error) = (Outcome::Fail, Some("connection refused: nothing listens"));
                    latency = 0.0006 * (normal(rng) * 0.4).exp();
                }
                Some((_, _, _, from, _)) if now > from + 0.3 || rng.random_range(0..3) == 0 => {
                    (outcome, error) = (Outcome::Info, Some("timeout: no answer within 1 s"));
                    latency = 1.0 + rng.random_range(0.0..0.004);
                }
                _ if unsettled => latency += rng.random_range(0.05..0.7),
                _ => {}
            }
            let completed = now + latency;
            calls.push(Call {
                process,
                node,
                invoked: now,
                completed: (completed < SECONDS).then_some(completed),
                outcome: if completed < SECONDS {
                    outcome
                } else {
                    Outcome::Info
                },
                f,
                key: rng.random_range(1..=KEYS),
                input: Value::Nil,
                output: Value::Nil,
                error,
                takes_effect: now + latency * rng.random_range(0.3..0.7),
            });
            if calls
                .last()
                .is_some_and(|call| call.outcome == Outcome::Info)
            {
                process += WORKERS;
            }
            now = completed + pause * rng.random_range(0.6..1.4);
            if error.is_some() {
                now += 0.05;
            }
        }
    }
    calls
}

/// Lets the calls take effect on registers, one after the other.
fn apply(calls: &mut [Call], rng: &mut Pcg64Mcg) {
    calls.sort_by(|a, b| a.takes_effect.total_cmp(&b.takes_effect));
    let mut registers: BTreeMap<i64, Value> = BTreeMap::new();
    let mut next = 0_i64;
    for call in calls {
        let register = registers.entry(call.key).or_default();
        let happens = match call.outcome {
            Outcome::Ok => true,
            Outcome::Fail => false,
            Outcome::Info => rng.random_range(0..2) == 0,
        };
        next += 1;
        match call.f {
            F::Read => call.output = register.clone(),
            F::Write => {
                call.input = Value::from(next);
                if happens {
                    *register = call.input.clone();
                }
            }
            _ => {
                let guesses_right = rng.random_range(0..4) > 0;
                let expected = if guesses_right {
                    register.clone()
                } else {
                    Value::from(next - 1)
                };
                call.input = Value::list([expected, Value::from(next)]);
                if !guesses_right && call.outcome == Outcome::Ok {
                    (call.outcome, call.error) = (Outcome::Fail, Some("cas: another value"));
                } else if happens && guesses_right {
                    *register = Value::from(next);
                }
            }
        }
    }
}

/// Makes two reads stale. Returns for each: the write it sees, the write that hides it, and the read, as places among
/// the calls.
fn plant(calls: &mut [Call]) -> Vec<[usize; 3]> {
    let fresh = stale(calls, (9.0, 15.5), 0.2, 0.0);
    let old = stale(calls, (44.0, 50.0), 60.0, 20.0);
    let planted: Vec<[usize; 3]> = [fresh, old].into_iter().flatten().collect();
    for [seen, _, read] in &planted {
        calls[*read].output = calls[*seen].input.clone();
    }
    planted
}

/// A read within `when`, a write that it would see, and a write after that one, acknowledged before the read was
/// invoked; at least `apart` and at most `span` seconds from the first to the read.
fn stale(calls: &[Call], when: (f64, f64), span: f64, apart: f64) -> Option<[usize; 3]> {
    let is_write = |call: &Call| call.f == F::Write && call.outcome == Outcome::Ok;
    for (read, call) in calls.iter().enumerate() {
        if call.f != F::Read
            || call.outcome != Outcome::Ok
            || call.invoked < when.0
            || call.invoked > when.1
        {
            continue;
        }
        let writes: Vec<usize> = (0..read)
            .filter(|i| calls[*i].key == call.key && is_write(&calls[*i]))
            .collect();
        for pair in writes.windows(2).rev() {
            let (seen, hides) = (&calls[pair[0]], &calls[pair[1]]);
            let ends = |call: &Call| call.completed.unwrap_or(f64::INFINITY);
            if ends(seen) < hides.invoked
                && ends(hides) < call.invoked
                && call.invoked - seen.invoked >= apart
                && call.invoked - seen.invoked <= span
                && call.process != hides.process
            {
                return Some([pair[0], pair[1], read]);
            }
        }
    }
    None
}

fn time(s: f64) -> Time {
    Time::from_nanos((s * 1e9) as u64)
}

/// The history, and for each call its operation.
fn history(calls: &[Call], ending: Ending) -> (History, Vec<OpId>) {
    let mut ends: Vec<(Time, u8, usize, Event)> = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        let node: Arc<str> = Arc::from(format!("n{}", call.node));
        let event = |at, kind, value: &Value| Event {
            node: Some(Arc::clone(&node)),
            ..Event::new(
                time(at),
                Process::client(call.process),
                kind,
                call.f.clone(),
            )
            .key(call.key)
            .value(value.clone())
        };
        ends.push((
            time(call.invoked),
            1,
            place,
            event(call.invoked, Kind::Invoke, &call.input),
        ));
        if let Some(completed) = call.completed {
            let (kind, value) = match call.outcome {
                Outcome::Ok if call.f == F::Read => (Kind::Ok, &call.output),
                Outcome::Ok => (Kind::Ok, &call.input),
                Outcome::Fail => (Kind::Fail, &call.input),
                Outcome::Info => (Kind::Info, &call.input),
            };
            let mut event = event(completed, kind, value);
            event.error = call.error.map(Arc::from);
            ends.push((event.time, 0, place, event));
        }
    }
    for (id, fault) in FAULTS.into_iter().enumerate() {
        for (at, event) in fault_events(id as i64, fault, ending) {
            ends.push((at, 2, usize::MAX, event));
        }
    }
    ends.sort_by_key(|(at, order, place, _)| (*at, *order, *place));
    let mut ids = vec![OpId(0); calls.len()];
    let mut next = 0;
    let mut builder = schism_history::Builder::new(Header {
        name: "etcd-register".to_owned(),
        nodes: (1..=NODES).map(|n| Arc::from(format!("n{n}"))).collect(),
        concurrency: WORKERS,
    });
    for (_, _, place, event) in ends {
        if event.kind == Kind::Invoke {
            ids[place] = OpId(next);
            next += 1;
        }
        builder
            .push(event)
            .expect("workers are sequential and events are sorted by time");
    }
    (builder.finish(), ids)
}

fn fault_events(
    id: i64,
    (name, label, nodes, from, to): (&str, &str, &[u32], f64, f64),
    ending: Ending,
) -> [(Time, Event); 4] {
    let names = || Value::list(nodes.iter().map(|n| format!("n{n}")));
    let has_effect = !(ending == Ending::Unknown && id == 3);
    let describe = |outcome: Option<(&str, Value)>| {
        let mut parts = vec![
            ("fault", Value::from(id)),
            ("name", name.into()),
            ("label", label.into()),
            ("nodes", names()),
        ];
        if let Some((outcome, evidence)) = outcome {
            parts.extend([("outcome", outcome.into()), ("evidence", evidence)]);
        }
        Value::map(parts)
    };
    let evidence = match name {
        "partition" => Value::map([
            (
                "probes",
                Value::map([
                    ("before", Value::from("20 of 20 pairs connect")),
                    ("during", "12 of 20 pairs do not connect".into()),
                ]),
            ),
            ("dropped_packets", Value::from(1_284)),
            ("took_s", Value::from(0.041)),
        ]),
        _ => Value::map([
            ("processes", names()),
            (
                "state",
                if has_effect {
                    "stopped (T)"
                } else {
                    "running (S)"
                }
                .into(),
            ),
        ]),
    };
    let outcome = if has_effect { "installed" } else { "skipped" };
    let event = |at: f64, f, value| {
        let event = Event::new(time(at), Process::NEMESIS, Kind::Info, f).value(value);
        (time(at), event)
    };
    [
        event(from, F::Inject, describe(None)),
        event(from + 0.06, F::Inject, describe(Some((outcome, evidence)))),
        event(to - 0.05, F::Heal, describe(None)),
        event(
            to,
            F::Heal,
            describe(Some(("installed", Value::from("all pairs connect")))),
        ),
    ]
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
    let (validity, exit_code, meaning, reason) = match ending {
        Ending::Valid => (
            Validity::Valid,
            0,
            "valid",
            "6 checkers found nothing, and all 5 faults were measured to have taken effect.",
        ),
        Ending::GateMissed => (
            Validity::Valid,
            3,
            "valid, but a gate was missed",
            "No promise was broken, but reads were slower than the plan allows.",
        ),
        Ending::Invalid => (
            Validity::Invalid,
            1,
            "a checker proved an anomaly",
            "Reads returned values that had been overwritten: etcd was not linearizable while it was partitioned.",
        ),
        Ending::Unknown => (
            Validity::Unknown,
            2,
            "unknown",
            "fault 3, pause of n2 n5, had no effect: its processes were still running",
        ),
    };
    Conclusion {
        validity,
        exit_code,
        meaning: meaning.to_owned(),
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
