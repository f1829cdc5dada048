//! How long a verdict on transactions that append to lists takes. `cargo bench -p schism-checkers --bench list_append`.

use divan::Bencher;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Checker, Level, ListAppend, Validity};
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

fn main() {
    divan::main();
}

/// Strict serializable, ten clients, elements spread over keys that live for 100 appends each.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn serializable(bencher: Bencher<'_, '_>, transactions: u32) {
    bench(bencher, transactions, 0, Validity::Valid);
}

/// The same, where every thousandth read misses the newest element.
#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn stale_reads(bencher: Bencher<'_, '_>, transactions: u32) {
    bench(bencher, transactions, 1_000, Validity::Invalid);
}

fn bench(bencher: Bencher<'_, '_>, transactions: u32, stale: u32, expected: Validity) {
    let history = history(transactions, stale);
    let judge = ListAppend {
        claim: Level::StrictSerializable,
    };
    bencher.bench_local(|| {
        let verdict = judge.check(&history, &Budget::default());
        assert_eq!(verdict.validity, expected, "{}", verdict.summary);
        verdict
    });
}

/// Transactions of 1 to 4 steps, half of them appends, each at one moment between its begin and its end.
fn history(transactions: u32, stale: u32) -> History {
    const CLIENTS: u32 = 10;
    const LIVE: usize = 20;
    const APPENDS: usize = 100;
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let mut lists: Vec<(i64, Vec<Value>)> = (0..LIVE as i64).map(|key| (key, Vec::new())).collect();
    let mut next_key = LIVE as i64;
    let mut free = vec![0_u64; CLIENTS as usize];
    let mut events = Vec::with_capacity(transactions as usize * 2);
    // Whoever is free first goes next, and takes effect in this order.
    let mut moment = 0_u64;
    for _ in 0..transactions {
        let client = (0..free.len()).min_by_key(|&c| free[c]).unwrap_or(0);
        let invoked = free[client] + rng.random_range(1..50);
        moment = moment.max(invoked) + 1;
        let end = moment + rng.random_range(1..500);
        free[client] = end;
        let mut asked = Vec::new();
        let mut told = Vec::new();
        for _ in 0..rng.random_range(1..5) {
            let place = rng.random_range(0..LIVE);
            let (key, list) = &mut lists[place];
            if rng.random_bool(0.5) {
                let element = Value::from(list.len() as i64 + 1);
                list.push(element.clone());
                let step = Value::list(["append".into(), Value::from(*key), element]);
                asked.push(step.clone());
                told.push(step);
                if list.len() == APPENDS {
                    lists[place] = (next_key, Vec::new());
                    next_key += 1;
                }
            } else {
                let mut seen = list.len();
                if stale > 0 && rng.random_range(0..stale) == 0 {
                    seen = seen.saturating_sub(1);
                }
                let list = Value::list(list[..seen].iter().cloned());
                asked.push(Value::list(["r".into(), Value::from(*key), Value::Nil]));
                told.push(Value::list(["r".into(), Value::from(*key), list]));
            }
        }
        let event = |time, kind, steps: Vec<Value>| {
            let time = Time::from_nanos(time);
            Event::new(time, Process::client(client as u32), kind, F::Txn).value(steps)
        };
        events.push((invoked, 0, event(invoked, Kind::Invoke, asked)));
        events.push((end, 1, event(end, Kind::Ok, told)));
    }
    events.sort_by_key(|&(time, order, _)| (time, order));
    let events = events.into_iter().map(|(.., event)| event);
    History::from_events(Header::default(), events).expect("the events are in order")
}
