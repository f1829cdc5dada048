//! Transactions on lists.

use super::*;

fn step(name: &str, key: &str, value: Value) -> Value {
    Value::list([Value::from(name), key.into(), value])
}

/// Transactions on two lists that take effect one after the other; some reads are stale, if `stale`.
fn lists(rng: &mut Pcg64Mcg, stale: bool) -> Vec<Event> {
    let mut held: [Vec<i64>; 2] = Default::default();
    concurrent(12, rng, |happens, number, rng| {
        let (mut asked, mut told) = (Vec::new(), Vec::new());
        let mut here = held.clone();
        for i in 0..rng.random_range(1..4) {
            let place = rng.random_range(0..2);
            let key = ["x", "y"][place];
            if rng.random_bool(0.5) {
                let element = number * 10 + i;
                here[place].push(element);
                let append = step("append", key, element.into());
                asked.push(append.clone());
                told.push(append);
            } else {
                let mut read = here[place].clone();
                if stale && rng.random_range(0..4) == 0 {
                    read.truncate(rng.random_range(0..=read.len()));
                }
                let read = read.into_iter();
                asked.push(step("r", key, Value::Nil));
                told.push(step("r", key, Value::list(read)));
            }
        }
        if happens {
            held = here;
        }
        Called {
            f: F::Txn,
            key: Value::Nil,
            input: Value::list(asked),
            output: Value::list(told),
        }
    })
}

fn seeds() -> u64 {
    if cfg!(debug_assertions) { 100 } else { 10_000 }
}

#[test]
fn cycles_are_told_as_soon_as_the_checker_can() {
    let (mut found, mut late) = (0, 0);
    for seed in 0..seeds() {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let events = lists(&mut rng, true);
        match (
            offline("list-append", &events),
            online("list-append", &events),
        ) {
            (Some(offline), Some(online)) => {
                assert!(online >= offline, "{seed}: {online} {offline} {events:?}");
                found += 1;
                late += usize::from(online > offline + 1);
            }
            (None, Some(online)) => panic!("{seed}: {online} {events:?}"),
            (Some(at), None) => panic!("{seed}: {at} {events:?}"),
            (None, None) => {}
        }
    }
    assert!(found > 15 && late * 10 < found, "{found} {late}");
}

#[test]
fn serial_transactions_pass() {
    for seed in 0..seeds() {
        let events = lists(&mut Pcg64Mcg::seed_from_u64(seed), false);
        for name in ["list-append", "list-order"] {
            assert_eq!(online(name, &events), None, "{name} {seed}: {events:?}");
        }
    }
}

#[test]
fn write_skew_is_told_by_whom_it_concerns() {
    let txn = |process, steps: Vec<Value>| {
        let asked = steps.iter().map(|step| match step.as_list() {
            Some([name, key, _]) if *name == Value::from("r") => {
                Value::list([name.clone(), key.clone(), Value::Nil])
            }
            _ => step.clone(),
        });
        (
            process,
            "txn",
            Value::Nil,
            Value::list(asked),
            Value::list(steps),
        )
    };
    let read = |key, of: &[i64]| step("r", key, Value::list(of.iter().copied()));
    let append = |key, element: i64| step("append", key, element.into());
    let mut calls = vec![
        txn(0, vec![read("x", &[]), append("y", 1)]),
        txn(1, vec![read("y", &[]), append("x", 1)]),
        txn(2, vec![read("x", &[1])]),
        txn(2, vec![read("y", &[1])]),
    ];
    let events = one_by_one(&calls);
    // Nobody has read them yet: they come after what was read.
    assert_eq!(online("list-append", &events), Some(4));
    assert_eq!(offline("list-append", &events), Some(4));
    // Each read fits the others.
    assert_eq!(online("list-order", &events), None);
    calls[1].4 = Value::list([read("y", &[1]), append("x", 1)]);
    let events = one_by_one(&calls);
    assert_eq!(online("list-append", &events), None);
}
