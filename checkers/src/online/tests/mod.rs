//! What the online judges say, against what the checkers say about every beginning of the same events.

mod held;
mod sets;
mod transactions;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

use super::Online;
use crate::arbitrary::mutate;
use crate::generate::{self, Clients};
use crate::{Bank, Budget, Options, Validity, by_name};

/// After how many events the checker says `invalid` for the first time.
fn offline(checker: &str, events: &[Event]) -> Option<usize> {
    let checker = by_name(checker).unwrap();
    (1..=events.len()).find(|&end| {
        let history =
            History::from_events(Header::default(), events[..end].iter().cloned()).unwrap();
        checker.check(&history, &Budget::default()).validity == Validity::Invalid
    })
}

/// After how many events the online judge has a finding.
fn online(checker: &str, events: &[Event]) -> Option<usize> {
    let mut online = Online::of([checker]);
    for (i, event) in events.iter().enumerate() {
        if online.push(event).is_some() {
            return Some(i + 1);
        }
    }
    online.finish().map(|_| events.len() + 1)
}

fn clients(rng: &mut Pcg64Mcg) -> Clients {
    Clients {
        operations: 24,
        cas: 0,
        values: 0,
        revisions: false,
        ..crate::arbitrary::clients(rng)
    }
}

#[test]
fn registers_are_judged_at_the_same_event() {
    let mut rng = Pcg64Mcg::seed_from_u64(31);
    let (mut found, mut fine) = (0, 0);
    for _ in 0..if cfg!(debug_assertions) { 120 } else { 5_000 } {
        let mut events = generate::register(&clients(&mut rng), &mut rng);
        if rng.random_bool(0.7) {
            mutate(&mut events, 2, &mut rng);
        }
        let (offline, online) = (
            offline("linearizable", &events),
            online("linearizable", &events),
        );
        match (offline, online) {
            (None, None) => fine += 1,
            // A read of what nobody has written is told once time has gone on.
            (Some(offline), Some(online)) => {
                let later = events
                    .get(offline..online.saturating_sub(1))
                    .unwrap_or_default();
                let at = &events[offline - 1];
                let at_once = later.iter().all(|event| event.time == at.time);
                let writes = |event: &Event| event.key == at.key && event.f == F::Write;
                let unwritten = !events[..online - 1].iter().any(writes);
                assert!(
                    online == offline || (online > offline && (at_once || unwritten)),
                    "{offline} {online} {events:?}"
                );
                found += 1;
            }
            // What is read of a key that nobody ever writes is left to the checker.
            (Some(offline), None) => {
                let at = &events[offline - 1];
                let writes = |event: &Event| event.key == at.key && event.f == F::Write;
                assert!(!events.iter().any(writes), "{offline} {events:?}");
            }
            (None, Some(online)) => panic!("{online} {events:?}"),
        }
    }
    assert!(found > 20 && fine > 20, "{found} {fine}");
}

/// Never more than the checker says, and what it says, most of the time.
fn says_no_more(checker: &str, shape: impl Fn(&mut Pcg64Mcg) -> Vec<Event>, at_least: usize) {
    let mut rng = Pcg64Mcg::seed_from_u64(32);
    let (mut found, mut missed) = (0, 0);
    for _ in 0..if cfg!(debug_assertions) { 80 } else { 5_000 } {
        let events = shape(&mut rng);
        match (offline(checker, &events), online(checker, &events)) {
            (Some(offline), Some(online)) => {
                assert!(
                    online >= offline,
                    "{checker}: {online} {offline} {events:?}"
                );
                found += 1;
            }
            (None, Some(online)) => panic!("{checker}: {online} {events:?}"),
            (Some(_), None) => missed += 1,
            (None, None) => {}
        }
    }
    assert!(
        found >= at_least && missed <= found,
        "{checker}: {found} {missed}"
    );
}

