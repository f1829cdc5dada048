//! What was sent to a log and polled from it.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use schism_history::{History, KeyId, OpId, Operation, Outcome, Value};

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
    /// Polled messages, by offset: see [`pairs`].
    Poll { key: Cow<'h, str>, list: &'h Value },
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

/// What a poll delivered: offsets and messages.
pub(super) fn pairs(list: &Value) -> impl Iterator<Item = (i64, &Value)> {
    let items = list.as_list().unwrap_or_default().iter();
    items
        .filter_map(Value::as_pair)
        .filter_map(|(offset, message)| Some((offset.as_int()?, message)))
}

/// The names of all keys of a history.
pub(super) struct Names<'h>(Vec<Cow<'h, str>>);

impl<'h> Names<'h> {
    /// None if nothing is sent or polled. O(keys).
    pub(super) fn of(history: &'h History) -> Self {
        let mut functions = history.functions().iter();
        let any = functions.any(|f| matches!(f.name(), "send" | "poll"));
        let keys = if any { history.key_count() } else { 0 };
        Self(
            (0..keys)
                .map(|key| name(history.key(KeyId(key as u32))))
                .collect(),
        )
    }
}

/// Calls `then` with what an operation did, in its order: as it was answered if it is `ok`, else as it was asked for.
pub(super) fn acts<'h>(op: &Operation<'h>, names: &'h Names<'_>, mut then: impl FnMut(Act<'h>)) {
    let ok = op.outcome == Outcome::Ok;
    let f = op.f().name();
    if !matches!(f, "send" | "poll" | "txn") {
        return;
    }
    if !op.key().is_nil() {
        let key = || Cow::Borrowed(&*names.0[op.key_id.0 as usize]);
        match f {
            "send" => then(Act::Send {
                key: key(),
                message: op.input(),
                offset: op.output().as_int().filter(|_| ok),
            }),
            "poll" if ok => then(Act::Poll {
                key: key(),
                list: op.output(),
            }),
            _ => {}
        }
        return;
    }
    let steps = if ok { op.output() } else { op.input() };
    for step in steps.as_list().unwrap_or_default() {
        match step.as_list().unwrap_or_default() {
            [what, key, sent] if what.as_text() == Some("send") => {
                let (offset, message) = match sent.as_pair() {
                    Some((offset, message)) if ok => (offset.as_int(), message),
                    _ => (None, sent),
                };
                then(Act::Send {
                    key: name(key),
                    message,
                    offset,
                });
            }
            [what, Value::Map(polled)] if ok && what.as_text() == Some("poll") => {
                for (key, list) in polled.iter() {
                    then(Act::Poll {
                        key: Cow::Borrowed(&**key),
                        list,
                    });
                }
            }
            _ => {}
        }
    }
}

/// One message of one key.
struct Message<'h> {
    value: &'h Value,
    /// Who sent it, and how that ended.
    sent: Option<(OpId, Outcome)>,
    /// The offset that its sender was told.
    acknowledged: Option<i64>,
    /// Where it stands, and who said so first.
    stands: Option<(i64, OpId)>,
    /// Where else.
    elsewhere: Option<(i64, OpId)>,
    polled: Option<OpId>,
}

