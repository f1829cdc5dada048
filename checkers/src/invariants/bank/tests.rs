//! Totals, and single balances.

use super::*;
use crate::invariants::claim::testing;
use crate::proof::findings::testing::broken;

fn judge(drawing: &str) -> Verdict {
    testing::judge(&Bank::default(), drawing)
}

#[test]
fn totals_that_stay_are_valid() {
    let verdict = judge(
        "
        0 |open nil {a:10,b:0}|
        1 |transfer nil {from:a,to:b,amount:4}|
        & 2 |r nil -> {b:4,a:6}|
        2 |r nil -> {a:6,b:4}|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    assert_eq!(verdict.figures.get("total"), Some(&Value::from(10)));
}

#[test]
fn a_transfer_seen_half_done_is_read_skew() {
    let verdict = judge(
        "
        0 |r nil -> {a:10,b:0}|
        1 |transfer nil {from:a,to:b,amount:4}|
        & 2 |r nil -> {a:6,b:0}|
        2 |r nil -> {a:6,b:4}|
        ",
    );
    assert_eq!(broken(&verdict), [("read-skew", vec![0, 2])]);
    assert_eq!(
        verdict.summary,
        "the accounts of the only object hold 6 together, 4 less than the 10 that they must hold; \
         later reads are right again, so it saw a transfer half done"
    );
    assert_eq!(verdict.anomalies[0].steps.len(), 3);
}

#[test]
fn money_that_stays_away_is_a_wrong_total() {
    let verdict = judge(
        "
        0 |open nil [[a,10],[b,0]]|
        1 |transfer nil {from:a,to:a,amount:4}|
        2 |r nil -> [[a,14],[b,0]]|
        ",
    );
    assert_eq!(broken(&verdict), [("wrong-total", vec![0, 2])]);
    assert_eq!(verdict.figures.get("self_transfers"), Some(&Value::from(1)));
}

#[test]
fn single_balances_are_judged() {
    let drawing = "
        0 |r nil -> {a:10,b:0}|
        1 |transfer nil {from:b,to:a,amount:4}|
        2 |r nil -> {a:14,b:-4}|
        2 |r nil -> {a:10,b:nil}|
        2 |r nil -> {a:10}|
        2 |r nil -> {a:5,b:3,c:2}|
        ";
    let verdict = judge(drawing);
    let mut names: Vec<&str> = verdict.anomalies.iter().map(|found| found.name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "missing-account",
            "negative-balance",
            "nil-balance",
            "unexpected-account"
        ]
    );
    let allowed = Bank {
        negative: true,
        ..Bank::default()
    };
    let verdict = testing::judge(&allowed, drawing);
    assert_eq!(verdict.anomaly_count, 3);
}

#[test]
fn transactions_that_read_all_accounts_are_reads() {
    let verdict = judge(
        "
        0 |open nil {1:10,2:0}|
        1 |txn nil [[r,1,nil],[r,2,nil],[w,1,6],[w,2,4]] -> [[r,1,10],[r,2,0],[w,1,6],[w,2,4]]|
        2 |txn nil [[r,1,nil],[r,2,nil]] -> [[r,1,6],[r,2,0]]|
        ",
    );
    assert_eq!(broken(&verdict), [("wrong-total", vec![0, 2])]);
}

#[test]
fn money_that_comes_and_goes_is_not_added_up() {
    let verdict = judge(
        "
        0 |open nil {a:10,b:0}|
        1 |deposit nil {to:b,amount:4}|
        2 |r nil -> {b:4,a:10}|
        1 |transfer nil {from:a,to:b,amount:4} !|
        ",
    );
    assert_eq!(verdict.validity, Validity::Unknown);
}
