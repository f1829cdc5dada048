//! Transactions on keys with told versions and by predicate: against the definitions, on stores that are right, and with
//! anomalies planted.

use std::collections::BTreeMap;

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, KeyValue, Level, Validity, Verdict};
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value, testing};

use crate::isolation::{LEVELS, Step, Txn, kept};
use crate::trial::{self, SEEDS, report, trial};

/// A transaction as its client saw it.
#[derive(Clone, Debug)]
struct Call {
    process: u32,
    invoked: u64,
    end: u64,
    kind: Kind,
    steps: Vec<Value>,
    revision: Option<i64>,
}

fn step(name: &str, key: impl Into<Value>, argument: Value, version: Option<i64>) -> Value {
    let parts = [Value::from(name), key.into(), argument];
    Value::list(parts.into_iter().chain(version.map(Value::from)))
}

/// What was asked for: no version and no result is known.
fn asked(steps: &[Value]) -> Value {
    Value::list(steps.iter().map(|step| {
        let step = step.as_list().expect("a step is a list");
        let is_read = step[0] != Value::from("w");
        let argument = if is_read { Value::Nil } else { step[2].clone() };
        Value::list([step[0].clone(), step[1].clone(), argument])
    }))
}

fn events(calls: &[Call]) -> Vec<(u64, u8, Event)> {
    let mut events = Vec::new();
    for call in calls {
        let event = |at, kind, value| {
            let time = Time::from_nanos(at);
            Event::new(time, Process::client(call.process), kind, F::Txn).value(value)
        };
        let asked = asked(&call.steps);
        events.push((
            call.invoked,
            1,
            event(call.invoked, Kind::Invoke, asked.clone()),
        ));
        let is_ok = call.kind == Kind::Ok;
        let told = if is_ok {
            Value::list(call.steps.iter().cloned())
        } else {
            asked
        };
        let mut end = event(call.end, call.kind, told);
        end.revision = call.revision.filter(|_| is_ok);
        events.push((call.end, 0, end));
    }
    events
}

fn finish(mut events: Vec<(u64, u8, Event)>) -> History {
    events.sort_by_key(|&(at, order, _)| (at, order));
    let events = events.into_iter().map(|(_, _, event)| event);
    History::from_events(Header::default(), events).expect("sessions are sequential")
}

fn judge(claim: Level, history: &History) -> Verdict {
    let verdict = trial::judge(&KeyValue { claim }, history);
    let is_serial = |held: &Level| held.implies(Level::Serializable);
    let expected = verdict.validity == Validity::Valid && verdict.levels.held.iter().any(is_serial);
    let certificate = KeyValue { claim }.certify(history, &Budget::default());
    assert_eq!(certificate.is_ok(), expected, "{verdict:#?}");
    if let Ok(certificate) = certificate {
        assert_eq!(certificate.verify(history), Ok(()), "{history:?}");
    }
    verdict
}

/// A few transactions on lists: which elements there are of each list is known by one that reads them all, so that the
/// order of versions that is told is the one by which the definitions judge.
fn draw_lists(rng: &mut impl Rng) -> Vec<Txn> {
    const KEYS: usize = 2;
    let count = rng.random_range(2..=3);
    let mut orders: Vec<Vec<u32>> = vec![Vec::new(); KEYS];
    let plan: Vec<[u32; KEYS]> = (0..count)
        .map(|_| std::array::from_fn(|_| rng.random_range(0..4)))
        .collect();
    for (t, kinds) in plan.iter().enumerate() {
        for (key, &kind) in kinds.iter().enumerate() {
            if kind >= 2 {
                let place = rng.random_range(0..=orders[key].len());
                orders[key].insert(place, t as u32 + 1);
            }
        }
    }
    let mut txns: Vec<Txn> = plan
        .iter()
        .enumerate()
        .map(|(t, kinds)| {
            let mut steps = Vec::new();
            for (key, &kind) in kinds.iter().enumerate() {
                let own = t as u32 + 1;
                if kind == 1 || kind == 3 {
                    let order = &orders[key];
                    let most = order.iter().position(|&e| e == own).unwrap_or(order.len());
                    let length = rng.random_range(0..=most);
                    steps.push(Step::Read(key, order[..length].to_vec()));
                }
                if kind >= 2 {
                    steps.push(Step::Append(key, own));
                }
            }
            let invoked = rng.random_range(1..6) * 10 + t as u64;
            Txn {
                process: t as u32,
                invoked,
                end: invoked + rng.random_range(1..4) * 10,
                steps,
            }
        })
        .collect();
    // Some are one session.
    if rng.random_bool(0.5) && txns[0].end < txns[1].invoked {
        txns[1].process = txns[0].process;
    }
    let all = orders.into_iter().enumerate();
    txns.push(Txn {
        process: 9,
        invoked: 0,
        end: 1_000,
        steps: all.map(|(key, order)| Step::Read(key, order)).collect(),
    });
    txns
}

