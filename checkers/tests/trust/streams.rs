//! Logs, watches, long forks and causal reverses.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{CausalReverse, Log, LongFork, Watch};
use schism_history::{History, Value};

use crate::calls::{Call, after, calls, history, sure_calls};
use crate::trial::trial;

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::list(items)
}

fn step(name: &str, key: &str, value: Value) -> Value {
    list([Value::from(name), Value::from(key), value])
}

/// Transactions that write one of six keys once, and others that read all of them in one snapshot.
fn forks(rng: &mut Pcg64Mcg) -> Vec<Call> {
    const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let mut written = [false; 6];
    let mut next = 0;
    let mut calls = sure_calls(rng, 4, 30);
    for call in &mut calls {
        if next < KEYS.len() && rng.random_bool(0.3) {
            let write = list([step("w", KEYS[next], Value::from(1))]);
            call.set("txn", Value::Nil, write);
            written[next] = true;
            next += 1;
        } else {
            let ask = KEYS.iter().map(|key| step("r", key, Value::Nil));
            call.set("txn", Value::Nil, list(ask));
            call.output = snapshot(&KEYS, &written);
        }
    }
    calls
}

fn snapshot(keys: &[&str], written: &[bool]) -> Value {
    let read = keys.iter().zip(written).map(|(key, &is)| {
        let value = if is { Value::from(1) } else { Value::Nil };
        step("r", key, value)
    });
    list(read)
}

#[test]
fn long_forks_are_found() {
    trial(&LongFork, "long-fork", |rng, bad| {
        let mut calls = forks(rng);
        if bad {
            // Two more readers, each of which saw another one of the last two keys only.
            for (key, process) in [("y", 90), ("z", 91)] {
                let mut write = after(&calls);
                write.set("txn", Value::Nil, list([step("w", key, Value::from(1))]));
                write.process = process;
                calls.push(write);
            }
            for seen in [[true, false], [false, true]] {
                let mut read = after(&calls);
                let ask = ["y", "z"].map(|key| step("r", key, Value::Nil));
                read.set("txn", Value::Nil, list(ask));
                read.output = snapshot(&["y", "z"], &seen);
                calls.push(read);
            }
        }
        Some(history(&calls))
    });
}

/// Elements are added to a set, and reads see all that took effect before some moment.
fn adds(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut added: Vec<Value> = Vec::new();
    let mut calls = calls(rng, 4, 40);
    for (place, call) in calls.iter_mut().enumerate() {
        if rng.random_bool(0.6) {
            call.set("add", "s", place as i64);
            if call.happens() {
                added.push(Value::from(place as i64));
            }
        } else {
            call.set("read", "s", Value::Nil);
            let stale = rng.random_range(0..=added.len().min(2));
            call.output = list(added[..added.len() - stale].iter().cloned());
        }
    }
    calls
}

#[test]
fn causal_reverses_are_found() {
    trial(&CausalReverse, "causal-reverse", |rng, bad| {
        let mut calls = adds(rng);
        if bad {
            let mut all: Vec<Value> = Vec::new();
            for element in [100, 101] {
                let mut add = after(&calls);
                add.set("add", "s", element);
                calls.push(add);
            }
            all.push(Value::from(101));
            let mut read = after(&calls);
            read.set("read", "s", Value::Nil);
            read.output = list(all);
            calls.push(read);
        }
        Some(history(&calls))
    });
}

/// Messages go into a log; each client polls from where it was.
fn log(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut log: Vec<Value> = Vec::new();
    let mut positions = std::collections::BTreeMap::new();
    let mut calls = calls(rng, 4, 40);
    for (place, call) in calls.iter_mut().enumerate() {
        if rng.random_bool(0.5) {
            call.set("send", "x", place as i64);
            if call.happens() {
                call.output = Value::from(log.len() as i64);
                log.push(Value::from(place as i64));
            }
        } else {
            call.set("poll", "x", Value::Nil);
            let from: &mut usize = positions.entry(call.process).or_default();
            let to = rng.random_range(*from..=log.len());
            call.output = delivered(&log, *from, to);
            if call.is_ok() {
                *from = to;
            }
        }
    }
    // Somebody reads everything in the end.
    let mut last = after(&calls);
    last.set("poll", "x", Value::Nil);
    last.output = delivered(&log, 0, log.len());
    calls.push(last);
    calls
}

fn delivered(log: &[Value], from: usize, to: usize) -> Value {
    let pairs = (from..to).map(|offset| list([Value::from(offset as i64), log[offset].clone()]));
    list(pairs)
}

