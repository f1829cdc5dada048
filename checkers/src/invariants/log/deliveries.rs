//! In which order messages were delivered, and got their offsets.

use rustc_hash::FxHashMap;
use schism_history::{History, OpId, Operation, Outcome, Process, Value};

use super::Found;
use super::messages::{Act, Messages, Names, Partition, acts, pairs};

/// Where a process stands in a key.
#[derive(Clone, Copy)]
struct Position {
    offset: i64,
    by: OpId,
}

/// Judges the polls and sends of each process, one after the other.
pub(super) fn judge_deliveries<'h>(
    history: &'h History,
    names: &'h Names<'_>,
    messages: &Messages<'_>,
    found: &mut Found<'_>,
) {
    let mut deliveries = Deliveries {
        messages,
        found,
        polled: FxHashMap::default(),
        sent: FxHashMap::default(),
        own: Vec::new(),
    };
    for op in history.operations() {
        if op.outcome != Outcome::Ok {
            continue;
        }
        if matches!(op.f().name(), "assign" | "subscribe" | "crash") {
            let polled = &mut deliveries.polled;
            polled.retain(|(process, _), _| *process != op.process);
            continue;
        }
        deliveries.own.clear();
        acts(&op, names, |act| deliveries.take(&op, &act));
    }
}

/// Where each process stands.
struct Deliveries<'a, 'f, 'h> {
    messages: &'a Messages<'a>,
    found: &'a mut Found<'f>,
    /// By process and number of the key.
    polled: FxHashMap<(Process, u32), Position>,
    sent: FxHashMap<(Process, u32), Position>,
    /// What the operation sent so far, by number of the key.
    own: Vec<(u32, &'h Value)>,
}

impl<'h> Deliveries<'_, '_, 'h> {
    fn take(&mut self, op: &Operation<'_>, act: &Act<'h>) {
        let key = act.key();
        let Some((number, partition)) = self.messages.of_key(key) else {
            return;
        };
        let place = (op.process, number);
        match act {
            Act::Send {
                message, offset, ..
            } => {
                self.own.push((number, message));
                let Some(offset) = *offset else { return };
                let position = Position { offset, by: op.id };
                if let Some(before) = self.sent.insert(place, position)
                    && before.offset >= offset
                {
                    let name = if before.by == op.id {
                        "internal-nonmonotonic-send"
                    } else {
                        "nonmonotonic-send"
                    };
                    self.found.report(name, key, &[before.by, op.id], || {
                        let process = op.process;
                        let before = before.offset;
                        format!(
                            "process {process} sent to {key} at offset {before} first, and then at {offset}"
                        )
                    });
                }
            }
            Act::Poll { list, .. } => {
                let mut last = None;
                for (offset, message) in pairs(list) {
                    if self.own.contains(&(number, message)) {
                        self.found.report("precommitted-read", key, &[op.id], || {
                            format!(
                                "a transaction polled {message} from {key}, which it had sent itself"
                            )
                        });
                    }
                    let now = Position { offset, by: op.id };
                    let before = last.or_else(|| self.polled.get(&place).copied());
                    if let Some(before) = before {
                        step(partition, key, before, now, self.found);
                    }
                    last = Some(now);
                }
                if let Some(last) = last {
                    self.polled.insert(place, last);
                }
            }
        }
    }
}

/// From one delivered message to the next one.
fn step(
    partition: &Partition<'_>,
    key: &str,
    before: Position,
    now: Position,
    found: &mut Found<'_>,
) {
    let within = before.by == now.by;
    if now.offset <= before.offset {
        let name = if within {
            "internal-nonmonotonic-poll"
        } else {
            "nonmonotonic-poll"
        };
        found.report(name, key, &[before.by, now.by], || {
            format!(
                "offset {} of {key} was delivered after offset {}",
                now.offset, before.offset
            )
        });
        return;
    }
    if let Some((offset, message, by)) = partition.between(before.offset, now.offset) {
        let name = if within {
            "internal-poll-skip"
        } else {
            "poll-skip"
        };
        found.report(name, key, &[before.by, now.by, by], || {
            format!(
                "offset {} of {key} was delivered right after offset {}, without {message} at offset {offset}",
                now.offset, before.offset
            )
        });
    }
}
