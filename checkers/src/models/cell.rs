//! One key of a map, and a register by itself.

use schism_history::{F, Value};

use crate::model::{Action, Model};

/// What a key holds: `read`, `write`, `cas` of a register, and `get`, `put`, `remove` of a map, of which the key is
/// known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell;

/// What an operation on a cell does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellAction<'a> {
    /// It found this.
    Find(&'a Value),
    /// It did not find this.
    FindOther(&'a Value),
    /// It left this.
    Leave(&'a Value),
    /// It found the first and left the second.
    Replace(&'a Value, &'a Value),
    /// Nobody knows what it found.
    Look,
}

/// Reads an operation as one on a cell.
pub(crate) fn cell_action(action: &Action) -> Option<CellAction<'_>> {
    let found = match &action.output {
        Some(output) => CellAction::Find(output),
        None => CellAction::Look,
    };
    Some(match (&action.f, action.f.name()) {
        (F::Read, _) | (_, "get") => found,
        (F::Write, _) => CellAction::Leave(&action.input),
        (F::Remove, _) => CellAction::Leave(&Value::Nil),
        (F::Cas, _) => match (action.input.as_pair()?, &action.output) {
            ((old, _), Some(Value::Bool(false))) => CellAction::FindOther(old),
            ((old, new), _) => CellAction::Replace(old, new),
        },
        (_, "put") => CellAction::Leave(action.input.as_pair()?.1),
        _ => return None,
    })
}

/// The key of a map that an operation is about.
pub(crate) fn inner_key<'h>(f: &F, input: &'h Value) -> Option<&'h Value> {
    match f.name() {
        "put" => input.as_pair().map(|(key, _)| key),
        "get" | "remove" => Some(input),
        _ => None,
    }
}

impl Model for Cell {
    /// What it holds; `None`: anything.
    type State = Option<Value>;

    fn name(&self) -> &'static str {
        "map"
    }

    fn init(&self) -> Option<Value> {
        Some(Value::Nil)
    }

    fn step(&self, state: &Option<Value>, action: &Action) -> Option<Option<Value>> {
        let holds = |value: &Value| state.as_ref().is_none_or(|held| held == value);
        match cell_action(action)? {
            CellAction::Find(value) => holds(value).then(|| Some(value.clone())),
            CellAction::FindOther(value) => (state.as_ref() != Some(value)).then(|| state.clone()),
            CellAction::Leave(value) => Some(Some(value.clone())),
            CellAction::Replace(old, new) => holds(old).then(|| Some(new.clone())),
            CellAction::Look => Some(state.clone()),
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        matches!(
            cell_action(action),
            Some(CellAction::Find(_) | CellAction::FindOther(_) | CellAction::Look)
        )
    }

    fn knows(&self, action: &Action) -> bool {
        cell_action(action).is_some()
    }

    fn anything(&self) -> Option<Option<Value>> {
        Some(None)
    }
}
