//! Each store is what it says it is: over 200 seeds the good ones are never wrong, and the bad ones are caught.

use std::collections::BTreeMap;
use std::time::Duration;

use schism_history::Value;
use schism_simulator::{Config, Random, Request, Share};

use crate::driver::{
    Faults, Operation, Outcome, Run, Scenario, cas_registers, config, registers, run, sets,
};
use crate::judge::{minimal, own_writes_missed, violations};

const SEEDS: std::ops::Range<u64> = 0..200;

type Ask = fn(u32, &mut Random) -> Request;

fn scenario(config: Config, ask: Ask, faults: Faults) -> Scenario {
    Scenario {
        config,
        operations: 240,
        clients: 5,
        rest: Duration::from_millis(12),
        ask,
        faults,
    }
}

/// Two clients per node that hardly rest, so that reads meet writes.
fn dense(config: Config, faults: Faults) -> Scenario {
    Scenario {
        clients: 10,
        rest: Duration::from_millis(3),
        ..scenario(config, registers, faults)
    }
}

/// A network that does everything that networks do.
fn rough(mut config: Config) -> Config {
    config.network.loss = Share::from_percent(2);
    config.network.duplicate = Share::from_percent(5);
    config.network.reorder = Share::from_percent(10);
    config.clocks.drift_ppm = 200;
    config.clocks.offset = Duration::from_millis(300);
    config
}

/// In how many seeds the judge finds something; every run must have done enough to mean anything.
fn caught(scenario: &Scenario) -> usize {
    SEEDS
        .filter(|seed| {
            let run = run(scenario, *seed);
            let ok = |operation: &&Operation| matches!(operation.outcome, Outcome::Ok(_));
            let done = run.operations.iter().filter(ok).count();
            assert!(done >= 60, "seed {seed}: only {done} operations succeeded");
            !violations(&run.operations).is_empty()
        })
        .count()
}

fn never_caught(config: Config, ask: Ask, faults: Faults) {
    assert_eq!(caught(&scenario(config, ask, faults)), 0);
}

/// Whether all nodes hold the same in the end.
fn converged(run: &Run) -> bool {
    run.contents.windows(2).all(|pair| pair[0] == pair[1])
}

#[test]
fn single_copy_is_linearizable_under_everything() {
    never_caught(rough(config("single-copy")), cas_registers, Faults::ALL);
}

#[test]
fn single_copy_keeps_its_sets() {
    never_caught(rough(config("single-copy")), sets, Faults::ALL);
}

#[test]
fn kg_abd_is_linearizable_under_everything() {
    never_caught(rough(config("kg-abd")), registers, Faults::ALL);
}

#[test]
fn kb_quorum_no_writeback_is_caught_with_at_most_four_operations() {
    let scenario = dense(config("kb-quorum-no-writeback"), Faults::ALL);
    let mut sizes: BTreeMap<usize, u32> = BTreeMap::new();
    for seed in SEEDS {
        let run = run(&scenario, seed);
        assert!(
            converged(&run),
            "seed {seed}: anti-entropy did not converge"
        );
        if let Some(violation) = violations(&run.operations).pop() {
            *sizes.entry(minimal(violation).len()).or_default() += 1;
        }
    }
    // Two writes and two reads; more where the writes overlap, so that their order must be shown as well.
    let small: u32 = sizes.range(..=4).map(|(_, count)| count).sum();
    assert!(small >= 40, "{sizes:?}");
}

#[test]
fn kb_quorum_no_writeback_needs_no_fault_to_be_caught() {
    let config = config("kb-quorum-no-writeback");
    assert!(caught(&dense(config, Faults::NONE)) >= 20);
}

#[test]
fn write_back_is_all_that_kb_quorum_no_writeback_lacks() {
    let mut config = config("kb-quorum-no-writeback");
    config.options.insert("write_back".to_owned(), true.into());
    assert_eq!(caught(&dense(config, Faults::ALL)), 0);
}

#[test]
fn async_failover_loses_acknowledged_writes() {
    let scenario = scenario(config("async-failover"), registers, Faults::ALL);
    assert!(caught(&scenario) >= 20);
}

#[test]
fn async_failover_loses_acknowledged_elements_and_converges() {
    let scenario = scenario(config("async-failover"), sets, Faults::ALL);
    let lost = SEEDS.filter(|seed| {
        let run = run(&scenario, *seed);
        assert!(converged(&run), "seed {seed}");
        !lost_elements(&run).is_empty()
    });
    assert!(lost.count() >= 10);
}

/// Elements whose add was acknowledged and that no final read shows.
fn lost_elements(run: &Run) -> Vec<(Value, Value)> {
    run.operations
        .iter()
        .filter(|operation| matches!(operation.outcome, Outcome::Ok(_)))
        .filter_map(|operation| match &operation.request {
            Request::Add { key, element } => Some((key.clone(), element.clone())),
            _ => None,
        })
        .filter(|(key, element)| {
            run.contents.iter().all(|node| {
                node.iter()
                    .filter(|(held, _)| held == key)
                    .all(|(_, set)| !set.as_list().unwrap_or_default().contains(element))
            })
        })
        .collect()
}

#[test]
fn async_failover_is_fine_as_long_as_nothing_happens() {
    never_caught(config("async-failover"), registers, Faults::NONE);
}

#[test]
fn kb_lww_skew_is_caught_when_clocks_are_off() {
    let mut config = config("kb-lww-skew");
    config.clocks.offset = Duration::from_secs(30);
    let scenario = scenario(config, registers, Faults::NONE);
    let (mut orderless, mut forgetful) = (0, 0);
    for seed in SEEDS {
        let run = run(&scenario, seed);
        orderless += usize::from(!violations(&run.operations).is_empty());
        forgetful += usize::from(own_writes_missed(&run.operations) > 0);
        assert!(converged(&run), "seed {seed}");
    }
    assert!(orderless >= 190, "{orderless}");
    assert!(forgetful >= 150, "{forgetful}");
}

#[test]
fn kb_lww_skew_is_fine_when_clocks_are_right() {
    let scenario = scenario(config("kb-lww-skew"), registers, Faults::ALL);
    for seed in SEEDS {
        let run = run(&scenario, seed);
        assert!(violations(&run.operations).is_empty(), "seed {seed}");
        assert_eq!(own_writes_missed(&run.operations), 0, "seed {seed}");
    }
}