/// The last poll, without some of what it was delivered, or with it in another way.
fn bad_log(
    rng: &mut Pcg64Mcg,
    bad: bool,
    plant: fn(&mut Vec<Call>, &mut Vec<Value>) -> Option<()>,
) -> Option<History> {
    let mut calls = log(rng);
    if bad {
        let last = calls.pop().expect("a log ends with a poll");
        let mut read = last.output.as_list().unwrap_or_default().to_vec();
        plant(&mut calls, &mut read)?;
        let mut last = after(&calls);
        last.set("poll", "x", Value::Nil);
        last.output = list(read);
        calls.push(last);
    }
    Some(history(&calls))
}

#[test]
fn broken_logs_are_found() {
    trial(&Log, "lost-write", |rng, bad| {
        bad_log(rng, bad, |calls, read| {
            // Acknowledged at an offset that others pass over.
            let mut send = after(calls);
            send.set("send", "x", 1_000);
            send.output = Value::from(read.len() as i64);
            calls.push(send);
            let mut send = after(calls);
            send.set("send", "x", 1_001);
            send.output = Value::from(read.len() as i64 + 1);
            calls.push(send);
            read.push(list([
                Value::from(read.len() as i64 + 1),
                Value::from(1_001),
            ]));
            Some(())
        })
    });
    trial(&Log, "internal-poll-skip", |rng, bad| {
        bad_log(rng, bad, |_, read| {
            if read.len() < 3 {
                return None;
            }
            read.remove(1);
            Some(())
        })
    });
    trial(&Log, "internal-nonmonotonic-poll", |rng, bad| {
        bad_log(rng, bad, |_, read| {
            if read.len() < 2 {
                return None;
            }
            read.swap(0, 1);
            Some(())
        })
    });
    trial(&Log, "garbage-read", |rng, bad| {
        bad_log(rng, bad, |_, read| {
            let next = read.len() as i64;
            read.push(list([Value::from(next), Value::from(5_000)]));
            Some(())
        })
    });
    trial(&Log, "inconsistent-offsets", |rng, bad| {
        bad_log(rng, bad, |calls, read| {
            if read.is_empty() {
                return None;
            }
            let mut send = after(calls);
            send.set("send", "x", 1_000);
            send.output = Value::from(0);
            calls.push(send);
            Some(())
        })
    });
    trial(&Log, "duplicate", |rng, bad| {
        bad_log(rng, bad, |_, read| {
            let first = read.first()?.as_list()?[1].clone();
            read.push(list([Value::from(read.len() as i64), first]));
            Some(())
        })
    });
}

/// Keys are written, each write at the next revision, and watched from the first one on.
fn watches(rng: &mut Pcg64Mcg) -> (Vec<Call>, Vec<Value>) {
    let mut events = Vec::new();
    let mut calls = sure_calls(rng, 4, 25);
    for (place, call) in calls.iter_mut().enumerate() {
        let key = ["a", "b", "c"][rng.random_range(0..3)];
        let revision = place as i64 + 2;
        call.set("write", key, place as i64);
        call.revision = Some(revision);
        events.push(Value::map([
            ("type", Value::from("put")),
            ("key", key.into()),
            ("value", (place as i64).into()),
            ("revision", revision.into()),
        ]));
    }
    let mut watch = after(&calls);
    watch.set("watch", Value::Nil, Value::map([("from", 1)]));
    watch.output = stream(&events);
    calls.push(watch);
    (calls, events)
}

/// Each event in a response of its own.
fn stream(events: &[Value]) -> Value {
    let responses = events
        .iter()
        .map(|event| Value::map([("events", list([event.clone()]))]));
    list(responses)
}

fn bad_watch(kind: &str, plant: fn(&mut Pcg64Mcg, &mut Vec<Value>)) {
    trial(&Watch, kind, |rng, bad| {
        let (mut calls, mut events) = watches(rng);
        if bad {
            plant(rng, &mut events);
            let mut watch = after(&calls);
            watch.set("watch", Value::Nil, Value::map([("from", 1)]));
            watch.output = stream(&events);
            calls.push(watch);
        }
        Some(history(&calls))
    });
}

#[test]
fn broken_watches_are_found() {
    bad_watch("missing-event", |rng, events| {
        let place = rng.random_range(1..events.len() - 1);
        events.remove(place);
    });
    bad_watch("not-resumed", |_, events| {
        events.remove(0);
    });
    bad_watch("duplicate-event", |rng, events| {
        let place = rng.random_range(0..events.len());
        events.insert(place, events[place].clone());
    });
    bad_watch("unordered-events", |rng, events| {
        let place = rng.random_range(1..events.len());
        events.swap(place - 1, place);
    });
    bad_watch("garbage-event", |rng, events| {
        let place = rng.random_range(0..events.len());
        let revision = events[place].get("revision").cloned().unwrap_or_default();
        let key = events[place].get("key").cloned().unwrap_or_default();
        events[place] = Value::map([
            ("type", Value::from("put")),
            ("key", key),
            ("value", Value::from(-1)),
            ("revision", revision),
        ]);
    });
}
