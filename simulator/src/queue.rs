//! The events to come, in order of time.
//!
//! A heap of small entries that point into a table of slots which are used again, so that nothing is allocated per event
//! once the busiest moment is over. Events at the same time come out in the order they were put in. Cancelled events
//! leave their entry behind; when those are the majority the heap is rebuilt without them, so memory stays within twice
//! what is live.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Finds an event again, as long as it is in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    sequence: u64,
    slot: u32,
}

/// Ordered by time, then by the order of arrival.
#[derive(Clone, Copy)]
struct Entry {
    at: u64,
    sequence: u64,
    slot: u32,
}

impl Entry {
    /// One number to compare, which takes no branch. `sequence` is unique, so `slot` never decides.
    fn order(&self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.sequence)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn lt(&self, other: &Self) -> bool {
        self.order() < other.order()
    }

    fn le(&self, other: &Self) -> bool {
        self.order() <= other.order()
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

enum Slot<T> {
    Used { sequence: u64, item: T },
    Free { next: Option<u32> },
}

pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry>>,
    slots: Vec<Slot<T>>,
    free: Option<u32>,
    live: usize,
    sequence: u64,
}

/// Below so many entries a rebuild is not worth its while.
const FEW: usize = 64;

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free: None,
            live: 0,
            sequence: 0,
        }
    }

    /// Puts an event in. O(log n), O(1) on average.
    pub(crate) fn push(&mut self, at: u64, item: T) -> Key {
        let sequence = self.sequence;
        self.sequence += 1;
        let used = Slot::Used { sequence, item };
        let slot = if let Some(slot) = self.free {
            let old = std::mem::replace(&mut self.slots[slot as usize], used);
            let Slot::Free { next } = old else {
                unreachable!("the list of free slots holds free slots only")
            };
            self.free = next;
            slot
        } else {
            let slot = u32::try_from(self.slots.len())
                .expect("four thousand million events do not fit into memory");
            self.slots.push(used);
            slot
        };
        self.heap.push(Reverse(Entry { at, sequence, slot }));
        self.live += 1;
        Key { sequence, slot }
    }

    /// Takes an event out before its time; `None` when it is gone already. O(1), with an O(n) rebuild at most once in
    /// n/2 times.
    pub(crate) fn cancel(&mut self, key: Key) -> Option<T> {
        let item = self.take(key.slot, key.sequence)?;
        if self.heap.len() > FEW && self.heap.len() > 2 * self.live {
            let slots = &self.slots;
            self.heap.retain(|Reverse(entry)| is_live(slots, entry));
        }
        Some(item)
    }

    /// When the next event is due. O(1) on average.
    pub(crate) fn next_at(&mut self) -> Option<u64> {
        loop {
            let Reverse(entry) = self.heap.peek()?;
            if is_live(&self.slots, entry) {
                return Some(entry.at);
            }
            self.heap.pop();
        }
    }

    /// The next event. O(log n).
    pub(crate) fn pop(&mut self) -> Option<(u64, Key, T)> {
        loop {
            let Reverse(Entry { at, sequence, slot }) = self.heap.pop()?;
            if let Some(item) = self.take(slot, sequence) {
                return Some((at, Key { sequence, slot }, item));
            }
        }
    }

    fn take(&mut self, slot: u32, expected: u64) -> Option<T> {
        let place = self.slots.get_mut(slot as usize)?;
        if !matches!(place, Slot::Used { sequence, .. } if *sequence == expected) {
            return None;
        }
        let freed = Slot::Free { next: self.free };
        let Slot::Used { item, .. } = std::mem::replace(place, freed) else {
            unreachable!("just seen to be used")
        };
        self.free = Some(slot);
        self.live -= 1;
        Some(item)
    }
}

fn is_live<T>(slots: &[Slot<T>], entry: &Entry) -> bool {
    matches!(&slots[entry.slot as usize], Slot::Used { sequence, .. } if *sequence == entry.sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    #[test]
    fn comes_out_by_time_then_by_arrival() {
        let mut queue = Queue::new();
        for (at, item) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b'), (5, 'e')] {
            queue.push(at, item);
        }
        assert_eq!(queue.next_at(), Some(1));
        let order: String = std::iter::from_fn(|| queue.pop().map(|(_, _, item)| item)).collect();
        assert_eq!(order, "abcde");
        assert_eq!(queue.next_at(), None);
    }

    #[test]
    fn a_cancelled_event_never_comes_and_its_slot_is_used_again() {
        let mut queue = Queue::new();
        let early = queue.push(1, "early");
        queue.push(2, "late");
        assert_eq!(queue.cancel(early), Some("early"));
        assert_eq!(queue.cancel(early), None, "gone already");
        let next = queue.push(3, "in the same slot");
        assert_eq!(next.slot, early.slot);
        assert_eq!(queue.cancel(early), None, "an old key finds no new event");
        assert_eq!(queue.next_at(), Some(2));
        assert_eq!(
            queue.pop().map(|(at, _, item)| (at, item)),
            Some((2, "late"))
        );
        assert_eq!(queue.pop(), Some((3, next, "in the same slot")));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn memory_stays_within_what_is_live() {
        let mut queue = Queue::new();
        for round in 0..100_000_u64 {
            let timeout = queue.push(round + 1_000_000, round);
            queue.push(round, round);
            assert!(queue.pop().is_some());
            queue.cancel(timeout);
        }
        assert!(queue.heap.len() <= FEW + 1, "{}", queue.heap.len());
        assert!(queue.slots.len() <= 2);
    }

    #[test]
    fn agrees_with_a_sorted_list() {
        let mut random = Random::new(3, 0);
        let mut queue = Queue::new();
        let mut list: Vec<(u64, u64, Key)> = Vec::new();
        for number in 0..20_000 {
            match random.below(5) {
                0..3 => {
                    let at = random.below(1_000);
                    let key = queue.push(at, number);
                    list.push((at, number, key));
                }
                3 if !list.is_empty() => {
                    let (_, item, key) = list.swap_remove(random.below(list.len() as u64) as usize);
                    assert_eq!(queue.cancel(key), Some(item));
                }
                _ => {
                    let first = list
                        .iter()
                        .copied()
                        .min_by_key(|(at, number, _)| (*at, *number));
                    assert_eq!(
                        queue.pop(),
                        first.map(|(at, number, key)| (at, key, number))
                    );
                    list.retain(|entry| Some(entry.1) != first.map(|f| f.1));
                }
            }
        }
    }
}
