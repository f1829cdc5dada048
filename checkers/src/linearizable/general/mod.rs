//! Linearizability of objects of any kind: queues, stacks, sets, counters, logs, locks, maps, and what users define.
//!
//! A history is linearizable exactly if each of its objects is, so they are judged one by one: each key by itself, each
//! inner key of a map, each element of a set that is never read as a whole. Each gets the cheapest method that is exact
//! for it:
//!
//! | model | functions | monitor |
//! |---|---|---|
//! | `queue`, `unordered-queue` | `enqueue`, `dequeue`, `drain` | values put in once: O(n log n) |
//! | `stack` | `push`, `pop` | values put in once: O(n log n) |
//! | `priority-queue` | `enqueue`, `dequeue` (largest integer first) | values put in once: O(n log n) |
//! | `set` | `add`, `remove`, `contains`, `read` | nothing removed: O(n + length of the reads); no reads: one element |
//! | `append-log` | `append`, `read` | elements appended once: O(n + length of the reads) |
//! | `counter` | `add`, `increment`, `decrement`, `read` | all add the same: O(n log n) |
//! | `unique-ids` | `generate` | always: O(n log n) |
//! | `mutex`, `fenced-lock` | `acquire`, `release` | |
//! | `map` | `put`, `get`, `remove` | |
//! | `text` | `append`, `put`, `get` | |
//! | `multi-register` | `txn` of `r` and `w` | |
//!
//! Everything else is searched: see [`search`]. A search is bounded; a bound that is hit gives `unknown`, and says up to
//! where an order exists.
//!
//! An operation that surely failed never happened. One of unknown outcome may take effect at any time after its
//! invocation, or never. Operations that only touch overlap. A drain is a client that takes out one element after the
//! other, each by itself. A `dequeue` or `pop` that returns nil found nothing.
//!
//! A violation is shrunk until nothing can be spared, and searched again over all orders before it counts. Anomalies:
//! `phantom-value`, `duplicate-value`, `future-value`, `lost-value`, `reordered`, `false-empty` of queues and stacks;
//! `phantom-element`, `duplicate-element`, `future-read`, `stale-read`, `contradicting-reads` of sets and logs;
//! `two-holders`, `not-held`, `token-back` of locks; `impossible-count`, `duplicate-id`, and `no-order` for the rest.
//!
//! Figures: `keys`, `operations`, `keys_by_monitor`, `keys_by_search` (how many objects were judged by each), `steps` (of
//! the searches).

mod chain;
mod collection;
mod counter;
mod cover;
mod element;
mod judge;
mod named;
mod objects;
mod priority_queue;
mod queue;
mod search;
mod shrink;
mod space;
mod stack;
mod tell;

#[cfg(test)]
mod tests;

pub use named::ModelName;
pub(crate) use named::finds_objects;

use rayon::prelude::*;
use schism_history::{F, History, KeyId, OpId, Outcome, Value};

use self::judge::{Judged, Known};
use self::named::objects_found;
use self::objects::{Object, split};
use self::shrink::Evidence;
use super::Linearizable;
use crate::model::Model;
use crate::models;
use crate::proof::all_orders::Answer;
use crate::proof::conclusion::{Case, conclude};
use crate::proof::object_orders::{self, Given, ObjectWitness};
use crate::proof::sequential::Sequential;
use crate::proof::story::{count, grouped};
use crate::verdict::{Anomaly, Confirmation, Levels, Picture};
use crate::{Budget, Checker, Level, Validity, Verdict};

/// Linearizability with respect to a model that the caller names or defines: every operation of the history is taken for
/// one on such an object. (The checker `linearizable` finds out by itself what the objects are, as far as their functions
/// tell.)
///
/// Objects are judged one by one: each key, each inner key of a map, each element of a set that is never read as a whole.
/// Collections whose values are put in once, sets that only grow, logs, counters that count by one amount, and
/// identifiers are judged in O(n log n); everything else is searched, within the budget.
///
/// Figures: `keys`, `operations`, `keys_by_monitor`, `keys_by_search` (how many objects were judged by each), `steps` (of
/// the searches).
pub struct LinearizableAs {
    judge: Box<dyn AnyModel>,
}

impl LinearizableAs {
    /// With respect to a model that has a name.
    pub fn named(model: ModelName) -> Self {
        Self {
            judge: Box::new(model),
        }
    }

    /// With respect to a model of the caller's.
    pub fn model(model: impl Model + 'static) -> Self {
        Self {
            judge: Box::new(User(model)),
        }
    }
}

impl Checker for LinearizableAs {
    fn name(&self) -> &'static str {
        "linearizable"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        self.judge.check(history, budget)
    }
}

