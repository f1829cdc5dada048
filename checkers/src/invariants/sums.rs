//! Amounts that concurrent calls add to one total, or take from it: what the total can be at a moment, and when more was
//! taken than there ever was.

use std::cell::Cell;

use schism_history::{OpId, Operation, Outcome, Time};

/// An amount that one call adds; negative where it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// The call.
    pub(crate) id: OpId,
    /// How much.
    pub(crate) delta: i64,
    /// When the call was sent.
    pub(crate) invoked: Time,
    /// When it had happened at the latest; [`Time::NEVER`] when it may happen at any time, or never.
    pub(crate) end: Time,
}

impl Amount {
    /// The amount of an operation; `None` when that surely failed.
    pub(crate) fn of(op: &Operation<'_>, delta: i64) -> Option<Self> {
        (op.outcome != Outcome::Fail).then(|| Self {
            id: op.id,
            delta,
            invoked: op.invoked,
            end: op.end(),
        })
    }
}

/// What a total can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The lowest it can be.
    pub(crate) lowest: i128,
    /// The highest.
    pub(crate) highest: i128,
}

impl Bounds {
    /// How far a total is outside of the bounds: negative when it is too low, 0 when it is within.
    pub(crate) fn off(self, total: i128) -> i128 {
        if total < self.lowest {
            total - self.lowest
        } else {
            (total - self.highest).max(0)
        }
    }
}

/// The sums of amounts, by time.
pub(crate) struct Sums {
    /// When amounts were surely added, and what then is in all: the positive and the negative ones.
    certain: Column,
    /// When amounts were sent.
    possible: Column,
}

/// Moments in order, each with the sums of the positive and of the negative amounts up to it.
struct Column {
    times: Vec<Time>,
    sums: Vec<(i128, i128)>,
    /// Where the last question led: the next one mostly is about a moment nearby.
    near: Cell<usize>,
}

impl Column {
    fn of(mut amounts: Vec<(Time, i64)>) -> Self {
        if !amounts.is_sorted_by_key(|&(time, _)| time) {
            // Mostly in order, but for neighbours: what the stable sort is good at.
            amounts.sort_by_key(|&(time, _)| time);
        }
        let (mut gained, mut lost) = (0_i128, 0_i128);
        let mut sums = Vec::with_capacity(amounts.len() + 1);
        sums.push((0, 0));
        sums.extend(amounts.iter().map(|&(_, delta)| {
            if delta > 0 {
                gained += i128::from(delta);
            } else {
                lost += i128::from(delta);
            }
            (gained, lost)
        }));
        let times = amounts.into_iter().map(|(time, _)| time).collect();
        Self {
            times,
            sums,
            near: Cell::new(0),
        }
    }

    fn before(&self, time: Time) -> (i128, i128) {
        self.sums[self.partition(|at| at < time)]
    }

    fn until(&self, time: Time) -> (i128, i128) {
        self.sums[self.partition(|at| at <= time)]
    }

    /// The first place of which this does not hold, as `partition_point` finds it, beginning at the last one.
    fn partition(&self, holds: impl Fn(Time) -> bool) -> usize {
        let (mut low, mut step) = (self.near.get(), 1);
        if low > 0 && !holds(self.times[low - 1]) {
            low = 0;
        }
        let mut high = low;
        while high < self.times.len() && holds(self.times[high]) {
            low = high + 1;
            high = low + step;
            step *= 2;
        }
        let high = high.min(self.times.len());
        let place = low + self.times[low..high].partition_point(|&at| holds(at));
        self.near.set(place);
        place
    }
}

impl Sums {
    /// O(n log n).
    pub(crate) fn of(amounts: &[Amount]) -> Self {
        let certain = amounts.iter().filter(|amount| amount.end != Time::NEVER);
        Self {
            certain: Column::of(certain.map(|amount| (amount.end, amount.delta)).collect()),
            possible: Column::of(
                amounts
                    .iter()
                    .map(|amount| (amount.invoked, amount.delta))
                    .collect(),
            ),
        }
    }

    /// What a read that was sent at `invoked` and answered at `end` can return, if every amount is there as soon as it is
    /// acknowledged: all that were before, and any that ran meanwhile or are unknown. O(log n).
    pub(crate) fn at(&self, invoked: Time, end: Time) -> Bounds {
        let (gained, lost) = self.certain.before(invoked);
        let (may_gain, may_lose) = self.possible.until(end);
        Bounds {
            lowest: gained + may_lose,
            highest: lost + may_gain,
        }
    }

