//! How fast history files are read and written: a million events of mixed shape, in memory.
//!
//! `cargo bench -p schism-history`; the numbers of events a second stand under "item/s".

mod histories;

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use schism_history::jepsen::{self, Encoder, Notation, Options, Style};
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value, jsonl};

const EVENTS: usize = 1_000_000;

fn main() {
    divan::main();
}

/// Five workers over a hundred keys: reads, writes, compare-and-sets, transactions, some failures, some unknown ends,
/// a revision on every `ok`.
fn events() -> Vec<Event> {
    let nodes: Vec<Arc<str>> = (1..=5).map(|n| Arc::from(format!("n{n}"))).collect();
    let mut events = Vec::with_capacity(EVENTS);
    let mut process = [0, 1, 2, 3, 4];
    let mut time = 0;
    let mut round = 0_u64;
    while events.len() < EVENTS {
        let base = round * 5;
        let mut open = Vec::with_capacity(5);
        for worker in 0..5 {
            let n = base + worker;
            time += 700 + n % 90;
            let (f, key, input, output) = operation(n);
            let event = Event::new(
                Time::from_nanos(time),
                Process::client(process[worker as usize]),
                Kind::Invoke,
                f,
            )
            .key(key)
            .value(input)
            .node(Arc::clone(&nodes[worker as usize]));
            open.push((worker, n, output, event.clone()));
            events.push(event);
        }
        for (worker, n, output, invoked) in open {
            time += 900 + n % 70;
            let mut event = Event {
                time: Time::from_nanos(time),
                ..invoked
            };
            match n % 50 {
                7 => {
                    event.kind = Kind::Fail;
                    event = event.error("etcdserver: request timed out");
                }
                11 => {
                    event.kind = Kind::Info;
                    event = event.error("error sending request: \"connection reset by peer\"");
                    process[worker as usize] += 5;
                }
                _ => {
                    event.kind = Kind::Ok;
                    event.value = output;
                    event.revision = Some(n as i64);
                }
            }
            events.push(event);
        }
        round += 1;
    }
    events.truncate(EVENTS);
    events
}

fn operation(n: u64) -> (F, Value, Value, Value) {
    let key = Value::from(n * 7 % 100);
    let number = Value::from(n);
    match n % 4 {
        0 => (F::Read, key, Value::Nil, Value::from(n / 2)),
        1 => (F::Write, key, number.clone(), number),
        2 => {
            let pair = Value::list([n % 5, n % 7]);
            (F::Cas, key, pair.clone(), pair)
        }
        _ => {
            let step = |name: &str, value: Value| {
                Value::list([Value::from(name), Value::from(n % 10), value])
            };
            let input = Value::list([step("r", Value::Nil), step("append", number.clone())]);
            let output = Value::list([
                step("r", Value::list([n / 3, n / 2])),
                step("append", number),
            ]);
            (F::Txn, Value::Nil, input, output)
        }
    }
}

fn file(events: &[Event]) -> Vec<u8> {
    let mut out = Vec::new();
    jsonl::encode_header(&Header::default(), &mut out);
    for (index, event) in events.iter().enumerate() {
        jsonl::encode(index as u64, event, &mut out);
    }
    out
}

#[divan::bench(sample_count = 5)]
fn jsonl_encode(bencher: Bencher<'_, '_>) {
    let events = events();
    let mut out = Vec::with_capacity(256 << 20);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        out.clear();
        for (index, event) in events.iter().enumerate() {
            jsonl::encode(index as u64, event, &mut out);
        }
        black_box(out.len())
    });
}

#[divan::bench(sample_count = 5)]
fn jsonl_events(bencher: Bencher<'_, '_>) {
    let bytes = file(&events());
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let mut reader = jsonl::Reader::new(&bytes[..]).expect("our own header");
        let mut count = 0;
        while let Some(event) = reader.next_event().expect("our own event") {
            black_box(&event);
            count += 1;
        }
        assert_eq!(count, EVENTS);
    });
}

#[divan::bench(sample_count = 5)]
fn jsonl_history(bencher: Bencher<'_, '_>) {
    let bytes = file(&events());
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench_local(|| jsonl::read(&bytes[..]).expect("our own file"));
}

fn read(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    bencher
        .counter(BytesCount::of_slice(bytes))
        .bench_local(|| jsonl::read(bytes).expect("our own file"));
}

/// A million operations on registers.
#[divan::bench(sample_count = 5)]
fn registers_history(bencher: Bencher<'_, '_>) {
    read(bencher, &histories::registers(1_000_000));
}

/// A million transactions that read 36 million elements of lists.
#[divan::bench(sample_count = 5)]
fn lists_history(bencher: Bencher<'_, '_>) {
    read(bencher, &histories::lists(1_000_000));
}

fn encoded(events: &[Event], notation: Notation, out: &mut Vec<u8>) {
    out.clear();
    let mut encoder = Encoder::new(Style {
        notation,
        keyed: false,
        list: false,
    });
    for event in events {
        encoder.encode(event, out);
    }
}

#[divan::bench(sample_count = 5, args = [Notation::Edn, Notation::Json])]
fn jepsen_encode(bencher: Bencher<'_, '_>, notation: Notation) {
    let events = events();
    let mut out = Vec::with_capacity(256 << 20);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        encoded(&events, notation, &mut out);
        black_box(out.len())
    });
}

#[divan::bench(sample_count = 5, args = [Notation::Edn, Notation::Json])]
fn jepsen_history(bencher: Bencher<'_, '_>, notation: Notation) {
    let mut bytes = Vec::new();
    encoded(&events(), notation, &mut bytes);
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench_local(|| jepsen::read(&bytes[..], notation, Options::default()).expect("our own"));
}

#[divan::bench(sample_count = 5)]
fn build(bencher: Bencher<'_, '_>) {
    let events = events();
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(|| events.clone())
        .bench_local_values(|events| {
            History::from_events(Header::default(), events).expect("a history")
        });
}
