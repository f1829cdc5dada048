//! A small judge of linearizability, for histories of a few dozen operations per key: tries all orders, and remembers
//! where it has been (Wing and Gong, 1993; Lowe, 2017).

use std::collections::{BTreeMap, HashSet};

use schism_history::{Time, Value};
use schism_simulator::{ClientId, Reply, Request};

use crate::driver::{Operation, Outcome};

/// The keys whose operations have no order that explains them, each with its operations.
pub(crate) fn violations(operations: &[Operation]) -> Vec<Vec<Operation>> {
    let mut keys: BTreeMap<Value, Vec<Operation>> = BTreeMap::new();
    for operation in operations {
        let matters = match operation.outcome {
            Outcome::Ok(_) => true,
            Outcome::Fail => false,
            Outcome::Info => !operation.request.is_read(),
        };
        if matters {
            keys.entry(operation.request.key().clone())
                .or_default()
                .push(operation.clone());
        }
    }
    keys.into_values()
        .filter(|operations| !is_linearizable(operations))
        .collect()
}

fn is_linearizable(operations: &[Operation]) -> bool {
    assert!(operations.len() <= 128, "too many for one key");
    search(operations, 0, &Value::Nil, &mut HashSet::new())
}

fn search(
    operations: &[Operation],
    done: u128,
    state: &Value,
    seen: &mut HashSet<(u128, Value)>,
) -> bool {
    let open = || {
        operations
            .iter()
            .enumerate()
            .filter(move |(index, _)| done & (1 << index) == 0)
    };
    // Nobody can go after somebody who was over before he began.
    let Some(first_end) = open()
        .filter(|(_, operation)| operation.outcome != Outcome::Info)
        .map(|(_, operation)| operation.completed)
        .min()
    else {
        return true;
    };
    if !seen.insert((done, state.clone())) {
        return false;
    }
    open().any(|(index, operation)| {
        operation.invoked <= first_end
            && step(operation, state)
                .is_some_and(|next| search(operations, done | 1 << index, &next, seen))
    })
}

/// The state afterwards; `None` when the operation cannot have given this result here.
fn step(operation: &Operation, state: &Value) -> Option<Value> {
    let reply = match &operation.outcome {
        Outcome::Ok(reply) => Some(reply),
        _ => None,
    };
    match &operation.request {
        Request::Read { .. } => {
            matches!(reply, Some(Reply::Value(value)) if value == state).then(|| state.clone())
        }
        Request::Write { value, .. } => Some(value.clone()),
        Request::Cas { old, new, .. } => {
            let swaps = state == old;
            match reply {
                Some(Reply::Swapped(swapped)) if *swapped != swaps => None,
                _ => Some(if swaps { new.clone() } else { state.clone() }),
            }
        }
        Request::Add { element, .. } => {
            let mut elements = elements(state);
            elements.push(element.clone());
            elements.sort();
            elements.dedup();
            Some(Value::from(elements))
        }
        Request::Elements { .. } => match reply {
            Some(Reply::Elements(read)) if *read == elements(state) => Some(state.clone()),
            _ => None,
        },
        other => panic!("this judge knows no {other:?}"),
    }
}

fn elements(state: &Value) -> Vec<Value> {
    state.as_list().unwrap_or_default().to_vec()
}

/// How often a client read something older than its own acknowledged write: a value whose write was over before its own
/// began. Values are unique.
pub(crate) fn own_writes_missed(operations: &[Operation]) -> usize {
    let done = |operation: &&Operation| operation.outcome == Outcome::Ok(Reply::Done);
    let value = |operation: &Operation| match &operation.request {
        Request::Write { value, .. } => Some(value.clone()),
        _ => None,
    };
    let is_missed = |read: &Operation| {
        let Outcome::Ok(Reply::Value(found)) = &read.outcome else {
            return false;
        };
        let writes = || {
            operations.iter().filter(done).filter(|write| {
                write.request.key() == read.request.key() && write.completed < read.invoked
            })
        };
        let Some(own) = writes().rfind(|write| write.client == read.client) else {
            return false;
        };
        found.is_nil()
            || writes()
                .any(|write| value(write).as_ref() == Some(found) && write.completed < own.invoked)
    };
    operations
        .iter()
        .filter(|operation| is_missed(operation))
        .count()
}

/// A smallest part of a violation that is still one. Reads may be left out, and writes whose value nobody reads:
/// neither can make a correct history wrong.
pub(crate) fn minimal(mut operations: Vec<Operation>) -> Vec<Operation> {
    assert!(!is_linearizable(&operations));
    loop {
        let smaller = (0..operations.len()).find_map(|index| {
            let mut rest = operations.clone();
            let removed = rest.remove(index);
            let read = |value: &Value| {
                rest.iter()
                    .any(|o| o.outcome == Outcome::Ok(Reply::Value(value.clone())))
            };
            let sound = match &removed.request {
                Request::Read { .. } => true,
                Request::Write { value, .. } => !read(value),
                _ => false,
            };
            (sound && !is_linearizable(&rest)).then_some(rest)
        });
        match smaller {
            Some(rest) => operations = rest,
            None => return operations,
        }
    }
}

fn operation(request: Request, span: (u64, u64), outcome: Outcome) -> Operation {
    Operation {
        client: ClientId(0),
        request,
        invoked: Time::from_millis(span.0),
        completed: Time::from_millis(span.1),
        outcome,
    }
}

fn write(value: i32, span: (u64, u64), outcome: Outcome) -> Operation {
    let value = Value::from(value);
    let key = Value::Nil;
    operation(Request::Write { key, value }, span, outcome)
}

fn read(value: Value, span: (u64, u64)) -> Operation {
    let outcome = Outcome::Ok(Reply::Value(value));
    operation(Request::Read { key: Value::Nil }, span, outcome)
}

#[test]
fn the_judge_passes_what_has_an_order() {
    let done = || Outcome::Ok(Reply::Done);
    assert!(violations(&[]).is_empty());
    let fine = [
        read(Value::Nil, (0, 10)),
        write(1, (1, 3), done()),
        write(2, (2, 9), done()),
        read(Value::from(2), (3, 4)),
        read(Value::from(1), (2, 5)),
        write(3, (5, 6), Outcome::Info),
        write(4, (5, 6), Outcome::Fail),
        read(Value::from(2), (10, 11)),
        read(Value::from(3), (12, 13)),
    ];
    assert!(violations(&fine).is_empty());
}

#[test]
fn the_judge_finds_what_has_none_and_its_core() {
    let done = || Outcome::Ok(Reply::Done);
    let back_in_time = vec![
        write(9, (0, 1), done()),
        write(1, (2, 3), done()),
        read(Value::from(1), (3, 4)),
        write(2, (4, 30), done()),
        read(Value::from(1), (4, 5)),
        read(Value::from(2), (6, 8)),
        read(Value::from(1), (9, 11)),
        read(Value::from(2), (31, 32)),
    ];
    assert_eq!(violations(&back_in_time).len(), 1);
    let core = minimal(back_in_time);
    assert!(core.len() <= 4, "{core:#?}");

    let lost = [write(1, (0, 1), done()), read(Value::Nil, (2, 3))];
    assert_eq!(violations(&lost).len(), 1);
    let failed = [
        write(1, (0, 1), Outcome::Fail),
        read(Value::from(1), (2, 3)),
    ];
    assert_eq!(violations(&failed).len(), 1);
}
