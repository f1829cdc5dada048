//! Counters of which every operation adds the same amount.
//!
//! Then additions differ only in when they may have happened, and a read says how many had. Walk through time and let
//! additions happen as late as can be: when one must end, or when a read that must end has seen more than have happened;
//! then the one that must end soonest. That keeps their number as low as it can be at every moment (earliest deadline
//! first), so a read that then comes too late for its number has no place in any order. Additions of unknown outcome come
//! last: they never must happen.
//!
//! O(n log n). Additions of different amounts are left to the search.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use schism_history::{F, History, OpId, Outcome};

use super::collection::{Judgement, Span, nanos};
use crate::models::delta;

/// What was done to a counter.
pub(crate) struct Additions {
    adds: Vec<Span>,
    /// Reads, and how many additions each saw.
    reads: Vec<(Span, i128)>,
    /// Some read saw no multiple of the amount.
    torn: bool,
}

impl Additions {
    /// The operations on a counter; `None` when the amounts differ, or are nothing. O(operations).
    pub(crate) fn of(history: &History, ids: &[OpId]) -> Option<Self> {
        let mut amount = None;
        let mut adds = Vec::new();
        let mut values = Vec::new();
        for &id in ids {
            let op = history.operation(id);
            if op.outcome == Outcome::Fail {
                continue;
            }
            let span = Span {
                begin: nanos(op.invoked),
                end: nanos(op.end()),
                id,
            };
            if *op.f() == F::Read {
                if op.outcome == Outcome::Ok {
                    values.push((span, i128::from(op.output().as_int()?)));
                }
                continue;
            }
            let delta = delta(op.f(), op.input()).filter(|&delta| delta != 0)?;
            if *amount.get_or_insert(delta) != delta {
                return None;
            }
            adds.push(span);
        }
        let amount = amount.unwrap_or(1);
        let torn = values.iter().any(|(_, value)| value % amount != 0);
        let reads = values
            .into_iter()
            .map(|(span, value)| (span, value / amount))
            .collect();
        Some(Self { adds, reads, torn })
    }

    /// How many operations may have happened.
    pub(crate) fn len(&self) -> usize {
        self.adds.len() + self.reads.len()
    }

    /// Whether an order exists.
    pub(crate) fn judge(&self) -> Judgement {
        if self.torn || self.reads.iter().any(|&(_, value)| value < 0) {
            return Judgement::Broken;
        }
        // By time: begins before ends, for operations that only touch overlap.
        let mut reads_by_begin: Vec<&(Span, i128)> = self.reads.iter().collect();
        reads_by_begin.sort_unstable_by_key(|(span, _)| span.begin);
        let mut adds_by_begin: Vec<&Span> = self.adds.iter().collect();
        adds_by_begin.sort_unstable_by_key(|span| span.begin);
        let mut ends: Vec<(u64, i128)> = self
            .reads
            .iter()
            .map(|(span, value)| (span.end, *value))
            .chain(self.adds.iter().map(|span| (span.end, 0)))
            .collect();
        ends.sort_unstable();
        let mut adds = adds_by_begin.into_iter().peekable();
        let mut reads = reads_by_begin.into_iter().peekable();
        // Additions that may happen, the one that must end soonest first.
        let mut open: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
        let mut happened: i128 = 0;
        for (now, seen) in ends {
            if now == super::collection::NEVER {
                break;
            }
            // A read that begins now or earlier, but after the last end, has seen at least what had happened then.
            while let Some((_, value)) = reads.next_if(|(span, _)| span.begin <= now) {
                if *value < happened {
                    return Judgement::Broken;
                }
            }
            while let Some(add) = adds.next_if(|add| add.begin <= now) {
                open.push(Reverse(add.end));
            }
            while let Some(&Reverse(end)) = open.peek() {
                if end > now && happened >= seen {
                    break;
                }
                open.pop();
                happened += 1;
            }
            if happened < seen {
                return Judgement::Broken;
            }
        }
        Judgement::Fine
    }
}
