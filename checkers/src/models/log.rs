//! A log that is appended to, and read as a whole.

use schism_history::{F, Value};

use crate::model::{Action, Model};

/// `append` puts an element at the end, `read` returns all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log;

impl Model for Log {
    type State = Vec<Value>;

    fn name(&self) -> &'static str {
        "log"
    }

    fn init(&self) -> Vec<Value> {
        Vec::new()
    }

    fn step(&self, state: &Vec<Value>, action: &Action) -> Option<Vec<Value>> {
        match (&action.f, &action.output) {
            (F::Append, _) => Some(state.iter().chain([&action.input]).cloned().collect()),
            (F::Read, None) => Some(state.clone()),
            (F::Read, Some(read)) => {
                (read.as_list().unwrap_or_default() == &state[..]).then(|| state.clone())
            }
            _ => None,
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        action.f == F::Read
    }

    fn knows(&self, action: &Action) -> bool {
        match (&action.f, &action.output) {
            (F::Append, _) => true,
            (F::Read, output) => matches!(output, None | Some(Value::List(_) | Value::Nil)),
            _ => false,
        }
    }
}
