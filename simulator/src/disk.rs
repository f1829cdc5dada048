//! What a node keeps when it crashes.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use schism_history::Value;

/// A node's disk: one header, for what the node must remember of itself (a term, a vote), and one record per key.
///
/// What is written is kept from then on: the simulated process dies, its machine does not. Records come in the order in
/// which their keys were first written, which is the same on every machine.
#[derive(Clone, Debug)]
pub struct Disk<H, R> {
    /// What the node must remember of itself.
    pub header: H,
    records: IndexMap<Value, R, FxBuildHasher>,
}

/// An empty disk.
impl<H: Default, R> Default for Disk<H, R> {
    fn default() -> Self {
        Self {
            header: H::default(),
            records: IndexMap::default(),
        }
    }
}

impl<H, R> Disk<H, R> {
    /// The record of a key. O(1).
    pub fn get(&self, key: &Value) -> Option<&R> {
        self.records.get(key)
    }

    /// The record of a key, to be changed in place. O(1).
    pub fn get_mut(&mut self, key: &Value) -> Option<&mut R> {
        self.records.get_mut(key)
    }

    /// Writes the record of a key. O(1).
    pub fn put(&mut self, key: Value, record: R) {
        self.records.insert(key, record);
    }

    /// The record of a key, to be changed in place; an absent one is made first. O(1).
    pub fn edit(&mut self, key: &Value) -> &mut R
    where
        R: Default,
    {
        self.records.entry(key.clone()).or_default()
    }

    /// All records.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &R)> {
        self.records.iter()
    }

    /// At most `length` records, from the place `start` on; none when there are no more. A place keeps its key until
    /// [`Disk::replace`].
    pub fn stretch(
        &self,
        start: usize,
        length: usize,
    ) -> impl ExactSizeIterator<Item = (&Value, &R)> {
        let end = self.len().min(start.saturating_add(length));
        let records = self.records.get_range(start.min(end)..end);
        records.map_or_else(Default::default, |records| records.iter())
    }

    /// How many keys have a record.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no key has a record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Puts other records in the place of all.
    pub fn replace(&mut self, records: impl IntoIterator<Item = (Value, R)>) {
        self.records = records.into_iter().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_in_order_of_their_first_write_and_in_stretches() {
        let mut disk: Disk<(), i32> = Disk::default();
        for key in [3, 1, 2] {
            disk.put(Value::from(key), key * 10);
        }
        *disk.edit(&Value::from(4)) += 1;
        *disk.edit(&Value::from(1)) += 1;
        let all: Vec<i32> = disk.iter().map(|(_, record)| *record).collect();
        assert_eq!(all, [30, 11, 20, 1]);
        let stretch =
            |start| -> Vec<i32> { disk.stretch(start, 3).map(|(_, record)| *record).collect() };
        assert_eq!(stretch(0), [30, 11, 20]);
        assert_eq!(stretch(3), [1]);
        assert!(stretch(4).is_empty() && stretch(99).is_empty());
    }

    #[test]
    fn a_copy_takes_the_place_of_all() {
        let mut disk: Disk<(), i32> = Disk::default();
        assert!(disk.is_empty());
        disk.put(Value::from(1), 1);
        disk.replace([(Value::from(9), 9)]);
        assert_eq!((disk.len(), disk.get(&Value::from(9))), (1, Some(&9)));
        assert_eq!(disk.get_mut(&Value::from(1)), None);
    }
}
