//! The events to come, in order of time.
//!
//! A heap of small entries that point into a table of slots which are used again, so that nothing is allocated per
//! event once the busiest moment is over. Events at the same time come out in the order they were put in. Cancelled
//! events leave their entry behind; when those are the majority the heap is rebuilt without them, so memory stays
//! within twice what is live.

/// Finds an event again, as long as it is in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    sequence: u64,
    slot: u32,
}

impl Key {
    /// Counts the events that were ever put in; no two have the same.
    pub(crate) fn number(self) -> u64 {
        self.sequence
    }
}

#[derive(Clone, Copy)]
struct Entry {
    at: u64,
    sequence: u64,
    slot: u32,
}

impl Entry {
    /// Time, then the order of arrival, in one number: compared without a branch. No two are alike.
    fn order(&self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.sequence)
    }
}

enum Slot<T> {
    Used { sequence: u64, item: T },
    Free { next: Option<u32> },
}

pub(crate) struct Queue<T> {
    heap: Heap,
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
            heap: Heap::default(),
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
        self.heap.push(Entry { at, sequence, slot });
        self.live += 1;
        Key { sequence, slot }
    }

    /// Takes an event out before its time; `None` when it is gone already. O(1), with an O(n) rebuild at most once in
    /// n/2 times.
    pub(crate) fn cancel(&mut self, key: Key) -> Option<T> {
        let item = self.take(key.slot, key.sequence)?;
        if self.heap.entries.len() > FEW && self.heap.entries.len() > 2 * self.live {
            let slots = &self.slots;
            self.heap.retain(|entry| is_live(slots, entry));
        }
        Some(item)
    }

    /// When the next event is due. O(1) on average.
    pub(crate) fn next_at(&mut self) -> Option<u64> {
        loop {
            let entry = self.heap.entries.first()?;
            if is_live(&self.slots, entry) {
                return Some(entry.at);
            }
            self.heap.pop();
        }
    }

    /// The next event. O(log n).
    pub(crate) fn pop(&mut self) -> Option<(u64, Key, T)> {
        loop {
            let Entry { at, sequence, slot } = self.heap.pop()?;
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

/// A heap whose nodes have four children: half as deep as one with two, and the children of a node lie together. The
/// first entry is the earliest.
#[derive(Default)]
struct Heap {
    entries: Vec<Entry>,
}

const CHILDREN: usize = 4;

impl Heap {
    fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
        self.rise(0, self.entries.len() - 1, entry);
    }

    fn pop(&mut self) -> Option<Entry> {
        let last = self.entries.pop()?;
        let Some(first) = self.entries.first().copied() else {
            return Some(last);
        };
        self.refill(0, last);
        Some(first)
    }

    /// Keeps some entries only. O(n).
    fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
        for index in (0..self.entries.len().div_ceil(CHILDREN)).rev() {
            self.refill(index, self.entries[index]);
        }
    }

    /// Fills a hole with the least of what is below it, and the hole that this leaves likewise, down to the bottom,
    /// where the entry goes: it came from there and mostly belongs there.
    fn refill(&mut self, top: usize, entry: Entry) {
        let entries = &mut self.entries[..];
        let mut hole = top;
        loop {
            let first = hole * CHILDREN + 1;
            let least = if let Some([a, b, c, d]) = entries.get(first..first + CHILDREN) {
                // Two pairs, then the winners: the processor decides without a jump.
                let (a, b, c, d) = (a.order(), b.order(), c.order(), d.order());
                let (left, left_order) = if b < a { (1, b) } else { (0, a) };
                let (right, right_order) = if d < c { (3, d) } else { (2, c) };
                first
                    + if right_order < left_order {
                        right
                    } else {
                        left
                    }
            } else if let Some(least) =
                (first..entries.len()).min_by_key(|child| entries[*child].order())
            {
                least
            } else {
                break;
            };
            entries[hole] = entries[least];
            hole = least;
        }
        self.rise(top, hole, entry);
    }

    /// Puts an entry where there is a hole, or above it, but not above `top`.
    fn rise(&mut self, top: usize, mut hole: usize, entry: Entry) {
        while hole > top {
            let parent = (hole - 1) / CHILDREN;
            if self.entries[parent].order() <= entry.order() {
                break;
            }
            self.entries[hole] = self.entries[parent];
            hole = parent;
        }
        self.entries[hole] = entry;
    }
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
        assert!(
            queue.heap.entries.len() <= FEW + 1,
            "{}",
            queue.heap.entries.len()
        );
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
