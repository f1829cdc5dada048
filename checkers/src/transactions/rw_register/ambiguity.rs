//! Values that several transactions wrote: whom a read of one saw is not known.
//!
//! A level is refuted if it is without those reads, since more reads only ask for more. A level is kept if it is for one
//! choice of writers: some likely ones are tried, and all where they are few.

use schism_history::Time;

use super::resolve::{NOBODY, Resolved, View};
use crate::transactions::columns::Transactions;
use crate::transactions::saturation::levels::{JUDGED, Judged, judge_all};
use crate::{Budget, Level};

/// Choices that are tried where all of them are no more than these.
const CHOICES: usize = 64;

/// All levels. `view` leaves out reads whose writer is not known; `already` are levels that something else refutes.
pub(super) fn judge(
    transactions: &Transactions<'_>,
    resolved: &Resolved,
    view: &View,
    already: &[Level],
    budget: &Budget,
) -> Judged {
    let mut judged = judge_all(&view.committed, already, budget);
    if resolved.ambiguous.is_empty() {
        return judged;
    }
    judged.held.clear();
    judged.certificate = None;
    let refuted: Vec<Level> = judged.refuted.iter().map(|&(level, _)| level).collect();
    let part = budget.part(budget.steps / 16, budget.bytes);
    for chosen in choices(transactions, resolved) {
        if budget.is_stopped() || judged.holds(strongest_left(&judged)) {
            break;
        }
        let view = resolved.view(transactions, &chosen);
        let other = judge_all(&view.committed, &refuted, &part);
        for level in other.held {
            if !judged.holds(level) {
                judged.held.push(level);
            }
        }
    }
    judged.open = (JUDGED.iter())
        .filter(|&&level| !judged.refutes(level) && !judged.holds(level))
        .map(|&level| {
            let why = "several transactions wrote the same value, and no choice of whom its readers saw was found that shows it".to_owned();
            (level, why)
        })
        .collect();
    judged
}

/// The strongest level that is not refuted.
fn strongest_left(judged: &Judged) -> Level {
    let left = JUDGED.iter().find(|&&level| !judged.refutes(level));
    left.copied().unwrap_or(Level::StrictSerializable)
}

/// Choices of writers, likely ones first.
pub(super) fn choices(transactions: &Transactions<'_>, resolved: &Resolved) -> Vec<Vec<u32>> {
    let ambiguous = &resolved.ambiguous;
    // The last one that had returned before the read began, or else the last one that began before it returned.
    let reader = |step: u32| transactions.transaction_at(step as usize) as usize;
    let returned = |candidate: u32| match candidate {
        NOBODY => Time::ZERO,
        candidate => transactions.end[candidate as usize],
    };
    let began = |candidate: u32| match candidate {
        NOBODY => Time::ZERO,
        candidate => transactions.invoked[candidate as usize],
    };
    let settled = ambiguous.iter().map(|read| {
        let t = reader(read.step);
        let at = transactions.invoked[t];
        let before =
            (read.candidates.iter().copied()).filter(|&candidate| returned(candidate) < at);
        let last = before.max_by_key(|&candidate| (returned(candidate), candidate));
        let any = || (read.candidates.iter().copied()).min_by_key(|&candidate| began(candidate));
        last.or_else(any).unwrap_or(NOBODY)
    });
    let newest = ambiguous.iter().map(|read| {
        let at = transactions.end[reader(read.step)];
        let before = (read.candidates.iter().copied()).filter(|&candidate| began(candidate) <= at);
        let last = before.max_by_key(|&candidate| (began(candidate), candidate));
        last.or(read.candidates.first().copied()).unwrap_or(NOBODY)
    });
    let mut choices: Vec<Vec<u32>> = vec![settled.collect(), newest.collect()];
    let mut all = vec![Vec::new()];
    for read in ambiguous {
        if all.len() * read.candidates.len() > CHOICES {
            return choices;
        }
        all = (all.iter())
            .flat_map(|chosen: &Vec<u32>| {
                read.candidates.iter().map(|&candidate| {
                    let mut chosen = chosen.clone();
                    chosen.push(candidate);
                    chosen
                })
            })
            .collect();
    }
    choices.extend(all);
    choices
}