#[test]
fn compare_and_sets_are_never_judged_too_harshly() {
    says_no_more(
        "linearizable",
        |rng| {
            let clients = Clients {
                cas: 30,
                ..clients(rng)
            };
            let mut events = generate::register(&clients, rng);
            mutate(&mut events, 2, rng);
            events
        },
        10,
    );
}

/// Whether something was read before it was sent.
fn reads_the_future(events: &[Event]) -> bool {
    events.iter().enumerate().any(|(i, event)| {
        let read = event.kind == Kind::Ok && event.f == F::Read;
        let sent = |other: &Event| {
            other.kind == Kind::Invoke && other.key == event.key && other.value == event.value
        };
        read && !event.value.is_nil() && !events[..i].iter().any(sent)
    })
}

#[test]
fn sessions_are_judged_at_the_same_event() {
    for checker in ["read-your-writes", "monotonic-reads"] {
        let mut rng = Pcg64Mcg::seed_from_u64(33);
        let mut found = 0;
        for _ in 0..if cfg!(debug_assertions) { 120 } else { 5_000 } {
            let mut events = generate::register(&clients(&mut rng), &mut rng);
            mutate(&mut events, 4, &mut rng);
            let (offline, online) = (offline(checker, &events), online(checker, &events));
            if reads_the_future(&events) {
                assert!(
                    online.is_none() || offline.is_some_and(|at| online >= Some(at)),
                    "{events:?}"
                );
            } else {
                assert_eq!(offline, online, "{checker}: {events:?}");
            }
            found += usize::from(online.is_some());
        }
        assert!(found > 10, "{checker}: {found}");
    }
}

#[test]
fn revisions_are_never_judged_too_harshly() {
    for checker in ["read-your-writes", "monotonic-reads"] {
        says_no_more(
            checker,
            |rng| {
                let clients = Clients {
                    revisions: true,
                    ..clients(rng)
                };
                let mut events = generate::register(&clients, rng);
                mutate(&mut events, 3, rng);
                events
            },
            2,
        );
    }
}

/// One operation, before it is known who calls it when.
struct Called {
    f: F,
    key: Value,
    input: Value,
    output: Value,
}

/// The events of a few clients at once; some calls fail, and some end unknown. `call` says what is called, in order of
/// effect: whether it takes effect is told, and a number that is used once.
fn concurrent(
    calls: usize,
    rng: &mut Pcg64Mcg,
    mut call: impl FnMut(bool, i64, &mut Pcg64Mcg) -> Called,
) -> Vec<Event> {
    let clients = rng.random_range(1..=4_u32);
    let mut free: Vec<(u64, u32)> = (0..clients).map(|client| (1, client)).collect();
    let mut drawn = Vec::new();
    for _ in 0..calls {
        let worker = rng.random_range(0..free.len());
        let (at, process) = free[worker];
        let invoked = at + rng.random_range(0..4);
        let end = invoked + rng.random_range(0..10);
        let (kind, effect) = match rng.random_range(0..16) {
            0 => (Kind::Fail, None),
            1 => (Kind::Info, None),
            2 => (Kind::Info, Some(invoked + rng.random_range(0..30))),
            _ => (Kind::Ok, Some(rng.random_range(invoked..=end))),
        };
        drawn.push((
            effect.unwrap_or(invoked),
            invoked,
            end,
            process,
            kind,
            effect.is_some(),
        ));
        let next = process + if kind == Kind::Info { clients } else { 0 };
        free[worker] = (end + 1, next);
    }
    drawn.sort_unstable_by_key(|&(effect, _, _, process, ..)| (effect, process));
    let mut events = Vec::new();
    for (number, (_, invoked, end, process, kind, happens)) in drawn.into_iter().enumerate() {
        let Called {
            f,
            key,
            input,
            output,
        } = call(happens, number as i64, rng);
        let event = |time, kind, value: &Value| {
            let event = Event::new(
                Time::from_nanos(time),
                Process::client(process),
                kind,
                f.clone(),
            );
            event.key(key.clone()).value(value.clone())
        };
        let output = if kind == Kind::Ok { &output } else { &input };
        events.push((invoked, 0, event(invoked, Kind::Invoke, &input)));
        events.push((end, 1, event(end, kind, output)));
    }
    events.sort_by_key(|&(time, order, _)| (time, order));
    events.into_iter().map(|(.., event)| event).collect()
}

