//! Money and stocks.

use rand::RngExt;
use schism_history::{F, History, Kind, Value};

use crate::tape::{Act, Tape, act, rng, tape};

/// Eight accounts; half of the operations transfer, half read all of them.
pub(crate) fn bank(operations: usize) -> History {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut held = [1_000_i64; 8];
    let mut last = Value::Nil;
    tape(operations, |i, rng| {
        if i % 2 == 1 {
            return act(F::Read, Value::Nil, Value::Nil, last.clone());
        }
        let (from, to) = (rng.random_range(0..8), rng.random_range(0..8));
        let amount = rng.random_range(0..=held[from].min(5));
        held[from] -= amount;
        held[to] += amount;
        // As many different reads as fit into memory.
        if i % 20 == 0 {
            last = Value::map((0..8).map(|i| (names[i], held[i])));
        }
        let transfer = Value::map([
            ("from", Value::from(names[from])),
            ("to", names[to].into()),
            ("amount", amount.into()),
        ]);
        act(F::Transfer, Value::Nil, transfer.clone(), transfer)
    })
}

/// A thousand accounts; one transfer in ten has an id. All balances and all entries are read at the end.
pub(crate) fn ledger(operations: usize) -> History {
    const ACCOUNTS: usize = 1_000;
    let mut rng = rng();
    let mut tape = Tape::new();
    let names: Vec<Value> = (0..ACCOUNTS).map(|i| format!("a{i}").into()).collect();
    let mut held = vec![1_000_000_i64; ACCOUNTS];
    let all = |held: &[i64]| {
        let parts = names.iter().zip(held);
        Value::map(parts.map(|(name, &held)| (name.as_text().unwrap_or_default(), held)))
    };
    let mut entries: Vec<Value> = Vec::new();
    let opened = all(&held);
    tape.push(act("open", Value::Nil, opened.clone(), opened));
    tape.quiet();
    for i in 0..operations {
        let (from, to) = (rng.random_range(0..ACCOUNTS), rng.random_range(0..ACCOUNTS));
        held[from] -= 1;
        held[to] += 1;
        let mut parts = vec![
            ("from", names[from].clone()),
            ("to", names[to].clone()),
            ("amount", 1.into()),
        ];
        if i % 10 == 0 {
            parts.push(("id", Value::from(i as i64)));
            entries.push(Value::from(i as i64));
        }
        let transfer = Value::map(parts);
        tape.push(act(F::Transfer, Value::Nil, transfer.clone(), transfer));
    }
    tape.final_reads();
    tape.push(act(F::Read, Value::Nil, Value::Nil, all(&held)));
    tape.push(act(F::Read, Value::Nil, Value::Nil, Value::list(entries)));
    tape.finish()
}

/// A thousand seats that are booked and given back, and stocks of a hundred articles.
pub(crate) fn booking(operations: usize) -> History {
    let mut rng = rng();
    let mut tape = Tape::new();
    let (mut taken, mut stock) = (vec![false; 1_000], vec![1_000_000_i64; 100]);
    for (article, &pieces) in stock.iter().enumerate() {
        let key = format!("article{article}");
        tape.push(act("open", key, pieces.into(), pieces.into()));
    }
    tape.quiet();
    for _ in 0..operations {
        let place = rng.random_range(0..taken.len());
        let what = if rng.random_bool(0.5) {
            let (article, pieces) = (place % stock.len(), rng.random_range(1..4_i64));
            let key = format!("article{article}");
            if rng.random_bool(0.2) {
                act(F::Read, key, Value::Nil, stock[article].into())
            } else {
                stock[article] -= pieces;
                act("book", key, pieces.into(), pieces.into())
            }
        } else {
            let key = format!("seat{place}");
            let f = if taken[place] && rng.random_bool(0.7) {
                "cancel"
            } else {
                "book"
            };
            let refused = f == "book" && taken[place];
            taken[place] = f == "book";
            let kind = if refused { Kind::Fail } else { Kind::Ok };
            Act {
                kind,
                ..act(f, key, Value::Nil, Value::Nil)
            }
        };
        tape.push(what);
    }
    tape.finish()
}
