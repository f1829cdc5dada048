//! The checker against the truth: every order of small histories, and each method against the others on larger ones.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, History, OpId, Process, Value, testing};

use super::search::Found;
use super::{Linearizable, search_object, zones};
use crate::arbitrary::{arbitrary, clients, mutate, renumber};
use crate::generate::{self, Clients};
use crate::object::Registers;
use crate::proof::all_orders::{self, Answer};
use crate::proof::witness::Witness;
use crate::{Anomaly, Budget, Certificate, Checker, Validity, Verdict};

mod bounds;

fn check(drawing: &str) -> Verdict {
    judge(&testing::history(drawing))
}

fn judge(history: &History) -> Verdict {
    let verdict = Linearizable.check(history, &Budget::default());
    assert_eq!(verdict.disagreement, None, "{history:?}");
    for anomaly in &verdict.anomalies {
        assert!(anomaly.confirmation.agrees);
    }
    verdict
}

fn only_anomaly(verdict: &Verdict) -> &Anomaly {
    assert_eq!(verdict.validity, Validity::Invalid, "{}", verdict.summary);
    let [anomaly] = &verdict.anomalies[..] else {
        panic!("one anomaly, not {:?}", verdict.anomalies)
    };
    anomaly
}

fn ids(anomaly: &Anomaly) -> Vec<u32> {
    let mut ids: Vec<u32> = anomaly.operations.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids
}

fn steps(anomaly: &Anomaly) -> Vec<&str> {
    anomaly.steps.iter().map(|step| &*step.text).collect()
}

#[test]
fn a_stale_read_is_proved_by_three_operations() {
    let verdict = check(
        "
        0 |w x 1|
        1         |w x 2|
        2   |r x -> 1|
        3                 |r x -> 1|
        4                    |r x -> 2|
        ",
    );
    let anomaly = only_anomaly(&verdict);
    assert_eq!(anomaly.name, "stale-read");
    assert_eq!(anomaly.key, Value::from("x"));
    assert_eq!(
        anomaly.sentence,
        "process 3 read 1 of key \"x\" after 2 had replaced it"
    );
    assert_eq!(
        steps(anomaly),
        [
            "Process 0 wrote 1 from 0.010 s to 0.016 s: by 0.016 s, 1 was written.",
            "Process 1 wrote 2 from 0.018 s to 0.024 s, after 1 was written: so by 0.024 s, 2 had replaced 1.",
            "Process 3 began to read after that, at 0.026 s, and read 1, although nobody wrote 1 again.",
        ]
    );
}

#[test]
fn a_read_of_nothing_after_a_write_is_stale_too() {
    let verdict = check(
        "
        0 |w x 1|
        1         |r x -> nil|
        ",
    );
    let anomaly = only_anomaly(&verdict);
    assert_eq!(anomaly.name, "stale-read");
    assert_eq!(anomaly.operations.len(), 2);
    assert_eq!(
        steps(anomaly),
        [
            "At the beginning the value is nil.",
            "Process 0 wrote 1 from 0.010 s to 0.016 s: so by 0.016 s, 1 had replaced nil.",
            "Process 1 began to read after that, at 0.018 s, and read nil, although nobody wrote nil again.",
        ]
    );
}

#[test]
fn a_write_of_unknown_outcome_may_happen_late_but_only_once() {
    let late = check(
        "
        0 |w x 1 ?
        1 |w x 2|
        2         |r x -> 2|
        3                   |r x -> 1|
        ",
    );
    assert_eq!(late.validity, Validity::Valid, "{}", late.summary);
    let twice = check(
        "
        0 |w x 1 ?
        1 |r x -> 1|
        2           |w x 2|
        3                   |r x -> 2|
        4                             |r x -> 1|
        ",
    );
    let anomaly = only_anomaly(&twice);
    assert_eq!(anomaly.name, "stale-read");
    assert_eq!(anomaly.operations.len(), 4);
    assert_eq!(
        anomaly.steps[1].text,
        "Process 1 read 1 from 0.010 s to 0.019 s: so 1 had been written by 0.019 s."
    );
}

#[test]
fn what_surely_failed_never_happened() {
    let verdict = check(
        "
        0 |w x 1 !|
        1           |r x -> 1|
        ",
    );
    let anomaly = only_anomaly(&verdict);
    assert_eq!(anomaly.name, "failed-write-read");
    assert_eq!(ids(anomaly), [0, 1]);
}

