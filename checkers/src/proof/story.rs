//! How operations are told to a reader who knows neither checker nor database.

use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use crate::proof::witness::{Part, Role};
use crate::verdict::Step;

/// Tells about some operations of a history, with times just precise enough to tell them apart.
pub(crate) struct Story<'h> {
    history: &'h History,
    digits: usize,
}

impl<'h> Story<'h> {
    /// A story about these operations.
    pub(crate) fn of(history: &'h History, ids: impl IntoIterator<Item = OpId>) -> Self {
        let mut times: Vec<u64> = Vec::new();
        for id in ids {
            let op = history.operation(id);
            times.push(op.invoked.as_nanos());
            times.extend(op.completed.map(Time::as_nanos));
        }
        times.sort_unstable();
        times.dedup();
        let smallest = times.windows(2).map(|pair| pair[1] - pair[0]).min();
        let digits = match smallest.unwrap_or(u64::MAX) {
            0..1_000 => 9,
            1_000..1_000_000 => 6,
            _ => 3,
        };
        Self { history, digits }
    }

    /// A moment, in seconds: `1.203 s`.
    pub(crate) fn time(&self, time: Time) -> String {
        let nanos = time.as_nanos();
        let fraction = format!("{:09}", nanos % 1_000_000_000);
        format!("{}.{} s", nanos / 1_000_000_000, &fraction[..self.digits])
    }

    /// Who called, and which node: `process 3 (on n1)`.
    pub(crate) fn who(&self, id: OpId) -> String {
        let op = self.history.operation(id);
        match op.node() {
            Some(node) => format!("process {} (on {node})", op.process),
            None => format!("process {}", op.process),
        }
    }

    /// When: `from 1.203 s to 1.207 s`, or `from 1.203 s on` when nobody knows whether and when it happened.
    pub(crate) fn when(&self, id: OpId) -> String {
        let op = self.history.operation(id);
        let begin = self.time(op.invoked);
        match (op.outcome, op.completed) {
            (Outcome::Ok | Outcome::Fail, Some(end)) => {
                format!("from {begin} to {}", self.time(end))
            }
            _ => format!("from {begin} on"),
        }
    }

    /// What an operation did, as a sentence without its full stop.
    pub(crate) fn sentence(&self, part: Part) -> String {
        format!(
            "{} {} {}",
            self.who(part.id),
            self.act(part),
            self.when(part.id)
        )
    }

    /// What an operation did: `read 5`, `tried to write 5`.
    pub(crate) fn act(&self, part: Part) -> String {
        let op = self.history.operation(part.id);
        let known = op.outcome == Outcome::Ok;
        match (op.f(), op.input().as_pair()) {
            (F::Read, _) => format!("read {}", short(op.output())),
            (F::Write, _) if known => format!("wrote {}", op.input()),
            (F::Write, _) => format!("tried to write {}", op.input()),
            (F::Cas, Some((old, new))) => match part.role {
                Role::WriteOnly if !known => format!("tried to set {new} by compare-and-set"),
                _ if !known => format!("tried to change {old} to {new} by compare-and-set"),
                Role::WriteOnly => format!("set {new} by compare-and-set"),
                Role::ReadOnly => format!("found {old} by compare-and-set"),
                Role::Whole if *op.output() == Value::Bool(false) => {
                    format!("was told that the value is not {old}")
                }
                Role::Whole => format!("changed {old} to {new} by compare-and-set"),
            },
            (F::Add, _) if known => format!("added {}", op.input()),
            (F::Add, _) => format!("tried to add {}", op.input()),
            (F::Txn, _) => transaction(&op),
            (f, _) => {
                let called = if known { "called" } else { "tried to call" };
                let with = match op.input() {
                    Value::Nil => String::new(),
                    input => format!(" with {}", short(input)),
                };
                let got = if known && op.output_id != op.input_id {
                    format!(" and got {}", short(op.output()))
                } else {
                    String::new()
                };
                format!("{called} {f}{with}{got}")
            }
        }
    }
}

