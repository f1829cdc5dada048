//! Linearizability: each operation on an object seems to take effect at one moment between its invocation and its
//! return (Herlihy and Wing, "Linearizability: A correctness condition for concurrent objects", 1990).
//!
//! A history is linearizable exactly if each of its objects is, so keys are judged one by one. What follows is about
//! registers; for queues, stacks, sets, counters, logs, locks, maps and what users define see [`ModelName`] and
//! [`LinearizableAs`]. Each register gets the cheapest method that is exact for it:
//!
//! - sweep: the register is only read and written, each value once, and all is well. O(n) in practice.
//! - zones: every value that was found was written once. O(n log n).
//! - revisions: values repeat, and the database says in which order the updates took effect. What it says is tried; if it
//!   explains what the clients saw, that is an order like any other, and if not, it proves nothing. O(n log n).
//! - search: values repeat. Exponential in what is open at once, so it is bounded; a bound that is hit gives
//!   `unknown`, and says up to where an order exists.
//!
//! An operation that surely failed never happened. One of unknown outcome may take effect at any time after its
//! invocation, or never. Operations that only touch (one returns at the moment at which the other is invoked) overlap.
//! A register holds nil at first.
//!
//! A violation is shrunk until no operation can be spared, and searched again over all orders before it counts.
//!
//! Figures: `keys`, `operations`, `keys_by_zones` (the sweep included), `keys_by_revision`, `keys_by_search` (how many
//! were judged by each method), `steps` (of the searches).

mod agenda;
mod certify;
mod explain;
mod frontier;
mod general;
pub mod regular;
mod order;
mod relevant;
mod search;
mod shrink;
mod states;
mod suspects;
mod sweep;
mod widening;
mod window;
mod zones;

#[cfg(test)]
mod tests;

pub(crate) use general::finds_objects;
pub use general::{LinearizableAs, ModelName};

use std::cell::Cell;

use rayon::prelude::*;
use schism_history::{History, KeyId, OpId, Time, Value};

use crate::models::RegisterAction;
use crate::object::{Call, RegisterObject, Registers};
use crate::proof::conclusion::{Case, conclude};
use crate::proof::story::{count, grouped, of_key};
use crate::{Budget, Checker, Level, Levels, Validity, Verdict};

use search::{Bound, Found};
use sweep::Sweep;
use widening::search_object;
use zones::Zones;

/// Registers behave as if operations took effect one at a time, each while it ran.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linearizable;

/// Keys of which the violation is shrunk and told.
const EXPLAINED: usize = 8;
/// Conflicts of one key of which the smallest is told.
const COMPARED: usize = 16;
/// Searches that run at once. A constant, so that a verdict does not depend on the machine: they share the budget's
/// bytes.
const AT_ONCE: usize = 8;
/// Steps for shrinking one violation.
const SHRINK_STEPS: u64 = 50_000_000;
/// Steps for confirming one violation.
const CONFIRM_STEPS: u64 = 5_000_000;

impl Checker for Linearizable {
    fn name(&self) -> &'static str {
        "linearizable"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        general::beside_others(history, budget, || self.check_registers(history, budget))
    }
}

