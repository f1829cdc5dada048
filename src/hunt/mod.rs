//! Hunts: a plan carried out with one seed after the other, in search of a violation.
//!
//! A hunt carries out [`Candidate`]s and learns an [`Outcome`] from each; that is all it knows, so candidates may come
//! from anywhere. [`search()`] takes them from a range of seeds, on several threads. Outcomes count in the order of the
//! seeds, and those after the one that ended the hunt do not: it says the same on any number of threads. What it keeps
//! is bounded by how many causes and kinds of faults there are, not by how many seeds.

mod bound;
mod cause;
mod coverage;
mod found;
mod outcome;
mod search;

pub use bound::failure_rate_bound;
pub use cause::Cause;
pub use coverage::{Cell, Coverage};
pub use found::{Ending, Found, Group};
pub use outcome::{Candidate, ExecuteError, Outcome, execute};
pub use search::{Hunt, search};
