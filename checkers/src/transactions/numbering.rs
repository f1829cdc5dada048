//! Values and their numbers.

use rustc_hash::FxHashMap;
use schism_history::Value;

/// Numbers values from 0 in order of first sight. Small integers, which most histories are made of, are looked up in a
/// table instead of being hashed.
#[derive(Default)]
pub(crate) struct Numbering<'h> {
    /// For an integer, its number plus one; 0 where it has none yet.
    dense: Vec<u32>,
    others: FxHashMap<&'h Value, u32>,
    count: u32,
}

impl<'h> Numbering<'h> {
    /// The value's number; the next one if it is new. Amortised O(1).
    pub(crate) fn number(&mut self, value: &'h Value) -> u32 {
        let Some(place) = self.place(value) else {
            let number = *self.others.entry(value).or_insert(self.count);
            self.count += u32::from(number == self.count);
            return number;
        };
        if place >= self.dense.len() {
            self.dense.resize((place + 1).next_power_of_two(), 0);
        }
        if self.dense[place] == 0 {
            // It may have come when the table was too short for it.
            let known = self.others.get(value);
            self.count += u32::from(known.is_none());
            self.dense[place] = known.map_or(self.count, |number| number + 1);
        }
        self.dense[place] - 1
    }

    /// How many values have a number.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Where a small integer stands in the table, which never grows beyond a few times what it holds.
    fn place(&self, value: &Value) -> Option<usize> {
        let Value::Int(n) = value else { return None };
        let place = usize::try_from(*n).ok()?;
        (place < self.dense.len() || place < 4 * self.count as usize + 16).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_number() {
        let values: Vec<Value> = (0..200)
            .map(|n| Value::from(n * 37 % 211))
            .chain((0..200).map(|n| Value::from(i64::from(n) * 1_000_003)))
            .chain([Value::Nil, "a".into(), Value::list([1, 2]), (-1).into()])
            .collect();
        let mut numbering = Numbering::default();
        let first: Vec<u32> = values.iter().map(|v| numbering.number(v)).collect();
        let again: Vec<u32> = values.iter().map(|v| numbering.number(v)).collect();
        assert_eq!(first, again);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        sorted.dedup();
        // 0 is in both parts.
        assert_eq!(sorted.len(), values.len() - 1);
        assert_eq!(numbering.count() as usize, sorted.len());
    }
}
