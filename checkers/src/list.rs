//! The lists of a history: keys that transactions append to and read.
//!
//! Since a list only grows at its end, its longest read says in which order its elements were appended, and every other
//! read should be a beginning of it.

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Outcome, Value};

use crate::micro_op::{MicroOp, micro_ops};

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
    pub(crate) longest: &'h [Value],
    /// Who read it.
    pub(crate) longest_by: Option<OpId>,
    /// Where each element stands first in the longest read.
    pub(crate) position: FxHashMap<&'h Value, u32>,
    /// Who may have appended each element: all but those that surely failed.
    pub(crate) appends: FxHashMap<&'h Value, Append>,
    /// Who surely failed to append each element: the first one.
    pub(crate) failed: FxHashMap<&'h Value, OpId>,
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
        list: &'h [Value],
        /// Whether that is a beginning of the longest read.
        is_prefix: bool,
    },
    /// It appended this; whether it did for sure.
    Append {
        /// The element.
        element: &'h Value,
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

impl<'h> Lists<'h> {
    /// Finds the lists. O(micro-operations + elements read).
    pub(crate) fn of(history: &'h History) -> Self {
        let mut lists = Self::default();
        let mut number: FxHashMap<&'h Value, usize> = FxHashMap::default();
        if !history.functions().contains(&F::Txn) {
            return lists;
        }
        for op in history.operations() {
            if *op.f() != F::Txn {
                continue;
            }
            for micro_op in micro_ops(&op) {
                let (key, kind) = match micro_op {
                    MicroOp::Read { list: None, .. } => continue,
                    MicroOp::Read {
                        key,
                        list: Some(list),
                    } => (
                        key,
                        AccessKind::Read {
                            list,
                            is_prefix: false,
                        },
                    ),
                    MicroOp::Append { key, element } => (
                        key,
                        AccessKind::Append {
                            element,
                            certain: op.outcome == Outcome::Ok,
                        },
                    ),
                };
                let next = lists.keys.len();
                let place = *number.entry(key).or_insert(next);
                if place == next {
                    lists.keys.push(List::new(key));
                }
                if op.outcome == Outcome::Fail {
                    if let AccessKind::Append { element, .. } = kind {
                        lists.keys[place].failed.entry(element).or_insert(op.id);
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
    fn new(key: &'h Value) -> Self {
        Self {
            key,
            accesses: Vec::new(),
            longest: &[],
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
                        .entry(element)
                        .and_modify(|append| append.times += 1)
                        .or_insert(Append {
                            id: access.id,
                            times: 1,
                        });
                }
            }
        }
        for (place, element) in self.longest.iter().enumerate() {
            self.position.entry(element).or_insert(place as u32);
        }
        for access in &mut self.accesses {
            if let AccessKind::Read { list, is_prefix } = &mut access.kind {
                *is_prefix = self.longest[..list.len()] == **list;
            }
        }
    }

    /// The one who appended the element, if only one may have.
    pub(crate) fn appended_by(&self, element: &Value) -> Option<OpId> {
        let append = self.appends.get(element)?;
        (append.times == 1).then_some(append.id)
    }

    /// The reads: who, what, and whether it is a beginning of the longest one.
    pub(crate) fn reads(&self) -> impl Iterator<Item = (OpId, &'h [Value], bool)> {
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
        assert_eq!(list.longest, [Value::from(1), Value::from(2)]);
        assert_eq!(list.longest_by, Some(OpId(3)));
        assert_eq!(list.position[&Value::from(2)], 1);
        assert_eq!(list.appended_by(&Value::from(2)), Some(OpId(1)));
        assert_eq!(list.appended_by(&Value::from(3)), None);
        assert_eq!(list.failed[&Value::from(3)], OpId(2));
        let prefixes: Vec<bool> = list.reads().map(|(_, _, is_prefix)| is_prefix).collect();
        assert_eq!(prefixes, [true, true, false]);
    }
}
