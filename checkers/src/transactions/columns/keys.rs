//! What is known about a key while its steps are read: its values by number, and its branches.

use schism_history::{History, Value, ValueId};

use super::{Content, NONE};
use crate::transactions::numbering::Numbering;

/// A key whose steps are read.
pub(super) struct Key<'h> {
    /// The numbers of its first values. Those of the others are known by the history's own numbers only.
    numbers: Numbering<'h>,
    /// A value came without the history's own number.
    by_value: bool,
    /// Its branches.
    pub(super) branches: Vec<u32>,
    /// Somebody wrote to it.
    pub(super) written: bool,
    /// Somebody appended to it.
    pub(super) appended: bool,
    /// Somebody read a list of it.
    pub(super) reads_lists: bool,
}

impl Key<'_> {
    /// One of which nothing was seen.
    pub(super) fn new() -> Self {
        Self {
            numbers: Numbering::default(),
            by_value: false,
            branches: Vec::new(),
            written: false,
            appended: false,
            reads_lists: false,
        }
    }

    /// What it holds.
    pub(super) fn content(&self) -> Content {
        if self.appended || (self.reads_lists && !self.written) {
            Content::List
        } else {
            Content::Register
        }
    }
}

impl<'h> Key<'h> {
    /// The number of a value among those of this key, which `values` are; its next one if it is new.
    fn number(&mut self, value: &'h Value, values: &mut Vec<&'h Value>) -> u32 {
        for &known in &values[self.numbers.count() as usize..] {
            self.numbers.number(known);
        }
        let number = self.numbers.number(value);
        if number as usize == values.len() {
            values.push(value);
        }
        number
    }

    /// The same for a value of which only itself is known.
    pub(super) fn number_of(&mut self, value: &'h Value, values: &mut Vec<&'h Value>) -> u32 {
        self.by_value = true;
        self.number(value, values)
    }
}

/// For each value of the history, the first key that it was seen at, and its number there. Most values are seen at one
/// key only, and then nothing is hashed.
pub(super) struct Owners(Vec<(u32, u32)>);

impl Owners {
    /// Of the values of a history.
    pub(super) fn new(history: &History) -> Self {
        Self(vec![(NONE, 0); history.plain_value_count()])
    }

    /// The number of a value among those of a key, which `values` are; its next one if it is new. Amortised O(1).
    pub(super) fn number<'h>(
        &mut self,
        history: &'h History,
        id: ValueId,
        key: u32,
        known: &mut Key<'h>,
        values: &mut Vec<&'h Value>,
    ) -> u32 {
        if id == ValueId::NIL {
            return 0;
        }
        let Some(owner) = self.0.get_mut(id.0 as usize) else {
            return known.number_of(history.value(id), values);
        };
        if owner.0 == key {
            return owner.1;
        }
        if owner.0 != NONE {
            return known.number(history.value(id), values);
        }
        let number = if known.by_value {
            known.number(history.value(id), values)
        } else {
            values.push(history.value(id));
            values.len() as u32 - 1
        };
        *owner = (key, number);
        number
    }
}
