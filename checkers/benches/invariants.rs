//! How long a verdict on application data takes. `cargo bench -p schism-checkers --bench invariants`.

use divan::Bencher;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{
    Bank, Budget, Checker, Counter, Lock, LostUpdates, Queue, UniqueIds, Validity,
};
use schism_history::{Event, F, History, Kind, Process, Time, Value};

fn main() {
    divan::main();
}

/// What ten clients would have seen of an object that does one thing after the other: `call` says what the next
/// operation asks and gets.
fn history(
    operations: usize,
    mut call: impl FnMut(usize, &mut Pcg64Mcg) -> (F, Value, Value),
) -> History {
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let mut open: Vec<Option<Event>> = vec![None; 10];
    let mut builder = History::builder();
    let mut push = |event| builder.push(event).expect("events in order");
    let mut time = 0;
    for i in 0..operations {
        let client = i % 10;
        if let Some(mut end) = open[client].take() {
            time += 1;
            end.time = Time::from_micros(time);
            push(end);
        }
        let (f, input, output) = call(i, &mut rng);
        time += 1;
        let event = |kind, value| {
            let process = Process::client(client as u32);
            Event::new(Time::from_micros(time), process, kind, f.clone()).value(value)
        };
        push(event(Kind::Invoke, input));
        open[client] = Some(event(Kind::Ok, output));
    }
    for mut end in open.into_iter().flatten() {
        time += 1;
        end.time = Time::from_micros(time);
        push(end);
    }
    builder.finish()
}

fn bench(bencher: Bencher<'_, '_>, checker: &dyn Checker, history: &History) {
    bencher.bench_local(|| {
        let verdict = checker.check(history, &Budget::default());
        assert_ne!(verdict.validity, Validity::Invalid, "{}", verdict.summary);
        verdict
    });
}

const SIZES: [usize; 2] = [1_000_000, 10_000_000];

/// Ids that are given out.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn unique_ids(bencher: Bencher<'_, '_>, operations: usize) {
    let history = history(operations, |i, _| {
        (F::Generate, Value::Nil, Value::from(i as i64))
    });
    bench(bencher, &UniqueIds, &history);
}

/// Half of the operations add, half read.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn counter(bencher: Bencher<'_, '_>, operations: usize) {
    let mut count = 0_i64;
    let history = history(operations, |_, rng| {
        if rng.random_bool(0.5) {
            let delta = rng.random_range(1..10);
            count += delta;
            (F::Add, Value::from(delta), Value::from(delta))
        } else {
            (F::Read, Value::Nil, Value::from(count))
        }
    });
    bench(bencher, &Counter, &history);
}

/// Values are put in and come out.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn queue(bencher: Bencher<'_, '_>, operations: usize) {
    let (mut head, mut tail) = (0_i64, 0_i64);
    let history = history(operations, |_, rng| {
        if head == tail || rng.random_bool(0.5) {
            tail += 1;
            (F::Enqueue, Value::from(tail), Value::from(tail))
        } else {
            head += 1;
            (F::Dequeue, Value::Nil, Value::from(head))
        }
    });
    bench(bencher, &Queue::default(), &history);
}

/// Eight accounts; half of the operations transfer, half read all of them.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn bank(bencher: Bencher<'_, '_>, operations: usize) {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut held = [1_000_i64; 8];
    let mut last = Value::Nil;
    let history = history(operations, |i, rng| {
        if i % 2 == 0 {
            let (from, to) = (rng.random_range(0..8), rng.random_range(0..8));
            let amount = rng.random_range(0..=held[from].min(5));
            held[from] -= amount;
            held[to] += amount;
            // As many different reads as fit into memory.
            if i % 20 == 0 || last.is_nil() {
                last = Value::map((0..8).map(|i| (names[i], held[i])));
            }
            let transfer = Value::map([
                ("from", Value::from(names[from])),
                ("to", names[to].into()),
                ("amount", amount.into()),
            ]);
            (F::Transfer, transfer.clone(), transfer)
        } else {
            (F::Read, Value::Nil, last.clone())
        }
    });
    bench(bencher, &Bank::default(), &history);
}

/// Locks that go from hand to hand, with fencing tokens.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn lock(bencher: Bencher<'_, '_>, operations: usize) {
    let history = history(operations, |i, _| {
        if i / 10 % 2 == 0 {
            (F::Acquire, Value::Nil, Value::from(i as i64))
        } else {
            (F::Release, Value::Nil, Value::Nil)
        }
    });
    bench(bencher, &Lock, &history);
}

/// Elements are added one by one; in the end, ten clients read them all.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn set(bencher: Bencher<'_, '_>, operations: usize) {
    let history = history(operations, |i, _| {
        if i + 10 >= operations {
            (
                F::Read,
                Value::Nil,
                Value::list(0..(operations as i64 - 10)),
            )
        } else {
            (F::Add, Value::from(i as i64), Value::from(i as i64))
        }
    });
    bench(bencher, &LostUpdates, &history);
}
