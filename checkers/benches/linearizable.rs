//! How long a verdict takes. `cargo bench -p schism-checkers`.

#[path = "../src/generate.rs"]
mod generate;

use divan::Bencher;
use generate::Clients;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Checker, Linearizable, Validity};
use schism_history::History;

fn main() {
    divan::main();
}

/// Values written once, ten clients: zones.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn unique(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        Clients {
            operations,
            ..ten_clients()
        },
    );
}

/// Values written once, a fifth of the operations compare and set: zones over chains.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn unique_with_cas(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        Clients {
            operations,
            cas: 20,
            ..ten_clients()
        },
    );
}

/// Values written once, spread over many keys.
#[divan::bench(args = [1_000_000], sample_count = 10, sample_size = 1)]
fn unique_on_ten_thousand_keys(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        Clients {
            operations,
            keys: 10_000,
            ..ten_clients()
        },
    );
}

/// Five values, and the database says in which order the writes took effect.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn five_values_with_revisions(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        Clients {
            operations,
            values: 5,
            cas: 20,
            revisions: true,
            ..ten_clients()
        },
    );
}

/// A thousand operations of clients that never pause, five values, of a hundred operations twenty compare and set.
#[divan::bench(args = [20, 30], sample_count = 10, sample_size = 1)]
fn busy_clients(bencher: Bencher<'_, '_>, concurrency: u32) {
    let clients = Clients {
        concurrency,
        operations: 1_000,
        values: 5,
        cas: 20,
        ..ten_clients()
    };
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let events = generate::paused_register(&clients, 1, &mut rng);
    judge(bencher, &generate::history(events));
}

/// Writing down the order behind a valid verdict, and verifying it.
#[divan::bench(args = [0, 5], sample_count = 10, sample_size = 1)]
fn certify(bencher: Bencher<'_, '_>, values: i64) {
    let clients = Clients {
        operations: 10_000,
        values,
        cas: 20,
        ..ten_clients()
    };
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let history = generate::history(generate::register(&clients, &mut rng));
    bencher.bench_local(|| {
        let certificate = Linearizable.certify(divan::black_box(&history), &Budget::default());
        certificate.expect("it is valid")
    });
}

/// Five values, ten clients, one key, reads, writes and compare-and-sets: the search.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn five_values(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        Clients {
            operations,
            values: 5,
            cas: 20,
            ..ten_clients()
        },
    );
}

/// The same, and of a hundred writes five end unknown.
#[divan::bench(args = [10_000], sample_count = 10, sample_size = 1)]
fn five_values_with_unknown(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        Clients {
            operations,
            values: 5,
            cas: 20,
            unknown: 5,
            ..ten_clients()
        },
    );
}

/// Twenty clients on one key, of a hundred writes five end unknown: without compare-and-sets, and with them.
#[divan::bench(args = [0, 20], sample_count = 10, sample_size = 1)]
fn twenty_clients_with_unknown(bencher: Bencher<'_, '_>, cas: u32) {
    bench(
        bencher,
        Clients {
            concurrency: 20,
            operations: 10_000,
            values: 5,
            cas,
            unknown: 5,
            ..ten_clients()
        },
    );
}

fn ten_clients() -> Clients {
    Clients {
        concurrency: 10,
        operations: 0,
        keys: 1,
        values: 0,
        writes: 40,
        cas: 0,
        unknown: 0,
        revisions: false,
        longest: 1_000_000,
    }
}

fn bench(bencher: Bencher<'_, '_>, clients: Clients) {
    let history: History = generate::history(generate::register(
        &clients,
        &mut Pcg64Mcg::seed_from_u64(1),
    ));
    judge(bencher, &history);
}

fn judge(bencher: Bencher<'_, '_>, history: &History) {
    bencher.bench_local(|| {
        let verdict = Linearizable.check(divan::black_box(history), &Budget::default());
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    });
}
