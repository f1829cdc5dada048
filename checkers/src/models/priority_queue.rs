//! A priority queue.

use schism_history::{F, Value};

use super::queue::found_empty;
use crate::model::{Action, Model};

/// `enqueue` puts an integer in, `dequeue` takes the largest one; nil: there was none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PriorityQueue;

impl Model for PriorityQueue {
    /// Sorted.
    type State = Vec<i64>;

    fn name(&self) -> &'static str {
        "priority queue"
    }

    fn init(&self) -> Vec<i64> {
        Vec::new()
    }

    fn step(&self, state: &Vec<i64>, action: &Action) -> Option<Vec<i64>> {
        match (&action.f, &action.output) {
            (F::Enqueue, _) => {
                let number = action.input.as_int()?;
                let mut state = state.clone();
                state.insert(state.partition_point(|&held| held < number), number);
                Some(state)
            }
            (F::Dequeue, Some(Value::Nil)) => state.is_empty().then(Vec::new),
            (F::Dequeue, _) => {
                let (&largest, rest) = state.split_last()?;
                action
                    .may_return(&Value::from(largest))
                    .then(|| rest.to_vec())
            }
            _ => None,
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        found_empty(action)
    }

    fn knows(&self, action: &Action) -> bool {
        let orders = |value: &Value| value.as_int().is_some();
        match action.f {
            F::Enqueue => orders(&action.input),
            F::Dequeue => action
                .output
                .as_ref()
                .is_none_or(|output| output.is_nil() || orders(output)),
            _ => false,
        }
    }
}
