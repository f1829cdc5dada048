//! Linearizability of objects of every kind.
#![expect(
    clippy::ptr_arg,
    reason = "some plants add operations, and all have one type"
)]

#[path = "../../src/generate_objects.rs"]
mod generate_objects;

use generate_objects::{Clients, Seen, history, observe};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{LinearizableAs, ModelName};
use schism_history::{F, Kind, Value};

use crate::trial::{Trial, is_invalid};

/// Plants a violation; `false` when there is no place for it.
type Plant = fn(&mut Vec<Seen>, &mut Pcg64Mcg) -> bool;

/// Kinds of violations: the object, what is planted, and whether clients may be left in doubt about outcomes.
const KINDS: &[(&str, &str, bool, Plant)] = &[
    ("queue", "phantom", true, phantom_value),
    ("queue", "duplicate", true, duplicate_value),
    ("queue", "lost", false, lost_value),
    ("queue", "reordered", true, reordered_queue),
    ("queue", "false-empty", false, false_empty),
    ("unordered-queue", "phantom", true, phantom_value),
    ("unordered-queue", "duplicate", true, duplicate_value),
    ("unordered-queue", "false-empty", false, false_empty),
    ("stack", "phantom", true, phantom_value),
    ("stack", "duplicate", true, duplicate_value),
    ("stack", "reordered", true, reordered_stack),
    ("stack", "false-empty", false, false_empty),
    ("priority-queue", "phantom", true, phantom_value),
    ("priority-queue", "duplicate", true, duplicate_value),
    ("priority-queue", "reordered", true, reordered_priorities),
    ("priority-queue", "false-empty", false, false_empty),
    ("set", "phantom", true, phantom_contains),
    ("set", "lost", true, lost_contains),
    ("growing-set", "phantom", true, phantom_in_read),
    ("growing-set", "lost", true, lost_in_read),
    ("growing-set", "stale", true, stale_read),
    ("append-log", "phantom", true, phantom_in_read),
    ("append-log", "lost", true, lost_in_read),
    ("append-log", "stale", true, stale_read),
    ("append-log", "duplicate", true, duplicate_in_read),
    ("append-log", "reordered", true, reordered_read),
    ("counter", "too-high", true, count_too_high),
    ("counter", "too-low", true, count_too_low),
    ("mutex", "two-holders", true, two_holders),
    ("mutex", "not-held", true, not_held),
    ("fenced-lock", "two-holders", true, two_holders),
    ("fenced-lock", "token-back", true, token_back),
    ("unique-ids", "duplicate", true, duplicate_id),
    ("map", "stale", true, stale_get),
    ("map", "phantom", true, phantom_get),
    ("text", "stale", true, stale_text),
    ("text", "phantom", true, phantom_text),
    ("text", "reordered", false, reordered_text),
    ("multi-register", "phantom", true, phantom_transaction),
    ("multi-register", "stale", true, stale_transaction),
];

#[test]
fn what_is_planted_is_found_and_nothing_else() {
    for &(object, kind, unknown, plant) in KINDS {
        let name = if object == "growing-set" {
            "set"
        } else {
            object
        };
        let model = ModelName::by_name(name).expect("it is a model");
        let trial = Trial {
            checker: &LinearizableAs::named(model),
            subject: object,
            kind,
            is_found: is_invalid,
            all_decided: false,
        };
        trial.run(|rng, bad| {
            let clients = Clients {
                concurrency: rng.random_range(2..=5),
                operations: rng.random_range(10..=40),
                unknown: if unknown { rng.random_range(0..=10) } else { 0 },
                longest: 100,
                reads: 25,
            };
            let mut seen = observe(object, &clients, rng);
            if bad && !plant(&mut seen, rng) {
                return None;
            }
            Some(history(&seen))
        });
    }
}

/// A number that no history holds.
const NEW: i64 = 900_000_001;

fn is_put(op: &Seen) -> bool {
    matches!(op.f, F::Enqueue | F::Push | F::Add | F::Append)
}

fn is_take(op: &Seen) -> bool {
    matches!(op.f, F::Dequeue | F::Pop) && op.kind == Kind::Ok
}

/// One of the operations for which this holds.
fn any(seen: &[Seen], rng: &mut Pcg64Mcg, is: impl Fn(&Seen) -> bool) -> Option<usize> {
    let places: Vec<usize> = (0..seen.len()).filter(|&i| is(&seen[i])).collect();
    places.choose(rng).copied()
}

