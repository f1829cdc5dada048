//! What comes out, and what does not.

use super::*;
use crate::invariants::claim::testing::{self, figure};
use crate::proof::findings::testing::broken;

fn judge(lines: &str) -> Verdict {
    testing::judge(&Queue::default(), lines)
}

#[test]
fn what_comes_out_once_is_valid() {
    let verdict = judge(
        "
        0 |enqueue q 1|
        0 |enqueue q 2 ?
        1 |enqueue q 3|
        2 |dequeue q -> 2|
        2 |dequeue q -> 1|
        2 |dequeue q !|
        2 |drain q -> [3]|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    assert_eq!(figure(&verdict, "recovered"), 1);
    assert_eq!(figure(&verdict, "dequeued"), 3);
}

#[test]
fn what_does_not_come_out_is_lost() {
    let lines = "
        0 |enqueue q 1|
        0 |enqueue q 2|
        2 |dequeue q -> 2|
        ";
    assert_eq!(judge(lines).validity, Validity::Unknown);
    let verdict = judge(&format!("{lines}\n2 |dequeue q -> nil|"));
    assert_eq!(broken(&verdict), [("lost-message", vec![0, 3])]);
    assert_eq!(
        verdict.summary,
        "1 of key \"q\" is lost: it was acknowledged before the queue was found empty, and nobody got it"
    );
}

#[test]
fn an_unknown_dequeue_excuses_one_value() {
    let one = judge(
        "
        0 |enqueue q 1|
        0 |enqueue q 2|
        1 |dequeue q -> 2|
        2 |dequeue q ?
        3 |drain q -> []|
        ",
    );
    assert_eq!(one.validity, Validity::Unknown, "{}", one.summary);
    let two = judge(
        "
        0 |enqueue q 1|
        0 |enqueue q 2|
        2 |dequeue q ?
        3 |drain q -> []|
        ",
    );
    assert_eq!(broken(&two), [("lost-message", vec![0, 1, 2, 3])]);
}

#[test]
fn duplicates_and_strangers_are_found() {
    let lines = "
        0 |enqueue q 1|
        0 |enqueue q 5 !|
        2 |dequeue q -> 1|
        2 |dequeue q -> 5|
        2 |dequeue q -> 9|
        2 |drain q -> [1]|
        ";
    let mut names: Vec<&str> = judge(lines)
        .anomalies
        .iter()
        .map(|found| found.name)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["duplicate-message", "failed-message", "unexpected-message"]
    );
    let again = Queue {
        at_least_once: true,
        ..Queue::default()
    };
    assert_eq!(testing::judge(&again, lines).anomaly_count, 2);
    let early = judge("2 |dequeue q -> 1|\n0 |enqueue q 1|");
    assert_eq!(broken(&early), [("unexpected-message", vec![0])]);
}

#[test]
fn order_matters_where_it_is_asked_for() {
    let lines = "
        0 |enqueue q 1|
        0 |enqueue q 2|
        2 |dequeue q -> 2|
        2 |dequeue q -> 1|
        ";
    let verdict = judge(lines);
    assert_eq!(verdict.validity, Validity::Valid);
    assert_eq!(figure(&verdict, "reordered"), 1);
    let fifo = Queue {
        fifo: true,
        ..Queue::default()
    };
    let verdict = testing::judge(&fifo, lines);
    assert_eq!(broken(&verdict), [("reordered-message", vec![0, 1, 2, 3])]);
}
