//! What really happened, as far as anybody knows.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;
use schism_history::{F, History, OpId, Outcome, Value};

use super::Found;
use super::stream::{Event, Stream};

/// What a revision did to a key, and who said so first.
#[derive(Clone, Copy)]
struct Change<'h> {
    /// `None`: it was deleted.
    value: Option<&'h Value>,
    by: OpId,
}

/// All changes that anybody knows of.
pub(super) struct Changes<'h> {
    /// By revision and key.
    known: BTreeMap<(i64, &'h Value), Change<'h>>,
    /// The same, by key.
    of_key: BTreeMap<&'h Value, BTreeMap<i64, Option<&'h Value>>>,
    /// Two that disagree.
    conflicts: Vec<(i64, &'h Value, [OpId; 2])>,
    /// What was written, or perhaps was, to which key.
    written: FxHashSet<(&'h Value, &'h Value)>,
    /// Keys that clients write; what happens to others is not known.
    keys: BTreeSet<&'h Value>,
    /// Keys with a write of which it is not known whether or when it happened.
    doubtful: BTreeSet<&'h Value>,
}

impl<'h> Changes<'h> {
    pub(super) fn of(history: &'h History, streams: &[Stream<'h>]) -> Self {
        let mut changes = Self {
            known: BTreeMap::new(),
            of_key: BTreeMap::new(),
            conflicts: Vec::new(),
            written: FxHashSet::default(),
            keys: BTreeSet::new(),
            doubtful: BTreeSet::new(),
        };
        for op in history.operations() {
            if !matches!(op.f(), F::Write | F::Remove) || op.outcome == Outcome::Fail {
                continue;
            }
            changes.keys.insert(op.key());
            let value = (*op.f() == F::Write).then(|| op.input());
            if let Some(value) = value {
                changes.written.insert((op.key(), value));
            }
            match op.revision().filter(|_| op.outcome == Outcome::Ok) {
                Some(revision) => changes.insert(revision, op.key(), value, op.id),
                None => {
                    changes.doubtful.insert(op.key());
                }
            }
        }
        for stream in streams {
            for event in &stream.events {
                changes.insert(event.revision, event.key, event.value, stream.id);
            }
        }
        changes
    }

    fn insert(&mut self, revision: i64, key: &'h Value, value: Option<&'h Value>, by: OpId) {
        let there = *self
            .known
            .entry((revision, key))
            .or_insert(Change { value, by });
        if there.value == value {
            self.of_key.entry(key).or_default().insert(revision, value);
        } else {
            self.conflicts.push((revision, key, [there.by, by]));
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.known.len() as u64
    }

    /// The changes from one revision to another one, both included: revision, key, and who knows of it.
    pub(super) fn between(
        &self,
        first: i64,
        last: i64,
    ) -> impl Iterator<Item = (i64, &'h Value, OpId)> {
        let range = (first, &Value::Nil)..;
        self.known
            .range(range)
            .take_while(move |((revision, _), _)| *revision <= last)
            .map(|(&(revision, key), change)| (revision, key, change.by))
    }

    pub(super) fn judge(&self, found: &mut Found<'_>) {
        for (revision, key, ids) in &self.conflicts {
            found.report("inconsistent-events", key, ids, || {
                format!("it is told in two ways what revision {revision} did to {key}")
            });
        }
    }

    pub(super) fn judge_event(&self, id: OpId, event: &Event<'h>, found: &mut Found<'_>) {
        let key = event.key;
        if let Some(value) = event.value
            && self.keys.contains(key)
            && !self.written.contains(&(key, value))
        {
            found.report("garbage-event", key, &[id], || {
                format!("a watch was told that {key} became {value}, which nobody wrote to it")
            });
        }
        if self.doubtful.contains(key) || !self.keys.contains(key) {
            return;
        }
        let before = self.of_key.get(key);
        let before = before.and_then(|changes| changes.range(..event.revision).next_back());
        let (by, held) = match before {
            Some((revision, held)) => (
                self.known.get(&(*revision, key)).map(|change| change.by),
                *held,
            ),
            None => (None, None),
        };
        let ids: Vec<OpId> = by.into_iter().chain([id]).collect();
        if let Some(previous) = event.previous
            && held.unwrap_or(&Value::Nil) != previous
        {
            found.report("wrong-previous-value", key, &ids, || {
                let held = held.unwrap_or(&Value::Nil);
                format!("a watch was told that {key} held {previous} before revision {}, but it held {held}", event.revision)
            });
        }
        if let (Some(create), true) = (event.create, event.value.is_some())
            && create == held.is_some()
        {
            found.report("wrong-create", key, &ids, || {
                let what = if create { "created" } else { "changed" };
                let but = if create {
                    "it had been there"
                } else {
                    "it had not been there"
                };
                format!(
                    "a watch was told that revision {} {what} {key}, but {but} before",
                    event.revision
                )
            });
        }
    }
}
