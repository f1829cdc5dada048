//! The second opinion: balances added up again.

use schism_history::{History, OpId, Value};

/// Adds up again: the wrong read against the others of the claim, or against the total that was given.
pub(super) fn recount_total(
    history: &History,
    ids: &[OpId],
    wrong: OpId,
    given: Option<i64>,
) -> Result<(), String> {
    let mut right = given.map(i128::from);
    let mut seen = 0_i128;
    for &id in ids {
        let op = history.operation(id);
        let value = if op.f().name() == "open" {
            op.input()
        } else {
            op.output()
        };
        let sum = add_up_again(value);
        if id == wrong {
            seen = sum;
        } else {
            *right.get_or_insert(0) += sum;
        }
    }
    match right {
        Some(right) if right != seen => Ok(()),
        _ => Err(format!("both totals are {seen}")),
    }
}

/// The sum of a map's or a list's balances; of a transaction, of what it read before it touched it otherwise.
pub(super) fn add_up_again(value: &Value) -> i128 {
    let int = |balance: &Value| i128::from(balance.as_int().unwrap_or_default());
    if let Value::Map(parts) = value {
        return parts.iter().map(|(_, balance)| int(balance)).sum();
    }
    let items = value.as_list().unwrap_or_default();
    let mut sum = 0;
    for (place, item) in items.iter().enumerate() {
        sum += match item.as_list() {
            Some([_, balance]) => int(balance),
            Some([what, account, balance, ..]) => {
                let before = items[..place].iter();
                let touched = before.filter_map(|step| step.as_list()?.get(1));
                let is_first = touched.into_iter().all(|other| other != account);
                let counts = is_first && what.as_text() == Some("r");
                if counts { int(balance) } else { 0 }
            }
            _ => 0,
        };
    }
    sum
}
