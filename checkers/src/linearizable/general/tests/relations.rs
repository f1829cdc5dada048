//! What must not change a verdict, and what may only make it better.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, History, Kind, Process, Time, Value};

use super::super::*;
use super::draw::{self, Drawn};
use super::{judge, models};
use crate::generate;

/// The events of a history, changed.
fn changed(history: &History, change: impl Fn(&mut Event)) -> History {
    let mut events = Vec::new();
    for op in history.operations() {
        let event = |time, kind, value: &Value| {
            let event = Event::new(time, op.process, kind, op.f().clone());
            let mut event = event.key(op.key().clone()).value(value.clone());
            change(&mut event);
            event
        };
        events.push((op.invoked, 0, event(op.invoked, Kind::Invoke, op.input())));
        if let Some(completed) = op.completed {
            let kind = match op.outcome {
                Outcome::Ok => Kind::Ok,
                Outcome::Fail => Kind::Fail,
                Outcome::Info => Kind::Info,
            };
            let order = if kind == Kind::Info { 2 } else { 1 };
            let value = if kind == Kind::Ok {
                op.output()
            } else {
                op.input()
            };
            events.push((completed, order, event(completed, kind, value)));
        }
    }
    events.sort_by_key(|&(time, order, _)| (time, order));
    generate::history(events.into_iter().map(|(.., event)| event).collect())
}

/// Values up in the same order, so that priorities stay what they are.
fn renamed(value: &Value) -> Value {
    match value {
        Value::Int(number) => Value::from(number * 3 + 1_000),
        Value::List(items) => Value::list(items.iter().map(renamed)),
        other => other.clone(),
    }
}

#[test]
fn names_and_times_do_not_matter_and_less_knowledge_never_condemns() {
    let seeds = if cfg!(debug_assertions) { 60 } else { 3_000 };
    for model in models() {
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        for _ in 0..seeds {
            let drawn = Drawn {
                operations: rng.random_range(2..=9),
                processes: rng.random_range(1..=4),
                values: 3,
                fresh: rng.random_bool(0.5),
                unknown: 15,
            };
            let history = draw::history(model, drawn, &mut rng);
            let validity = judge(&history, model).validity;
            let shifted = changed(&history, |event| {
                event.time = Time::from_nanos(event.time.as_nanos() * 7 + 100);
                event.key = Value::from("another");
                let number = event.process.number().unwrap_or_default();
                event.process = Process::client(number + 50);
            });
            assert_eq!(judge(&shifted, model).validity, validity, "{history:?}");
            if model != ModelName::Counter {
                let other = changed(&history, |event| event.value = renamed(&event.value));
                assert_eq!(judge(&other, model).validity, validity, "{history:?}");
            }
            // An operation whose outcome is not known any more.
            let doubt = Process::client(rng.random_range(0..4));
            let less = History::from_events(history.header().clone(), weakened(&history, doubt));
            let less = less.expect("it is a history");
            if validity != Validity::Invalid {
                let less = judge(&less, model);
                assert_ne!(less.validity, Validity::Invalid, "{model}: {history:?}");
            }
        }
    }
}

/// The last operation of a process ends unknown.
fn weakened(history: &History, process: Process) -> Vec<Event> {
    let last = history.operations().rfind(|op| op.process == process);
    let last = last.filter(|op| op.outcome == Outcome::Ok).map(|op| op.id);
    let mut events = Vec::new();
    for op in history.operations() {
        let event = |time, kind, value: &Value| {
            let event = Event::new(time, op.process, kind, op.f().clone());
            event.key(op.key().clone()).value(value.clone())
        };
        events.push((op.invoked, 0, event(op.invoked, Kind::Invoke, op.input())));
        let Some(completed) = op.completed else {
            continue;
        };
        let (order, kind, value) = match op.outcome {
            _ if Some(op.id) == last => (2, Kind::Info, op.input()),
            Outcome::Ok => (1, Kind::Ok, op.output()),
            Outcome::Fail => (1, Kind::Fail, op.input()),
            Outcome::Info => (2, Kind::Info, op.input()),
        };
        events.push((completed, order, event(completed, kind, value)));
    }
    events.sort_by_key(|&(time, order, _)| (time, order));
    events.into_iter().map(|(.., event)| event).collect()
}
