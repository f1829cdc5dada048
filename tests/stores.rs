//! Every simulated store against the real controller, nemeses and checkers: over 200 seeds each broken store is caught
//! by every checker that it says must catch it, and each correct one is never flagged by any, whatever breaks.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]
#![expect(
    clippy::print_stdout,
    reason = "a failing test shows how often each checker said what"
)]

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use schism::interrupt::Interrupts;
use schism::plan::{Plan, Reading, read};
use schism::run::{Order, run};
use schism::run_folder::Violation;
use schism_checkers::{Budget, CHECKERS, Checker as _, FaultEffect, Validity, by_name};
use schism_history::{History, Outcome};
use schism_simulator::STORES;
use schism_simulator::stores::named;

const SEEDS: u64 = 200;

/// What a store goes through.
struct Case {
    store: &'static str,
    workload: &'static str,
    /// How long the load lasts, in the store's own time.
    time: &'static str,
    /// The rest of the plan, from inside `[target.sim]` on.
    conditions: &'static str,
}

/// Everything that the simulator can break, often and at once.
const EVERYTHING: &str = r#"
network = { loss = "1%", duplicate = "3%", reorder = "5%" }
clocks = { offset = "2s", drift_ppm = 200 }
[load]
concurrency = "2n"
rate = 150
timeout = "300ms"
[[faults]]
partition = {}
every = "700ms"
for = ["100ms", "600ms"]
[[faults]]
kill = { targets = "one" }
between = ["200ms", "700ms"]
for = ["50ms", "300ms"]
[[faults]]
pause = { targets = "minority" }
every = "900ms"
after = "400ms"
for = ["50ms", "400ms"]
[[faults]]
restart = { targets = "one" }
every = "1100ms"
[[faults]]
stop = { targets = "one" }
every = "1300ms"
for = "200ms"
"#;

/// Links are cut, in another way each time.
const PARTITIONS: &str = r#"
[load]
concurrency = "2n"
rate = 300
timeout = "300ms"
[[faults]]
partition = {}
every = "500ms"
for = "300ms"
"#;

/// Whoever leads is cut off, and later killed.
const LEADERLESS: &str = r#"
[load]
concurrency = "2n"
rate = 60
timeout = "300ms"
[[faults]]
partition = { shape = "leader" }
every = "2500ms"
for = "1500ms"
[[faults]]
kill = { targets = "leader" }
every = "2500ms"
after = "2s"
for = "900ms"
"#;

/// What a correct store that keeps no time must stand besides: bad links, wrong clocks, slow disks, and deaths and lost
/// acknowledgements in the middle of what it does.
const BESIDES: &str = r#"
network = { corrupt = "1%", rate = "50mbit" }
regions = [{ name = "eu", nodes = ["n1", "n2", "n3"] }, { name = "us", nodes = ["n4", "n5"] }]
between = { delay = { min = "3ms", max = "6ms", spread = "normal" } }
clients = { place = "spread", clocks = { offset = "1s" } }
[load]
concurrency = "2n"
rate = 150
timeout = "300ms"
[[faults]]
link = { delay = "5ms", jitter = "5ms", loss = "5%", duplicate = "5%", reorder = "10%", corrupt = "5%", from = "minority", to = ["n1", "clients"] }
every = "700ms"
for = ["100ms", "600ms"]
[[faults]]
clock = { jump = "-5s" }
every = "900ms"
for = "300ms"
[[faults]]
disk = { kind = "stall" }
every = "1s"
for = "200ms"
[[faults]]
crash = { at = "reply" }
every = "1100ms"
for = "200ms"
[[faults]]
drop_ack = { at = "send", share = "20%", targets = "minority" }
every = "800ms"
for = "300ms"
"#;

/// The nodes' clocks disagree, and nothing else is wrong.
const SKEW: &str = r#"
clocks = { offset = "5s" }
[load]
concurrency = "2n"
rate = 200
timeout = "300ms"
"#;

/// Nothing is wrong.
const CALM: &str = r#"
[load]
concurrency = "2n"
rate = 200
timeout = "300ms"
"#;

