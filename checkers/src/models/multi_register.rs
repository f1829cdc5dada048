//! Several registers that are read and written together.

use std::collections::BTreeMap;

use schism_history::{F, Value};

use crate::model::{Action, Model};

/// `txn`: reads and writes of several keys, all at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MultiRegister;

/// What the keys hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Contents {
    held: BTreeMap<Value, Value>,
    /// Whether a key that is not in `held` may hold anything; else it holds nil.
    others: bool,
}

/// A micro-operation on a register: whether it writes, its key, and its value.
pub(crate) fn access(micro: &Value) -> Option<(bool, &Value, &Value)> {
    match micro.as_list()? {
        [name, key, value, ..] => match name.as_text()? {
            "r" => Some((false, key, value)),
            "w" => Some((true, key, value)),
            _ => None,
        },
        [name, key] if name.as_text()? == "r" => Some((false, key, &Value::Nil)),
        _ => None,
    }
}

impl Model for MultiRegister {
    type State = Contents;

    fn name(&self) -> &'static str {
        "multi-register"
    }

    fn init(&self) -> Contents {
        Contents {
            held: BTreeMap::new(),
            others: false,
        }
    }

    fn step(&self, state: &Contents, action: &Action) -> Option<Contents> {
        let mut state = state.clone();
        let micros = action.output.as_ref().unwrap_or(&action.input);
        for micro in micros.as_list()? {
            let (writes, key, value) = access(micro)?;
            if writes {
                state.held.insert(key.clone(), value.clone());
            } else if action.output.is_some() {
                match state.held.get(key) {
                    Some(held) if held == value => {}
                    None if state.others => {
                        state.held.insert(key.clone(), value.clone());
                    }
                    None if value.is_nil() => {}
                    _ => return None,
                }
            }
        }
        Some(state)
    }

    fn is_pure(&self, action: &Action) -> bool {
        let micros = action.input.as_list().unwrap_or_default();
        !micros.iter().filter_map(access).any(|(writes, ..)| writes)
    }

    fn knows(&self, action: &Action) -> bool {
        let fits = |micros: &Value| {
            micros
                .as_list()
                .is_some_and(|micros| micros.iter().all(|micro| access(micro).is_some()))
        };
        action.f == F::Txn && fits(&action.input) && action.output.as_ref().is_none_or(fits)
    }

    fn anything(&self) -> Option<Contents> {
        Some(Contents {
            held: BTreeMap::new(),
            others: true,
        })
    }
}