#[test]
fn told_versions_give_the_levels_of_the_definitions() {
    for seed in 0..SEEDS * 4 {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let txns = draw_lists(&mut rng);
        let Some(reader) = txns.last() else { continue };
        let order = |key: usize| match &reader.steps[key] {
            Step::Read(_, order) => order,
            Step::Append(..) => panic!("it only reads"),
        };
        let version = |key: usize, element: u32| {
            let place = order(key).iter().position(|&e| e == element);
            place.map(|place| place as i64 * 3 + 1)
        };
        let calls: Vec<Call> = txns
            .iter()
            .map(|txn| {
                let steps = txn.steps.iter().map(|step_of| match step_of {
                    Step::Append(key, element) => step(
                        "w",
                        *key as i64,
                        Value::from(*element),
                        version(*key, *element),
                    ),
                    Step::Read(key, list) => match list.last() {
                        None => step("r", *key as i64, Value::Nil, None),
                        Some(&element) => {
                            let told = rng.random_bool(0.5).then(|| version(*key, element));
                            step("r", *key as i64, Value::from(element), told.flatten())
                        }
                    },
                });
                Call {
                    process: txn.process,
                    invoked: txn.invoked,
                    end: txn.end,
                    kind: Kind::Ok,
                    steps: steps.collect(),
                    revision: None,
                }
            })
            .collect();
        let history = finish(events(&calls));
        let verdict = judge(Level::Serializable, &history);
        let truth = kept(&txns, 2);
        let names: Vec<&str> = (verdict.anomalies.iter().chain(&verdict.beyond_claim))
            .map(|anomaly| anomaly.name)
            .collect();
        for (&level, &truth) in LEVELS.iter().zip(&truth) {
            let refuted = verdict
                .levels
                .refuted
                .iter()
                .any(|&weak| level.implies(weak));
            let held = verdict
                .levels
                .held
                .iter()
                .any(|strong| strong.implies(level));
            assert!(
                !(refuted && truth),
                "seed {seed}: {level} is refuted by {names:?}, but kept: {history:?}"
            );
            assert!(
                !held || truth,
                "seed {seed}: {level} is said to be kept, but is not: {history:?} {names:?}"
            );
        }
        if verdict.validity != Validity::Unknown {
            let is_kept = LEVELS.iter().zip(&truth);
            let is_kept = is_kept.filter(|&(&level, &truth)| level == Level::Serializable && truth);
            assert_eq!(
                verdict.validity == Validity::Valid,
                is_kept.count() == 1,
                "seed {seed}: {history:?} {names:?}"
            );
        }
    }
}

/// What a key holds: a number of its own, and whether it matches.
fn row(id: i64, is_match: bool) -> Value {
    Value::map([("id", id), ("ok", i64::from(is_match))])
}

/// Runs transactions in an order; whether each reads what it read, and versions rise.
fn explains(calls: &[Call], order: &[usize], told: bool) -> bool {
    let mut held: BTreeMap<Value, (Value, i64)> = BTreeMap::new();
    for &t in order {
        for step in &calls[t].steps {
            let step = step.as_list().expect("a step is a list");
            let (key, argument) = (&step[1], &step[2]);
            match step[0].as_text().expect("a step has a name") {
                "w" => {
                    let version = step.get(3).and_then(Value::as_int).unwrap_or(0);
                    let before = held.insert(key.clone(), (argument.clone(), version));
                    if told && before.is_some_and(|(_, before)| before > version) {
                        return false;
                    }
                }
                "r" => {
                    if held.get(key).map_or(&Value::Nil, |(value, _)| value) != argument {
                        return false;
                    }
                }
                _ => {
                    let matches = held
                        .iter()
                        .filter(|(_, (value, _))| value.get("ok") == Some(&Value::from(1)));
                    let found: Vec<Value> = matches
                        .map(|(key, (value, _))| Value::list([key.clone(), value.clone()]))
                        .collect();
                    let mut read = argument.as_list().expect("it returned pairs").to_vec();
                    read.sort();
                    let mut found = found;
                    found.sort();
                    if read != found {
                        return false;
                    }
                }
            }
        }
    }
    true
}