/// Operations one after the other: what each was asked, and answered.
fn one_by_one(calls: &[(u32, &str, Value, Value, Value)]) -> Vec<Event> {
    let mut events = Vec::new();
    for (i, (process, f, key, input, output)) in calls.iter().enumerate() {
        for (kind, value, time) in [
            (Kind::Invoke, input, 2 * i + 1),
            (Kind::Ok, output, 2 * i + 2),
        ] {
            let time = Time::from_nanos(time as u64);
            let event = Event::new(time, Process::client(*process), kind, F::from(*f));
            events.push(event.key(key.clone()).value(value.clone()));
        }
    }
    events
}

#[test]
fn ids_counters_and_banks_are_judged() {
    let id = |id: i64| (0, "generate", Value::Nil, Value::Nil, Value::from(id));
    let ids = one_by_one(&[id(4), id(2), id(3), id(1), id(9), id(3)]);
    assert_eq!(online("unique-ids", &ids), Some(12));
    assert_eq!(offline("unique-ids", &ids), Some(12));
    let counter = one_by_one(&[
        (0, "add", "c".into(), 2.into(), Value::Nil),
        (1, "read", "c".into(), Value::Nil, 2.into()),
        (1, "add", "c".into(), (-1).into(), Value::Nil),
        (1, "read", "c".into(), Value::Nil, 3.into()),
    ]);
    assert_eq!(online("counter", &counter), Some(8));
    assert!(offline("counter", &counter).is_some_and(|at| at <= 8));
    let read = |a: i64, b: i64| {
        (
            0,
            "read",
            Value::Nil,
            Value::Nil,
            Value::map([("a", a), ("b", b)]),
        )
    };
    let bank = one_by_one(&[read(5, 5), read(6, 4), read(2, 8), read(5, 4)]);
    assert_eq!(online("bank", &bank), Some(8));
    assert_eq!(offline("bank", &bank), Some(8));
    let bank = one_by_one(&[read(5, 5), read(11, -1)]);
    assert_eq!(online("bank", &bank), Some(4));
    let allowed = Options {
        bank: Some(Bank {
            negative: true,
            ..Bank::default()
        }),
        ..Options::default()
    };
    let mut told = Online::told(["bank"], &allowed);
    assert!(bank.iter().all(|event| told.push(event).is_none()));
}

#[test]
fn lists_are_judged() {
    let txn = |process, steps: Vec<[Value; 3]>| {
        let value = Value::list(steps.into_iter().map(Value::list));
        (process, "txn", Value::Nil, value.clone(), value)
    };
    let append = |element: i64| {
        [
            Value::from("append"),
            Value::from("x"),
            Value::from(element),
        ]
    };
    let read = |list: &[i64]| {
        [
            Value::from("r"),
            Value::from("x"),
            Value::list(list.iter().copied()),
        ]
    };
    let events = |reads: &[&[i64]]| {
        let mut calls = vec![txn(0, vec![append(1)]), txn(0, vec![append(2)])];
        calls.extend(reads.iter().map(|list| txn(1, vec![read(list)])));
        one_by_one(&calls)
    };
    for (reads, at) in [
        (&[&[1, 2][..], &[1], &[1, 2]][..], None),
        (&[&[1, 2], &[2]], Some(8)),
        (&[&[1], &[1, 2, 1]], Some(8)),
        (&[&[1, 7]], Some(7)),
    ] {
        let events = events(reads);
        assert_eq!(online("list-order", &events), at, "{reads:?}");
        assert_eq!(
            offline("list-order", &events).is_some(),
            at.is_some(),
            "{reads:?}"
        );
    }
}
