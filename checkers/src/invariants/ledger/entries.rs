//! Entries: each is there once, as it was sent.

use rustc_hash::FxHashMap;
use schism_history::{OpId, Outcome, Value};

use super::recount::recount_entry;
use super::{BY_ENTRY, Book, Counts};
use crate::final_read::last_words;
use crate::invariants::claim::{Claim, Claims};
use crate::proof::story::of_key;

/// One entry.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry {
    sent: Option<OpId>,
    acknowledged: bool,
    failed: Option<OpId>,
    /// The first read that shows it.
    seen: Option<OpId>,
    /// Whether a read that has the last word shows it.
    in_last_words: bool,
    /// The place of the last read that shows it, from 1.
    last: usize,
}

impl<'h> Book<'h> {
    pub(super) fn judge_entries(&self, counts: &mut Counts, claims: &mut Claims<'h>) {
        if self.lists.is_empty() {
            return;
        }
        let mut entries: Vec<(&'h Value, Entry)> = Vec::new();
        let mut numbers: FxHashMap<&'h Value, usize> = FxHashMap::default();
        for &id in &self.ids {
            let op = self.history.operation(id);
            let Some(name) = entry_id(op.input()) else {
                continue;
            };
            let entry = entry(&mut entries, &mut numbers, name);
            match op.outcome {
                Outcome::Fail => entry.failed = entry.failed.or(Some(id)),
                outcome => {
                    entry.sent = entry.sent.or(Some(id));
                    counts.entries += u64::from(outcome == Outcome::Ok && !entry.acknowledged);
                    entry.acknowledged |= outcome == Outcome::Ok;
                }
            }
        }
        // Lists of something else.
        if entries.is_empty() {
            return;
        }
        let last = last_words(self.history, self.lists.iter().copied());
        for (place, &read) in self.lists.iter().enumerate() {
            let op = self.history.operation(read);
            for shown in op.output().as_list().unwrap_or_default() {
                let Some(name) = entry_id(shown) else {
                    continue;
                };
                let entry = entry(&mut entries, &mut numbers, name);
                if entry.last == place + 1 {
                    counts.duplicated += 1;
                    self.report(
                        "duplicate-entry",
                        "is shown twice by one read",
                        name,
                        None,
                        read,
                        claims,
                    );
                }
                entry.last = place + 1;
                entry.in_last_words |= last.binary_search(&read).is_ok();
                if entry.seen.is_none() {
                    entry.seen = Some(read);
                    let sent = entry
                        .sent
                        .filter(|&id| self.history.operation(id).invoked <= op.end());
                    if sent.is_none() {
                        if let (None, Some(failed)) = (entry.sent, entry.failed) {
                            counts.failed += 1;
                            let why = "is shown, although it surely failed";
                            self.report("failed-entry", why, name, Some(failed), read, claims);
                        } else {
                            counts.unexpected += 1;
                            let why = "is shown, although nobody had sent it by then";
                            self.report("unexpected-entry", why, name, None, read, claims);
                        }
                    }
                }
                let input = |id: &OpId| self.history.operation(*id).input();
                if let Some(sent) = entry.sent.filter(|sent| differs(input(sent), shown)) {
                    counts.altered += 1;
                    let why = "is shown otherwise than it was sent";
                    self.report("altered-entry", why, name, Some(sent), read, claims);
                }
            }
        }
        for &(name, entry) in entries.iter().filter(|(_, entry)| entry.acknowledged) {
            let Some(sent) = entry.sent else { continue };
            let known = self.history.operation(sent).end();
            let looked = last
                .iter()
                .find(|&&id| self.history.operation(id).invoked > known);
            match looked {
                Some(_) if entry.in_last_words => counts.decided += 1,
                Some(&read) => {
                    counts.lost += 1;
                    let why = "is lost: it was acknowledged, and no last read shows it";
                    self.report("lost-entry", why, name, Some(sent), read, claims);
                }
                None => {}
            }
        }
    }

    fn report(
        &self,
        kind: &'static str,
        why: &str,
        name: &Value,
        sent: Option<OpId>,
        read: OpId,
        claims: &mut Claims<'h>,
    ) {
        claims.report(
            kind,
            BY_ENTRY,
            || {
                let mut ids: Vec<OpId> = sent.into_iter().chain([read]).collect();
                ids.dedup();
                let sentence = format!("entry {name} {} {why}", of_key(self.key));
                Claim::new(sentence, self.key, ids)
            },
            |history, ids| recount_entry(history, ids, kind, name),
        );
    }
}

pub(super) fn entry<'e, 'h>(
    entries: &'e mut Vec<(&'h Value, Entry)>,
    numbers: &mut FxHashMap<&'h Value, usize>,
    name: &'h Value,
) -> &'e mut Entry {
    let number = *numbers.entry(name).or_insert(entries.len());
    if number == entries.len() {
        entries.push((name, Entry::default()));
    }
    &mut entries[number].1
}

/// The id of an entry.
pub(super) fn entry_id(value: &Value) -> Option<&Value> {
    match value {
        Value::Map(_) => value.get("id"),
        Value::Nil => None,
        other => Some(other),
    }
}

/// Whether two maps name a part otherwise.
pub(super) fn differs(sent: &Value, shown: &Value) -> bool {
    let Value::Map(parts) = sent else {
        return false;
    };
    let other = |name: &str, part: &Value| shown.get(name).is_some_and(|shown| shown != part);
    parts.iter().any(|(name, part)| other(name, part))
}
