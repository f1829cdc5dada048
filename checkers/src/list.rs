//! The lists of a history: keys that transactions append to and read.
//!
//! Since a list only grows at its end, its longest read says in which order its elements were appended, and every other
//! read should be a beginning of it.

use std::fmt;

use rustc_hash::FxHashMap;
use schism_history::{F, History, MicroKind, MicroOps, OpId, Outcome, Value, ValueId};

/// All lists of a history, in order of first use.
#[derive(Debug, Default)]
pub(crate) struct Lists<'h> {
    /// The lists.
    pub(crate) keys: Vec<List<'h>>,
}

/// One list.
#[derive(Debug)]
pub(crate) struct List<'h> {
    /// Its key.
    pub(crate) key: &'h Value,
    /// What transactions did to it, in order of invocation, and within a transaction in its own order.
    pub(crate) accesses: Vec<Access<'h>>,
    /// The longest read, and who read it; empty when nobody did.
    pub(crate) longest: Elements<'h>,
    /// Who read it.
    pub(crate) longest_by: Option<OpId>,
    /// Where each element stands first in the longest read.
    position: FxHashMap<ValueId, u32>,
    /// Who may have appended each element: all but those that surely failed.
    appends: FxHashMap<ValueId, Append>,
    /// Who surely failed to append each element: the first one.
    failed: FxHashMap<ValueId, OpId>,
}

/// What a transaction did to a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'h> {
    /// The transaction.
    pub(crate) id: OpId,
    /// What it did.
    pub(crate) kind: AccessKind<'h>,
}

/// Reading or appending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AccessKind<'h> {
    /// It read this.
    Read {
        /// What it read.
        list: Elements<'h>,
        /// Whether that is a beginning of the longest read.
        is_prefix: bool,
    },
    /// It appended this; whether it did for sure.
    Append {
        /// The element.
        element: Element<'h>,
        /// Whether the transaction is known to have happened.
        certain: bool,
    },
}

/// Who may have appended an element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Append {
    /// The first who did.
    pub(crate) id: OpId,
    /// How many did.
    pub(crate) times: u32,
}

/// An element of a list. Compared by its number.
#[derive(Clone, Copy)]
pub(crate) struct Element<'h> {
    /// Its number.
    pub(crate) id: ValueId,
    /// What it is.
    pub(crate) value: &'h Value,
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Element<'_> {}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.value, f)
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.value, f)
    }
}

/// What a read saw of a list, in order. No element is a value of its own until somebody asks for one.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'h> {
    history: &'h History,
    ids: &'h [ValueId],
}

impl<'h> Elements<'h> {
    /// How many there are.
    pub(crate) fn len(self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(self) -> bool {
        self.ids.is_empty()
    }

    /// The numbers of all of them.
    pub(crate) fn ids(self) -> &'h [ValueId] {
        self.ids
    }

    /// All of them.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = Element<'h>> {
        self.ids.iter().map(move |&id| self.element(id))
    }

    /// The last one.
    pub(crate) fn last(self) -> Option<Element<'h>> {
        self.ids.last().map(|&id| self.element(id))
    }

    /// Whether this is one of them. O(length).
    pub(crate) fn contains(self, element: Element<'_>) -> bool {
        self.ids.contains(&element.id)
    }

    /// As it is told to a reader.
    pub(crate) fn to_value(self) -> Value {
        Value::list(self.iter().map(|element| element.value.clone()))
    }

    /// Whether the other list is a beginning of this one. Lists that share their memory need not be compared.
    fn begins_with(self, other: Self) -> bool {
        other.len() <= self.len()
            && (std::ptr::eq(self.ids.as_ptr(), other.ids.as_ptr())
                || self.ids[..other.len()] == *other.ids)
    }

    fn element(self, id: ValueId) -> Element<'h> {
        let value = self.history.value(id);
        Element { id, value }
    }
}

impl fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'h> Lists<'h> {
    /// Finds the lists. O(micro-operations + elements that were appended), as long as lists only grow.
    pub(crate) fn of(history: &'h History) -> Self {
        let mut lists = Self::default();
        if !history.functions().contains(&F::Txn) {
            return lists;
        }
        // The place of each key in `keys`.
        let mut places: Vec<Option<usize>> = vec![None; history.key_count()];
        for op in history.operations() {
            if *op.f() != F::Txn {
                continue;
            }
            let ok = op.outcome == Outcome::Ok;
            let steps = if ok {
                op.output_micro_ops()
            } else {
                op.input_micro_ops()
            };
            for step in steps.into_iter().flat_map(MicroOps::into_iter) {
                let kind = match step.kind {
                    MicroKind::Read if ok => AccessKind::Read {
                        list: Elements {
                            history,
                            ids: step.list().unwrap_or_default(),
                        },
                        is_prefix: false,
                    },
                    MicroKind::Append => {
                        let Some(id) = step.value() else { continue };
                        let value = history.value(id);
                        AccessKind::Append {
                            element: Element { id, value },
                            certain: ok,
                        }
                    }
                    _ => continue,
                };
                let place = *places[step.key.0 as usize].get_or_insert_with(|| {
                    lists.keys.push(List::new(history, history.key(step.key)));
                    lists.keys.len() - 1
                });
                if op.outcome == Outcome::Fail {
                    if let AccessKind::Append { element, .. } = kind {
                        lists.keys[place].failed.entry(element.id).or_insert(op.id);
                    }
                    continue;
                }
                lists.keys[place].accesses.push(Access { id: op.id, kind });
            }
        }
        for list in &mut lists.keys {
            list.finish();
        }
        lists
    }
}

