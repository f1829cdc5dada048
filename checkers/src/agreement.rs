//! What all checkers must agree on, whatever the history: what a perfect database did passes all of them, and what was
//! planted is found by those whose business it is.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, History, Kind, Process, Time, Value};

use crate::arbitrary::{arbitrary, clients, mutate, renumber};
use crate::{Budget, Validity, Verdict, by_name, generate};

fn verdict(name: &str, history: &History) -> Verdict {
    let verdict = by_name(name).unwrap().check(history, &Budget::default());
    assert_eq!(verdict.disagreement, None, "{name}: {history:?}");
    verdict
}

/// What clients of perfect lists and sets saw: transactions on three lists, additions to one set, and final reads of
/// everything from three nodes.
fn perfect(rng: &mut Pcg64Mcg) -> Vec<Event> {
    const WORKERS: usize = 4;
    let mut lists: Vec<Vec<Value>> = vec![Vec::new(); 3];
    let mut set: Vec<Value> = Vec::new();
    let mut events = vec![phase(1, "main")];
    let mut free = [1_u64; WORKERS];
    let mut process: Vec<u32> = (0..WORKERS as u32).collect();
    let mut now = 1;
    // In order of taking effect: each operation begins before that moment and ends after it.
    for next in 0..40 {
        now += rng.random_range(1..6);
        let worker = rng.random_range(0..WORKERS);
        if free[worker] >= now {
            continue;
        }
        let begin = rng.random_range(free[worker]..now);
        let end = now + rng.random_range(1..8);
        let kind = match rng.random_range(0..10) {
            0 => Kind::Info,
            1 => Kind::Fail,
            _ => Kind::Ok,
        };
        let happens = kind == Kind::Ok || (kind == Kind::Info && rng.random_bool(0.5));
        let (f, key, input, output) = match rng.random_range(0..6) {
            0 => (
                F::Read,
                Value::from("s"),
                Value::Nil,
                Value::list(set.clone()),
            ),
            1 => {
                if happens {
                    set.push(Value::from(next));
                }
                (
                    F::Add,
                    Value::from("s"),
                    Value::from(next),
                    Value::from(next),
                )
            }
            _ => {
                let (input, output) = transaction(&mut lists, next * 10, happens, rng);
                (F::Txn, Value::Nil, input, output)
            }
        };
        let event = |time, kind, value| {
            Event::new(
                Time::from_nanos(time),
                Process::client(process[worker]),
                kind,
                f.clone(),
            )
            .key(key.clone())
            .value(value)
            .node(format!("n{worker}"))
        };
        events.push(event(begin, Kind::Invoke, input.clone()));
        events.push(event(
            end,
            kind,
            if kind == Kind::Ok { output } else { input },
        ));
        free[worker] = end + 1;
        if kind == Kind::Info {
            process[worker] += WORKERS as u32;
        }
    }
    now += 20;
    events.push(phase(now, "final-reads"));
    for node in 0..3 {
        let reads: Vec<Value> = (0..3)
            .map(|key| read(key, &Value::list(lists[key].clone())))
            .collect();
        let asked: Vec<Value> = (0..3).map(|key| read(key, &Value::Nil)).collect();
        let calls = [
            (F::Txn, Value::Nil, Value::list(asked), Value::list(reads)),
            (
                F::Read,
                Value::from("s"),
                Value::Nil,
                Value::list(set.clone()),
            ),
        ];
        for (f, key, input, output) in calls {
            now += 5;
            let event = |time, kind, value| {
                Event::new(
                    Time::from_nanos(time),
                    Process::client(1_000 + node),
                    kind,
                    f.clone(),
                )
                .key(key.clone())
                .value(value)
                .node(format!("n{node}"))
            };
            events.push(event(now, Kind::Invoke, input));
            events.push(event(now + 2, Kind::Ok, output));
        }
    }
    events.sort_by_key(|event| event.time);
    events
}

