//! The second opinion on weak models: what a few operations on registers force, worked out in a table.
//!
//! It takes the operations of an anomaly, reads keys, values and processes straight from the history, and fills a table
//! of who must precede whom, rule by rule, until nothing is added. It shares nothing with the checkers but the
//! definitions (Bouajjani, Enea, Guerraoui and Hamza, "On verifying causal consistency", 2017, for the causal ones).
//!
//! Leaving the rest of the history out is fair, because every rule that holds among the operations holds in the whole
//! history too. Which write a read saw is looked up in the whole history: where several may have written the value, or
//! the one who did is not among the operations, the read counts as one that says nothing.
//! It is for a dozen operations: O(operations^4), and one pass over the history.

use schism_history::{F, History, OpId, Operation, Outcome, Process, Value};

use crate::proof::conclusion::SecondOpinion;

/// A model without real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Each session sees the writes of each other session in that one's order (PRAM). Judged for this session.
    Pram(Process),
    /// No read misses a write that it depends on (CC).
    Causal,
    /// The same, and all agree on the order of conflicting writes (`CCv`).
    CausalConvergence,
    /// The same, and this session never changes its mind about the order of writes (CM).
    CausalMemory(Process),
    /// One order of all operations (SC).
    Sequential,
}

/// Whether these operations break the promise.
pub(crate) fn opinion(history: &History, ids: &[OpId], promise: Promise) -> SecondOpinion {
    let sources = sources(history, ids);
    if is_impossible(history, ids, &sources, promise) {
        SecondOpinion::Agrees
    } else {
        SecondOpinion::Disagrees(
            "a table of what these operations force holds no contradiction".to_owned(),
        )
    }
}

/// The fewest of these operations that still break the promise: none can be left out. One table an operation.
pub(crate) fn shrink(history: &History, ids: &[OpId], promise: Promise) -> Vec<OpId> {
    let mut kept: Vec<OpId> = ids.to_vec();
    kept.sort_unstable();
    kept.dedup();
    let sources = sources(history, &kept);
    let mut i = kept.len();
    while i > 0 {
        i -= 1;
        let mut fewer = kept.clone();
        fewer.remove(i);
        if is_impossible(history, &fewer, &sources, promise) {
            kept = fewer;
        }
    }
    kept
}

/// Where what an operation found came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Nobody wrote it, and no register holds it first.
    Nobody,
    /// It is what every register holds first.
    Initial,
    /// This one wrote it, and nobody else.
    Write(OpId),
    /// More than one may have written it.
    Several,
}

/// Where each operation's value came from, if it found one. O(history x operations), most of it comparing numbers.
fn sources(history: &History, ids: &[OpId]) -> Vec<(OpId, Source)> {
    let mut reads: Vec<_> = ids
        .iter()
        .filter_map(|&id| {
            let op = history.operation(id);
            let value = found(&op)?;
            let nobody = if value.is_nil() {
                Source::Initial
            } else {
                Source::Nobody
            };
            Some((id, op.key_id, value, nobody))
        })
        .collect();
    for op in history.operations() {
        if op.outcome == Outcome::Fail || !reads.iter().any(|&(_, key, ..)| key == op.key_id) {
            continue;
        }
        let Some(value) = left(&op) else { continue };
        for (_, key, read, source) in &mut reads {
            if *key == op.key_id && *read == value {
                *source = match *source {
                    Source::Nobody => Source::Write(op.id),
                    _ => Source::Several,
                };
            }
        }
    }
    reads
        .into_iter()
        .map(|(id, _, _, source)| (id, source))
        .collect()
}

/// What an operation found; only what is certain. A compare-and-set that was seen by others happened, whatever its
/// client was told.
fn found<'h>(op: &Operation<'h>) -> Option<&'h Value> {
    match op.f() {
        F::Read if op.outcome == Outcome::Ok => Some(op.output()),
        F::Cas if !is_refused(op) => op.input().as_pair().map(|(old, _)| old),
        _ => None,
    }
}

fn left<'h>(op: &Operation<'h>) -> Option<&'h Value> {
    match op.f() {
        F::Write => Some(op.input()),
        F::Cas if !is_refused(op) => op.input().as_pair().map(|(_, new)| new),
        _ => None,
    }
}

fn is_refused(op: &Operation<'_>) -> bool {
    op.outcome == Outcome::Ok && *op.output() == Value::Bool(false)
}

/// Who must precede whom.
struct Table {
    size: usize,
    cells: Vec<bool>,
}

impl Table {
    fn get(&self, a: usize, b: usize) -> bool {
        self.cells[a * self.size + b]
    }

    /// Whether that is new.
    fn set(&mut self, a: usize, b: usize) -> bool {
        !std::mem::replace(&mut self.cells[a * self.size + b], true)
    }

    /// Adds what follows by going from one to the next.
    fn close(&mut self) {
        for via in 0..self.size {
            for a in 0..self.size {
                if self.get(a, via) {
                    for b in 0..self.size {
                        if self.get(via, b) {
                            self.set(a, b);
                        }
                    }
                }
            }
        }
    }

