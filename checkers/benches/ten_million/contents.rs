//! What stores hold: sets, rows, marks of sagas.

use rand::RngExt;
use schism_history::{F, History, Kind, Value};

use crate::tape::{Act, Tape, act, rng, tape};

fn integers(elements: impl IntoIterator<Item = i64>) -> Value {
    Value::list(elements)
}

/// Elements are added one by one; in the end, ten clients read them all.
pub(crate) fn set(operations: usize) -> History {
    let mut tape = Tape::new();
    for element in 0..operations as i64 {
        tape.push(act(F::Add, Value::Nil, element.into(), element.into()));
    }
    tape.quiet();
    let all = integers(0..operations as i64);
    for _ in 0..10 {
        tape.push(act(F::Read, Value::Nil, Value::Nil, all.clone()));
    }
    tape.finish()
}

/// A thousand sets of up to a hundred elements that are added and removed; each is read at the end.
pub(crate) fn removals(operations: usize) -> History {
    let mut rng = rng();
    let mut tape = Tape::new();
    let mut sets = vec![[false; 100]; 1_000];
    for _ in 0..operations {
        let (key, element) = (rng.random_range(0..sets.len()), rng.random_range(0..100));
        let held = &mut sets[key][element];
        let f = match rng.random_range(0..10) {
            0 => {
                let output = (*held).into();
                let asked = Value::from(element as i64);
                tape.push(act("contains", key as i64, asked, output));
                continue;
            }
            1..5 => F::Remove,
            _ => F::Add,
        };
        *held = f == F::Add;
        let element = Value::from(element as i64);
        tape.push(act(f, key as i64, element.clone(), element));
    }
    tape.final_reads();
    for (key, set) in sets.iter().enumerate() {
        let held = (0..100).filter(|&element| set[element as usize]);
        tape.push(act(F::Read, key as i64, Value::Nil, integers(held)));
    }
    tape.finish()
}

/// Sets of up to twenty elements, one after the other; one operation in four reads.
pub(crate) fn small_sets(operations: usize) -> History {
    let mut size = 0;
    let mut key = 0_i64;
    tape(operations, |_, rng| {
        if size == 20 {
            size = 0;
            key += 1;
        }
        if rng.random_bool(0.25) {
            act(F::Read, key, Value::Nil, integers(0..size))
        } else {
            size += 1;
            act(F::Add, key, (size - 1).into(), (size - 1).into())
        }
    })
}

/// Rows of a million values in ten tables, inserted, refused and deleted.
pub(crate) fn rows(operations: usize) -> History {
    let mut there = vec![[false; 10]; 1_000_000];
    tape(operations, |_, rng| {
        let (row, table) = (rng.random_range(0..there.len()), rng.random_range(0..10));
        let held = &mut there[row][table];
        let row = Value::from(row as i64);
        let f = if *held && rng.random_bool(0.3) {
            "delete"
        } else {
            "insert"
        };
        let refused = f == "insert" && *held;
        *held = f == "insert";
        let kind = if refused { Kind::Fail } else { Kind::Ok };
        Act {
            kind,
            ..act(f, table as i64, row.clone(), row)
        }
    })
}

/// Sagas, each with a mark in two of four stores, which are read at the end.
pub(crate) fn sagas(operations: usize) -> History {
    const STORES: [&str; 4] = ["order", "stock", "charge", "parcel"];
    let mut tape = Tape::new();
    let mut marks: [Vec<i64>; 4] = Default::default();
    let parts: Vec<Value> = (0..4)
        .map(|i| Value::list([STORES[i], STORES[(i + 1) % 4]]))
        .collect();
    for id in 0..operations as i64 {
        let place = (id % 4) as usize;
        let saga = Value::map([("id", id.into()), ("parts", parts[place].clone())]);
        marks[place].push(id);
        marks[(place + 1) % 4].push(id);
        tape.push(act("saga", Value::Nil, saga.clone(), saga));
    }
    tape.final_reads();
    for (store, marks) in STORES.iter().zip(marks) {
        tape.push(act(F::Read, *store, Value::Nil, integers(marks)));
    }
    tape.finish()
}
