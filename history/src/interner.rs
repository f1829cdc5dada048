//! Equal values get equal numbers, once, while a history is built.

use rustc_hash::FxHashMap;

use crate::Value;

/// A table of distinct values. Number 0 is always [`Value::Nil`].
#[derive(Debug)]
pub(crate) struct Interner {
    numbers: FxHashMap<Value, u32>,
    values: Vec<Value>,
}

impl Interner {
    pub(crate) fn new() -> Self {
        let mut interner = Self {
            numbers: FxHashMap::default(),
            values: Vec::new(),
        };
        interner.number(Value::Nil);
        interner
    }

    /// The value's number. Amortised O(size of the value).
    ///
    /// # Panics
    /// When there are more than 2^32 - 1 distinct values: more than fit in memory.
    pub(crate) fn number(&mut self, value: Value) -> u32 {
        *self.numbers.entry(value).or_insert_with_key(|value| {
            self.values.push(value.clone());
            u32::try_from(self.values.len() - 1).expect("distinct values fit 32 bits")
        })
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