impl Linearizable {
    /// Judges the registers, and nothing else.
    fn check_registers(self, history: &History, budget: &Budget) -> Verdict {
        let groups = groups(history);
        let swept = sweep_keys(history, &groups, budget);
        let left = groups.iter().zip(&swept.calls);
        let left = left.filter(|(_, calls)| calls.is_none());
        let registers = Registers::among(history, left.map(|((key, ids), _)| (*key, &ids[..])));
        let registers = &registers;
        let all_keys = groups.len();
        drop(groups);
        let operations = registers.call_count() + swept.operations();
        if operations == 0 {
            let text = "there is nothing to judge: no read, write or compare-and-set of a register succeeded";
            return Verdict::new(self.name(), Validity::Unknown, text);
        }
        let mut judged = judge_by_zones(history, registers, budget);
        let steps = judge_by_search(history, registers, &mut judged, budget);
        let mut total = 0;
        let mut cases = Vec::new();
        for (object, judgement) in registers.objects.iter().zip(&judged) {
            total += judgement.conflicts();
            if cases.len() < EXPLAINED {
                cases.extend(explain(history, registers.calls(object), judgement, budget));
            }
        }
        let by = |method| judged.iter().filter(|j| j.method() == method).count();
        let (by_zones, by_revision) = (by(Method::Zones), by(Method::Revision));
        let keys = registers.objects.len() + swept.keys();
        let figures = Value::map([
            ("keys", keys as u64),
            ("operations", operations as u64),
            ("keys_by_zones", (by_zones + swept.keys()) as u64),
            ("keys_by_revision", by_revision as u64),
            ("keys_by_search", by(Method::Search) as u64),
            ("steps", steps),
        ]);
        let verdict = conclude(self.name(), cases, total, || {
            green(history, registers, &judged, [keys, operations])
        })
        .figures(figures);
        let levels = match verdict.validity {
            // Other objects were not judged.
            Validity::Valid if keys < all_keys => Levels::default(),
            Validity::Valid => Levels {
                held: vec![Level::Linearizable],
                ..Levels::default()
            },
            Validity::Invalid => Levels {
                refuted: vec![Level::Linearizable],
                ..Levels::default()
            },
            Validity::Unknown => Levels::default(),
        };
        verdict.levels(levels)
    }
}

/// The operations of each key. Where there is only one key there is nothing to sort out.
fn groups(history: &History) -> Vec<(KeyId, Vec<OpId>)> {
    let keys = history.columns().keys;
    match keys.first() {
        Some(&key) if keys.iter().all(|&other| other == key) => {
            vec![(key, (0..history.len() as u32).map(OpId).collect())]
        }
        _ => history.by_key(),
    }
}

/// The keys for which the sweep was enough.
struct Swept {
    /// For each key, how many calls there are if an order explains them.
    calls: Vec<Option<usize>>,
}

impl Swept {
    fn keys(&self) -> usize {
        self.calls.iter().flatten().count()
    }

    fn operations(&self) -> usize {
        self.calls.iter().flatten().sum()
    }
}

/// About what the tables of the zones take for one call; those of the sweep take less.
const BYTES_PER_CALL: u64 = 160;

fn sweep_keys(history: &History, groups: &[(KeyId, Vec<OpId>)], budget: &Budget) -> Swept {
    let sweep = |sweep: &mut Sweep, (_, ids): &(KeyId, Vec<OpId>)| {
        if budget.is_stopped() || ids.len() as u64 * BYTES_PER_CALL > budget.bytes {
            return None;
        }
        sweep.explains(history, ids)
    };
    let calls = if is_little(history) {
        let mut room = Sweep::default();
        groups.iter().map(|group| sweep(&mut room, group)).collect()
    } else {
        groups.par_iter().map_init(Sweep::default, sweep).collect()
    };
    Swept { calls }
}

/// Whether it takes longer to wake other threads than to judge the history without them.
fn is_little(history: &History) -> bool {
    const LITTLE: usize = 5_000;
    history.len() < LITTLE
}

/// How a key was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Zones,
    Revision,
    Search,
}

/// What is known about one key.
enum Judgement {
    /// An order exists.
    Fine { by: Method },
    /// The zones are in conflict.
    Zones(Box<Zones>),
    /// A call found a value that nobody had written yet.
    FromNowhere { call: usize },
    /// The search ended at the return of a call.
    Search { at: usize },
    /// Left to the search, which has not ended yet, or was ended.
    Open { found: Found, given: u64 },
    /// An operation is no register operation.
    Unreadable,
}

impl Judgement {
    fn conflicts(&self) -> u64 {
        match self {
            Self::Zones(zones) => zones.count,
            Self::Search { .. } | Self::FromNowhere { .. } => 1,
            Self::Fine { .. } | Self::Open { .. } | Self::Unreadable => 0,
        }
    }

    fn method(&self) -> Method {
        match self {
            Self::Fine { by } => *by,
            Self::Zones(_) => Method::Zones,
            Self::FromNowhere { .. }
            | Self::Search { .. }
            | Self::Open { .. }
            | Self::Unreadable => Method::Search,
        }
    }
}

