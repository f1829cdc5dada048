//! Histories and what is found in them.

use schism_history::{Event, Header, History, Kind, Value, testing};

use super::KeyValue;
use crate::{Budget, Checker, Level, Validity, Verdict};

fn claim(claim: Level, drawing: &str) -> Verdict {
    let history = testing::history(drawing);
    let verdict = KeyValue { claim }.check(&history, &Budget::default());
    assert_eq!(verdict.disagreement, None, "{drawing}");
    for anomaly in &verdict.anomalies {
        assert!(anomaly.confirmation.agrees, "{anomaly:?}");
    }
    verdict
}

fn judge(drawing: &str) -> Verdict {
    claim(Level::StrictSerializable, drawing)
}

fn names(verdict: &Verdict) -> Vec<&'static str> {
    verdict.anomalies.iter().map(|a| a.name).collect()
}

#[test]
fn a_serial_history_is_strict_serializable() {
    let verdict = judge(
        "
        0 |txn nil [] -> [[w,x,1,4],[w,y,1,4]]|
        1                                       |txn nil [] -> [[r,x,1,4],[w,x,2,7],[r,x,2]]|
        0                                                                                   |txn nil [] -> [[r,y,1],[r,x,2,7]]|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    assert_eq!(verdict.levels.held, [Level::StrictSerializable]);
    assert_eq!(verdict.levels.refuted, []);
}

const RU: Level = Level::ReadUncommitted;
const RC: Level = Level::ReadCommitted;

#[test]
fn the_anomalies_of_the_literature_are_found_by_name() {
    let single = &[
        Level::UpdateSerializable,
        Level::RepeatableRead,
        Level::ParallelSnapshotIsolation,
    ];
    let cases: &[(&str, &str, &[Level])] = &[
        (
            "G0",
            "
            0 |txn nil [] -> [[w,x,1,1],[w,y,1,2]]|
            1 |txn nil [] -> [[w,x,2,2],[w,y,2,1],[r,z,nil]]|
            2 |txn nil [] -> [[r,x,2]]|
            ",
            &[RU],
        ),
        (
            "G1a",
            "
            0 |txn nil [[w,x,1]] !|
            1 |txn nil [] -> [[r,x,1]]|
            ",
            &[RC],
        ),
        (
            "G1b",
            "
            0 |txn nil [] -> [[w,x,1],[w,x,2]]|
            1 |txn nil [] -> [[r,x,1]]|
            ",
            &[RC],
        ),
        (
            "G1c",
            "
            0 |txn nil [] -> [[w,x,1,1],[r,y,1]]|
            1 |txn nil [] -> [[w,x,2,2],[w,y,1,1]]|
            ",
            &[RC],
        ),
        (
            "internal",
            "0 |txn nil [] -> [[w,x,1],[r,x,nil]]|",
            &[Level::ReadAtomic],
        ),
        ("future-read", "0 |txn nil [] -> [[r,x,1],[w,x,1]]|", &[RC]),
        ("garbage-read", "0 |txn nil [] -> [[r,x,1]]|", &[RU]),
        (
            "cyclic-versions",
            "
            0 |txn nil [] -> [[w,x,1,5]]|
            1 |txn nil [] -> [[r,x,1,5],[w,x,2,3]]|
            ",
            &[RC],
        ),
        (
            "lost-update",
            "
            0 |txn nil [] -> [[r,x,nil],[w,x,1,1]]|
            1 |txn nil [] -> [[r,x,nil],[w,x,2,2]]|
            ",
            single,
        ),
        (
            "fractured-read",
            "
            0 |txn nil [] -> [[w,x,1],[w,y,1]]|
            1 |txn nil [] -> [[r,x,1],[r,y,nil]]|
            ",
            &[Level::MonotonicAtomicView],
        ),
        (
            "read-skew",
            "
            0 |txn nil [] -> [[w,x,1]]|
            1 |txn nil [] -> [[r,x,1],[w,y,1]]|
            2 |txn nil [] -> [[r,x,nil],[r,y,1]]|
            ",
            &[
                Level::UpdateSerializable,
                Level::RepeatableRead,
                Level::ParallelSnapshotIsolation,
                Level::Prefix,
            ],
        ),
        (
            "G-single",
            "
            0 |txn nil [] -> [[r,x,nil],[w,y,2,2]]|
            1 |txn nil [] -> [[w,x,3,1],[w,y,4,1]]|
            ",
            single,
        ),
        (
            "write-skew",
            "
            0 |txn nil [] -> [[r,x,nil],[w,y,1]]|
            1 |txn nil [] -> [[r,y,nil],[w,x,1]]|
            ",
            &[Level::UpdateSerializable, Level::RepeatableRead],
        ),
        (
            "long-fork",
            "
            0 |txn nil [] -> [[w,x,1]]|
            1 |txn nil [] -> [[w,y,1]]|
            2 |txn nil [] -> [[r,x,1],[r,y,nil]]|
            3 |txn nil [] -> [[r,x,nil],[r,y,1]]|
            ",
            &[Level::RepeatableRead, Level::Prefix],
        ),
        (
            "G0-realtime",
            "
            0 |txn nil [] -> [[w,x,1,2]]|
            1                             |txn nil [] -> [[w,x,2,1]]|
            2                             |txn nil [] -> [[r,x,1]]|
            ",
            &[Level::StrongSnapshotIsolation],
        ),
        (
            "G0-process",
            "
            0 |txn nil [] -> [[w,x,1,2]]|
            0                             |txn nil [] -> [[w,x,2,1]]|
            2                             |txn nil [] -> [[r,x,1]]|
            ",
            &[Level::MonotonicWrites],
        ),
        (
            "phantom",
            "
            0 |txn nil [] -> [[w,a,1]]|
            1 |txn nil [] -> [[p,{min:1},[]],[p,{min:1},[[a,1]]]]|
            ",
            &[
                Level::UpdateSerializable,
                Level::ParallelSnapshotIsolation,
                Level::Prefix,
            ],
        ),
        (
            "G2",
            "
            0 |txn nil [] -> [[p,{min:1},[]],[w,a,1]]|
            1 |txn nil [] -> [[p,{min:1},[]],[w,b,1]]|
            ",
            &[Level::UpdateSerializable],
        ),
        (
            "G1a",
            "
            0 |txn nil [[w,a,1]] !|
            1 |txn nil [] -> [[p,{min:1},[[a,1]]]]|
            ",
            &[RC],
        ),
        (
            "G1b",
            "
            0 |txn nil [] -> [[w,a,1],[w,a,0]]|
            1 |txn nil [] -> [[p,{min:1},[[a,1]]]]|
            ",
            &[RC],
        ),
    ];
    for (name, drawing, refuted) in cases {
        let verdict = judge(drawing);
        assert_eq!(verdict.validity, Validity::Invalid, "{name}: {verdict:#?}");
        let names = names(&verdict);
        assert!(names.contains(name), "{name}: {names:?}");
        assert_eq!(verdict.levels.refuted, *refuted, "{name}: {names:?}");
    }
}

/// Each number that contradicts another one, or a value, is found; and the message says that it is about the order.
#[test]
fn an_order_that_contradicts_what_was_read_is_an_anomaly() {
    for (drawing, said) in [
        (
            "
            0 |txn nil [] -> [[w,x,1,1]]|
            1 |txn nil [] -> [[w,x,2,2]]|
            2 |txn nil [] -> [[r,x,1,2]]|
            ",
            "another value",
        ),
        (
            "
            0 |txn nil [] -> [[w,x,1,1]]|
            2 |txn nil [] -> [[r,x,1,3]]|
            ",
            "it is version 1 to others",
        ),
        (
            "
            0 |txn nil [[w,x,1]] ?
            2 |txn nil [] -> [[r,x,1,3]]|
            3 |txn nil [] -> [[r,x,1,4]]|
            ",
            "it is version 3 to others",
        ),
        (
            "
            0 |txn nil [] -> [[w,x,1,1]]|
            1 |txn nil [] -> [[w,x,2,1]]|
            2 |txn nil [] -> [[r,x,1]]|
            ",
            "told no order",
        ),
        (
            "
            0 |txn nil [] -> [[w,a,5,1]]|
            2 |txn nil [] -> [[p,{min:1},[],3]]|
            ",
            "at revision 3",
        ),
    ] {
        let verdict = judge(drawing);
        assert_eq!(names(&verdict), ["incompatible-order"], "{verdict:#?}");
        assert!(verdict.summary.contains(said), "{}", verdict.summary);
    }
}

/// Two people take the same e-mail address, since each of them looked before the other one wrote. In a database that
/// locks what was looked for, one of them finds the other one.
#[test]
fn a_unique_address_is_taken_twice() {
    let taken = "
        0 |txn nil [] -> [[p,{relation:users,where:{email:e}},[]],[w,[users,1],{email:e}]]|
        1 |txn nil [] -> [[p,{relation:users,where:{email:e}},[]],[w,[users,2],{email:e}]]|
        ";
    let verdict = claim(Level::Serializable, taken);
    assert_eq!(names(&verdict), ["G2"], "{verdict:#?}");
    assert!(!Level::refuted_by(&verdict.levels.refuted).contains(&Level::RepeatableRead));
    let snapshot = claim(Level::SnapshotIsolation, taken);
    assert_eq!(snapshot.validity, Validity::Valid, "{snapshot:#?}");
    let refused = taken.replace(
        "1 |txn nil [] -> [[p,{relation:users,where:{email:e}},[]],[w,[users,2],{email:e}]]|",
        "1 |txn nil [] -> [[p,{relation:users,where:{email:e}},[[[users,1],{email:e}]]]]|",
    );
    assert_ne!(refused, taken);
    let verdict = judge(&refused);
    assert_eq!(verdict.validity, Validity::Valid, "{verdict:#?}");
    // Others that they look for have nothing to do with each other.
    let apart = "
        0 |txn nil [] -> [[p,{where:{email:e}},[]],[w,1,{email:e}]]|
        1 |txn nil [] -> [[p,{where:{email:f}},[]],[w,2,{email:f}]]|
        2                                                             |txn nil [] -> [[r,1,{email:e}]]|
        ";
    assert_eq!(judge(apart).validity, Validity::Valid);
}

#[test]
fn the_version_of_a_transaction_is_that_of_its_writes() {
    let drawing = "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[w,x,2]]|
        2                             |txn nil [] -> [[r,x,1]]|
        ";
    let untold = judge(drawing);
    assert_ne!(untold.validity, Validity::Invalid, "{untold:#?}");
    for (revisions, validity) in [([4, 5], Validity::Invalid), ([5, 4], Validity::Valid)] {
        let plain = testing::history(drawing);
        let mut events = Vec::new();
        for op in plain.operations() {
            let event = |time, kind, value: &Value| {
                Event::new(time, op.process, kind, op.f().clone()).value(value.clone())
            };
            events.push(event(op.invoked, Kind::Invoke, op.input()));
            let mut end = event(op.end(), Kind::Ok, op.output());
            end.revision = revisions.get(op.id.index()).copied();
            events.push(end);
        }
        events.sort_by_key(|event| event.time);
        let history = History::from_events(Header::default(), events).unwrap();
        let verdict = KeyValue {
            claim: Level::StrictSerializable,
        }
        .check(&history, &Budget::default());
        assert_eq!(verdict.validity, validity, "{verdict:#?}");
    }
}

/// Where the reason why a key did not match is not known, nothing is refuted; and an order that explains everything
/// settles it.
#[test]
fn what_is_not_known_refutes_nothing() {
    // Before the first version or after the second one.
    let twice = |result: &str| {
        format!(
            "
            0 |txn nil [] -> [[w,a,5,1]]|
            1                            |txn nil [] -> [[w,a,0,2]]|
            2 |txn nil [] -> [[p,{{min:1}},[]],[r,b,{result}]]|
            3                                                  |txn nil [] -> [[w,b,1,3]]|
            "
        )
    };
    let verdict = judge(&twice("nil"));
    assert_eq!(verdict.validity, Validity::Valid, "{verdict:#?}");
    let odd = "
        0 |txn nil [] -> [[p,odd,[]],[w,a,1]]|
        1 |txn nil [] -> [[p,odd,[]],[w,b,1]]|
        ";
    assert_eq!(judge(odd).validity, Validity::Unknown);
    // That somebody else found them says that they match.
    let found = format!("{odd}2 |txn nil [] -> [[p,odd,[[a,1],[b,1]]]]|");
    assert_eq!(names(&judge(&found)), ["G2"]);
    let maybe = "
        0 |txn nil [] -> [[w,a,5]]|
        1 |txn nil [[w,a,0]] ?
        2                            |txn nil [] -> [[p,{min:1},[]]]|
        ";
    assert_ne!(judge(maybe).validity, Validity::Invalid);
}

#[test]
fn a_weaker_claim_allows_what_a_stronger_one_forbids() {
    let skew = "
        0 |txn nil [] -> [[r,x,nil],[w,y,1,1]]|
        1 |txn nil [] -> [[r,y,nil],[w,x,1,1]]|
        ";
    let weak = claim(Level::SnapshotIsolation, skew);
    assert_eq!(weak.validity, Validity::Valid, "{}", weak.summary);
    assert_eq!(weak.beyond_claim[0].name, "write-skew");
    let nothing = judge("0 |txn nil [] -> [[w,x,1,1],[r,y,nil]]|");
    assert_eq!(nothing.validity, Validity::Unknown);
}
