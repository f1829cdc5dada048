//! Small histories of any kind against the definition alone: where a checker says invalid, no order of the operations
//! explains what was seen, if the object did one thing after the other, each between its call and its answer.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{
    Bank, Booking, Budget, Checker, Counter, DirtyReads, Ledger, Lock, Queue, ReplicaEquality,
    Revocation, Saga, SetFull, UniqueConstraint, UniqueIds, Validity,
};
use schism_history::{Kind, Value};

use crate::calls::{Call, calls, history};
use crate::trial::SEEDS;

/// What an object holds, by name: integers, or lists of them.
type State = BTreeMap<Value, Vec<i64>>;

/// What an object that does one thing after the other is after a call; `None` when the call cannot have seen that.
type Next = fn(&State, &Call) -> Option<State>;

/// Whether some order explains the calls.
fn explained(calls: &[Call], next: Next) -> bool {
    let calls: Vec<&Call> = calls
        .iter()
        .filter(|call| call.kind != Kind::Fail)
        .collect();
    let sure = |i: usize| calls[i].is_ok();
    let all: u32 = (0..calls.len()).filter(|&i| sure(i)).map(|i| 1 << i).sum();
    let mut seen: HashSet<(u32, State)> = HashSet::new();
    let mut open = vec![(0_u32, State::new())];
    while let Some((done, state)) = open.pop() {
        if done & all == all {
            return true;
        }
        for (i, call) in calls.iter().enumerate() {
            let waits = |&j: &usize| done & (1 << j) == 0 && sure(j) && calls[j].end < call.invoked;
            if done & (1 << i) != 0 || (0..calls.len()).any(|j| waits(&j)) {
                continue;
            }
            if let Some(state) = next(&state, call) {
                let now = (done | 1 << i, state);
                if seen.insert(now.clone()) {
                    open.push(now);
                }
            }
        }
    }
    false
}

fn int(value: &Value) -> i64 {
    value.as_int().unwrap_or(1)
}

/// What is held under a name.
fn held(state: &State, name: &Value) -> Vec<i64> {
    state.get(name).cloned().unwrap_or_default()
}

fn with(state: &State, name: &Value, held: Vec<i64>) -> State {
    let mut state = state.clone();
    state.insert(name.clone(), held);
    state
}

/// Whether a read returned these elements.
fn shows(call: &Call, held: &[i64]) -> bool {
    let list = call.output.as_list().unwrap_or_default();
    let mut shown: Vec<i64> = list.iter().map(int).collect();
    shown.sort_unstable();
    call.kind != Kind::Ok || shown == held
}

/// Sets, the result of a `contains`, and rows that must be unique.
fn set(state: &State, call: &Call) -> Option<State> {
    let mut now = held(state, &call.key);
    let value = int(&call.input);
    let there = now.contains(&value);
    match call.f.name() {
        "add" if !there => now.push(value),
        "insert" if there => return None,
        "insert" => now.push(value),
        "remove" | "delete" => now.retain(|&other| other != value),
        "contains" if call.is_ok() && call.output != Value::from(there) => return None,
        "read" if !shows(call, &now) => return None,
        _ => {}
    }
    now.sort_unstable();
    Some(with(state, &call.key, now))
}

fn counter(state: &State, call: &Call) -> Option<State> {
    let now: i64 = held(state, &call.key).iter().sum();
    match call.f.name() {
        "read" if call.is_ok() && call.output != Value::from(now) => None,
        "read" => Some(state.clone()),
        "decrement" => Some(with(state, &call.key, vec![now - int(&call.input)])),
        _ => Some(with(state, &call.key, vec![now + int(&call.input)])),
    }
}

fn register(state: &State, call: &Call) -> Option<State> {
    let now = held(state, &call.key);
    let found = now.first().map_or(Value::Nil, |&value| Value::from(value));
    match call.f.name() {
        "read" if call.is_ok() && call.output != found => None,
        "read" => Some(state.clone()),
        _ => Some(with(state, &call.key, vec![int(&call.input)])),
    }
}

/// A queue, first in first out.
fn queue(state: &State, call: &Call) -> Option<State> {
    let mut now = held(state, &call.key);
    if call.f.name() == "enqueue" {
        now.push(int(&call.input));
    } else {
        let found = (!now.is_empty()).then(|| now.remove(0));
        if call.is_ok() && call.output != found.map_or(Value::Nil, Value::from) {
            return None;
        }
    }
    Some(with(state, &call.key, now))
}

