//! Unique ids, event by event: an id that was given out before. Ids that are integers are remembered as ranges, so dense
//! ones cost nothing; all others one by one.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, Value};

use super::calls::{Call, Ended};
use super::{Broken, Judge};

/// All spaces of ids.
#[derive(Default)]
pub(super) struct UniqueIds {
    keys: FxHashMap<Value, Ids>,
}

#[derive(Default)]
struct Ids {
    /// Ranges of integers, by their first one: the last one.
    ranges: BTreeMap<i64, i64>,
    others: FxHashSet<Value>,
}

impl Ids {
    /// Whether it is new.
    fn insert(&mut self, id: &Value) -> bool {
        let Value::Int(id) = *id else {
            return self.others.insert(id.clone());
        };
        let before = self
            .ranges
            .range(..=id)
            .next_back()
            .map(|(&first, &last)| (first, last));
        if before.is_some_and(|(_, last)| last >= id) {
            return false;
        }
        let mut range = (id, id);
        if let Some((first, last)) = before
            && last.checked_add(1) == Some(id)
        {
            self.ranges.remove(&first);
            range.0 = first;
        }
        if let Some(next) = id.checked_add(1)
            && let Some(last) = self.ranges.remove(&next)
        {
            range.1 = last;
        }
        self.ranges.insert(range.0, range.1);
        true
    }
}

impl Judge for UniqueIds {
    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        let id = &ended.event.value;
        if call.f != F::Generate || !ended.is_ok() || id.is_nil() {
            return None;
        }
        let ids = self.keys.entry(call.key.clone()).or_default();
        (!ids.insert(id)).then(|| Broken {
            sentence: format!(
                "process {} was given the id {id}, which had been given out before",
                call.process
            ),
            key: call.key.clone(),
        })
    }

    fn remembered(&self) -> usize {
        self.keys
            .values()
            .map(|it| it.ranges.len() + it.others.len())
            .sum()
    }
}
