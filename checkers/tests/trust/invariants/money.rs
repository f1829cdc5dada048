//! Money and stocks.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Bank, Booking, Ledger};
use schism_history::{Kind, Value};

use super::{any, change, change_list, oks, planted};
use crate::calls::{Call, after, calls};
use crate::trial::trial;

/// Accounts a, b and c hold 30 together.
pub(crate) fn bank(rng: &mut Pcg64Mcg) -> Vec<Call> {
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

/// Accounts a and b, of which money is moved, paid in and paid out, and never more than there is; all of it is read at
/// the end, as balances and as entries.
pub(crate) fn ledger(rng: &mut Pcg64Mcg) -> Vec<Call> {
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
pub(crate) fn booking(rng: &mut Pcg64Mcg) -> Vec<Call> {
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
