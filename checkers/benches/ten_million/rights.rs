//! Who may do what: locks, leaders, rights.

use rand::RngExt;
use schism_history::{F, History, Value};

use crate::tape::{CLIENTS, act, tape};

/// A hundred locks, each taken by a client, used for a write or two, and given back.
pub(crate) fn lock(operations: usize) -> History {
    const LOCKS: usize = 100;
    let mut holder = [usize::MAX; LOCKS];
    let mut token = [0_i64; LOCKS];
    // What each client does next: take, use, give back.
    let mut turn = [(0_usize, 0_u8); CLIENTS];
    tape(operations, |i, rng| {
        let client = i % CLIENTS;
        let (lock, step) = turn[client];
        match step {
            0 => {
                // The answer of the last release has come: its client has been asked again since.
                let free = (0..).map(|_| rng.random_range(0..LOCKS));
                let mut free = free.filter(|&lock| holder[lock] == usize::MAX);
                let lock = free.next().unwrap_or_default();
                holder[lock] = client;
                token[lock] += 1;
                turn[client] = (lock, 1);
                act(F::Acquire, lock as i64, Value::Nil, token[lock].into())
            }
            1 => {
                turn[client].1 = 2;
                let shown = Value::map([("token", token[lock]), ("value", 1)]);
                act(F::Write, format!("data{lock}"), shown.clone(), shown)
            }
            2 => {
                turn[client].1 = 3;
                act(F::Release, lock as i64, Value::Nil, Value::Nil)
            }
            _ => {
                holder[lock] = usize::MAX;
                turn[client].1 = 0;
                act(F::Read, "other", Value::Nil, Value::Nil)
            }
        }
    })
}

/// Clients ask who leads; every thousandth operation elects somebody.
pub(crate) fn election(operations: usize) -> History {
    let mut term = 0_i64;
    let mut answer = Value::Nil;
    tape(operations, |i, rng| {
        let elects = i % 1_000 == 0;
        if elects {
            term += 1;
            let leader = format!("n{}", rng.random_range(1..6));
            answer = Value::map([("term", Value::from(term)), ("leader", leader.into())]);
        }
        let f = if elects { "elect" } else { "leader" };
        act(f, Value::Nil, Value::Nil, answer.clone())
    })
}

/// A thousand rights, granted and revoked now and then, and used all the time.
pub(crate) fn rights(operations: usize) -> History {
    let mut allowed = vec![true; 1_000];
    tape(operations, |_, rng| {
        let who = rng.random_range(0..allowed.len());
        let f = ["use", "use", "use", "grant", "revoke"][rng.random_range(0..5)];
        let output = if f == "use" {
            allowed[who].into()
        } else {
            allowed[who] = f == "grant";
            Value::Nil
        };
        act(f, who as i64, Value::Nil, output)
    })
}
