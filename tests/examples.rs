//! The examples: each is a plan and a page, each page is right about its plan, and about what to change in it.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use schism::interrupt::Interrupts;
use schism::judge::{Judgement, judge};
use schism::plan::{Override, Plan, PlanError, Reading, Target, read};
use schism::run::{Order, run};
use schism_checkers::{CHECKERS, Validity};

/// What the page of an example announces.
struct Announced {
    example: &'static str,
    exit: u8,
    /// Who finds it.
    found_by: &'static [&'static str],
}

const ANNOUNCED: &[Announced] = &[
    Announced {
        example: "async-failover",
        exit: 1,
        found_by: &["lost-updates"],
    },
    Announced {
        example: "etcd-linearizable",
        exit: 0,
        found_by: &[],
    },
    Announced {
        example: "etcd-serializable-stale",
        exit: 1,
        found_by: &["linearizable", "monotonic-reads", "read-your-writes"],
    },
    Announced {
        example: "lww-skew",
        exit: 1,
        found_by: &["linearizable", "read-your-writes", "lost-updates"],
    },
    Announced {
        example: "maelstrom",
        exit: 0,
        found_by: &[],
    },
    Announced {
        example: "quorum-broken",
        exit: 1,
        found_by: &["linearizable"],
    },
    Announced {
        example: "quorum-correct",
        exit: 0,
        found_by: &[],
    },
];

/// What a page says to change, and what comes of it with a seed that shows it.
struct Change {
    example: &'static str,
    arguments: &'static str,
    seed: u64,
    exit: u8,
    found_by: &'static [&'static str],
}

const CHANGES: &[Change] = &[
    Change {
        example: "async-failover",
        arguments: "--set target.sim.options.ship=1ms",
        seed: 1,
        exit: 1,
        found_by: &["lost-updates"],
    },
    Change {
        example: "async-failover",
        arguments: "--set target.sim.options.failover=60s",
        seed: 1,
        exit: 0,
        found_by: &[],
    },
    Change {
        example: "async-failover",
        arguments: "--set 'workload={register={}}'",
        seed: 1,
        exit: 1,
        found_by: &["linearizable", "lost-updates"],
    },
    Change {
        example: "lww-skew",
        arguments: "--set target.sim.clocks.offset=0s",
        seed: 1,
        exit: 0,
        found_by: &[],
    },
    Change {
        example: "lww-skew",
        arguments: "--set target.sim.clocks.offset=50ms",
        seed: 1,
        exit: 1,
        found_by: &["linearizable"],
    },
    Change {
        example: "lww-skew",
        arguments: "--set target.sim.clocks.offset=0s --set target.sim.options.read=1 \
                    --set target.sim.options.write=1 --set target.sim.options.write_back=false",
        seed: 1,
        exit: 1,
        found_by: &["linearizable"],
    },
    Change {
        example: "quorum-broken",
        arguments: "--set faults=[]",
        seed: 1,
        exit: 1,
        found_by: &["linearizable"],
    },
    Change {
        example: "quorum-broken",
        arguments: "--set target.sim.options.store_takes=0s",
        seed: 1,
        exit: 1,
        found_by: &["linearizable"],
    },
    Change {
        example: "quorum-broken",
        arguments: "--set target.sim.options.write_back=true",
        seed: 1,
        exit: 0,
        found_by: &[],
    },
    Change {
        example: "quorum-correct",
        arguments: "--set gates.availability.critical=99.99%",
        seed: 1,
        exit: 3,
        found_by: &[],
    },
    Change {
        example: "quorum-correct",
        arguments: "--set target.sim.network.loss=5%",
        seed: 1,
        exit: 0,
        found_by: &[],
    },
    // It depends on luck: with the first seed nothing shows.
    Change {
        example: "quorum-correct",
        arguments: "--set target.sim.options.write_back=false",
        seed: 2,
        exit: 1,
        found_by: &["linearizable"],
    },
];

fn folder(example: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(example)
}

fn page(example: &str) -> String {
    fs::read_to_string(folder(example).join("README.md")).unwrap()
}

/// The words of a command line, as a shell would split these.
fn words(arguments: &str) -> Vec<String> {
    let words = arguments.split_whitespace();
    words.map(|word| word.replace('\'', "")).collect()
}

/// An example's plan with the options of a command line.
fn plan(example: &str, arguments: &str, seed: u64) -> Result<Plan, PlanError> {
    let words = words(arguments);
    let overrides: Vec<Override> = words
        .chunks(2)
        .map(|pair| match pair {
            [option, value] if option == "--set" => Override::set(value),
            [option, value] if option == "--seed" => Override::named("--seed", "seed", value),
            other => panic!("{example}: {other:?}"),
        })
        .collect();
    let text = fs::read_to_string(folder(example).join("plan.toml")).unwrap();
    let checkers: Vec<&str> = CHECKERS.iter().map(|listed| listed.name).collect();
    read(
        &text,
        &Reading {
            source: example,
            default_name: example,
            default_seed: seed,
            folder: &folder(example),
            home: None,
            checkers: &checkers,
            overrides: &overrides,
            look_at_files: false,
        },
    )
}

