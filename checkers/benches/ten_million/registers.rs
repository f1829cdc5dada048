//! Registers.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::{F, History, Kind, Value};

use crate::generate::{self, Clients};
use crate::replicas::{Keeps, Replicas, Writer};
use crate::tape::{Act, Tape, act, rng};

fn linearizable(operations: usize, cas: u32, revisions: bool) -> History {
    let clients = Clients {
        concurrency: 10,
        operations,
        keys: 1_000,
        values: 0,
        writes: 50 - cas,
        cas,
        unknown: 0,
        revisions,
        longest: 1_000_000,
    };
    generate::history(generate::register(
        &clients,
        &mut Pcg64Mcg::seed_from_u64(1),
    ))
}

/// Ten clients of linearizable registers, a thousand keys.
pub(crate) fn one_copy(operations: usize) -> History {
    linearizable(operations, 0, false)
}

/// The same, and the database numbers its writes.
pub(crate) fn numbered(operations: usize) -> History {
    linearizable(operations, 0, true)
}

/// The same, and half of the writes are compare-and-sets.
pub(crate) fn made_from_each_other(operations: usize) -> History {
    linearizable(operations, 25, false)
}

/// Ten clients of replicas that keep causal convergence, on a thousand keys: stale reads everywhere.
pub(crate) fn stale(operations: usize) -> History {
    let replicas = Replicas {
        keeps: Keeps::NewestStays,
        clients: 10,
        keys: 1_000,
        operations,
        writes: 50,
        arrivals: 6,
    };
    let mut writer = Writer::new();
    replicas.run(&mut Pcg64Mcg::seed_from_u64(1), |act| writer.push(act));
    writer.finish()
}

/// One key for each twenty operations; one write in twenty fails. In the end each is read from five nodes.
pub(crate) fn nodes(operations: usize) -> History {
    let mut rng = rng();
    let mut tape = Tape::new();
    let mut held: Vec<Value> = vec![Value::Nil; operations / 20];
    let last = held.len() * 5;
    for i in 0..operations - last {
        let key = rng.random_range(0..held.len());
        if rng.random_bool(0.4) {
            tape.push(act(F::Read, key as i64, Value::Nil, held[key].clone()));
            continue;
        }
        let value = Value::from(i as i64);
        let fails = rng.random_range(0..20) == 0;
        let kind = if fails { Kind::Fail } else { Kind::Ok };
        if !fails {
            held[key] = value.clone();
        }
        tape.push(Act {
            kind,
            ..act(F::Write, key as i64, value.clone(), value)
        });
    }
    tape.final_reads();
    for node in 0..5 {
        for (key, held) in held.iter().enumerate() {
            let read = act(F::Read, key as i64, Value::Nil, held.clone());
            tape.push(Act {
                node: Some(node),
                ..read
            });
        }
    }
    tape.finish()
}