impl<'h> List<'h> {
    fn new(history: &'h History, key: &'h Value) -> Self {
        Self {
            key,
            accesses: Vec::new(),
            longest: Elements { history, ids: &[] },
            longest_by: None,
            position: FxHashMap::default(),
            appends: FxHashMap::default(),
            failed: FxHashMap::default(),
        }
    }

    fn finish(&mut self) {
        for access in &self.accesses {
            match access.kind {
                AccessKind::Read { list, .. } => {
                    if self.longest_by.is_none() || list.len() > self.longest.len() {
                        self.longest = list;
                        self.longest_by = Some(access.id);
                    }
                }
                AccessKind::Append { element, .. } => {
                    self.appends
                        .entry(element.id)
                        .and_modify(|append| append.times += 1)
                        .or_insert(Append {
                            id: access.id,
                            times: 1,
                        });
                }
            }
        }
        for (place, &element) in self.longest.ids().iter().enumerate() {
            self.position.entry(element).or_insert(place as u32);
        }
        for access in &mut self.accesses {
            if let AccessKind::Read { list, is_prefix } = &mut access.kind {
                *is_prefix = self.longest.begins_with(*list);
            }
        }
    }

    /// Where the element stands first in the longest read.
    pub(crate) fn position(&self, element: Element<'_>) -> Option<u32> {
        self.position.get(&element.id).copied()
    }

    /// How many different elements the longest read has.
    pub(crate) fn positions(&self) -> usize {
        self.position.len()
    }

    /// Who may have appended the element.
    pub(crate) fn append(&self, element: Element<'_>) -> Option<Append> {
        self.appends.get(&element.id).copied()
    }

    /// How many different elements may have been appended.
    pub(crate) fn appended(&self) -> usize {
        self.appends.len()
    }

    /// Who surely failed to append the element.
    pub(crate) fn failed(&self, element: Element<'_>) -> Option<OpId> {
        self.failed.get(&element.id).copied()
    }

    /// The one who appended the element, if only one may have.
    pub(crate) fn appended_by(&self, element: Element<'_>) -> Option<OpId> {
        let append = self.append(element)?;
        (append.times == 1).then_some(append.id)
    }

    /// The reads: who, what, and whether it is a beginning of the longest one.
    pub(crate) fn reads(&self) -> impl Iterator<Item = (OpId, Elements<'h>, bool)> {
        self.accesses.iter().filter_map(|access| match access.kind {
            AccessKind::Read { list, is_prefix } => Some((access.id, list, is_prefix)),
            AccessKind::Append { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    #[test]
    fn the_longest_read_is_the_order() {
        let history = testing::history(
            "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [[append,x,2]] ?
            2 |txn nil [[append,x,3]] !|
            0                             |txn nil [[r,x,nil]] -> [[r,x,[1,2]]]|
            2                             |txn nil [[r,x,nil]] -> [[r,x,[1]]]|
            3                             |txn nil [[r,x,nil]] -> [[r,x,[2]]]|
            4                             |txn nil [[r,x,nil]] ?
            ",
        );
        let lists = Lists::of(&history);
        let [list] = &lists.keys[..] else {
            panic!("one list")
        };
        assert_eq!(list.longest.to_value(), Value::list([1, 2]));
        assert_eq!(list.longest_by, Some(OpId(3)));
        let element = |n: i64| {
            let mut values = (0..history.plain_value_count() as u32).map(ValueId);
            let id = values
                .find(|&id| *history.value(id) == Value::from(n))
                .unwrap();
            let value = history.value(id);
            Element { id, value }
        };
        assert_eq!(list.position(element(2)), Some(1));
        assert_eq!(list.appended_by(element(2)), Some(OpId(1)));
        assert_eq!(list.appended_by(element(3)), None);
        assert_eq!(list.failed(element(3)), Some(OpId(2)));
        let prefixes: Vec<bool> = list.reads().map(|(_, _, is_prefix)| is_prefix).collect();
        assert_eq!(prefixes, [true, true, false]);
    }
}
