//! The balances that an operation names, however it does.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use schism_history::{F, Operation, Value};

/// The balances that one operation names.
pub(super) type Balances<'h> = Vec<(Cow<'h, str>, &'h Value)>;

/// The balances that an operation saw; `None` when it is no read of accounts. Of a transaction, what it read of each
/// account before it wrote it.
pub(super) fn balances<'h>(op: &Operation<'h>) -> Option<Balances<'h>> {
    if *op.f() == F::Txn {
        let mut balances: Balances<'h> = Vec::new();
        let mut touched: Vec<&Value> = Vec::new();
        for step in op.output().as_list()? {
            if let Some([what, account, balance, ..]) = step.as_list() {
                if what.as_text() == Some("r") && !touched.contains(&account) {
                    balances.push((name_of(account), balance));
                }
                touched.push(account);
            }
        }
        return Some(balances);
    }
    pairs(op.output())
}

/// The accounts and balances that a value names.
pub(super) fn pairs(value: &Value) -> Option<Balances<'_>> {
    match value {
        Value::Map(parts) => Some(
            parts
                .iter()
                .map(|(name, balance)| (Cow::Borrowed(&**name), balance))
                .collect(),
        ),
        Value::List(items) => items
            .iter()
            .map(|item| {
                let (account, balance) = item.as_pair()?;
                Some((name_of(account), balance))
            })
            .collect(),
        _ => None,
    }
}

pub(super) fn names(value: &Value) -> impl Iterator<Item = Cow<'_, str>> {
    pairs(value)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, _)| name)
}

pub(super) fn total_of(value: &Value) -> Option<i128> {
    let pairs = pairs(value)?;
    pairs
        .iter()
        .map(|(_, balance)| balance.as_int().map(i128::from))
        .sum()
}

/// An account's name: a number and its digits as text are the same account.
pub(super) fn name_of(account: &Value) -> Cow<'_, str> {
    match account {
        Value::Text(name) => Cow::Borrowed(&**name),
        other => Cow::Owned(other.to_string()),
    }
}

/// The total that comes up most; the one seen first where they are equal.
pub(super) fn most(totals: impl Iterator<Item = i128>) -> Option<i128> {
    let mut counts: FxHashMap<i128, usize> = FxHashMap::default();
    let mut seen: Vec<(i128, u64)> = Vec::new();
    for total in totals {
        let place = *counts.entry(total).or_insert(seen.len());
        if place == seen.len() {
            seen.push((total, 0));
        }
        seen[place].1 += 1;
    }
    let most = seen.iter().map(|&(_, times)| times).max()?;
    let first = seen.iter().find(|&&(_, times)| times == most)?;
    Some(first.0)
}
