//! What a node keeps when it crashes.

use std::collections::VecDeque;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use schism_history::Value;

use crate::{Random, Share};

/// When what a store writes is safe from a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// At once: the disk is written before anything else happens.
    #[default]
    EachWrite,
    /// When [`Context::sync`](crate::Context::sync) is through: a crash takes back what was written after the latest
    /// one, as it lay in the process's buffers.
    OnSync,
}

type Records<R> = IndexMap<Value, R, FxBuildHasher>;

/// A node's disk: one header, for what the node must remember of itself (a term, a vote), and one record per key.
///
/// What is written is kept from then on, unless the store asks for [`Durability::OnSync`]: the simulated process dies,
/// its machine does not. Records come in the order in which their keys were first written, which is the same on every
/// machine.
#[derive(Clone, Debug)]
pub struct Disk<H, R> {
    /// What the node must remember of itself.
    pub header: H,
    records: Records<R>,
    /// What can still be taken back, oldest first. Empty unless somebody asked for it.
    journal: VecDeque<Segment<H, R>>,
    full: bool,
}

/// What was there before some writes.
#[derive(Clone, Debug)]
struct Segment<H, R> {
    header: H,
    /// The records that were written, as they were before; `None` for those that were not there.
    records: IndexMap<Value, Option<R>, FxBuildHasher>,
    /// All records before they were replaced, if they were; what is written later needs no note of its own.
    all: Option<Records<R>>,
}

/// A copy of a disk.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot<H, R> {
    header: H,
    records: Records<R>,
}

/// An empty disk.
impl<H: Default, R> Default for Disk<H, R> {
    fn default() -> Self {
        Self {
            header: H::default(),
            records: IndexMap::default(),
            journal: VecDeque::new(),
            full: false,
        }
    }
}

impl<H, R> Disk<H, R> {
    /// The record of a key. O(1).
    pub fn get(&self, key: &Value) -> Option<&R> {
        self.records.get(key)
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

    /// Whether there is no room left. A store that looks can refuse what would write; one that writes all the same
    /// dies, as a process does that cannot write its log.
    pub fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn set_full(&mut self, full: bool) {
        self.full = full;
    }
}

impl<H, R: Clone> Disk<H, R> {
    /// The record of a key, to be changed in place. O(1).
    pub fn get_mut(&mut self, key: &Value) -> Option<&mut R> {
        if !self.journal.is_empty() && self.records.contains_key(key) {
            self.note(key);
        }
        self.records.get_mut(key)
    }

    /// Writes the record of a key. O(1).
    pub fn put(&mut self, key: Value, record: R) {
        if !self.journal.is_empty() {
            self.note(&key);
        }
        self.records.insert(key, record);
    }

    /// The record of a key, to be changed in place; an absent one is made first. O(1).
    pub fn edit(&mut self, key: &Value) -> &mut R
    where
        R: Default,
    {
        if !self.journal.is_empty() {
            self.note(key);
        }
        self.records.entry(key.clone()).or_default()
    }

    /// Puts other records in the place of all.
    pub fn replace(&mut self, records: impl IntoIterator<Item = (Value, R)>) {
        let before = std::mem::replace(&mut self.records, records.into_iter().collect());
        if let Some(segment) = self.journal.back_mut() {
            segment.all.get_or_insert(before);
        }
    }

    /// Notes how a record is before it is written.
    fn note(&mut self, key: &Value) {
        if let Some(segment) = self.journal.back_mut()
            && segment.all.is_none()
            && !segment.records.contains_key(key)
        {
            let before = self.records.get(key).cloned();
            segment.records.insert(key.clone(), before);
        }
    }
}

impl<H: Clone, R: Clone> Disk<H, R> {
    /// From now on writes can be taken back, apart from those before.
    pub(crate) fn begin(&mut self) {
        self.journal.push_back(Segment {
            header: self.header.clone(),
            records: IndexMap::default(),
            all: None,
        });
    }

    /// What was written in the oldest part can no longer be taken back.
    pub(crate) fn keep_oldest(&mut self) {
        self.journal.pop_front();
    }

    /// Nothing can be taken back any more.
    pub(crate) fn keep_all(&mut self) {
        self.journal.clear();
    }

    /// Whether a record was written in the newest part.
    pub(crate) fn has_written(&self) -> bool {
        self.journal
            .back()
            .is_some_and(|segment| segment.all.is_some() || !segment.records.is_empty())
    }

    /// The header as it was when the newest part began.
    pub(crate) fn header_before(&self) -> Option<&H> {
        self.journal.back().map(|segment| &segment.header)
    }

    /// Takes back the newest part; whether there was one.
    pub(crate) fn take_back(&mut self) -> bool {
        let Some(segment) = self.journal.pop_back() else {
            return false;
        };
        self.header = segment.header;
        if let Some(all) = segment.all {
            self.records = all;
        }
        for (key, before) in segment.records.into_iter().rev() {
            self.put_back(key, before);
        }
        true
    }