/// One of the pairs of operations for which this holds.
fn pair(
    seen: &[Seen],
    rng: &mut Pcg64Mcg,
    is: impl Fn(&Seen, &Seen) -> bool,
) -> Option<(usize, usize)> {
    let mut pairs = Vec::new();
    for i in 0..seen.len() {
        pairs.extend(
            (0..seen.len())
                .filter(|&j| i != j && is(&seen[i], &seen[j]))
                .map(|j| (i, j)),
        );
    }
    pairs.choose(rng).copied()
}

fn ok(op: &Seen) -> bool {
    op.kind == Kind::Ok
}

fn before(one: &Seen, other: &Seen) -> bool {
    ok(one) && one.completed < other.invoked
}

/// Adds an operation of a new client, between two moments.
fn insert(seen: &mut Vec<Seen>, f: F, input: Value, output: Value, between: (u64, u64)) {
    seen.push(Seen {
        process: 1_000_000,
        f,
        input,
        output,
        kind: Kind::Ok,
        invoked: between.0,
        completed: between.1,
    });
}

/// The operation that put a value in, if it did for sure.
fn putter<'s>(seen: &'s [Seen], value: &Value) -> Option<&'s Seen> {
    seen.iter().find(|op| is_put(op) && op.input == *value)
}

fn phantom_value(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let Some(i) = any(seen, rng, is_take) else {
        return false;
    };
    seen[i].output = Value::from(NEW);
    true
}

fn duplicate_value(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let two = pair(seen, rng, |one, other| {
        is_take(one) && is_take(other) && !one.output.is_nil()
    });
    let Some((one, other)) = two else {
        return false;
    };
    seen[other].output = seen[one].output.clone();
    true
}

fn lost_value(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let copy = seen.clone();
    let lost = any(seen, rng, |op| {
        is_take(op)
            && putter(&copy, &op.output).is_some_and(|put| {
                copy.iter().any(|later| {
                    is_put(later)
                        && before(put, later)
                        && copy
                            .iter()
                            .any(|take| is_take(take) && take.output == later.input)
                })
            })
    });
    let Some(i) = lost else { return false };
    seen[i].kind = Kind::Fail;
    true
}

/// Swaps what two operations took, if that is wrong: given who put the two in, and who took them.
fn swap(
    seen: &mut [Seen],
    rng: &mut Pcg64Mcg,
    wrong: impl Fn(&Seen, &Seen, &Seen, &Seen) -> bool,
) -> bool {
    let two = pair(seen, rng, |one, other| {
        let takes = is_take(one) && is_take(other) && before(one, other);
        takes
            && match (putter(seen, &one.output), putter(seen, &other.output)) {
                (Some(first), Some(second)) => wrong(first, second, one, other),
                _ => false,
            }
    });
    let Some((one, other)) = two else {
        return false;
    };
    let output = seen[one].output.clone();
    seen[one].output = std::mem::replace(&mut seen[other].output, output);
    true
}

fn reordered_queue(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    swap(seen, rng, |first, second, _, _| before(first, second))
}

/// The lower one is popped although the other lies on it.
fn reordered_stack(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    swap(seen, rng, |upper, lower, pop, _| {
        before(lower, upper) && before(upper, pop)
    })
}

/// The smaller one is taken although the larger one is in.
fn reordered_priorities(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    swap(seen, rng, |large, small, take, _| {
        large.input > small.input && before(large, take) && small.invoked < take.completed
    })
}

/// Somebody finds nothing while a value is surely in.
fn false_empty(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let two = pair(seen, rng, |put, take| {
        is_put(put)
            && ok(put)
            && is_take(take)
            && take.output == put.input
            && put.completed + 3 < take.invoked
    });
    let Some((put, take)) = two else { return false };
    let f = seen[take].f.clone();
    let between = (seen[put].completed + 1, seen[take].invoked - 1);
    insert(seen, f, Value::Nil, Value::Nil, between);
    true
}

fn phantom_contains(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let begin = rng.random_range(1..1_000);
    insert(
        seen,
        F::from("contains"),
        Value::from(NEW),
        Value::from(true),
        (begin, begin + 50),
    );
    true
}

/// An element that nobody removes is not found after it was added.
fn lost_contains(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let copy = seen.clone();
    let kept = |op: &Seen| {
        op.f == F::Add
            && ok(op)
            && !copy
                .iter()
                .any(|other| other.f == F::Remove && other.input == op.input)
    };
    let Some(i) = any(seen, rng, kept) else {
        return false;
    };
    let begin = seen[i].completed + rng.random_range(1..100);
    let element = seen[i].input.clone();
    insert(
        seen,
        F::from("contains"),
        element,
        Value::from(false),
        (begin, begin + 20),
    );
    true
}