    fn has_cycle(&self) -> bool {
        (0..self.size).any(|a| self.get(a, a))
    }
}

/// Whether the operations force a contradiction. One of unknown outcome counts as one that happened: it is here because
/// somebody saw it.
fn is_impossible(
    history: &History,
    ids: &[OpId],
    found_in: &[(OpId, Source)],
    promise: Promise,
) -> bool {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let ops: Vec<Operation<'_>> = ids.iter().map(|&id| history.operation(id)).collect();
    let size = ops.len();
    let mut table = Table {
        size,
        cells: vec![false; size * size],
    };
    // The write that each read saw: `Some(None)` is the initial value.
    let mut sources: Vec<Option<Option<usize>>> = vec![None; size];
    for (source, id) in sources.iter_mut().zip(&ids) {
        let known = found_in.iter().find(|(reader, _)| reader == id);
        *source = match known.map(|&(_, source)| source) {
            None | Some(Source::Several) => None,
            Some(Source::Nobody) => return true,
            Some(Source::Initial) => Some(None),
            Some(Source::Write(writer)) => ids.iter().position(|&id| id == writer).map(Some),
        };
    }
    // Whose reads count, for the order and for what is forbidden.
    let judged = |process: Process| match promise {
        Promise::Pram(session) | Promise::CausalMemory(session) => session == process,
        _ => true,
    };
    let binds = |process: Process| match promise {
        Promise::Pram(session) => session == process,
        _ => true,
    };
    for b in 0..size {
        for a in 0..b {
            if ops[a].process == ops[b].process {
                table.set(a, b);
            }
        }
        if let Some(Some(writer)) = sources[b]
            && binds(ops[b].process)
        {
            if writer == b {
                return true;
            }
            table.set(writer, b);
        }
    }
    table.close();
    let conflict = |read: usize, write: usize| {
        write != read && ops[write].key_id == ops[read].key_id && left(&ops[write]).is_some()
    };
    loop {
        if table.has_cycle() {
            return true;
        }
        let mut forced: Vec<(usize, usize)> = Vec::new();
        for read in (0..size).filter(|&read| judged(ops[read].process)) {
            let Some(source) = sources[read] else {
                continue;
            };
            for write in (0..size).filter(|&write| conflict(read, write) && Some(write) != source) {
                if table.get(write, read) {
                    match source {
                        None => return true,
                        Some(source) => forced.push((write, source)),
                    }
                }
                let newer = source.is_none_or(|source| table.get(source, write));
                if promise == Promise::Sequential && newer {
                    forced.push((read, write));
                }
            }
        }
        if promise == Promise::Causal {
            return forced
                .iter()
                .any(|&(write, source)| table.get(source, write));
        }
        let mut grown = false;
        for (a, b) in forced {
            grown |= table.set(a, b);
        }
        table.close();
        if promise == Promise::CausalConvergence || !grown {
            return table.has_cycle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    fn impossible(drawing: &str, promise: Promise) -> bool {
        let history = testing::history(drawing);
        let ids: Vec<OpId> = history.operations().map(|op| op.id).collect();
        opinion(&history, &ids, promise) == SecondOpinion::Agrees
    }

    /// The examples of Bouajjani et al., figure 3.
    #[test]
    fn the_models_are_told_apart() {
        let p = Process::client;
        // (a) CM but not CCv: each of two sessions overwrites its own and reads the other's write.
        let a = "
            0 |w x 1|
            1 |w x 2|
            0         |r x -> 2|
            1         |r x -> 1|
            ";
        assert!(impossible(a, Promise::CausalConvergence));
        assert!(!impossible(a, Promise::CausalMemory(p(0))));
        assert!(!impossible(a, Promise::CausalMemory(p(1))));
        assert!(impossible(a, Promise::Sequential));
        // (c) CC, but neither CM nor CCv: a session reads 2, then 1, then 2.
        let c = "
            0 |w x 1|
            1 |w x 2|
            1         |r x -> 1|
            1                    |r x -> 2|
            ";
        assert!(impossible(c, Promise::CausalConvergence));
        assert!(impossible(c, Promise::CausalMemory(p(1))));
        assert!(!impossible(c, Promise::Causal));
        // (e) Not even causal: it reads what it knows to be overwritten.
        let e = "
            0 |w x 1|
            0         |w y 1|
            1                 |r y -> 1|
            1                            |w x 2|
            2                                    |r x -> 2|
            2                                               |r x -> 1|
            ";
        assert!(impossible(e, Promise::Causal));
        assert!(!impossible(e, Promise::Pram(p(2))));
    }

    #[test]
    fn a_proof_is_made_smaller() {
        let history = testing::history(
            "
            0 |w x 1|
            0         |w y 5|
            0                 |w x 2|
            1                         |r y -> 5|
            1                                    |r x -> 2|
            1                                               |r x -> 1|
            ",
        );
        let ids: Vec<OpId> = (0..6).map(OpId).collect();
        let shrunk = shrink(&history, &ids, Promise::Causal);
        assert_eq!(shrunk, [0, 2, 4, 5].map(OpId));
    }
}
