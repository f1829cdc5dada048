//! Invariants of application data.

use rand::{Rng, RngExt};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Bank, Counter, UniqueIds};
use schism_history::{History, Value};

use crate::calls::{Call, after, calls, history};
use crate::trial::trial;

/// Accounts a, b and c hold 30 together.
fn bank(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let names = ["a", "b", "c"];
    let mut held = [10_i64; 3];
    let mut calls = calls(rng, 4, 40);
    for call in &mut calls {
        let (from, to) = (rng.random_range(0..3), rng.random_range(0..3));
        if rng.random_bool(0.5) {
            call.set("read", Value::Nil, Value::Nil);
            call.output = Value::map((0..3).map(|i| (names[i], held[i])));
        } else {
            let amount = rng.random_range(0..=held[from]);
            call.set(
                "transfer",
                Value::Nil,
                Value::map([
                    ("from", Value::from(names[from])),
                    ("to", names[to].into()),
                    ("amount", amount.into()),
                ]),
            );
            if call.happens() {
                held[from] -= amount;
                held[to] += amount;
            }
        }
    }
    let mut last = after(&calls);
    last.output = Value::map((0..3).map(|i| (names[i], held[i])));
    calls.push(last);
    calls
}

/// The places of the calls of `f` that are `ok`.
fn oks(calls: &[Call], f: &str) -> Vec<usize> {
    (0..calls.len())
        .filter(|&i| calls[i].is_ok() && calls[i].f.name() == f)
        .collect()
}

/// One of them.
fn any<T: Copy>(rng: &mut impl Rng, of: &[T]) -> Option<T> {
    (!of.is_empty()).then(|| of[rng.random_range(0..of.len())])
}

/// The history, and in half of the cases a violation in it.
fn planted(
    make: fn(&mut Pcg64Mcg) -> Vec<Call>,
    plant: impl Fn(&mut Pcg64Mcg, &mut Vec<Call>) -> Option<()>,
) -> impl Fn(&mut Pcg64Mcg, bool) -> Option<History> {
    move |rng, bad| {
        let mut calls = make(rng);
        if bad {
            plant(rng, &mut calls)?;
        }
        Some(history(&calls))
    }
}

/// Changes one named part of a map.
fn change(value: &mut Value, name: &str, by: impl Fn(i64) -> Value) {
    let Value::Map(parts) = &*value else { return };
    let parts: Vec<(&str, Value)> = parts
        .iter()
        .map(|(part, value)| match value.as_int() {
            Some(n) if **part == *name => (&**part, by(n)),
            _ => (&**part, value.clone()),
        })
        .collect();
    *value = Value::map(parts);
}

#[test]
fn bank_finds_what_is_planted() {
    let checker = Bank::default();
    let earlier_read = |rng: &mut Pcg64Mcg, calls: &[Call]| {
        let reads = oks(calls, "read");
        // Two right ones at least must be left, before and after.
        any(rng, reads.get(1..reads.len() - 1)?)
    };
    trial(
        &checker,
        "read-skew",
        planted(bank, |rng, calls| {
            let read = earlier_read(rng, calls)?;
            let off = rng.random_range(1..5);
            change(&mut calls[read].output, "b", |held| Value::from(held + off));
            Some(())
        }),
    );
    trial(
        &checker,
        "wrong-total",
        planted(bank, |_, calls| {
            oks(calls, "read").get(2)?;
            let last = calls.len() - 1;
            change(&mut calls[last].output, "a", |held| Value::from(held + 1));
            Some(())
        }),
    );
    trial(
        &checker,
        "negative-balance",
        planted(bank, |rng, calls| {
            let read = earlier_read(rng, calls)?;
            let held = calls[read].output.get("a")?.as_int()?;
            change(&mut calls[read].output, "a", |_| Value::from(-1));
            change(&mut calls[read].output, "b", |b| Value::from(b + held + 1));
            Some(())
        }),
    );
    trial(
        &checker,
        "nil-balance",
        planted(bank, |rng, calls| {
            let read = earlier_read(rng, calls)?;
            change(&mut calls[read].output, "c", |_| Value::Nil);
            Some(())
        }),
    );
    trial(
        &checker,
        "missing-account",
        planted(bank, |rng, calls| {
            let read = earlier_read(rng, calls)?;
            let Value::Map(parts) = &calls[read].output else {
                return None;
            };
            calls[read].output = Value::map(parts[..2].to_vec());
            Some(())
        }),
    );
    trial(
        &checker,
        "unexpected-account",
        planted(bank, |rng, calls| {
            let read = earlier_read(rng, calls)?;
            let Value::Map(parts) = &calls[read].output else {
                return None;
            };
            let mut parts = parts.to_vec();
            parts.push(("d".into(), 0.into()));
            calls[read].output = Value::map(parts);
            Some(())
        }),
    );
}

