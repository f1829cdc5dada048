//! What is told about violations.

use schism_history::testing;

use super::super::*;
use crate::StateTable;

/// The name of the first anomaly, its sentence, its operations.
fn told(model: Option<ModelName>, drawing: &str) -> (&'static str, String, Vec<u32>) {
    let history = testing::history(drawing);
    let checker: Box<dyn Checker> = match model {
        Some(model) => Box::new(LinearizableAs::named(model)),
        None => Box::new(Linearizable),
    };
    let verdict = checker.check(&history, &Budget::default());
    assert_eq!(verdict.validity, Validity::Invalid, "{}", verdict.summary);
    assert_eq!(verdict.disagreement, None);
    let anomaly = &verdict.anomalies[0];
    let ids = anomaly.operations.iter().map(|id| id.0).collect();
    (anomaly.name, anomaly.sentence.clone(), ids)
}

#[test]
fn a_lost_value_is_proved_by_three_operations() {
    let (name, sentence, ids) = told(
        None,
        "
        0 |enqueue q 1|
        1               |enqueue q 2|
        2               |enqueue q 3|
        0                             |dequeue q nil -> 2|
        1                             |dequeue q nil -> 3|
        ",
    );
    assert_eq!((name, ids.len()), ("lost-value", 3));
    assert_eq!(
        sentence,
        "1 was put in and nobody took it, although others were taken that come after it, of queue \"q\""
    );
}

#[test]
fn a_token_that_goes_back_is_named() {
    let (name, sentence, ids) = told(
        None,
        "
        0 |acquire l nil -> 5|
        0                      |release l 5|
        1                                    |acquire l nil -> 4|
        ",
    );
    assert_eq!((name, ids), ("token-back", vec![1, 2]));
    assert!(sentence.starts_with("process 1 was given token 4, although 5 had been given before"));
}

#[test]
fn proofs_begin_as_late_as_they_can() {
    let early = "
        0 |add c 5|
        0           |add c 5|
        1                     |add c 1|
        2                               |r c -> 11|
        2                                           |add c 1|
        1                                                     |r c -> 11|
        ";
    let (name, _, ids) = told(None, early);
    assert_eq!((name, ids), ("impossible-count", vec![3, 4, 5]));
}

#[test]
fn equal_values_are_searched() {
    let (name, _, ids) = told(
        None,
        "
        0 |enqueue q 1|
        0               |enqueue q 2|
        0                             |enqueue q 1|
        1                                           |dequeue q nil -> 1|
        1                                                                |dequeue q nil -> 1|
        1                                                                                     |dequeue q nil -> 2|
        ",
    );
    assert_eq!((name, ids.len()), ("reordered", 5));
}

#[test]
fn keys_of_every_kind_are_judged_beside_each_other() {
    let drawing = "
        0 |w x 1|
        0         |r x -> 1|
        1 |enqueue q 1|
        1               |dequeue q nil -> 1|
        2 |acquire l|
        3 |r s -> []|
        3             |add s 1|
        ";
    let verdict = Linearizable.check(&testing::history(drawing), &Budget::default());
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    assert_eq!(verdict.figures.get("keys"), Some(&Value::from(4)));
    let broken = drawing.replace("r x -> 1", "r x -> 2");
    let verdict = Linearizable.check(&testing::history(&broken), &Budget::default());
    assert_eq!(verdict.anomalies[0].name, "never-written");
}

#[test]
fn what_is_no_operation_of_the_object_is_told() {
    let history = testing::history("0 |enqueue q 1|\n1 |dequeue q nil -> 1|\n2 |fly q|");
    let verdict = LinearizableAs::named(ModelName::Queue).check(&history, &Budget::default());
    assert_eq!(verdict.validity, Validity::Unknown);
    assert!(verdict.summary.contains("#2"), "{}", verdict.summary);
}

/// Whatever is in it, under whatever name.
#[test]
fn every_model_judges_every_history() {
    use rand::SeedableRng;
    let odd = "
        0 |txn nil [[r],[append,x],5,[append,x,[1]],[r,x,7]]|
        1 |cas x 1|
        2 |r x -> [1,2]|
        3 |add x [1] ?
        4 |fly x|
        5 |txn nil 5 !|
        6 |enqueue x nil|
        7            |r nil -> nil|
        8            |drain x nil -> 7|
        9            |drain x ?
        10           |put x 1|
        11           |contains x 1 -> 5|
        12                            |acquire x nil -> false|
        13                            |release x [1]|
        ";
    let mut histories = vec![testing::history(odd), History::builder().finish()];
    let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(2);
    histories.extend((0..50).map(|_| crate::arbitrary::arbitrary(&mut rng)));
    for line in odd.lines().filter(|line| !line.trim().is_empty()) {
        histories.push(testing::history(line));
    }
    for history in &histories {
        for &model in ModelName::ALL {
            let verdict = LinearizableAs::named(model).check(history, &Budget::default());
            assert_eq!(verdict.disagreement, None, "{model}: {history:?}");
            assert!(!verdict.summary.is_empty());
        }
    }
}

#[test]
fn a_budget_that_is_spent_says_how_far_it_got() {
    let wide = " ".repeat(40);
    let after = " ".repeat(60);
    let puts = (0..12).map(|i| format!("{i} |enqueue q {}{wide}|\n", i % 2));
    let takes = [
        "dequeue q nil -> 1",
        "dequeue q nil -> 1",
        "dequeue q nil -> nil",
    ];
    let takes = takes.iter().enumerate().map(|(i, take)| {
        let pause = " ".repeat(i * 21);
        format!("20 {after}{pause}|{take}|\n")
    });
    let drawing: String = puts.chain(takes).collect();
    let history = testing::history(&drawing);
    let mut budget = Budget::default();
    budget.steps = 3_000;
    let verdict = Linearizable.check(&history, &budget);
    assert_eq!(verdict.validity, Validity::Unknown, "{}", verdict.summary);
    assert!(
        verdict.summary.contains("allowed number of steps"),
        "{}",
        verdict.summary
    );
}

#[test]
fn a_model_of_the_users_is_judged_and_proved() {
    let door = || {
        StateTable::new("door", "closed")
            .transition("closed", "open", Value::Nil, Value::Nil, "ajar")
            .transition("ajar", "shut", Value::Nil, Value::Nil, "closed")
            .transition("closed", "look", Value::Nil, "closed", "closed")
            .transition("ajar", "look", Value::Nil, "ajar", "ajar")
    };
    let judge = |drawing: &str| {
        LinearizableAs::model(door()).check(&testing::history(drawing), &Budget::default())
    };
    let good = judge(
        "
        0 |open d|
        1    |look d nil -> closed|
        2                           |look d nil -> ajar|
        ",
    );
    assert_eq!(good.validity, Validity::Valid, "{}", good.summary);
    let bad = judge(
        "
        0 |open d|
        1          |look d nil -> ajar|
        2                               |look d nil -> closed|
        ",
    );
    let anomaly = &bad.anomalies[0];
    assert_eq!(
        anomaly.sentence,
        "no order explains 2 operations of door \"d\""
    );
    assert!(anomaly.confirmation.agrees);
}
