//! How long a verdict on objects other than registers takes. `cargo bench -p schism-checkers --bench models`.

#[path = "../src/generate_objects.rs"]
mod generate_objects;

use divan::Bencher;
use generate_objects::{Clients, history, observe};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Checker, LinearizableAs, ModelName, Validity};

fn main() {
    divan::main();
}

const TEN_CLIENTS: Clients = Clients {
    concurrency: 10,
    operations: 0,
    unknown: 0,
    longest: 1_000_000,
    reads: 0,
};

/// Ten clients, every value put in once: monitors.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn queue(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "queue",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

/// Of a hundred operations five end unknown.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn queue_with_unknown(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "queue",
        Clients {
            operations,
            unknown: 5,
            ..TEN_CLIENTS
        },
    );
}

#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn unordered_queue(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "unordered-queue",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn stack(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "stack",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn priority_queue(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "priority-queue",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

/// Elements are added, removed and asked for: each is searched by itself.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn set(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "set",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

/// One operation in a hundred reads the whole set.
#[divan::bench(args = [10_000], sample_count = 5, sample_size = 1)]
fn growing_set(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "growing-set",
        Clients {
            operations,
            reads: 1,
            ..TEN_CLIENTS
        },
    );
}

/// One operation in a hundred reads the whole log.
#[divan::bench(args = [10_000], sample_count = 5, sample_size = 1)]
fn append_log(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "append-log",
        Clients {
            operations,
            reads: 1,
            ..TEN_CLIENTS
        },
    );
}

#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn counter(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "counter",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn unique_ids(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "unique-ids",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

/// The search: a lock that ten clients want.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn mutex(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "mutex",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

/// The search: four keys of a map.
#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn map(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "map",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

/// The search: transactions on two registers.
#[divan::bench(args = [10_000], sample_count = 5, sample_size = 1)]
fn multi_register(bencher: Bencher<'_, '_>, operations: usize) {
    bench(
        bencher,
        "multi-register",
        Clients {
            operations,
            ..TEN_CLIENTS
        },
    );
}

fn bench(bencher: Bencher<'_, '_>, object: &str, clients: Clients) {
    let history = history(&observe(object, &clients, &mut Pcg64Mcg::seed_from_u64(1)));
    let name = if object == "growing-set" {
        "set"
    } else {
        object
    };
    let checker = LinearizableAs::named(ModelName::by_name(name).expect("it is a model"));
    bencher.bench_local(|| {
        let verdict = checker.check(divan::black_box(&history), &Budget::default());
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    });
}
