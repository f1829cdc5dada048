//! Which anomalies are shown, and what of them is to be marked.

use std::collections::BTreeSet;

use schism_checkers::{Anomaly, Verdict};
use schism_history::{FaultSpan, History, OpId, Time};

/// So many anomalies of one checker are shown at most.
const OF_ONE_CHECKER_MOST: usize = 4;
/// So many anomalies are shown at most.
const MOST: usize = 16;

/// An anomaly that is shown.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// The checker that found it.
    pub(crate) checker: &'static str,
    /// The anomaly.
    pub(crate) anomaly: &'a Anomaly,
}

/// The anomalies to show, each checker's smallest first. Operations that the history does not have are an error of the
/// caller; an anomaly that names one is left out.
pub(crate) fn shown<'a>(verdicts: &'a [Verdict], history: &History) -> Vec<Shown<'a>> {
    verdicts
        .iter()
        .flat_map(|verdict| {
            verdict
                .anomalies
                .iter()
                .filter(|anomaly| {
                    let named = anomaly.steps.iter().filter_map(|step| step.operation);
                    anomaly
                        .operations
                        .iter()
                        .copied()
                        .chain(named)
                        .all(|id| id.index() < history.len())
                })
                .take(OF_ONE_CHECKER_MOST)
                .map(move |anomaly| (verdict.checker, anomaly))
        })
        .take(MOST)
        .enumerate()
        .map(|(i, (checker, anomaly))| Shown {
            number: i + 1,
            checker,
            anomaly,
        })
        .collect()
}

/// How many anomalies were found that are not among the shown ones.
pub(crate) fn hidden(verdicts: &[Verdict], shown: &[Shown<'_>]) -> u64 {
    let found: u64 = verdicts
        .iter()
        .map(|verdict| verdict.anomaly_count.max(verdict.anomalies.len() as u64))
        .sum();
    found.saturating_sub(shown.len() as u64)
}

/// The operations of the shown anomalies.
pub(crate) fn operations(shown: &[Shown<'_>]) -> BTreeSet<OpId> {
    shown
        .iter()
        .flat_map(|shown| shown.anomaly.operations.iter().copied())
        .collect()
}

/// The operation at which the story ends: the one that contradicts the others.
pub(crate) fn contradiction(anomaly: &Anomaly) -> Option<OpId> {
    anomaly
        .steps
        .iter()
        .rev()
        .find_map(|step| step.operation)
        .or_else(|| anomaly.operations.last().copied())
}

/// Whether its operations are on several keys, so that each has to be named.
pub(crate) fn names_keys(history: &History, anomaly: &Anomaly) -> bool {
    let mut keys = anomaly
        .operations
        .iter()
        .map(|&id| history.operation(id).key_id);
    let first = keys.next();
    keys.any(|key| Some(key) != first)
}

/// From the first invocation to the last completion; `None` when it has no operations.
pub(crate) fn window(history: &History, anomaly: &Anomaly) -> Option<(Time, Time)> {
    let operations = || anomaly.operations.iter().map(|&id| history.operation(id));
    let from = operations().map(|op| op.invoked).min()?;
    let to = operations()
        .map(|op| op.completed.unwrap_or(op.invoked))
        .max()?;
    Some((from, to))
}

/// The faults that were there while its operations ran, in order of injection.
pub(crate) fn faults<'h>(history: &'h History, anomaly: &Anomaly) -> Vec<&'h FaultSpan> {
    let Some((from, to)) = window(history, anomaly) else {
        return Vec::new();
    };
    let there = |fault: &&FaultSpan| {
        let (begin, end) = fault.window();
        begin <= to && from <= end
    };
    history.faults().iter().filter(there).collect()
}

/// The number in the story of an operation, from 1.
pub(crate) fn badge(anomaly: &Anomaly, id: OpId) -> Option<usize> {
    let place = anomaly.operations.iter().position(|&known| known == id);
    place.map(|place| place + 1)
}
