//! Who appended what, and who is taken to have happened.

use schism_history::Outcome;

use super::{AMBIGUOUS, Finder};
use crate::transactions::columns::{Content, NONE, StepKind};

impl Finder<'_, '_> {
    /// Who appended each element.
    pub(super) fn writers(&mut self) {
        let transactions = self.transactions;
        // For each key, the transaction that appended to it last, and what.
        let mut last = vec![(NONE, 0_u32); transactions.keys.len()];
        for &t in &transactions.by_time {
            let failed = self.failed(t);
            for step in transactions.steps(t) {
                if step.kind != StepKind::Append {
                    continue;
                }
                let place = self.place(step.key, step.value);
                self.lists.appends += u64::from(!failed);
                let known = self.writer[place];
                self.writer[place] = match known {
                    NONE => t,
                    AMBIGUOUS => AMBIGUOUS,
                    known if self.failed(known) == failed => AMBIGUOUS,
                    known if failed => known,
                    _ => t,
                };
                if self.writer[place] == AMBIGUOUS && !failed {
                    self.lists.is_complete = false;
                }
                let (before, value) = &mut last[step.key as usize];
                if *before == t {
                    self.follows[place] = *value;
                    let place = (self.value_base[step.key as usize] + *value) as usize;
                    self.overwritten_by[place] = step.value;
                }
                (*before, *value) = (t, step.value);
            }
        }
    }

    /// Who is taken to have happened.
    pub(super) fn commit(&mut self) {
        let outcome = &self.transactions.outcome;
        let mut committed: Vec<bool> = outcome.iter().map(|&o| o == Outcome::Ok).collect();
        if !outcome.contains(&Outcome::Info) {
            self.lists.is_committed = committed;
            return;
        }
        for branch in &self.transactions.branches {
            if self.transactions.content[branch.key as usize] != Content::List {
                continue;
            }
            for &element in &branch.elements {
                let writer = self.writer[self.place(branch.key, element)];
                if writer < AMBIGUOUS && outcome[writer as usize] == Outcome::Info {
                    committed[writer as usize] = true;
                }
            }
        }
        self.lists.is_committed = committed;
    }
}
