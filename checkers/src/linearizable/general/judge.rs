//! One object, from its operations to what is known about it.

use schism_history::{F, History, OpId, Outcome, Value};

use super::chain::{Chain, NotRead};
use super::collection::{Collection, Judgement, Reading};
use super::counter::Additions;
use super::named::ModelName;
use super::objects::{Calls, Object};
use super::search::{Found, search};
use super::shrink::{Evidence, minimal, shrink};
use super::{element, priority_queue, queue, stack};
use crate::Budget;
use crate::model::Model;

/// What is known about one object.
pub(crate) struct Judged {
    pub(crate) known: Known,
    /// Operations that may have happened.
    pub(crate) operations: usize,
    /// Whether a monitor decided it, and no search.
    pub(crate) by_monitor: bool,
    pub(crate) steps: u64,
}

pub(crate) enum Known {
    /// An order exists.
    Fine,
    /// None exists. As few operations as can be that show it, a few times, and how often it was found.
    Broken { evidence: Vec<Evidence>, count: u64 },
    /// A bound was hit: what is known up to there.
    Open {
        reached: Option<OpId>,
        place: usize,
        why: &'static str,
    },
    /// An operation is none on such an object.
    Unreadable(OpId),
}

impl Judged {
    fn monitor(operations: usize, known: Known) -> Self {
        Self {
            known,
            operations,
            by_monitor: true,
            steps: 0,
        }
    }
}

/// About what the tables take for one operation.
const BYTES_PER_OPERATION: u64 = 200;
/// Steps for shrinking one violation that a search found.
const SHRINK_STEPS: u64 = 20_000_000;
/// Values of one object up to which its violations are looked for again with the first ones taken out.
const AGAIN_UP_TO: usize = 100_000;
/// Violations of one object that are told.
const TOLD: usize = 4;

/// Judges an object of a model that has a name.
pub(crate) fn judge(
    history: &History,
    object: &Object<'_>,
    name: ModelName,
    model: &impl Model,
    budget: &Budget,
) -> Judged {
    let ids = &object.ids;
    if let Some(refused) = refused(ids, budget) {
        return refused;
    }
    let monitored = match name {
        ModelName::UniqueIds => Some(unique_ids(history, ids)),
        ModelName::Counter => counter(history, ids),
        ModelName::AppendLog | ModelName::Set if object.part.is_none() => chain(history, ids, name),
        ModelName::Set => element::explained(history, ids)
            .map(|operations| Judged::monitor(operations, Known::Fine)),
        name if name.is_collection() => collection(history, ids, name),
        _ => None,
    };
    monitored.unwrap_or_else(|| by_search(history, ids, Some(name), model, budget))
}

/// Judges an object by searching.
pub(crate) fn by_search<M: Model>(
    history: &History,
    ids: &[OpId],
    name: Option<ModelName>,
    model: &M,
    budget: &Budget,
) -> Judged {
    let searched = |operations, known, steps| Judged {
        known,
        operations,
        by_monitor: false,
        steps,
    };
    if let Some(refused) = refused(ids, budget) {
        return refused;
    }
    let mut calls = match Calls::of(history, model, ids) {
        Ok(calls) => calls,
        Err(id) => return searched(ids.len(), Known::Unreadable(id), 0),
    };
    if let Some(name) = name {
        calls.settle(name);
    }
    let operations = calls.calls.len();
    let (found, steps) = search(model, false, &calls, budget);
    let known = match found {
        Found::Explained => Known::Fine,
        Found::Impossible { at } => {
            let each = budget.part(SHRINK_STEPS.min(budget.steps), budget.bytes);
            Known::Broken {
                evidence: vec![shrink(history, model, name, &calls, at, &each)],
                count: 1,
            }
        }
        Found::Exhausted { reached, why } => Known::Open {
            reached: reached.map(|i| calls.calls[i].id),
            place: reached.map_or(0, |i| i + 1),
            why,
        },
    };
    searched(operations, known, steps)
}

/// What is said without a look, when the budget does not even allow that.
fn refused(ids: &[OpId], budget: &Budget) -> Option<Judged> {
    let why = if budget.is_stopped() {
        "the check was stopped"
    } else if ids.len() as u64 * BYTES_PER_OPERATION > budget.bytes {
        "the allowed memory was full"
    } else {
        return None;
    };
    let known = Known::Open {
        reached: None,
        place: 0,
        why,
    };
    Some(Judged::monitor(ids.len(), known))
}

fn evidence(ids: Vec<OpId>, scope: Option<Vec<Value>>) -> Evidence {
    Evidence {
        ids,
        since: None,
        until: None,
        scope,
    }
}

/// Identifiers are judged by looking for one that was given twice. O(n log n).
fn unique_ids(history: &History, ids: &[OpId]) -> Judged {
    let mut given: Vec<(u32, OpId)> = Vec::with_capacity(ids.len());
    let mut operations = 0;
    for &id in ids {
        let op = history.operation(id);
        if op.f().name() != "generate" && op.outcome != Outcome::Fail {
            return Judged::monitor(ids.len(), Known::Unreadable(id));
        }
        operations += usize::from(op.outcome != Outcome::Fail);
        if op.outcome == Outcome::Ok {
            given.push((op.output_id.0, id));
        }
    }
    given.sort_unstable();
    let twice = given.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let mut pairs: Vec<[OpId; 2]> = twice.map(|pair| [pair[0].1, pair[1].1]).collect();
    pairs.sort_unstable_by_key(|pair| pair[1]);
    let count = pairs.len() as u64;
    let known = if pairs.is_empty() {
        Known::Fine
    } else {
        let told = pairs.iter().take(TOLD);
        Known::Broken {
            evidence: told.map(|pair| evidence(pair.to_vec(), None)).collect(),
            count,
        }
    };
    Judged::monitor(operations, known)
}

