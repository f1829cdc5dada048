//! Priority queues whose values are put in once: judged from the largest down.
//!
//! A value v may be taken at every moment at which no larger one is in. What is smaller does not matter to it. So
//! (compare Lee and Mathur, "Efficient Decrease-and-Conquer Linearizability Monitoring", 2025) values are placed from the
//! largest to the smallest: each is taken at the first moment, from the beginning of its taking on, at which no larger
//! one is in; put in as late as it can be before that. So it is in for as short a time as can be, and whatever works for
//! the smaller ones otherwise works then too. No such moment before the taking ended: no order. Whoever found nothing
//! needs a moment at which no value is in at all, as if he took one smaller than all.
//!
//! Operations of unknown outcome as on a stack: see [`stack`](super::stack).

use std::collections::BTreeMap;

use super::collection::{Collection, Item, Judgement, NEVER};

/// Judges a priority queue. O(n log n).
pub(crate) fn judge(collection: &Collection) -> Judgement {
    if is_priority_queue(collection, NEVER) {
        return Judgement::Fine;
    }
    let left = collection.items.iter().any(|item| item.taken.is_none());
    match collection.loose.first() {
        Some(&first) if left && is_priority_queue(collection, first) => Judgement::Unsure,
        _ => Judgement::Broken,
    }
}

/// Whether there is an order, if values that nobody is known to have taken may be taken from a moment on.
fn is_priority_queue(collection: &Collection, taken_from: u64) -> bool {
    let spans = |item: &Item| {
        let taken = item
            .taken
            .map_or((taken_from, NEVER), |taken| (taken.begin, taken.end));
        (item.priority, (item.put.begin, item.put.end), taken)
    };
    let mut items: Vec<_> = collection.items.iter().map(spans).collect();
    items.sort_unstable_by_key(|&(priority, ..)| std::cmp::Reverse(priority));
    let mut held = Held::default();
    for (_, put, (begin, end)) in items {
        let taken = held.first_free(begin.max(put.0));
        if taken > end {
            return false;
        }
        held.add(put.1, taken);
    }
    collection
        .empties
        .iter()
        .all(|empty| held.first_free(empty.begin) <= empty.end)
}

/// Times at which something is in: open intervals, joined where they overlap.
#[derive(Default)]
struct Held {
    /// Ends by beginnings; disjoint.
    intervals: BTreeMap<u64, u64>,
}

impl Held {
    /// The first moment from `time` on at which nothing is in. O(log n).
    fn first_free(&self, time: u64) -> u64 {
        match self.intervals.range(..time).next_back() {
            Some((_, &end)) if time < end => end,
            _ => time,
        }
    }

    /// O(log n) amortised.
    fn add(&mut self, begin: u64, end: u64) {
        if begin >= end {
            return;
        }
        let (mut begin, mut end) = (begin, end);
        if let Some((&other, &until)) = self.intervals.range(..begin).next_back()
            && until > begin
        {
            begin = other;
            end = end.max(until);
        }
        while let Some((&other, &until)) = self.intervals.range(begin..end).next() {
            end = end.max(until);
            self.intervals.remove(&other);
        }
        self.intervals.insert(begin, end);
    }
}
