//! A model as a table of its states.

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, Value};

use super::{Action, Model};

/// A model given by its states and what leads from one to the other.
///
/// ```
/// use schism_checkers::{Budget, Checker, LinearizableAs, StateTable, Validity};
/// use schism_history::{Value, testing};
///
/// let door = StateTable::new("door", "closed")
///     .transition("closed", "open", Value::Nil, Value::Nil, "ajar")
///     .transition("ajar", "shut", Value::Nil, Value::Nil, "closed");
/// let history = testing::history(
///     "
///     0 |open d -> nil|
///     1                |open d -> nil|
///     2                               |shut d -> nil|
///     ",
/// );
/// let verdict = LinearizableAs::model(door).check(&history, &Budget::default());
/// assert_eq!(verdict.validity, Validity::Invalid);
/// ```
#[derive(Clone, Debug)]
pub struct StateTable {
    name: &'static str,
    names: Vec<&'static str>,
    rows: FxHashMap<(u32, F, Value), Vec<(Value, u32)>>,
    /// Calls that the table has a row for, and those that some row leaves the state with.
    calls: FxHashSet<(F, Value)>,
    moving: FxHashSet<(F, Value)>,
}

impl StateTable {
    /// A table without transitions, for an object of this name that begins in this state.
    pub fn new(name: &'static str, start: &'static str) -> Self {
        Self {
            name,
            names: vec![start],
            rows: FxHashMap::default(),
            calls: FxHashSet::default(),
            moving: FxHashSet::default(),
        }
    }

    /// In state `from`, calling `f` with `input` may return `output`, and leads to state `to`. There may be several for
    /// one call: the object chooses. O(states).
    #[must_use]
    pub fn transition(
        mut self,
        from: &'static str,
        f: &str,
        input: impl Into<Value>,
        output: impl Into<Value>,
        to: &'static str,
    ) -> Self {
        let (from, to) = (self.number(from), self.number(to));
        let call = (F::from(f), input.into());
        if from != to {
            self.moving.insert(call.clone());
        }
        self.calls.insert(call.clone());
        let row = self.rows.entry((from, call.0, call.1)).or_default();
        row.push((output.into(), to));
        self
    }

    fn number(&mut self, name: &'static str) -> u32 {
        let known = self.names.iter().position(|known| *known == name);
        let number = known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        number as u32
    }
}

impl Model for StateTable {
    type State = u32;

    fn name(&self) -> &'static str {
        self.name
    }

    fn init(&self) -> u32 {
        0
    }

    fn step(&self, state: &u32, action: &Action) -> Option<u32> {
        self.steps(state, action).first().copied()
    }

    fn steps(&self, state: &u32, action: &Action) -> Vec<u32> {
        let row = self
            .rows
            .get(&(*state, action.f.clone(), action.input.clone()));
        let mut next: Vec<u32> = row
            .into_iter()
            .flatten()
            .filter(|(output, _)| action.may_return(output))
            .map(|&(_, to)| to)
            .collect();
        next.sort_unstable();
        next.dedup();
        next
    }

    fn is_pure(&self, action: &Action) -> bool {
        !self
            .moving
            .contains(&(action.f.clone(), action.input.clone()))
    }

    fn knows(&self, action: &Action) -> bool {
        self.calls
            .contains(&(action.f.clone(), action.input.clone()))
    }
}
