use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use schism_history::{Process, Time};

use super::*;

const TURN: Turn = Turn {
    worker: 0,
    workers: 1,
    operations: 0,
};
const ALL: [Capability; 2] = [Capability::Registers, Capability::CompareAndSet];

fn draw(register: &mut Register, count: usize) -> Vec<Invocation> {
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    (0..count).map(|_| register.draw(&TURN, &mut rng)).collect()
}

fn completion(call: &Invocation, kind: Kind) -> Event {
    Event::new(Time::ZERO, Process::client(0), kind, call.f.clone())
        .key(call.key.clone())
        .value(call.value.clone())
}

#[test]
fn functions_are_drawn_by_weight() {
    let mut register = Register::new(&Options::default(), &ALL);
    let mut counts = BTreeMap::new();
    for call in draw(&mut register, 100_000) {
        *counts.entry(call.f).or_insert(0_u32) += 1;
    }
    for (f, expected) in [(F::Read, 50_000), (F::Write, 30_000), (F::Cas, 20_000)] {
        assert!(counts[&f].abs_diff(expected) < 1000, "{counts:?}");
    }
}

#[test]
fn compare_and_set_is_drawn_where_it_is_offered_and_needed_where_it_is_asked_for() {
    let only = [Capability::Registers];
    let mut register = Register::new(&Options::default(), &only);
    assert_eq!(register.needs(), only);
    assert!(
        draw(&mut register, 1000)
            .iter()
            .all(|call| call.f != F::Cas)
    );
    let asked = |weight| Options {
        cas: Within::new(weight),
        ..Options::default()
    };
    assert_eq!(Register::new(&asked(1), &only).needs(), ALL);
    assert_eq!(Register::new(&asked(0), &ALL).needs(), only);
    assert_eq!(asked(1).needs(), ALL);
}

#[test]
fn unique_values_are_written_once() {
    let mut register = Register::new(&Options::default(), &ALL);
    let mut written = BTreeSet::new();
    for call in draw(&mut register, 50_000) {
        let value = match call.f {
            F::Write => call.value,
            F::Cas => call.value.as_pair().unwrap().1.clone(),
            _ => continue,
        };
        assert!(written.insert(value));
    }
}

#[test]
fn a_small_range_is_used_up_and_not_left() {
    let options = Options {
        values: Values::UpTo(Within::clamped(5)),
        ..Options::default()
    };
    let mut register = Register::new(&options, &ALL);
    let values: BTreeSet<Value> = draw(&mut register, 1000)
        .into_iter()
        .flat_map(|call| match call.f {
            F::Write => vec![call.value],
            F::Cas => call.value.as_list().unwrap().to_vec(),
            _ => vec![],
        })
        .collect();
    assert_eq!(values, (1..=5).map(Value::from).collect());
    assert!(!register.checkers().contains(&"staleness"));
}

#[test]
fn keys_end_after_their_operations_and_new_ones_come() {
    let options = Options {
        keys: Within::clamped(3),
        ops_per_key: Within::clamped(100),
        ..Options::default()
    };
    let mut register = Register::new(&options, &ALL);
    let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
    for call in draw(&mut register, 10_000) {
        let key = call.key.as_int().unwrap();
        *counts.entry(key).or_default() += 1;
        // A key that was left is never used again: at most three keys have operations left.
        let open = counts.values().filter(|count| **count < 90).count();
        assert!(open <= 3, "{counts:?}");
    }
    assert!((90..=110).contains(&counts.len()), "{counts:?}");
    assert!(counts.values().all(|count| *count <= 110), "{counts:?}");
}

#[test]
fn a_key_in_doubt_is_read_next_and_left_when_doubts_pile_up() {
    let options = Options {
        keys: Within::clamped(1),
        ..Options::default()
    };
    let mut register = Register::new(&options, &ALL);
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let first = register.draw(&TURN, &mut rng).key;
    let mut writes = 0;
    while writes < UNKNOWN_PER_KEY {
        let call = register.draw(&TURN, &mut rng);
        assert_eq!(call.key, first);
        if call.f == F::Read {
            // A read in doubt is no doubt about the key.
            register.saw(&completion(&call, Kind::Info));
            continue;
        }
        writes += 1;
        register.saw(&completion(&call, Kind::Info));
        let next = register.draw(&TURN, &mut rng);
        assert_eq!(next, Invocation::new(F::Read, first.clone(), Value::Nil));
    }
    let next = register.draw(&TURN, &mut rng).key;
    assert_ne!(next, first);
    // The late answers of a key that was left change nothing.
    let late = Invocation::new(F::Write, first.clone(), 1);
    register.saw(&completion(&late, Kind::Info));
    assert_eq!(register.draw(&TURN, &mut rng).key, next);
    let finals: Vec<Value> = register
        .final_reads()
        .into_iter()
        .map(|call| call.key)
        .collect();
    assert_eq!(finals, [first, next]);
}

#[test]
fn the_doubts_that_wait_are_bounded() {
    let mut register = Register::new(&Options::default(), &ALL);
    draw(&mut register, 1);
    for _ in 0..10 * DOUBTS {
        register.saw(&completion(&Invocation::new(F::Write, 0, 1), Kind::Info));
    }
    assert_eq!(register.doubts.len(), DOUBTS);
}

#[test]
fn compare_and_set_expects_what_was_seen_last() {
    let options = Options {
        keys: Within::clamped(1),
        ..Options::default()
    };
    let mut register = Register::new(&options, &ALL);
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let mut latest = Value::Nil;
    let mut swaps = 0;
    for _ in 0..200 {
        let call = register.draw(&TURN, &mut rng);
        let seen = match call.f {
            F::Cas => {
                swaps += 1;
                let (old, new) = call.value.as_pair().unwrap();
                assert_eq!(*old, latest);
                new.clone()
            }
            F::Write => call.value.clone(),
            _ => latest.clone(),
        };
        let mut event = completion(&call, Kind::Ok);
        if call.f == F::Read {
            event.value = seen.clone();
        }
        register.saw(&event);
        latest = seen;
    }
    assert!(swaps > 10);
}

#[test]
fn final_reads_are_bounded_and_have_the_last_keys() {
    let options = Options {
        keys: Within::clamped(10),
        ops_per_key: Within::clamped(2),
        ..Options::default()
    };
    let mut register = Register::new(&options, &ALL);
    let last = draw(&mut register, 20_000).pop().unwrap().key;
    let keys: Vec<Value> = register
        .final_reads()
        .into_iter()
        .map(|call| call.key)
        .collect();
    assert_eq!(keys.len(), FINAL_KEYS);
    assert!(keys.contains(&last));
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), FINAL_KEYS);
}
