//! What was sent to a log and polled from it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use schism_history::{History, OpId, Operation, Outcome, Value};

use super::Found;

/// One thing that an operation did to one key.
#[derive(Clone, Debug)]
pub(super) enum Act<'h> {
    /// Sent a message; the offset, where it is known.
    Send {
        key: Cow<'h, str>,
        message: &'h Value,
        offset: Option<i64>,
    },
    /// Polled messages, by offset.
    Poll {
        key: Cow<'h, str>,
        messages: Vec<(i64, &'h Value)>,
    },
}

impl Act<'_> {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Send { key, .. } | Self::Poll { key, .. } => key,
        }
    }
}

/// A key as text: in JSON, the names in a poll's map are always text.
fn name(key: &Value) -> Cow<'_, str> {
    key.as_text()
        .map_or_else(|| Cow::Owned(key.to_string()), Cow::Borrowed)
}

fn pairs(list: &Value) -> Vec<(i64, &Value)> {
    let items = list.as_list().unwrap_or_default().iter();
    items
        .filter_map(|item| item.as_pair())
        .filter_map(|(offset, message)| Some((offset.as_int()?, message)))
        .collect()
}

/// What an operation did, in its order: as it was answered if it is `ok`, else as it was asked for.
pub(super) fn acts<'h>(op: &Operation<'h>) -> Vec<Act<'h>> {
    let ok = op.outcome == Outcome::Ok;
    let f = op.f().name();
    if !matches!(f, "send" | "poll" | "txn") {
        return Vec::new();
    }
    if !op.key().is_nil() {
        return match f {
            "send" => vec![Act::Send {
                key: name(op.key()),
                message: op.input(),
                offset: op.output().as_int().filter(|_| ok),
            }],
            "poll" if ok => vec![Act::Poll {
                key: name(op.key()),
                messages: pairs(op.output()),
            }],
            _ => Vec::new(),
        };
    }
    let steps = if ok { op.output() } else { op.input() };
    let mut acts = Vec::new();
    for step in steps.as_list().unwrap_or_default() {
        match step.as_list().unwrap_or_default() {
            [what, key, sent] if what.as_text() == Some("send") => {
                let (offset, message) = match sent.as_pair() {
                    Some((offset, message)) if ok => (offset.as_int(), message),
                    _ => (None, sent),
                };
                acts.push(Act::Send {
                    key: name(key),
                    message,
                    offset,
                });
            }
            [what, Value::Map(polled)] if ok && what.as_text() == Some("poll") => {
                let polled = polled.iter().map(|(key, list)| Act::Poll {
                    key: Cow::Borrowed(&**key),
                    messages: pairs(list),
                });
                acts.extend(polled);
            }
            _ => {}
        }
    }
    acts
}

/// One message of one key.
#[derive(Default)]
struct Message {
    /// Who sent it, and how that ended.
    sent: Option<(OpId, Outcome)>,
    /// The offset that its sender was told.
    acknowledged: Option<i64>,
    /// Where it stands, and who said so first.
    offsets: Vec<(i64, OpId)>,
    polled: Option<OpId>,
}

