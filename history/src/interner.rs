//! Equal values get equal numbers, once, while a history is built.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::{FxHashMap, FxHasher};

use crate::Value;

/// A table of distinct values. Number 0 is always [`Value::Nil`].
pub(crate) struct Interner {
    /// The numbers of small integers, by integer; 0 where there is none yet. Integers are most of what histories hold,
    /// and most of those count from 0.
    small: Vec<u32>,
    /// The numbers of all other integers.
    large: FxHashMap<i64, u32>,
    integers: usize,
    /// All values but integers and [`Value::Nil`].
    others: HashTable<Other>,
    values: Vec<Value>,
}

/// A value in the table, with its hash, so that a growing table need not hash long values anew.
struct Other {
    hash: u64,
    number: u32,
}

/// How many integers that are not there `small` may have room for, whatever the others.
const ROOM: usize = 1 << 12;

impl Interner {
    pub(crate) fn new() -> Self {
        Self {
            small: Vec::new(),
            large: FxHashMap::default(),
            integers: 0,
            others: HashTable::new(),
            values: vec![Value::Nil],
        }
    }

    /// The value's number. Amortised O(size of the value).
    ///
    /// # Panics
    /// When there are more than 2^31 distinct values: more than fit in memory.
    pub(crate) fn number(&mut self, value: &Value) -> u32 {
        match value {
            Value::Nil => 0,
            Value::Int(n) => self.integer(*n),
            _ => {
                let hash = hash(|hasher| value.hash(hasher));
                self.other(hash, |known| known == value, || value.clone())
            }
        }
    }

    /// The number of an integer. Amortised O(1).
    pub(crate) fn integer(&mut self, n: i64) -> u32 {
        let place = usize::try_from(n).unwrap_or(usize::MAX);
        if let Some(&number) = self.small.get(place)
            && number != 0
        {
            return number;
        }
        self.new_integer(n, place)
    }

    /// The number of an integer that is not among the small ones yet.
    fn new_integer(&mut self, n: i64, place: usize) -> u32 {
        let next = self.values.len() as u32;
        if place >= self.small.len() {
            if place >= ROOM.max(2 * self.integers) {
                let number = *self.large.entry(n).or_insert(next);
                if number == next {
                    self.add(Value::Int(n));
                    self.integers += 1;
                }
                return number;
            }
            let room = (place + 1).next_power_of_two().max(ROOM);
            self.small.resize(room, 0);
            let small = &mut self.small;
            self.large.retain(|&n, &mut number| {
                let place = usize::try_from(n).unwrap_or(usize::MAX);
                let Some(slot) = small.get_mut(place) else {
                    return true;
                };
                *slot = number;
                false
            });
            if self.small[place] != 0 {
                return self.small[place];
            }
        }
        self.small[place] = next;
        self.add(Value::Int(n));
        self.integers += 1;
        next
    }

    /// The number of a text; `share` makes it when it is new. Amortised O(its length).
    pub(crate) fn text(&mut self, text: &str, share: impl FnOnce() -> Arc<str>) -> u32 {
        let hash = hash(|hasher| Value::hash_text(text, hasher));
        self.other(
            hash,
            |known| matches!(known, Value::Text(known) if **known == *text),
            || Value::Text(share()),
        )
    }

    /// The number of a list; nothing is allocated for one that is known. Amortised O(size of the items).
    pub(crate) fn list(&mut self, items: &[Value]) -> u32 {
        let hash = hash(|hasher| Value::hash_list(items, hasher));
        self.other(
            hash,
            |known| matches!(known, Value::List(known) if **known == *items),
            || Value::List(items.into()),
        )
    }

    fn other(
        &mut self,
        hash: u64,
        equal: impl Fn(&Value) -> bool,
        make: impl FnOnce() -> Value,
    ) -> u32 {
        let next = self.values.len() as u32;
        let is_it =
            |other: &Other| other.hash == hash && equal(&self.values[other.number as usize]);
        match self.others.entry(hash, is_it, |other| other.hash) {
            Entry::Occupied(known) => return known.get().number,
            Entry::Vacant(free) => free.insert(Other { hash, number: next }),
        };
        self.add(make());
        next
    }

    fn add(&mut self, value: Value) {
        assert!(self.values.len() < 1 << 31, "distinct values fit 31 bits");
        self.values.push(value);
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

fn hash(feed: impl FnOnce(&mut FxHasher)) -> u64 {
    let mut hasher = FxHasher::default();
    feed(&mut hasher);
    hasher.finish()
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
            let numbers: Vec<u32> = values.iter().map(|value| interner.number(value)).collect();
            for (value, &number) in values.iter().zip(&numbers) {
                prop_assert_eq!(interner.value(number), value);
                prop_assert_eq!(interner.number(value), number);
                match value {
                    Value::Text(text) => {
                        prop_assert_eq!(interner.text(text, || unreachable!("it is known")), number);
                    }
                    Value::List(items) => prop_assert_eq!(interner.list(items), number),
                    _ => {}
                }
                prop_assert_eq!(number == 0, value.is_nil());
            }
            let mut distinct = interner.into_values();
            let count = distinct.len();
            distinct.sort();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), count);
        }

        #[test]
        fn integers_keep_their_numbers_while_the_table_grows(
            integers in prop::collection::vec(prop_oneof![
                0..20_000_i64,
                -3..3_i64,
                (0..40_i64).prop_map(|n| n * 1_000),
                any::<i64>(),
            ], 0..3_000)
        ) {
            let mut interner = Interner::new();
            let mut known = std::collections::BTreeMap::new();
            for n in integers {
                let number = interner.integer(n);
                prop_assert_eq!(*known.entry(n).or_insert(number), number);
                prop_assert_eq!(interner.value(number), &Value::Int(n));
            }
            prop_assert_eq!(interner.into_values().len(), known.len() + 1);
        }
    }
}
