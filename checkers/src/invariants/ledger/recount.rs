//! The second opinion: everything added up again, one operation after the other.

use schism_history::{F, History, OpId, Operation, Outcome, Value};

/// Adds up again what a history says about an account: at the beginning, certain and possible.
pub(super) fn add_up(history: &History, like: OpId, account: &str) -> Vec<(OpId, i128)> {
    let key = history.operation(like).key();
    let is = |value: Option<&Value>| {
        value.is_some_and(|value| match value {
            Value::Text(name) => **name == *account,
            other => other.to_string() == account,
        })
    };
    let mut found = Vec::new();
    for op in history.operations() {
        if op.key() != key || op.outcome == Outcome::Fail {
            continue;
        }
        let amount = i128::from(
            op.input()
                .get("amount")
                .and_then(Value::as_int)
                .unwrap_or(0),
        );
        let mut delta = 0;
        match op.f().name() {
            "open" if op.outcome == Outcome::Ok => {
                delta += i128::from(op.input().get(account).and_then(Value::as_int).unwrap_or(0));
            }
            "transfer" | "deposit" | "withdraw" => {
                delta -= if is(op.input().get("from")) {
                    amount
                } else {
                    0
                };
                delta += if is(op.input().get("to")) { amount } else { 0 };
            }
            _ => {}
        }
        if delta != 0 {
            found.push((op.id, delta));
        }
    }
    found
}

pub(super) fn recount_spent(history: &History, ids: &[OpId], account: &str) -> Result<(), String> {
    let Some(&first) = ids.first() else {
        return Err("it names no operation".to_owned());
    };
    let last = ids
        .iter()
        .filter_map(|&id| history.operation(id).completed)
        .max();
    let all = add_up(history, first, account);
    let mut spent = 0;
    let mut there = 0;
    for (id, delta) in all {
        let op = history.operation(id);
        if ids.contains(&id) && op.outcome == Outcome::Ok {
            spent -= delta;
        } else if op.f().name() == "open" || delta > 0 && Some(op.invoked) <= last {
            there += delta;
        }
    }
    if spent > there {
        Ok(())
    } else {
        Err(format!("{spent} was paid, and {there} was there"))
    }
}

pub(super) fn recount_balance(
    history: &History,
    ids: &[OpId],
    account: &str,
) -> Result<(), String> {
    let Some(&read) = ids.last() else {
        return Err("it names no read".to_owned());
    };
    let read_op = history.operation(read);
    let balance = read_op.output().get(account).and_then(Value::as_int);
    let (mut lowest, mut highest) = (0, 0);
    for (id, delta) in add_up(history, read, account) {
        let op = history.operation(id);
        let before = op.outcome == Outcome::Ok && op.completed < Some(read_op.invoked);
        if before || op.f().name() == "open" {
            lowest += delta;
            highest += delta;
        } else if Some(op.invoked) <= read_op.completed {
            lowest += delta.min(0);
            highest += delta.max(0);
        }
    }
    match balance.map(i128::from) {
        Some(balance) if balance < lowest || balance > highest => Ok(()),
        _ => Err(format!(
            "any balance from {lowest} to {highest} is possible"
        )),
    }
}

pub(super) fn recount_entry(
    history: &History,
    ids: &[OpId],
    kind: &str,
    name: &Value,
) -> Result<(), String> {
    let Some(&read) = ids.last() else {
        return Err("it names no read".to_owned());
    };
    let read = history.operation(read);
    let names = |value: &Value| value == name || value.get("id") == Some(name);
    let shown: Vec<&Value> = read.output().as_list().unwrap_or_default().iter().collect();
    let shown: Vec<&Value> = shown.into_iter().filter(|value| names(value)).collect();
    let sent: Vec<Operation<'_>> = history
        .operations()
        .filter(|op| *op.f() != F::Read && op.key() == read.key() && names(op.input()))
        .collect();
    let can_be_there = || {
        sent.iter()
            .any(|op| op.outcome != Outcome::Fail && Some(op.invoked) <= read.completed)
    };
    let proved = match kind {
        "duplicate-entry" => shown.len() > 1,
        "lost-entry" => {
            let acknowledged =
                |op: &Operation<'_>| op.outcome == Outcome::Ok && op.completed < Some(read.invoked);
            shown.is_empty() && sent.iter().any(acknowledged)
        }
        "altered-entry" => ids.first().is_some_and(|&id| {
            let sent = history.operation(id).input().to_string();
            shown.iter().any(|value| value.to_string() != sent)
        }),
        _ => !shown.is_empty() && !can_be_there(),
    };
    if proved {
        Ok(())
    } else {
        Err(format!("entry {name} is as it must be"))
    }
}
