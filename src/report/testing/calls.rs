//! What the clients of a made-up run do, and what they see.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, Header, History, Kind, OpId, Outcome, Process, Time, Value};

use super::Ending;

pub(super) const NODES: u32 = 5;
const WORKERS: u32 = 10;
pub(super) const KEYS: i64 = 6;
const SECONDS: f64 = 60.0;

/// A fault of the made-up run: name, label, nodes it hurts, from, to (seconds).
const FAULTS: [(&str, &str, &[u32], f64, f64); 5] = [
    ("partition", "halves: n1 n2 | n3 n4 n5", &[1, 2], 8.0, 16.0),
    ("kill", "n3", &[3], 23.0, 29.0),
    ("partition", "leader: n4 | n1 n2 n3 n5", &[4], 35.0, 42.0),
    ("pause", "n2 n5", &[2, 5], 40.0, 45.0),
    ("kill", "minority: n1 n5", &[1, 5], 50.0, 54.0),
];

/// A call of a client, before it is a part of a history.
pub(super) struct Call {
    pub(super) process: u32,
    pub(super) node: u32,
    pub(super) invoked: f64,
    pub(super) completed: Option<f64>,
    pub(super) outcome: Outcome,
    pub(super) f: F,
    pub(super) key: i64,
    pub(super) input: Value,
    pub(super) output: Value,
    pub(super) error: Option<&'static str>,
    pub(super) takes_effect: f64,
}

/// Roughly normal, mean 0, deviation 1.
fn normal(rng: &mut Pcg64Mcg) -> f64 {
    (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

/// Calls of all workers: about so many operations, slow or failing where a fault hurts.
pub(super) fn calls(operations: u32, rng: &mut Pcg64Mcg) -> Vec<Call> {
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
pub(super) fn apply(calls: &mut [Call], rng: &mut Pcg64Mcg) {
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
pub(super) fn plant(calls: &mut [Call]) -> Vec<[usize; 3]> {
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
pub(super) fn history(calls: &[Call], ending: Ending) -> (History, Vec<OpId>) {
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
