//! What one object may do: its states, and which action leads from which state to which.
//!
//! Of a register, which is what most histories are about, states and arguments are small numbers: an extraction (see
//! [`object`](crate::object)) numbers what its operations mention, and [`Model`] is about numbers. All other objects are
//! models as users may define them, see [`crate::model::Model`].

mod bag;
mod cell;
mod counter;
mod ids;
mod lock;
mod log;
mod multi_register;
mod priority_queue;
mod queue;
mod register;
mod set;
mod stack;
mod text;

pub(crate) use bag::Bag;
pub(crate) use cell::{Cell, CellAction, cell_action, inner_key};
pub(crate) use counter::{Counter, delta};
pub(crate) use ids::Ids;
pub(crate) use lock::{FencedLock, Mutex};
pub(crate) use log::Log;
pub(crate) use multi_register::MultiRegister;
pub(crate) use priority_queue::PriorityQueue;
pub(crate) use queue::Queue;
pub(crate) use register::{Register, RegisterAction};
pub(crate) use set::{Element, Set};
pub(crate) use stack::Stack;
pub(crate) use text::{Text, text_of};

use std::fmt::Debug;
use std::hash::Hash;

/// A kind of object whose states are numbers.
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