fn phase(time: u64, name: &str) -> Event {
    Event::new(
        Time::from_nanos(time),
        Process::NEMESIS,
        Kind::Info,
        F::Phase,
    )
    .value(name)
}

fn read(key: usize, list: &Value) -> Value {
    Value::list([Value::from("r"), Value::from(key as i64), list.clone()])
}

/// One to three steps, as asked for and as answered.
fn transaction(
    lists: &mut [Vec<Value>],
    first: i64,
    happens: bool,
    rng: &mut Pcg64Mcg,
) -> (Value, Value) {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let mut after = lists.to_vec();
    for step in 0..rng.random_range(1..=3) {
        let key = rng.random_range(0..lists.len());
        if rng.random_bool(0.5) {
            asked.push(read(key, &Value::Nil));
            answered.push(read(key, &Value::list(after[key].clone())));
        } else {
            let element = Value::from(first + step);
            after[key].push(element.clone());
            let append = Value::list([Value::from("append"), Value::from(key as i64), element]);
            asked.push(append.clone());
            answered.push(append);
        }
    }
    if happens {
        lists.clone_from_slice(&after);
    }
    (Value::list(asked), Value::list(answered))
}

/// What a linearizable history keeps.
const GUARANTEES: [&str; 5] = [
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
    "lost-updates",
];

/// What perfect lists and sets pass.
const JUDGES: [&str; 6] = [
    "list-order",
    "lost-updates",
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
];

#[test]
fn perfect_lists_and_sets_pass() {
    let mut rng = Pcg64Mcg::seed_from_u64(10);
    let mut valid = [0; JUDGES.len()];
    for _ in 0..300 {
        let history = generate::history(perfect(&mut rng));
        for (judge, valid) in JUDGES.iter().zip(&mut valid) {
            let verdict = verdict(judge, &history);
            assert_ne!(
                verdict.validity,
                Validity::Invalid,
                "{}: {history:?}",
                verdict.summary
            );
            *valid += usize::from(verdict.validity == Validity::Valid);
        }
    }
    assert!(valid.iter().all(|&it| it > 200), "{valid:?}");
}

/// Changes what every read from some moment on saw of a list or of the set.
fn spoil(
    events: &mut [Event],
    from: usize,
    list: Option<i64>,
    change: &dyn Fn(&[Value]) -> Vec<Value>,
) {
    for event in events[from..]
        .iter_mut()
        .filter(|event| event.kind == Kind::Ok)
    {
        match (&event.f, list) {
            (F::Read, None) => {
                let items = change(event.value.as_list().unwrap());
                event.value = Value::list(items);
            }
            (F::Txn, Some(key)) => {
                let steps = event.value.as_list().unwrap().iter().map(|step| {
                    let parts = step.as_list().unwrap();
                    let ours = parts[0].as_text() == Some("r") && parts[1] == Value::from(key);
                    if ours {
                        read(
                            key as usize,
                            &Value::list(change(parts[2].as_list().unwrap())),
                        )
                    } else {
                        step.clone()
                    }
                });
                event.value = Value::list(steps.collect::<Vec<_>>());
            }
            _ => {}
        }
    }
}

/// The first acknowledged addition to the set, or append to the first list.
fn acknowledged(events: &[Event], set: bool) -> Option<Value> {
    let mut ok = events.iter().filter(|event| event.kind == Kind::Ok);
    ok.find_map(|event| match event.f {
        F::Add if set => Some(event.value.clone()),
        F::Txn if !set => event.value.as_list()?.iter().find_map(|step| {
            let [name, key, element] = step.as_list()? else {
                return None;
            };
            (name.as_text() == Some("append") && *key == Value::from(0)).then(|| element.clone())
        }),
        _ => None,
    })
}

