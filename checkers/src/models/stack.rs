//! A stack.

use schism_history::{F, Value};

use super::queue::found_empty;
use crate::model::{Action, Model};

/// `push` puts a value on top, `pop` takes the one on top; nil: there was none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack;

impl Model for Stack {
    type State = Vec<Value>;

    fn name(&self) -> &'static str {
        "stack"
    }

    fn init(&self) -> Vec<Value> {
        Vec::new()
    }

    fn step(&self, state: &Vec<Value>, action: &Action) -> Option<Vec<Value>> {
        match (&action.f, &action.output) {
            (F::Push, _) => Some(state.iter().chain([&action.input]).cloned().collect()),
            (F::Pop, Some(Value::Nil)) => state.is_empty().then(Vec::new),
            (F::Pop, _) => {
                let (top, rest) = state.split_last()?;
                action.may_return(top).then(|| rest.to_vec())
            }
            _ => None,
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        found_empty(action)
    }

    fn knows(&self, action: &Action) -> bool {
        match action.f {
            F::Push => !action.input.is_nil(),
            F::Pop => true,
            _ => false,
        }
    }
}