fn judge_by_zones(history: &History, registers: &Registers, budget: &Budget) -> Vec<Judgement> {
    let judge = |object: &RegisterObject| {
        let calls = registers.calls(object);
        let open = |bound| Judgement::Open {
            found: Found::Exhausted {
                reached: None,
                configurations: 0,
                bound,
            },
            given: 0,
        };
        if object.unreadable.is_some() {
            return Judgement::Unreadable;
        }
        if budget.is_stopped() {
            return open(Bound::Stopped);
        }
        if calls.len() as u64 * BYTES_PER_CALL > budget.bytes {
            return open(Bound::Bytes);
        }
        let known = order::by_revision(history, calls);
        // Where values repeat, zones cannot tell, but the database's word often can.
        if known
            .as_ref()
            .is_some_and(|updates| updates.len() >= object.values as usize)
            && is_explained(calls, object.values, known.as_deref())
        {
            return Judgement::Fine {
                by: Method::Revision,
            };
        }
        match zones::judge(calls, object.values) {
            Some(zones) if zones.count == 0 => Judgement::Fine { by: Method::Zones },
            Some(zones) => Judgement::Zones(Box::new(zones)),
            None => match from_nowhere(calls, object.values) {
                Some(call) => Judgement::FromNowhere { call },
                None if is_explained(calls, object.values, known.as_deref()) => Judgement::Fine {
                    by: Method::Revision,
                },
                None => open(Bound::Steps),
            },
        }
    };
    if is_little(history) {
        return registers.objects.iter().map(judge).collect();
    }
    registers.objects.par_iter().map(judge).collect()
}

/// Whether the order in which the database says that the updates took effect explains all calls. O(n log n).
fn is_explained(calls: &[Call<RegisterAction>], values: u32, known: Option<&[u32]>) -> bool {
    known.is_some_and(|updates| order::around(calls, values, updates).is_some())
}

/// A call that happened and found a value that nobody had begun to write when it returned. O(calls).
fn from_nowhere(calls: &[Call<RegisterAction>], values: u32) -> Option<usize> {
    let mut first = vec![Time::NEVER; values as usize];
    first[0] = Time::ZERO;
    for call in calls {
        if let Some(value) = call.action.left() {
            let first = &mut first[value as usize];
            *first = call.invoked.min(*first);
        }
    }
    calls.iter().position(|call| {
        call.is_certain()
            && call
                .action
                .found()
                .is_some_and(|value| first[value as usize] > call.end)
    })
}

/// Searches what the zones could not judge; how many steps that took. Keys share the budget evenly; what easy ones leave
/// goes to the hard ones in a second and third round.
fn judge_by_search(
    history: &History,
    registers: &Registers,
    judged: &mut [Judgement],
    budget: &Budget,
) -> u64 {
    const ROUNDS: usize = 3;
    let mut left = budget.steps;
    for _ in 0..ROUNDS {
        let open: Vec<usize> = (0..judged.len())
            .filter(|&i| {
                matches!(
                    judged[i],
                    Judgement::Open {
                        found: Found::Exhausted {
                            bound: Bound::Steps,
                            ..
                        },
                        ..
                    }
                )
            })
            .collect();
        let share = left / (open.len() as u64).max(1);
        let enough = open.first().is_some_and(
            |&i| matches!(judged[i], Judgement::Open { given, .. } if share > given.saturating_mul(2)),
        );
        if !enough {
            break;
        }
        let each = budget.part(share, budget.bytes / AT_ONCE as u64);
        for some in open.chunks(AT_ONCE) {
            let found: Vec<(Found, u64)> = some
                .par_iter()
                .map(|&i| {
                    let object = &registers.objects[i];
                    let calls = registers.calls(object);
                    let known = order::by_revision(history, calls);
                    search_object(calls, object.values, known.as_deref(), &each)
                })
                .collect();
            for (&i, (found, steps)) in some.iter().zip(found) {
                left = left.saturating_sub(steps);
                judged[i] = match found {
                    Found::Explained => Judgement::Fine { by: Method::Search },
                    Found::Impossible { at } => Judgement::Search { at },
                    found @ (Found::Exhausted { .. } | Found::Lost { .. }) => Judgement::Open {
                        found,
                        given: share,
                    },
                };
            }
        }
    }
    budget.steps - left
}