/// A counter, and a last read of it.
fn counter(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut count = 0_i64;
    let mut calls = calls(rng, 4, 40);
    for call in &mut calls {
        if rng.random_bool(0.4) {
            call.set("read", "c", Value::Nil);
            call.output = count.into();
        } else {
            let delta = rng.random_range(-3..8);
            call.set("add", "c", delta);
            if call.happens() {
                count += delta;
            }
        }
    }
    let mut last = after(&calls);
    last.set("read", "c", Value::Nil);
    last.output = count.into();
    calls.push(last);
    calls
}

/// What was attempted in all, upwards and downwards.
fn attempted(calls: &[Call]) -> (i64, i64) {
    let adds = calls.iter().filter(|call| call.f.name() == "add");
    let adds = adds.filter(|call| call.kind != schism_history::Kind::Fail);
    adds.filter_map(|call| call.input.as_int())
        .fold((0, 0), |(up, down), n| (up + n.max(0), down + n.min(0)))
}

#[test]
fn counter_finds_what_is_planted() {
    trial(
        &Counter,
        "impossible-count",
        planted(counter, |rng, calls| {
            let read = any(rng, &oks(calls, "read"))?;
            let (up, down) = attempted(calls);
            calls[read].output = any(rng, &[up + 1, down - 1])?.into();
            Some(())
        }),
    );
    // No node says anything else at the end, or what it said could be right.
    let only = |calls: &mut Vec<Call>, off: i64| {
        let last = calls.len() - 1;
        calls.retain(|call| call.f.name() == "add");
        let unknown = calls
            .iter()
            .filter(|call| call.kind == schism_history::Kind::Info);
        let unknown = unknown.filter_map(|call| call.input.as_int());
        let room: i64 = unknown.filter(|n| (*n > 0) == (off > 0)).sum();
        let known: i64 = calls
            .iter()
            .filter(|call| call.is_ok())
            .filter_map(|call| call.input.as_int())
            .sum();
        let mut read = after(calls);
        read.set("read", "c", Value::Nil);
        read.output = (known + room + off).into();
        calls.push(read);
        let (up, down) = attempted(calls);
        (last > 0 && (down..=up).contains(&(known + room + off))).then_some(())
    };
    trial(
        &Counter,
        "count-too-low",
        planted(counter, |_, calls| only(calls, -1)),
    );
    trial(
        &Counter,
        "count-too-high",
        planted(counter, |_, calls| only(calls, 1)),
    );
}

fn unique_ids(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut next = 0;
    let mut calls = calls(rng, 4, 20);
    for call in &mut calls {
        let space = if rng.random_bool(0.5) { "a" } else { "b" };
        call.set("generate", space, Value::Nil);
        if call.happens() {
            next += 1;
            call.output = next.into();
        }
    }
    calls
}

#[test]
fn unique_ids_finds_what_is_planted() {
    trial(
        &UniqueIds,
        "duplicate-id",
        planted(unique_ids, |rng, calls| {
            let ids = oks(calls, "generate");
            let (one, other) = (any(rng, &ids)?, any(rng, &ids)?);
            calls[one].output = calls[other].output.clone();
            (one != other && calls[one].key == calls[other].key).then_some(())
        }),
    );
}
