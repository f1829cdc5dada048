//! What is wrong with the elements of lists.

use super::views::View;
use super::{AMBIGUOUS, Direct, Finder};
use crate::transactions::columns::{Content, NONE};

impl Finder<'_, '_> {
    /// What is wrong with the elements of branches, each in itself and against the longest one of its key.
    pub(super) fn branches(&mut self, views: &[View]) {
        let transactions = self.transactions;
        // For each branch, the first who saw most of it.
        let mut readers = vec![NONE; transactions.branches.len()];
        for view in views {
            let branch = transactions.step(view.step as usize).branch;
            if branch != NONE && self.seen[branch as usize] == view.seen {
                let reader = &mut readers[branch as usize];
                if *reader == NONE {
                    *reader = view.transaction;
                }
            }
        }
        // For each value, the branch in which it was seen last.
        let mut seen_in = vec![NONE; self.writer.len()];
        // For each value, whether it has been found to be garbage, aborted or twice there.
        let mut told = vec![false; self.writer.len()];
        for (number, branch) in transactions.branches.iter().enumerate() {
            let key = branch.key;
            let reader = readers[number];
            if reader == NONE || transactions.content[key as usize] != Content::List {
                continue;
            }
            let elements = self.elements(number as u32);
            let main = self.main[key as usize];
            if main == NONE {
                continue;
            }
            let mut pairs = elements.iter().zip(self.elements(main));
            if let Some((&here, &there)) = pairs.find(|(here, there)| here != there) {
                self.lists.direct.push(Direct::Incompatible {
                    one: readers[main as usize],
                    other: reader,
                    key,
                    values: (there, here),
                });
            }
            let mut before: Option<u32> = None;
            for &value in elements {
                let place = self.place(key, value);
                let writer = self.writer[place];
                let is_second = seen_in[place] == number as u32;
                seen_in[place] = number as u32;
                let direct = match writer {
                    NONE => Some(Direct::Garbage { reader, key, value }),
                    AMBIGUOUS => None,
                    writer if self.failed(writer) => Some(Direct::Aborted {
                        reader,
                        writer,
                        key,
                        value,
                    }),
                    writer if is_second => Some(Direct::Duplicate {
                        reader,
                        writer,
                        key,
                        value,
                    }),
                    writer => {
                        self.dirty_update(reader, writer, key, before, value);
                        let first = self.follows[place];
                        let is_there =
                            first == 0 || seen_in[self.place(key, first)] == number as u32;
                        (!is_there).then_some(Direct::Misplaced {
                            reader,
                            writer,
                            key,
                            values: (first, value),
                        })
                    }
                };
                if let Some(direct) = direct
                    && !std::mem::replace(&mut told[place], true)
                {
                    self.lists.direct.push(direct);
                }
                before = Some(value);
            }
        }
    }

    fn dirty_update(
        &mut self,
        reader: u32,
        writer: u32,
        key: u32,
        before: Option<u32>,
        value: u32,
    ) {
        let Some(before) = before else { return };
        let aborted = self.writer[self.place(key, before)];
        if aborted < AMBIGUOUS && self.failed(aborted) {
            self.lists.direct.push(Direct::DirtyUpdate {
                reader,
                aborted,
                writer,
                key,
                values: (before, value),
            });
        }
    }
}