/// A few transactions that run one after the other, of which each reads some state of before.
fn draw_rows(rng: &mut impl Rng, told: bool) -> Vec<Call> {
    let count = rng.random_range(2..=5_usize);
    let mut states: Vec<BTreeMap<i64, (Value, i64)>> = vec![BTreeMap::new()];
    let mut calls = Vec::new();
    let mut id = 0;
    for t in 0..count {
        let newest = states.len() - 1;
        let mut next = states[newest].clone();
        let mut steps = Vec::new();
        let mut own = Vec::new();
        for _ in 0..rng.random_range(1..=3) {
            let key = rng.random_range(0..2_i64);
            let seen = if rng.random_bool(0.4) {
                newest
            } else {
                rng.random_range(0..=newest)
            };
            let seen = states[seen].clone();
            match rng.random_range(0..4) {
                0 | 1 if own.is_empty() => {
                    let matches = seen
                        .iter()
                        .filter(|(_, (value, _))| value.get("ok") == Some(&Value::from(1)));
                    let pairs = matches
                        .map(|(&key, (value, _))| Value::list([Value::from(key), value.clone()]));
                    let predicate = Value::map([("where", Value::map([("ok", 1)]))]);
                    steps.push(step("p", predicate, Value::list(pairs), None));
                }
                2 if !own.contains(&key) => {
                    let (value, version) = seen.get(&key).cloned().unwrap_or_default();
                    let version = (told && version > 0 && rng.random_bool(0.5)).then_some(version);
                    steps.push(step("r", key, value, version));
                }
                _ if !own.contains(&key) => {
                    own.push(key);
                    id += 1;
                    let version = t as i64 + 1;
                    let value = row(id, rng.random_bool(0.6));
                    steps.push(step("w", key, value.clone(), told.then_some(version)));
                    next.insert(key, (value, version));
                }
                _ => {}
            }
        }
        states.push(next);
        calls.push(Call {
            process: t as u32,
            invoked: t as u64,
            end: 1_000 + t as u64,
            kind: Kind::Ok,
            steps,
            revision: None,
        });
    }
    calls
}

#[test]
fn reads_by_predicate_agree_with_trying_every_order() {
    let (mut valid, mut invalid, mut unknown) = (0, 0, 0);
    for seed in 0..SEEDS * 10 {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let told = rng.random_bool(0.7);
        let calls = draw_rows(&mut rng, told);
        let history = finish(events(&calls));
        let verdict = judge(Level::Serializable, &history);
        let mut order: Vec<usize> = (0..calls.len()).collect();
        let truth = any_order(&mut order, 0, &mut |order| explains(&calls, order, told));
        match verdict.validity {
            Validity::Valid => {
                valid += 1;
                assert!(truth, "seed {seed}: {history:?} {verdict:#?}");
            }
            Validity::Invalid => {
                invalid += 1;
                assert!(!truth, "seed {seed}: {history:?} {verdict:#?}");
            }
            Validity::Unknown => unknown += 1,
        }
    }
    assert!(
        valid > SEEDS && invalid > SEEDS,
        "{valid} {invalid} {unknown}"
    );
}

fn any_order(
    order: &mut Vec<usize>,
    from: usize,
    explains: &mut impl FnMut(&[usize]) -> bool,
) -> bool {
    if from == order.len() {
        return explains(order);
    }
    (from..order.len()).any(|place| {
        order.swap(from, place);
        let found = any_order(order, from + 1, explains);
        order.swap(from, place);
        found
    })
}

/// How a database tells versions.
#[derive(Clone, Copy, PartialEq)]
enum Tells {
    /// With each step.
    Steps,
    /// One revision of the whole transaction.
    Whole,
    /// Not at all, but every key is written once.
    Nothing,
}

