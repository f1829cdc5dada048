//! Transactions on lists: against the definitions of the levels for all small histories, and planted anomalies.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Certificate, Checker, Level, ListAppend, Validity};
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

use crate::isolation::{LEVELS, Step, Txn, kept};
use crate::trial::trial;

/// A transaction and how it ended.
#[derive(Clone, Debug)]
struct Call {
    txn: Txn,
    kind: Kind,
}

fn history(calls: &[Call]) -> History {
    let steps = |call: &Call, told: bool| {
        let step = |step: &Step| match step {
            Step::Append(key, element) => {
                Value::list(["append".into(), (*key as i64).into(), Value::from(*element)])
            }
            Step::Read(key, list) => Value::list([
                "r".into(),
                (*key as i64).into(),
                if told {
                    Value::list(list.iter().copied())
                } else {
                    Value::Nil
                },
            ]),
        };
        Value::list(call.txn.steps.iter().map(step))
    };
    let mut events = Vec::new();
    for call in calls {
        let event = |time, kind, value| {
            let process = Process::client(call.txn.process);
            Event::new(Time::from_nanos(time), process, kind, F::Txn).value(value)
        };
        let begin = event(call.txn.invoked, Kind::Invoke, steps(call, false));
        events.push((call.txn.invoked, call.txn.process, 1, begin));
        let end = event(call.txn.end, call.kind, steps(call, call.kind == Kind::Ok));
        // A call may take no time: then it still begins before it ends.
        let after = if call.txn.end == call.txn.invoked {
            2
        } else {
            0
        };
        events.push((call.txn.end, call.txn.process, after, end));
    }
    events.sort_by_key(|&(time, process, order, _)| (time, order, process));
    History::from_events(
        Header::default(),
        events.into_iter().map(|(.., event)| event),
    )
    .unwrap_or_else(|(place, malformed)| panic!("event {place}: {malformed}"))
}

/// Compares with the definitions. What is refuted must be impossible, what is kept must be possible; and where nothing
/// is left open and every read is of a version, the judge says one of both.
fn agree(txns: &[Txn], keys: usize) {
    let calls: Vec<Call> = txns
        .iter()
        .map(|txn| Call {
            txn: txn.clone(),
            kind: Kind::Ok,
        })
        .collect();
    let history = history(&calls);
    let verdict = ListAppend::default().check(&history, &Budget::default());
    assert_eq!(verdict.disagreement, None, "{history:?}");
    if verdict.validity != Validity::Unknown {
        let certificate = ListAppend::default().certify(&history, &Budget::default());
        let is_serializable = verdict.validity == Validity::Valid;
        assert_eq!(certificate.is_ok(), is_serializable, "{history:?}");
        if let Ok(certificate) = certificate {
            assert_eq!(certificate.verify(&history), Ok(()));
            let Certificate::SerialOrder(order) = certificate else {
                panic!("{certificate:?} is no order of transactions")
            };
            let is_held = |held: &Level| held.implies(order.level);
            assert!(verdict.levels.held.iter().any(is_held), "{history:?}");
        }
    }
    let truth = kept(txns, keys);
    let names: Vec<&str> = (verdict.anomalies.iter().chain(&verdict.beyond_claim))
        .map(|anomaly| anomaly.name)
        .collect();
    for (&level, &truth) in LEVELS.iter().zip(&truth) {
        let levels = &verdict.levels;
        let refuted = levels.refuted.iter().any(|&weak| level.implies(weak));
        let held = levels.held.iter().any(|strong| strong.implies(level));
        assert!(
            !(refuted && truth),
            "{level} is refuted by {names:?}, but kept: {history:?}"
        );
        assert!(
            !held || truth,
            "{level} is said to be kept, but is not: {history:?} {names:?}"
        );
    }
    if verdict.validity == Validity::Unknown {
        // Nobody read, or the last writes leave a level open.
        return;
    }
    let serializable = LEVELS
        .iter()
        .position(|&level| level == Level::Serializable);
    let truth = serializable.is_some_and(|place| truth[place]);
    assert_eq!(
        verdict.validity == Validity::Valid,
        truth,
        "{history:?} {names:?}"
    );
}

