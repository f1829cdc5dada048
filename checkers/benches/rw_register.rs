//! How long transactions on registers take, against every level. `cargo bench -p schism-checkers --bench rw_register`.

#[path = "../tests/trust/stores.rs"]
mod stores;

use divan::Bencher;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Checker, Level, RwRegister, Validity};
use stores::{Clients, Store};

fn main() {
    divan::main();
}

const CLIENTS: Clients = Clients {
    sessions: 50,
    transactions: 0,
    keys: 10_000,
    steps: 10,
    read_only: 20,
    reads: 50,
};

/// A strictly serializable store: one order settles all levels.
#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn strict_serializable(bencher: Bencher<'_, '_>, transactions: usize) {
    bench(
        bencher,
        Store::Serial,
        Level::StrictSerializable,
        transactions,
    );
}

/// A store with snapshot isolation: what is stronger is refuted.
#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 5, sample_size = 1)]
fn snapshot_isolation(bencher: Bencher<'_, '_>, transactions: usize) {
    bench(
        bencher,
        Store::Snapshot,
        Level::SnapshotIsolation,
        transactions,
    );
}

/// A causally consistent store.
#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 5, sample_size = 1)]
fn causal(bencher: Bencher<'_, '_>, transactions: usize) {
    bench(
        bencher,
        Store::Causal,
        Level::CausalConvergence,
        transactions,
    );
}

/// A store whose reads see the newest committed values.
#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn read_committed(bencher: Bencher<'_, '_>, transactions: usize) {
    bench(
        bencher,
        Store::Committed,
        Level::MonotonicAtomicView,
        transactions,
    );
}

fn bench(bencher: Bencher<'_, '_>, store: Store, claim: Level, transactions: usize) {
    let clients = Clients {
        transactions,
        keys: (transactions as u32 / 10).max(100),
        ..CLIENTS
    };
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let history = stores::history(&stores::run(store, &clients, &mut rng));
    bencher.bench_local(|| {
        let verdict = RwRegister { claim }.check(&history, &Budget::default());
        assert_eq!(verdict.validity, Validity::Valid);
    });
}
