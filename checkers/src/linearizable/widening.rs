//! A narrow search first, then a wider one, then the full one.

use std::cell::Cell;

use super::relevant::relevant;
use super::search::{Bound, EVERYTHING, Found, search};
use super::window;
use crate::Budget;
use crate::models::{Register, RegisterAction};
use crate::object::Call;

/// Searches the calls on one register. Indices in what is found are those of `calls`.
pub(crate) fn search_object(
    calls: &[Call<RegisterAction>],
    values: u32,
    budget: &Budget,
) -> (Found, u64) {
    let relevant = relevant(calls, values);
    let (found, steps) = widening(&relevant, values, budget);
    let place = |i: usize| {
        let id = relevant[i].id;
        calls
            .binary_search_by_key(&id, |call| call.id)
            .expect("relevant calls are some of the calls")
    };
    let found = match found {
        Found::Impossible { at } => Found::Impossible { at: place(at) },
        Found::Lost { at } => Found::Lost { at: place(at) },
        Found::Exhausted {
            reached,
            configurations,
            bound,
        } => Found::Exhausted {
            reached: reached.map(place),
            configurations,
            bound,
        },
        Found::Explained => Found::Explained,
    };
    (found, steps)
}

/// Narrow searches, wider ones, and at last the full one. Where a narrow one ends it is looked whether the operations
/// around are impossible by themselves.
fn widening(calls: &[Call<RegisterAction>], values: u32, budget: &Budget) -> (Found, u64) {
    /// Widths; which part of what is left of the budget each may take, and, where it ends, the look around. The narrowest
    /// take few steps, end at different places, and one of them often gets through where a wide one would not in a
    /// hundred times as many.
    const WIDTHS: [(usize, u64, u64); 6] = [
        (16, 16, 64),
        (24, 16, 64),
        (32, 16, 64),
        (64, 8, 8),
        (1_024, 4, 8),
        (EVERYTHING, 1, 8),
    ];
    /// How many times as long as a search it may take to look around where it ended.
    const AROUND: u64 = 2;
    let left = Cell::new(budget.steps);
    let spend = |steps: u64| left.set(left.get() - steps);
    // Where it was looked around in vain, to the end.
    let mut possible_around = None;
    let mut furthest = Found::Exhausted {
        reached: None,
        configurations: 0,
        bound: Bound::Steps,
    };
    // What is certain soon leaves the frontier again, so that hardly anything is to be gained below this width.
    let least = if calls.iter().all(Call::is_certain) {
        64
    } else {
        0
    };
    for (width, share, around) in WIDTHS.into_iter().filter(|&(width, ..)| width >= least) {
        let each = budget.part(left.get() / share, budget.bytes);
        let (found, steps) = search(&Register { values }, calls, 0..1, width, &each);
        spend(steps);
        match found {
            Found::Lost { at } if possible_around == Some(at) => {}
            Found::Lost { at } => {
                // Looking shall not take much longer than getting here did.
                let share = Cell::new((left.get() / around).min(steps.saturating_mul(AROUND)));
                let impossible = |calls: &[Call<RegisterAction>], since| {
                    let part = budget.part(share.get(), budget.bytes);
                    let (impossible, steps) = window::is_impossible(calls, since, &part);
                    share.set(share.get() - steps);
                    spend(steps);
                    impossible
                };
                if window::window(calls, at, impossible).since.is_some() {
                    return (Found::Impossible { at }, budget.steps - left.get());
                }
                if share.get() > 0 {
                    possible_around = Some(at);
                }
            }
            Found::Exhausted {
                bound: Bound::Steps,
                ..
            } if width != EVERYTHING => furthest = further(furthest, found),
            Found::Exhausted { .. } => {
                return (further(furthest, found), budget.steps - left.get());
            }
            Found::Explained | Found::Impossible { .. } => {
                return (found, budget.steps - left.get());
            }
        }
    }
    (furthest, budget.steps - left.get())
}

/// Of two searches that were ended, what the one that came further found.
fn further(one: Found, other: Found) -> Found {
    let reached = |found: &Found| match found {
        Found::Exhausted { reached, .. } => *reached,
        _ => None,
    };
    if reached(&one) > reached(&other) {
        one
    } else {
        other
    }
}
