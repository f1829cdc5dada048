//! A simulated fleet of workers: runs any generator without I/O, to test it or to see what it would do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use schism_history::{Event, Kind, Time, Value};

use super::{Context, Generator, Invocation, Next, Workers};

/// How a simulated worker answers: after how long, and how it ends.
pub type Answers<'a> = &'a mut dyn FnMut(&Invocation) -> (Duration, Kind);

/// Runs a generator with `count` workers until it is done or has emitted `most` invocations; all events, in order.
///
/// # Panics
/// When the generator names a worker that is not free, is pending for ever, or names a moment that never comes.
pub fn run(
    count: usize,
    most: usize,
    mut generator: impl Generator,
    answers: Answers<'_>,
) -> Vec<Event> {
    let mut workers = Workers::new(count);
    let mut open: BinaryHeap<Reverse<(Time, usize)>> = BinaryHeap::new();
    let mut calls: Vec<Option<(Event, Kind)>> = vec![None; count];
    let mut events = Vec::new();
    let mut time = Time::ZERO;
    let mut emitted_count = 0;
    loop {
        let context = Context::new(time, &workers);
        let next = if emitted_count < most {
            generator.ready(&context)
        } else {
            Next::Done
        };
        assert_eq!(
            generator_again(&mut generator, &context, emitted_count < most),
            next,
            "asking changed the answer"
        );
        let completion = open.peek().map(|Reverse((at, _))| *at);
        match next {
            Next::At(at) if at <= time => {
                let emitted = generator.emit(&context);
                assert!(
                    context.free().contains(emitted.worker),
                    "worker {} is busy",
                    emitted.worker
                );
                let Invocation { f, key, value } = emitted.invocation;
                let mut event = Event::new(
                    time,
                    workers.process(emitted.worker),
                    Kind::Invoke,
                    f.clone(),
                )
                .key(key.clone())
                .value(value.clone());
                event.due = (emitted.due != time).then_some(emitted.due);
                let (latency, kind) = answers(&Invocation { f, key, value });
                workers.begin(emitted.worker);
                open.push(Reverse((time + latency, emitted.worker)));
                calls[emitted.worker] = Some((event.clone(), kind));
                generator.saw(&Context::new(time, &workers), emitted.worker, &event);
                events.push(event);
                emitted_count += 1;
            }
            Next::At(at) if completion.is_none_or(|completion| at < completion) => time = at,
            Next::Done if completion.is_none() => return events,
            _ => {
                let Some(Reverse((at, worker))) = open.pop() else {
                    panic!("pending, but nothing is open")
                };
                time = time.max(at);
                let (invocation, kind) = calls[worker].take().expect("it is open");
                let event = Event {
                    time,
                    kind,
                    due: None,
                    ..invocation
                };
                workers.end(worker);
                if kind == Kind::Info {
                    assert!(
                        workers.replace_process(worker),
                        "process numbers are used up"
                    );
                }
                generator.saw(&Context::new(time, &workers), worker, &event);
                events.push(event);
            }
        }
    }
}

fn generator_again(generator: &mut impl Generator, context: &Context<'_>, asked: bool) -> Next {
    if asked {
        generator.ready(context)
    } else {
        Next::Done
    }
}

/// Every operation takes 10 ms and is `ok`.
pub fn perfect(_: &Invocation) -> (Duration, Kind) {
    (Duration::from_millis(10), Kind::Ok)
}

/// Every operation takes 10 ms; they end as `ok`, `info` and `fail` in turn.
pub fn imperfect() -> impl FnMut(&Invocation) -> (Duration, Kind) {
    let mut turn = 0;
    move |_| {
        turn += 1;
        (
            Duration::from_millis(10),
            [Kind::Ok, Kind::Info, Kind::Fail][(turn - 1) % 3],
        )
    }
}

/// Reads the integers 0, 1, 2, … as keys: a source whose order can be seen.
pub fn counting() -> impl FnMut(&super::Turn) -> Invocation {
    let mut next = 0_i64;
    move |_| {
        next += 1;
        Invocation::new(schism_history::F::Read, next - 1, Value::Nil)
    }
}