/// The steps that a transaction may have, without what it reads: (key, whether it appends).
const SHAPES: [(usize, bool); 4] = [(0, true), (1, true), (0, false), (1, false)];

/// All lists of some of these elements, in any order.
fn lists(elements: &[u32]) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = vec![Vec::new()];
    let mut last = all.clone();
    while !last.is_empty() {
        let mut longer = Vec::new();
        for list in &last {
            for &element in elements.iter().filter(|element| !list.contains(element)) {
                let mut with = list.clone();
                with.push(element);
                longer.push(with);
            }
        }
        all.extend(longer.iter().cloned());
        last = longer;
    }
    all
}

/// Three transactions of two steps on two keys, each list that they may read, in three layouts of sessions and times.
#[test]
fn small_histories_agree_with_the_definitions() {
    // In debug builds, every so many-th of them.
    let every = if cfg!(debug_assertions) { 397 } else { 7 };
    let mut number = 0_u64;
    let mut judged = 0_u64;
    for shape in 0..4_usize.pow(6) {
        let steps: Vec<(usize, bool)> = (0..6).map(|i| SHAPES[shape >> (2 * i) & 3]).collect();
        let elements: Vec<Vec<u32>> = (0..2)
            .map(|key| {
                let appends = steps.iter().enumerate();
                let own = appends.filter(|(_, step)| **step == (key, true));
                own.map(|(i, _)| i as u32 + 1).collect()
            })
            .collect();
        let choices: Vec<Vec<Vec<u32>>> = steps
            .iter()
            .map(|&(key, appends)| {
                if appends {
                    vec![Vec::new()]
                } else {
                    lists(&elements[key])
                }
            })
            .collect();
        let count: u64 = choices.iter().map(|choice| choice.len() as u64).product();
        for choice in 0..count {
            number += 1;
            if !number.is_multiple_of(every) {
                continue;
            }
            judged += 1;
            let mut rest = choice;
            let mut made =
                steps
                    .iter()
                    .zip(&choices)
                    .enumerate()
                    .map(|(i, (&(key, appends), lists))| {
                        let list = &lists[(rest % lists.len() as u64) as usize];
                        rest /= lists.len() as u64;
                        if appends {
                            Step::Append(key, i as u32 + 1)
                        } else {
                            Step::Read(key, list.clone())
                        }
                    });
            let txns: Vec<Txn> = (0..3_u32)
                .map(|t| {
                    let layout = (number / every) % 4;
                    let (process, invoked, end) = match layout {
                        // All at once; two sessions; one after the other; the last one after the others.
                        0 => (t, 0, 10),
                        1 => (
                            t / 2,
                            u64::from(t % 2) * 10,
                            u64::from(t % 2) * 10 + 10 - u64::from(t == 0),
                        ),
                        2 => (t, u64::from(t) * 10, u64::from(t) * 10 + 5),
                        _ => (t, u64::from(t / 2) * 10, u64::from(t / 2) * 10 + 5),
                    };
                    Txn {
                        process,
                        invoked,
                        end,
                        steps: made.by_ref().take(2).collect(),
                    }
                })
                .collect();
            agree(&txns, 2);
        }
    }
    assert!(judged > 1_000, "{judged}");
}

/// Larger ones, drawn: four transactions whose reads are mostly beginnings of one order.
#[test]
fn drawn_histories_agree_with_the_definitions() {
    let seeds = if cfg!(debug_assertions) { 300 } else { 20_000 };
    for seed in 0..seeds {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let txns = drawn(&mut rng, 4, 3);
        agree(&txns, 3);
    }
}

