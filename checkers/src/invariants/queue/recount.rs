//! The second opinion: all operations on a value, gone through again.

use schism_history::{F, History, OpId, Outcome, Value};

/// Looks for anybody who can have put the value in before the last operation of the claim answered.
pub(super) fn recount_source(history: &History, ids: &[OpId], value: &Value) -> Result<(), String> {
    let Some(&got) = ids.last() else {
        return Err("it names no operation".to_owned());
    };
    let got = history.operation(got);
    let mut source = history.operations().filter(|op| {
        *op.f() == F::Enqueue
            && op.key() == got.key()
            && op.input() == value
            && op.outcome != Outcome::Fail
            && Some(op.invoked) <= got.completed
    });
    match source.next() {
        None => Ok(()),
        Some(source) => Err(format!("{} can have put it in", source.id)),
    }
}

/// Counts the values of a claim that nobody got, and the dequeues that can have taken some of them.
pub(super) fn recount_lost(history: &History, ids: &[OpId]) -> Result<(), String> {
    let Some((&empty, others)) = ids.split_last() else {
        return Err("it names no operation".to_owned());
    };
    let empty = history.operation(empty);
    let mut values: Vec<&Value> = Vec::new();
    for &id in others {
        let op = history.operation(id);
        let acknowledged = op.outcome == Outcome::Ok && op.completed < Some(empty.invoked);
        if *op.f() == F::Enqueue && acknowledged && !values.contains(&op.input()) {
            values.push(op.input());
        }
    }
    let mut takers = 0;
    for op in history.operations().filter(|op| op.key() == empty.key()) {
        match (op.f(), op.outcome) {
            (F::Dequeue, Outcome::Ok) => values.retain(|value| *value != op.output()),
            (F::Drain, Outcome::Ok) => {
                let got = op.output().as_list().unwrap_or_default();
                values.retain(|value| !got.contains(value));
            }
            (F::Dequeue, Outcome::Info) if Some(op.invoked) <= empty.completed => takers += 1,
            (F::Drain, Outcome::Info) => return Err(format!("{} can have taken it", op.id)),
            _ => {}
        }
    }
    if values.len() > takers {
        Ok(())
    } else {
        Err(format!(
            "{} are missing and {takers} can have been taken",
            values.len()
        ))
    }
}

/// Put in one after the other, and got in the other order.
pub(super) fn recount_order(history: &History, ids: &[OpId]) -> Result<(), String> {
    let [put, other_put, other_got, got] = ids else {
        return Err("it does not name four operations".to_owned());
    };
    let [put, other_put, other_got, got] =
        [put, other_put, other_got, got].map(|&id| history.operation(id));
    let same = put.input() == got.output() && other_put.input() == other_got.output();
    let put_in_order = put.completed < Some(other_put.invoked) && put.outcome == Outcome::Ok;
    let got_in_order = other_got.completed < Some(got.invoked);
    if same && put_in_order && got_in_order {
        Ok(())
    } else {
        Err("these operations can have been in order".to_owned())
    }
}
