//! A source of identifiers.

use std::collections::BTreeSet;

use schism_history::{F, Value};

use crate::model::{Action, Model};

/// `generate` returns an identifier that nobody got before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids;

impl Model for Ids {
    /// Those that were given.
    type State = BTreeSet<Value>;

    fn name(&self) -> &'static str {
        "source of identifiers"
    }

    fn init(&self) -> BTreeSet<Value> {
        BTreeSet::new()
    }

    fn step(&self, state: &BTreeSet<Value>, action: &Action) -> Option<BTreeSet<Value>> {
        let mut state = state.clone();
        match &action.output {
            Some(id) => state.insert(id.clone()).then_some(state),
            None => Some(state),
        }
    }

    fn knows(&self, action: &Action) -> bool {
        action.f == F::Generate
    }
}
