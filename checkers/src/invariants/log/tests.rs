use super::*;
use crate::invariants::claim::testing::{figure, judge};
use crate::proof::findings::testing::broken;

fn log(lines: &str) -> Verdict {
    judge(&Log, lines)
}

fn only(lines: &str, name: &str, operations: &[u32]) {
    let verdict = log(lines);
    assert_eq!(
        broken(&verdict),
        [(name, operations.to_vec())],
        "{}",
        verdict.summary
    );
    assert_eq!(figure(&verdict, &name.replace('-', "_")), 1);
}

#[test]
fn what_is_sent_is_delivered_in_order() {
    let verdict = log("
        0 |send nil [[send,x,a]] -> [[send,x,[0,a]]]|
        1 |txn nil [[send,x,b],[send,y,c]] -> [[send,x,[1,b]],[send,y,[0,c]]]|
        2 |poll nil [[poll]] -> [[poll,{x:[[0,a],[1,b]],y:[[0,c]]}]]|
        0 |send nil [[send,x,d]] -> [[send,x,[5,d]]]|
        2 |poll nil [[poll]] -> [[poll,{x:[[5,d]]}]]|
        0 |send nil [[send,x,e]] -> [[send,x,[6,e]]]|
        ");
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    let figures = ["sent", "polled", "unseen", "keys"].map(|name| figure(&verdict, name));
    assert_eq!(figures, [5, 4, 1, 2]);
}

#[test]
fn operations_with_a_key_of_their_own_are_understood() {
    let lines = "
        0 |send x a -> 0|
        0 |send x b -> 1|
        1 |poll x -> [[0,a],[1,b]]|
        ";
    assert_eq!(log(lines).validity, Validity::Valid);
    only(
        &lines.replace("[[0,a],[1,b]]", "[[1,b]]"),
        "lost-write",
        &[0, 2],
    );
}

#[test]
fn one_offset_holds_one_message() {
    only(
        "
        0 |send x a -> 0|
        0 |send x b -> 1|
        1 |poll x -> [[0,a],[1,b]]|
        2 |poll y -> []|
        3 |send x c -> 1|
        ",
        "inconsistent-offsets",
        &[1, 4],
    );
}

#[test]
fn what_fails_or_was_never_sent_is_not_delivered() {
    only(
        "
        0 |send x a -> 0|
        0 |send x b !|
        1 |poll x -> [[0,a],[1,b]]|
        ",
        "aborted-read",
        &[1, 2],
    );
    only(
        "
        0 |send x a -> 0|
        1 |poll x -> [[0,a],[1,b]]|
        ",
        "garbage-read",
        &[1],
    );
}

/// Its first try failed, its second one did not.
#[test]
fn a_message_may_be_tried_again() {
    let verdict = log("
        0 |send x a !|
        0 |send x a ?
        1 |poll x -> [[0,a]]|
        1 |send x b -> 1|
        ");
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
}

#[test]
fn polls_neither_go_back_nor_skip() {
    let sends = "
        0 |send x a -> 0|
        0 |send x b -> 1|
        0 |send x c -> 3|
        1 |poll x -> [[0,a],[1,b],[3,c]]|
        ";
    let with = |poll: &str| format!("{sends}{poll}");
    only(
        &with("2 |poll x -> [[0,a],[3,c]]|"),
        "internal-poll-skip",
        &[1, 4],
    );
    only(
        &with("2 |poll x -> [[1,b],[0,a]]|"),
        "internal-nonmonotonic-poll",
        &[4],
    );
    only(
        &with("2 |poll x -> [[0,a]]|\n2 |poll x -> [[3,c]]|"),
        "poll-skip",
        &[1, 4, 5],
    );
    only(&with("1 |poll x -> [[1,b]]|"), "nonmonotonic-poll", &[3, 4]);
    // Who reads elsewhere begins anew.
    let anew = with("1 |assign nil [x]|\n1 |poll x -> [[1,b]]|");
    assert_eq!(log(&anew).validity, Validity::Valid);
}

#[test]
fn sends_of_one_process_are_in_order() {
    only(
        "
        0 |send x a -> 3|
        0 |send x b -> 1|
        1 |poll x -> [[1,b],[3,a]]|
        ",
        "nonmonotonic-send",
        &[0, 1],
    );
    only(
        "
        0 |txn nil [[send,x,a],[send,x,b]] -> [[send,x,[3,a]],[send,x,[1,b]]]|
        1 |poll x -> [[1,b],[3,a]]|
        ",
        "internal-nonmonotonic-send",
        &[0],
    );
}

#[test]
fn a_transaction_does_not_read_what_it_has_not_committed() {
    only(
        "
        0 |txn nil [[send,x,a],[poll]] -> [[send,x,[0,a]],[poll,{x:[[0,a]]}]]|
        ",
        "precommitted-read",
        &[0],
    );
}

#[test]
fn nothing_is_unknown() {
    assert_eq!(log("0 |send x a -> 0|").validity, Validity::Unknown);
    assert_eq!(log("0 |poll x -> []|").validity, Validity::Unknown);
}