    /// What a read that was answered at `end` can return, however stale it is: any of the amounts that were sent, or none.
    pub(crate) fn ever(&self, end: Time) -> Bounds {
        let (highest, lowest) = self.possible.until(end);
        Bounds { lowest, highest }
    }
}

/// More was taken than there was.
#[derive(Clone, Debug)]
pub(crate) struct Overdraft {
    /// The fewest calls that together took more than there was; all had been acknowledged.
    pub(crate) taken_by: Vec<OpId>,
    /// What they took.
    pub(crate) taken: i128,
    /// What there was when the last of them was acknowledged, at most.
    pub(crate) there: i128,
}

/// The first moment at which more had surely been taken than can have been there, from `opening` on. `credits` add, `debits`
/// take, both as amounts above 0. O(n log n).
pub(crate) fn overdraft(
    opening: i128,
    credits: &mut [Amount],
    debits: &mut Vec<Amount>,
) -> Option<Overdraft> {
    debits.retain(|debit| debit.end != Time::NEVER);
    debits.sort_unstable_by_key(|debit| (debit.end, debit.id));
    credits.sort_unstable_by_key(|credit| (credit.invoked, credit.id));
    let mut next = 0;
    let (mut there, mut taken) = (opening, 0_i128);
    for place in 0..debits.len() {
        let now = debits[place].end;
        while let Some(credit) = credits.get(next).filter(|credit| credit.invoked <= now) {
            there += i128::from(credit.delta);
            next += 1;
        }
        taken += i128::from(debits[place].delta);
        if taken > there {
            return Some(largest(&debits[..=place], there));
        }
    }
    None
}

/// The fewest of the calls that took more than this together.
fn largest(debits: &[Amount], there: i128) -> Overdraft {
    let mut debits = debits.to_vec();
    debits.sort_unstable_by_key(|debit| (std::cmp::Reverse(debit.delta), debit.id));
    let mut taken = 0;
    let mut taken_by = Vec::new();
    for debit in debits {
        if taken > there {
            break;
        }
        taken += i128::from(debit.delta);
        taken_by.push(debit.id);
    }
    taken_by.sort_unstable();
    Overdraft {
        taken_by,
        taken,
        there,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(id: u32, delta: i64, invoked: u64, end: Option<u64>) -> Amount {
        Amount {
            id: OpId(id),
            delta,
            invoked: Time::from_nanos(invoked),
            end: end.map_or(Time::NEVER, Time::from_nanos),
        }
    }

    fn bounds(lowest: i128, highest: i128) -> Bounds {
        Bounds { lowest, highest }
    }

    #[test]
    fn totals_lie_between_what_is_certain_and_what_is_possible() {
        let sums = Sums::of(&[
            amount(0, 5, 0, Some(10)),
            amount(1, -2, 20, None),
            amount(2, 7, 30, Some(40)),
        ]);
        let at = |from, to| sums.at(Time::from_nanos(from), Time::from_nanos(to));
        assert_eq!(at(0, 0), bounds(0, 5));
        // What only touches may be there, or not.
        assert_eq!(at(10, 15), bounds(0, 5));
        assert_eq!(at(11, 15), bounds(5, 5));
        assert_eq!(at(15, 20), bounds(3, 5));
        assert_eq!(at(15, 30), bounds(3, 12));
        assert_eq!(at(41, 50), bounds(10, 12));
        assert_eq!(sums.ever(Time::from_nanos(30)), bounds(-2, 12));
        assert_eq!(bounds(3, 5).off(1), -2);
        assert_eq!(bounds(3, 5).off(4), 0);
        assert_eq!(bounds(3, 5).off(9), 4);
    }

    #[test]
    fn what_is_taken_must_have_been_there() {
        let found = |gives: &mut [Amount], takes: &[Amount]| {
            overdraft(10, gives, &mut takes.to_vec())
                .map(|found| (found.taken_by, found.taken, found.there))
        };
        let takes = [
            amount(0, 2, 0, Some(10)),
            amount(1, 6, 0, Some(20)),
            amount(2, 6, 0, Some(30)),
        ];
        assert_eq!(
            found(&mut [], &takes),
            Some((vec![OpId(1), OpId(2)], 12, 10))
        );
        assert_eq!(found(&mut [amount(3, 4, 30, None)], &takes), None);
        assert_eq!(
            found(&mut [amount(3, 4, 31, None)], &takes).map(|found| found.2),
            Some(10)
        );
        assert_eq!(
            found(&mut [], &[takes[0], takes[1], amount(2, 6, 0, None)]),
            None
        );
    }
}
