//! The second opinion: the operations of an anomaly, read again as plain values.

use schism_history::{F, History, OpId, Outcome, Value};

/// How it looks again.
pub(super) const BY: &str = "reading the events in these operations again";

/// A change that an operation mentions: response, revision, key, value (nil: deleted), and the event as it is.
struct Mention {
    id: OpId,
    response: usize,
    revision: i64,
    key: Value,
    value: Value,
    event: Value,
}

/// Whether these operations show the anomaly of this name.
pub(super) fn recount(history: &History, name: &str, ids: &[OpId]) -> Result<(), String> {
    let here: Vec<Mention> = ids.iter().flat_map(|&id| mentions(history, id)).collect();
    let streams = || {
        ids.iter()
            .copied()
            .filter(|&id| history.operation(id).f().name() == "watch")
    };
    let of = |id: OpId| here.iter().filter(move |mention| mention.id == id);
    let neighbours = |id: OpId, is_so: &dyn Fn(&Mention, &Mention) -> bool| {
        let events: Vec<&Mention> = of(id).collect();
        events.windows(2).any(|pair| is_so(pair[0], pair[1]))
    };
    let asked = |id: OpId, what: &str| history.operation(id).input().get(what).cloned();
    let wants = |id: OpId, key: &Value| {
        let by_key = asked(id, "key").is_none_or(|wanted| wanted == *key);
        let by_prefix = asked(id, "prefix").is_none_or(|prefix| {
            let (Some(prefix), Some(key)) = (prefix.as_text(), key.as_text()) else {
                return false;
            };
            key.starts_with(prefix)
        });
        by_key && by_prefix
    };
    let from = |id: OpId| asked(id, "from").and_then(|from| from.as_int());
    // What somebody else of them knows, this one wants, and was not told.
    let missed = |id: OpId, is_so: &dyn Fn(i64, i64, i64) -> bool| {
        let told: Vec<i64> = of(id).map(|mention| mention.revision).collect();
        let (Some(&first), Some(&last)) = (told.iter().min(), told.iter().max()) else {
            return false;
        };
        let last = bookmarks(history, id)
            .map(|(_, revision)| revision)
            .chain([last])
            .max()
            .unwrap_or(last);
        here.iter().any(|other| {
            let known = of(id).any(|mine| mine.revision == other.revision && mine.key == other.key);
            other.id != id && !known && wants(id, &other.key) && is_so(other.revision, first, last)
        })
    };
    let writes = |key: &Value| {
        let all = history
            .operations()
            .filter(|op| matches!(op.f(), F::Write | F::Remove));
        all.filter(|op| op.key() == key && op.outcome != Outcome::Fail)
            .collect::<Vec<_>>()
    };
    // What is known to have happened to a key last, before a revision.
    let held = |key: &Value, revision: i64| {
        let all = history.operations().flat_map(|op| mentions(history, op.id));
        all.filter(|mention| mention.key == *key && mention.revision < revision)
            .max_by_key(|mention| mention.revision)
            .map_or(Value::Nil, |mention| mention.value)
    };
    let shown = match name {
        "unordered-events" => streams().any(|id| neighbours(id, &|a, b| b.revision < a.revision)),
        "split-transaction" => streams().any(|id| {
            neighbours(id, &|a, b| {
                b.revision == a.revision && b.response != a.response
            })
        }),
        "duplicate-event" => streams().any(|id| {
            of(id).enumerate().any(|(i, a)| {
                of(id)
                    .skip(i + 1)
                    .any(|b| a.revision == b.revision && a.key == b.key)
            })
        }),
        "early-event" => streams()
            .any(|id| of(id).any(|mention| from(id).is_some_and(|from| mention.revision < from))),
        "event-before-bookmark" => streams().any(|id| {
            bookmarks(history, id).any(|(response, bookmark)| {
                of(id).any(|mention| mention.response > response && mention.revision <= bookmark)
            })
        }),
        "unwanted-event" => streams().any(|id| of(id).any(|mention| !wants(id, &mention.key))),
        "missing-event" => streams().any(|id| {
            missed(id, &|revision, first, last| {
                revision >= first && revision <= last
            })
        }),
        "not-resumed" => streams().any(|id| {
            missed(id, &|revision, first, _| {
                from(id).is_some_and(|from| revision >= from) && revision < first
            })
        }),
        "garbage-event" => here.iter().any(|mention| {
            let writes = writes(&mention.key);
            !mention.value.is_nil()
                && !writes.is_empty()
                && writes.iter().all(|op| *op.input() != mention.value)
        }),
        "inconsistent-events" => here.iter().any(|a| {
            here.iter()
                .any(|b| a.revision == b.revision && a.key == b.key && a.value != b.value)
        }),
        "wrong-previous-value" => here.iter().any(|mention| {
            let previous = mention.event.get("previous");
            previous.is_some_and(|previous| *previous != held(&mention.key, mention.revision))
        }),
        "wrong-create" => here.iter().any(|mention| {
            let there = !held(&mention.key, mention.revision).is_nil();
            mention.event.get("create") == Some(&Value::Bool(there))
        }),
        _ => false,
    };
    if shown {
        Ok(())
    } else {
        Err(format!("its operations do not show {name}"))
    }
}

fn bookmarks(history: &History, id: OpId) -> impl Iterator<Item = (usize, i64)> {
    let responses = history.operation(id).output().as_list().unwrap_or_default();
    responses
        .iter()
        .enumerate()
        .filter_map(|(place, response)| {
            let is_bookmark = response.get("bookmark") == Some(&Value::Bool(true));
            Some((place, response.get("revision")?.as_int()?)).filter(|_| is_bookmark)
        })
}

fn mentions(history: &History, id: OpId) -> Vec<Mention> {
    let op = history.operation(id);
    if op.outcome != Outcome::Ok {
        return Vec::new();
    }
    if let (F::Write | F::Remove, Some(revision)) = (op.f(), op.revision()) {
        let value = if *op.f() == F::Write {
            op.input().clone()
        } else {
            Value::Nil
        };
        return vec![Mention {
            id,
            response: 0,
            revision,
            key: op.key().clone(),
            value,
            event: Value::Nil,
        }];
    }
    if op.f().name() != "watch" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (response, answer) in op.output().as_list().unwrap_or_default().iter().enumerate() {
        for event in answer
            .get("events")
            .and_then(Value::as_list)
            .unwrap_or_default()
        {
            let (Some(revision), Some(key)) = (
                event.get("revision").and_then(Value::as_int),
                event.get("key"),
            ) else {
                continue;
            };
            let is_delete = event.get("type").and_then(Value::as_text) == Some("delete");
            let value = if is_delete { None } else { event.get("value") };
            found.push(Mention {
                id,
                response,
                revision,
                key: key.clone(),
                value: value.cloned().unwrap_or_default(),
                event: event.clone(),
            });
        }
    }
    found
}
