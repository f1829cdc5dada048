//! Every history under `tests/histories/<checker>/<validity>/` gets that verdict from that checker.
//!
//! What a history shows stands in its header, as its name.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use schism_checkers::{Budget, CHECKERS, Validity, by_name};
use schism_history::{History, jsonl};

#[test]
fn every_stored_history_gets_its_verdict() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for checker in folder(&root) {
        for validity in folder(&checker) {
            for file in folder(&validity) {
                let (checker, validity) = (name(&checker), name(&validity));
                judge(&checker, &validity, &file);
                *seen.entry((checker, validity)).or_default() += 1;
            }
        }
    }
    for listed in CHECKERS {
        let count = |validity: &str| {
            let key = (listed.name.to_owned(), validity.to_owned());
            seen.get(&key).copied().unwrap_or_default()
        };
        let (valid, invalid, unknown) = (count("valid"), count("invalid"), count("unknown"));
        assert!(valid >= 3, "{} has {valid} valid histories", listed.name);
        assert!(
            invalid + unknown >= 3,
            "{} has {invalid} invalid and {unknown} unknown histories",
            listed.name
        );
    }
    let listed = |(checker, _): &(String, String)| CHECKERS.iter().any(|it| it.name == *checker);
    assert!(seen.keys().all(listed), "{seen:?}");
}

fn judge(checker: &str, expected: &str, file: &Path) {
    let place = file.display();
    let checker = by_name(checker).unwrap_or_else(|| panic!("{place}: no such checker"));
    let history = read(file);
    assert!(
        !history.header().name.is_empty(),
        "{place} says what it shows"
    );
    let verdict = checker.check(&history, &Budget::default());
    assert_eq!(
        verdict.validity.name(),
        expected,
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
