//! Counter: what was added is counted, once.
//!
//! Clients `add` an integer (which may be negative: a PN counter), or `increment` and `decrement` by an integer, or by
//! one where none is given; `read` returns the count. Every counter begins at 0. These are the conventions of Jepsen's
//! counter test and of Maelstrom's g-counter and pn-counter workloads. Each key is a counter of its own; keys that are
//! written, and sets (keys of which a read returns a list), are none.
//!
//! A count may lag, as those of replicated counters do; whether it is linearizable is for the checker `linearizable`.
//! What no counter may do:
//!
//! - `impossible-count`: a read returns more than all that anybody had tried to add, or less than all that anybody had
//!   tried to take off;
//! - `count-too-low`, `count-too-high`: at the end, no read that has the last word (of the phase `final-reads`; in a
//!   history that names no phases, the last read of each node) returns what all acknowledged additions make, plus any
//!   of those whose outcome is unknown. So additions are lost, or counted more than once.
//!
//! Figures: `reads`, `adds` (acknowledged), `unknown_adds`, `stale` (reads that were possible, but behind what had been
//! acknowledged when they were sent, or ahead), `worst_stale` (by how much, at most), `impossible`, `too_low`,
//! `too_high` (counters), `lowest` and `highest` (what the last reads returned).
//!
//! O(n log n).

use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use crate::final_read::last_words;
use crate::invariants::claim::{Claim, Claims};
use crate::invariants::sums::{Amount, Bounds, Sums};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

const BY: &str = "adding up the whole history again, one operation after the other";
/// Additions that a proof names at most; with more, it names their sum only.
const NAMED: usize = 32;

/// What was added is counted once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

#[derive(Default)]
struct Counts {
    reads: u64,
    adds: u64,
    unknown_adds: u64,
    stale: u64,
    worst_stale: i128,
    impossible: u64,
    too_low: u64,
    too_high: u64,
    lowest: Option<i64>,
    highest: Option<i64>,
    /// Counters with a last word, and with something to count.
    decided: u64,
    counters: u64,
}

impl Checker for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut counts = Counts::default();
        let mut claims = Claims::new(history);
        for (_, ids) in history.by_key() {
            if budget.is_stopped() {
                break;
            }
            judge(history, &ids, &mut counts, &mut claims);
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.counters == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: nothing was added to a counter that somebody read"
                        .to_owned(),
                )
            } else if counts.decided < counts.counters {
                (
                    Validity::Unknown,
                    format!(
                        "nobody read {} of {} at the end: whether anything is lost is not known",
                        counts.counters - counts.decided,
                        count(counts.counters, "counter")
                    ),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "{} counted once in {}",
                        count(counts.adds, "acknowledged addition"),
                        count(counts.counters, "counter")
                    ),
                )
            }
        })
        .figures(counts.figures())
    }
}

fn judge<'h>(history: &'h History, ids: &[OpId], counts: &mut Counts, claims: &mut Claims<'h>) {
    let Some((amounts, reads)) = counter_of(history, ids) else {
        return;
    };
    let acknowledged = amounts
        .iter()
        .filter(|amount| amount.end != Time::NEVER)
        .count();
    counts.adds += acknowledged as u64;
    counts.unknown_adds += (amounts.len() - acknowledged) as u64;
    counts.reads += reads.len() as u64;
    if reads.is_empty() || amounts.is_empty() {
        return;
    }
    counts.counters += 1;
    let sums = Sums::of(&amounts);
    let mut impossible = false;
    for &(id, total) in &reads {
        let op = history.operation(id);
        let total = i128::from(total);
        let ever = sums.ever(op.end());
        if ever.off(total) != 0 {
            impossible = true;
            counts.impossible += 1;
            claims.report(
                "impossible-count",
                BY,
                || tell_impossible(&op, total, ever),
                |history, ids| recount(history, ids, true),
            );
            continue;
        }
        let off = sums.at(op.invoked, op.end()).off(total).abs();
        counts.stale += u64::from(off > 0);
        counts.worst_stale = counts.worst_stale.max(off);
    }
    let last = last_words(history, reads.iter().map(|&(id, _)| id));
    let last: Vec<(OpId, i64)> = last
        .into_iter()
        .filter_map(|id| Some((id, history.operation(id).output().as_int()?)))
        .collect();
    counts.decided += u64::from(!last.is_empty());
    let totals = || last.iter().map(|&(_, total)| total);
    counts.lowest = counts.lowest.into_iter().chain(totals()).min();
    counts.highest = counts.highest.into_iter().chain(totals()).max();
    let off = |&(id, total): &(OpId, i64)| {
        let op = history.operation(id);
        sums.at(op.invoked, op.end()).off(i128::from(total))
    };
    // The one that is the least wrong; the others may only lag.
    let Some(&(id, total)) = last.iter().min_by_key(|&read| off(read).abs()) else {
        return;
    };
    let wrong = off(&(id, total));
    if wrong == 0 || impossible {
        return;
    }
    let name = if wrong < 0 {
        counts.too_low += 1;
        "count-too-low"
    } else {
        counts.too_high += 1;
        "count-too-high"
    };
    let op = history.operation(id);
    let bounds = sums.at(op.invoked, op.end());
    claims.report(
        name,
        BY,
        || tell_wrong(&op, i128::from(total), bounds, &amounts, last.len()),
        |history, ids| recount(history, ids, false),
    );
}

