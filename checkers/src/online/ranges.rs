//! Values that were seen, in little memory where they are numbered: runs of integers are kept by their ends, and so are
//! runs of texts and lists that end with a number and otherwise begin alike (`n1-17`, `["n1", 17]`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::Value;

/// A set of values.
#[derive(Default)]
pub(super) struct Ranges {
    /// Of each beginning, the runs of numbers that followed it, by the first one.
    runs: FxHashMap<Value, BTreeMap<i64, Run>>,
    /// What does not end with a number, with when it was added.
    others: FxHashMap<Value, u64>,
    /// How many runs there are.
    count: usize,
    /// How many values were ever added.
    clock: u64,
}

#[derive(Clone, Copy)]
struct Run {
    last: i64,
    /// When it was last added to.
    added: u64,
}

/// How a value begins, and the number that it ends with.
fn split(value: &Value) -> Option<(Value, i64)> {
    match value {
        Value::Int(number) => Some((Value::Nil, *number)),
        Value::Text(text) => {
            let begin = text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            // Leading zeros belong to the beginning, so that one number is written in one way only.
            let zeros = text[begin..].len() - text[begin..].trim_start_matches('0').len();
            let begin = if begin + zeros == text.len() {
                begin + zeros.saturating_sub(1)
            } else {
                begin + zeros
            };
            let number = text[begin..].parse().ok()?;
            Some((Value::Text(Arc::from(&text[..begin])), number))
        }
        Value::List(items) => match items.split_last()? {
            (Value::Int(number), rest) => Some((Value::list(rest.iter().cloned()), *number)),
            _ => None,
        },
        _ => None,
    }
}

/// What begins like this and ends with this number.
fn join(beginning: &Value, number: i64) -> Value {
    match beginning {
        Value::Text(text) => Value::from(format!("{text}{number}")),
        Value::List(items) => Value::list(items.iter().cloned().chain([Value::Int(number)])),
        _ => Value::Int(number),
    }
}

impl Ranges {
    /// Adds a value; whether it is new. O(log n).
    pub(super) fn insert(&mut self, value: &Value) -> bool {
        self.clock += 1;
        let Some((beginning, number)) = split(value) else {
            return self.others.insert(value.clone(), self.clock).is_none();
        };
        let runs = self.runs.entry(beginning).or_default();
        let before = runs.range(..=number).next_back();
        let before = before.map(|(&first, run)| (first, run.last));
        if before.is_some_and(|(_, last)| last >= number) {
            return false;
        }
        let (mut first, mut last) = (number, number);
        if let Some((begin, end)) = before
            && end.checked_add(1) == Some(number)
        {
            runs.remove(&begin);
            self.count -= 1;
            first = begin;
        }
        if let Some(next) = number.checked_add(1)
            && let Some(run) = runs.remove(&next)
        {
            self.count -= 1;
            last = run.last;
        }
        let added = self.clock;
        runs.insert(first, Run { last, added });
        self.count += 1;
        true
    }

    /// Whether a value is in it. O(log n).
    pub(super) fn contains(&self, value: &Value) -> bool {
        match split(value) {
            None => self.others.contains_key(value),
            Some((beginning, number)) => self.runs.get(&beginning).is_some_and(|runs| {
                let before = runs.range(..=number).next_back();
                before.is_some_and(|(_, run)| run.last >= number)
            }),
        }
    }

