//! Invariants of application data.

mod contents;
mod messages;
mod money;
mod orders;
mod relaxed;
mod rights;

use rand::{Rng, RngExt};
use rand_pcg::Pcg64Mcg;
use schism_history::{History, Value};

use crate::calls::{Call, history};

/// The places of the calls of `f` that are `ok`.
fn oks(calls: &[Call], f: &str) -> Vec<usize> {
    (0..calls.len())
        .filter(|&i| calls[i].is_ok() && calls[i].f.name() == f)
        .collect()
}

/// One of them.
fn any<T: Copy>(rng: &mut impl Rng, of: &[T]) -> Option<T> {
    (!of.is_empty()).then(|| of[rng.random_range(0..of.len())])
}

/// The history, and in half of the cases a violation in it.
fn planted(
    make: fn(&mut Pcg64Mcg) -> Vec<Call>,
    plant: impl Fn(&mut Pcg64Mcg, &mut Vec<Call>) -> Option<()>,
) -> impl Fn(&mut Pcg64Mcg, bool) -> Option<History> {
    move |rng, bad| {
        let mut calls = make(rng);
        if bad {
            plant(rng, &mut calls)?;
        }
        Some(history(&calls))
    }
}

/// Changes one named part of a map.
fn change(value: &mut Value, name: &str, by: impl Fn(i64) -> Value) {
    let Value::Map(parts) = &*value else { return };
    let parts: Vec<(&str, Value)> = parts
        .iter()
        .map(|(part, value)| match value.as_int() {
            Some(n) if **part == *name => (&**part, by(n)),
            _ => (&**part, value.clone()),
        })
        .collect();
    *value = Value::map(parts);
}

/// Changes the list that the last read returned.
fn change_list(calls: &mut [Call], with: impl FnOnce(&mut Vec<Value>) -> Option<()>) -> Option<()> {
    let last = calls.last_mut()?;
    let mut items = last.output.as_list()?.to_vec();
    with(&mut items)?;
    last.output = Value::list(items);
    Some(())
}