/// A model whose type is forgotten.
trait AnyModel: Send + Sync {
    fn check(&self, history: &History, budget: &Budget) -> Verdict;
}

impl AnyModel for ModelName {
    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        if self.is_register() {
            return Linearizable.check(history, budget);
        }
        let objects = history
            .by_key()
            .into_iter()
            .map(|(key, ids)| (key, ids, *self))
            .collect();
        check_named(history, objects, budget)
    }
}

struct User<M>(M);

impl<M: Model> AnyModel for User<M> {
    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let objects: Vec<Object<'_>> = history
            .by_key()
            .into_iter()
            .map(|(key, ids)| Object {
                key,
                part: None,
                ids,
            })
            .collect();
        let model = &self.0;
        let judged = judge_all(&objects, budget, |object, budget| {
            judge::by_search(history, &object.ids, None, model, budget)
        });
        let told = |object: &Object<'_>, evidence: &Evidence| {
            let witness = witness(None, object, evidence);
            let spec = Given {
                model,
                later: witness.since.is_some(),
            };
            let answer = object_orders::search(history, &spec, &witness, CONFIRM_STEPS);
            case(history, object, model.name(), &witness, answer)
        };
        let objects: Vec<(Object<'_>, &str)> = objects
            .into_iter()
            .map(|object| (object, model.name()))
            .collect();
        verdict(history, &objects, &judged, told)
    }
}

/// Steps for confirming one violation.
const CONFIRM_STEPS: u64 = 5_000_000;
/// Objects of which the violations are told.
const EXPLAINED: usize = 8;
/// Objects that are judged at once, and share the budget's bytes. A constant, so that a verdict does not depend on the
/// machine.
const AT_ONCE: u64 = 8;

/// Judges objects whose models have names: their key, their operations, their model.
pub(crate) fn check_named(
    history: &History,
    objects: Vec<(KeyId, Vec<OpId>, ModelName)>,
    budget: &Budget,
) -> Verdict {
    let mut parts: Vec<Object<'_>> = Vec::new();
    let mut names = Vec::new();
    for (key, ids, name) in objects {
        parts.extend(split(history, key, ids, name));
        names.resize(parts.len(), name);
    }
    let places: Vec<(&Object<'_>, ModelName)> = parts.iter().zip(names.iter().copied()).collect();
    let judged = judge_all(&places, budget, |&(object, name), budget| {
        judge_named(history, object, name, budget)
    });
    let objects: Vec<((Object<'_>, ModelName), &str)> = places
        .iter()
        .map(|&(object, name)| ((object.clone(), name), called(name)))
        .collect();
    verdict(history, &objects, &judged, |(object, name), evidence| {
        let witness = witness(Some(*name), object, evidence);
        let ops = witness.ids.iter().map(|&id| history.operation(id));
        let spec = Sequential {
            model: *name,
            later: witness.since.is_some(),
            found: Some(ops.map(|op| op.output().clone()).collect()),
        };
        let answer = object_orders::search(history, &spec, &witness, CONFIRM_STEPS);
        case(history, object, called(*name), &witness, answer)
    })
}

/// Judges the objects that tell by their functions what they are, and are no registers; `None`: there are none.
fn check_found(history: &History, budget: &Budget) -> Option<Verdict> {
    if !finds_objects(history) {
        return None;
    }
    let objects = objects_found(history);
    (!objects.is_empty()).then(|| check_named(history, objects, budget))
}

/// The verdict on the registers of a history, together with that on all other objects that tell what they are.
pub(crate) fn beside_others(
    history: &History,
    budget: &Budget,
    registers: impl FnOnce() -> Verdict,
) -> Verdict {
    let Some(others) = check_found(history, budget) else {
        return registers();
    };
    let registers = registers();
    // Without figures there was nothing to judge.
    if registers.figures.is_nil() {
        others
    } else {
        merge(registers, others)
    }
}

/// One verdict of two on different objects of a history.
fn merge(one: Verdict, other: Verdict) -> Verdict {
    let (mut heavier, lighter) = if one.validity >= other.validity {
        (one, other)
    } else {
        (other, one)
    };
    heavier.anomalies.extend(lighter.anomalies);
    heavier.anomaly_count += lighter.anomaly_count;
    heavier.disagreement = heavier.disagreement.or(lighter.disagreement);
    if heavier.validity == Validity::Unknown {
        heavier.levels = Levels::default();
    }
    let figures = |of: &Value| match of {
        Value::Map(parts) => parts.to_vec(),
        _ => Vec::new(),
    };
    let mut merged = figures(&heavier.figures);
    for (name, value) in figures(&lighter.figures) {
        match merged.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                let sum = known.as_int().unwrap_or(0) + value.as_int().unwrap_or(0);
                *known = Value::from(sum);
            }
            None => merged.push((name, value)),
        }
    }
    heavier.figures = Value::Map(merged.into());
    heavier
}

fn called(name: ModelName) -> &'static str {
    match name {
        ModelName::AppendLog => models::Log.name(),
        ModelName::Register | ModelName::CasRegister => "register",
        ModelName::Counter => models::Counter.name(),
        ModelName::FencedLock => models::FencedLock.name(),
        ModelName::Map => models::Cell.name(),
        ModelName::MultiRegister => models::MultiRegister.name(),
        ModelName::Mutex => models::Mutex.name(),
        ModelName::PriorityQueue => models::PriorityQueue.name(),
        ModelName::Queue => models::Queue.name(),
        ModelName::Set => models::Set.name(),
        ModelName::Stack => models::Stack.name(),
        ModelName::Text => "text",
        ModelName::UniqueIds => models::Ids.name(),
        ModelName::UnorderedQueue => models::Bag.name(),
    }
}

