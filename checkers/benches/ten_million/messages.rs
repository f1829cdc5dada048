//! Counters, ids, queues, logs and watches.

use rand::RngExt;
use schism_history::{F, History, Value};

use crate::tape::{Act, CLIENTS, Tape, act, rng, tape};

/// Half of the operations add, half read.
pub(crate) fn counter(operations: usize) -> History {
    let mut count = 0_i64;
    tape(operations, |_, rng| {
        if rng.random_bool(0.5) {
            let delta = rng.random_range(1..10);
            count += delta;
            act(F::Add, Value::Nil, delta.into(), delta.into())
        } else {
            act(F::Read, Value::Nil, Value::Nil, count.into())
        }
    })
}

/// Ids that are given out.
pub(crate) fn unique_ids(operations: usize) -> History {
    tape(operations, |i, _| {
        act(F::Generate, Value::Nil, Value::Nil, Value::from(i as i64))
    })
}

/// Values are put in and come out.
pub(crate) fn queue(operations: usize) -> History {
    let (mut head, mut tail) = (0_i64, 0_i64);
    tape(operations, |_, rng| {
        if head == tail || rng.random_bool(0.5) {
            tail += 1;
            act(F::Enqueue, Value::Nil, tail.into(), tail.into())
        } else {
            head += 1;
            act(F::Dequeue, Value::Nil, Value::Nil, head.into())
        }
    })
}

/// A thousand logs, each with a client that polls it: half of the operations send, half poll up to five messages from where
/// their client was.
pub(crate) fn log(operations: usize) -> History {
    const KEYS: usize = 1_000;
    let mut held: Vec<Vec<Value>> = vec![Vec::new(); KEYS];
    let mut positions = vec![0_usize; KEYS];
    tape(operations, |i, rng| {
        let polls = rng.random_bool(0.5);
        let mut key = rng.random_range(0..KEYS);
        if polls {
            key = key / CLIENTS * CLIENTS + i % CLIENTS;
        }
        let (log, from) = (&mut held[key], &mut positions[key]);
        if polls {
            let to = log.len().min(*from + 5);
            let polled = Value::list(log[*from..to].iter().cloned());
            *from = to;
            act("poll", key as i64, Value::Nil, polled)
        } else {
            let offset = log.len() as i64;
            log.push(Value::list([Value::from(offset), Value::from(i as i64)]));
            act("send", key as i64, Value::from(i as i64), offset.into())
        }
    })
}

/// A thousand keys, each write at the next revision; a hundred of them are watched from the first write to the last.
pub(crate) fn watch(operations: usize) -> History {
    const KEYS: usize = 1_000;
    let mut rng = rng();
    let mut tape = Tape::new();
    let mut told: Vec<Vec<Value>> = vec![Vec::new(); KEYS / 10];
    for i in 0..operations {
        let (key, revision) = (rng.random_range(0..KEYS), i as i64 + 2);
        if let Some(told) = told.get_mut(key) {
            let event = Value::map([
                ("type", Value::from("put")),
                ("key", Value::from(key as i64)),
                ("value", (i as i64).into()),
                ("revision", revision.into()),
            ]);
            told.push(Value::map([("events", Value::list([event]))]));
        }
        let value = Value::from(i as i64);
        tape.push(Act {
            revision: Some(revision),
            ..act(F::Write, key as i64, value.clone(), value)
        });
    }
    tape.quiet();
    for (key, told) in told.into_iter().enumerate() {
        let asked = Value::map([("from", 1), ("key", key as i64)]);
        tape.push(act("watch", Value::Nil, asked, Value::list(told)));
    }
    tape.finish()
}
