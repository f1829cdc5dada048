//! Elements of sets, event by event: no read holds one twice, one that nobody has added, or one whose additions all surely
//! failed (`duplicate-element`, `unexpected-element` and `failed-add-read` of the checkers `lost-updates` and
//! `set-full`). What is lost is decided at the end, by the reads that have the last word, and so left to the checkers;
//! that a read lacks what had been acknowledged before is what `linearizable` tells at once.
//!
//! It remembers the elements that are being added, and all that were, as runs where they are numbered (see
//! [`ranges`](super::ranges)), of the 1,000 to 2,000 sets that were used last.

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, Time, Value};

use super::calls::{Call, Ended};
use super::ranges::Ranges;
use super::recent::Recent;
use super::{Broken, Judge};

/// Sets that are remembered: so many, to twice as many.
const SETS: usize = 1_000;

/// All sets.
pub(super) struct Elements {
    /// Whether sets from which something is removed are judged too.
    removals: bool,
    keys: Recent<Set>,
    /// Elements that were read and that nobody had added: somebody may send that at the same moment.
    early: Vec<(Time, Value, Value)>,
}

#[derive(Default)]
struct Set {
    /// Elements whose addition is not known to have failed, and came to an end.
    added: Ranges,
    /// Elements that are being added.
    open: FxHashMap<Value, Adding>,
    /// Somebody has added something: it is a set.
    begun: bool,
    /// Somebody has removed something.
    shrinks: bool,
}

/// An element that is being added.
#[derive(Clone, Copy, Default)]
struct Adding {
    /// By how many.
    by: u32,
    /// Somebody has seen it.
    seen: bool,
}

impl Set {
    /// Somebody has seen an element; whether it can be there.
    fn see(&mut self, element: &Value) -> bool {
        match self.open.get_mut(element) {
            Some(adding) => {
                adding.seen = true;
                true
            }
            None => self.added.contains(element),
        }
    }

    /// An addition came to an end; whether it failed, and with it all of them, and yet somebody saw the element.
    fn end(&mut self, element: &Value, failed: bool) -> bool {
        let Some(adding) = self.open.get_mut(element) else {
            return false;
        };
        adding.by -= 1;
        if failed && adding.by > 0 {
            return false;
        }
        if failed {
            let seen = adding.seen;
            self.open.remove(element);
            return seen && !self.added.contains(element);
        }
        if adding.by == 0 {
            self.open.remove(element);
        }
        self.added.insert(element);
        false
    }
}

impl Elements {
    /// Those of sets that only grow.
    pub(super) fn of_growing_sets() -> Self {
        Self::new(false)
    }

    /// Those of all sets.
    pub(super) fn of_all_sets() -> Self {
        Self::new(true)
    }

    fn new(removals: bool) -> Self {
        Self {
            removals,
            keys: Recent::of_most(SETS),
            early: Vec::new(),
        }
    }
}

impl Judge for Elements {
    fn sent(&mut self, call: &Call) -> Option<Broken> {
        if call.f == F::Add {
            let set = self.keys.of(&call.key)?;
            set.begun = true;
            set.open.entry(call.input.clone()).or_default().by += 1;
            let mut seen = false;
            self.early.retain(|(_, key, element)| {
                let this = *key == call.key && *element == call.input;
                seen |= this;
                !this
            });
            if seen {
                set.see(&call.input);
            }
        }
        if call.f == F::Remove {
            self.keys.of(&call.key)?.shrinks = true;
        }
        None
    }

    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        let broken = |sentence| Broken {
            sentence,
            key: call.key.clone(),
        };
        let set = self.keys.of(&call.key)?;
        if !set.begun || set.shrinks && !self.removals {
            return None;
        }
        match call.f {
            F::Add => set.end(&call.input, ended.is_fail()).then(|| {
                broken(format!(
                    "{} was read from the set {}, although adding it surely failed",
                    call.input, call.key
                ))
            }),
            F::Read if ended.is_ok() => {
                let read = ended.event.value.as_list()?;
                let mut all = FxHashSet::default();
                for element in read {
                    if !set.see(element) {
                        let early = (ended.event.time, call.key.clone(), element.clone());
                        self.early.push(early);
                    } else if !all.insert(element) {
                        return Some(broken(format!(
                            "a read of the set {} holds {element} more than once",
                            call.key
                        )));
                    }
                }
                None
            }
            _ => None,
        }
    }

    fn at(&mut self, now: Time) -> Option<Broken> {
        let place = self.early.iter().position(|(time, ..)| *time < now)?;
        let (_, key, element) = self.early.swap_remove(place);
        Some(Broken {
            sentence: format!("{element} was read from the set {key}, and nobody had added it"),
            key,
        })
    }

    fn remembered(&self) -> usize {
        let sets = self.keys.values();
        sets.map(|set| 1 + set.added.remembered() + set.open.len())
            .sum::<usize>()
            + self.early.len()
            + self.keys.forgotten()
    }
}