/// The anomalies of one key.
fn explain(
    history: &History,
    calls: &[Call<RegisterAction>],
    judgement: &Judgement,
    budget: &Budget,
) -> Vec<Case> {
    let left = Cell::new(SHRINK_STEPS.min(budget.steps));
    let impossible = |calls: &[Call<RegisterAction>], since: Option<Time>| {
        let each = budget.part(left.get(), budget.bytes / 4);
        let (impossible, steps) = window::is_impossible(calls, since, &each);
        left.set(left.get() - steps);
        impossible
    };
    let told = |calls: Vec<Call<RegisterAction>>, since| {
        let shrunk = shrink::shrink(&calls, |fewer| impossible(fewer, since));
        explain::anomaly(history, &shrunk, since, CONFIRM_STEPS)
    };
    match judgement {
        Judgement::Zones(zones) => {
            // The smallest conflict of each kind.
            let mut suspects: Vec<(std::mem::Discriminant<zones::Conflict>, Vec<_>)> = zones
                .conflicts
                .iter()
                .take(COMPARED)
                .map(|&conflict| (std::mem::discriminant(&conflict), zones.suspects(conflict)))
                .collect();
            suspects.sort_by_key(|(_, calls)| calls.len());
            let mut kinds = Vec::new();
            suspects.retain(|(kind, _)| {
                let new = !kinds.contains(kind);
                kinds.push(*kind);
                new
            });
            suspects
                .into_iter()
                .map(|(_, calls)| {
                    let whole = zones.whole(&calls);
                    let tries = [calls, whole];
                    let enough = tries.into_iter().find(|calls| impossible(calls, None));
                    told(enough.unwrap_or_else(|| zones.calls.clone()), None)
                })
                .collect()
        }
        Judgement::FromNowhere { call } => vec![told(vec![calls[*call]], None)],
        Judgement::Search { at } => {
            let window = window::window(calls, *at, |calls, since| impossible(calls, since));
            vec![told(window.calls, window.since)]
        }
        Judgement::Fine { .. } | Judgement::Open { .. } | Judgement::Unreadable => Vec::new(),
    }
}

/// The verdict when no key is in violation.
fn green(
    history: &History,
    registers: &Registers,
    judged: &[Judgement],
    [keys, operations]: [usize; 2],
) -> (Validity, String) {
    let mut reasons = Vec::new();
    for (object, judgement) in registers.objects.iter().zip(judged) {
        let key = of_key(history.key(object.key));
        match judgement {
            Judgement::Open { found, .. } => {
                reasons.push(exhausted(history, registers.calls(object), found, &key));
            }
            Judgement::Unreadable => {
                let id = object.unreadable.map_or(String::new(), |id| id.to_string());
                reasons.push(format!(
                    "operation {id} {key} is a compare-and-set whose value is no list [expected, new]"
                ));
            }
            _ => {}
        }
    }
    let keys = count(keys as u64, "key");
    match reasons.first() {
        None => (
            Validity::Valid,
            format!(
                "{} on {keys} can be put into an order that explains what each one found",
                count(operations as u64, "operation")
            ),
        ),
        Some(first) => (
            Validity::Unknown,
            format!(
                "{} of {keys} could not be judged: {first}",
                grouped(reasons.len() as u64)
            ),
        ),
    }
}

fn exhausted(
    history: &History,
    calls: &[Call<RegisterAction>],
    found: &Found,
    key: &str,
) -> String {
    let Found::Exhausted {
        reached,
        configurations,
        bound,
    } = found
    else {
        return String::new();
    };
    let bound = match bound {
        Bound::Steps => "the allowed number of steps was spent",
        Bound::Bytes => "the allowed memory was full",
        Bound::Stopped => "the check was stopped",
    };
    match reached {
        Some(reached) => {
            let op = history.operation(calls[*reached].id);
            format!(
                "the operations {key} are linearizable up to {} at {}, number {} of {}; there {bound}, with {} open",
                op.id,
                op.end(),
                grouped(*reached as u64 + 1),
                grouped(calls.len() as u64),
                count(*configurations as u64, "possibility")
                    .replace("possibilitys", "possibilities"),
            )
        }
        None => format!("of the operations {key} nothing is known: {bound}"),
    }
}
