//! What is known only when all steps were seen: what keys hold, and so what reads of them mean.

use schism_history::{OpId, Value};

use super::keys::Key;
use super::{Content, NONE, StepKind, Transactions};

impl<'h> Transactions<'h> {
    /// All steps were seen: what each key holds is known.
    pub(super) fn settle(&mut self, keys: &[Key<'h>]) {
        self.content = keys.iter().map(Key::content).collect();
        if self.content.contains(&Content::List) {
            self.nothing_is_an_empty_list();
        }
        let is_read_whole = |key: &Key<'_>| key.reads_lists && key.content() == Content::Register;
        if keys.iter().any(is_read_whole) {
            self.lists_are_values();
        }
    }

    /// A step of this transaction cannot be understood.
    pub(super) fn unreadable(&mut self, id: OpId) {
        let (_, times) = self.unreadable.get_or_insert((id, 0));
        *times += 1;
    }

    /// Reads of nil from lists are reads of empty lists; reads of anything else, and writes, cannot be understood.
    fn nothing_is_an_empty_list(&mut self) {
        let columns = &mut *self;
        let mut odd = Vec::new();
        for place in 0..columns.kind.len() {
            let kind = columns.kind[place];
            if !matches!(kind, StepKind::Read | StepKind::Write)
                || columns.content[columns.key[place] as usize] != Content::List
            {
                continue;
            }
            if kind == StepKind::Read && columns.value[place] == 0 {
                columns.kind[place] = StepKind::ReadList;
            } else {
                columns.kind[place] = StepKind::ReadUnknown;
                odd.push(place as u32);
            }
        }
        for place in odd {
            let transaction = self.transaction_at(place as usize) as usize;
            self.unreadable(self.ops[transaction]);
        }
    }

    /// Lists that were read from registers are values like others.
    fn lists_are_values(&mut self) {
        let columns = &mut *self;
        let mut places = Vec::new();
        for (place, kind) in columns.kind.iter().enumerate() {
            if *kind == StepKind::ReadList
                && columns.content[columns.key[place] as usize] == Content::Register
            {
                places.push(place);
            }
        }
        for place in places {
            let columns = &*self;
            let (key, length) = (columns.key[place] as usize, columns.value[place] as usize);
            let branch = columns.branch.get(place).copied().unwrap_or(NONE);
            let values = &columns.values[key];
            let list: Vec<&Value> = match branch {
                NONE => Vec::new(),
                branch => columns.branches[branch as usize].elements[..length]
                    .iter()
                    .map(|&element| values[element as usize])
                    .collect(),
            };
            // The values that were written are the only lists of that key that have a number as a whole.
            let known = values.iter().position(|value| {
                let value = value.as_list();
                value.is_some_and(|value| value.iter().eq(list.iter().copied()))
            });
            let columns = &mut *self;
            if let Some(known) = known {
                columns.kind[place] = StepKind::Read;
                columns.value[place] = known as u32;
                if let Some(branch) = columns.branch.get_mut(place) {
                    *branch = NONE;
                }
            } else {
                columns.kind[place] = StepKind::ReadUnknown;
                let transaction = columns.transaction_at(place) as usize;
                let id = columns.ops[transaction];
                self.unreadable(id);
            }
        }
    }
}
