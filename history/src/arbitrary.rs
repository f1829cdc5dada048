//! Strategies for property tests: any value, and events that can follow each other.

use std::sync::Arc;

use proptest::prelude::*;

use crate::{Event, F, Kind, Process, Time, Value};

/// Any value, nested at most four levels deep.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => Just(Value::Nil),
        1 => any::<bool>().prop_map(Value::from),
        4 => prop_oneof![-9..100_i64, any::<i64>()].prop_map(Value::from),
        2 => float().prop_map(Value::from),
        3 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..6).prop_map(|items| Value::List(items.into())),
            1 => prop::collection::vec((text(), inner), 0..6).prop_map(Value::map),
        ]
    })
}

/// Any float; of those that are no number, only the usual one.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_map(|x| if x.is_nan() { f64::NAN } else { x }),
        prop::sample::select(
            &[
                0.0,
                -0.0,
                0.1,
                1e300,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN
            ][..]
        ),
    ]
}

/// Any text, with a liking for what could be mistaken for something else.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z][a-z0-9-]{0,6}",
        2 => any::<String>(),
        2 => prop::sample::select(&[
            "", "nil", "true", "7", "-7", "007", "1/2", ":timeout", ":a/b", "a/b", "/", "#inst", "#a/b", "#", "\\a",
            "[:no-client \"x\"]", "[1,2]", "{:a 1}", "{\"a\":1}", "[\n1]", "[1 ; 2]", "a b", "r", "append", "n1", "é😀",
            ":timeout :code 5", "nil :code 5", ":code 5", "\"a\" :code 5", ":code 5 :code 6", "boom :type 5", "##NaN",
        ][..]).prop_map(str::to_owned),
    ]
}

/// A list of steps of transactions, and some that are none.
fn steps() -> impl Strategy<Value = Value> {
    let key = prop_oneof![4 => 0..3_i64, 1 => Just(1 << 40)].prop_map(Value::from);
    let list = (0..3_i64, 0..6_i64, 0..9_u8).prop_map(|(from, len, odd)| {
        let items = (from..from + len).map(|n| match odd {
            0 => Value::from(n as f64 + 0.5),
            1 => Value::from(format!("{n}]\"")),
            2 if n == 2 => Value::from(7),
            3 => Value::list([n]),
            _ => Value::from(n),
        });
        Value::List(items.collect())
    });
    let argument = prop_oneof![
        3 => list,
        2 => (-2..9_i64).prop_map(Value::from),
        2 => Just(Value::Nil),
        1 => value(),
    ];
    let name = prop::sample::select(&["r", "r", "r", "append", "w", "p"][..]);
    let version = prop_oneof![6 => Just(None), 1 => (-1..3_i64).prop_map(Some)];
    let step = (name, key, argument, version).prop_map(|(name, key, argument, version)| {
        let step = [Value::from(name), key, argument].into_iter();
        Value::List(step.chain(version.map(Value::from)).collect())
    });
    let step = prop_oneof![30 => step, 1 => value()];
    prop::collection::vec(step, 0..5).prop_map(|steps| Value::List(steps.into()))
}

/// What a transaction asks for when that is what it gets: nothing is known of its reads.
fn asked(value: &Value) -> Value {
    let steps = value.as_list().unwrap_or_default().iter();
    let step = |step: &Value| match step.as_list() {
        Some([name, key, _, ..]) if name.as_text() == Some("r") => {
            Value::list([name.clone(), key.clone(), Value::Nil])
        }
        Some([name, key, argument, ..]) => {
            Value::list([name.clone(), key.clone(), argument.clone()])
        }
        _ => step.clone(),
    };
    Value::List(steps.map(step).collect())
}

/// Events that can follow each other: some of a history, with all that an event can hold.
pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    let draw = (
        (0..4_usize, 0..3_u64, any::<u8>(), any::<bool>()),
        function(),
        prop_oneof![Just(Value::Nil), value()],
        (prop_oneof![value(), steps()], prop_oneof![value(), steps()]),
        (
            prop::option::of(text()),
            prop::option::of(text()),
            prop::option::of(any::<i64>()),
            prop::option::of(0..1_000_u64),
        ),
    );
    prop::collection::vec(draw, 0..12).prop_map(|draws| {
        let mut events: Vec<Event> = Vec::new();
        let mut open: [Option<(F, Value, Option<Value>)>; 4] = Default::default();
        let mut process = [0, 1, 2, 3];
        let mut time = 0;
        for ((worker, step, end, nemesis), f, key, (input, output), rest) in draws {
            let (node, error, revision, lag) = rest;
            time += step;
            let who = if nemesis && end % 3 == 0 {
                Process::NEMESIS
            } else {
                Process::client(process[worker])
            };
            let (kind, f, key, value) = if who.is_nemesis() {
                (Kind::Info, f, Value::Nil, input)
            } else if let Some((f, key, answer)) = open[worker].take() {
                let output = answer.unwrap_or(output);
                let kind = [Kind::Ok, Kind::Fail, Kind::Info][usize::from(end) % 3];
                if kind == Kind::Info {
                    process[worker] += 4;
                }
                (kind, f, key, output)
            } else {
                // A transaction mostly gets the answer that it asks for.
                let (input, answer) = match f {
                    F::Txn if end % 4 > 0 => (asked(&input), Some(input)),
                    _ => (input, None),
                };
                open[worker] = Some((f.clone(), key.clone(), answer));
                (Kind::Invoke, f, key, input)
            };
            events.push(Event {
                time: Time::from_nanos(time),
                process: who,
                kind,
                f,
                key,
                value,
                node: node.map(Arc::from),
                error: error.map(Arc::from),
                revision,
                due: lag.map(|lag| Time::from_nanos(time.saturating_sub(lag))),
            });
        }
        events
    })
}

fn function() -> impl Strategy<Value = F> {
    prop_oneof![
        3 => prop::sample::select(&[F::Read, F::Write, F::Cas, F::Txn, F::Txn, F::Inject][..]),
        1 => text().prop_map(|name| F::from(&*name)),
    ]
}
