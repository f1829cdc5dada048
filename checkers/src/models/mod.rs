//! What one object may do: its states, and which action leads from which state to which.
//!
//! States and arguments are small numbers: an extraction (see [`object`](crate::object)) numbers what an object's
//! operations mention, and a model that has larger states numbers those itself.

mod register;

pub(crate) use register::{Register, RegisterAction};

use std::fmt::Debug;
use std::hash::Hash;

/// A kind of object.
///
/// Only [`step`](Model::step) decides what is legal. The other methods tell a search what it may skip; a model that
/// knows nothing answers `false` and `None`, and is searched more slowly.
pub(crate) trait Model {
    /// What an operation does to the object, arguments and result included.
    type Action: Copy + Debug + Eq + Ord + Hash;

    /// The state after `action` in `state`; `None` when it cannot happen there.
    fn step(&self, state: u32, action: Self::Action) -> Option<u32>;

    /// How many states there are; they are numbered from 0, which is the first.
    fn states(&self) -> u32;

    /// Whether the action leaves every state as it is.
    fn is_pure(&self, action: Self::Action) -> bool;

    /// The one state in which the action can happen, if there is only one.
    fn only_in(&self, action: Self::Action) -> Option<u32>;

    /// Whether the action can happen in every state.
    fn fits_anywhere(&self, action: Self::Action) -> bool;

    /// The state the action leaves behind, if that is the same in whatever state it happens.
    fn result(&self, action: Self::Action) -> Option<u32>;
}