fn judge_named(history: &History, object: &Object<'_>, name: ModelName, budget: &Budget) -> Judged {
    match name {
        ModelName::AppendLog => judge::judge(history, object, name, &models::Log, budget),
        ModelName::Register | ModelName::CasRegister | ModelName::Map => {
            judge::judge(history, object, name, &models::Cell, budget)
        }
        ModelName::Counter => judge::judge(history, object, name, &models::Counter, budget),
        ModelName::FencedLock => judge::judge(history, object, name, &models::FencedLock, budget),
        ModelName::MultiRegister => {
            judge::judge(history, object, name, &models::MultiRegister, budget)
        }
        ModelName::Mutex => judge::judge(history, object, name, &models::Mutex, budget),
        ModelName::PriorityQueue => {
            judge::judge(history, object, name, &models::PriorityQueue, budget)
        }
        ModelName::Queue => judge::judge(history, object, name, &models::Queue, budget),
        ModelName::Set if object.part.is_some() => {
            judge::judge(history, object, name, &models::Element, budget)
        }
        ModelName::Set => judge::judge(history, object, name, &models::Set, budget),
        ModelName::Stack => judge::judge(history, object, name, &models::Stack, budget),
        ModelName::Text => {
            let text = models::Text::of(history, &object.ids);
            judge::judge(history, object, name, &text, budget)
        }
        ModelName::UniqueIds => judge::judge(history, object, name, &models::Ids, budget),
        ModelName::UnorderedQueue => judge::judge(history, object, name, &models::Bag, budget),
    }
}

/// Judges objects at once; each gets an even share of the steps, and what that leaves goes to those that were not decided.
fn judge_all<O: Sync>(
    objects: &[O],
    budget: &Budget,
    judge: impl Fn(&O, &Budget) -> Judged + Sync,
) -> Vec<Judged> {
    let share = budget.steps / (objects.len() as u64).max(1);
    let each = budget.part(share, budget.bytes / AT_ONCE);
    let mut judged: Vec<Judged> = objects
        .par_iter()
        .map(|object| judge(object, &each))
        .collect();
    let spent: u64 = judged.iter().map(|judged| judged.steps).sum();
    let open: Vec<usize> = (0..judged.len())
        .filter(|&i| matches!(judged[i].known, Known::Open { .. }) && judged[i].steps > 0)
        .collect();
    let again = budget.steps.saturating_sub(spent) / (open.len() as u64).max(1);
    if again > share.saturating_mul(2) {
        let each = budget.part(again, budget.bytes / AT_ONCE);
        let second: Vec<Judged> = open
            .par_iter()
            .map(|&i| judge(&objects[i], &each))
            .collect();
        for (i, second) in open.into_iter().zip(second) {
            let steps = judged[i].steps + second.steps;
            judged[i] = Judged { steps, ..second };
        }
    }
    judged
}

fn witness(model: Option<ModelName>, object: &Object<'_>, evidence: &Evidence) -> ObjectWitness {
    ObjectWitness {
        model,
        object: object.ids.clone(),
        ids: evidence.ids.clone(),
        since: evidence.since,
        until: evidence.until,
        scope: evidence.scope.clone(),
    }
}

fn case(
    history: &History,
    object: &Object<'_>,
    called: &str,
    witness: &ObjectWitness,
    answer: Answer,
) -> Case {
    let longest = match &answer {
        Answer::NoOrder(longest) => longest.clone(),
        _ => Vec::new(),
    };
    let told = tell::tell(history, object, called, witness, &longest);
    let anomaly = Anomaly {
        name: told.name,
        sentence: told.sentence,
        key: history.key(object.key).clone(),
        operations: witness.ids.clone(),
        steps: told.steps,
        confirmation: Confirmation {
            by: "search over all orders of these operations",
            agrees: matches!(answer, Answer::NoOrder(_)),
        },
        picture: Picture::Intervals,
    };
    (anomaly, answer.into())
}

