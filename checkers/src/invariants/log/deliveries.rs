//! In which order messages were delivered, and got their offsets.

use rustc_hash::FxHashMap;
use schism_history::{History, OpId, Outcome, Process, Value};

use super::Found;
use super::messages::{Act, Messages, Partition, acts};

/// Where a process stands in a key.
#[derive(Clone, Copy)]
struct Position {
    offset: i64,
    by: OpId,
}

/// Judges the polls and sends of each process, one after the other.
pub(super) fn judge_deliveries(history: &History, messages: &Messages<'_>, found: &mut Found<'_>) {
    let mut polled: FxHashMap<(Process, String), Position> = FxHashMap::default();
    let mut sent: FxHashMap<(Process, String), Position> = FxHashMap::default();
    for op in history.operations() {
        if op.outcome != Outcome::Ok {
            continue;
        }
        if matches!(op.f().name(), "assign" | "subscribe" | "crash") {
            polled.retain(|(process, _), _| *process != op.process);
            continue;
        }
        let acts = acts(&op);
        let mut own: Vec<(&str, &Value)> = Vec::new();
        for act in &acts {
            let key = act.key();
            let place = (op.process, key.to_owned());
            match act {
                Act::Send {
                    message, offset, ..
                } => {
                    own.push((key, message));
                    let Some(offset) = *offset else { continue };
                    let position = Position { offset, by: op.id };
                    if let Some(before) = sent.insert(place, position)
                        && before.offset >= offset
                    {
                        let name = if before.by == op.id {
                            "internal-nonmonotonic-send"
                        } else {
                            "nonmonotonic-send"
                        };
                        found.report(name, key, &[before.by, op.id], || {
                            let process = op.process;
                            let before = before.offset;
                            format!("process {process} sent to {key} at offset {before} first, and then at {offset}")
                        });
                    }
                }
                Act::Poll {
                    messages: delivered,
                    ..
                } => {
                    for &(offset, message) in delivered {
                        if own.contains(&(key, message)) {
                            found.report("precommitted-read", key, &[op.id], || {
                                format!("a transaction polled {message} from {key}, which it had sent itself")
                            });
                        }
                        let position = Position { offset, by: op.id };
                        if let Some(before) = polled.insert(place.clone(), position) {
                            step(&messages.keys[key], key, before, position, found);
                        }
                    }
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
    let mut between = partition.offsets.range(before.offset + 1..now.offset);
    if let Some((offset, (message, by))) = between.next() {
        let name = if within {
            "internal-poll-skip"
        } else {
            "poll-skip"
        };
        found.report(name, key, &[before.by, now.by, *by], || {
            format!(
                "offset {} of {key} was delivered right after offset {}, without {message} at offset {offset}",
                now.offset, before.offset
            )
        });
    }
}
