//! What is known only when all steps were seen: what keys hold, and so what reads of them mean.

use schism_history::{OpId, Value};

use super::keys::Key;
use super::{Content, NONE, StepKind, Transactions};

impl<'h> Transactions<'h> {
    /// Takes out the places that were kept free for steps that turned out to be none: for each of these transactions, in
    /// any order, how many steps it has.
    pub(super) fn close(&mut self, mut short: Vec<(u32, u32)>) {
        if short.is_empty() {
            return;
        }
        short.sort_unstable();
        let mut short = short.into_iter().peekable();
        let has_branches = !self.branch.is_empty();
        let mut moved = Vec::new();
        let mut to = 0;
        for t in 0..self.ops.len() {
            let range = self.step_range(t as u32);
            let used = short.next_if(|&(short, _)| short == t as u32);
            let used = used.map_or(range.len(), |(_, used)| used as usize);
            self.first_step[t] = to as u32;
            for from in range.start..range.start + used {
                self.kind[to] = self.kind[from];
                self.key[to] = self.key[from];
                self.value[to] = self.value[from];
                if has_branches {
                    self.branch[to] = self.branch[from];
                }
                if let Some(version) = self.version.remove(&(from as u32)) {
                    moved.push((to as u32, version));
                }
                to += 1;
            }
        }
        self.version.extend(moved);
        self.first_step[self.ops.len()] = to as u32;
        self.kind.truncate(to);
        self.key.truncate(to);
        self.value.truncate(to);
        self.branch.truncate(to);
    }

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
            let first_step = &self.first_step;
            let transaction = first_step.partition_point(|&first| first <= place) - 1;
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
                let firsts = &columns.first_step;
                let transaction = firsts.partition_point(|&first| first as usize <= place) - 1;
                let id = columns.ops[transaction];
                self.unreadable(id);
            }
        }
    }
}