/// One key.
#[derive(Default)]
pub(super) struct Partition<'h> {
    /// In the order in which they came up, so that what is told of first is always the same.
    messages: Vec<Message<'h>>,
    /// Where each of them stands in there.
    places: FxHashMap<&'h Value, u32>,
    /// What stands at each offset, and who said so first.
    offsets: FxHashMap<i64, (&'h Value, OpId)>,
    /// These offsets, in order.
    sorted: Vec<i64>,
    /// Offsets at which somebody says that something else stands: the offset, both messages, and who said so.
    conflicts: Vec<(i64, [&'h Value; 2], [OpId; 2])>,
    /// The highest offset that was polled, and who did.
    highest: Option<(i64, OpId)>,
}

impl<'h> Partition<'h> {
    fn message(&mut self, value: &'h Value) -> &mut Message<'h> {
        let next = self.messages.len() as u32;
        let place = *self.places.entry(value).or_insert(next);
        if place == next {
            self.messages.push(Message {
                value,
                sent: None,
                acknowledged: None,
                stands: None,
                elsewhere: None,
                polled: None,
            });
        }
        &mut self.messages[place as usize]
    }

    /// Somebody says that a message stands at an offset.
    fn stands(&mut self, offset: i64, message: &'h Value, by: OpId) -> &mut Message<'h> {
        let (there, who) = *self.offsets.entry(offset).or_insert((message, by));
        if there != message {
            self.conflicts.push((offset, [there, message], [who, by]));
        }
        let seen = self.message(message);
        match seen.stands {
            None => seen.stands = Some((offset, by)),
            Some((known, _)) if known == offset => {}
            Some(_) => seen.elsewhere = seen.elsewhere.or(Some((offset, by))),
        }
        seen
    }

    /// The first offset between two others at which something stands, what, and who said so. O(log n); O(1) where nothing can
    /// stand between them.
    pub(super) fn between(&self, before: i64, after: i64) -> Option<(i64, &'h Value, OpId)> {
        if before.checked_add(1) == Some(after) {
            return None;
        }
        let place = self.sorted.partition_point(|&offset| offset <= before);
        let offset = *self.sorted.get(place).filter(|&&offset| offset < after)?;
        let &(message, by) = self.offsets.get(&offset)?;
        Some((offset, message, by))
    }
}

/// Everything that was sent and polled.
pub(super) struct Messages<'h> {
    keys: Vec<Partition<'h>>,
    numbers: FxHashMap<Cow<'h, str>, u32>,
}

impl<'h> Messages<'h> {
    pub(super) fn of(history: &'h History, names: &'h Names<'_>) -> Self {
        let mut this = Self {
            keys: Vec::new(),
            numbers: FxHashMap::default(),
        };
        for op in history.operations() {
            acts(&op, names, |act| this.take(&op, act));
        }
        for partition in &mut this.keys {
            partition.sorted = partition.offsets.keys().copied().collect();
            partition.sorted.sort_unstable();
        }
        this
    }

    fn take(&mut self, op: &Operation<'_>, act: Act<'h>) {
        match act {
            Act::Send {
                key,
                message,
                offset,
            } => {
                let partition = self.partition(key);
                let entry = partition.message(message);
                // A message that was tried again is as good as its best sender.
                if entry.sent.is_none_or(|(_, outcome)| {
                    op.outcome < outcome && outcome != Outcome::Info || outcome == Outcome::Fail
                }) {
                    entry.sent = Some((op.id, op.outcome));
                }
                if let Some(offset) = offset {
                    entry.acknowledged.get_or_insert(offset);
                    partition.stands(offset, message, op.id);
                }
            }
            Act::Poll { key, list } => {
                let partition = self.partition(key);
                for (offset, message) in pairs(list) {
                    let message = partition.stands(offset, message, op.id);
                    message.polled.get_or_insert(op.id);
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

    fn partition(&mut self, key: Cow<'h, str>) -> &mut Partition<'h> {
        let next = self.keys.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.keys.push(Partition::default());
        }
        &mut self.keys[number as usize]
    }

    /// The number of a key that something was sent to or polled from, and what is known of it.
    pub(super) fn of_key(&self, key: &str) -> Option<(u32, &Partition<'h>)> {
        let number = *self.numbers.get(key)?;
        Some((number, &self.keys[number as usize]))
    }

    fn messages(&self) -> impl Iterator<Item = (&Partition<'h>, &Message<'h>)> {
        let keys = self.keys.iter();
        keys.flat_map(|partition| partition.messages.iter().map(move |it| (partition, it)))
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    pub(super) fn sent(&self) -> u64 {
        let sent = |message: &Message<'_>| message.acknowledged.is_some();
        self.messages().filter(|(_, message)| sent(message)).count() as u64
    }

    pub(super) fn polled(&self) -> u64 {
        self.messages()
            .filter(|(_, message)| message.polled.is_some())
            .count() as u64
    }

    /// Acknowledged, not polled, and nothing later was.
    pub(super) fn unseen(&self) -> u64 {
        let unseen = |(partition, message): &(&Partition<'_>, &Message<'_>)| {
            let highest = partition.highest.map_or(i64::MIN, |(offset, _)| offset);
            message.polled.is_none() && message.acknowledged.is_some_and(|offset| offset > highest)
        };
        self.messages().filter(unseen).count() as u64
    }

    /// What can be said of messages one by one.
    pub(super) fn judge(&self, found: &mut Found<'_>) {
        let mut keys: Vec<(&str, u32)> = self
            .numbers
            .iter()
            .map(|(key, &number)| (&**key, number))
            .collect();
        keys.sort_unstable();
        for (key, number) in keys {
            let partition = &self.keys[number as usize];
            for (offset, [a, b], ids) in &partition.conflicts {
                found.report("inconsistent-offsets", key, ids, || {
                    format!("offset {offset} of {key} holds {a}, and it holds {b}")
                });
            }
            for seen in &partition.messages {
                let message = seen.value;
                if let (Some((first, a)), Some((second, b))) = (seen.stands, seen.elsewhere) {
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