/// The additions and the reads of a key, if it is a counter.
#[expect(clippy::type_complexity, reason = "two columns")]
fn counter_of(history: &History, ids: &[OpId]) -> Option<(Vec<Amount>, Vec<(OpId, i64)>)> {
    let mut amounts = Vec::new();
    let mut reads = Vec::new();
    for &id in ids {
        let op = history.operation(id);
        match op.f() {
            F::Read if op.outcome == Outcome::Ok => match op.output() {
                Value::Int(total) => reads.push((id, *total)),
                Value::List(_) => return None,
                _ => {}
            },
            F::Read => {}
            F::Add | F::Other(_) => {
                let delta = delta(&op)?;
                amounts.extend(Amount::of(&op, delta));
            }
            _ => return None,
        }
    }
    Some((amounts, reads))
}

/// What an operation adds; `None` when it is no addition.
fn delta(op: &Operation<'_>) -> Option<i64> {
    let amount = match op.input() {
        Value::Nil => 1,
        other => other.as_int()?,
    };
    if *op.f() == F::Add {
        return Some(amount);
    }
    match op.f().name() {
        "increment" => Some(amount),
        "decrement" => amount.checked_neg(),
        _ => None,
    }
}

fn tell_impossible(op: &Operation<'_>, total: i128, ever: Bounds) -> Claim {
    let key = op.key();
    let sentence = if total > ever.highest {
        format!(
            "the counter {} was read as {total}, but all that anybody had tried to add by then makes {}",
            of_key(key),
            ever.highest
        )
    } else {
        format!(
            "the counter {} was read as {total}, but all that anybody had tried to take off by then leaves {}",
            of_key(key),
            ever.lowest
        )
    };
    Claim::new(sentence, key, vec![op.id]).remark(format!(
        "from 0, the operations sent before that read returned can make any count from {} to {}, \
         whichever of them happened",
        ever.lowest, ever.highest
    ))
}

fn tell_wrong(
    op: &Operation<'_>,
    total: i128,
    bounds: Bounds,
    amounts: &[Amount],
    last: usize,
) -> Claim {
    let low = total < bounds.lowest;
    // The fewest acknowledged ones that leave no room, whatever the unknown ones did.
    let mut certain: Vec<&Amount> = amounts
        .iter()
        .filter(|amount| amount.end < op.invoked && (amount.delta > 0) == low)
        .collect();
    certain.sort_by_key(|amount| (std::cmp::Reverse(amount.delta.unsigned_abs()), amount.id));
    let all: i128 = certain.iter().map(|amount| i128::from(amount.delta)).sum();
    let rest = if low { bounds.lowest } else { bounds.highest } - all;
    let mut sum = rest;
    let mut operations = Vec::new();
    for amount in certain {
        if if low { sum > total } else { sum < total } {
            break;
        }
        sum += i128::from(amount.delta);
        operations.push(amount.id);
    }
    let named = operations.len() <= NAMED;
    if !named {
        operations.clear();
    }
    operations.sort_unstable();
    operations.push(op.id);
    let range = if bounds.lowest == bounds.highest {
        format!("{}", bounds.lowest)
    } else {
        format!("{} to {}", bounds.lowest, bounds.highest)
    };
    let readers = match last {
        1 => "the last read returned".to_owned(),
        reads => format!("of all {reads} last reads the nearest returned"),
    };
    let what = if low {
        "something that was added is lost"
    } else {
        "something was counted more than once, or what was taken off is lost"
    };
    let key = op.key();
    Claim::new(
        format!(
            "the counter {} must be {range} at the end, but {readers} {total}: {what}",
            of_key(key)
        ),
        key,
        operations,
    )
    .because(op.id, format!(": it must be {range}"))
    .remark(if named && rest != 0 {
        format!(
            "what else was sent before that read returned makes {rest} at the {}",
            if low { "least" } else { "most" }
        )
    } else {
        format!("all that was acknowledged before that read was sent, and whatever of the rest, makes {range}")
    })
}

