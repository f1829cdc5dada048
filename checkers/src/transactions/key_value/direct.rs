//! Reads and numbers that are wrong by themselves, told and looked at again.

use schism_history::{F, History, OpId, Outcome, Value};

use super::orders::{Direct, DirectKind};
use crate::predicate::Predicate;
use crate::proof::conclusion::{Case, SecondOpinion};
use crate::proof::story::{Story, key_name, short, step};
use crate::proof::told_versions::{Raw, Told, steps};
use crate::proof::witness::Part;
use crate::transactions::columns::{NONE, Transactions};
use crate::verdict::{Anomaly, Confirmation, Picture, Step};

/// The anomaly, with the second opinion on it.
pub(super) fn tell(
    history: &History,
    transactions: &Transactions<'_>,
    told: &Told<'_>,
    direct: Direct,
) -> Case {
    let (name, _) = direct.kind.class();
    let key = transactions.keys[direct.key as usize];
    let value = transactions.value_of(direct.key, direct.value);
    let reader = transactions.ops[direct.reader as usize];
    let other = (direct.other != NONE && direct.other != direct.reader)
        .then(|| transactions.ops[direct.other as usize]);
    let mut operations: Vec<OpId> = other.into_iter().chain([reader]).collect();
    operations.sort_unstable();
    let (sentence, because) = words(direct, reader, other, key, value);
    let story = Story::of(history, operations.iter().copied());
    let mut steps: Vec<Step> = operations
        .iter()
        .map(|&id| step(id, story.sentence(Part::whole(id))))
        .collect();
    steps.push(step(reader, because));
    let agrees = confirm(history, told, direct, reader, other, key, value);
    let anomaly = Anomaly {
        name,
        sentence: format!("{sentence} ({name})"),
        key: key.clone(),
        operations,
        steps,
        confirmation: Confirmation {
            by: "a second look at every write and every number of the key, value by value",
            agrees,
        },
        picture: Picture::default(),
    };
    let opinion = if agrees {
        SecondOpinion::Agrees
    } else {
        SecondOpinion::Disagrees("a second look at every write of the key explains it".to_owned())
    };
    (anomaly, opinion)
}

/// What happened, and why it is wrong.
fn words(
    direct: Direct,
    reader: OpId,
    other: Option<OpId>,
    key: &Value,
    value: &Value,
) -> (String, String) {
    let key = key_name(key);
    let value = short(value);
    let other = other.map_or_else(|| "nobody".to_owned(), |other| other.to_string());
    let number = |number: Option<i64>| {
        number.map_or_else(|| "unknown".to_owned(), |number| number.to_string())
    };
    let (one, two) = (number(direct.numbers.0), number(direct.numbers.1));
    let (sentence, because) = match direct.kind {
        DirectKind::Garbage => (
            format!("{reader} read {value} from {key}, which nobody wrote to it"),
            "nobody wrote that value to that key",
        ),
        DirectKind::Aborted => (
            format!("{reader} read {value} from {key}, which only {other} wrote, and that failed"),
            "who fails leaves nothing behind",
        ),
        DirectKind::Intermediate => (
            format!(
                "{reader} read {value} from {key}, which its writer {other} replaced in the same transaction"
            ),
            "nobody outside of a transaction sees what it replaces itself",
        ),
        DirectKind::Future => (
            format!("{reader} read {value} from {key} before it wrote that itself"),
            "it is the only one that wrote it, and only later",
        ),
        DirectKind::Internal => (
            format!("{reader} did not see what it had itself written to {key}, but {value}"),
            "a transaction sees its own writes",
        ),
        DirectKind::NonRepeatable => (
            format!("{reader} read {value} from {key} though it had read something else before"),
            "a key does not change during a transaction",
        ),
        DirectKind::OtherValue => (
            format!(
                "the order that the database told contradicts what was read: {reader} read {value} from {key} and was told that this is version {one}, which is what {other} wrote, another value"
            ),
            "a version has one value",
        ),
        DirectKind::TwoNumbers => (
            format!(
                "the order that the database told contradicts what was read: {reader} read the {value} from {key} that {other} wrote, and was told that this is version {one}; it is version {two} to others"
            ),
            "a version has one place in the order",
        ),
        DirectKind::SameNumber => (
            format!(
                "the database told no order: what {other} and what {reader} wrote to {key} is both version {one}"
            ),
            "of two versions of a key, one is newer",
        ),
        DirectKind::Backwards => (
            format!(
                "the order that the database told goes in a circle: {reader} read {value} from {key}, version {two}, and what it wrote to it then is version {one}, which is older"
            ),
            "what a transaction writes on top of what it read is newer",
        ),
        DirectKind::Overlooked => (
            format!(
                "the order that the database told contradicts what was read: {reader} read by predicate at revision {one} and did not find {key}, which held {value} since version {two} and matches"
            ),
            "a read by predicate finds all that matches",
        ),
    };
    (sentence, because.to_owned())
}

