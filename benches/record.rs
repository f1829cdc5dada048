//! What recording costs: a whole controller, with clients that answer at once, recording to disk.
//!
//! `cargo bench --bench record`; the operations a second stand under "item/s". Before it, the most memory that the
//! process ever had, after runs of 1 and of 4 million operations: it does not grow with the run.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::sync::Arc;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism::clock::MonotonicClock;
use schism::controller::{Cluster, Load, Run, Settings, run};
use schism::generator::{Draw, Generator, Turn, draws, limit};
use schism::interrupt::Interrupts;
use schism::plan::Routing;
use schism::recorder::Recorder;
use schism_history::{Event, FaultOutcome, Header, Value};
use schism_nemeses::{Fault, Injector, Report};
use schism_workloads::clients::memory;
use schism_workloads::{Database, Endpoint, Invocation, Invoker, Spec, Workload, register};

fn main() {
    for millions in [1, 4] {
        record(millions * 1_000_000);
        println!(
            "most memory after {millions} million operations: {} KiB",
            peak_kib()
        );
    }
    divan::main();
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn a_million_operations(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(1_000_000_usize))
        .bench(|| black_box(record(1_000_000)));
}

/// Runs so many register operations with ten workers on five nodes; how many events were recorded.
fn record(operations: u64) -> u64 {
    let folder = tempfile::tempdir().expect("a folder for the history");
    let recorder =
        Recorder::create(&folder.path().join("history.jsonl"), &Header::default()).expect("a file");
    let database = memory::Memory::new(memory::Options::default());
    let endpoints: Vec<Endpoint> = (1..=5)
        .map(|n| Endpoint {
            node: Arc::from(format!("n{n}")),
            host: String::new(),
            port: 0,
        })
        .collect();
    let workload = Spec::Register(register::Options::default()).build(database.capabilities());
    let mut load = RegisterLoad {
        invoker: workload.invoker(),
        generator: limit(
            operations,
            draws(Drawn {
                workload,
                rng: Pcg64Mcg::seed_from_u64(7),
            }),
        ),
    };
    let settings = Settings {
        timeout: Duration::from_secs(5),
        routing: Routing::Pinned,
        seed: 1,
        near: Arc::default(),
        recovery: Duration::from_secs(5),
        settle: Duration::ZERO,
        lease: Duration::from_secs(30),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let clock = MonotonicClock::start();
    let ready = Run {
        cluster: Cluster {
            clock: &clock,
            database: &database,
            endpoints: &endpoints,
            injector: &Nobody,
        },
        settings: &settings,
        workers: 10,
        strikes: Vec::new(),
        recorder,
        interrupts: &Interrupts::default(),
        watch: None,
    };
    runtime
        .block_on(run(ready, &mut load, &mut ()))
        .expect("it can be recorded")
        .events
}

struct Drawn {
    workload: Box<dyn Workload>,
    rng: Pcg64Mcg,
}

impl Draw for Drawn {
    fn draw(&mut self, turn: &Turn) -> Invocation {
        self.workload.draw(turn, &mut self.rng)
    }

    fn saw(&mut self, event: &Event) {
        self.workload.saw(event);
    }
}

struct RegisterLoad<G> {
    invoker: Arc<dyn Invoker>,
    generator: G,
}

impl<G: Generator> Load for RegisterLoad<G> {
    fn generator(&mut self) -> &mut dyn Generator {
        &mut self.generator
    }

    fn final_reads(&self) -> Vec<Invocation> {
        Vec::new()
    }

    fn invoker(&self) -> Arc<dyn Invoker> {
        Arc::clone(&self.invoker)
    }
}

/// Injects nothing.
struct Nobody;

#[async_trait::async_trait(?Send)]
impl Injector for Nobody {
    async fn inject(&self, _: &Fault) -> Report {
        self.heal_all().await
    }

    async fn heal(&self, _: &Fault) -> Report {
        self.heal_all().await
    }

    async fn heal_all(&self) -> Report {
        Report {
            outcome: FaultOutcome::Installed,
            evidence: Value::Nil,
        }
    }
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .unwrap_or_default()
}