#[test]
fn planted_faults_of_lists_and_sets_are_found() {
    let mut rng = Pcg64Mcg::seed_from_u64(11);
    let mut found = 0;
    for _ in 0..100 {
        let clean = perfect(&mut rng);
        let invalid =
            |judge: &str, set: bool, from: usize, change: &dyn Fn(&[Value]) -> Vec<Value>| {
                let mut events = clean.clone();
                spoil(&mut events, from, (!set).then_some(0), change);
                let verdict = verdict(judge, &generate::history(events));
                assert_eq!(
                    verdict.validity,
                    Validity::Invalid,
                    "{judge}: {}",
                    verdict.summary
                );
            };
        for set in [true, false] {
            let Some(element) = acknowledged(&clean, set) else {
                continue;
            };
            found += 1;
            let without = |items: &[Value]| {
                items
                    .iter()
                    .filter(|item| **item != element)
                    .cloned()
                    .collect()
            };
            let twice = |items: &[Value]| {
                let copy = items.iter().find(|item| **item == element);
                items.iter().chain(copy).cloned().collect()
            };
            let strange = |items: &[Value]| {
                items
                    .iter()
                    .cloned()
                    .chain([Value::from("strange")])
                    .collect()
            };
            invalid("lost-updates", set, 0, &without);
            invalid("lost-updates", set, 0, &twice);
            if set {
                invalid("lost-updates", set, 0, &strange);
            } else {
                invalid("list-order", set, 0, &twice);
                invalid("list-order", set, 0, &strange);
            }
        }
        // The node that is asked last of all shows the first list the other way round.
        let last = clean.len() - 4;
        let long = clean[last..].iter().any(|event| {
            event.f == F::Txn && event.kind == Kind::Ok && {
                let read = event.value.as_list().unwrap()[0].as_list().unwrap();
                read[2].as_list().unwrap().len() > 1
            }
        });
        if long {
            found += 1;
            let reversed = |items: &[Value]| items.iter().rev().cloned().collect();
            invalid("list-order", false, last, &reversed);
        }
    }
    assert!(found > 200, "{found}");
}

/// What is linearizable keeps every session guarantee and loses nothing; what breaks one of these is confirmed.
#[test]
fn linearizable_histories_keep_all_guarantees() {
    let mut rng = Pcg64Mcg::seed_from_u64(8);
    let mut broken = [0; GUARANTEES.len()];
    let mut kept = 0;
    for round in 0..6_000 {
        let clients = clients(&mut rng);
        let history = match round % 3 {
            0 => arbitrary(&mut rng),
            // Revisions say more than times, and a perfect register's are right.
            1 => generate::history(generate::register(&clients, &mut rng)),
            _ => {
                let clients = generate::Clients {
                    revisions: false,
                    ..clients
                };
                let mut events = generate::register(&clients, &mut rng);
                mutate(&mut events, 3, &mut rng);
                generate::history(events)
            }
        };
        let linearizable = verdict("linearizable", &history).validity;
        for (guarantee, broken) in GUARANTEES.iter().zip(&mut broken) {
            if verdict(guarantee, &history).validity == Validity::Invalid {
                assert_eq!(linearizable, Validity::Invalid, "{guarantee}: {history:?}");
                *broken += 1;
            }
        }
        kept += usize::from(linearizable == Validity::Valid);
    }
    assert!(
        kept > 500 && broken.iter().all(|&it| it > 5),
        "{kept} {broken:?}"
    );
}

/// Revisions in the wrong order break guarantees, and the search over all orders confirms each violation.
#[test]
fn wrong_revisions_are_confirmed() {
    let mut rng = Pcg64Mcg::seed_from_u64(12);
    let mut broken = 0;
    for round in 0..1_000 {
        let mut events = generate::register(&clients(&mut rng), &mut rng);
        if round % 2 == 0 {
            mutate(&mut events, 3, &mut rng);
        }
        renumber(&mut events, 2, &mut rng);
        let history = generate::history(events);
        for guarantee in GUARANTEES {
            broken += usize::from(verdict(guarantee, &history).validity == Validity::Invalid);
        }
    }
    assert!(broken > 200, "{broken}");
}