fn drawn(rng: &mut impl Rng, count: u32, keys: usize) -> Vec<Txn> {
    let mut elements: Vec<Vec<u32>> = vec![Vec::new(); keys];
    let mut next = 0;
    let mut txns: Vec<Txn> = (0..count)
        .map(|t| {
            let process = rng.random_range(0..count);
            let steps = (0..rng.random_range(1..4))
                .map(|_| {
                    let key = rng.random_range(0..keys);
                    if rng.random_bool(0.5) {
                        next += 1;
                        elements[key].push(next);
                        Step::Append(key, next)
                    } else {
                        Step::Read(key, Vec::new())
                    }
                })
                .collect();
            let invoked = u64::from(t) * 10;
            Txn {
                process,
                invoked,
                end: invoked + rng.random_range(1..40),
                steps,
            }
        })
        .collect();
    for txn in &mut txns {
        let mut own: Vec<Vec<u32>> = vec![Vec::new(); keys];
        for step in &mut txn.steps {
            match step {
                Step::Append(key, element) => own[*key].push(*element),
                Step::Read(key, list) => {
                    let others: Vec<u32> = (elements[*key].iter().copied())
                        .filter(|element| !own[*key].contains(element))
                        .collect();
                    let seen = rng.random_range(0..=others.len());
                    *list = others[..seen].to_vec();
                    list.extend(&own[*key]);
                }
            }
        }
    }
    // A session does one thing after the other.
    for i in 1..txns.len() {
        let session = txns[i].process;
        let before = txns[..i].iter().filter(|txn| txn.process == session);
        let free = before.map(|txn| txn.end + 1).max().unwrap_or(0);
        let late = free.saturating_sub(txns[i].invoked);
        txns[i].invoked += late;
        txns[i].end += late;
    }
    txns
}

/// Transactions of concurrent clients, serializable in the order of their times by construction; some fail, some are of
/// unknown outcome and half of those happened.
fn serial(rng: &mut impl Rng, clients: u32, count: u32, keys: usize) -> Vec<Call> {
    let mut free: Vec<(u64, u32)> = (0..clients).map(|client| (0, client)).collect();
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); keys];
    let mut calls: Vec<(u64, Call, bool)> = (0..count)
        .map(|_| {
            let worker = rng.random_range(0..free.len());
            let (at, process) = free[worker];
            let invoked = at + rng.random_range(1..10);
            let end = invoked + rng.random_range(1..30);
            let moment = rng.random_range(invoked..=end);
            let (kind, happens) = match rng.random_range(0..30) {
                0 => (Kind::Fail, false),
                1 => (Kind::Info, rng.random_bool(0.5)),
                _ => (Kind::Ok, true),
            };
            let next = process + if kind == Kind::Info { clients } else { 0 };
            free[worker] = (end + 1, next);
            let steps = (0..rng.random_range(1..5))
                .map(|_| {
                    let key = rng.random_range(0..keys);
                    if rng.random_bool(0.5) {
                        Step::Append(key, 0)
                    } else {
                        Step::Read(key, Vec::new())
                    }
                })
                .collect();
            let txn = Txn {
                process,
                invoked,
                end,
                steps,
            };
            (moment, Call { txn, kind }, happens)
        })
        .collect();
    calls.sort_by_key(|(moment, call, _)| (*moment, call.txn.process));
    let mut next = 0;
    for (_, call, happens) in &mut calls {
        let before = lists.clone();
        for step in &mut call.txn.steps {
            match step {
                Step::Append(key, element) => {
                    next += 1;
                    *element = next;
                    lists[*key].push(next);
                }
                Step::Read(key, list) => list.clone_from(&lists[*key]),
            }
        }
        if !*happens {
            lists = before;
        }
    }
    calls.into_iter().map(|(_, call, _)| call).collect()
}

/// Transactions of clients of their own, at the end, on keys of their own: what an anomaly is made of.
fn plant(calls: &mut Vec<Call>, rng: &mut impl Rng, all: &[(&[Step], Kind, u64)]) {
    let begin = calls.iter().map(|call| call.txn.end).max().unwrap_or(0) + 1;
    let first = calls.iter().map(|call| call.txn.process).max().unwrap_or(0) + 1;
    // Sometimes in the middle of the run.
    let begin = rng.random_range(0..=begin);
    for (i, &(steps, kind, later)) in all.iter().enumerate() {
        let invoked = begin + later;
        calls.push(Call {
            txn: Txn {
                process: first + i as u32,
                invoked,
                end: invoked + 5,
                steps: steps.to_vec(),
            },
            kind,
        });
    }
}