/// What bites each broken store. A checker must find it in at least one seed of all of its cases together.
const BITTEN: &[Case] = &[
    Case {
        store: "async-failover",
        workload: "register = { keys = 2 }",
        time: "5s",
        conditions: LEADERLESS,
    },
    Case {
        store: "async-failover",
        workload: "set = {}",
        time: "5s",
        conditions: LEADERLESS,
    },
    Case {
        store: "kb-lww-skew",
        workload: "register = { keys = 2 }",
        time: "1s",
        conditions: SKEW,
    },
    Case {
        store: "kb-quorum-no-writeback",
        workload: "register = { keys = 2 }",
        time: "1s",
        conditions: PARTITIONS,
    },
];

/// What correct stores go through unharmed, and broken ones where their flaw has no occasion to show.
const UNHARMED: &[Case] = &[
    Case {
        store: "async-failover",
        workload: "register = { keys = 2 }",
        time: "1s",
        conditions: CALM,
    },
    Case {
        store: "kb-lww-skew",
        workload: "register = { keys = 2 }",
        time: "1s",
        conditions: PARTITIONS,
    },
    Case {
        store: "kg-abd",
        workload: "register = { keys = 2 }",
        time: "2s",
        conditions: EVERYTHING,
    },
    Case {
        store: "kg-abd",
        workload: "register = { keys = 2 }",
        time: "2s",
        conditions: BESIDES,
    },
    Case {
        store: "kg-abd",
        workload: "register = { keys = 2, values = 3 }",
        time: "1s",
        conditions: PARTITIONS,
    },
    Case {
        store: "single-copy",
        workload: "register = { keys = 2, values = 3 }",
        time: "2s",
        conditions: EVERYTHING,
    },
    Case {
        store: "single-copy",
        workload: "set = {}",
        time: "2s",
        conditions: EVERYTHING,
    },
];

impl Case {
    fn plan(&self) -> Plan {
        let Self {
            store,
            workload,
            time,
            conditions,
        } = self;
        let text = format!(
            "time = \"{time}\"\n[target.sim]\nstore = \"{store}\"\nnodes = 5\n{conditions}\n\
             [recovery]\nsettle = \"500ms\"\n[workload]\n{workload}\n"
        );
        self.plan_of(&text)
    }

    /// The plan that this text is.
    fn plan_of(&self, text: &str) -> Plan {
        let store = self.store;
        let checkers: Vec<&str> = CHECKERS.iter().map(|listed| listed.name).collect();
        let reading = Reading {
            source: store,
            default_name: store,
            default_seed: 0,
            folder: Path::new("."),
            home: None,
            checkers: &checkers,
            overrides: &[],
            look_at_files: false,
        };
        read(text, &reading).unwrap_or_else(|error| panic!("{store}: {error:?}"))
    }

    /// What so many seeds together came to.
    fn tally(&self, seeds: u64) -> Tally {
        let plan = self.plan();
        let out = tempfile::tempdir().unwrap();
        let tally = (1..=seeds)
            .into_par_iter()
            .map(|seed| {
                let plan = Plan {
                    seed,
                    ..plan.clone()
                };
                let own = out.path().join(seed.to_string());
                let history = history(&plan, &own);
                let place = format!("{} with {}, seed {seed}", self.store, self.workload);
                Tally::of(&history, &place)
            })
            .reduce(Tally::default, Tally::and);
        println!("{} with {}: {tally:?}", self.store, self.workload);
        tally
    }
}

/// Carries a plan out and reads what was recorded.
fn history(plan: &Plan, out: &Path) -> History {
    let order = Order {
        plan,
        out,
        command: Vec::new(),
        interrupts: &Interrupts::default(),
    };
    let folder = run(&order, &mut ()).unwrap();
    let (history, torn) = folder.history().unwrap();
    assert_eq!(torn, None);
    std::fs::remove_dir_all(folder.path()).unwrap();
    history
}

/// Over some seeds: what was done, and by how many checkers' judgement it was wrong.
#[derive(Debug, Default)]
struct Tally {
    operations: u64,
    ok: u64,
    /// In how many seeds each checker found it invalid, and the smallest proof of all.
    invalid: BTreeMap<&'static str, (u64, usize)>,
}

