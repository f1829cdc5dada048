//! Plans as people write them, through the library and through the program.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

use std::fs;
use std::path::Path;

use schism::plan::{Override, Plan, PlanError, Reading, read};

mod broken;
mod cli;
mod meaning;
mod properties;
mod schema;

/// The plans in a folder beside this one, by name.
fn plans(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/plans")
        .join(folder);
    let mut plans: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    plans.sort();
    assert!(!plans.is_empty(), "{}", folder.display());
    plans
}

/// Every plan that is right, those of `schism init` among them.
fn valid_plans() -> Vec<(String, String)> {
    use schism::plan::init::{ETCD, SIM, SSH};
    let mut plans = plans("valid");
    for (name, text) in [("init-sim", SIM), ("init-etcd", ETCD), ("init-ssh", SSH)] {
        plans.push((name.to_owned(), text.to_owned()));
    }
    plans
}

/// The checkers that there are, as far as these tests go.
const CHECKERS: [&str; 18] = [
    "linearizable",
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
    "lost-updates",
    "list-order",
    "staleness",
    "stats",
    "errors",
    "fault-effect",
    "availability",
    "latency",
    "bank",
    "ledger",
    "queue",
    "list-append",
    "rw-register",
];

/// How the tests read: as if the plan stood in `/plans`.
fn reading<'r>(source: &'r str, overrides: &'r [Override]) -> Reading<'r> {
    Reading {
        source,
        default_name: source.trim_end_matches(".toml"),
        default_seed: 7,
        folder: Path::new("/plans"),
        home: Some(Path::new("/home/tester")),
        checkers: &CHECKERS,
        overrides,
        look_at_files: false,
    }
}

fn read_valid(name: &str, text: &str) -> Plan {
    read(text, &reading(name, &[])).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Reads with arguments of `--set`.
fn read_set(text: &str, arguments: &[&str]) -> Result<Plan, PlanError> {
    let overrides: Vec<_> = arguments.iter().map(|set| Override::set(set)).collect();
    read(text, &reading("plan.toml", &overrides))
}