/// A bag: what comes out is any of what is in it.
fn bag(state: &State, call: &Call) -> Option<State> {
    let mut now = held(state, &call.key);
    if call.f.name() == "enqueue" {
        now.push(int(&call.input));
    } else if !call.is_ok() {
        // It took one, but who knows which. That none is ever missed is what the checker must see, too.
        return Some(state.clone());
    } else if call.output.is_nil() {
        if !now.is_empty() {
            return None;
        }
    } else {
        let place = now
            .iter()
            .position(|&value| Value::from(value) == call.output)?;
        now.remove(place);
    }
    now.sort_unstable();
    Some(with(state, &call.key, now))
}

fn lock(state: &State, call: &Call) -> Option<State> {
    let now = held(state, &call.key);
    let me = i64::from(call.process);
    match call.f.name() {
        "acquire" if now.is_empty() || now == [me] => Some(with(state, &call.key, vec![me])),
        "acquire" => None,
        _ if now == [me] => Some(with(state, &call.key, Vec::new())),
        _ => Some(state.clone()),
    }
}

/// Money: accounts begin with 5 each.
fn money(state: &State, call: &Call) -> Option<State> {
    let mut state = state.clone();
    for name in ["a", "b"] {
        state.entry(name.into()).or_insert_with(|| vec![5]);
    }
    if call.f.name() == "read" {
        let right =
            |name: &str| call.output.get(name) == Some(&Value::from(state[&Value::from(name)][0]));
        return (!call.is_ok() || right("a") && right("b")).then_some(state);
    }
    let amount = call.input.get("amount").map_or(0, int);
    for (part, sign) in [("from", -1), ("to", 1)] {
        if let Some(held) = call.input.get(part).and_then(|name| state.get_mut(name)) {
            held[0] += sign * amount;
        }
    }
    state.values().all(|held| held[0] >= 0).then_some(state)
}

fn ids(state: &State, call: &Call) -> Option<State> {
    let mut now = held(state, &call.key);
    let id = int(&call.output);
    if call.is_ok() && now.contains(&id) {
        return None;
    }
    now.push(id);
    now.sort_unstable();
    Some(with(state, &call.key, now))
}

fn seats(state: &State, call: &Call) -> Option<State> {
    match (call.f.name(), held(state, &call.key).is_empty()) {
        ("book", false) => None,
        ("book", true) => Some(with(state, &call.key, vec![1])),
        _ => Some(with(state, &call.key, Vec::new())),
    }
}

/// Rights that everybody has in the beginning; held are those that were revoked.
fn rights(state: &State, call: &Call) -> Option<State> {
    match (call.f.name(), held(state, &call.key).is_empty()) {
        ("use", false) if call.is_ok() && call.output == Value::from(true) => None,
        ("use", _) => Some(state.clone()),
        ("revoke", _) => Some(with(state, &call.key, vec![1])),
        _ => Some(with(state, &call.key, Vec::new())),
    }
}

/// Marks in the stores `a` and `b`.
fn saga(state: &State, call: &Call) -> Option<State> {
    if call.f.name() == "read" {
        return shows(call, &held(state, &call.key)).then(|| state.clone());
    }
    let mut state = state.clone();
    for store in ["a", "b"] {
        let marks = state.entry(store.into()).or_default();
        marks.push(call.input.get("id").map_or(0, int));
        marks.sort_unstable();
    }
    Some(state)
}