impl Tally {
    fn of(history: &History, place: &str) -> Self {
        let ok = history.operations().filter(|op| op.outcome == Outcome::Ok);
        let mut tally = Self {
            operations: history.operations().count() as u64,
            ok: ok.count() as u64,
            invalid: BTreeMap::new(),
        };
        assert!(tally.ok >= 60, "{place}: too little succeeded: {tally:?}");
        for listed in CHECKERS {
            let verdict = (listed.new)().check(history, &Budget::default());
            assert_eq!(verdict.disagreement, None, "{place}: {}", listed.name);
            if verdict.validity == Validity::Invalid {
                let anomalies = &verdict.anomalies;
                assert!(
                    anomalies.iter().all(|anomaly| anomaly.confirmation.agrees),
                    "{place}: {verdict:?}"
                );
                let sizes = anomalies.iter().map(|anomaly| anomaly.operations.len());
                let smallest = sizes.min().expect("an invalid verdict has a proof");
                tally.invalid.insert(listed.name, (1, smallest));
            }
        }
        tally
    }

    fn and(mut self, other: Self) -> Self {
        self.operations += other.operations;
        self.ok += other.ok;
        for (name, (seeds, smallest)) in other.invalid {
            let all = self.invalid.entry(name).or_insert((0, usize::MAX));
            *all = (all.0 + seeds, all.1.min(smallest));
        }
        self
    }

    fn seeds(&self, checker: &str) -> u64 {
        self.invalid.get(checker).map_or(0, |(seeds, _)| *seeds)
    }
}

/// The run of a case that would last ten minutes, but for its first violation.
fn stopped(case: &Case) -> (History, Option<Violation>) {
    let Case {
        store,
        workload,
        conditions,
        ..
    } = case;
    let text = format!(
        "seed = 1\ntime = \"10m\"\n[target.sim]\nstore = \"{store}\"\nnodes = 5\n{conditions}\n\
         [checks]\nuse = [\"linearizable\"]\nstop_on = \"first-violation\"\n[workload]\n{workload}\n"
    );
    let out = tempfile::tempdir().unwrap();
    let order = Order {
        plan: &case.plan_of(&text),
        out: out.path(),
        command: Vec::new(),
        interrupts: &Interrupts::default(),
    };
    let folder = run(&order, &mut ()).unwrap();
    let (history, _) = folder.history().unwrap();
    let ended = folder.facts().unwrap().ended.unwrap();
    (history, ended.violation)
}

/// Each fault that only a simulated cluster can have, on a store whose nodes all write and answer.
const FAULTS: [&str; 16] = [
    r#"link = { delay = "5ms", jitter = "1ms", distribution = "normal" }"#,
    r#"link = { loss = "30%", from = "minority", direction = "in" }"#,
    r#"link = { rate = "1mbit", to = ["clients"], direction = "out" }"#,
    r#"link = { delay = "1ms", duplicate = "5%", reorder = "5%", corrupt = "5%" }"#,
    r#"clock = { jump = "+5s" }"#,
    r#"clock = { jump = "-1h", clients = "100%" }"#,
    r#"clock = { drift_ppm = 100000, targets = "all" }"#,
    "clock = { freeze = true }",
    r#"clock = { strobe = { by = "-200ms", every = "7ms" } }"#,
    r#"disk = { kind = "stall" }"#,
    r#"disk = { kind = "slow", by = "10ms" }"#,
    r#"disk = { kind = "full" }"#,
    r#"disk = { kind = "tear" }"#,
    r#"disk = { kind = "restore" }"#,
    r#"crash = { at = "reply" }"#,
    r#"drop_ack = { at = "reply", share = "50%", targets = "all" }"#,
];

fn fault_effect(fault: &str) -> (Validity, String) {
    let case = Case {
        store: "kg-abd",
        workload: "register = { keys = 2 }",
        time: "3s",
        conditions: "",
    };
    let text = format!(
        "seed = 1\ntime = \"3s\"\n[target.sim]\nstore = \"kg-abd\"\nnodes = 5\n[load]\nrate = 200\n\
         timeout = \"300ms\"\n[workload]\n{}\n[[faults]]\n{fault}\nevery = \"900ms\"\nfor = \"500ms\"\n",
        case.workload
    );
    let out = tempfile::tempdir().unwrap();
    let history = history(&case.plan_of(&text), out.path());
    let verdict = FaultEffect::new(true).check(&history, &Budget::default());
    (verdict.validity, verdict.summary)
}