#[test]
fn a_value_from_nowhere_is_found() {
    let verdict = check(
        "
        0 |w x 1|
        1         |r x -> 7|
        2         |r y -> 1|
        ",
    );
    assert_eq!(verdict.anomaly_count, 2);
    let names: Vec<_> = verdict.anomalies.iter().map(|a| (a.name, ids(a))).collect();
    assert_eq!(
        names,
        [("never-written", vec![1]), ("never-written", vec![2])]
    );
}

#[test]
fn a_value_from_the_future_is_found() {
    let verdict = check(
        "
        0            |w x 1|
        1 |r x -> 1|
        ",
    );
    let anomaly = only_anomaly(&verdict);
    assert_eq!(anomaly.name, "read-before-write");
    assert_eq!(ids(anomaly), [0, 1]);
}

#[test]
fn two_values_may_not_come_before_each_other() {
    // Both writes are unknown, so nothing but the reads says in which order they took effect: six operations.
    let verdict = check(
        "
        0 |w x 1 ?
        1 |w x 2 ?
        2 |r x -> 1|
        3 |r x -> 2|
        4             |r x -> 1|
        5             |r x -> 2|
        ",
    );
    let anomaly = only_anomaly(&verdict);
    assert_eq!(anomaly.name, "contradicting-reads");
    assert_eq!(anomaly.operations.len(), 6);
}

#[test]
fn a_compare_and_set_links_what_it_found_to_what_it_left() {
    let good = check(
        "
        0 |w x 1|
        1   |cas x 1 2|
        2      |cas x 2 3 ?
        3                    |r x -> 3|
        ",
    );
    assert_eq!(good.validity, Validity::Valid, "{}", good.summary);
    // 3 between 1 and 2, although 2 replaced 1.
    let bad = check(
        "
        0 |w x 1|
        1         |r x -> 3|
        2         |w x 3 ?
        3                   |cas x 1 2|
        4                              |r x -> 2|
        ",
    );
    let anomaly = only_anomaly(&bad);
    assert_eq!(ids(anomaly), [0, 1, 2, 3]);
}

#[test]
fn one_value_is_replaced_by_one_compare_and_set() {
    let verdict = check(
        "
        0 |w x 1|
        1   |cas x 1 2|
        2   |cas x 1 3|
        ",
    );
    let anomaly = only_anomaly(&verdict);
    assert_eq!(ids(anomaly), [0, 1, 2]);
}

#[test]
fn compare_and_sets_do_not_live_on_each_other() {
    let verdict = check(
        "
        0 |cas x 1 2|
        1   |cas x 2 1|
        ",
    );
    assert_eq!(ids(only_anomaly(&verdict)), [0, 1]);
    let alone = check("0 |cas x 1 1|");
    assert_eq!(ids(only_anomaly(&alone)), [0]);
}

#[test]
fn repeated_values_are_searched() {
    let good = check(
        "
        0 |w x 1|
        0         |w x 2|
        1         |w x 1|
        2                 |r x -> 1|
        3                   |r x -> 1|
        ",
    );
    assert_eq!(good.validity, Validity::Valid, "{}", good.summary);
    assert_eq!(good.figures.get("keys_by_search"), Some(&Value::from(1)));
    let bad = check(
        "
        0 |w x 1|
        0         |w x 2|
        1         |w x 1|
        2                 |r x -> 2|
        3                            |r x -> 1|
        ",
    );
    let anomaly = only_anomaly(&bad);
    assert_eq!(anomaly.name, "no-order");
    assert_eq!(ids(anomaly), [1, 2, 3, 4]);
    assert!(
        anomaly.steps[0].text.starts_with("Whatever the value was"),
        "{:?}",
        anomaly.steps
    );
}

#[test]
fn a_refused_compare_and_set_says_what_the_value_was_not() {
    let bad = check(
        "
        0 |w x 1|
        1         |cas x 1 2 -> false|
        ",
    );
    assert_eq!(ids(only_anomaly(&bad)), [0, 1]);
    // The write of 3 that nobody read is why.
    let good = check(
        "
        0 |w x 1|
        2         |w x 3 ?
        1         |cas x 1 2 -> false|
        ",
    );
    assert_eq!(good.validity, Validity::Valid, "{}", good.summary);
}

