//! Registers: every planted violation is found, and no correct register is blamed.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_checkers::Linearizable;
use schism_history::{Event, F, Kind, Process, Time, Value};

use generate::Clients;

use crate::trial::{Trial, is_invalid};

#[path = "../../src/generate.rs"]
mod generate;

/// Plants one violation; false when the history offers no place for it.
type Plant = fn(&mut [Event], &mut Pcg64Mcg) -> bool;

#[test]
fn unique_values() {
    for (name, plant) in [
        ("stale read", stale_read as Plant),
        ("read of nothing", read_of_nothing),
        ("never written", never_written),
        ("read before write", read_before_write),
    ] {
        all_are_found(name, 0, false, plant);
    }
}

#[test]
fn unique_values_with_compare_and_set() {
    all_are_found("two replaced one", 25, false, two_replaced_one);
    all_are_found("stale read, with cas", 25, false, stale_read);
}

#[test]
fn repeated_values() {
    all_are_found("resurrected value", 20, true, resurrected);
}

/// `cas` of a hundred operations compare and set.
fn all_are_found(kind: &str, cas: u32, repeated: bool, plant: Plant) {
    let trial = Trial {
        checker: &Linearizable,
        subject: "register",
        kind,
        is_found: is_invalid,
        all_decided: true,
    };
    trial.run(|rng, bad| {
        let clients = Clients {
            concurrency: rng.random_range(2..=8),
            operations: 60,
            keys: rng.random_range(1..=2),
            values: if repeated { 4 } else { 0 },
            writes: 40,
            cas,
            unknown: rng.random_range(0..=15),
            revisions: rng.random_bool(0.3),
            longest: 1_000,
        };
        let mut events = generate::register(&clients, rng);
        if repeated {
            events = with_past(events);
        }
        if bad && !plant(&mut events, rng) {
            return None;
        }
        Some(generate::history(events))
    });
}

/// One operation: its invocation, and its completion if it has one.
#[derive(Clone, Copy)]
struct Op {
    invoke: usize,
    complete: Option<usize>,
}

fn operations(events: &[Event]) -> Vec<Op> {
    let mut operations: Vec<Op> = Vec::new();
    for (i, event) in events.iter().enumerate() {
        if event.kind == Kind::Invoke {
            operations.push(Op {
                invoke: i,
                complete: None,
            });
        } else {
            let mut open = operations.iter_mut().rev();
            let op = open.find(|op| events[op.invoke].process == event.process);
            op.expect("it was invoked").complete = Some(i);
        }
    }
    operations
}

/// Those that succeeded: when they were invoked, when they returned, and where.
fn succeeded(events: &[Event], f: &F) -> Vec<(Time, Time, usize)> {
    let operations = operations(events).into_iter();
    operations
        .filter(|op| events[op.invoke].f == *f)
        .filter_map(|op| {
            let done = op.complete.filter(|&i| events[i].kind == Kind::Ok)?;
            Some((events[op.invoke].time, events[done].time, done))
        })
        .collect()
}

fn any<T: Copy>(these: &[T], rng: &mut Pcg64Mcg) -> Option<T> {
    (!these.is_empty()).then(|| these[rng.random_range(0..these.len())])
}

/// A read returns a value that was written, then replaced, before the read began.
fn stale_read(events: &mut [Event], rng: &mut Pcg64Mcg) -> bool {
    let writes = succeeded(events, &F::Write);
    let mut places = Vec::new();
    for &(begun, _, read) in &succeeded(events, &F::Read) {
        let key = &events[read].key;
        for &(newer_begun, newer_end, newer) in &writes {
            if newer_end >= begun || events[newer].key != *key {
                continue;
            }
            for &(_, older_end, older) in &writes {
                if older_end < newer_begun && events[older].key == *key {
                    places.push((read, older));
                }
            }
        }
    }
    let Some((read, older)) = any(&places, rng) else {
        return false;
    };
    events[read].value = events[older].value.clone();
    true
}

/// A read returns nil after something was written.
fn read_of_nothing(events: &mut [Event], rng: &mut Pcg64Mcg) -> bool {
    let writes = succeeded(events, &F::Write);
    let mut reads = succeeded(events, &F::Read);
    reads.retain(|&(begun, _, read)| {
        let before = |&(_, end, write): &(Time, Time, usize)| {
            end < begun && events[write].key == events[read].key
        };
        writes.iter().any(before)
    });
    let Some((_, _, read)) = any(&reads, rng) else {
        return false;
    };
    events[read].value = Value::Nil;
    true
}

fn never_written(events: &mut [Event], rng: &mut Pcg64Mcg) -> bool {
    let Some((_, _, read)) = any(&succeeded(events, &F::Read), rng) else {
        return false;
    };
    events[read].value = Value::from(1_000_000);
    true
}

fn read_before_write(events: &mut [Event], rng: &mut Pcg64Mcg) -> bool {
    let mut places = Vec::new();
    for &(_, end, read) in &succeeded(events, &F::Read) {
        for &(begun, _, write) in &succeeded(events, &F::Write) {
            if end < begun && events[write].key == events[read].key {
                places.push((read, write));
            }
        }
    }
    let Some((read, write)) = any(&places, rng) else {
        return false;
    };
    events[read].value = events[write].value.clone();
    true
}

/// Two compare-and-sets found the same write.
fn two_replaced_one(events: &mut [Event], rng: &mut Pcg64Mcg) -> bool {
    let mut places = Vec::new();
    let all = succeeded(events, &F::Cas);
    for &(_, _, one) in &all {
        for &(_, _, other) in &all {
            let old = |i: usize| events[i].value.as_pair().map(|(old, _)| old.clone());
            if events[one].key == events[other].key && old(one) != old(other) {
                places.push((one, other));
            }
        }
    }
    let Some((one, other)) = any(&places, rng) else {
        return false;
    };
    let old = events[one].value.as_pair().map(|(old, _)| old.clone());
    let new = events[other].value.as_pair().map(|(_, new)| new.clone());
    let pair = Value::list([old.unwrap_or_default(), new.unwrap_or_default()]);
    let process = events[other].process;
    let before = &events[..other];
    let invoke = before.iter().rposition(|event| event.process == process);
    events[invoke.expect("it was invoked")].value = pair.clone();
    events[other].value = pair;
    true
}

/// Before everything else, 99 is written to each key, and then nil.
fn with_past(events: Vec<Event>) -> Vec<Event> {
    let mut all = Vec::new();
    let mut now = 0;
    for key in 0..2 {
        for value in [Value::from(99), Value::Nil] {
            for kind in [Kind::Invoke, Kind::Ok] {
                now += 2;
                let process = Process::client(5_000);
                let event = Event::new(Time::from_nanos(now), process, kind, F::Write);
                all.push(event.key(key).value(value.clone()));
            }
        }
    }
    let later = std::time::Duration::from_nanos(now + 1);
    all.extend(events.into_iter().map(|event| Event {
        time: event.time + later,
        ..event
    }));
    all
}

/// A read returns a value of long ago, where all others repeat.
fn resurrected(events: &mut [Event], rng: &mut Pcg64Mcg) -> bool {
    let Some((_, _, read)) = any(&succeeded(events, &F::Read), rng) else {
        return false;
    };
    events[read].value = Value::from(99);
    true
}
