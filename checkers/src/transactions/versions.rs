//! Version orders: for each key, who wrote its versions one after the other, and which of them each transaction read.
//!
//! Versions are *slots*, numbered over all keys: the slots of a key stand next to each other, the first one is what the
//! key holds before anybody wrote it.

use crate::transactions::columns::NONE;
use crate::transactions::graph::Edge;

/// The version orders of all keys, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions {
    /// The first slot of each key; one more than there are keys.
    pub(crate) base: Vec<u32>,
    /// Who wrote the version; [`NONE`] for the first one of each key, and where that is not known.
    pub(crate) writer: Vec<u32>,
    /// What transactions read from others: (transaction, slot). A transaction that read two versions of one key stands
    /// twice.
    pub(crate) reads: Vec<(u32, u32)>,
    /// Transactions that surely wrote the key after all of its slots, in an order that nobody saw: (key, transaction),
    /// by key, each once.
    pub(crate) unordered: Vec<(u32, u32)>,
    /// Reads of which only the writer is known: (writer, reader, key).
    pub(crate) read_from: Vec<(u32, u32, u32)>,
    /// What reads by predicate make: (from, to, why).
    pub(crate) by_predicate: Vec<(u32, u32, Edge)>,
}

impl Versions {
    /// How many keys there are.
    pub(crate) fn key_count(&self) -> usize {
        self.base.len().saturating_sub(1)
    }

    /// The slots of a key.
    pub(crate) fn slots(&self, key: u32) -> std::ops::Range<usize> {
        self.base[key as usize] as usize..self.base[key as usize + 1] as usize
    }

    /// The key of a slot. O(log keys).
    pub(crate) fn key_of(&self, slot: u32) -> u32 {
        self.base.partition_point(|&base| base <= slot) as u32 - 1
    }

    /// The dependencies of a transaction that read a key by predicate in one of some versions that do not match, of which
    /// these are the first and the last slot: after whoever made the key not match, and before whoever makes it match.
    pub(crate) fn around(
        &self,
        reader: u32,
        first: u32,
        last: u32,
    ) -> impl Iterator<Item = (u32, u32, Edge)> + use<> {
        let slots = self.slots(self.key_of(first));
        let writer = |slot: usize| {
            let is_it = slot > slots.start && slot < slots.end;
            let writer = is_it.then(|| self.writer[slot]);
            writer.filter(|&writer| writer != NONE && writer != reader)
        };
        let before = writer(first as usize).map(|w| (w, reader, Edge::PredicateWriteRead));
        let after = writer(last as usize + 1).map(|w| (reader, w, Edge::PredicateReadWrite));
        before.into_iter().chain(after)
    }

    /// For each slot, the last known writer at or before it, within its key.
    pub(crate) fn seen(&self) -> Vec<u32> {
        let mut seen = self.writer.clone();
        for key in 0..self.key_count() as u32 {
            let mut last = NONE;
            for slot in self.slots(key) {
                if seen[slot] == NONE {
                    seen[slot] = last;
                } else {
                    last = seen[slot];
                }
            }
        }
        seen
    }

    /// For each slot, the first known writer after it, within its key.
    pub(crate) fn next(&self) -> Vec<u32> {
        let mut next = vec![NONE; self.writer.len()];
        for key in 0..self.key_count() as u32 {
            let mut first = NONE;
            for slot in self.slots(key).rev() {
                next[slot] = first;
                if self.writer[slot] != NONE {
                    first = self.writer[slot];
                }
            }
        }
        next
    }
}
