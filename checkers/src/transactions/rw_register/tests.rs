use schism_history::testing;

use super::RwRegister;
use crate::{Budget, Checker, Level, Picture, Validity, Verdict};

fn check(drawing: &str) -> Verdict {
    claim(Level::Serializable, drawing)
}

fn claim(claim: Level, drawing: &str) -> Verdict {
    let history = testing::history(drawing);
    let verdict = RwRegister { claim }.check(&history, &Budget::default());
    assert_eq!(verdict.disagreement, None);
    assert_eq!(
        verdict.validity == Validity::Invalid,
        !verdict.anomalies.is_empty()
    );
    verdict
}

fn names(verdict: &Verdict) -> Vec<&'static str> {
    verdict.anomalies.iter().map(|a| a.name).collect()
}

#[test]
fn a_serial_history_is_valid() {
    let verdict = check(
        "
        0 |txn nil [] -> [[r,x,nil],[w,x,1]]|
        1                                      |txn nil [] -> [[r,x,1],[w,x,2]]|
        0                                                                        |txn nil [] -> [[r,x,2]]|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid);
    assert_eq!(verdict.levels.held, [Level::StrictSerializable]);
    assert_eq!(verdict.levels.refuted, []);
}

#[test]
fn two_that_overwrite_what_the_other_one_read_are_write_skew() {
    let drawing = "
        0 |txn nil [] -> [[r,x,nil],[w,y,1]]|
        1 |txn nil [] -> [[r,y,nil],[w,x,1]]|
        2                                     |txn nil [] -> [[r,x,1],[r,y,1]]|
        ";
    let verdict = check(drawing);
    assert_eq!(verdict.validity, Validity::Invalid, "{verdict:#?}");
    assert_eq!(names(&verdict), ["write-skew"]);
    let anomaly = &verdict.anomalies[0];
    assert_eq!(anomaly.operations.len(), 2);
    assert!(matches!(&anomaly.picture, Picture::Cycle(cycle) if cycle.len() == 2));
    assert_eq!(
        verdict.levels.refuted,
        [Level::RepeatableRead, Level::UpdateSerializable]
    );
    assert!(
        verdict
            .levels
            .held
            .contains(&Level::StrongSnapshotIsolation)
    );
    let snapshot = claim(Level::SnapshotIsolation, drawing);
    assert_eq!(snapshot.validity, Validity::Valid);
}

#[test]
fn an_update_of_a_version_that_another_one_updates_is_lost() {
    let verdict = claim(
        Level::SnapshotIsolation,
        "
        0 |txn nil [] -> [[r,x,nil],[w,x,1]]|
        1 |txn nil [] -> [[r,x,nil],[w,x,2]]|
        2                                     |txn nil [] -> [[r,x,1]]|
        ",
    );
    assert_eq!(names(&verdict), ["lost-update"], "{verdict:#?}");
    assert_eq!(verdict.anomalies[0].operations.len(), 2);
}

#[test]
fn readers_that_see_writes_in_opposite_orders_fork() {
    let drawing = "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[w,y,1]]|
        2 |txn nil [] -> [[r,x,1],[r,y,nil]]|
        3 |txn nil [] -> [[r,x,nil],[r,y,1]]|
        ";
    let verdict = claim(Level::SnapshotIsolation, drawing);
    assert_eq!(names(&verdict), ["long-fork"], "{verdict:#?}");
    let parallel = claim(Level::ParallelSnapshotIsolation, drawing);
    assert_eq!(parallel.validity, Validity::Valid);
}

#[test]
fn a_transaction_is_seen_whole() {
    let verdict = check(
        "
        0 |txn nil [] -> [[w,x,1],[w,y,1]]|
        1 |txn nil [] -> [[r,x,1],[r,y,nil]]|
        ",
    );
    assert_eq!(names(&verdict), ["fractured-read"], "{verdict:#?}");
}

#[test]
fn reads_that_are_wrong_by_themselves_have_their_names() {
    for (drawing, name) in [
        ("0 |txn nil [] -> [[r,x,5]]|", "garbage-read"),
        (
            "
            0 |txn nil [[w,x,5]] !|
            1 |txn nil [] -> [[r,x,5]]|
            ",
            "G1a",
        ),
        (
            "
            0 |txn nil [] -> [[w,x,5],[w,x,6]]|
            1 |txn nil [] -> [[r,x,5]]|
            ",
            "G1b",
        ),
        ("0 |txn nil [] -> [[r,x,5],[w,x,5]]|", "future-read"),
        ("0 |txn nil [] -> [[w,x,5],[r,x,nil]]|", "internal"),
        (
            "
            0 |txn nil [] -> [[w,x,5]]|
            1 |txn nil [] -> [[r,x,nil],[r,x,5]]|
            ",
            "non-repeatable-read",
        ),
        (
            "
            0 |txn nil [] -> [[r,y,1],[w,x,1]]|
            1 |txn nil [] -> [[r,x,1],[w,y,1]]|
            ",
            "G1c",
        ),
    ] {
        let verdict = check(drawing);
        assert_eq!(verdict.validity, Validity::Invalid, "{name}: {verdict:#?}");
        assert!(names(&verdict).contains(&name), "{name}: {verdict:#?}");
    }
}

#[test]
fn real_time_and_sessions_count_only_where_they_are_claimed() {
    let stale = "
        0 |txn nil [] -> [[w,x,1]]|
        1                            |txn nil [] -> [[r,x,nil]]|
        1                                                        |txn nil [] -> [[r,x,1]]|
        ";
    assert_eq!(check(stale).validity, Validity::Valid);
    let verdict = claim(Level::StrictSerializable, stale);
    assert_eq!(names(&verdict), ["G-single-realtime"], "{verdict:#?}");
    let back = "
        0 |txn nil [] -> [[w,x,1]]|
        1                            |txn nil [] -> [[r,x,1]]|
        1                                                        |txn nil [] -> [[r,x,nil]]|
        ";
    assert_eq!(check(back).validity, Validity::Valid);
    let verdict = claim(Level::StrongSessionSerializable, back);
    assert_eq!(verdict.validity, Validity::Invalid);
    assert!(
        names(&verdict).contains(&"causality-violation"),
        "{verdict:#?}"
    );
}

#[test]
fn what_may_have_happened_did_if_it_was_read() {
    let verdict = check(
        "
        0 |txn nil [[w,x,1]] ?
        1 |txn nil [] -> [[r,x,1]]|
        2 |txn nil [[w,x,2]] ?
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{verdict:#?}");
    let nothing = check("0 |txn nil [] -> [[w,x,1],[r,y,nil]]|");
    assert_eq!(nothing.validity, Validity::Unknown);
}

#[test]
fn a_value_that_several_wrote_refutes_nothing_alone() {
    let verdict = check(
        "
        0 |txn nil [] -> [[w,x,1]]|
        1                            |txn nil [] -> [[w,x,2]]|
        0                                                      |txn nil [] -> [[w,x,1],[w,y,3]]|
        1                                                                                         |txn nil [] -> [[r,x,1],[r,y,3]]|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{verdict:#?}");
    assert_eq!(verdict.levels.held, [Level::StrictSerializable]);
}
