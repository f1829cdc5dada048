//! Transactions.

use rand::RngExt;
use schism_history::{F, History, Value};

use crate::tape::{act, tape};

fn step(name: &str, key: i64, value: Value) -> Value {
    Value::list([Value::from(name), key.into(), value])
}

/// Transactions of four steps on twenty lists at a time, half of them appends; a list lives for a hundred elements.
pub(crate) fn lists(operations: usize) -> History {
    let mut lists: Vec<(i64, Vec<Value>)> = (0..20).map(|key| (key, Vec::new())).collect();
    let mut next = 20;
    tape(operations / 4, |_, rng| {
        let (mut asked, mut told) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let place = rng.random_range(0..lists.len());
            let (key, list) = &mut lists[place];
            if rng.random_bool(0.5) {
                let append = step("append", *key, Value::from(list.len() as i64));
                list.push(Value::from(list.len() as i64));
                asked.push(append.clone());
                told.push(append);
                if list.len() == 100 {
                    lists[place] = (next, Vec::new());
                    next += 1;
                }
            } else {
                asked.push(step("r", *key, Value::Nil));
                told.push(step("r", *key, Value::list(list.iter().cloned())));
            }
        }
        act(F::Txn, Value::Nil, Value::list(asked), Value::list(told))
    })
}

/// Groups of five keys: each is written once, and all of them are read together now and then, in one snapshot.
pub(crate) fn groups(operations: usize) -> History {
    let mut group = 0_i64;
    let mut written = 0;
    // A group of five writes and three reads of five: twenty steps.
    tape(operations / 20 * 8, |i, _| {
        let place = i % 8;
        if place == 0 {
            group += 5;
            written = 0;
        }
        let (asked, told) = if matches!(place, 2 | 5 | 7) {
            let reads = |seen: i64| {
                (0..5).map(move |key| {
                    let value = if key < seen {
                        Value::from(1)
                    } else {
                        Value::Nil
                    };
                    step("r", group + key, value)
                })
            };
            (Value::list(reads(0)), Value::list(reads(written)))
        } else {
            let write = Value::list([step("w", group + written, 1.into())]);
            written += 1;
            (write.clone(), write)
        };
        act(F::Txn, Value::Nil, asked, told)
    })
}