#[test]
fn every_simulated_fault_takes_effect_and_heals_as_measured() {
    for fault in FAULTS.iter().chain(&["amnesia = {}"]) {
        let (validity, summary) = fault_effect(fault);
        assert_eq!(validity, Validity::Valid, "{fault}: {summary}");
    }
}

#[test]
fn a_fault_that_nothing_came_of_is_not_relied_on() {
    // Nobody that is drawn here is ever asked for an acknowledgement of its own.
    let (validity, summary) = fault_effect("clock = { jump = \"-1s\", clients = \"0.0001%\" }");
    assert_eq!(validity, Validity::Unknown, "{summary}");
}

#[test]
fn a_run_ends_at_the_first_violation_if_its_plan_says_so() {
    let broken = Case {
        store: "kb-quorum-no-writeback",
        workload: "register = { keys = 2 }",
        time: "10m",
        conditions: PARTITIONS,
    };
    let lossy = Case {
        store: "async-failover",
        workload: "set = {}",
        conditions: LEADERLESS,
        ..broken
    };
    for broken in [broken, lossy] {
        let (history, violation) = stopped(&broken);
        let violation = violation.expect("the store is broken");
        assert_eq!(violation.checker, "linearizable");
        let minutes = history.end().as_secs_f64() / 60.0;
        assert!(minutes < 5.0, "it ended after {minutes} min");
        let phases: Vec<&str> = history.phases().iter().map(|phase| &*phase.name).collect();
        assert_eq!(phases, ["main", "heal", "recovery", "final-reads", "end"]);
        let judge = by_name("linearizable").unwrap();
        let verdict = judge.check(&history, &Budget::default());
        assert_eq!(
            verdict.validity,
            Validity::Invalid,
            "{}",
            violation.sentence
        );
    }

    for workload in ["register = { keys = 2 }", "set = {}"] {
        let sound = Case {
            store: "single-copy",
            workload,
            time: "10m",
            conditions: "[load]\nconcurrency = \"2n\"\nrate = 5\n",
        };
        let (history, violation) = stopped(&sound);
        assert_eq!(violation, None);
        assert!(history.end().as_secs_f64() >= 600.0);
    }
}

#[test]
fn broken_stores_are_caught_by_whom_they_say() {
    let mut caught: BTreeMap<&str, Tally> = BTreeMap::new();
    for case in BITTEN {
        let so_far = caught.remove(case.store).unwrap_or_default();
        caught.insert(case.store, so_far.and(case.tally(SEEDS)));
    }
    for listed in STORES.iter().filter(|listed| !listed.good) {
        let tally = caught
            .get(listed.name)
            .unwrap_or_else(|| panic!("no case bites {}", listed.name));
        for checker in listed.flagged_by {
            assert!(
                tally.seeds(checker) >= 10,
                "{} by {checker}: {tally:?}",
                listed.name
            );
        }
        for checker in listed.passed_by {
            assert_eq!(tally.seeds(checker), 0, "{} by {checker}", listed.name);
        }
    }
    let smallest = |store: &str| caught[store].invalid["linearizable"].1;
    assert!(smallest("kb-quorum-no-writeback") <= 4);
    assert!(smallest("kb-lww-skew") <= 3);
}

#[test]
fn correct_stores_are_never_flagged_whatever_breaks() {
    for case in UNHARMED {
        let good = named(case.store).is_some_and(|listed| listed.good);
        let tally = case.tally(if good { SEEDS } else { SEEDS / 4 });
        assert!(tally.invalid.is_empty(), "{}: {tally:?}", case.store);
    }
    for listed in STORES.iter().filter(|listed| listed.good) {
        let mut cases = UNHARMED.iter().filter(|case| case.store == listed.name);
        assert!(
            cases.any(|case| case.conditions == EVERYTHING),
            "no case tries {} under everything",
            listed.name
        );
    }
}
