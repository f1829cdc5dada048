//! One stream: what it asked for, and what it was told.

use std::collections::BTreeSet;

use schism_history::{OpId, Operation, Value};

use super::Found;
use super::changes::Changes;

/// One change, as a stream was told of it.
#[derive(Clone, Debug)]
pub(super) struct Event<'h> {
    pub(super) revision: i64,
    pub(super) key: &'h Value,
    /// `None`: it was deleted.
    pub(super) value: Option<&'h Value>,
    /// Which response it came in.
    pub(super) response: usize,
    pub(super) create: Option<bool>,
    pub(super) previous: Option<&'h Value>,
}

/// One stream.
pub(super) struct Stream<'h> {
    pub(super) id: OpId,
    from: Option<i64>,
    key: Option<&'h Value>,
    prefix: Option<&'h str>,
    pub(super) events: Vec<Event<'h>>,
    /// The response it came in, and the revision.
    pub(super) bookmarks: Vec<(usize, i64)>,
}

impl<'h> Stream<'h> {
    /// The stream that an operation is; `None` when its result is no list of responses.
    pub(super) fn of(op: &Operation<'h>) -> Option<Self> {
        let mut stream = Self {
            id: op.id,
            from: op.input().get("from").and_then(Value::as_int),
            key: op.input().get("key"),
            prefix: op.input().get("prefix").and_then(Value::as_text),
            events: Vec::new(),
            bookmarks: Vec::new(),
        };
        for (response, answer) in op.output().as_list()?.iter().enumerate() {
            let events = answer
                .get("events")
                .and_then(Value::as_list)
                .unwrap_or_default();
            stream.events.extend(events.iter().filter_map(|event| {
                Some(Event {
                    revision: event.get("revision")?.as_int()?,
                    key: event.get("key")?,
                    value: match event.get("type")?.as_text()? {
                        "delete" => None,
                        _ => event.get("value"),
                    },
                    response,
                    create: match event.get("create") {
                        Some(Value::Bool(create)) => Some(*create),
                        _ => None,
                    },
                    previous: event.get("previous"),
                })
            }));
            if answer.get("bookmark") == Some(&Value::Bool(true))
                && let Some(revision) = answer.get("revision").and_then(Value::as_int)
            {
                stream.bookmarks.push((response, revision));
            }
        }
        Some(stream)
    }

    fn wants(&self, key: &Value) -> bool {
        self.key.is_none_or(|wanted| wanted == key)
            && self
                .prefix
                .is_none_or(|prefix| key.as_text().is_some_and(|key| key.starts_with(prefix)))
    }

    pub(super) fn judge(&self, changes: &Changes<'h>, found: &mut Found<'_>) {
        let mut told: BTreeSet<(i64, &Value)> = BTreeSet::new();
        let mut bookmarks = self.bookmarks.iter().peekable();
        let mut settled = i64::MIN;
        for (place, event) in self.events.iter().enumerate() {
            let (revision, key) = (event.revision, event.key);
            while let Some((_, bookmark)) =
                bookmarks.next_if(|(response, _)| *response < event.response)
            {
                settled = settled.max(*bookmark);
            }
            if let Some(before) = place.checked_sub(1).map(|before| &self.events[before]) {
                if revision < before.revision {
                    found.report("unordered-events", key, &[self.id], || {
                        format!(
                            "a watch was told of revision {revision} after revision {}",
                            before.revision
                        )
                    });
                } else if revision == before.revision && event.response != before.response {
                    found.report("split-transaction", key, &[self.id], || {
                        format!("a watch was told of revision {revision} in two parts")
                    });
                }
            }
            if !told.insert((revision, key)) {
                found.report("duplicate-event", key, &[self.id], || {
                    format!("a watch was told twice what revision {revision} did to {key}")
                });
            }
            if self.from.is_some_and(|from| revision < from) {
                found.report("early-event", key, &[self.id], || {
                    format!(
                        "a watch from revision {} on was told of {revision}",
                        self.from.unwrap_or_default()
                    )
                });
            }
            if revision <= settled {
                found.report("event-before-bookmark", key, &[self.id], || {
                    format!("a watch was told of revision {revision} after everything up to {settled} had been promised")
                });
            }
            if !self.wants(key) {
                found.report("unwanted-event", key, &[self.id], || {
                    format!("a watch of something else was told of {key}")
                });
            }
            changes.judge_event(self.id, event, found);
        }
        self.judge_gaps(&told, changes, found);
    }

    fn judge_gaps(
        &self,
        told: &BTreeSet<(i64, &Value)>,
        changes: &Changes<'h>,
        found: &mut Found<'_>,
    ) {
        let Some(first) = told.first().map(|(revision, _)| *revision) else {
            return;
        };
        let last = told.last().map_or(first, |(revision, _)| *revision);
        let bookmark = self.bookmarks.iter().map(|(_, revision)| *revision).max();
        let last = last.max(bookmark.unwrap_or(last));
        let begin = self.from.unwrap_or(first);
        for (revision, key, by) in changes.between(begin, last) {
            if !self.wants(key) || told.contains(&(revision, key)) {
                continue;
            }
            let name = if revision < first {
                "not-resumed"
            } else {
                "missing-event"
            };
            found.report(name, key, &[self.id, by], || {
                format!("a watch was not told what revision {revision} did to {key}, though it was told of later ones")
            });
        }
    }
}