/// Histories with this anomaly planted, and the same without.
fn planted(kind: &str, claim: Level, anomaly: &[(&[Step], Kind, u64)]) {
    trial(&ListAppend { claim }, kind, |rng, is_planted| {
        let clients = rng.random_range(2..6);
        let count = rng.random_range(5..24);
        let mut calls = serial(rng, clients, count, 3);
        let mut own = rng.clone();
        if is_planted {
            plant(&mut calls, &mut own, anomaly);
        } else {
            // Something to read for sure.
            plant(
                &mut calls,
                &mut own,
                &[(&[Step::Read(99, Vec::new())], Kind::Ok, 0)],
            );
        }
        Some(history(&calls))
    });
}

#[test]
#[expect(
    clippy::many_single_char_names,
    reason = "x, y and z are keys, a and r append and read, as in the literature"
)]
fn planted_anomalies_are_found_by_name() {
    use Kind::{Fail, Info, Ok};
    let a = Step::Append;
    let r = |key: usize, list: &[u32]| Step::Read(key, list.to_vec());
    let (x, y, z) = (100, 101, 102);
    let strict = Level::StrictSerializable;
    let serializable = Level::Serializable;
    planted(
        "G0",
        serializable,
        &[
            (&[a(x, 1), a(y, 1)], Ok, 0),
            (&[a(x, 2), a(y, 2)], Ok, 0),
            (&[r(x, &[1, 2]), r(y, &[2, 1])], Ok, 9),
        ],
    );
    planted(
        "G1a",
        serializable,
        &[(&[a(x, 1)], Fail, 0), (&[r(x, &[1])], Ok, 0)],
    );
    planted(
        "G1b",
        serializable,
        &[(&[a(x, 1), a(x, 2)], Ok, 0), (&[r(x, &[1])], Ok, 0)],
    );
    planted(
        "G1c",
        serializable,
        &[
            (&[a(x, 1), r(y, &[1])], Ok, 0),
            (&[a(y, 1), r(x, &[1])], Ok, 0),
        ],
    );
    planted(
        "lost-update",
        serializable,
        &[
            (&[r(x, &[]), a(x, 1)], Ok, 0),
            (&[r(x, &[]), a(x, 2)], Ok, 0),
        ],
    );
    planted(
        "lost-update",
        serializable,
        &[
            (&[r(x, &[]), a(x, 2)], Ok, 0),
            (&[a(x, 1)], Info, 0),
            (&[r(x, &[1, 2])], Ok, 9),
        ],
    );
    planted(
        "fractured-read",
        serializable,
        &[
            (&[a(x, 1), a(y, 1)], Ok, 0),
            (&[r(x, &[1]), r(y, &[])], Ok, 0),
        ],
    );
    planted(
        "read-skew",
        serializable,
        &[
            (&[a(x, 1)], Ok, 0),
            (&[r(x, &[1]), a(y, 1)], Ok, 0),
            (&[r(x, &[]), r(y, &[1])], Ok, 0),
        ],
    );
    planted(
        "G-single",
        serializable,
        &[
            (&[r(x, &[]), a(y, 2)], Ok, 0),
            (&[a(x, 1), a(y, 1)], Ok, 0),
            (&[r(y, &[1, 2])], Ok, 9),
        ],
    );
    planted(
        "long-fork",
        serializable,
        &[
            (&[a(x, 1)], Ok, 0),
            (&[a(y, 1)], Ok, 0),
            (&[r(x, &[1]), r(y, &[])], Ok, 0),
            (&[r(x, &[]), r(y, &[1])], Ok, 0),
        ],
    );
    planted(
        "G-nonadjacent",
        serializable,
        &[
            (&[r(x, &[]), a(z, 2)], Ok, 0),
            (&[a(x, 1), a(y, 1)], Ok, 0),
            (&[a(y, 2), r(101 + 2, &[])], Ok, 0),
            (&[a(103, 1), a(z, 1)], Ok, 0),
            (&[r(y, &[1, 2]), r(z, &[1, 2])], Ok, 9),
        ],
    );
    planted(
        "write-skew",
        serializable,
        &[
            (&[r(x, &[]), a(y, 1)], Ok, 0),
            (&[r(y, &[]), a(x, 1)], Ok, 0),
        ],
    );
    planted(
        "G2-item",
        serializable,
        &[
            (&[r(x, &[]), a(y, 1)], Ok, 0),
            (&[r(y, &[]), a(z, 1)], Ok, 0),
            (&[r(z, &[]), a(x, 1)], Ok, 0),
        ],
    );
    planted("internal", serializable, &[(&[a(x, 1), r(x, &[])], Ok, 0)]);
    planted(
        "future-read",
        serializable,
        &[(&[r(x, &[1]), a(x, 1)], Ok, 0)],
    );
    planted("garbage-read", serializable, &[(&[r(x, &[1])], Ok, 0)]);
    planted(
        "duplicate-elements",
        serializable,
        &[(&[a(x, 1)], Info, 0), (&[r(x, &[1, 1])], Ok, 9)],
    );
    planted(
        "incompatible-order",
        serializable,
        &[
            (&[a(x, 1)], Ok, 0),
            (&[a(x, 2)], Ok, 0),
            (&[r(x, &[1, 2])], Ok, 0),
            (&[r(x, &[2])], Ok, 0),
        ],
    );
    planted(
        "dirty-update",
        serializable,
        &[
            (&[a(x, 1)], Fail, 0),
            (&[a(x, 2)], Ok, 0),
            (&[r(x, &[1, 2])], Ok, 9),
        ],
    );
    planted(
        "G-single-realtime",
        strict,
        &[(&[a(x, 1)], Ok, 0), (&[r(x, &[])], Ok, 9)],
    );
    planted(
        "G1c-realtime",
        strict,
        &[(&[r(x, &[1])], Ok, 0), (&[a(x, 1)], Ok, 9)],
    );
    planted(
        "G0-realtime",
        strict,
        &[
            (&[a(x, 1)], Ok, 0),
            (&[a(x, 2)], Ok, 9),
            (&[r(x, &[2, 1])], Ok, 20),
        ],
    );
    planted(
        "G2-item-realtime",
        strict,
        &[
            (&[a(y, 1)], Ok, 0),
            (&[a(x, 1), r(y, &[])], Ok, 3),
            (&[r(x, &[])], Ok, 6),
        ],
    );
}

