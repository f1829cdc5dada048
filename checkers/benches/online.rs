//! How long it takes to judge events as they come. `cargo bench -p schism-checkers --bench online`.

#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../src/generate.rs"]
mod generate;

use divan::Bencher;
use generate::Clients;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_checkers::online::Online;

fn main() {
    divan::main();
}

/// Events of linearizable registers, one after the other, to the judge that a run stops on.
#[divan::bench(args = ["linearizable", "monotonic-reads"], sample_count = 3, sample_size = 1)]
fn registers(bencher: Bencher<'_, '_>, name: &str) {
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
