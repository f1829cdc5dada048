//! Random histories with a known truth, for tests and benches: what clients of a perfect register would have seen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::{Rng, RngExt};
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

/// What clients do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients {
    /// How many call at once.
    pub(crate) concurrency: u32,
    /// How many operations they call in all.
    pub(crate) operations: usize,
    /// How many keys there are, used equally.
    pub(crate) keys: u32,
    /// Values written are below this; 0: each value is written once.
    pub(crate) values: i64,
    /// Of 100 operations, how many write.
    pub(crate) writes: u32,
    /// Of 100 operations, how many compare and set.
    pub(crate) cas: u32,
    /// Of 100 writes and compare-and-sets, how many end unknown: half of them happen, at any later time.
    pub(crate) unknown: u32,
    /// Whether the database numbers its writes.
    pub(crate) revisions: bool,
    /// How long an operation takes at most, in nanoseconds; at least 1.
    pub(crate) longest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Effect,
    Return,
    Invoke,
}

struct Running {
    f: F,
    key: i64,
    input: Value,
    output: Option<Value>,
    failed: bool,
    unknown: bool,
    revision: Option<i64>,
}

/// The events of clients of a linearizable register.
pub(crate) fn register(clients: &Clients, rng: &mut impl Rng) -> Vec<Event> {
    paused_register(clients, clients.longest.div_ceil(4), rng)
}

/// The events of clients of a linearizable register, each of which waits at most `pause` nanoseconds between two
/// operations; at least 1. With 1, all of them are always busy.
pub(crate) fn paused_register(clients: &Clients, pause: u64, rng: &mut impl Rng) -> Vec<Event> {
    let mut events = Vec::with_capacity(clients.operations * 2);
    let mut held = vec![Value::Nil; clients.keys as usize];
    let mut running: Vec<Running> = Vec::new();
    // Time, what, worker, operation.
    let mut agenda: BinaryHeap<Reverse<(u64, What, u32, usize)>> = BinaryHeap::new();
    let mut process: Vec<u32> = (0..clients.concurrency).collect();
    let mut next_value = 0;
    let mut revision = 0;
    for worker in 0..clients.concurrency {
        let begin = rng.random_range(1..=clients.longest);
        agenda.push(Reverse((begin, What::Invoke, worker, usize::MAX)));
    }
    while let Some(Reverse((now, what, worker, i))) = agenda.pop() {
        let who = Process::client(process[worker as usize]);
        match what {
            What::Invoke if running.len() == clients.operations => {}
            What::Invoke => {
                let operation = draw(clients, &mut next_value, &held, rng);
                events.push(event(
                    now,
                    who,
                    Kind::Invoke,
                    &operation,
                    operation.input.clone(),
                ));
                let long = rng.random_range(1..=clients.longest);
                let effect = now + rng.random_range(0..=long);
                let i = running.len();
                if operation.unknown {
                    if rng.random_bool(0.5) {
                        let late = rng.random_range(0..=clients.longest * 5);
                        agenda.push(Reverse((now + late, What::Effect, worker, i)));
                    }
                } else {
                    agenda.push(Reverse((effect, What::Effect, worker, i)));
                }
                agenda.push(Reverse((now + long, What::Return, worker, i)));
                running.push(operation);
            }
            What::Effect => {
                take_effect(&mut running[i], &mut held);
                revision += 1;
                running[i].revision = clients.revisions.then_some(revision);
            }
            What::Return => {
                let operation = &running[i];
                let (kind, value) = if operation.unknown {
                    process[worker as usize] += clients.concurrency;
                    (Kind::Info, operation.input.clone())
                } else if operation.failed {
                    (Kind::Fail, operation.input.clone())
                } else {
                    let output = operation.output.as_ref().unwrap_or(&operation.input);
                    (Kind::Ok, output.clone())
                };
                events.push(Event {
                    revision: operation.revision.filter(|_| kind == Kind::Ok),
                    ..event(now, who, kind, operation, value)
                });
                let pause = rng.random_range(1..=pause);
                agenda.push(Reverse((now + pause, What::Invoke, worker, usize::MAX)));
            }
        }
    }
    events
}

fn draw(clients: &Clients, next_value: &mut i64, held: &[Value], rng: &mut impl Rng) -> Running {
    let key = rng.random_range(0..clients.keys);
    let die = rng.random_range(0..100);
    let mut fresh = |rng: &mut dyn Rng| {
        *next_value += 1;
        if clients.values == 0 {
            Value::from(*next_value)
        } else {
            Value::from(rng.random_range(0..clients.values))
        }
    };
    let (f, input) = if die < clients.writes {
        (F::Write, fresh(rng))
    } else if die < clients.writes + clients.cas {
        // Half of them expect what the register holds now, so that some succeed.
        let old = if rng.random_bool(0.5) || clients.values == 0 {
            held[key as usize].clone()
        } else {
            Value::from(rng.random_range(0..clients.values))
        };
        (F::Cas, Value::list([old, fresh(rng)]))
    } else {
        (F::Read, Value::Nil)
    };
    let unknown = f != F::Read && rng.random_range(0..100) < clients.unknown;
    Running {
        f,
        key: key.into(),
        input,
        output: None,
        failed: false,
        unknown,
        revision: None,
    }
}

fn take_effect(operation: &mut Running, held: &mut [Value]) {
    let held = &mut held[operation.key as usize];
    match operation.f {
        F::Read => operation.output = Some(held.clone()),
        F::Write => *held = operation.input.clone(),
        _ => match operation.input.as_pair() {
            Some((old, new)) if old == held => *held = new.clone(),
            _ => operation.failed = true,
        },
    }
}

fn event(now: u64, who: Process, kind: Kind, operation: &Running, value: Value) -> Event {
    Event::new(Time::from_nanos(now), who, kind, operation.f.clone())
        .key(operation.key)
        .value(value)
}

/// A history from events in time order.
///
/// # Panics
/// When the events are no history: a bug in this file.
pub(crate) fn history(events: Vec<Event>) -> History {
    History::from_events(Header::default(), events)
        .unwrap_or_else(|(place, malformed)| panic!("event {place}: {malformed}"))
}
