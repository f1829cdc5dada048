//! Which versions match which predicate.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{Outcome, Value};

use super::orders::Orders;
use crate::predicate::Predicate;
use crate::transactions::columns::{StepKind, Transactions};

/// What is known about the predicates of a history.
pub(crate) struct Matching<'a, 'h> {
    transactions: &'a Transactions<'h>,
    /// The meaning of each; none where it is not known.
    known: Vec<Option<Predicate<'h>>>,
    /// What those of unknown meaning returned: (predicate, key, value).
    returned: FxHashSet<(u32, u32, u32)>,
    /// The keys of those that returned something: by predicate.
    returned_keys: FxHashMap<u32, BTreeSet<u32>>,
    /// For each predicate that was asked for: keys of which some version matches, in ascending order.
    candidates: FxHashMap<u32, Vec<u32>>,
    /// Keys that held a map with this part, once somebody asked.
    by_part: Option<FxHashMap<(&'h str, &'h Value), Vec<u32>>>,
}

impl<'a, 'h> Matching<'a, 'h> {
    /// Prepares. O(what reads by predicate returned).
    pub(super) fn new(transactions: &'a Transactions<'h>) -> Self {
        let known: Vec<Option<Predicate<'h>>> = (transactions.predicates.iter())
            .map(|predicate| Predicate::read(predicate))
            .collect();
        let mut returned = FxHashSet::default();
        let mut returned_keys: FxHashMap<u32, BTreeSet<u32>> = FxHashMap::default();
        for t in 0..transactions.len() as u32 {
            if transactions.outcome[t as usize] != Outcome::Ok {
                continue;
            }
            for step in transactions.steps(t) {
                if step.kind == StepKind::Predicate && known[step.key as usize].is_none() {
                    for &(key, value) in &transactions.matched[step.value as usize] {
                        returned.insert((step.key, key, value));
                        returned_keys.entry(step.key).or_default().insert(key);
                    }
                }
            }
        }
        Self {
            transactions,
            known,
            returned,
            returned_keys,
            candidates: FxHashMap::default(),
            by_part: None,
        }
    }

    /// Whether the meaning of a predicate is known.
    pub(super) fn is_known(&self, predicate: u32) -> bool {
        self.known[predicate as usize].is_some()
    }

    /// Whether a key that holds a value surely matches.
    pub(super) fn is_match(&self, predicate: u32, key: u32, value: u32) -> bool {
        match self.known[predicate as usize] {
            Some(known) => known.matches(
                self.transactions.keys[key as usize],
                self.transactions.value_of(key, value),
            ),
            None => self.returned.contains(&(predicate, key, value)),
        }
    }

    /// The keys of which some version matches, in ascending order. Spends what it looks at.
    pub(super) fn of(&mut self, predicate: u32, orders: &Orders, left: &mut u64) -> Vec<u32> {
        if let Some(found) = self.candidates.get(&predicate) {
            *left = left.saturating_sub(found.len() as u64);
            return found.clone();
        }
        let looked_at: Vec<u32> = match self.known[predicate as usize] {
            None => {
                let keys = self.returned_keys.get(&predicate);
                keys.into_iter().flatten().copied().collect()
            }
            Some(known) => match known.part() {
                Some(part) => self.with_part(orders, part),
                None => (0..self.transactions.keys.len() as u32).collect(),
            },
        };
        let matches = |key: &u32| {
            let slots = orders.versions.slots(*key);
            slots
                .into_iter()
                .any(|slot| self.is_match(predicate, *key, orders.value[slot]))
        };
        *left = left.saturating_sub(looked_at.len() as u64);
        let found: Vec<u32> = looked_at.into_iter().filter(matches).collect();
        self.candidates.insert(predicate, found.clone());
        found
    }

    fn with_part(&mut self, orders: &Orders, part: (&'h str, &'h Value)) -> Vec<u32> {
        let transactions = self.transactions;
        let by_part = self.by_part.get_or_insert_with(|| {
            let mut by_part: FxHashMap<(&'h str, &'h Value), Vec<u32>> = FxHashMap::default();
            for key in 0..transactions.keys.len() as u32 {
                for slot in orders.versions.slots(key) {
                    let Value::Map(parts) = transactions.value_of(key, orders.value[slot]) else {
                        continue;
                    };
                    for (name, value) in parts.iter() {
                        let keys = by_part.entry((&**name, value)).or_default();
                        if keys.last() != Some(&key) {
                            keys.push(key);
                        }
                    }
                }
            }
            by_part
        });
        by_part.get(&part).cloned().unwrap_or_default()
    }
}
