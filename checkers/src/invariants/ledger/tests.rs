//! Movements that add up, and others.

use super::*;
use crate::invariants::claim::testing;
use crate::proof::findings::testing::broken;

fn judge(lines: &str) -> Verdict {
    testing::judge(&Ledger::default(), lines)
}

#[test]
fn movements_that_add_up_are_valid() {
    let verdict = judge(
        "
        0 |open nil {a:10,b:0}|
        0 |transfer nil {from:a,to:b,amount:4}|
        1 |withdraw nil {from:a,amount:6} ?
        2 |deposit nil {to:b,amount:1}|
        0 |transfer nil {from:b,to:b,amount:100}|
        3 |read nil -> {a:0,b:5}|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
}

/// Two withdrawals of 80 from 100: one overwrites the other, so that the balance is never negative.
#[test]
fn money_that_is_paid_twice_is_found_though_no_balance_is_negative() {
    let lines = "
        0 |open nil {a:100}|
        1 |withdraw nil {from:a,amount:80}|
        & 2 |withdraw nil {from:a,amount:80}|
        3 |read nil -> {a:20}|
        ";
    let verdict = judge(lines);
    assert_eq!(
        broken(&verdict),
        [("wrong-balance", vec![3]), ("double-spend", vec![1, 2])]
    );
    let allowed = Ledger { overdraft: true };
    let verdict = testing::judge(&allowed, lines);
    assert_eq!(broken(&verdict), [("wrong-balance", vec![3])]);
    assert_eq!(
        verdict.summary,
        "account a must hold -60 at the end, but it is read as 20"
    );
}

#[test]
fn entries_stay_as_they_are() {
    let verdict = judge(
        "
        0 |append log {id:1,what:a}|
        0 |append log {id:2,what:b}|
        1 |append log {id:3,what:c} !|
        1 |append log {id:4,what:d}|
        2 |read log -> [{id:1,what:x},{id:1,what:x},{id:3,what:c},{id:9}]|
        2 |read log -> [{id:1,what:a},{id:4,what:d}]|
        ",
    );
    let mut names: Vec<&str> = verdict.anomalies.iter().map(|found| found.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names,
        [
            "altered-entry",
            "duplicate-entry",
            "failed-entry",
            "lost-entry",
            "unexpected-entry"
        ]
    );
}

#[test]
fn an_entry_that_was_there_and_is_gone_is_lost() {
    let verdict = judge(
        "
        0 |append log 1|
        0 |append log 2|
        1 |read log -> [1,2]|
        1 |read log -> [2]|
        ",
    );
    assert_eq!(broken(&verdict), [("lost-entry", vec![0, 3])]);
}

#[test]
fn accounts_that_nobody_opened_are_not_judged() {
    let verdict = judge(
        "
        1 |withdraw nil {from:a,amount:80}|
        3 |read nil -> {a:20}|
        ",
    );
    assert_eq!(verdict.validity, Validity::Unknown);
}
