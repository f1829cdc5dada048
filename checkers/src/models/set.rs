//! A set, and one element of it.

use std::collections::BTreeSet;

use schism_history::{F, Value};

use crate::model::{Action, Model};

/// `add` and `remove` elements, ask whether it `contains` one, `read` all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set;

/// One element of a set: adding and removing others does not touch it, so that without reads of the whole set each is an
/// object of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element;

impl Model for Set {
    type State = BTreeSet<Value>;

    fn name(&self) -> &'static str {
        "set"
    }

    fn init(&self) -> BTreeSet<Value> {
        BTreeSet::new()
    }

    fn step(&self, state: &BTreeSet<Value>, action: &Action) -> Option<BTreeSet<Value>> {
        let mut state = state.clone();
        match action.f {
            F::Add => {
                state.insert(action.input.clone());
                Some(state)
            }
            F::Remove => {
                state.remove(&action.input);
                Some(state)
            }
            F::Read => {
                let read = match &action.output {
                    Some(output) => output.as_list().unwrap_or_default(),
                    None => return Some(state),
                };
                let fits = read.len() == state.len() && read.iter().all(|e| state.contains(e));
                // As many, all there, and no two of them the same.
                let distinct: BTreeSet<&Value> = read.iter().collect();
                (fits && distinct.len() == read.len()).then_some(state)
            }
            _ => {
                let there = state.contains(&action.input);
                action.may_return(&Value::Bool(there)).then_some(state)
            }
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        !matches!(action.f, F::Add | F::Remove)
    }

    fn knows(&self, action: &Action) -> bool {
        match &action.f {
            F::Add | F::Remove => true,
            F::Read => matches!(action.output, None | Some(Value::List(_) | Value::Nil)),
            f => f.name() == "contains" && matches!(action.output, None | Some(Value::Bool(_))),
        }
    }
}

impl Model for Element {
    /// Whether it is in the set; `None`: either.
    type State = Option<bool>;

    fn name(&self) -> &'static str {
        "set"
    }

    fn init(&self) -> Option<bool> {
        Some(false)
    }

    fn step(&self, state: &Option<bool>, action: &Action) -> Option<Option<bool>> {
        match action.f {
            F::Add => Some(Some(true)),
            F::Remove => Some(Some(false)),
            _ => match (&action.output, state) {
                (None, _) => Some(*state),
                (Some(output), Some(there)) => (*output == Value::Bool(*there)).then_some(*state),
                (Some(output), None) => Some(Some(*output == Value::Bool(true))),
            },
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        Set.is_pure(action)
    }

    fn knows(&self, action: &Action) -> bool {
        Set.knows(action)
    }

    fn anything(&self) -> Option<Option<bool>> {
        Some(None)
    }
}
