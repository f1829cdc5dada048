//! What a simulated run costs, judging excluded: the cluster in virtual time, the controller, and recording to disk.
//!
//! `cargo bench --bench simulate`; the operations a second stand under "item/s".

use std::path::Path;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use schism::interrupt::Interrupts;
use schism::plan::{Plan, Reading, read};
use schism::run::{Order, run};
use schism::run_folder::RunFolder;

fn main() {
    divan::main();
}

/// Five nodes that answer by majority, ten clients, partitions.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn quorum(bencher: Bencher<'_, '_>) {
    simulate(
        bencher,
        "time = \"2m\"\nseed = 1\ntarget.sim.store = \"kg-abd\"\nworkload.register = {}\nfaults = [{ partition = {}, every = \"5s\", for = \"3s\" }]",
    );
}

/// One node that answers alone: next to nothing is simulated, and the rest is what the controller costs.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn single_copy(bencher: Bencher<'_, '_>) {
    simulate(
        bencher,
        "time = \"1m\"\nseed = 1\ntarget.sim = { store = \"single-copy\", nodes = 1 }\nworkload.register = {}",
    );
}

fn simulate(bencher: Bencher<'_, '_>, plan: &str) {
    let plan = read(
        plan,
        &Reading {
            source: "bench",
            default_name: "bench",
            default_seed: 1,
            folder: Path::new("."),
            home: None,
            checkers: &["linearizable"],
            overrides: &[],
            look_at_files: false,
        },
    )
    .unwrap_or_else(|error| panic!("{}", error.render(schism::look::Look::PLAIN)));
    let out = tempfile::tempdir().expect("a folder for the runs");
    // The same seed gives the same operations each time.
    let (history, _) = carried_out(&plan, out.path())
        .history()
        .expect("a history that was just written");
    bencher
        .counter(ItemsCount::new(history.len()))
        .bench(|| black_box(carried_out(&plan, out.path())));
}

fn carried_out(plan: &Plan, out: &Path) -> RunFolder {
    let order = Order {
        plan,
        out,
        command: Vec::new(),
        interrupts: &Interrupts::default(),
    };
    run(&order, &mut ()).expect("a simulated run needs nothing")
}
