//! A narrow search first, then a wider one, then the full one.

use std::cell::Cell;

use super::relevant::relevant;
use super::search::{Bound, EVERYTHING, Found, How, UNRANKED, search, search_as};
use super::window;
use crate::Budget;
use crate::models::{Register, RegisterAction};
use crate::object::Call;

/// Searches the calls on one register; `known` is the order of the certain updates, if somebody says that he knows it.
/// Indices in what is found are those of `calls`.
pub(crate) fn search_object(
    calls: &[Call<RegisterAction>],
    values: u32,
    known: Option<&[u32]>,
    budget: &Budget,
) -> (Found, u64) {
    let relevant = relevant(calls, values);
    let mut spent = 0;
    if let Some(known) = known {
        let ranks = ranks(calls, &relevant, known);
        let how = How {
            ranks: Some(&ranks),
            traced: false,
        };
        // It may be wrong; then nothing is proved, and all orders are searched.
        let part = budget.part(budget.steps / 8, budget.bytes);
        let searched = search_as(&Register { values }, &relevant, KNOWN_WIDTH, how, &part);
        if searched.found == Found::Explained {
            return (searched.found, searched.steps);
        }
        spent = searched.steps;
    }
    let left = budget.part(budget.steps - spent, budget.bytes);
    let (found, steps) = widening(&relevant, values, &left);
    let steps = steps + spent;
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

/// The width of a search that knows the order of the certain updates.
const KNOWN_WIDTH: usize = 256;

/// The calls that change the register and took effect, in an order that explains all calls, as narrow as it can be found;
/// `known` as for [`search_object`]. Indices are those of `calls`.
pub(crate) fn trace(
    calls: &[Call<RegisterAction>],
    values: u32,
    known: Option<&[u32]>,
    budget: &Budget,
) -> Option<Vec<u32>> {
    let relevant = relevant(calls, values);
    let ranks = known.map(|known| ranks(calls, &relevant, known));
    let known = ranks.as_deref().map(|ranks| (KNOWN_WIDTH, 8, Some(ranks)));
    let free = WIDTHS.iter().map(|&(width, share, _)| (width, share, None));
    let mut left = budget.steps;
    for (width, share, ranks) in known.into_iter().chain(free) {
        let how = How {
            ranks,
            traced: true,
        };
        let part = budget.part(left / share, budget.bytes);
        let searched = search_as(&Register { values }, &relevant, width, how, &part);
        left -= searched.steps;
        if let Some(updates) = searched.updates {
            let place = |i: u32| {
                let id = relevant[i as usize].id;
                let place = calls.binary_search_by_key(&id, |call| call.id);
                place.expect("relevant calls are some of the calls") as u32
            };
            return Some(updates.into_iter().map(place).collect());
        }
    }
    None
}

/// The place of each relevant call in a known order of some of the calls.
fn ranks(
    calls: &[Call<RegisterAction>],
    relevant: &[Call<RegisterAction>],
    known: &[u32],
) -> Vec<u32> {
    let mut ranks = vec![UNRANKED; relevant.len()];
    for (rank, &i) in known.iter().enumerate() {
        let id = calls[i as usize].id;
        if let Ok(place) = relevant.binary_search_by_key(&id, |call| call.id) {
            ranks[place] = rank as u32;
        }
    }
    ranks
}

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

/// Narrow searches, wider ones, and at last the full one. Where a narrow one ends it is looked whether the operations
/// around are impossible by themselves.
fn widening(calls: &[Call<RegisterAction>], values: u32, budget: &Budget) -> (Found, u64) {
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
