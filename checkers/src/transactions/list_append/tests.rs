//! Histories and what is found in them.

use schism_history::testing;

use super::ListAppend;
use crate::{Budget, Checker, Level, Validity, Verdict};

fn judge(drawing: &str) -> Verdict {
    let history = testing::history(drawing);
    let verdict = ListAppend {
        claim: Level::StrictSerializable,
    }
    .check(&history, &Budget::default());
    assert_eq!(verdict.disagreement, None, "{drawing}");
    verdict
}

fn names(verdict: &Verdict) -> Vec<&'static str> {
    verdict.anomalies.iter().map(|a| a.name).collect()
}

#[test]
fn a_serial_history_is_strict_serializable() {
    let verdict = judge(
        "
        0 |txn nil [[append,x,1],[append,y,1]]|
        1                                       |txn nil [] -> [[r,x,[1]],[append,x,2],[r,x,[1,2]]]|
        0                                                        |txn nil [] -> [[r,y,[1]],[r,x,[1,2]]]|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    assert_eq!(verdict.levels.held, [Level::StrictSerializable]);
    assert_eq!(verdict.levels.refuted, []);
}

#[test]
fn the_anomalies_of_the_literature_are_found_by_name() {
    let cases: &[(&str, &str, &[Level])] = &[
        (
            "G0",
            "
            0 |txn nil [[append,x,1],[append,y,1]]|
            1 |txn nil [[append,x,2],[append,y,2]]|
            2 |txn nil [] -> [[r,x,[1,2]],[r,y,[2,1]]]|
            ",
            &[Level::ReadUncommitted],
        ),
        (
            "G1a",
            "
            0 |txn nil [[append,x,1]] !|
            1 |txn nil [] -> [[r,x,[1]]]|
            ",
            &[Level::ReadCommitted],
        ),
        (
            "G1b",
            "
            0 |txn nil [[append,x,1],[append,x,2]]|
            1 |txn nil [] -> [[r,x,[1]]]|
            ",
            &[Level::ReadCommitted],
        ),
        (
            "G1c",
            "
            0 |txn nil [] -> [[append,x,1],[r,y,[1]]]|
            1 |txn nil [] -> [[append,x,2],[append,y,1]]|
            2 |txn nil [] -> [[r,x,[1,2]],[r,y,[1]]]|
            ",
            &[Level::ReadCommitted],
        ),
        (
            "internal",
            "
            0 |txn nil [] -> [[append,x,1],[r,x,[]]]|
            ",
            &[Level::ReadAtomic],
        ),
        (
            "future-read",
            "
            0 |txn nil [] -> [[r,x,[1]],[append,x,1]]|
            ",
            &[Level::ReadCommitted],
        ),
        (
            "garbage-read",
            "
            0 |txn nil [] -> [[r,x,[1]]]|
            ",
            &[Level::ReadUncommitted],
        ),
        (
            "duplicate-elements",
            "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [] -> [[r,x,[1,1]]]|
            ",
            &[Level::ReadUncommitted],
        ),
        (
            "incompatible-order",
            "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [[append,x,2]]|
            2 |txn nil [] -> [[r,x,[1,2]]]|
            3 |txn nil [] -> [[r,x,[2,1]]]|
            ",
            &[Level::ReadCommitted],
        ),
        (
            "dirty-update",
            "
            0 |txn nil [[append,x,1]] !|
            1 |txn nil [[append,x,2]]|
            2 |txn nil [] -> [[r,x,[1,2]]]|
            ",
            &[Level::ReadCommitted],
        ),
        (
            "lost-update",
            "
            0 |txn nil [] -> [[r,x,[]],[append,x,1]]|
            1 |txn nil [] -> [[r,x,[]],[append,x,2]]|
            ",
            &[
                Level::UpdateSerializable,
                Level::RepeatableRead,
                Level::ParallelSnapshotIsolation,
            ],
        ),
        (
            "fractured-read",
            "
            0 |txn nil [[append,x,1],[append,y,1]]|
            1 |txn nil [] -> [[r,x,[1]],[r,y,[]]]|
            ",
            &[Level::MonotonicAtomicView],
        ),
        (
            "fractured-read",
            "
            0 |txn nil [[append,x,1],[append,y,1]]|
            1 |txn nil [] -> [[r,y,[]],[r,x,[1]]]|
            ",
            &[Level::RepeatableRead, Level::ReadAtomic],
        ),
        (
            "read-skew",
            "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [] -> [[r,x,[1]],[append,y,1]]|
            2 |txn nil [] -> [[r,x,[]],[r,y,[1]]]|
            ",
            &[
                Level::UpdateSerializable,
                Level::RepeatableRead,
                Level::ParallelSnapshotIsolation,
                Level::Prefix,
            ],
        ),
        (
            "write-skew",
            "
            0 |txn nil [] -> [[r,x,[]],[append,y,1]]|
            1 |txn nil [] -> [[r,y,[]],[append,x,1]]|
            ",
            &[Level::UpdateSerializable, Level::RepeatableRead],
        ),
        (
            "long-fork",
            "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [[append,y,1]]|
            2 |txn nil [] -> [[r,x,[1]],[r,y,[]]]|
            3 |txn nil [] -> [[r,x,[]],[r,y,[1]]]|
            ",
            &[Level::RepeatableRead, Level::Prefix],
        ),
        (
            "G-single-realtime",
            "
            0 |txn nil [[append,x,1]]|
            1                           |txn nil [] -> [[r,x,[]]]|
            ",
            &[Level::StrongSnapshotIsolation],
        ),
        (
            "G-single-process",
            "
            0 |txn nil [[append,x,1]]|
            0                           |txn nil [] -> [[r,x,[]]]|
            ",
            &[Level::ReadYourWrites],
        ),
    ];
    for (name, drawing, refuted) in cases {
        let verdict = judge(drawing);
        assert_eq!(verdict.validity, Validity::Invalid, "{name}: {verdict:?}");
        assert!(
            names(&verdict).contains(name),
            "{name}: {:?}",
            names(&verdict)
        );
        assert_eq!(
            verdict.levels.refuted,
            *refuted,
            "{name}: {:?}",
            names(&verdict)
        );
        for anomaly in &verdict.anomalies {
            assert!(anomaly.confirmation.agrees, "{anomaly:?}");
        }
    }
}

#[test]
fn a_weaker_claim_allows_what_a_stronger_one_forbids() {
    let history = testing::history(
        "
        0 |txn nil [] -> [[r,x,[]],[append,y,1]]|
        1 |txn nil [] -> [[r,y,[]],[append,x,1]]|
        ",
    );
    let verdict = |claim| ListAppend { claim }.check(&history, &Budget::default());
    let weak = verdict(Level::SnapshotIsolation);
    assert_eq!(weak.validity, Validity::Valid, "{}", weak.summary);
    assert_eq!(weak.beyond_claim[0].name, "write-skew");
    assert!(weak.anomalies.is_empty());
    assert_eq!(verdict(Level::Serializable).validity, Validity::Invalid);
}
