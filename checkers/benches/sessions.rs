//! How long the judges of sessions and of weak models take. `cargo bench -p schism-checkers --bench sessions`.

#[path = "../src/generate.rs"]
mod generate;
#[allow(dead_code, reason = "shared with a test that uses more of it")]
#[path = "../tests/trust/replicas.rs"]
mod replicas;

use std::sync::OnceLock;

use divan::Bencher;
use generate::Clients;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use replicas::{Keeps, Replicas, Writer};
use schism_checkers::online::Online;
use schism_checkers::{Budget, Validity, by_name};
use schism_history::History;

fn main() {
    divan::main();
}

const OPERATIONS: usize = 10_000_000;

/// Ten clients of replicas that keep causal convergence, on a thousand keys: stale reads everywhere.
fn causal() -> &'static History {
    static HISTORY: OnceLock<History> = OnceLock::new();
    HISTORY.get_or_init(|| {
        let replicas = Replicas {
            keeps: Keeps::NewestStays,
            clients: 10,
            keys: 1_000,
            operations: OPERATIONS,
            writes: 50,
            arrivals: 6,
        };
        let mut writer = Writer::new();
        replicas.run(&mut Pcg64Mcg::seed_from_u64(1), |act| writer.push(act));
        writer.finish()
    })
}

/// Ten clients of linearizable registers, a thousand keys.
fn linearizable() -> &'static History {
    static HISTORY: OnceLock<History> = OnceLock::new();
    HISTORY.get_or_init(|| {
        let clients = Clients {
            concurrency: 10,
            operations: OPERATIONS,
            keys: 1_000,
            values: 0,
            writes: 50,
            cas: 0,
            unknown: 0,
            revisions: false,
            longest: 1_000_000,
        };
        generate::history(generate::register(
            &clients,
            &mut Pcg64Mcg::seed_from_u64(1),
        ))
    })
}

/// On what no judge of weak models complains about.
#[divan::bench(
    args = ["causal", "causal-convergence", "pram", "read-your-writes", "monotonic-reads", "staleness", "delta-atomicity"],
    sample_count = 3,
    sample_size = 1
)]
fn stale_replicas(bencher: Bencher<'_, '_>, name: &str) {
    bench(bencher, causal(), name);
}

/// On what no judge complains about.
#[divan::bench(
    args = ["causal", "causal-convergence", "causal-memory", "pram", "sequential", "read-your-writes", "monotonic-reads", "monotonic-writes", "staleness", "k-atomicity", "delta-atomicity"],
    sample_count = 3,
    sample_size = 1
)]
fn one_copy(bencher: Bencher<'_, '_>, name: &str) {
    bench(bencher, linearizable(), name);
}

/// Events of linearizable registers, one after the other, to the judge that a run stops on.
#[divan::bench(args = ["linearizable", "monotonic-reads"], sample_count = 3, sample_size = 1)]
fn online(bencher: Bencher<'_, '_>, name: &str) {
    let clients = Clients {
        concurrency: 10,
        operations: 1_000_000,
        keys: 1_000,
        values: 0,
        writes: 50,
        cas: 0,
        unknown: 0,
        revisions: false,
        longest: 1_000_000,
    };
    let events = generate::register(&clients, &mut Pcg64Mcg::seed_from_u64(1));
    bencher.bench_local(|| {
        let mut online = Online::of([name]);
        for event in &events {
            assert_eq!(online.push(event), None);
        }
        online.remembered()
    });
}

fn bench(bencher: Bencher<'_, '_>, history: &History, name: &str) {
    let checker = by_name(name).expect("a checker of this name");
    let mut budget = Budget::default();
    budget.bytes = 8 << 30;
    bencher.bench_local(|| {
        let verdict = checker.check(divan::black_box(history), &budget);
        assert_eq!(verdict.disagreement, None);
        divan::black_box(verdict.validity == Validity::Valid)
    });
}
