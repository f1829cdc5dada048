//! From operations that are impossible together to as few of them as can be.
//!
//! Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002). What may be left
//! out together, so that the rest is still a proof about the whole, is told by [`units`].

use std::time::Duration;

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Time, Value};

use super::named::ModelName;
use super::objects::Calls;
use super::search::{Found, search};
use crate::Budget;
use crate::model::{Action, Model};
use crate::models::{CellAction, cell_action};
use crate::object::Call;

/// As few of the numbers below `count` as can be such that `broken` still holds, of which it must be true. Taking out any
/// one more would make it false, provided that what is broken stays broken when more is added.
pub(crate) fn minimal(count: usize, mut broken: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut kept: Vec<u32> = (0..count as u32).collect();
    let mut chunk = count.div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < kept.len() {
            let end = (at + chunk).min(kept.len());
            let mut fewer = kept.clone();
            fewer.drain(at..end);
            if broken(&fewer) {
                kept = fewer;
            } else {
                at = end;
            }
        }
        chunk = chunk.min(kept.len()) / 2;
    }
    kept
}

/// Operations that are impossible by themselves, as a search found them.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) ids: Vec<OpId>,
    pub(crate) since: Option<Time>,
    pub(crate) until: Option<Time>,
    pub(crate) scope: Option<Vec<Value>>,
}

/// As few as can be of the calls on an object of which a search found that none is left when call `at` returns.
pub(crate) fn shrink<M: Model>(
    history: &History,
    model: &M,
    name: Option<ModelName>,
    calls: &Calls,
    at: usize,
    budget: &Budget,
) -> Evidence {
    let until = calls.calls[at].end;
    // An end that was only inferred goes with those that it was inferred from.
    let calls = &calls.as_seen(history);
    let mut left = budget.steps;
    let mut impossible = |calls: &Calls, later: bool| {
        let each = budget.part(left, budget.bytes);
        let (found, steps) = search(model, later, calls, &each);
        left = left.saturating_sub(steps);
        matches!(found, Found::Impossible { .. })
    };
    let ended = cut(model, calls, None, until);
    let (within, since) = window(model, calls, &ended, until, &mut impossible);
    let units = units(model, name, &within);
    let build = |kept: &[u32]| units.build(&within, kept);
    let kept = minimal(units.count, |kept| {
        impossible(&build(kept), since.is_some())
    });
    let rest = build(&kept);
    let mut ids: Vec<OpId> = rest.calls.iter().map(|call| call.id).collect();
    ids.dedup();
    Evidence {
        ids,
        since,
        until: Some(until),
        scope: units.scope(&rest, name),
    }
}

/// The calls that matter between two moments: those that are open at either may or may not have happened.
fn cut<M: Model>(model: &M, calls: &Calls, since: Option<Time>, until: Time) -> Calls {
    let mut within = Calls {
        calls: Vec::new(),
        actions: calls.actions.clone(),
    };
    for call in &calls.calls {
        let over = since.is_some_and(|since| call.end < since);
        if call.invoked > until || over {
            continue;
        }
        let open = call.end > until || since.is_some_and(|since| call.invoked < since);
        if !open {
            within.calls.push(*call);
            continue;
        }
        // Where it took effect, it returned what it returned.
        if !model.is_pure(calls.action(call)) {
            within.calls.push(Call {
                end: Time::NEVER,
                ..*call
            });
        }
    }
    within
}

