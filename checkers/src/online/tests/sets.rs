//! Sets.

use super::*;

fn elements(of: impl IntoIterator<Item = i64>) -> Value {
    Value::list(of)
}

/// A set that is added to and read; some reads are not what it held, if `wrong`.
fn set(rng: &mut Pcg64Mcg, wrong: bool, removals: bool, contains: bool) -> Vec<Event> {
    let mut held: Vec<i64> = Vec::new();
    let mut all: Vec<i64> = Vec::new();
    let added = one_by_one(&[(90, "add", "s".into(), (-1).into(), (-1).into())]);
    held.push(-1);
    let events = concurrent(14, rng, |happens, number, rng| {
        let die = rng.random_range(0..10);
        let old = all.get(rng.random_range(0..=all.len())).copied();
        let (f, input, output) = if die < 4 {
            // Some add what others have added, or failed to.
            let element = old
                .filter(|_| rng.random_range(0..6) == 0)
                .unwrap_or(number);
            all.push(element);
            if happens && !held.contains(&element) {
                held.push(element);
            }
            (F::Add, element.into(), element.into())
        } else if die == 4 && removals {
            let element = old.unwrap_or(0);
            held.retain(|&other| other != element);
            (F::Remove, element.into(), element.into())
        } else if die < 6 && contains {
            let element = old.unwrap_or(number);
            let there = held.contains(&element) != (wrong && rng.random_range(0..6) == 0);
            (F::from("contains"), element.into(), there.into())
        } else {
            let mut read = held.clone();
            if wrong && rng.random_range(0..4) == 0 {
                match rng.random_range(0..4) {
                    0 => read.push(number + 3),
                    1 => read.extend(old),
                    _ if read.is_empty() => {}
                    2 => {
                        read.swap_remove(rng.random_range(0..read.len()));
                    }
                    _ => read.truncate(rng.random_range(0..read.len())),
                }
            }
            (F::Read, Value::Nil, elements(read))
        };
        Called {
            f,
            key: "s".into(),
            input,
            output,
        }
    });
    // Somebody has added something before all else: it is a set.
    let later = events.into_iter().map(|mut event| {
        event.time = Time::from_nanos(event.time.as_nanos() + 2);
        event
    });
    added.into_iter().chain(later).collect()
}

fn seeds() -> u64 {
    if cfg!(debug_assertions) { 60 } else { 5_000 }
}

#[test]
fn growing_sets_are_judged_as_soon_as_the_checker_can() {
    let (mut found, mut late, mut fine) = (0, 0, 0);
    for seed in 0..seeds() {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let contains = rng.random_bool(0.3);
        let events = set(&mut rng, true, false, contains);
        match (
            offline("linearizable", &events),
            online("linearizable", &events),
        ) {
            (None, None) => fine += 1,
            (Some(offline), Some(online)) => {
                assert!(online >= offline, "{seed}: {online} {offline} {events:?}");
                found += 1;
                // What nobody has added is told once time has gone on.
                let mut until = events[offline - 1..online - 1].iter();
                if !until
                    .clone()
                    .all(|event| event.time == events[offline - 1].time)
                {
                    for e in &events[..online] {
                        eprintln!("{e:?}");
                    }
                    eprintln!("{offline} {online}");
                }
                late += usize::from(!until.all(|event| event.time == events[offline - 1].time));
            }
            (Some(offline), None) => panic!("{seed}: {offline} {events:?}"),
            (None, Some(online)) => panic!("{seed}: {online} {events:?}"),
        }
    }
    assert!(
        found > 10 && fine > 10 && late == 0,
        "{found} {late} {fine}"
    );
}

#[test]
fn right_sets_pass() {
    for name in ["linearizable", "lost-updates", "set-full"] {
        for seed in 0..seeds() {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let (removals, contains) = (rng.random_bool(0.3), rng.random_bool(0.3));
            let events = set(&mut rng, false, removals, contains);
            assert_eq!(online(name, &events), None, "{name} {seed}: {events:?}");
        }
    }
}

#[test]
fn elements_are_never_judged_too_harshly() {
    for name in ["lost-updates", "set-full"] {
        let shape = |rng: &mut Pcg64Mcg| {
            let removals = rng.random_bool(0.3);
            let mut events = set(rng, true, removals, false);
            // The reads before the last word are not the checker's business, and its last word is not the judge's.
            events.retain(|event| event.f != F::from("contains"));
            events
        };
        let mut rng = Pcg64Mcg::seed_from_u64(34);
        let mut found = 0;
        for _ in 0..seeds() {
            let events = shape(&mut rng);
            let (offline, online) = (offline(name, &events), online(name, &events));
            if let Some(online) = online {
                assert!(
                    offline.is_some_and(|offline| offline <= online),
                    "{name}: {offline:?} {online} {events:?}"
                );
                found += 1;
            }
        }
        assert!(found > 8, "{name}: {found}");
    }
}

#[test]
fn each_kind_of_wrong_read_is_told_at_once() {
    let add = |process, element: i64| (process, "add", "s".into(), element.into(), element.into());
    let read = |process, of: &[i64]| {
        (
            process,
            "read",
            "s".into(),
            Value::Nil,
            elements(of.iter().copied()),
        )
    };
    for (calls, linearizable, at, contents) in [
        // Lost, although it had been acknowledged.
        (vec![add(0, 1), add(0, 2), read(1, &[1])], Some(6), 6, None),
        // Seen, and then not.
        (
            vec![add(0, 1), read(1, &[1]), read(2, &[])],
            Some(6),
            6,
            None,
        ),
        // Nobody has added it: that is certain once time has gone on.
        (
            vec![add(0, 1), read(1, &[1, 7]), read(1, &[1])],
            Some(5),
            4,
            Some(5),
        ),
        (vec![add(0, 1), read(1, &[1, 1])], Some(4), 4, Some(4)),
        (vec![add(0, 1), read(1, &[1])], None, 0, None),
    ] {
        let events = one_by_one(&calls);
        assert_eq!(online("linearizable", &events), linearizable, "{events:?}");
        assert_eq!(
            offline("linearizable", &events).unwrap_or(0),
            at,
            "{events:?}"
        );
        for name in ["lost-updates", "set-full"] {
            assert_eq!(online(name, &events), contents, "{name}: {events:?}");
        }
    }
}