/// Whether it is wrong, from the values as they stand in the history.
fn confirm(
    history: &History,
    told: &Told<'_>,
    direct: Direct,
    reader: OpId,
    other: Option<OpId>,
    key: &Value,
    value: &Value,
) -> bool {
    let (own, _) = steps(history, reader);
    let wrote = |step: &Raw<'_>| step.name == "w" && step.key == key;
    let wrote_it = |step: &Raw<'_>| wrote(step) && step.argument == value;
    let writers: Vec<OpId> = history
        .operations()
        .filter(|op| *op.f() == F::Txn && steps(history, op.id).0.iter().any(wrote_it))
        .map(|op| op.id)
        .collect();
    let did_read = told.read_value(reader, key, value);
    let failed = |&id: &OpId| history.operation(id).outcome == Outcome::Fail;
    let is_between = |id: OpId| {
        let (steps, _) = steps(history, id);
        let place = steps.iter().position(wrote_it);
        place.is_some_and(|place| steps[place + 1..].iter().any(wrote))
    };
    let number_of = |id: OpId| told.version_of(id, key);
    let read_as = |id: OpId, number: Option<i64>| {
        let (steps, _) = steps(history, id);
        let is_it = |step: &Raw<'_>| {
            step.name == "r" && step.key == key && step.argument == value && step.number == number
        };
        steps.iter().any(is_it)
    };
    match direct.kind {
        DirectKind::Garbage => did_read && writers.is_empty(),
        DirectKind::Aborted => did_read && !writers.is_empty() && writers.iter().all(failed),
        DirectKind::Intermediate => {
            did_read
                && other.is_some_and(is_between)
                && writers.iter().all(|id| failed(id) || is_between(*id))
        }
        DirectKind::Future => {
            let place = own.iter().position(wrote_it);
            let read = |step: &Raw<'_>| {
                step.name == "r" && step.key == key && step.argument == value
                    || step.name == "p" && did_read
            };
            place.is_some_and(|place| own[..place].iter().any(read))
                && writers
                    .iter()
                    .all(|id| *id == reader || failed(id) || is_between(*id))
        }
        DirectKind::Internal | DirectKind::NonRepeatable => {
            is_inconsistent(&own, key, direct.kind == DirectKind::Internal)
        }
        DirectKind::OtherValue => {
            let version = other.and_then(number_of);
            read_as(reader, direct.numbers.0)
                && version.is_some_and(|(number, wrote)| {
                    number == direct.numbers.0 && number.is_some() && wrote != value
                })
        }
        DirectKind::TwoNumbers => {
            let version = other.and_then(number_of);
            read_as(reader, direct.numbers.0)
                && version.is_some_and(|(number, wrote)| {
                    number.is_some() && number != direct.numbers.0 && wrote == value
                })
        }
        DirectKind::SameNumber => {
            let one = number_of(reader).and_then(|(number, _)| number);
            let two = other.and_then(number_of).and_then(|(number, _)| number);
            one.is_some() && one == two
        }
        DirectKind::Backwards => told.is_backwards(reader, key),
        DirectKind::Overlooked => told.is_overlooked(reader, key),
    }
}

/// Whether a transaction sees a key change that it had written (or only read) itself.
fn is_inconsistent(steps: &[Raw<'_>], key: &Value, own: bool) -> bool {
    let mut held: Option<(&Value, bool)> = None;
    for step in steps {
        let read = match step.name {
            "w" if step.key == key => {
                held = Some((step.argument, true));
                continue;
            }
            "r" if step.key == key => step.argument,
            "p" => {
                let pairs = step.argument.as_list().unwrap_or_default();
                let mut pairs = pairs.iter().filter_map(Value::as_pair);
                if let Some((_, value)) = pairs.find(|(other, _)| *other == key) {
                    value
                } else {
                    let matches = |value| {
                        Predicate::read(step.key).is_none_or(|known| known.matches(key, value))
                    };
                    if own && held.is_some_and(|(value, wrote)| wrote && matches(value)) {
                        return true;
                    }
                    continue;
                }
            }
            _ => continue,
        };
        match held {
            Some((before, wrote)) if before != read => {
                if wrote == own {
                    return true;
                }
                if !wrote {
                    held = Some((read, false));
                }
            }
            Some(_) => {}
            None => held = Some((read, false)),
        }
    }
    false
}