#[test]
fn what_does_not_matter_changes_nothing() {
    for seed in 0..if cfg!(debug_assertions) { 40 } else { 2_000 } {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let mut calls = serial(&mut rng, 3, 12, 2);
        if seed % 2 == 0 {
            // Some read forgets the last element.
            let place = rng.random_range(0..calls.len());
            for step in &mut calls[place].txn.steps {
                if let Step::Read(_, list) = step {
                    list.pop();
                }
            }
        }
        let judge = |calls: &[Call]| {
            let verdict = ListAppend {
                claim: Level::StrictSerializable,
            }
            .check(&history(calls), &Budget::default());
            assert_eq!(verdict.disagreement, None);
            (verdict.validity, verdict.levels)
        };
        let before = judge(&calls);
        let mut renamed = calls.clone();
        for call in &mut renamed {
            call.txn.process = 1_000 - call.txn.process;
            call.txn.invoked += 77;
            call.txn.end += 77;
            for step in &mut call.txn.steps {
                match step {
                    Step::Append(key, element) => (*key, *element) = (7 - *key, 500 - *element),
                    Step::Read(key, list) => {
                        *key = 7 - *key;
                        for element in list {
                            *element = 500 - *element;
                        }
                    }
                }
            }
        }
        assert_eq!(judge(&renamed), before, "{:?}", history(&calls));
        // Times that say less refute nothing more.
        let mut relaxed = calls.clone();
        let mut last: Vec<(u32, usize)> = Vec::new();
        for (i, call) in relaxed.iter().enumerate() {
            last.retain(|(process, _)| *process != call.txn.process);
            last.push((call.txn.process, i));
        }
        for (_, i) in last {
            relaxed[i].txn.end += 1_000;
        }
        let after = judge(&relaxed);
        assert!(before.0 != Validity::Valid || after.0 == Validity::Valid);
    }
}