/// The latest beginning after which the calls are impossible whatever was before: by doubling, then by halving.
fn window<M: Model>(
    model: &M,
    calls: &Calls,
    ended: &Calls,
    until: Time,
    impossible: &mut impl FnMut(&Calls, bool) -> bool,
) -> (Calls, Option<Time>) {
    if model.anything().is_none() {
        return (ended.clone(), None);
    }
    let mut returns: Vec<Time> = ended
        .calls
        .iter()
        .filter(|call| call.is_certain())
        .map(|call| call.end)
        .collect();
    returns.sort_unstable();
    // As many of the last returns as are looked at.
    let mut of_size = |size: usize| {
        let begin = returns[returns.len() - 1 - size];
        let since = begin + Duration::from_nanos(1);
        let within = cut(model, calls, Some(since), until);
        impossible(&within, true).then_some((within, Some(since)))
    };
    let (mut enough, mut too_few) = (1, 0);
    let mut found = None;
    while enough < returns.len() {
        found = of_size(enough);
        if found.is_some() {
            break;
        }
        too_few = enough;
        enough *= 2;
    }
    while found.is_some() && enough - too_few > 1 {
        let size = too_few + (enough - too_few) / 2;
        match of_size(size) {
            None => too_few = size,
            smaller => (found, enough) = (smaller, size),
        }
    }
    found.unwrap_or_else(|| (ended.clone(), None))
}

/// What may be left out together.
struct Units {
    /// For each call its unit; `None`: it has to stay.
    of: Vec<Option<u32>>,
    count: usize,
    how: How,
    /// What somebody read although nobody put it in.
    phantoms: Vec<Value>,
}

/// How the rest is kept fair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// Nothing more is needed.
    Plain,
    /// Whoever found a value goes when somebody who may have left it is gone.
    Finders {
        /// It is an element of a set, not a key of a map.
        element: bool,
    },
    /// Reads of the whole are looked at as far as their elements are there.
    Projected,
}

/// Which calls may be left out, and why that is fair: an order of the whole would contain one of the rest.
///
/// - What changes nothing, by itself.
/// - Of queues, stacks, logs and sets that are read as a whole: a value, with all that was done to it. Reads are then read
///   without it.
/// - Of one key of a map, one element of a set: whoever left a value, with all that may have found it.
fn units<M: Model>(model: &M, name: Option<ModelName>, calls: &Calls) -> Units {
    let how = match name {
        Some(ModelName::AppendLog) => How::Projected,
        Some(ModelName::Set) if calls.actions.iter().any(|action| action.f == F::Read) => {
            How::Projected
        }
        Some(ModelName::Set) => How::Finders { element: true },
        Some(ModelName::Map) => How::Finders { element: false },
        _ => How::Plain,
    };
    let by_value = name.is_some_and(ModelName::is_collection) || how == How::Projected;
    let mut unit_of: FxHashMap<&Value, u32> = FxHashMap::default();
    let mut count = 0;
    let mut of = Vec::with_capacity(calls.calls.len());
    for call in &calls.calls {
        let action = calls.action(call);
        let mut fresh = || {
            count += 1;
            count - 1
        };
        let value = match (&action.f, &action.output) {
            (F::Dequeue | F::Pop, Some(value)) => Some(value),
            (F::Dequeue | F::Pop, None) => None,
            _ => Some(&action.input),
        };
        of.push(match value {
            _ if model.is_pure(action) || matches!(how, How::Finders { .. }) => Some(fresh()),
            Some(value) if by_value => Some(*unit_of.entry(value).or_insert_with(fresh)),
            _ => None,
        });
    }
    Units {
        of,
        count: count as usize,
        how,
        phantoms: match how {
            How::Projected => phantoms(calls),
            _ => Vec::new(),
        },
    }
}