/// What a transaction did, or tried.
fn transaction(op: &Operation<'_>) -> String {
    let steps = if op.outcome == Outcome::Ok {
        op.output()
    } else {
        op.input()
    };
    // Nothing in a list is an empty list, nothing in a register is nil.
    let registers = !steps.as_list().unwrap_or_default().iter().any(|step| {
        let name = step.as_list().and_then(|step| step.first());
        name.and_then(Value::as_text) == Some("append")
    });
    let told: Vec<String> = steps
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(|step| match step.as_list()? {
            [name, key, argument] if name.as_text() == Some("append") => {
                Some(format!("appended {argument} to {key}"))
            }
            [name, key, value, ..] if name.as_text() == Some("w") => {
                Some(format!("wrote {value} to {key}"))
            }
            [_, key, value] if op.outcome == Outcome::Ok && value.is_nil() && registers => {
                Some(format!("read nil from {key}"))
            }
            [_, key, list] if op.outcome == Outcome::Ok => {
                let list = if list.is_nil() {
                    "[]".to_owned()
                } else {
                    short(list)
                };
                Some(format!("read {list} from {key}"))
            }
            _ => None,
        })
        .collect();
    let told = told.join(", ");
    match op.outcome {
        Outcome::Ok => told,
        Outcome::Fail => format!("failed, having tried what follows: {told}"),
        Outcome::Info => format!("may or may not have done what follows: {told}"),
    }
}

/// A step about an operation.
pub(crate) fn step(operation: OpId, text: impl Into<String>) -> Step {
    Step {
        operation: Some(operation),
        text: sentence_case(&text.into()),
    }
}

/// A step about no operation in particular.
pub(crate) fn remark(text: impl Into<String>) -> Step {
    Step {
        operation: None,
        text: sentence_case(&text.into()),
    }
}

/// `of key x`, or `of the register` when there is only one object.
pub(crate) fn of_key(key: &Value) -> String {
    if key.is_nil() {
        "of the only object".to_owned()
    } else {
        format!("of key {key}")
    }
}

/// `key x`, or `the only object`.
pub(crate) fn key_name(key: &Value) -> String {
    if key.is_nil() {
        "the only object".to_owned()
    } else {
        format!("key {key}")
    }
}

/// A value; of a long list, both ends only.
pub(crate) fn short(value: &Value) -> String {
    const SHOWN: usize = 12;
    match value.as_list() {
        Some(items) if items.len() > SHOWN => {
            let show = |items: &[Value]| {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                items.join(" ")
            };
            let (first, last) = (&items[..SHOWN / 2], &items[items.len() - SHOWN / 2..]);
            format!(
                "[{} ... {}] ({} elements)",
                show(first),
                show(last),
                items.len()
            )
        }
        _ => value.to_string(),
    }
}

/// A number and the noun it counts: `1 read`, `2 reads`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A number with its thousands apart: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The text, with a capital letter at its beginning and a full stop at its end.
fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    let mut sentence: String = match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    };
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    #[test]
    fn operations_are_told_in_words() {
        let history = testing::history(
            "
            0@n1 |w x 1|
            1            |r x -> 1|
            2                      |cas x 1 2|
            3                                 |w x 3 ?
            4                                   |txn nil [append,y,1] ?
            ",
        );
        let story = Story::of(&history, (0..4).map(OpId));
        let told: Vec<String> = (0..4)
            .map(|i| story.sentence(Part::whole(OpId(i))))
            .collect();
        assert_eq!(
            told,
            [
                "process 0 (on n1) wrote 1 from 0.017 s to 0.023 s",
                "process 1 read 1 from 0.025 s to 0.034 s",
                "process 2 changed 1 to 2 by compare-and-set from 0.035 s to 0.045 s",
                "process 3 tried to write 3 from 0.046 s on",
            ]
        );
    }

    #[test]
    fn numbers_and_lists_are_readable() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(count(1, "read"), "1 read");
        assert_eq!(count(1_000, "read"), "1,000 reads");
        let long = Value::list(0..20);
        assert_eq!(
            short(&long),
            "[0 1 2 3 4 5 ... 14 15 16 17 18 19] (20 elements)"
        );
        assert_eq!(sentence_case("so it is"), "So it is.");
    }
}