/// What clients of a store see that runs one transaction after the other, and tells the versions.
fn serial(rng: &mut impl Rng) -> Vec<Call> {
    let tells = [Tells::Steps, Tells::Whole, Tells::Nothing][rng.random_range(0..3)];
    let sessions = rng.random_range(1..=5_u32);
    let mut free = vec![0_u64; sessions as usize];
    let mut ended = vec![false; sessions as usize];
    let mut held: BTreeMap<Value, (Value, i64)> = BTreeMap::new();
    let mut revision = 0;
    let mut id = 0;
    let mut calls = Vec::new();
    for turn in 0..rng.random_range(5..=25_u64) {
        let moment = (turn + 1) * 10_000_000;
        let process = rng.random_range(0..sessions);
        let p = process as usize;
        if ended[p] || free[p] >= moment {
            continue;
        }
        let before = moment - free[p];
        let invoked = moment - rng.random_range(0..before.min(30_000_000));
        let end = moment + rng.random_range(1..30_000_000);
        free[p] = end + 1;
        revision += rng.random_range(1..4);
        let is_unknown = turn > 3 && rng.random_bool(0.1);
        let happens = !is_unknown || rng.random_bool(0.5);
        let mut steps = Vec::new();
        let mut state = held.clone();
        let mut own = Vec::new();
        for _ in 0..rng.random_range(1..=4) {
            let key = Value::from(format!("k{}", rng.random_range(0..5)));
            let told = |version: i64| (tells == Tells::Steps && version > 0).then_some(version);
            match rng.random_range(0..4) {
                0 => {
                    let ok = i64::from(rng.random_bool(0.7));
                    let matches = state
                        .iter()
                        .filter(|(_, (value, _))| value.get("ok") == Some(&Value::from(ok)));
                    let pairs = matches.map(|(k, (v, _))| Value::list([k.clone(), v.clone()]));
                    let predicate = Value::map([
                        ("prefix", Value::from("k")),
                        ("where", Value::map([("ok", ok)])),
                    ]);
                    let at = (tells == Tells::Steps && own.is_empty() && rng.random_bool(0.5))
                        .then_some(revision);
                    steps.push(step("p", predicate, Value::list(pairs), at));
                }
                1 => {
                    let (value, version) = state.get(&key).cloned().unwrap_or_default();
                    let version = told(version).filter(|_| !own.contains(&key));
                    let version = version.filter(|_| rng.random_bool(0.7));
                    steps.push(step("r", key, value, version));
                }
                _ if !own.contains(&key) => {
                    id += 1;
                    let key = if tells == Tells::Nothing {
                        Value::from(format!("k{}", 100 + id))
                    } else {
                        key
                    };
                    own.push(key.clone());
                    let value = row(id, rng.random_bool(0.5));
                    steps.push(step("w", key.clone(), value.clone(), told(revision)));
                    state.insert(key, (value, revision));
                }
                _ => {}
            }
        }
        if happens {
            held = state;
        }
        ended[p] = is_unknown;
        calls.push(Call {
            process,
            invoked,
            end,
            kind: if is_unknown { Kind::Info } else { Kind::Ok },
            steps,
            revision: (tells == Tells::Whole).then_some(revision),
        });
    }
    calls
}

#[test]
fn a_store_that_runs_transactions_one_by_one_is_never_blamed() {
    let (mut alarms, mut valid) = (0, 0);
    for seed in 0..SEEDS {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let history = finish(events(&serial(&mut rng)));
        let verdict = judge(Level::StrictSerializable, &history);
        assert_ne!(
            verdict.validity,
            Validity::Invalid,
            "seed {seed}: {verdict:#?}"
        );
        alarms += u64::from(verdict.validity == Validity::Invalid);
        valid += u64::from(verdict.validity == Validity::Valid);
    }
    report("key-value", "strict-serializable kept", 0, 0, alarms);
    assert!(valid * 2 > SEEDS, "{valid} of {SEEDS} are decided");
}

/// Every history of the store is right, and with the scene in it, it is not: by this name. The scene's keys begin with x.
fn finds(name: &str, claim: Level, scene: &str) {
    let scene = testing::history(scene);
    trial(&KeyValue { claim }, name, |rng, planted| {
        let calls = serial(rng);
        let mut all = events(&calls);
        let last = calls.iter().map(|call| call.end).max().unwrap_or(1);
        let shift = rng.random_range(0..=last);
        for op in scene.operations().filter(|_| planted) {
            let process = Process::client(op.process.number().expect("it is a client") + 100);
            let event = |at: Time, kind, value: &Value| {
                let at = at.as_nanos() * 3 + shift;
                let time = Time::from_nanos(at);
                (
                    at,
                    Event::new(time, process, kind, F::Txn).value(value.clone()),
                )
            };
            let (at, begin) = event(op.invoked, Kind::Invoke, op.input());
            all.push((at, 1, begin));
            let kind = match op.outcome {
                schism_history::Outcome::Ok => Kind::Ok,
                schism_history::Outcome::Fail => Kind::Fail,
                schism_history::Outcome::Info => continue,
            };
            let value = if kind == Kind::Ok {
                op.output()
            } else {
                op.input()
            };
            let completed = op.completed.expect("it came to an end");
            let (at, end) = event(completed, kind, value);
            all.push((at, 0, end));
        }
        Some(finish(all))
    });
}