/// A counter of which every operation adds the same; a violation is left to the search, which finds where it is.
fn counter(history: &History, ids: &[OpId]) -> Option<Judged> {
    let additions = Additions::of(history, ids)?;
    (additions.judge() == Judgement::Fine).then(|| Judged::monitor(additions.len(), Known::Fine))
}

/// Queues, stacks and their kin: by a monitor, as far as values were put in once; `None`: it could not tell.
fn collection(history: &History, ids: &[OpId], name: ModelName) -> Option<Judged> {
    let mut reading = Reading::of(history, ids, name == ModelName::PriorityQueue);
    if let Some(id) = reading.unreadable {
        return Some(Judged::monitor(ids.len(), Known::Unreadable(id)));
    }
    let judge = |collection: &Collection| match name {
        ModelName::Queue => queue::judge(collection, true),
        ModelName::UnorderedQueue => queue::judge(collection, false),
        ModelName::Stack => stack::judge(collection),
        _ => priority_queue::judge(collection),
    };
    let loose = std::mem::take(&mut reading.loose);
    let told = |mut ids: Vec<OpId>, scope: Vec<Value>| {
        with_loose(history, &mut ids, &loose);
        evidence(ids, Some(scope))
    };
    let mut count = reading.impossible_count;
    let impossible = reading.impossible.iter();
    let mut found: Vec<Evidence> = impossible
        .map(|(value, ids)| told(ids.clone(), vec![value.clone()]))
        .collect();
    // Kept only where equal values are still to be told apart.
    let mut collection = if reading.ambiguous.is_empty() {
        std::mem::take(&mut reading.collection)
    } else {
        reading.collection.clone()
    };
    let mut unsure = false;
    for _ in 0..TOLD {
        match judge(&collection) {
            Judgement::Fine => break,
            Judgement::Unsure => {
                unsure = true;
                break;
            }
            Judgement::Broken => {}
        }
        let kept = minimal(collection.len(), |kept| {
            judge(&collection.only(kept)) == Judgement::Broken
        });
        count += 1;
        let ids = collection.only(&kept).ids();
        let scope = put_values(history, &ids);
        found.push(told(ids, scope));
        if collection.len() > AGAIN_UP_TO {
            break;
        }
        collection = collection.without(&kept);
    }
    let known = if !found.is_empty() {
        Known::Broken {
            evidence: found,
            count,
        }
    } else if unsure {
        return None;
    } else if reading.ambiguous.is_empty() {
        Known::Fine
    } else {
        // Equal values: an order is found by guessing which is which, or by searching.
        let guesses = [
            reading.told_apart(|span| span.begin),
            reading.told_apart(|span| span.end),
        ];
        let mut guesses = guesses.iter().flatten();
        guesses
            .any(|guess| judge(guess) == Judgement::Fine)
            .then_some(Known::Fine)?
    };
    Some(Judged::monitor(reading.operations, known))
}

/// The operations, with those of the `loose` ones that may have taken something before the others were over. Sorted.
fn with_loose(history: &History, ids: &mut Vec<OpId>, loose: &[OpId]) {
    let last = ids
        .iter()
        .map(|&id| history.operation(id))
        .filter(|op| op.outcome == Outcome::Ok)
        .map(|op| op.end())
        .max();
    let began = |id: &&OpId| Some(history.operation(**id).invoked) <= last;
    ids.extend(loose.iter().filter(began));
    ids.sort_unstable();
    ids.dedup();
}

/// The values that these operations put in. Sorted.
fn put_values(history: &History, ids: &[OpId]) -> Vec<Value> {
    let mut values: Vec<Value> = ids
        .iter()
        .map(|&id| history.operation(id))
        .filter(|op| matches!(op.f(), F::Enqueue | F::Push | F::Add | F::Append))
        .map(|op| op.input().clone())
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// Sets that only grow, and logs.
fn chain(history: &History, ids: &[OpId], name: ModelName) -> Option<Judged> {
    let ordered = name == ModelName::AppendLog;
    let chain = match Chain::of(history, ids, ordered) {
        Ok(chain) => chain,
        Err(NotRead::OtherShape) => return None,
        Err(NotRead::Unreadable(id)) => {
            return Some(Judged::monitor(ids.len(), Known::Unreadable(id)));
        }
    };
    let told = |ids: Vec<OpId>, scope| evidence(ids, Some(scope));
    let impossible = chain.impossible.iter();
    let mut found: Vec<Evidence> = impossible
        .map(|(value, ids)| told(ids.clone(), vec![(*value).clone()]))
        .collect();
    let mut count = chain.impossible_count;
    let mut all: Vec<u32> = (0..chain.len() as u32).collect();
    for _ in 0..TOLD {
        if chain.is_fine(&all) {
            break;
        }
        let kept = minimal(all.len(), |kept| {
            let some: Vec<u32> = kept.iter().map(|&i| all[i as usize]).collect();
            !chain.is_fine(&some)
        });
        let core: Vec<u32> = kept.iter().map(|&i| all[i as usize]).collect();
        let ids = chain.ids(&core);
        let scope = put_values(history, &ids);
        found.push(told(ids, scope));
        count += 1;
        if all.len() > AGAIN_UP_TO {
            break;
        }
        all.retain(|i| core.binary_search(i).is_err());
    }
    let known = if found.is_empty() {
        Known::Fine
    } else {
        Known::Broken {
            evidence: found,
            count,
        }
    };
    Some(Judged::monitor(chain.operations, known))
}
