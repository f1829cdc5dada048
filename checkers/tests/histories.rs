//! Every history under `tests/histories/<checker>/<validity>/` gets that verdict from that checker.
//!
//! What a history shows stands in its header, as its name.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use schism_checkers::{Budget, CHECKERS, Validity, by_name};
use schism_history::{History, jsonl};

/// These measure, or judge the run and not the database: nothing that they see is proof against it, so they never say
/// `invalid`. What they have instead are histories in which there is nothing to measure, or that mean nothing.
const NEVER_INVALID: [&str; 8] = [
    "availability",
    "delta-atomicity",
    "errors",
    "fault-effect",
    "k-atomicity",
    "latency",
    "staleness",
    "stats",
];

/// Histories of each kind that each checker has at least.
const FEWEST: usize = 3;

#[test]
fn every_stored_history_gets_its_verdict() {
    for stored in stored() {
        judge(&stored);
    }
}

#[test]
fn every_checker_has_valid_and_invalid_and_unknown_histories() {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for stored in stored() {
        *counts.entry((stored.checker, stored.validity)).or_default() += 1;
    }
    for listed in CHECKERS {
        let invalid = if NEVER_INVALID.contains(&listed.name) {
            0
        } else {
            FEWEST
        };
        for (validity, fewest) in [("valid", FEWEST), ("invalid", invalid), ("unknown", FEWEST)] {
            let key = (listed.name.to_owned(), validity.to_owned());
            let count = counts.get(&key).copied().unwrap_or_default();
            let name = listed.name;
            assert!(
                count >= fewest,
                "{name} has {count} {validity} histories, not {fewest}"
            );
        }
    }
}

/// What cannot be invalid is not invalid for any history: those that others find invalid included.
#[test]
fn what_only_measures_never_says_invalid() {
    for name in NEVER_INVALID {
        let checker = by_name(name).unwrap_or_else(|| panic!("{name} is in the list of checkers"));
        for stored in stored() {
            let verdict = checker.check(&read(&stored.file), &Budget::default());
            let place = stored.file.display();
            assert_ne!(verdict.validity, Validity::Invalid, "{name}: {place}");
        }
    }
}

/// A history, and the verdict that its folders name.
struct Stored {
    checker: String,
    validity: String,
    file: PathBuf,
}

fn stored() -> Vec<Stored> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut all = Vec::new();
    for checker in folder(&root) {
        for validity in folder(&checker) {
            all.extend(folder(&validity).into_iter().map(|file| Stored {
                checker: name(&checker),
                validity: name(&validity),
                file,
            }));
        }
    }
    all
}

fn judge(stored: &Stored) {
    let place = stored.file.display();
    let checker = by_name(&stored.checker).unwrap_or_else(|| panic!("{place}: no such checker"));
    let history = read(&stored.file);
    assert!(
        !history.header().name.is_empty(),
        "{place} says what it shows"
    );
    let verdict = checker.check(&history, &Budget::default());
    assert_eq!(
        verdict.validity.name(),
        stored.validity,
        "{place}: {}",
        verdict.summary
    );
    assert_eq!(verdict.disagreement, None, "{place}");
    assert_eq!(
        verdict.validity == Validity::Invalid,
        !verdict.anomalies.is_empty(),
        "{place}"
    );
    for anomaly in &verdict.anomalies {
        assert!(anomaly.confirmation.agrees, "{place}: {anomaly:?}");
        assert!(
            !anomaly.operations.is_empty() && !anomaly.steps.is_empty(),
            "{place}"
        );
        assert!(anomaly.operations.len() <= 5, "{place}: {anomaly:?}");
    }
    let again = checker.check(&history, &Budget::default());
    let bytes = |verdict| serde_json::to_string(verdict).expect("a verdict is plain data");
    assert_eq!(bytes(&verdict), bytes(&again), "{place}");
}

fn read(file: &Path) -> History {
    let place = file.display();
    let input = fs::File::open(file).unwrap_or_else(|error| panic!("{place}: {error}"));
    let (history, torn) =
        jsonl::read(BufReader::new(input)).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(torn, None, "{place}");
    history
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> String {
    let name = path.file_name().expect("a folder's entry has a name");
    name.to_string_lossy().into_owned()
}
