//! Invariants of application data.

use std::collections::VecDeque;

use rand::{Rng, RngExt};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Bank, Counter, Ledger, Lock, Queue, UniqueIds};
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