#[test]
fn keys_are_judged_apart() {
    let verdict = check(
        "
        0 |w x 1|
        1         |w y 2|
        2                 |r x -> 1|
        3                 |r y -> 2|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid);
    assert_eq!(verdict.figures.get("keys"), Some(&Value::from(2)));
}

#[test]
fn nothing_to_judge_is_unknown() {
    for drawing in ["", "0 |add x 1|", "0 |r x -> 1 !|", "0 |txn nil [r,x,1]|"] {
        assert_eq!(check(drawing).validity, Validity::Unknown, "{drawing}");
    }
    let unreadable = check("0 |cas x 1 ?\n1  |w x 1|");
    assert_eq!(unreadable.validity, Validity::Unknown);
}

fn by_all_orders(history: &History) -> Validity {
    let all = Witness::registers((0..history.len() as u32).map(OpId));
    match all_orders::search(history, &all, 10_000_000) {
        Answer::NoOrder(_) => Validity::Invalid,
        Answer::Order(_) => Validity::Valid,
        other => panic!("{other:?}"),
    }
}

fn by_search(history: &History) -> Validity {
    let registers = Registers::of(history);
    let impossible = registers.objects.iter().any(|object| {
        let (found, _) = search_object(
            registers.calls(object),
            object.values,
            None,
            &Budget::default(),
        );
        assert!(!matches!(found, Found::Exhausted { .. }));
        matches!(found, Found::Impossible { .. })
    });
    if impossible {
        Validity::Invalid
    } else {
        Validity::Valid
    }
}

/// `None` when the zones do not apply.
fn by_zones(history: &History) -> Option<Validity> {
    let registers = Registers::of(history);
    let mut validity = Validity::Valid;
    for object in &registers.objects {
        let zones = zones::judge(registers.calls(object), object.values)?;
        if zones.count > 0 {
            validity = Validity::Invalid;
        }
    }
    Some(validity)
}

/// The three ways agree; the verdict is theirs, and its proofs are minimal.
fn cross_check(history: &History, tally: &mut Tally) {
    let truth = by_all_orders(history);
    assert_eq!(by_search(history), truth, "search: {history:?}");
    if let Some(zones) = by_zones(history) {
        tally.by_zones += 1;
        assert_eq!(zones, truth, "zones: {history:?}");
    }
    if Registers::of(history).call_count() == 0 {
        return;
    }
    let verdict = judge(history);
    assert_eq!(verdict.validity, truth, "{}: {history:?}", verdict.summary);
    if truth == Validity::Invalid {
        tally.invalid += 1;
        assert!(!verdict.anomalies.is_empty());
    } else {
        tally.valid += 1;
        certify(history);
    }
}

/// A valid history has a certificate, and taking any operation that succeeded out of it spoils it.
fn certify(history: &History) {
    let certificate = Linearizable.certify(history, &Budget::default());
    let certificate = certificate.unwrap_or_else(|verdict| panic!("{verdict:?} of {history:?}"));
    assert_eq!(certificate.verify(history), Ok(()));
    let Certificate::Linearization(mut orders) = certificate else {
        panic!("{certificate:?} is no order of registers")
    };
    let succeeded = |id: &OpId| history.operation(*id).outcome == schism_history::Outcome::Ok;
    if let Some(object) = orders.iter_mut().find(|it| it.order.iter().any(succeeded)) {
        object.order.retain(|id| !succeeded(id));
        let spoiled = Certificate::Linearization(orders);
        assert!(spoiled.verify(history).is_err(), "{history:?}");
    }
}

#[derive(Debug, Default)]
struct Tally {
    valid: usize,
    invalid: usize,
    by_zones: usize,
}

#[test]
fn every_method_agrees_with_the_search_over_all_orders() {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let mut tally = Tally::default();
    for _ in 0..20_000 {
        cross_check(&arbitrary(&mut rng), &mut tally);
    }
    assert!(
        tally.valid > 3_000 && tally.invalid > 3_000 && tally.by_zones > 3_000,
        "{tally:?}"
    );
}

