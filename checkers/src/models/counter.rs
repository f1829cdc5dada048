//! A counter.

use schism_history::{F, Value};

use crate::model::{Action, Model};

/// `add` an integer (or `increment`, `decrement` by one, or by an integer), `read` the sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter;

impl Model for Counter {
    /// The sum; `None`: any.
    type State = Option<i128>;

    fn name(&self) -> &'static str {
        "counter"
    }

    fn init(&self) -> Option<i128> {
        Some(0)
    }

    fn step(&self, state: &Option<i128>, action: &Action) -> Option<Option<i128>> {
        if action.f != F::Read {
            let delta = delta(&action.f, &action.input)?;
            return Some(state.map(|sum| sum + delta));
        }
        let Some(read) = &action.output else {
            return Some(*state);
        };
        let read = i128::from(read.as_int()?);
        state.is_none_or(|sum| sum == read).then_some(Some(read))
    }

    fn is_pure(&self, action: &Action) -> bool {
        action.f == F::Read
    }

    fn knows(&self, action: &Action) -> bool {
        match (&action.f, &action.output) {
            (F::Read, output) => matches!(output, None | Some(Value::Int(_))),
            (f, _) => delta(f, &action.input).is_some(),
        }
    }

    fn anything(&self) -> Option<Option<i128>> {
        Some(None)
    }
}

/// What an operation adds to a counter; `None` when it is none that adds.
pub(crate) fn delta(f: &F, input: &Value) -> Option<i128> {
    let amount = match input {
        Value::Nil => 1,
        Value::Int(amount) => i128::from(*amount),
        _ => return None,
    };
    match f.name() {
        "add" | "increment" => Some(amount),
        "decrement" => Some(-amount),
        _ => None,
    }
}