/// Runs a plan and judges what came of it.
fn judged(plan: &Plan) -> Judgement {
    let out = tempfile::tempdir().unwrap();
    let order = Order {
        plan,
        out: out.path(),
        command: Vec::new(),
        interrupts: &Interrupts::default(),
    };
    judge(&run(&order, &mut ()).unwrap()).unwrap()
}

fn simulated(example: &str) -> bool {
    matches!(plan(example, "", 1).unwrap().target, Target::Sim(_))
}

/// How long the smallest proof of a checker is; `None` when it did not find the run invalid.
fn proof(judgement: &Judgement, checker: &str) -> Option<usize> {
    let mut verdicts = judgement.verdicts().iter();
    let verdict = verdicts.find(|verdict| verdict.checker == checker)?;
    let anomalies = verdict.anomalies.iter();
    anomalies.map(|anomaly| anomaly.operations.len()).min()
}

#[test]
fn every_example_is_a_plan_and_a_page_that_announces_its_verdict() {
    let mut found: Vec<String> = fs::read_dir(folder(""))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    let announced: Vec<&str> = ANNOUNCED.iter().map(|one| one.example).collect();
    assert_eq!(found, announced);
    for one in ANNOUNCED {
        let plan = plan(one.example, "", 1).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(plan.name, one.example);
        let page = page(one.example);
        let verdict = match one.exit {
            0 => "Verdict *valid*, exit code 0",
            _ => "Verdict *invalid*, exit code 1",
        };
        assert!(page.contains(verdict), "{}: {verdict}", one.example);
        for checker in one.found_by {
            assert!(plan.checks.checkers.iter().any(|name| name == checker));
            let named = format!("`{checker}`");
            assert!(page.contains(&named), "{}: {named}", one.example);
        }
        let command = format!("schism run examples/{}", one.example);
        assert!(page.contains(&command), "{command}");
    }
}

#[test]
fn every_simulated_example_ends_as_its_page_announces() {
    let runs: Vec<(&Announced, u64)> = ANNOUNCED
        .iter()
        .filter(|one| simulated(one.example))
        .flat_map(|one| [1, 2].map(|seed| (one, seed)))
        .collect();
    assert_eq!(runs.len(), 8);
    runs.into_par_iter().for_each(|(one, seed)| {
        let judgement = judged(&plan(one.example, "", seed).unwrap());
        let place = format!("{}, seed {seed}", one.example);
        assert_eq!(judgement.exit_code().code(), one.exit, "{place}");
        for checker in one.found_by {
            assert!(proof(&judgement, checker).is_some(), "{place}: {checker}");
        }
        if one.example == "quorum-broken" {
            let smallest = proof(&judgement, "linearizable").unwrap();
            assert!(smallest <= 4, "{place}: {smallest} operations");
        }
        if one.exit == 0 {
            let validities = judgement.verdicts().iter().map(|verdict| verdict.validity);
            assert!(validities.into_iter().all(|one| one == Validity::Valid));
        }
    });
}

/// The changes that a page offers: what stands in backquotes and begins with an option.
fn offered(page: &str) -> Vec<String> {
    let (_, changes) = page
        .split_once("**What to change next.**")
        .expect("every page has this part");
    let quoted = changes.split('`').skip(1).step_by(2);
    quoted
        .filter(|text| text.starts_with("--"))
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn every_change_that_a_page_offers_is_a_plan_and_every_simulated_one_is_tried() {
    for one in ANNOUNCED {
        let offered = offered(&page(one.example));
        assert!(!offered.is_empty(), "{}", one.example);
        for arguments in &offered {
            let read = plan(one.example, arguments, 1);
            assert!(read.is_ok(), "{} {arguments}: {read:?}", one.example);
        }
        let mut tried: Vec<&str> = CHANGES
            .iter()
            .filter(|change| change.example == one.example)
            .map(|change| change.arguments)
            .collect();
        if simulated(one.example) {
            let mut offered: Vec<&str> = offered.iter().map(String::as_str).collect();
            offered.sort_unstable();
            tried.sort_unstable();
            assert_eq!(offered, tried, "{}", one.example);
        }
    }
}

#[test]
fn every_change_that_a_page_offers_has_the_effect_that_it_names() {
    CHANGES.par_iter().for_each(|change| {
        let plan = plan(change.example, change.arguments, change.seed).unwrap();
        let judgement = judged(&plan);
        let place = format!("{} {}", change.example, change.arguments);
        assert_eq!(judgement.exit_code().code(), change.exit, "{place}");
        for checker in change.found_by {
            assert!(proof(&judgement, checker).is_some(), "{place}: {checker}");
        }
    });
}