/// Removing any one operation of a proof, and the reads of what it wrote, leaves operations that an order explains.
#[test]
fn proofs_are_minimal() {
    let mut rng = Pcg64Mcg::seed_from_u64(2);
    let mut proofs = 0;
    for round in 0..2_000 {
        let history = if round % 2 == 0 {
            arbitrary(&mut rng)
        } else {
            let mut events = generate::register(&clients(&mut rng), &mut rng);
            mutate(&mut events, 2, &mut rng);
            generate::history(events)
        };
        let verdict = Linearizable.check(&history, &Budget::default());
        for anomaly in &verdict.anomalies {
            // Those that found a value from nowhere are proved by one operation; the other one is there to explain.
            let from_nowhere = ["never-written", "read-before-write", "failed-write-read"];
            // Here operations count only in part.
            let in_part = anomaly
                .steps
                .iter()
                .any(|step| step.operation.is_none() || step.text.contains(" by compare-and-set"));
            if in_part || from_nowhere.contains(&anomaly.name) {
                continue;
            }
            proofs += 1;
            for &without in &anomaly.operations {
                let gone = history.operation(without);
                let rest = anomaly.operations.iter().copied().filter(|&id| {
                    let op = history.operation(id);
                    id != without && (*op.f() != F::Read || op.output() != written(&gone))
                });
                let answer = all_orders::search(&history, &Witness::registers(rest), 1_000_000);
                assert!(
                    !matches!(answer, Answer::NoOrder(_)),
                    "{without} is not needed in {anomaly:?} of {history:?}"
                );
            }
        }
    }
    assert!(proofs > 100, "{proofs}");
}

fn written<'h>(op: &schism_history::Operation<'h>) -> &'h Value {
    const NOTHING: &Value = &Value::Bool(true);
    match (op.f(), op.input().as_pair()) {
        (F::Write, _) => op.input(),
        (F::Cas, Some((_, new))) => new,
        _ => NOTHING,
    }
}

#[test]
fn perfect_registers_pass_and_changed_reads_are_found() {
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let mut tally = Tally::default();
    for round in 0..1_500 {
        let clients = clients(&mut rng);
        let mut events = generate::register(&clients, &mut rng);
        let changed = round % 3 != 0 && mutate(&mut events, 2, &mut rng);
        let history = generate::history(events);
        let verdict = judge(&history);
        if !changed {
            assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        }
        assert_eq!(by_search(&history), verdict.validity);
        if let Some(zones) = by_zones(&history) {
            tally.by_zones += 1;
            assert_eq!(zones, verdict.validity);
        }
        match verdict.validity {
            Validity::Valid => {
                tally.valid += 1;
                certify(&history);
            }
            Validity::Invalid => tally.invalid += 1,
            Validity::Unknown => panic!("{}", verdict.summary),
        }
    }
    assert!(
        tally.valid > 500 && tally.invalid > 500 && tally.by_zones > 500,
        "{tally:?}"
    );
}

/// Other names for keys and values, other processes, another beginning: nothing of that changes the verdict.
#[test]
fn names_and_the_clocks_zero_do_not_matter() {
    let mut rng = Pcg64Mcg::seed_from_u64(4);
    for _ in 0..300 {
        let clients = clients(&mut rng);
        let mut events = generate::register(&clients, &mut rng);
        mutate(&mut events, 1, &mut rng);
        let renamed = events.iter().map(renamed).collect();
        let (before, after) = (
            judge(&generate::history(events)),
            judge(&generate::history(renamed)),
        );
        assert_eq!(before.validity, after.validity);
        assert_eq!(before.anomaly_count, after.anomaly_count);
        let operations = |verdict: &Verdict| -> Vec<Vec<OpId>> {
            let anomalies = verdict.anomalies.iter();
            anomalies
                .map(|anomaly| anomaly.operations.clone())
                .collect()
        };
        assert_eq!(operations(&before), operations(&after));
    }
}

fn renamed(event: &Event) -> Event {
    fn name(value: &Value) -> Value {
        match value {
            Value::Int(n) => Value::from(format!("v{}", 1_000 - n)),
            Value::List(items) => Value::list(items.iter().map(name)),
            other => other.clone(),
        }
    }
    let number = event.process.number().unwrap();
    Event {
        process: Process::client(5_000 - number),
        key: name(&event.key),
        value: name(&event.value),
        time: event.time + std::time::Duration::from_secs(1_000),
        ..event.clone()
    }
}

