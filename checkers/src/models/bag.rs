//! A queue that promises no order.

use schism_history::{F, Value};

use super::queue::{Queue, found_empty};
use crate::model::{Action, Model};

/// `enqueue` puts a value in, `dequeue` takes any one out; nil: there was none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bag;

impl Model for Bag {
    /// Sorted.
    type State = Vec<Value>;

    fn name(&self) -> &'static str {
        "unordered queue"
    }

    fn init(&self) -> Vec<Value> {
        Vec::new()
    }

    fn step(&self, state: &Vec<Value>, action: &Action) -> Option<Vec<Value>> {
        self.steps(state, action).into_iter().next()
    }

    fn steps(&self, state: &Vec<Value>, action: &Action) -> Vec<Vec<Value>> {
        match (&action.f, &action.output) {
            (F::Enqueue, _) => {
                let mut state = state.clone();
                let place = state.partition_point(|held| *held < action.input);
                state.insert(place, action.input.clone());
                vec![state]
            }
            (F::Dequeue, Some(Value::Nil)) if state.is_empty() => vec![Vec::new()],
            (F::Dequeue, _) => (0..state.len())
                .filter(|&i| i == 0 || state[i] != state[i - 1])
                .filter(|&i| action.may_return(&state[i]))
                .map(|i| {
                    let mut state = state.clone();
                    state.remove(i);
                    state
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        found_empty(action)
    }

    fn knows(&self, action: &Action) -> bool {
        Queue.knows(action)
    }
}
