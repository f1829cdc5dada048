//! Histories that may be right or wrong, for tests.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, History, Kind, Process, Time, Value};

use crate::generate::{self, Clients};

/// A small history without rhyme or reason: any operation, any time, any result.
pub(crate) fn arbitrary(rng: &mut Pcg64Mcg) -> History {
    let operations = rng.random_range(1..=7);
    let processes = rng.random_range(1..=4_u32);
    let values = rng.random_range(1..=4_i64);
    let unique = rng.random_bool(0.5);
    let refusals = rng.random_bool(0.2);
    let mut fresh = 0;
    let mut events = Vec::new();
    let mut clock: Vec<(u64, u32)> = (0..processes).map(|process| (1, process)).collect();
    for _ in 0..operations {
        let worker = rng.random_range(0..processes as usize);
        let (free, process) = clock[worker];
        let begin = free + rng.random_range(0..4);
        let end = begin + rng.random_range(0..6);
        let mut new = |rng: &mut Pcg64Mcg| {
            fresh += 1;
            Value::from(if unique {
                fresh
            } else {
                rng.random_range(1..=values)
            })
        };
        let any = |rng: &mut Pcg64Mcg| {
            let value = rng.random_range(0..=values);
            if value == 0 {
                Value::Nil
            } else {
                Value::from(value)
            }
        };
        let (f, input, output) = match rng.random_range(0..10) {
            0..4 => (F::Read, Value::Nil, any(rng)),
            4..8 => {
                let value = new(rng);
                (F::Write, value.clone(), value)
            }
            _ => {
                let pair = Value::list([any(rng), new(rng)]);
                let refused = refusals && rng.random_bool(0.5);
                let output = if refused {
                    Value::from(false)
                } else {
                    pair.clone()
                };
                (F::Cas, pair, output)
            }
        };
        let kind = match rng.random_range(0..10) {
            0 => Kind::Fail,
            1 | 2 => Kind::Info,
            _ => Kind::Ok,
        };
        let process_now = Process::client(process);
        let event = |time, kind, value| {
            Event::new(Time::from_nanos(time), process_now, kind, f.clone())
                .key("x")
                .value(value)
        };
        let end_order = if kind == Kind::Info { 2 } else { 1 };
        events.push((begin, 0, event(begin, Kind::Invoke, input)));
        events.push((end, end_order, event(end, kind, output)));
        let next = process + if kind == Kind::Info { processes } else { 0 };
        clock[worker] = (end + 1, next);
    }
    // At one moment invocations come first; the order of a process's own events stays, since it pauses in between.
    events.sort_by_key(|&(time, order, _)| (time, order));
    generate::history(events.into_iter().map(|(_, _, event)| event).collect())
}

/// Makes some reads return something else; whether it changed anything. The history may be linearizable all the same.
pub(crate) fn mutate(events: &mut [Event], times: usize, rng: &mut Pcg64Mcg) -> bool {
    let reads: Vec<usize> = (0..events.len())
        .filter(|&i| events[i].kind == Kind::Ok && events[i].f == F::Read)
        .collect();
    if reads.is_empty() {
        return false;
    }
    let mut changed = false;
    for _ in 0..times {
        let one = reads[rng.random_range(0..reads.len())];
        let other = reads[rng.random_range(0..reads.len())];
        let value = events[other].value.clone();
        changed |= events[one].value != value;
        events[one].value = value;
    }
    changed
}

/// Clients with about this much going on at once.
pub(crate) fn clients(rng: &mut Pcg64Mcg) -> Clients {
    Clients {
        concurrency: rng.random_range(2..=6),
        operations: 40,
        keys: rng.random_range(1..=2),
        values: if rng.random_bool(0.5) { 0 } else { 4 },
        writes: rng.random_range(20..=50),
        cas: if rng.random_bool(0.5) { 0 } else { 25 },
        unknown: rng.random_range(0..=20),
        longest: 100,
    }
}
