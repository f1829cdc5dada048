//! Small histories without rhyme or reason, on objects of every kind.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, History, Kind, Process, Time, Value};

use super::super::ModelName;
use crate::generate;

/// A call and its result, drawn among those that an object of this kind may see. Values up to `values`; where they are
/// fresh, each is put in once.
fn call(
    model: ModelName,
    values: i64,
    fresh: &mut Option<i64>,
    rng: &mut Pcg64Mcg,
) -> (F, Value, Value) {
    let value = Value::from(rng.random_range(1..=values));
    let any = |rng: &mut Pcg64Mcg| match rng.random_range(0..=values) {
        0 => Value::Nil,
        value => Value::from(value),
    };
    let put = match fresh {
        Some(last) => {
            *last += 1;
            Value::from(*last)
        }
        None => value.clone(),
    };
    let some = |rng: &mut Pcg64Mcg| {
        let kept = (1..=values).filter(|_| rng.random_bool(0.5));
        Value::list(kept.collect::<Vec<i64>>())
    };
    let half = rng.random_bool(0.5);
    match model {
        ModelName::Queue | ModelName::UnorderedQueue | ModelName::PriorityQueue => {
            if half {
                (F::Enqueue, put.clone(), put)
            } else if rng.random_range(0..12) == 0 && model != ModelName::PriorityQueue {
                (F::Drain, Value::Nil, some(rng))
            } else {
                (F::Dequeue, Value::Nil, any(rng))
            }
        }
        ModelName::Stack => {
            if half {
                (F::Push, put.clone(), put)
            } else {
                (F::Pop, Value::Nil, any(rng))
            }
        }
        ModelName::Set => match rng.random_range(0..8) {
            0..4 => (F::Add, put.clone(), put),
            4 => (F::Remove, value.clone(), value),
            5 => (F::from("contains"), value, Value::from(half)),
            _ => (F::Read, Value::Nil, some(rng)),
        },
        ModelName::AppendLog => {
            if half {
                (F::Append, put.clone(), put)
            } else {
                let mut items = some(rng).as_list().unwrap_or_default().to_vec();
                if rng.random_bool(0.3) {
                    items.reverse();
                }
                (F::Read, Value::Nil, Value::list(items))
            }
        }
        ModelName::Counter => {
            if half {
                let by = if fresh.is_some() { Value::Nil } else { value };
                (F::Add, by.clone(), by)
            } else {
                (F::Read, Value::Nil, Value::from(rng.random_range(0..=3)))
            }
        }
        ModelName::Mutex => {
            let f = if half { F::Acquire } else { F::Release };
            (f, Value::Nil, Value::Nil)
        }
        ModelName::FencedLock => {
            let token = if rng.random_bool(0.8) {
                value
            } else {
                Value::Nil
            };
            if half {
                (F::Acquire, Value::Nil, token)
            } else {
                (F::Release, token.clone(), token)
            }
        }
        ModelName::UniqueIds => (F::Generate, Value::Nil, value),
        ModelName::Text => {
            // All alike, so that reads fit now and then.
            let letters = Value::from(["", "a", "b", "aa", "ab", "ba"][rng.random_range(0..6)]);
            match rng.random_range(0..6) {
                0..3 => {
                    let letter = Value::from(if half { "a" } else { "b" });
                    (F::Append, letter.clone(), letter)
                }
                3 => (F::from("put"), letters.clone(), letters),
                _ => (F::from("get"), Value::Nil, letters),
            }
        }
        ModelName::Map => {
            let key = Value::from(if half { "a" } else { "b" });
            match rng.random_range(0..5) {
                0..2 => {
                    let pair = Value::list([key, put]);
                    (F::from("put"), pair.clone(), pair)
                }
                2 => (F::Remove, key.clone(), key),
                _ => (F::from("get"), key, any(rng)),
            }
        }
        ModelName::MultiRegister => {
            let (mut input, mut output) = (Vec::new(), Vec::new());
            for key in ["x", "y"] {
                match rng.random_range(0..3) {
                    0 => {
                        let write = Value::list([Value::from("w"), key.into(), put.clone()]);
                        input.push(write.clone());
                        output.push(write);
                    }
                    1 => {
                        let read = |found| Value::list([Value::from("r"), key.into(), found]);
                        input.push(read(Value::Nil));
                        output.push(read(any(rng)));
                    }
                    _ => {}
                }
            }
            (F::Txn, Value::list(input), Value::list(output))
        }
        ModelName::Register | ModelName::CasRegister => {
            unreachable!("they have tests of their own")
        }
    }
}

/// How the histories are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) operations: usize,
    pub(super) processes: u32,
    pub(super) values: i64,
    /// Each value is put in once.
    pub(super) fresh: bool,
    /// Of 100 operations, how many end unknown.
    pub(super) unknown: u32,
}

/// A history on one object of this kind.
pub(super) fn history(model: ModelName, drawn: Drawn, rng: &mut Pcg64Mcg) -> History {
    let mut fresh = drawn.fresh.then_some(0);
    let mut events = Vec::new();
    let mut clock: Vec<(u64, u32)> = (0..drawn.processes).map(|process| (1, process)).collect();
    for _ in 0..drawn.operations {
        let worker = rng.random_range(0..drawn.processes as usize);
        let (free, process) = clock[worker];
        let begin = free + rng.random_range(0..4);
        let end = begin + rng.random_range(0..6);
        let (f, input, output) = call(model, drawn.values, &mut fresh, rng);
        let die = rng.random_range(0..100);
        let kind = match die {
            0..4 => Kind::Fail,
            _ if die < 4 + drawn.unknown => Kind::Info,
            _ => Kind::Ok,
        };
        let who = Process::client(process);
        let event = |time, kind, value| {
            Event::new(Time::from_nanos(time), who, kind, f.clone())
                .key("o")
                .value(value)
        };
        let output = if kind == Kind::Ok {
            output
        } else {
            input.clone()
        };
        let order = if kind == Kind::Info { 2 } else { 1 };
        events.push((begin, 0, event(begin, Kind::Invoke, input)));
        events.push((end, order, event(end, kind, output)));
        let next = process
            + if kind == Kind::Info {
                drawn.processes
            } else {
                0
            };
        clock[worker] = (end + 1, next);
    }
    events.sort_by_key(|&(time, order, _)| (time, order));
    generate::history(events.into_iter().map(|(_, _, event)| event).collect())
}
