//! One element of a set, the quick way: is there an order?
//!
//! The same walk as the [search](super::search), for an object that is in or out and operations that are all certain: a
//! configuration is one bit for the element and one for each of the operations that are open. Of the open operations that
//! put it in only the one that must return first is tried, and so of those that take it out. Most elements are touched by
//! few operations, and for these it is the setting up of a search that takes time.

use schism_history::{F, History, OpId, Outcome, Value};

use crate::linearizable::agenda::{Event, Slot, events, slots};
use crate::object::Call;

/// Configurations at one moment beyond which the search is asked.
const MOST: usize = 1_024;

/// What an operation does to the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// It finds it in, or out.
    Find(bool),
    /// It leaves it in, or out.
    Leave(bool),
}

/// How many operations happened, if an order explains them; `None` when that takes a search to tell.
/// O(n log n) where few are open at once.
pub(crate) fn explained(history: &History, ids: &[OpId]) -> Option<usize> {
    let mut calls = Vec::with_capacity(ids.len());
    for &id in ids {
        let op = history.operation(id);
        if op.outcome == Outcome::Fail {
            continue;
        }
        let action = match (op.f(), op.output()) {
            (F::Add, _) => Act::Leave(true),
            (F::Remove, _) => Act::Leave(false),
            (f, Value::Bool(there)) if f.name() == "contains" && op.outcome == Outcome::Ok => {
                Act::Find(*there)
            }
            (f, _) if f.name() == "contains" && op.outcome == Outcome::Info => continue,
            _ => return None,
        };
        if op.outcome == Outcome::Info {
            return None;
        }
        calls.push(Call {
            id,
            action,
            invoked: op.invoked,
            end: op.end(),
        });
    }
    let (slots, places) = slots(&calls, &[], |_| Slot::Update);
    (slots.updates <= 64 && walk(&calls, &places)).then_some(calls.len())
}

/// Whether the element is in, and which of the open operations have taken effect.
type Configuration = (bool, u64);

fn walk(calls: &[Call<Act>], place: &[Slot]) -> bool {
    let slot = |i: usize| place[i].number();
    let mut current: Vec<Configuration> = vec![(false, 0)];
    let mut open: Vec<usize> = Vec::new();
    for event in events(calls) {
        match event {
            Event::Invoke(i) => {
                open.push(i);
                for (there, done) in &mut current {
                    if calls[i].action == Act::Find(*there) {
                        *done |= 1 << slot(i);
                    }
                }
            }
            Event::Return(i) => {
                let bit = 1 << slot(i);
                let mut next: Vec<Configuration> = Vec::new();
                let mut at = 0;
                while at < current.len() {
                    let (there, done) = current[at];
                    at += 1;
                    if done & bit != 0 {
                        next.push((there, done & !bit));
                        continue;
                    }
                    for leaves in [false, true] {
                        let writers = open.iter().filter(|&&other| {
                            calls[other].action == Act::Leave(leaves)
                                && done >> slot(other) & 1 == 0
                        });
                        let Some(&first) = writers.min_by_key(|&&other| calls[other].end) else {
                            continue;
                        };
                        let finders = open
                            .iter()
                            .filter(|&&other| calls[other].action == Act::Find(leaves));
                        let done = finders.fold(done | 1 << slot(first), |done, &other| {
                            done | 1 << slot(other)
                        });
                        if !current.contains(&(leaves, done)) {
                            current.push((leaves, done));
                        }
                    }
                    if current.len() > MOST {
                        return false;
                    }
                }
                next.sort_unstable();
                next.dedup();
                open.retain(|&other| other != i);
                current = next;
                if current.is_empty() {
                    return false;
                }
            }
        }
    }
    true
}