/// One key.
#[derive(Default)]
pub(super) struct Partition<'h> {
    messages: FxHashMap<&'h Value, Message>,
    /// In the order in which they came up, so that what is told of first is always the same.
    order: Vec<&'h Value>,
    /// What stands at each offset, and who said so first.
    pub(super) offsets: BTreeMap<i64, (&'h Value, OpId)>,
    /// Offsets at which somebody says that something else stands: the offset, both messages, and who said so.
    conflicts: Vec<(i64, [&'h Value; 2], [OpId; 2])>,
    /// The highest offset that was polled, and who did.
    highest: Option<(i64, OpId)>,
}

impl<'h> Partition<'h> {
    fn message(&mut self, message: &'h Value) -> &mut Message {
        let order = &mut self.order;
        self.messages.entry(message).or_insert_with(|| {
            order.push(message);
            Message::default()
        })
    }

    fn stands(&mut self, offset: i64, message: &'h Value, by: OpId) {
        let (there, who) = *self.offsets.entry(offset).or_insert((message, by));
        if there != message {
            self.conflicts.push((offset, [there, message], [who, by]));
        }
        let offsets = &mut self.message(message).offsets;
        if offsets.iter().all(|&(known, _)| known != offset) {
            offsets.push((offset, by));
        }
    }
}

/// Everything that was sent and polled.
pub(super) struct Messages<'h> {
    pub(super) keys: BTreeMap<Cow<'h, str>, Partition<'h>>,
}

impl<'h> Messages<'h> {
    pub(super) fn of(history: &'h History) -> Self {
        let mut keys: BTreeMap<Cow<'h, str>, Partition<'h>> = BTreeMap::new();
        for op in history.operations() {
            for act in acts(&op) {
                match act {
                    Act::Send {
                        key,
                        message,
                        offset,
                    } => {
                        let partition = keys.entry(key).or_default();
                        let entry = partition.message(message);
                        // A message that was tried again is as good as its best sender.
                        if entry.sent.is_none_or(|(_, outcome)| {
                            op.outcome < outcome && outcome != Outcome::Info
                                || outcome == Outcome::Fail
                        }) {
                            entry.sent = Some((op.id, op.outcome));
                        }
                        if let Some(offset) = offset {
                            entry.acknowledged.get_or_insert(offset);
                            partition.stands(offset, message, op.id);
                        }
                    }
                    Act::Poll { key, messages } => {
                        let partition = keys.entry(key).or_default();
                        for (offset, message) in messages {
                            partition.stands(offset, message, op.id);
                            partition.message(message).polled.get_or_insert(op.id);
                            if partition
                                .highest
                                .is_none_or(|(highest, _)| offset > highest)
                            {
                                partition.highest = Some((offset, op.id));
                            }
                        }
                    }
                }
            }
        }
        Self { keys }
    }

    fn messages(&self) -> impl Iterator<Item = (&Partition<'h>, &Message)> {
        self.keys.values().flat_map(|partition| {
            let messages = partition.order.iter();
            messages.map(move |message| (partition, &partition.messages[message]))
        })
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    pub(super) fn sent(&self) -> u64 {
        let sent = |message: &Message| message.acknowledged.is_some();
        self.messages().filter(|(_, message)| sent(message)).count() as u64
    }

    pub(super) fn polled(&self) -> u64 {
        self.messages()
            .filter(|(_, message)| message.polled.is_some())
            .count() as u64
    }

    /// Acknowledged, not polled, and nothing later was.
    pub(super) fn unseen(&self) -> u64 {
        let unseen = |(partition, message): &(&Partition<'_>, &Message)| {
            let highest = partition.highest.map_or(i64::MIN, |(offset, _)| offset);
            message.polled.is_none() && message.acknowledged.is_some_and(|offset| offset > highest)
        };
        self.messages().filter(unseen).count() as u64
    }

    /// What can be said of messages one by one.
    pub(super) fn judge(&self, found: &mut Found<'_>) {
        for (key, partition) in &self.keys {
            for (offset, [a, b], ids) in &partition.conflicts {
                found.report("inconsistent-offsets", key, ids, || {
                    format!("offset {offset} of {key} holds {a}, and it holds {b}")
                });
            }
            for message in &partition.order {
                let seen = &partition.messages[message];
                if let [(first, a), (second, b), ..] = seen.offsets[..] {
                    found.report("duplicate", key, &[a, b], || {
                        format!("{message} stands at the offsets {first} and {second} of {key}")
                    });
                }
                match (seen.sent, seen.polled) {
                    (Some((sent, Outcome::Fail)), Some(polled)) => {
                        found.report("aborted-read", key, &[sent, polled], || {
                            format!("{message} was polled from {key}, but its send failed")
                        });
                    }
                    (None, Some(polled)) => {
                        found.report("garbage-read", key, &[polled], || {
                            format!("{message} was polled from {key}, but nobody sent it")
                        });
                    }
                    (Some((sent, Outcome::Ok)), None) => {
                        let (Some(offset), Some((highest, by))) =
                            (seen.acknowledged, partition.highest)
                        else {
                            continue;
                        };
                        if offset < highest {
                            found.report("lost-write", key, &[sent, by], || {
                                format!(
                                    "{message} was sent to {key} and acknowledged with offset {offset}; offset {highest} \
                                     was polled, but {message} never"
                                )
                            });
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