/// Adds up everything again around the last operation of a claim, a read: is its count impossible?
fn recount(history: &History, ids: &[OpId], stale: bool) -> Result<(), String> {
    let Some(&read) = ids.last() else {
        return Err("it names no read".to_owned());
    };
    let read = history.operation(read);
    let total = read.output().as_int().map(i128::from);
    let (mut lowest, mut highest) = (0_i128, 0_i128);
    for op in history.operations() {
        if op.key_id != read.key_id || op.outcome == Outcome::Fail || *op.f() == F::Read {
            continue;
        }
        let sign = if op.f().name() == "decrement" { -1 } else { 1 };
        let amount = sign * op.input().as_int().map_or(1, i128::from);
        let before = op.outcome == Outcome::Ok && op.completed.is_some_and(|at| at < read.invoked);
        let after = read.completed.is_some_and(|end| op.invoked > end);
        if after {
        } else if before && !stale {
            lowest += amount;
            highest += amount;
        } else {
            lowest += amount.min(0);
            highest += amount.max(0);
        }
    }
    match total {
        Some(total) if total < lowest || total > highest => Ok(()),
        _ => Err(format!("any count from {lowest} to {highest} is possible")),
    }
}

impl Counts {
    fn figures(&self) -> Value {
        let or_nil = |total: Option<i64>| total.map_or(Value::Nil, Value::from);
        Value::map([
            ("reads", Value::from(self.reads)),
            ("adds", self.adds.into()),
            ("unknown_adds", self.unknown_adds.into()),
            ("stale", self.stale.into()),
            (
                "worst_stale",
                i64::try_from(self.worst_stale).unwrap_or(i64::MAX).into(),
            ),
            ("impossible", self.impossible.into()),
            ("too_low", self.too_low.into()),
            ("too_high", self.too_high.into()),
            ("lowest", or_nil(self.lowest)),
            ("highest", or_nil(self.highest)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&Counter, lines)
    }

    #[test]
    fn a_count_may_lag_until_the_end() {
        let verdict = judge(
            "
            0@n1 |add c 5|
            1@n1 |decrement c|
            2@n1 |increment c ?
            3@n2 |r c -> 0|
            3@n2 |r c -> 5|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "stale"), 1);
        assert_eq!(figure(&verdict, "worst_stale"), 4);
    }

    #[test]
    fn lost_additions_are_found() {
        let verdict = judge(
            "
            0 |add c 5|
            0 |add c 2|
            0 |add c 3|
            1 |r c -> 4|
            ",
        );
        assert_eq!(broken(&verdict), [("count-too-low", vec![0, 3])]);
        assert_eq!(
            verdict.summary,
            "the counter of key \"c\" must be 10 at the end, but the last read returned 4: \
             something that was added is lost"
        );
    }

    #[test]
    fn what_was_counted_twice_is_found() {
        let verdict = judge(
            "
            0 |add c 5|
            0 |add c -2|
            1 |r c -> 5|
            ",
        );
        assert_eq!(broken(&verdict), [("count-too-high", vec![1, 2])]);
        let verdict = judge(
            "
            0 |add c 5|
            1 |r c -> 10|
            1 |r c -> 5|
            ",
        );
        assert_eq!(broken(&verdict), [("impossible-count", vec![1])]);
    }

    #[test]
    fn an_unknown_addition_excuses_its_amount_only() {
        let lines = |read: &str| format!("0 |add c 5|\n1 |add c 3 ?\n2 |r c -> {read}|");
        assert_eq!(judge(&lines("8")).validity, Validity::Valid);
        assert_eq!(judge(&lines("5")).validity, Validity::Valid);
        assert_eq!(judge(&lines("4")).validity, Validity::Invalid);
        assert_eq!(judge(&lines("9")).validity, Validity::Invalid);
    }

    #[test]
    fn sets_and_counters_that_nobody_reads_are_not_judged() {
        assert_eq!(
            judge("0 |add s 5|\n1 |r s -> [5]|").validity,
            Validity::Unknown
        );
        assert_eq!(judge("0 |add c 5|").validity, Validity::Unknown);
    }
}