fn reads(op: &Seen) -> bool {
    op.f == F::Read && ok(op)
}

fn items(op: &Seen) -> Vec<Value> {
    op.output.as_list().unwrap_or_default().to_vec()
}

fn phantom_in_read(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let Some(i) = any(seen, rng, reads) else {
        return false;
    };
    let mut items = items(&seen[i]);
    items.insert(rng.random_range(0..=items.len()), Value::from(NEW));
    seen[i].output = Value::list(items);
    true
}

/// A read lacks an element that was surely in.
fn lost_in_read(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let two = pair(seen, rng, |put, read| {
        is_put(put) && reads(read) && before(put, read)
    });
    let Some((put, read)) = two else { return false };
    let mut items = items(&seen[read]);
    items.retain(|item| *item != seen[put].input);
    seen[read].output = Value::list(items);
    true
}

/// A read sees what an earlier one saw, although elements were put in between.
fn stale_read(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let copy = seen.clone();
    let two = pair(seen, rng, |old, new| {
        reads(old)
            && reads(new)
            && copy
                .iter()
                .any(|put| is_put(put) && before(put, new) && !items(old).contains(&put.input))
    });
    let Some((old, new)) = two else { return false };
    seen[new].output = seen[old].output.clone();
    true
}

fn duplicate_in_read(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let Some(i) = any(seen, rng, |op| reads(op) && !items(op).is_empty()) else {
        return false;
    };
    let mut items = items(&seen[i]);
    items.push(items[rng.random_range(0..items.len())].clone());
    seen[i].output = Value::list(items);
    true
}

/// Two elements that were surely appended one after the other are read the other way round.
fn reordered_read(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let copy = seen.clone();
    let wrong = |read: &Seen| {
        let items = items(read);
        let mut pairs = Vec::new();
        for j in 1..items.len() {
            let (Some(one), Some(other)) = (putter(&copy, &items[j - 1]), putter(&copy, &items[j]))
            else {
                continue;
            };
            if before(one, other) {
                pairs.push(j);
            }
        }
        pairs
    };
    let Some(i) = any(seen, rng, |op| reads(op) && !wrong(op).is_empty()) else {
        return false;
    };
    let mut items = items(&seen[i]);
    let places = wrong(&seen[i]);
    let at = places[rng.random_range(0..places.len())];
    items.swap(at - 1, at);
    seen[i].output = Value::list(items);
    true
}

fn count_too_high(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let Some(i) = any(seen, rng, reads) else {
        return false;
    };
    let begun = seen
        .iter()
        .filter(|op| op.f == F::Add && op.kind != Kind::Fail && op.invoked <= seen[i].completed)
        .count();
    seen[i].output = Value::from(begun as i64 + rng.random_range(1..4));
    true
}

fn count_too_low(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let done = |read: &Seen| {
        seen.iter()
            .filter(|op| op.f == F::Add && before(op, read))
            .count() as i64
    };
    let Some(i) = any(seen, rng, |op| reads(op) && done(op) > 0) else {
        return false;
    };
    let low = rng.random_range(0..done(&seen[i]));
    seen[i].output = Value::from(low);
    true
}

/// Somebody acquires a lock that is surely held.
fn two_holders(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let two = pair(seen, rng, |acquire, release| {
        acquire.f == F::Acquire
            && release.f == F::Release
            && ok(acquire)
            && ok(release)
            && acquire.process == release.process
            && acquire.completed + 3 < release.invoked
    });
    // The next release of that client is the one of this acquire.
    let Some((acquire, release)) = two else {
        return false;
    };
    let between = (seen[acquire].completed + 1, seen[release].invoked - 1);
    let process = seen[acquire].process;
    let own =
        |op: &&Seen| op.process == process && op.invoked > between.0 && op.invoked < between.1;
    if seen.iter().any(|op| own(&op)) {
        return false;
    }
    let token = match seen[acquire].output.as_int() {
        Some(_) => Value::from(NEW),
        None => Value::Nil,
    };
    insert(seen, F::Acquire, Value::Nil, token, between);
    true
}

/// Somebody releases a lock that nobody can hold.
fn not_held(seen: &mut Vec<Seen>, _rng: &mut Pcg64Mcg) -> bool {
    let first = seen
        .iter()
        .filter(|op| op.f == F::Acquire)
        .map(|op| op.invoked)
        .min();
    let Some(first) = first.filter(|&first| first > 3) else {
        return false;
    };
    insert(seen, F::Release, Value::Nil, Value::Nil, (1, first - 1));
    true
}