/// The search over all orders itself, against nothing but permutations.
#[test]
fn the_search_over_all_orders_tries_every_permutation() {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let mut valid = 0;
    for _ in 0..1_000 {
        let history = arbitrary(&mut rng);
        let happened: Vec<OpId> = history
            .operations()
            .filter(|op| op.outcome != schism_history::Outcome::Fail)
            .filter(|op| *op.f() != F::Read || op.outcome == schism_history::Outcome::Ok)
            .map(|op| op.id)
            .collect();
        if happened.len() > 5 {
            continue;
        }
        let explained = some_permutation_explains(&history, &mut Vec::new(), &happened);
        let expected = if explained {
            Validity::Valid
        } else {
            Validity::Invalid
        };
        assert_eq!(by_all_orders(&history), expected, "{history:?}");
        valid += usize::from(explained);
    }
    assert!(valid > 200, "{valid}");
}

fn some_permutation_explains(history: &History, order: &mut Vec<OpId>, left: &[OpId]) -> bool {
    let certain = |id: &&OpId| history.operation(**id).outcome == schism_history::Outcome::Ok;
    if left.iter().filter(certain).count() == 0 && explains(history, order) {
        return true;
    }
    left.iter().any(|&next| {
        let rest: Vec<OpId> = left.iter().copied().filter(|&id| id != next).collect();
        order.push(next);
        let found = some_permutation_explains(history, order, &rest);
        order.pop();
        found
    })
}

/// Whether the order respects real time and gives every operation what it found.
fn explains(history: &History, order: &[OpId]) -> bool {
    let mut held = &Value::Nil;
    for (place, &id) in order.iter().enumerate() {
        let op = history.operation(id);
        let too_late = |later: &OpId| history.operation(*later).end() < op.invoked;
        if order[place..].iter().any(too_late) {
            return false;
        }
        let refused = *op.output() == Value::Bool(false);
        match (op.f(), op.input().as_pair()) {
            (F::Read, _) if op.output() == held => {}
            (F::Write, _) => held = op.input(),
            (F::Cas, Some((old, _))) if refused && op.outcome == schism_history::Outcome::Ok => {
                if old == held {
                    return false;
                }
            }
            (F::Cas, Some((old, new))) if old == held => held = new,
            _ => return false,
        }
    }
    true
}

/// The database's own numbers decide keys whose values repeat; wrong ones do no harm, and neither do missing ones.
#[test]
fn revisions_help_and_never_mislead() {
    let mut rng = Pcg64Mcg::seed_from_u64(8);
    let (mut by_revision, mut invalid) = (0, 0);
    for round in 0..600 {
        let clients = Clients {
            revisions: true,
            values: 4,
            unknown: [0, 10][round % 2],
            ..clients(&mut rng)
        };
        let mut events = generate::register(&clients, &mut rng);
        match round % 3 {
            0 => {}
            1 => renumber(&mut events, 2, &mut rng),
            _ => {
                mutate(&mut events, 2, &mut rng);
            }
        }
        let with = generate::history(events.clone());
        for event in &mut events {
            event.revision = None;
        }
        let (verdict, without) = (judge(&with), judge(&generate::history(events)));
        assert_eq!(verdict.validity, without.validity);
        invalid += usize::from(verdict.validity == Validity::Invalid);
        if verdict.validity == Validity::Valid {
            certify(&with);
        }
        let figure = verdict.figures.get("keys_by_revision");
        by_revision += figure.and_then(Value::as_int).unwrap_or(0);
    }
    assert!(by_revision > 200 && invalid > 50, "{by_revision} {invalid}");
}

#[test]
fn the_verdict_is_the_same_on_any_number_of_threads() {
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let clients = Clients {
        concurrency: 6,
        operations: 2_000,
        keys: 20,
        values: 5,
        writes: 40,
        cas: 20,
        unknown: 5,
        revisions: false,
        longest: 1_000,
    };
    let mut events = generate::register(&clients, &mut rng);
    mutate(&mut events, 3, &mut rng);
    let history = generate::history(events);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let verdict = pool.install(|| Linearizable.check(&history, &Budget::default()));
        serde_json::to_string(&verdict).unwrap()
    };
    assert_eq!(on(1), on(3));
}
