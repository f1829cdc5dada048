//! Equal values get equal numbers, once, while a history is built.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::{FxHashMap, FxHasher};

use crate::Value;

/// A table of distinct values. Number 0 is always [`Value::Nil`].
pub(crate) struct Interner {
    /// Integers are most of what histories hold; they are compared without a look at `values`.
    integers: FxHashMap<i64, u32>,
    /// All others but [`Value::Nil`].
    others: HashTable<u32>,
    /// By number, so that a growing table need not hash long values anew.
    hashes: Vec<u64>,
    values: Vec<Value>,
}

impl Interner {
    pub(crate) fn new() -> Self {
        Self {
            integers: FxHashMap::default(),
            others: HashTable::new(),
            hashes: vec![0],
            values: vec![Value::Nil],
        }
    }

    /// The value's number. Amortised O(size of the value).
    ///
    /// # Panics
    /// When there are more than 2^32 - 1 distinct values: more than fit in memory.
    pub(crate) fn number(&mut self, value: Value) -> u32 {
        let next = self.values.len();
        let number = match value {
            Value::Nil => return 0,
            Value::Int(n) => {
                let number = *self.integers.entry(n).or_insert(next as u32);
                if number as usize != next {
                    return number;
                }
                self.hashes.push(0);
                number
            }
            _ => {
                let mut hasher = FxHasher::default();
                value.hash(&mut hasher);
                let hash = hasher.finish();
                let equal = |&number: &u32| {
                    self.hashes[number as usize] == hash && self.values[number as usize] == value
                };
                match self.others.entry(hash, equal, |&n| self.hashes[n as usize]) {
                    Entry::Occupied(known) => return *known.get(),
                    Entry::Vacant(free) => free.insert(next as u32),
                };
                self.hashes.push(hash);
                next as u32
            }
        };
        assert!(next < u32::MAX as usize, "distinct values fit 32 bits");
        self.values.push(value);
        number
    }

    /// The value with this number.
    pub(crate) fn value(&self, number: u32) -> &Value {
        &self.values[number as usize]
    }

    /// The distinct values, by number.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_values_have_equal_numbers_and_others_do_not(
            values in prop::collection::vec(crate::arbitrary::value(), 0..60)
        ) {
            let mut interner = Interner::new();
            let numbers: Vec<u32> = values.iter().map(|value| interner.number(value.clone())).collect();
            for (value, &number) in values.iter().zip(&numbers) {
                prop_assert_eq!(interner.value(number), value);
                prop_assert_eq!(interner.number(value.clone()), number);
                prop_assert_eq!(number == 0, value.is_nil());
            }
            let mut distinct = interner.into_values();
            let count = distinct.len();
            distinct.sort();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), count);
        }
    }
}