    /// Takes back every part; how many records that were written are not as they were written.
    pub(crate) fn take_all_back(&mut self) -> usize {
        let lost = self.journal.iter().map(Segment::len).sum();
        while self.take_back() {}
        lost
    }

    /// Loses some of what can be taken back, as a disk does when the power fails: the oldest parts are there, of one
    /// part each record and the header is there or not, and later ones are gone. How many records got lost.
    pub(crate) fn tear(&mut self, random: &mut Random) -> usize {
        let half = Share::from_percent(50);
        let whole = random.below(self.journal.len() as u64) as usize;
        let mut lost = 0;
        while self.journal.len() > whole + 1 {
            lost += self.journal.back().map_or(0, Segment::len);
            self.take_back();
        }
        if let Some(segment) = self.journal.pop_back() {
            if random.chance(half) {
                self.header = segment.header;
            }
            if let Some(all) = segment.all {
                // A file of its own that takes the place of the old one: it is there, or it is not.
                if random.chance(half) {
                    lost += all.len();
                    self.records = all;
                }
            }
            for (key, before) in segment.records.into_iter().rev() {
                if random.chance(half) {
                    lost += 1;
                    self.put_back(key, before);
                }
            }
        }
        self.journal.clear();
        lost
    }

    fn put_back(&mut self, key: Value, before: Option<R>) {
        match before {
            Some(record) => {
                self.records.insert(key, record);
            }
            // A new key stands at the end, so that nothing moves.
            None => {
                self.records.shift_remove(&key);
            }
        }
    }

    /// Forgets everything; what is wrong with it stays.
    pub(crate) fn wipe(&mut self)
    where
        H: Default,
    {
        *self = Self {
            full: self.full,
            ..Self::default()
        };
    }

    /// A copy of what is on it now.
    pub(crate) fn snapshot(&self) -> Snapshot<H, R> {
        Snapshot {
            header: self.header.clone(),
            records: self.records.clone(),
        }
    }

    /// Puts a copy in the place of everything; how many records are not as they were.
    pub(crate) fn restore(&mut self, snapshot: Snapshot<H, R>) -> usize {
        let forgotten = self.records.len().saturating_sub(snapshot.records.len());
        self.header = snapshot.header;
        self.records = snapshot.records;
        self.journal.clear();
        forgotten
    }
}

impl<H, R> Segment<H, R> {
    fn len(&self) -> usize {
        self.records.len() + self.all.as_ref().map_or(0, IndexMap::len)
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

    fn all(disk: &Disk<u32, i32>) -> Vec<(i64, i32)> {
        disk.iter()
            .map(|(key, record)| (key.as_int().unwrap(), *record))
            .collect()
    }

    #[test]
    fn parts_are_taken_back_newest_first() {
        let mut disk: Disk<u32, i32> = Disk::default();
        disk.put(Value::from(1), 10);
        disk.begin();
        disk.header = 1;
        disk.put(Value::from(2), 20);
        *disk.edit(&Value::from(1)) += 1;
        disk.begin();
        disk.header = 2;
        disk.replace([(Value::from(9), 90)]);
        disk.put(Value::from(8), 80);
        assert!(disk.has_written());
        assert_eq!(all(&disk), [(9, 90), (8, 80)]);
        assert!(disk.take_back());
        assert_eq!((disk.header, all(&disk)), (1, vec![(1, 11), (2, 20)]));
        assert_eq!(disk.take_all_back(), 2);
        assert_eq!((disk.header, all(&disk)), (0, vec![(1, 10)]));
        assert!(!disk.take_back() && !disk.has_written());
    }

    #[test]
    fn what_is_kept_is_not_taken_back() {
        let mut disk: Disk<u32, i32> = Disk::default();
        disk.begin();
        disk.put(Value::from(1), 10);
        disk.begin();
        disk.put(Value::from(1), 11);
        disk.keep_oldest();
        assert_eq!(disk.journal.len(), 1);
        disk.take_all_back();
        assert_eq!(all(&disk), [(1, 10)]);
    }

    #[test]
    fn a_torn_write_is_there_in_part() {
        let mut kinds = std::collections::BTreeSet::new();
        let mut random = Random::new(1, 0);
        for _ in 0..200 {
            let mut disk: Disk<u32, i32> = Disk::default();
            disk.put(Value::from(1), 1);
            disk.begin();
            disk.header = 7;
            disk.put(Value::from(1), 2);
            disk.put(Value::from(2), 2);
            disk.tear(&mut random);
            kinds.insert((disk.header, all(&disk)));
        }
        assert_eq!(
            kinds.len(),
            8,
            "each of the three is there or not: {kinds:?}"
        );
    }

    #[test]
    fn a_copy_can_be_put_back() {
        let mut disk: Disk<u32, i32> = Disk::default();
        disk.put(Value::from(1), 1);
        let snapshot = disk.snapshot();
        disk.header = 3;
        disk.put(Value::from(1), 2);
        disk.put(Value::from(2), 2);
        assert_eq!(disk.restore(snapshot), 1);
        assert_eq!((disk.header, all(&disk)), (0, vec![(1, 1)]));
    }
}