impl Units {
    /// The calls of the units that are kept (in order), and those that stay anyway.
    fn build(&self, calls: &Calls, kept: &[u32]) -> Calls {
        let mut is_kept = vec![false; self.count];
        for &unit in kept {
            is_kept[unit as usize] = true;
        }
        let stays = |i: &usize| self.of[*i].is_none_or(|unit| is_kept[unit as usize]);
        let mut rest = Calls {
            calls: (0..calls.calls.len())
                .filter(stays)
                .map(|i| calls.calls[i])
                .collect(),
            actions: calls.actions.clone(),
        };
        // What comes after all that happened for sure does not matter.
        let certain = rest.calls.iter().filter(|call| call.is_certain());
        let last = certain.map(|call| call.end).max().unwrap_or(Time::ZERO);
        rest.calls.retain(|call| call.invoked <= last);
        match self.how {
            How::Plain => {}
            How::Finders { element } => {
                let gone: Vec<(&Call<u32>, Value)> = (0..calls.calls.len())
                    .filter(|i| !stays(i))
                    .filter_map(|i| {
                        let call = &calls.calls[i];
                        Some((call, left_by(calls.action(call), element)?))
                    })
                    .collect();
                rest.calls.retain(|call| {
                    let found = found_by(&calls.actions[call.action as usize]);
                    let served = |(other, left): &(&Call<u32>, Value)| {
                        found.as_ref() == Some(left) && other.invoked <= call.end
                    };
                    !gone.iter().any(served)
                });
            }
            How::Projected => {
                let there = self.there(&rest);
                rest.calls.retain(|call| {
                    let action = &rest.actions[call.action as usize];
                    !asks(action) || there.contains(&action.input)
                });
                for action in &mut rest.actions {
                    if let (F::Read, Some(output)) = (&action.f, &action.output) {
                        let items = output.as_list().unwrap_or_default();
                        let seen = items.iter().filter(|item| there.contains(item));
                        action.output = Some(Value::list(seen.cloned()));
                    }
                }
            }
        }
        rest
    }

    fn there(&self, rest: &Calls) -> Vec<Value> {
        let mut there = elements(rest);
        there.extend(self.phantoms.iter().cloned());
        there
    }

    fn scope(&self, rest: &Calls, name: Option<ModelName>) -> Option<Vec<Value>> {
        let collection = name.is_some_and(ModelName::is_collection);
        (collection || self.how == How::Projected).then(|| self.there(rest))
    }
}

/// The values that the calls put in or took out; sorted.
fn elements(calls: &Calls) -> Vec<Value> {
    let value = |call: &Call<u32>| {
        let action = calls.action(call);
        match action.f {
            F::Read => None,
            F::Dequeue | F::Pop => action.output.clone(),
            _ if asks(action) => None,
            _ => Some(action.input.clone()),
        }
    };
    let mut elements: Vec<Value> = calls
        .calls
        .iter()
        .filter_map(value)
        .filter(|value| !value.is_nil())
        .collect();
    elements.sort_unstable();
    elements.dedup();
    elements
}

/// The values that somebody read or asked for, and that nobody put in or took out; sorted.
fn phantoms(calls: &Calls) -> Vec<Value> {
    let put = elements(calls);
    let mut phantoms = Vec::new();
    for action in &calls.actions {
        if asks(action) {
            phantoms.push(action.input.clone());
        } else if let (F::Read, Some(read)) = (&action.f, &action.output) {
            phantoms.extend_from_slice(read.as_list().unwrap_or_default());
        }
    }
    phantoms.retain(|value| put.binary_search(value).is_err());
    phantoms.sort_unstable();
    phantoms.dedup();
    phantoms
}

/// Whether an operation asks for one element of a set.
fn asks(action: &Action) -> bool {
    action.f.name() == "contains"
}

/// What an operation left of an element of a set, or of a key of a map.
fn left_by(action: &Action, element: bool) -> Option<Value> {
    match (&action.f, cell_action(action)) {
        (F::Add, _) => Some(Value::Bool(true)),
        (F::Remove, _) if element => Some(Value::Bool(false)),
        (_, Some(CellAction::Leave(value))) => Some(value.clone()),
        _ => None,
    }
}

/// What an operation on one element or one key found there.
fn found_by(action: &Action) -> Option<Value> {
    if asks(action) {
        return action.output.clone();
    }
    match cell_action(action)? {
        CellAction::Find(value) => Some(value.clone()),
        _ => None,
    }
}
