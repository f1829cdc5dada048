//! The order of each list, as far as it is known.

use super::{AMBIGUOUS, Finder};
use crate::transactions::columns::{Content, NONE, StepKind};

impl Finder<'_, '_> {
    /// The order of each key, as far as all of its branches agree.
    pub(super) fn orders(&mut self) {
        let transactions = self.transactions;
        for (number, branch) in transactions.branches.iter().enumerate() {
            let key = branch.key as usize;
            let seen = self.seen[number];
            if seen > self.trusted[key] && transactions.content[key] == Content::List {
                self.trusted[key] = seen;
                self.main[key] = number as u32;
            }
        }
        for (number, branch) in transactions.branches.iter().enumerate() {
            let key = branch.key as usize;
            let main = self.main[key];
            if number as u32 == main || self.seen[number] == 0 || main == NONE {
                continue;
            }
            let elements = self.elements(number as u32);
            let pairs = elements.iter().zip(self.elements(main));
            let same = pairs.take_while(|(a, b)| a == b).count();
            if same < elements.len() {
                self.trusted[key] = self.trusted[key].min(same as u32);
                self.lists.is_complete = false;
            }
        }
        self.lists
            .versions
            .base
            .reserve(transactions.keys.len() + 1);
        for key in 0..transactions.keys.len() as u32 {
            let versions = &mut self.lists.versions;
            versions.base.push(versions.writer.len() as u32);
            versions.writer.push(NONE);
            let main = self.main[key as usize];
            if main == NONE {
                continue;
            }
            let elements = self.elements(main);
            for (i, &element) in elements.iter().enumerate() {
                let place = self.place(key, element);
                if self.slot[place] != NONE {
                    // It stands there twice: where it belongs is not known, nor what is behind it.
                    let first = self.slot[place] - self.lists.versions.base[key as usize] - 1;
                    self.trusted[key as usize] = self.trusted[key as usize].min(first);
                    self.lists.is_complete = false;
                    continue;
                }
                self.slot[place] = self.lists.versions.base[key as usize] + 1 + i as u32;
            }
            let trusted = self.trusted[key as usize] as usize;
            for &element in &elements[..trusted] {
                let writer = self.writer[self.place(key, element)];
                let is_known = writer < AMBIGUOUS && self.lists.is_committed[writer as usize];
                let versions = &mut self.lists.versions;
                versions.writer.push(if is_known { writer } else { NONE });
            }
            for &element in &elements[trusted..] {
                let place = self.place(key, element);
                self.slot[place] = NONE;
            }
        }
        let versions = &mut self.lists.versions;
        versions.base.push(versions.writer.len() as u32);
    }

    /// Appends that surely happened and that nobody saw: they come after all that was seen.
    pub(super) fn unordered(&mut self) {
        let transactions = self.transactions;
        // Those with a slot were seen; these were seen too.
        let mut seen = vec![false; self.writer.len()];
        for (number, branch) in transactions.branches.iter().enumerate() {
            let elements = self.elements(number as u32);
            let key = branch.key as usize;
            let placed = if self.main[key] == number as u32 {
                self.trusted[key] as usize
            } else {
                0
            };
            for &element in &elements[placed.min(elements.len())..] {
                seen[self.place(branch.key, element)] = true;
            }
        }
        for &t in &transactions.by_time {
            if !self.lists.is_committed[t as usize] {
                continue;
            }
            for step in transactions.steps(t) {
                if step.kind != StepKind::Append {
                    continue;
                }
                let place = self.place(step.key, step.value);
                if self.slot[place] != NONE || seen[place] || self.writer[place] != t {
                    continue;
                }
                let key = step.key as usize;
                let whole = match self.main[key] {
                    NONE => 0,
                    main => self.seen[main as usize],
                };
                if self.trusted[key] == whole {
                    self.lists.versions.unordered.push((step.key, t));
                }
            }
        }
        let unordered = &mut self.lists.versions.unordered;
        unordered.sort_unstable();
        unordered.dedup();
    }
}
