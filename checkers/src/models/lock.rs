//! Locks: a plain one, and one that hands out fencing tokens.

use schism_history::{F, Value};

use crate::model::{Action, Model};

/// `acquire` takes it when it is free, `release` gives it back when it is held. Who releases does not matter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mutex;

/// A mutex whose `acquire` returns a token larger than all before; `release` names the token, or nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FencedLock;

impl Model for Mutex {
    /// Whether it is held; `None`: either.
    type State = Option<bool>;

    fn name(&self) -> &'static str {
        "mutex"
    }

    fn init(&self) -> Option<bool> {
        Some(false)
    }

    fn step(&self, state: &Option<bool>, action: &Action) -> Option<Option<bool>> {
        let held = action.f == F::Release;
        state.is_none_or(|is| is == held).then_some(Some(!held))
    }

    fn knows(&self, action: &Action) -> bool {
        matches!(action.f, F::Acquire | F::Release) && action.output != Some(Value::Bool(false))
    }

    fn anything(&self) -> Option<Option<bool>> {
        Some(None)
    }
}

/// Who holds a fenced lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// Nobody.
    Nobody,
    /// The holder of this token; `None`: one that nobody knows, larger than all before.
    Token(Option<i64>),
    /// Nobody, or somebody.
    Anybody,
}

impl Model for FencedLock {
    /// Who holds it, and the largest token that is known to have been given.
    type State = (Holder, Option<i64>);

    fn name(&self) -> &'static str {
        "fenced lock"
    }

    fn init(&self) -> Self::State {
        (Holder::Nobody, None)
    }

    fn step(&self, &(holder, last): &Self::State, action: &Action) -> Option<Self::State> {
        let grows = |token: i64| last.is_none_or(|last| last < token);
        if action.f == F::Acquire {
            if matches!(holder, Holder::Token(_)) {
                return None;
            }
            return match action.output.as_ref().and_then(Value::as_int) {
                Some(token) => grows(token).then_some((Holder::Token(Some(token)), Some(token))),
                None => Some((Holder::Token(None), last)),
            };
        }
        match (holder, action.input.as_int()) {
            (Holder::Nobody, _) => None,
            (_, None) => Some((Holder::Nobody, last)),
            (Holder::Token(Some(held)), Some(token)) => {
                (held == token).then_some((Holder::Nobody, last))
            }
            // Whoever held it had this token, and it was larger than all before.
            (_, Some(token)) => grows(token).then_some((Holder::Nobody, Some(token))),
        }
    }

    fn knows(&self, action: &Action) -> bool {
        let token = |value: &Value| matches!(value, Value::Nil | Value::Int(_));
        match action.f {
            F::Acquire => action.output.as_ref().is_none_or(token),
            F::Release => token(&action.input),
            _ => false,
        }
    }

    fn anything(&self) -> Option<Self::State> {
        Some((Holder::Anybody, None))
    }
}