/// Names, claims that they break, and scenes that have them.
pub(crate) const SCENES: &[(&str, Level, &str)] = &[
    (
        "G0",
        Level::ReadUncommitted,
        "
        0 |txn nil [] -> [[w,x,1,1],[w,xy,1,2]]|
        1 |txn nil [] -> [[w,x,2,2],[w,xy,2,1]]|
        ",
    ),
    (
        "G0-process",
        Level::MonotonicWrites,
        "
        0 |txn nil [] -> [[w,x,1,2]]|
        0                             |txn nil [] -> [[w,x,2,1]]|
        ",
    ),
    (
        "G0-realtime",
        Level::StrictSerializable,
        "
        0 |txn nil [] -> [[w,x,1,2]]|
        1                             |txn nil [] -> [[w,x,2,1]]|
        ",
    ),
    (
        "G1a",
        Level::ReadCommitted,
        "
        0 |txn nil [[w,x,1]] !|
        1 |txn nil [] -> [[p,{prefix:x},[[x,1]]]]|
        ",
    ),
    (
        "G1b",
        Level::ReadCommitted,
        "
        0 |txn nil [] -> [[w,x,1],[w,x,2]]|
        1 |txn nil [] -> [[p,{prefix:x,max:1},[[x,1]]]]|
        ",
    ),
    (
        "G1c",
        Level::ReadCommitted,
        "
        0 |txn nil [] -> [[w,x,1],[p,{prefix:xy},[[xy,1]]]]|
        1 |txn nil [] -> [[w,xy,1],[r,x,1]]|
        ",
    ),
    (
        "G1c-process",
        Level::StrongSessionSerializable,
        "
        0 |txn nil [] -> [[w,x,1,2]]|
        1 |txn nil [] -> [[r,x,1,2]]|
        1                             |txn nil [] -> [[w,x,2,1]]|
        ",
    ),
    (
        "G1c-realtime",
        Level::StrictSerializable,
        "
        0 |txn nil [] -> [[w,x,1,2]]|
        1 |txn nil [] -> [[r,x,1,2]]|
        2                             |txn nil [] -> [[w,x,2,1]]|
        ",
    ),
    (
        "internal",
        Level::ReadAtomic,
        "0 |txn nil [] -> [[w,x,1],[p,{prefix:x},[]]]|",
    ),
    (
        "future-read",
        Level::ReadCommitted,
        "0 |txn nil [] -> [[p,{prefix:x},[[x,1]]],[w,x,1]]|",
    ),
    (
        "non-repeatable-read",
        Level::ReadAtomic,
        "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[r,x,nil],[r,x,1]]|
        ",
    ),
    (
        "garbage-read",
        Level::ReadUncommitted,
        "0 |txn nil [] -> [[p,{prefix:x},[[x,1]]]]|",
    ),
    (
        "incompatible-order",
        Level::ReadCommitted,
        "
        0 |txn nil [] -> [[w,x,1,1]]|
        1 |txn nil [] -> [[w,x,2,2]]|
        2 |txn nil [] -> [[r,x,1,2]]|
        ",
    ),
    (
        "incompatible-order",
        Level::ReadCommitted,
        "
        0 |txn nil [] -> [[w,x,1,1]]|
        1 |txn nil [] -> [[w,x,2,1]]|
        ",
    ),
    (
        "incompatible-order",
        Level::ReadCommitted,
        "
        0 |txn nil [] -> [[w,x,1,4]]|
        1 |txn nil [] -> [[p,{prefix:x},[],5]]|
        ",
    ),
    (
        "cyclic-versions",
        Level::ReadCommitted,
        "
        0 |txn nil [] -> [[w,x,1,5]]|
        1 |txn nil [] -> [[r,x,1],[w,x,2,3]]|
        ",
    ),
    (
        "lost-update",
        Level::SnapshotIsolation,
        "
        0 |txn nil [] -> [[w,x,1,1]]|
        1 |txn nil [] -> [[r,x,1],[w,x,2,2]]|
        2 |txn nil [] -> [[r,x,1],[w,x,3,3]]|
        ",
    ),
    (
        "fractured-read",
        Level::ReadAtomic,
        "
        0 |txn nil [] -> [[w,x,1],[w,xy,1]]|
        1 |txn nil [] -> [[r,x,1],[r,xy,nil]]|
        ",
    ),
    (
        "read-skew",
        Level::SnapshotIsolation,
        "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[r,x,1],[w,xy,1]]|
        2 |txn nil [] -> [[r,x,nil],[r,xy,1]]|
        ",
    ),
    (
        "G-single",
        Level::SnapshotIsolation,
        "
        0 |txn nil [] -> [[r,x,nil],[w,xy,2,2]]|
        1 |txn nil [] -> [[w,x,3,1],[w,xy,4,1]]|
        ",
    ),
    (
        "G-single",
        Level::SnapshotIsolation,
        "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[r,x,1],[w,xy,1]]|
        2 |txn nil [] -> [[r,xy,1],[p,{prefix:x,max:1},[[xy,1]]]]|
        ",
    ),
    (
        "G-single-process",
        Level::StrongSessionSerializable,
        "
        0 |txn nil [] -> [[w,x,1]]|
        0                             |txn nil [] -> [[p,{prefix:x},[]]]|
        ",
    ),
    (
        "G-single-realtime",
        Level::StrictSerializable,
        "
        0 |txn nil [] -> [[w,x,1]]|
        1                             |txn nil [] -> [[p,{prefix:x},[]]]|
        ",
    ),
    (
        "phantom",
        Level::SnapshotIsolation,
        "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[p,{prefix:x},[]],[p,{prefix:x},[[x,1]]]]|
        ",
    ),
    (
        "long-fork",
        Level::SnapshotIsolation,
        "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[w,xy,1]]|
        2 |txn nil [] -> [[r,x,1],[r,xy,nil]]|
        3 |txn nil [] -> [[r,x,nil],[r,xy,1]]|
        ",
    ),
    (
        "G-nonadjacent",
        Level::SnapshotIsolation,
        "
        0 |txn nil [] -> [[w,x1,1]]|
        1 |txn nil [] -> [[w,x2,1]]|
        2 |txn nil [] -> [[p,{prefix:x},[[x1,1]]]]|
        3 |txn nil [] -> [[p,{prefix:x},[[x2,1]]]]|
        ",
    ),
    (
        "G-nonadjacent-process",
        Level::StrongSessionSerializable,
        "
        0 |txn nil [] -> [[w,x1,1]]|
        0                             |txn nil [] -> [[r,x2,nil]]|
        1 |txn nil [] -> [[w,x2,1]]|
        1                             |txn nil [] -> [[r,x1,nil]]|
        ",
    ),
    (
        "G-nonadjacent-realtime",
        Level::StrictSerializable,
        "
        0 |txn nil [] -> [[w,x1,1]]|
        1                             |txn nil [] -> [[r,x2,nil]]|
        2 |txn nil [] -> [[w,x2,1]]                                      |
        3 |txn nil [] -> [[r,x2,1],[p,{prefix:x1},[]]]                   |
        ",
    ),
    (
        "write-skew",
        Level::Serializable,
        "
        0 |txn nil [] -> [[r,x,nil],[w,xy,1]]|
        1 |txn nil [] -> [[r,xy,nil],[w,x,1]]|
        ",
    ),
    (
        "G2-item",
        Level::RepeatableRead,
        "
        0 |txn nil [] -> [[r,x1,nil],[w,x2,1]]|
        1 |txn nil [] -> [[r,x2,nil],[w,x3,1]]|
        2 |txn nil [] -> [[r,x3,nil],[w,x1,1]]|
        ",
    ),
    (
        "G2",
        Level::Serializable,
        "
        0 |txn nil [] -> [[p,{prefix:x},[]],[w,x1,1]]|
        1 |txn nil [] -> [[p,{prefix:x},[]],[w,x2,1]]|
        ",
    ),
    (
        "G2-process",
        Level::StrongSessionSerializable,
        "
        0 |txn nil [] -> [[w,x1,1]]|
        0                             |txn nil [] -> [[p,{prefix:x2},[]]]|
        1 |txn nil [] -> [[p,{prefix:x1},[]],[w,x2,1]]                   |
        ",
    ),
    (
        "G2-realtime",
        Level::StrictSerializable,
        "
        0 |txn nil [] -> [[w,x1,1]]|
        2                             |txn nil [] -> [[p,{prefix:x2},[]]]|
        1 |txn nil [] -> [[p,{prefix:x1},[]],[w,x2,1]]                   |
        ",
    ),
];

#[test]
fn planted_anomalies_are_found_by_name() {
    for (name, claim, scene) in SCENES {
        finds(name, *claim, scene);
    }
}