    /// One of its values that is not among some others. O(others + runs · log).
    pub(super) fn missing(&self, others: &FxHashSet<&Value>) -> Option<Value> {
        let mut numbers: FxHashMap<Value, BTreeSet<i64>> = FxHashMap::default();
        for other in others.iter().copied() {
            if let Some((beginning, number)) = split(other) {
                numbers.entry(beginning).or_default().insert(number);
            }
        }
        let none = BTreeSet::new();
        let runs = self.runs.iter().flat_map(|(beginning, runs)| {
            let others = numbers.get(beginning).unwrap_or(&none);
            let missing = |(&first, run): (&i64, &Run)| {
                let mut expected = Some(first);
                for &other in others.range(first..=run.last) {
                    if Some(other) != expected {
                        break;
                    }
                    expected = other.checked_add(1);
                }
                expected.filter(|&number| number <= run.last)
            };
            let numbers = runs.iter().filter_map(missing);
            numbers.map(|number| join(beginning, number))
        });
        let others = self
            .others
            .keys()
            .filter(|value| !others.contains(value))
            .cloned();
        runs.chain(others).min()
    }

    /// How many runs and other values it remembers.
    pub(super) fn remembered(&self) -> usize {
        self.count + self.others.len()
    }

    /// Forgets the older half of what it remembers, once that is more than this: whatever was added to least recently.
    /// Amortised O(1).
    pub(super) fn forget_beyond(&mut self, most: usize) {
        if self.remembered() <= most {
            return;
        }
        let runs = self.runs.values().flat_map(BTreeMap::values);
        let mut added: Vec<u64> = runs.map(|run| run.added).collect();
        added.extend(self.others.values());
        let middle = added.len() / 2;
        let (_, &mut oldest, _) = added.select_nth_unstable(middle);
        self.runs.retain(|_, runs| {
            runs.retain(|_, run| run.added >= oldest);
            !runs.is_empty()
        });
        self.others.retain(|_, added| *added >= oldest);
        self.count = self.runs.values().map(BTreeMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_numbers_cost_nothing() {
        let mut ranges = Ranges::default();
        for i in 0..1_000_i64 {
            // Neighbours come in another order.
            let i = i ^ 1;
            let forms = [
                Value::from(i - 500),
                Value::from(format!("n1-{i}")),
                Value::list([Value::from("n2"), i.into()]),
            ];
            for value in forms {
                assert!(!ranges.contains(&value));
                assert!(ranges.insert(&value));
                assert!(!ranges.insert(&value));
                assert!(ranges.contains(&value));
            }
        }
        let all: Vec<Value> = (0..1_000).map(|i| Value::from(i - 500)).collect();
        let others = all
            .iter()
            .filter(|value| **value != Value::from(17))
            .collect();
        let mut integers = Ranges::default();
        for value in &all {
            integers.insert(value);
        }
        assert_eq!(integers.missing(&others), Some(Value::from(17)));
        assert_eq!(integers.missing(&all.iter().collect()), None);
        // Of integers and of lists one run each; of texts one for each number of digits, since no number is written in
        // two ways.
        assert_eq!(ranges.remembered(), 3);
    }

    #[test]
    fn what_looks_alike_is_told_apart() {
        let all = [
            Value::from(7),
            "7".into(),
            "07".into(),
            "007".into(),
            "0".into(),
            "00".into(),
            "".into(),
            "a".into(),
            "a7".into(),
            "a07".into(),
            "a0".into(),
            "a00".into(),
            Value::list([7]),
            Value::list([Value::Nil, 7.into()]),
            Value::list(["7"]),
            Value::Nil,
            Value::from(true),
            "99999999999999999999".into(),
            i64::MAX.into(),
            i64::MIN.into(),
            i64::MAX.to_string().as_str().into(),
        ];
        let mut ranges = Ranges::default();
        for value in &all {
            assert!(ranges.insert(value), "{value}");
        }
        for value in &all {
            assert!(ranges.contains(value) && !ranges.insert(value), "{value}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut ranges = Ranges::default();
        for i in 0..10_000_i64 {
            ranges.insert(&Value::from(i * 2));
            ranges.insert(&Value::from(0.5 + i as f64));
            ranges.forget_beyond(100);
            assert!(ranges.remembered() <= 100);
            assert!(ranges.contains(&Value::from(i * 2)));
        }
        assert!(!ranges.contains(&Value::from(0)));
        assert!(ranges.contains(&Value::from(19_980)));
    }
}
