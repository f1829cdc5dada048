//! Objects that users define: what an object may do, one operation at a time.

mod table;

pub use table::StateTable;

use std::fmt::Debug;
use std::hash::Hash;

use schism_history::{F, Value};

/// What one operation did to an object, as far as anybody knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    /// What was called.
    pub f: F,
    /// Its argument.
    pub input: Value,
    /// Its result; `None` when nobody knows it, because nobody knows whether the operation happened.
    pub output: Option<Value>,
}

impl Action {
    /// Whether the operation may have returned this: it did, or nobody knows what it returned.
    pub fn may_return(&self, value: &Value) -> bool {
        self.output.as_ref().is_none_or(|output| output == value)
    }
}

/// A kind of object, by what it does when operations come one at a time (its sequential specification). A history is
/// linearizable with respect to it if its operations can be put into an order that the object allows, each at one
/// moment while it ran.
///
/// ```
/// use schism_checkers::{Action, Budget, Checker, LinearizableAs, Model, Validity};
/// use schism_history::{F, Value, testing};
///
/// /// Holds the largest number that was ever put into it.
/// struct HighWaterMark;
///
/// impl Model for HighWaterMark {
///     type State = i64;
///
///     fn name(&self) -> &'static str {
///         "high-water mark"
///     }
///
///     fn init(&self) -> i64 {
///         0
///     }
///
///     fn step(&self, state: &i64, action: &Action) -> Option<i64> {
///         match action.f {
///             F::Write => Some(action.input.as_int()?.max(*state)),
///             F::Read => action.may_return(&Value::from(*state)).then_some(*state),
///             _ => None,
///         }
///     }
///
///     fn is_pure(&self, action: &Action) -> bool {
///         action.f == F::Read
///     }
/// }
///
/// let history = testing::history(
///     "
///     0 |w x 7|
///     1         |w x 3|
///     2                 |r x -> 3|
///     ",
/// );
/// let verdict = LinearizableAs::model(HighWaterMark).check(&history, &Budget::default());
/// assert_eq!(verdict.validity, Validity::Invalid);
/// ```
pub trait Model: Send + Sync {
    /// All that the object remembers.
    type State: Clone + Eq + Hash + Debug + Send + Sync;

    /// What it is called in texts: `queue`.
    fn name(&self) -> &'static str;

    /// Its state at the beginning of a history.
    fn init(&self) -> Self::State;

    /// The state after an operation; `None` when the object does not allow it in this state, with this result. An
    /// operation whose result is unknown may have had any.
    fn step(&self, state: &Self::State, action: &Action) -> Option<Self::State>;

    /// All states that may follow, for objects that leave a choice. Only [`Model::step`]'s, unless overridden.
    fn steps(&self, state: &Self::State, action: &Action) -> Vec<Self::State> {
        self.step(state, action).into_iter().collect()
    }

    /// Whether such an operation leaves every state as it is: a read. Saying so makes the search faster, and proofs
    /// smaller.
    fn is_pure(&self, _action: &Action) -> bool {
        false
    }

    /// Whether this is an operation of such an object at all, with an argument and a result that it can have. Where one
    /// is not, nothing is known about the object.
    fn knows(&self, _action: &Action) -> bool {
        true
    }

    /// A state that stands for all: whatever was done before, each step from it leads to what may follow, perhaps again to
    /// a state that stands for several. Here a read may change the state: what it found narrows down what may have been.
    /// With it a proof can begin in the middle of a history, which makes it smaller.
    fn anything(&self) -> Option<Self::State> {
        None
    }
}
