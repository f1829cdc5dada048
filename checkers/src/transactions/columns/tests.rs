//! Histories as columns.

use schism_history::{OpId, Outcome, Time, Value, testing};

use super::*;

#[test]
fn transactions_stand_session_by_session() {
    let history = testing::history(
        "
        0 |txn nil [[append,x,7]]|
        1 |txn nil [[append,x,8],[r,x,nil]] ?
        0                                     |txn nil [[r,x,nil]] -> [[r,x,[7,8]]]|
        2 |txn nil [[append,x,9]] !|
        ",
    );
    let transactions = Transactions::of(&history, Include::Transactions);
    assert_eq!(transactions.len(), 4);
    assert_eq!(
        transactions.ops,
        [OpId(0), OpId(3), OpId(1), OpId(2)],
        "session by session"
    );
    assert_eq!(transactions.first_of_session, [0, 2, 3, 4]);
    assert_eq!(transactions.session, [0, 0, 1, 2]);
    let read: Vec<Step> = transactions.steps(1).collect();
    assert_eq!(transactions.list(read[0]).len(), 2);
    assert_eq!(
        transactions.value_of(0, transactions.list(read[0])[1]),
        &Value::from(8)
    );
    let open: Vec<StepKind> = transactions.steps(2).map(|step| step.kind).collect();
    assert_eq!(open, [StepKind::Append, StepKind::ReadUnknown]);
    assert_eq!(transactions.end[2], Time::NEVER);
    assert_eq!(transactions.outcome[3], Outcome::Fail);
}

#[test]
fn lists_that_grow_have_one_branch_and_others_have_their_own() {
    let history = testing::history(
        "
        0 |txn nil [] -> [[append,x,1],[r,x,[1,2,3]],[r,x,[1]],[r,x,nil],[r,x,[2,1]],[r,x,[1,2,3,4]]]|
        ",
    );
    let transactions = Transactions::of(&history, Include::Transactions);
    assert_eq!(transactions.branches.len(), 2);
    let lists: Vec<&[u32]> = (1..6)
        .map(|place| transactions.list(transactions.step(place)))
        .collect();
    assert_eq!(lists, [&[1, 2, 3][..], &[1], &[], &[2, 1], &[1, 2, 3, 4]]);
    assert_eq!(transactions.unreadable, None);
}

#[test]
fn registers_hold_values_of_any_kind() {
    let history = testing::history(
        "
        0 |txn nil [[w,x,[1]],[r,y,nil]] -> [[w,x,[1]],[r,y,nil],[r,x,[1]],[r,x,[2]]]|
        1 |cas z nil 5|
        2 |r z ?
        ",
    );
    let transactions = Transactions::of(&history, Include::SingleOperations);
    let steps: Vec<(StepKind, u32)> = (0..transactions.kind.len())
        .map(|place| (transactions.kind[place], transactions.value[place]))
        .collect();
    assert_eq!(
        steps,
        [
            (StepKind::Write, 1),
            (StepKind::Read, 0),
            (StepKind::Read, 1),
            (StepKind::ReadUnknown, 1),
            (StepKind::Read, 0),
            (StepKind::Write, 1),
            (StepKind::ReadUnknown, 0),
        ]
    );
    assert_eq!(transactions.unreadable, Some((OpId(0), 1)));
}

#[test]
fn versions_and_predicates_are_kept() {
    let history = testing::history(
        "
        0 |txn nil [] -> [[w,x,5,3],[p,even,[[x,4],[y,2]]],[p,even,nil],[fly,x,1]]|
        1 |txn nil [[p,even,nil]] ?
        ",
    );
    let transactions = Transactions::of(&history, Include::Transactions);
    assert_eq!(transactions.version.get(&0), Some(&3));
    assert_eq!(transactions.predicates, [&Value::from("even")]);
    assert_eq!(transactions.matched, [vec![(0, 2), (1, 1)], vec![]]);
    assert_eq!(transactions.kind[3], StepKind::ReadUnknown);
    assert_eq!(transactions.unreadable, Some((OpId(0), 1)));
}