fn token_back(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let two = pair(seen, rng, |one, other| {
        one.f == F::Acquire && other.f == F::Acquire && ok(other) && before(one, other)
    });
    let Some((one, other)) = two else {
        return false;
    };
    let token = seen[one].output.as_int().unwrap_or_default();
    seen[other].output = Value::from(token - i64::from(rng.random_bool(0.5)));
    true
}

fn duplicate_id(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let Some((one, other)) = pair(seen, rng, |one, other| ok(one) && ok(other)) else {
        return false;
    };
    seen[other].output = seen[one].output.clone();
    true
}

/// A value that was surely replaced is found again.
fn stale_get(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let two = pair(seen, rng, |old, new| {
        let pairs = (old.input.as_pair(), new.input.as_pair());
        let same = matches!(pairs, (Some((a, _)), Some((b, _))) if a == b);
        old.f.name() == "put" && new.f.name() == "put" && same && ok(new) && before(old, new)
    });
    let Some((old, new)) = two else { return false };
    let begin = seen[new].completed + rng.random_range(1..50);
    let Some((key, value)) = seen[old]
        .input
        .as_pair()
        .map(|(key, value)| (key.clone(), value.clone()))
    else {
        return false;
    };
    insert(seen, F::from("get"), key, value, (begin, begin + 20));
    true
}

/// A text that was read, and read again after something had been appended or put in its place.
fn stale_text(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let two = pair(seen, rng, |get, new| {
        get.f.name() == "get" && new.f.name() != "get" && before(get, new) && ok(new)
    });
    let Some((get, new)) = two else { return false };
    let begin = seen[new].completed + rng.random_range(1..50);
    let text = seen[get].output.clone();
    insert(seen, F::from("get"), Value::Nil, text, (begin, begin + 20));
    true
}

fn phantom_text(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let gets = any(seen, rng, |op| op.f.name() == "get" && ok(op));
    let Some(get) = gets else { return false };
    let text = seen[get].output.as_text().unwrap_or_default();
    seen[get].output = Value::from(format!("{text}{NEW}."));
    true
}

/// Two pieces of a text that was read change places, the first of which had been appended before the second.
fn reordered_text(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let appended = |piece: &str| {
        let is = |op: &&Seen| op.f == F::Append && op.input.as_text() == Some(piece);
        seen.iter().find(is)
    };
    let mut found = Vec::new();
    for (i, op) in seen.iter().enumerate() {
        let text = op
            .output
            .as_text()
            .filter(|_| op.f.name() == "get" && ok(op));
        let pieces: Vec<&str> = text.unwrap_or_default().split_inclusive('.').collect();
        for j in 1..pieces.len() {
            let pair = (appended(pieces[j - 1]), appended(pieces[j]));
            if matches!(pair, (Some(one), Some(other)) if before(one, other)) {
                let mut pieces = pieces.clone();
                pieces.swap(j - 1, j);
                found.push((i, pieces.concat()));
            }
        }
    }
    let Some((get, text)) = found.choose(rng).cloned() else {
        return false;
    };
    seen[get].output = Value::from(text);
    true
}

fn phantom_get(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let begin = rng.random_range(1..1_000);
    insert(
        seen,
        F::from("get"),
        Value::from(1),
        Value::from(NEW),
        (begin, begin + 20),
    );
    true
}

fn micro(name: &str, key: i64, value: Value) -> Value {
    Value::list([Value::list([Value::from(name), Value::from(key), value])])
}

fn phantom_transaction(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let begin = rng.random_range(1..1_000);
    let output = micro("r", 1, Value::from(NEW));
    insert(
        seen,
        F::Txn,
        micro("r", 1, Value::Nil),
        output,
        (begin, begin + 20),
    );
    true
}

/// A value that was surely replaced is read again.
fn stale_transaction(seen: &mut Vec<Seen>, rng: &mut Pcg64Mcg) -> bool {
    let written = |op: &Seen| {
        let micros = op.input.as_list().unwrap_or_default().to_vec();
        let first = micros
            .first()
            .and_then(Value::as_list)
            .map(<[Value]>::to_vec);
        first
            .filter(|items| items[0].as_text() == Some("w"))
            .map(|items| items[2].clone())
    };
    let two = pair(seen, rng, |old, new| {
        ok(new) && before(old, new) && written(old).is_some() && written(new).is_some()
    });
    let Some((old, new)) = two else { return false };
    let begin = seen[new].completed + rng.random_range(1..50);
    let Some(value) = written(&seen[old]) else {
        return false;
    };
    insert(
        seen,
        F::Txn,
        micro("r", 0, Value::Nil),
        micro("r", 0, value),
        (begin, begin + 20),
    );
    true
}