/// The verdict on objects, each with what it is called.
fn verdict<O: AsObject>(
    history: &History,
    objects: &[(O, &str)],
    judged: &[Judged],
    told: impl Fn(&O, &Evidence) -> Case,
) -> Verdict {
    const NAME: &str = "linearizable";
    let operations: usize = judged.iter().map(|judged| judged.operations).sum();
    let tells = |id: &OpId| {
        let op = history.operation(*id);
        op.outcome == Outcome::Ok && !is_blind(op.f())
    };
    let objects_tell = objects
        .iter()
        .any(|(object, _)| object.object().ids.iter().any(tells));
    if !objects_tell {
        return Verdict::new(
            NAME,
            Validity::Unknown,
            "there is nothing to judge: no operation that tells something about an object succeeded",
        );
    }
    let mut total = 0;
    let mut cases = Vec::new();
    let mut explained = 0;
    for ((object, _), judged) in objects.iter().zip(judged) {
        if let Known::Broken { evidence, count } = &judged.known {
            total += count;
            explained += 1;
            if explained <= EXPLAINED {
                cases.extend(evidence.iter().map(|evidence| told(object, evidence)));
            }
        }
    }
    let by_monitor = judged.iter().filter(|judged| judged.by_monitor).count();
    let steps: u64 = judged.iter().map(|judged| judged.steps).sum();
    let figures = Value::map([
        ("keys", objects.len() as u64),
        ("operations", operations as u64),
        ("keys_by_monitor", by_monitor as u64),
        ("keys_by_search", (judged.len() - by_monitor) as u64),
        ("steps", steps),
    ]);
    let verdict = conclude(NAME, cases, total, || {
        green(history, objects, judged, operations)
    });
    let levels = match verdict.validity {
        Validity::Valid => Levels {
            refuted: Vec::new(),
            held: vec![Level::Linearizable],
        },
        Validity::Invalid => Levels {
            refuted: vec![Level::Linearizable],
            held: Vec::new(),
        },
        Validity::Unknown => Levels::default(),
    };
    verdict.levels(levels).figures(figures)
}

/// Whether an operation only changes something, and tells nothing about what was there.
fn is_blind(f: &F) -> bool {
    matches!(
        f,
        F::Enqueue | F::Push | F::Add | F::Remove | F::Append | F::Write
    ) || matches!(f.name(), "increment" | "decrement" | "put")
}

/// What is judged: an object, and perhaps more.
trait AsObject {
    fn object(&self) -> &Object<'_>;
}

impl AsObject for Object<'_> {
    fn object(&self) -> &Object<'_> {
        self
    }
}

impl AsObject for (Object<'_>, ModelName) {
    fn object(&self) -> &Object<'_> {
        &self.0
    }
}

/// The verdict when no object is in violation.
fn green<O: AsObject>(
    history: &History,
    objects: &[(O, &str)],
    judged: &[Judged],
    operations: usize,
) -> (Validity, String) {
    let mut reasons = Vec::new();
    for ((object, called), judged) in objects.iter().zip(judged) {
        let key = history.key(object.object().key);
        let place = if key.is_nil() {
            format!("the {called}")
        } else {
            format!("{called} {key}")
        };
        match &judged.known {
            Known::Open {
                reached: Some(id),
                place: number,
                why,
            } => {
                let op = history.operation(*id);
                reasons.push(format!(
                    "the operations on {place} are linearizable up to {id} at {}, number {} of {}; there {why}",
                    op.end(),
                    grouped(*number as u64),
                    grouped(judged.operations as u64),
                ));
            }
            Known::Open { why, .. } => {
                reasons.push(format!(
                    "of the operations on {place} nothing is known: {why}"
                ));
            }
            Known::Unreadable(id) => {
                let op = history.operation(*id);
                let f = op.f();
                reasons.push(format!(
                    "operation {id} on {place} is a {f} with the argument {}, which is none of a {called}",
                    crate::proof::story::short(op.input()),
                ));
            }
            Known::Fine | Known::Broken { .. } => {}
        }
    }
    let objects = count(objects.len() as u64, "object");
    match reasons.first() {
        None => (
            Validity::Valid,
            format!(
                "{} on {objects} can be put into an order that explains what each one found",
                count(operations as u64, "operation")
            ),
        ),
        Some(first) => (
            Validity::Unknown,
            format!(
                "{} of {objects} could not be judged: {first}",
                grouped(reasons.len() as u64)
            ),
        ),
    }
}
