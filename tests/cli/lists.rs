//! What one list names, another one has.

use schism_checkers::CHECKERS;
use schism_simulator::STORES;
use schism_workloads::{Capability, WORKLOADS};

use super::*;

fn is_checker(name: &str) -> bool {
    CHECKERS.iter().any(|listed| listed.name == name)
}

#[test]
fn every_checker_that_a_workload_or_a_store_names_is_there() {
    let everything = Capability::ALL;
    for listed in WORKLOADS {
        for offered in [&[][..], everything] {
            let workload = (listed.spec)().build(offered);
            assert_eq!(workload.name(), listed.name);
            assert!(!workload.checkers().is_empty(), "{}", listed.name);
            for checker in workload.checkers() {
                assert!(is_checker(checker), "{} names {checker}", listed.name);
            }
        }
    }
    for listed in STORES {
        for checker in listed.flagged_by.iter().chain(listed.passed_by) {
            assert!(is_checker(checker), "{} names {checker}", listed.name);
        }
    }
}

#[test]
fn the_list_is_complete() {
    let said = schism(&["list"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let names = CHECKERS.iter().map(|listed| listed.name);
    let names = names.chain(STORES.iter().map(|listed| listed.name));
    for name in names.chain(WORKLOADS.iter().map(|listed| listed.name)) {
        assert!(said.out.contains(&format!("  {name} ")), "{name}");
    }
}
