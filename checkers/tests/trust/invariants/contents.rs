//! What stores hold: sets, rows, registers, marks of sagas, replicas.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{DirtyReads, ReplicaEquality, Saga, SetFull, UniqueConstraint};
use schism_history::{Kind, Value};

use super::{any, change_list, oks, planted};
use crate::calls::{Call, after, calls};
use crate::trial::trial;

/// Rows of four values, inserted and deleted.
pub(crate) fn rows(rng: &mut Pcg64Mcg) -> Vec<Call> {
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

/// A register, each value written once, by plain writes and by transactions.
pub(crate) fn registers(rng: &mut Pcg64Mcg) -> Vec<Call> {
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

/// Orders that leave their mark in two stores, or in none; both are read at the end.
pub(crate) fn orders(rng: &mut Pcg64Mcg) -> Vec<Call> {
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
pub(crate) fn replicas(rng: &mut Pcg64Mcg) -> Vec<Call> {
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
pub(crate) fn set(rng: &mut Pcg64Mcg) -> Vec<Call> {
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
