//! Counters, ids and queues.

use std::collections::VecDeque;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Counter, Queue, UniqueIds};
use schism_history::{Kind, Value};

use super::{any, oks, planted};
use crate::calls::{Call, after, calls};
use crate::trial::trial;

/// A counter, and a last read of it.
pub(crate) fn counter(rng: &mut Pcg64Mcg) -> Vec<Call> {
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
    let adds = adds.filter(|call| call.kind != Kind::Fail);
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
        let unknown = calls.iter().filter(|call| call.kind == Kind::Info);
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

pub(crate) fn unique_ids(rng: &mut Pcg64Mcg) -> Vec<Call> {
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

/// A first-in-first-out queue, drained at the end by dequeues until it is empty.
pub(crate) fn queue(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut held: VecDeque<i64> = VecDeque::new();
    let mut next = 0;
    let mut calls = calls(rng, 4, 40);
    for call in &mut calls {
        if rng.random_bool(0.4) {
            call.set("dequeue", "q", Value::Nil);
            if call.happens() {
                call.output = held.pop_front().map_or(Value::Nil, Value::from);
            }
        } else {
            next += 1;
            call.set("enqueue", "q", next);
            if call.happens() {
                held.push_back(next);
            }
        }
    }
    loop {
        let mut last = after(&calls);
        last.set("dequeue", "q", Value::Nil);
        let value = held.pop_front();
        last.output = value.map_or(Value::Nil, Value::from);
        calls.push(last);
        if value.is_none() {
            return calls;
        }
    }
}

/// The dequeues that got something.
fn got(calls: &[Call]) -> Vec<usize> {
    let mut got = oks(calls, "dequeue");
    got.retain(|&i| !calls[i].output.is_nil());
    got
}

#[test]
fn queue_finds_what_is_planted() {
    let checker = Queue {
        fifo: true,
        ..Queue::default()
    };
    trial(
        &checker,
        "lost-message",
        planted(queue, |rng, calls| {
            // More than the dequeues of unknown outcome can have taken.
            let takers = calls.iter().filter(|call| call.f.name() == "dequeue");
            let takers = takers.filter(|call| call.kind == Kind::Info).count();
            let lost = got(calls);
            let acknowledged = |i: &&usize| {
                let put =
                    |call: &&Call| call.f.name() == "enqueue" && call.input == calls[**i].output;
                calls.iter().find(put).is_some_and(Call::is_ok)
            };
            let lost: Vec<usize> = lost.iter().filter(acknowledged).copied().collect();
            let begin = rng.random_range(0..lost.len().checked_sub(takers)?.max(1));
            let lost = lost.get(begin..=begin + takers)?.to_vec();
            let mut place = 0;
            calls.retain(|_| {
                place += 1;
                !lost.contains(&(place - 1))
            });
            Some(())
        }),
    );
    trial(
        &checker,
        "duplicate-message",
        planted(queue, |rng, calls| {
            let got = got(calls);
            let (one, other) = (any(rng, &got)?, any(rng, &got)?);
            calls[one].output = calls[other].output.clone();
            (one != other).then_some(())
        }),
    );
    trial(
        &checker,
        "unexpected-message",
        planted(queue, |rng, calls| {
            let got = any(rng, &got(calls))?;
            calls[got].output = 999.into();
            Some(())
        }),
    );
    trial(
        &checker,
        "failed-message",
        planted(queue, |rng, calls| {
            let failed = |call: &&Call| call.kind == Kind::Fail && call.f.name() == "enqueue";
            let value = calls.iter().find(failed)?.input.clone();
            let got = any(rng, &got(calls))?;
            calls[got].output = value;
            Some(())
        }),
    );
    trial(
        &checker,
        "reordered-message",
        planted(queue, |rng, calls| {
            let got = got(calls);
            let put = |calls: &[Call], value: &Value| {
                let put = |call: &&Call| call.f.name() == "enqueue" && call.input == *value;
                calls
                    .iter()
                    .find(put)
                    .map(|call| (call.invoked, call.end, call.is_ok()))
            };
            let (one, other) = (any(rng, &got)?, any(rng, &got)?);
            let (_, end, ok) = put(calls, &calls[one].output)?;
            let (invoked, ..) = put(calls, &calls[other].output)?;
            let apart = calls[one].end < calls[other].invoked;
            let swapped = calls[one].output.clone();
            calls[one].output = calls[other].output.clone();
            calls[other].output = swapped;
            // The later value must have been put in before it now comes out, or it is another violation.
            (ok && end < invoked && apart && invoked <= calls[one].end).then_some(())
        }),
    );
}
