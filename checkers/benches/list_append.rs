//! How long a verdict on transactions that append to lists takes. `cargo bench -p schism-checkers --bench list_append`.

#[path = "../src/generate_lists.rs"]
mod generate_lists;

use divan::Bencher;
use generate_lists::{Clients, Store, transactions};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Checker, Level, ListAppend, Validity};
use schism_history::History;

fn main() {
    divan::main();
}

/// Strict serializable, ten clients, elements spread over keys that live for 100 appends each.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn serializable(bencher: Bencher<'_, '_>, transactions: u32) {
    bench(bencher, &Clients::ten(transactions), Validity::Valid);
}

/// The same, where every thousandth transaction misses the newest element of a list.
#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn stale_reads(bencher: Bencher<'_, '_>, transactions: u32) {
    flawed(bencher, transactions, Store::Stale(1));
}

/// The same, where every twentieth does.
#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn many_stale_reads(bencher: Bencher<'_, '_>, transactions: u32) {
    flawed(bencher, transactions, Store::Stale(50));
}

/// One read, far behind.
#[divan::bench(args = [100_000], sample_count = 5, sample_size = 1)]
fn one_stale_read(bencher: Bencher<'_, '_>, transactions: u32) {
    flawed(bencher, transactions, Store::StaleOnce);
}

/// Snapshot isolation.
#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn snapshots(bencher: Bencher<'_, '_>, transactions: u32) {
    flawed(bencher, transactions, Store::Snapshots);
}

/// One write skew.
#[divan::bench(args = [100_000], sample_count = 5, sample_size = 1)]
fn write_skew(bencher: Bencher<'_, '_>, transactions: u32) {
    flawed(bencher, transactions, Store::SkewOnce);
}

fn flawed(bencher: Bencher<'_, '_>, transactions: u32, store: Store) {
    let clients = Clients {
        store,
        ..Clients::ten(transactions)
    };
    bench(bencher, &clients, Validity::Invalid);
}

fn bench(bencher: Bencher<'_, '_>, clients: &Clients, expected: Validity) {
    let mut builder = History::builder();
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    transactions(clients, &mut rng, |event| {
        builder.push(event).expect("the events are in order");
    });
    let history = builder.finish();
    let judge = ListAppend {
        claim: Level::StrictSerializable,
    };
    bencher.bench_local(|| {
        let verdict = judge.check(&history, &Budget::default());
        assert_eq!(verdict.validity, expected, "{}", verdict.summary);
        verdict
    });
}
