//! A first-in-first-out queue.

use schism_history::{F, Value};

use crate::model::{Action, Model};

/// `enqueue` puts a value at the end, `dequeue` takes the one at the front; nil: there was none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue;

impl Model for Queue {
    type State = Vec<Value>;

    fn name(&self) -> &'static str {
        "queue"
    }

    fn init(&self) -> Vec<Value> {
        Vec::new()
    }

    fn step(&self, state: &Vec<Value>, action: &Action) -> Option<Vec<Value>> {
        match (&action.f, &action.output) {
            (F::Enqueue, _) => Some(state.iter().chain([&action.input]).cloned().collect()),
            (F::Dequeue, Some(Value::Nil)) => state.is_empty().then(Vec::new),
            (F::Dequeue, _) => {
                let (front, rest) = state.split_first()?;
                action.may_return(front).then(|| rest.to_vec())
            }
            _ => None,
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        found_empty(action)
    }

    fn knows(&self, action: &Action) -> bool {
        match action.f {
            F::Enqueue => !action.input.is_nil(),
            F::Dequeue => true,
            _ => false,
        }
    }
}

/// Whether a `dequeue` or `pop` found nothing.
pub(crate) fn found_empty(action: &Action) -> bool {
    matches!(action.f, F::Dequeue | F::Pop) && action.output == Some(Value::Nil)
}
