//! Locks that are judged.

use super::*;
use crate::invariants::claim::testing::{self, figure};
use crate::proof::findings::testing::broken;

fn judge(lines: &str) -> Verdict {
    testing::judge(&Lock, lines)
}

#[test]
fn one_after_the_other_is_valid() {
    let verdict = judge(
        "
        0 |acquire k|
        1 |acquire k !|
        & 0 |release k|
        1 |acquire k|
        0 |acquire other|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    assert_eq!(figure(&verdict, "acquired"), 3);
}

#[test]
fn two_holders_are_found() {
    let verdict = judge(
        "
        0 |acquire k|
        1 |acquire k|
        0 |release k|
        ",
    );
    assert_eq!(broken(&verdict), [("two-holders", vec![0, 1, 2])]);
    assert_eq!(
        verdict.summary,
        "the lock of key \"k\" has two holders: process 1 acquired it while process 0 held it"
    );
}

#[test]
fn a_release_may_work_as_soon_as_it_is_sent() {
    let verdict = judge(
        "
        0 |acquire k|
        0 |release k ?
        & 1 |acquire k|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid);
}

#[test]
fn a_lease_ends_by_itself() {
    let lines = |lease: &str| {
        format!(
            "
            0 |acquire k -> {{lease_s:{lease}}}|
            1 |acquire k -> {{lease_s:{lease}}}|
            "
        )
    };
    assert_eq!(judge(&lines("0")).validity, Validity::Valid);
    assert_eq!(broken(&judge(&lines("1"))), [("two-holders", vec![0, 1])]);
    let renewed = judge(
        "
        0 |acquire k -> {lease_s:1}|
        0 |renew k|
        1 |acquire k -> {lease_s:1}|
        ",
    );
    assert_eq!(broken(&renewed), [("two-holders", vec![0, 2])]);
}

#[test]
fn tokens_must_rise() {
    let verdict = judge(
        "
        0 |acquire k -> 5|
        1 |acquire k -> 6|
        2 |acquire k -> 6|
        1 |write x {token:6,value:a}|
        0 |write x {token:5,value:b}|
        ",
    );
    assert_eq!(
        broken(&verdict),
        [
            ("token-not-rising", vec![1, 2]),
            ("stale-token-accepted", vec![3, 4])
        ]
    );
    assert_eq!(figure(&verdict, "overlaps"), 2);
}
