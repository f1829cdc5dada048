//! Which versions were read, and what is wrong with the reads.

use super::views::View;
use super::{AMBIGUOUS, Direct, Finder};
use crate::transactions::columns::{NONE, Step, StepKind};

impl Finder<'_, '_> {
    /// Which version each view is, and what is wrong with it.
    pub(super) fn reads(&mut self, views: &[View]) {
        let transactions = self.transactions;
        let mut updated_by = vec![NONE; self.lists.versions.writer.len()];
        self.lists.versions.reads.reserve(views.len());
        for view in views {
            let t = view.transaction;
            let step = transactions.step(view.step as usize);
            let key = step.key as usize;
            let list = &transactions.list(step)[..view.seen as usize];
            let slot =
                (view.seen <= self.trusted[key]).then(|| self.lists.versions.base[key] + view.seen);
            if let Some(slot) = slot {
                self.lists.versions.reads.push((t, slot));
            }
            if view.updates {
                self.future(view, step);
                if let Some(slot) = slot.filter(|_| view.is_base) {
                    self.update(&mut updated_by[slot as usize], t, step.key);
                }
            }
            let Some(&end) = list.last() else { continue };
            let place = self.place(step.key, end);
            let (writer, next) = (self.writer[place], self.overwritten_by[place]);
            if writer >= AMBIGUOUS || writer == t {
                continue;
            }
            if slot.is_none() && self.lists.is_committed[writer as usize] {
                self.lists.versions.read_from.push((writer, t, step.key));
            }
            if next != 0 && !self.failed(writer) {
                self.lists.direct.push(Direct::Intermediate {
                    reader: t,
                    writer,
                    key: step.key,
                    value: end,
                    next,
                });
            }
        }
    }

    /// A transaction that appends to the version that it saw.
    fn update(&mut self, updated_by: &mut u32, t: u32, key: u32) {
        if *updated_by == NONE {
            *updated_by = t;
        } else if *updated_by != t {
            self.lists.direct.push(Direct::LostUpdate {
                one: *updated_by,
                other: t,
                key,
            });
        }
    }

    /// Whether a view holds what its transaction appends only later.
    fn future(&mut self, view: &View, step: Step) {
        let transactions = self.transactions;
        let list = transactions.list(step);
        let end = transactions.step_range(view.transaction).end;
        for place in view.step as usize + 1..end {
            let later = transactions.step(place);
            if later.kind != StepKind::Append || later.key != step.key {
                continue;
            }
            let slot = self.slot[self.place(later.key, later.value)];
            let is_seen = if view.seen <= self.trusted[step.key as usize] {
                slot <= self.lists.versions.base[step.key as usize] + view.seen
            } else {
                list.contains(&later.value)
            };
            if is_seen {
                self.lists.direct.push(Direct::Future {
                    transaction: view.transaction,
                    key: step.key,
                    value: later.value,
                });
            }
        }
    }
}