/// Calls of any kind, with any result: functions with what they ask and get.
fn chaos(rng: &mut Pcg64Mcg, kind: &str) -> Vec<Call> {
    let mut calls = calls(rng, 3, 7);
    let mut fresh = 0;
    for call in &mut calls {
        let small = rng.random_range(1..4_i64);
        let some = |rng: &mut Pcg64Mcg| {
            let all: BTreeSet<i64> = (0..rng.random_range(0..3))
                .map(|_| rng.random_range(1..4))
                .collect();
            Value::list(all)
        };
        fresh += 1;
        let die = rng.random_range(0..10);
        match kind {
            "set" => match die {
                0..4 => call.set("add", "s", small),
                4..6 => call.set("remove", "s", small),
                6 => {
                    call.set("contains", "s", small);
                    call.output = rng.random_bool(0.5).into();
                }
                _ => {
                    call.set("read", "s", Value::Nil);
                    call.output = some(rng);
                }
            },
            "rows" => match die {
                0..6 => call.set("insert", "t", small),
                6..8 => call.set("delete", "t", small),
                _ => {
                    call.set("read", "t", Value::Nil);
                    call.output = some(rng);
                }
            },
            "counter" => {
                if die < 5 {
                    call.set(["add", "decrement"][die % 2], "c", small);
                } else {
                    call.set("read", "c", Value::Nil);
                    call.output = rng.random_range(-3..8).into();
                }
            }
            "register" => {
                if die < 5 {
                    call.set("write", "x", small);
                } else {
                    call.set("read", "x", Value::Nil);
                    call.output = if die == 5 { Value::Nil } else { small.into() };
                }
            }
            "queue" => {
                if die < 5 {
                    call.set("enqueue", "q", fresh);
                } else {
                    call.set("dequeue", "q", Value::Nil);
                    let value = rng.random_range(0..6_i64);
                    call.output = if value == 0 { Value::Nil } else { value.into() };
                }
            }
            "lock" => call.set(["acquire", "release"][die % 2], "k", Value::Nil),
            "money" => {
                if die < 4 {
                    call.set("read", Value::Nil, Value::Nil);
                    let a = rng.random_range(0..11_i64);
                    let total = if die == 0 { 11 } else { 10 };
                    call.output = Value::map([("a", a), ("b", total - a)]);
                } else {
                    let parts = [("from", "a"), ("to", "b")];
                    let mut parts = if die % 2 == 0 {
                        parts
                    } else {
                        [("from", "b"), ("to", "a")]
                    }
                    .map(|(part, name)| (part, Value::from(name)))
                    .to_vec();
                    parts.push(("amount", rng.random_range(1..7_i64).into()));
                    call.set("transfer", Value::Nil, Value::map(parts));
                }
            }
            "ids" => {
                call.set("generate", "i", Value::Nil);
                call.output = rng.random_range(1..30_i64).into();
            }
            "seats" => call.set(["book", "book", "cancel"][die % 3], "A1", Value::Nil),
            "rights" => {
                call.set(
                    ["use", "use", "revoke", "grant"][die % 4],
                    "eve",
                    Value::Nil,
                );
                call.output = (die < 5).into();
            }
            _ => {
                if die < 4 {
                    let stores = Value::list(["a", "b"]);
                    call.set(
                        "saga",
                        Value::Nil,
                        Value::map([("id", fresh.into()), ("parts", stores)]),
                    );
                } else {
                    call.set("read", ["a", "b"][die % 2], Value::Nil);
                    call.output = some(rng);
                }
            }
        }
    }
    if kind == "money" {
        // The accounts are opened before anything else.
        for call in &mut calls {
            call.process += 1;
            call.invoked += 10;
            call.end += 10;
        }
        let mut open = crate::calls::after(&[]);
        open.process = 0;
        open.set("open", Value::Nil, Value::map([("a", 5), ("b", 5)]));
        calls.insert(0, open);
    }
    calls
}

/// How often the checker says invalid, and how often no order explains what was seen, on so many small histories.
fn compare(checker: &dyn Checker, kind: &str, next: Next) -> (u64, u64) {
    let (mut invalid, mut unexplained) = (0, 0);
    for seed in 0..SEEDS * 4 {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let calls = chaos(&mut rng, kind);
        let history = history(&calls);
        let verdict = checker.check(&history, &Budget::default());
        assert_eq!(verdict.disagreement, None, "{history:?}");
        let explained = explained(&calls, next);
        unexplained += u64::from(!explained);
        if verdict.validity == Validity::Invalid {
            invalid += 1;
            let name = checker.name();
            assert!(
                !explained,
                "{name} of seed {seed}: {}\n{history:?}",
                verdict.summary
            );
        }
    }
    assert!(invalid > 0, "{}: nothing invalid", checker.name());
    (invalid, unexplained)
}

#[test]
fn what_is_invalid_is_explained_by_no_order() {
    let fifo = Queue {
        fifo: true,
        ..Queue::default()
    };
    compare(&SetFull, "set", set);
    compare(&UniqueConstraint, "rows", set);
    compare(&Counter, "counter", counter);
    compare(&DirtyReads, "register", register);
    compare(&ReplicaEquality, "register", register);
    compare(&ReplicaEquality, "set", set);
    compare(&fifo, "queue", queue);
    compare(&Bank::default(), "money", money);
    compare(&Ledger::default(), "money", money);
    compare(&Saga, "saga", saga);
}

/// Where all that matters is that a thing is there once, the checker finds every violation. For locks, seats and rights,
/// that takes a search, which the checker `linearizable` does.
#[test]
fn what_no_order_explains_is_found() {
    let (invalid, unexplained) = compare(&UniqueIds, "ids", ids);
    assert_eq!(invalid, unexplained);
    for (checker, kind, next) in [
        (&Lock as &dyn Checker, "lock", lock as Next),
        (&Booking, "seats", seats),
        (&Revocation, "rights", rights),
        (&Queue::default(), "queue", bag),
    ] {
        let (invalid, unexplained) = compare(checker, kind, next);
        assert!(
            invalid * 4 > unexplained * 3,
            "{}: {invalid} of {unexplained}",
            checker.name()
        );
    }
}
