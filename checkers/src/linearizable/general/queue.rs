//! Queues whose values are put in once: judged by pairs of values.
//!
//! A queue is linearizable exactly if (Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability proofs", 2013;
//! in O(n log n): Abdulla et al., "Efficient Linearizability Monitoring", 2025, and Lee and Mathur, "Efficient
//! Decrease-and-Conquer Linearizability Monitoring", 2025)
//!
//! - every value that was taken had been put in, and was taken once,
//! - no value is taken surely before another one that was put in surely before it,
//! - whoever found nothing has a moment, while he looked, at which no value was surely in.
//!
//! The last one can be said of each by itself: at a moment at which no value is surely in, every value can be placed
//! wholly before or wholly after, and cutting there puts no two operations into a new order.
//!
//! Operations of unknown outcome:
//!
//! - Putting in: it happened if somebody took the value, before he had it; else it may be left out.
//! - Taking, nobody knows what: each may have taken one value that nobody else took. A value that is *missing*, because
//!   others that were surely put in after it have been taken, must have been taken by one of these before. Which one took
//!   which does not matter: that value left late enough for all others. So deadlines and beginnings are matched in their
//!   order (earliest deadline first). Whoever found nothing gives all values put in before his moment a deadline at that
//!   moment; of several of them each can choose by itself, because for what comes later the last one is the strictest.

use super::collection::{Collection, Item, Judgement, NEVER};
use super::cover::Cover;

/// Work that matching those who found nothing with unknown takers may cost.
const MATCHING: usize = 50_000_000;

/// Judges a queue; one that keeps its order, or one that does not. O(n log n), and O(fruitless × missing) where
/// operations found nothing although others, of unknown outcome, may have taken something.
pub(crate) fn judge(collection: &Collection, ordered: bool) -> Judgement {
    let items = &collection.items;
    if ordered && overtakes(items) {
        return Judgement::Broken;
    }
    // When each value that nobody is known to have taken must be out.
    let mut missing: Vec<(u64, u64)> = Vec::new();
    let any_missing = items.iter().any(|item| item.taken.is_none());
    let deadlines = (ordered && any_missing).then(|| Deadlines::of(items));
    for item in items.iter().filter(|item| item.taken.is_none()) {
        let deadline = deadlines.as_ref().map_or(NEVER, |d| d.of_put(item.put.end));
        missing.push((item.put.end, deadline));
    }
    missing.sort_unstable();
    let mut due: Vec<u64> = missing
        .iter()
        .map(|&(_, deadline)| deadline)
        .filter(|&deadline| deadline != NEVER)
        .collect();
    due.sort_unstable();
    let in_time = |(i, deadline): (usize, &u64)| {
        collection
            .loose
            .get(i)
            .is_some_and(|&begin| begin <= *deadline)
    };
    if !due.iter().enumerate().all(in_time) {
        return Judgement::Broken;
    }
    if collection.empties.is_empty() {
        return Judgement::Fine;
    }
    if collection.loose.is_empty() || missing.is_empty() {
        let cover = Cover::of(items.iter().map(Item::surely_in));
        return found_nothing(collection, |begin, end| cover.first_free(begin) <= end);
    }
    let taken = items.iter().filter(|item| item.taken.is_some());
    let cover = Cover::of(taken.map(Item::surely_in));
    let cost = collection.empties.len().saturating_mul(due.len() + 1);
    if cost.saturating_mul(8) > MATCHING {
        return Judgement::Unsure;
    }
    found_nothing(collection, |begin, end| {
        has_moment(begin, end, &cover, &missing, &collection.loose)
    })
}

fn found_nothing(collection: &Collection, has_moment: impl Fn(u64, u64) -> bool) -> Judgement {
    let fits = collection
        .empties
        .iter()
        .all(|empty| has_moment(empty.begin, empty.end));
    if fits {
        Judgement::Fine
    } else {
        Judgement::Broken
    }
}

/// Whether some value was taken surely before another one that was put in surely before it.
fn overtakes(items: &[Item]) -> bool {
    // When putting in began, and until when it was taken; when putting in had ended, and from when on it was taken. Small
    // copies, because sorting is most of the work; mostly in order, which a stable sort makes use of.
    let taken = || {
        items
            .iter()
            .filter_map(|item| Some((item.put, item.taken?)))
    };
    let mut by_begin: Vec<(u64, u64)> = taken().map(|(put, take)| (put.begin, take.end)).collect();
    let mut by_end: Vec<(u64, u64)> = taken().map(|(put, take)| (put.end, take.begin)).collect();
    by_begin.sort_by_key(|&(begin, _)| begin);
    by_end.sort_by_key(|&(end, _)| end);
    let mut earlier = by_end.into_iter().peekable();
    let mut latest = 0;
    for (put, taken) in by_begin {
        while let Some((_, from)) = earlier.next_if(|&(end, _)| end < put) {
            latest = latest.max(from);
        }
        if taken < latest {
            return true;
        }
    }
    false
}

/// Until when a value must have left, by when it was put in: before the first of those that came later left.
struct Deadlines {
    /// When values that were taken began to be put in, in order, and the earliest end of a taking among these and all
    /// later ones.
    later: Vec<(u64, u64)>,
}

impl Deadlines {
    fn of(items: &[Item]) -> Self {
        let mut later: Vec<(u64, u64)> = items
            .iter()
            .filter_map(|item| Some((item.put.begin, item.taken?.end)))
            .collect();
        later.sort_by_key(|&(begin, _)| begin);
        let mut earliest = NEVER;
        for (_, end) in later.iter_mut().rev() {
            earliest = earliest.min(*end);
            *end = earliest;
        }
        Self { later }
    }

    /// For a value that had been put in by this moment.
    fn of_put(&self, end: u64) -> u64 {
        let after = self.later.partition_point(|&(begin, _)| begin <= end);
        self.later
            .get(after)
            .map_or(NEVER, |&(_, deadline)| deadline)
    }
}

/// Whether there is a moment between `begin` and `end` at which nothing is surely in, if takers of unknown outcome, who
/// began at the times `loose`, take what is missing: `(put by, due by)`, in order.
fn has_moment(begin: u64, end: u64, cover: &Cover, missing: &[(u64, u64)], loose: &[u64]) -> bool {
    let takers = |until: u64| loose.partition_point(|&from| from <= until);
    let put_before = |moment: u64| missing.partition_point(|&(put, _)| put < moment);
    // As late as can be before one more value is in: a later moment asks less of the takers.
    let first = put_before(begin.saturating_add(1));
    let last = put_before(end);
    let bounds = missing[first.min(last)..last]
        .iter()
        .map(|&(put, _)| put)
        .chain([end]);
    for bound in bounds {
        let moment = cover.last_free(bound);
        if moment < begin {
            continue;
        }
        let before = put_before(moment);
        if before > takers(moment) {
            continue;
        }
        let mut due: Vec<u64> = missing[before..]
            .iter()
            .map(|&(_, deadline)| deadline)
            .filter(|&deadline| deadline != NEVER)
            .collect();
        due.sort_unstable();
        let in_time = |(i, &deadline): (usize, &u64)| before + i < takers(deadline.max(moment));
        if due.iter().enumerate().all(in_time) {
            return true;
        }
    }
    false
}
