//! Invariants of application data.

use std::collections::VecDeque;

use rand::{Rng, RngExt};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{
    Bank, Booking, Counter, DirtyReads, LeaderElection, Ledger, Lock, Queue, ReplicaEquality,
    Revocation, Saga, SetFull, UniqueConstraint, UniqueIds,
};
use schism_history::{History, Kind, Value};

use crate::calls::{Call, after, calls, history, sure_calls};
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

/// A first-in-first-out queue, drained at the end by dequeues until it is empty.
fn queue(rng: &mut Pcg64Mcg) -> Vec<Call> {
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

/// A lock with fencing tokens that is passed on, and writes under it. Tokens only where `fenced`.
fn lock_with(rng: &mut Pcg64Mcg, fenced: bool) -> Vec<Call> {
    let mut holder = None;
    let mut token = 0;
    let mut calls = sure_calls(rng, 4, 60);
    for call in &mut calls {
        let worker = call.process as usize % 4;
        match holder {
            None => {
                holder = Some(worker);
                token += 1;
                call.set("acquire", "k", Value::Nil);
                call.output = if fenced {
                    Value::from(token)
                } else {
                    Value::Nil
                };
            }
            Some(held) if held == worker => {
                if fenced && rng.random_bool(0.5) {
                    let shown = Value::map([("token", Value::from(token)), ("value", 1.into())]);
                    call.set("write", "x", shown);
                } else {
                    holder = None;
                    call.set("release", "k", Value::Nil);
                }
            }
            Some(_) => {
                call.set("acquire", "k", Value::Nil);
                call.kind = Kind::Fail;
            }
        }
    }
    calls
}

fn lock(rng: &mut Pcg64Mcg) -> Vec<Call> {
    lock_with(rng, false)
}

fn fenced_lock(rng: &mut Pcg64Mcg) -> Vec<Call> {
    lock_with(rng, true)
}

#[test]
fn lock_finds_what_is_planted() {
    trial(
        &Lock,
        "two-holders",
        planted(lock, |rng, calls| {
            // A refused acquire is granted while somebody else surely holds the lock.
            let granted = oks(calls, "acquire");
            let one = any(rng, &granted)?;
            let release = |call: &&Call| {
                call.process == calls[one].process
                    && call.f.name() == "release"
                    && call.invoked > calls[one].end
            };
            let until = calls.iter().find(release)?.invoked;
            let from = calls[one].end;
            let refused: Vec<usize> = (0..calls.len())
                .filter(|&i| {
                    let call = &calls[i];
                    let other = call.process != calls[one].process;
                    call.kind == Kind::Fail && other && call.invoked > from && call.end < until
                })
                .collect();
            let refused = any(rng, &refused)?;
            calls[refused].kind = Kind::Ok;
            Some(())
        }),
    );
    trial(
        &Lock,
        "token-not-rising",
        planted(fenced_lock, |rng, calls| {
            let granted = oks(calls, "acquire");
            let (one, other) = (any(rng, &granted)?, any(rng, &granted)?);
            calls[other].output = calls[one].output.clone();
            (calls[one].end < calls[other].invoked).then_some(())
        }),
    );
    trial(
        &Lock,
        "stale-token-accepted",
        planted(fenced_lock, |rng, calls| {
            let writes = oks(calls, "write");
            let (one, other) = (any(rng, &writes)?, any(rng, &writes)?);
            calls[other].input = Value::map([("token", Value::from(0)), ("value", 1.into())]);
            (calls[one].end < calls[other].invoked).then_some(())
        }),
    );
}

/// Accounts a and b, of which money is moved, paid in and paid out, and never more than there is; all of it is read at
/// the end, as balances and as entries.
fn ledger(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let names = ["a", "b"];
    let mut held = [20_i64; 2];
    let mut entries = Vec::new();
    let mut calls = calls(rng, 4, 30);
    for (id, call) in calls.iter_mut().enumerate() {
        let from = rng.random_range(0..2);
        let amount = rng.random_range(0..=held[from]);
        let (f, in_from, in_to) = [
            ("transfer", -amount, amount),
            ("withdraw", -amount, 0),
            ("deposit", 0, amount),
        ][rng.random_range(0..3)];
        let mut parts = vec![("id", Value::from(id as i64)), ("amount", amount.into())];
        if f != "deposit" {
            parts.push(("from", names[from].into()));
        }
        if f != "withdraw" {
            parts.push(("to", names[1 - from].into()));
        }
        call.set(f, Value::Nil, Value::map(parts));
        if call.happens() {
            held[from] += in_from;
            held[1 - from] += in_to;
            entries.push(call.input.clone());
        }
    }
    let mut open = after(&[]);
    open.set("open", Value::Nil, Value::map([("a", 20), ("b", 20)]));
    for call in &mut calls {
        call.process += 1;
        call.invoked += 10;
        call.end += 10;
        call.effect = call.effect.map(|effect| effect + 10);
    }
    open.process = 0;
    calls.insert(0, open);
    for output in [
        Value::map((0..2).map(|i| (names[i], held[i]))),
        Value::list(entries),
    ] {
        let mut last = after(&calls);
        last.set("read", Value::Nil, Value::Nil);
        last.node = 7 + u32::from(matches!(output, Value::List(_)));
        last.output = output;
        calls.push(last);
    }
    calls
}

/// Changes the list that the last read returned.
fn change_list(calls: &mut [Call], with: impl FnOnce(&mut Vec<Value>) -> Option<()>) -> Option<()> {
    let last = calls.last_mut()?;
    let mut items = last.output.as_list()?.to_vec();
    with(&mut items)?;
    last.output = Value::list(items);
    Some(())
}

#[test]
fn ledger_finds_what_is_planted() {
    let checker = Ledger::default();
    trial(
        &checker,
        "double-spend",
        planted(ledger, |rng, calls| {
            // More is paid out than was ever there.
            let all: i64 = calls
                .iter()
                .filter_map(|call| call.input.get("amount")?.as_int())
                .sum();
            let withdrawal = any(rng, &oks(calls, "withdraw"))?;
            change(&mut calls[withdrawal].input, "amount", |_| {
                Value::from(all + 41)
            });
            Some(())
        }),
    );
    trial(
        &checker,
        "wrong-balance",
        planted(ledger, |rng, calls| {
            let all: i64 = calls
                .iter()
                .filter_map(|call| call.input.get("amount")?.as_int())
                .sum();
            let read = calls.len() - 2;
            let off = any(rng, &[-all - 1, all + 1])?;
            change(&mut calls[read].output, "a", |held| Value::from(held + off));
            Some(())
        }),
    );
    trial(
        &checker,
        "lost-entry",
        planted(ledger, |rng, calls| {
            let kept: Vec<Value> = calls
                .iter()
                .filter(|call| call.is_ok())
                .map(|call| call.input.clone())
                .collect();
            change_list(calls, |items| {
                let places: Vec<usize> = (0..items.len())
                    .filter(|&i| kept.contains(&items[i]))
                    .collect();
                items.remove(any(rng, &places)?);
                Some(())
            })
        }),
    );
    trial(
        &checker,
        "duplicate-entry",
        planted(ledger, |rng, calls| {
            change_list(calls, |items| {
                let place = rng.random_range(0..items.len());
                let item = items[place].clone();
                items.insert(rng.random_range(0..items.len()), item);
                Some(())
            })
        }),
    );
    trial(
        &checker,
        "altered-entry",
        planted(ledger, |rng, calls| {
            change_list(calls, |items| {
                let place = rng.random_range(0..items.len());
                change(&mut items[place], "amount", |amount| {
                    Value::from(amount + 1)
                });
                Some(())
            })
        }),
    );
    trial(
        &checker,
        "unexpected-entry",
        planted(ledger, |_, calls| {
            change_list(calls, |items| {
                items.push(Value::map([("id", 999)]));
                Some(())
            })
        }),
    );
    trial(
        &checker,
        "failed-entry",
        planted(ledger, |_, calls| {
            let failed = calls
                .iter()
                .find(|call| call.kind == Kind::Fail)?
                .input
                .clone();
            change_list(calls, |items| {
                items.push(failed);
                Some(())
            })
        }),
    );
}

/// Seats that are booked and given back, and mugs that are sold as long as there are any.
fn booking(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut taken = [false; 2];
    let mut mugs = 15_i64;
    let mut calls = calls(rng, 4, 40);
    for call in &mut calls {
        let seat = rng.random_range(0..2);
        let name = ["A1", "A2"][seat];
        if rng.random_bool(0.5) {
            let pieces = rng.random_range(1..4);
            if rng.random_bool(0.3) {
                call.set("read", "mug", Value::Nil);
                call.output = mugs.into();
            } else if call.happens() && pieces > mugs {
                call.set("book", "mug", pieces);
                call.output = false.into();
                call.kind = if call.is_ok() { Kind::Ok } else { Kind::Fail };
            } else {
                call.set("book", "mug", pieces);
                mugs -= if call.happens() { pieces } else { 0 };
            }
            continue;
        }
        let f = if taken[seat] && rng.random_bool(0.5) {
            "cancel"
        } else {
            "book"
        };
        call.set(f, name, Value::Nil);
        if call.happens() {
            if f == "book" && taken[seat] {
                call.output = false.into();
                call.kind = if call.is_ok() { Kind::Ok } else { Kind::Fail };
            } else {
                taken[seat] = f == "book";
            }
        }
    }
    let mut open = after(&[]);
    open.set("open", "mug", 15);
    for call in &mut calls {
        call.process += 1;
        call.invoked += 10;
        call.end += 10;
        call.effect = call.effect.map(|effect| effect + 10);
    }
    open.process = 0;
    calls.insert(0, open);
    let mut last = after(&calls);
    last.set("read", "mug", Value::Nil);
    last.output = mugs.into();
    calls.push(last);
    calls
}

#[test]
fn booking_finds_what_is_planted() {
    trial(
        &Booking,
        "double-booking",
        planted(booking, |rng, calls| {
            // Somebody is told that it worked, although nobody can have given the seat back.
            calls.retain(|call| call.f.name() != "cancel");
            let refused =
                |call: &Call| call.key != Value::from("mug") && call.output == Value::from(false);
            let refused: Vec<usize> = (0..calls.len())
                .filter(|&i| calls[i].is_ok() && refused(&calls[i]))
                .collect();
            let refused = any(rng, &refused)?;
            let key = calls[refused].key.clone();
            calls[refused].output = Value::Nil;
            let sold = calls
                .iter()
                .filter(|call| call.is_ok() && call.key == key && call.output.is_nil());
            (sold.count() > 1).then_some(())
        }),
    );
    trial(
        &Booking,
        "oversell",
        planted(booking, |rng, calls| {
            let sold = any(rng, &oks(calls, "book"))?;
            calls[sold].key = "mug".into();
            calls[sold].input = 16.into();
            calls[sold].output = Value::Nil;
            Some(())
        }),
    );
    trial(
        &Booking,
        "negative-stock",
        planted(booking, |rng, calls| {
            let read = any(rng, &oks(calls, "read"))?;
            calls[read].output = Value::from(-1);
            calls
                .iter()
                .any(|call| call.f.name() == "book" && call.key == Value::from("mug"))
                .then_some(())
        }),
    );
    trial(
        &Booking,
        "wrong-stock",
        planted(booking, |_, calls| {
            let last = calls.len() - 1;
            let booked = calls
                .iter()
                .filter(|call| call.f.name() == "book" && call.key == Value::from("mug"));
            if booked.count() == 0 {
                return None;
            }
            // Nobody else looks.
            let mut place = 0;
            calls.retain(|call| {
                place += 1;
                call.f.name() != "read" || place == last + 1
            });
            calls.last_mut()?.output = 16.into();
            Some(())
        }),
    );
}

/// Rows of four values, inserted and deleted.
fn rows(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut there = [false; 4];
    let mut calls = calls(rng, 4, 40);
    for call in &mut calls {
        let row = rng.random_range(0..4);
        if rng.random_bool(0.1) {
            call.set("read", "t", Value::Nil);
            let rows = (0..4).filter(|&row| there[row]);
            call.output = Value::list(rows.map(|row| row as i64));
            continue;
        }
        let f = if there[row] && rng.random_bool(0.3) {
            "delete"
        } else {
            "insert"
        };
        call.set(f, "t", row as i64);
        if call.happens() && f == "insert" && there[row] {
            call.kind = Kind::Fail;
        } else if call.happens() {
            there[row] = f == "insert";
        }
    }
    calls
}

#[test]
fn unique_constraint_finds_what_is_planted() {
    trial(
        &UniqueConstraint,
        "two-rows",
        planted(rows, |rng, calls| {
            calls.retain(|call| call.f.name() != "delete");
            let inserted = any(rng, &oks(calls, "insert"))?;
            let row = calls[inserted].input.clone();
            let refused = calls
                .iter_mut()
                .find(|call| call.kind == Kind::Fail && call.input == row)?;
            refused.kind = Kind::Ok;
            Some(())
        }),
    );
    trial(
        &UniqueConstraint,
        "duplicate-row",
        planted(rows, |rng, calls| {
            let read = any(rng, &oks(calls, "read"))?;
            let mut rows = calls[read].output.as_list()?.to_vec();
            rows.push(any(rng, &(0..rows.len()).collect::<Vec<_>>()).map(|i| rows[i].clone())?);
            calls[read].output = Value::list(rows);
            Some(())
        }),
    );
}

/// Three nodes that elect a leader now and then, and learn of it late.
fn election(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut terms = vec![Value::from("n1")];
    let mut known = [0; 3];
    let mut calls = calls(rng, 4, 30);
    for call in &mut calls {
        let node = call.node as usize;
        if rng.random_bool(0.2) && call.happens() {
            terms.push(Value::from(format!("n{}", node + 1)));
            known[node] = terms.len() - 1;
            call.set("elect", Value::Nil, Value::Nil);
        } else {
            known[node] = rng.random_range(known[node]..terms.len());
            call.set("leader", Value::Nil, Value::Nil);
        }
        let term = known[node];
        call.output = Value::map([
            ("term", Value::from(term as i64)),
            ("leader", terms[term].clone()),
        ]);
    }
    calls
}

#[test]
fn leader_election_finds_what_is_planted() {
    let checker = LeaderElection;
    trial(
        &checker,
        "two-leaders",
        planted(election, |rng, calls| {
            let told: Vec<usize> = (0..calls.len()).filter(|&i| calls[i].is_ok()).collect();
            let (one, other) = (any(rng, &told)?, any(rng, &told)?);
            let term = calls[other].output.get("term")?.clone();
            calls[one].output = Value::map([("term", term), ("leader", "n9".into())]);
            (one != other).then_some(())
        }),
    );
    trial(
        &checker,
        "term-falls",
        planted(election, |rng, calls| {
            let told: Vec<usize> = (0..calls.len()).filter(|&i| calls[i].is_ok()).collect();
            let (one, other) = (any(rng, &told)?, any(rng, &told)?);
            calls[other].output = Value::map([("term", Value::from(-1)), ("leader", Value::Nil)]);
            (calls[one].node == calls[other].node && calls[one].end < calls[other].invoked)
                .then_some(())
        }),
    );
}

/// A register, each value written once, by plain writes and by transactions.
fn registers(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut held = Value::Nil;
    let mut calls = calls(rng, 4, 40);
    for (value, call) in calls.iter_mut().enumerate() {
        let value = Value::from(value as i64);
        let step = |name: &str, value: &Value| {
            Value::list([Value::list([name.into(), "x".into(), value.clone()])])
        };
        match rng.random_range(0..4) {
            0 => {
                call.set("read", "x", Value::Nil);
                call.output = held.clone();
            }
            1 => {
                call.set("txn", Value::Nil, step("r", &Value::Nil));
                call.output = step("r", &held);
            }
            which => {
                if which == 2 {
                    call.set("write", "x", value.clone());
                } else {
                    call.set("txn", Value::Nil, step("w", &value));
                }
                if call.happens() {
                    held = value;
                }
            }
        }
    }
    calls
}

#[test]
fn dirty_reads_finds_what_is_planted() {
    trial(
        &DirtyReads,
        "dirty-read",
        planted(registers, |rng, calls| {
            let failed = |call: &&Call| call.kind == Kind::Fail && !call.input.is_nil();
            let input = calls
                .iter()
                .filter(failed)
                .find_map(|call| match call.f.name() {
                    "write" => Some(call.input.clone()),
                    "txn" => {
                        let step = call.input.as_list()?[0].as_list()?;
                        (step[0].as_text() == Some("w")).then(|| step[2].clone())
                    }
                    _ => None,
                })?;
            let read = any(rng, &oks(calls, "read"))?;
            calls[read].output = input;
            Some(())
        }),
    );
}

/// Rights of two people, granted and revoked, and used all the time.
fn rights(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut allowed = [true; 2];
    let mut calls = calls(rng, 4, 60);
    for call in &mut calls {
        let who = rng.random_range(0..2);
        let f = ["use", "use", "use", "grant", "revoke"][rng.random_range(0..5)];
        call.set(f, ["eve", "bob"][who], Value::Nil);
        if f == "use" {
            call.output = allowed[who].into();
        } else if call.happens() {
            allowed[who] = f == "grant";
        }
    }
    calls
}

#[test]
fn revocation_finds_what_is_planted() {
    trial(
        &Revocation,
        "used-after-revocation",
        planted(rights, |rng, calls| {
            let used = any(rng, &oks(calls, "use"))?;
            let revoked = |revoke: &usize| {
                let revoke = &calls[*revoke];
                let between = |call: &&Call| {
                    let over = call.is_ok() && call.end < revoke.invoked;
                    let grants = call.f.name() == "grant"
                        && call.kind != Kind::Fail
                        && call.key == revoke.key;
                    grants && call.invoked <= calls[used].end && !over
                };
                revoke.key == calls[used].key
                    && revoke.end < calls[used].invoked
                    && !calls.iter().any(|call| between(&call))
            };
            if !oks(calls, "revoke").iter().any(revoked) {
                return None;
            }
            calls[used].output = true.into();
            Some(())
        }),
    );
}

/// Orders that leave their mark in two stores, or in none; both are read at the end.
fn orders(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let stores = ["stock", "charge"];
    let mut marks: [Vec<Value>; 2] = [Vec::new(), Vec::new()];
    let mut calls = calls(rng, 4, 20);
    for (id, call) in calls.iter_mut().enumerate() {
        let id = Value::from(id as i64);
        call.set(
            "saga",
            Value::Nil,
            Value::map([("id", id.clone()), ("parts", Value::list(stores))]),
        );
        for store in &mut marks {
            if call.happens() {
                store.insert(rng.random_range(0..=store.len()), id.clone());
            }
        }
    }
    for (store, marks) in stores.iter().zip(marks) {
        let mut last = after(&calls);
        last.set("read", *store, Value::Nil);
        last.output = Value::list(marks);
        calls.push(last);
    }
    calls
}

#[test]
fn saga_finds_what_is_planted() {
    let id_of = |call: &Call| call.input.get("id").cloned();
    let ids = |calls: &[Call], kind: Kind| -> Vec<Value> {
        let sagas = calls
            .iter()
            .filter(|call| call.kind == kind && call.f.name() == "saga");
        sagas.filter_map(id_of).collect()
    };
    let pick = |rng: &mut Pcg64Mcg, ids: &[Value]| {
        let place = any(rng, &(0..ids.len()).collect::<Vec<_>>())?;
        Some(ids[place].clone())
    };
    trial(
        &Saga,
        "partial-saga",
        planted(orders, |rng, calls| {
            let id = pick(rng, &ids(calls, Kind::Ok))?;
            change_list(calls, |items| {
                items.retain(|item| *item != id);
                Some(())
            })
        }),
    );
    trial(
        &Saga,
        "uncompensated-saga",
        planted(orders, |rng, calls| {
            let id = pick(rng, &ids(calls, Kind::Fail))?;
            change_list(calls, |items| {
                items.push(id);
                Some(())
            })
        }),
    );
    trial(
        &Saga,
        "lost-saga",
        planted(orders, |rng, calls| {
            let id = pick(rng, &ids(calls, Kind::Ok))?;
            let without = |items: &mut Vec<Value>| {
                items.retain(|item| *item != id);
                Some(())
            };
            let last = calls.len() - 1;
            change_list(&mut calls[..last], without)?;
            change_list(calls, without)
        }),
    );
    trial(
        &Saga,
        "repeated-saga",
        planted(orders, |rng, calls| {
            change_list(calls, |items| {
                let again = pick(rng, items)?;
                items.push(again);
                Some(())
            })
        }),
    );
    trial(
        &Saga,
        "unexpected-saga",
        planted(orders, |_, calls| {
            change_list(calls, |items| {
                items.push(999.into());
                Some(())
            })
        }),
    );
}

/// A register and a set on three nodes that are all up to date at the end.
fn replicas(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut held = Value::Nil;
    let mut set: Vec<Value> = Vec::new();
    let mut calls = calls(rng, 4, 20);
    for (value, call) in calls.iter_mut().enumerate() {
        let value = Value::from(value as i64);
        if rng.random_bool(0.5) {
            call.set("write", "x", value.clone());
            if call.happens() {
                held = value;
            }
        } else {
            call.set("add", "s", value.clone());
            if call.happens() {
                set.insert(rng.random_range(0..=set.len()), value);
            }
        }
    }
    for node in 0..3 {
        for (key, output) in [("x", held.clone()), ("s", Value::list(set.clone()))] {
            let mut last = after(&calls);
            last.set("read", key, Value::Nil);
            last.output = output;
            last.node = node;
            calls.push(last);
        }
    }
    calls
}

#[test]
fn replica_equality_finds_what_is_planted() {
    let checker = ReplicaEquality;
    trial(
        &checker,
        "replicas-differ",
        planted(replicas, |rng, calls| {
            // An element that was acknowledged is not on one node.
            let known = oks(calls, "add");
            let value = calls[any(rng, &known)?].input.clone();
            let reads: Vec<usize> = (0..calls.len())
                .filter(|&i| calls[i].key == Value::from("s") && calls[i].f.name() == "read")
                .collect();
            let read = any(rng, &reads)?;
            change_list(&mut calls[..=read], |items| {
                items.retain(|item| *item != value);
                Some(())
            })
        }),
    );
    trial(
        &checker,
        "replicas-differ",
        planted(replicas, |rng, calls| {
            // One node holds an older value that was acknowledged.
            let known = oks(calls, "write");
            let value = calls[any(rng, &known)?].input.clone();
            let reads: Vec<usize> = (0..calls.len())
                .filter(|&i| calls[i].key == Value::from("x") && calls[i].f.name() == "read")
                .collect();
            let read = any(rng, &reads[1..])?;
            let changed = calls[read].output != value;
            calls[read].output = value;
            changed.then_some(())
        }),
    );
}

/// A set from which elements are removed, and may be added again; read at the end.
fn set(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut held: Vec<Value> = Vec::new();
    let mut calls = calls(rng, 4, 40);
    for call in &mut calls {
        let value = Value::from(rng.random_range(0..15));
        match rng.random_range(0..10) {
            0 => {
                call.set("read", "s", Value::Nil);
                call.output = Value::list(held.clone());
            }
            1 => {
                call.set("contains", "s", value.clone());
                call.output = held.contains(&value).into();
            }
            2..5 => {
                call.set("remove", "s", value.clone());
                if call.happens() {
                    held.retain(|other| *other != value);
                }
            }
            _ => {
                call.set("add", "s", value.clone());
                if call.happens() && !held.contains(&value) {
                    held.push(value);
                }
            }
        }
    }
    calls.retain(|call| call.f.name() != "contains" || call.is_ok());
    let mut last = after(&calls);
    last.set("read", "s", Value::Nil);
    last.output = Value::list(held);
    calls.push(last);
    calls
}

/// An element for which only one thing was ever tried, with success, but for these.
fn only(rng: &mut Pcg64Mcg, calls: &[Call], f: &str) -> Option<Value> {
    let values: Vec<i64> = (0..15)
        .filter(|&value| {
            let about =
                |call: &&Call| call.input == Value::from(value) && call.f.name() != "contains";
            let about: Vec<&Call> = calls.iter().filter(about).collect();
            let done = about
                .iter()
                .filter(|call| call.f.name() == f && call.is_ok());
            let last = done.map(|call| call.invoked).max();
            let others = about
                .iter()
                .filter(|call| call.f.name() != f && call.kind != Kind::Fail);
            let over = |call: &&&Call| call.is_ok() && Some(call.end) < last;
            last.is_some() && others.clone().count() == others.filter(over).count()
        })
        .collect();
    any(rng, &values).map(Value::from)
}

#[test]
fn set_full_finds_what_is_planted() {
    // Nobody but the last read has the last word.
    let silence = |calls: &mut Vec<Call>| {
        let last = calls.len() - 1;
        let mut place = 0;
        calls.retain(|call| {
            place += 1;
            !matches!(call.f.name(), "read" | "contains") || place == last + 1
        });
    };
    trial(
        &SetFull,
        "lost-element",
        planted(set, |rng, calls| {
            silence(calls);
            let value = only(rng, calls, "add")?;
            calls.iter().find(|call| call.f.name() == "remove")?;
            change_list(calls, |items| {
                items.retain(|item| *item != value);
                Some(())
            })
        }),
    );
    trial(
        &SetFull,
        "undead-element",
        planted(set, |rng, calls| {
            silence(calls);
            let value = only(rng, calls, "remove")?;
            // An element that was never added would be unexpected.
            calls
                .iter()
                .find(|call| call.f.name() == "add" && call.is_ok() && call.input == value)?;
            change_list(calls, |items| {
                items.push(value);
                Some(())
            })
        }),
    );
    trial(
        &SetFull,
        "duplicate-element",
        planted(set, |rng, calls| {
            calls.iter().find(|call| call.f.name() == "remove")?;
            change_list(calls, |items| {
                let again = any(rng, &(0..items.len()).collect::<Vec<_>>())?;
                items.push(items[again].clone());
                Some(())
            })
        }),
    );
    trial(
        &SetFull,
        "unexpected-element",
        planted(set, |_, calls| {
            change_list(calls, |items| {
                items.push(99.into());
                Some(())
            })
        }),
    );
}
