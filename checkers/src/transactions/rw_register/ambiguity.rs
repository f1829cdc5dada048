//! Values that several transactions wrote: whom a read of one saw is not known.
//!
//! A level is refuted if it is without those reads, since more reads only ask for more; or if it is for each choice of
//! writers. A level is kept if it is for one choice. See [`refine`](super::refine).

use schism_history::Time;

use super::refine::{Guesses, Refined};
use super::resolve::{NOBODY, Resolved, View};
use crate::transactions::columns::Transactions;
use crate::transactions::saturation::levels::{JUDGED, Judged, judge_all};
use crate::{Budget, Level};

/// A level, and the transactions that refute it whoever wrote what, by the history's numbers.
pub(super) type ByChoice = (Level, Vec<u32>);

/// All levels, and those that are refuted for each choice. `view` leaves out reads whose writer is not known; `already`
/// are levels that something else refutes.
pub(super) fn judge(
    transactions: &Transactions<'_>,
    resolved: &Resolved,
    view: &View,
    already: &[Level],
    budget: &Budget,
) -> (Judged, Vec<ByChoice>) {
    let mut judged = judge_all(&view.committed, already, budget);
    if resolved.ambiguous.is_empty() {
        return (judged, Vec::new());
    }
    judged.held.clear();
    judged.certificate = None;
    judged.open.clear();
    let mut by_choice = Vec::new();
    let mut guesses = Guesses::new(transactions, resolved, likely(transactions, resolved));
    // The strongest first: where it holds, nothing else is to be done. Then from weak to strong: what is learnt from a
    // weak level counts for those that imply it.
    let strongest = Level::StrictSerializable;
    let mut first = (!judged.refutes(strongest)).then(|| guesses.decide(strongest, budget));
    for level in JUDGED.into_iter().rev() {
        let early = first.take_if(|first| level == strongest || matches!(first, Refined::Shown(_)));
        let level = if early.is_some() { strongest } else { level };
        if judged.refutes(level) || judged.holds(level) {
            continue;
        }
        match early.unwrap_or_else(|| guesses.decide(level, budget)) {
            Refined::Shown(_) => judged.held.push(level),
            Refined::Refuted(core) => {
                judged.refuted.push((level, Vec::new()));
                by_choice.push((level, core));
            }
            Refined::Open(why) => judged.open.push((level, why)),
        }
    }
    (judged, by_choice)
}

/// Writers with which a level holds that is known to hold for some choice.
pub(super) fn shown(
    transactions: &Transactions<'_>,
    resolved: &Resolved,
    level: Level,
    budget: &Budget,
) -> Option<Vec<u32>> {
    let likely = likely(transactions, resolved);
    match Guesses::new(transactions, resolved, likely).decide(level, budget) {
        Refined::Shown(chosen) => Some(chosen),
        _ => None,
    }
}

/// For each read a likely writer: the last one that had returned before the read began, or else the first one that began.
fn likely(transactions: &Transactions<'_>, resolved: &Resolved) -> Vec<u32> {
    let reader = |step: u32| transactions.transaction_at(step as usize) as usize;
    let returned = |candidate: u32| match candidate {
        NOBODY => Time::ZERO,
        candidate => transactions.end[candidate as usize],
    };
    let began = |candidate: u32| match candidate {
        NOBODY => Time::ZERO,
        candidate => transactions.invoked[candidate as usize],
    };
    let settled = resolved.ambiguous.iter().map(|read| {
        let at = transactions.invoked[reader(read.step)];
        let before = (read.candidates.iter().copied()).filter(|&c| returned(c) < at);
        let last = before.max_by_key(|&candidate| (returned(candidate), candidate));
        let any = || (read.candidates.iter().copied()).min_by_key(|&candidate| began(candidate));
        last.or_else(any).unwrap_or(NOBODY)
    });
    settled.collect()
}
