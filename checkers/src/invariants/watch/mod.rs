//! Watch: whoever watches keys is told every change of them, once, in order, and nothing else.
//!
//! Source: the guarantees of etcd's watch (ordered, unique, reliable, atomic, resumable, bookmarkable), as its API
//! reference states them, and those that etcd's robustness tests check besides (filter, previous value, creation).
//!
//! An operation `watch` is one stream, from when it was opened to when it ended. Its argument is a map: `from`, the first
//! revision it wants; `key` or `prefix`, what it watches (neither: everything). Its result is the list of responses it
//! got, each a map: `revision`, `bookmark` (true when the response says that everything up to that revision has been
//! delivered) and `events`, a list of maps `{type: "put" or "delete", key, value, revision}`, with `create` (true when the
//! key did not exist before) and `previous` (the value before) where the client asked for them.
//!
//! What really happened is known from all streams together, and from acknowledged `write`s and `remove`s with a revision.
//!
//! - `unordered-events`: a revision that is lower than the one before it.
//! - `duplicate-event`: the same change of a key twice in one stream.
//! - `split-transaction`: changes of one revision in two responses.
//! - `missing-event`: a change that the stream should have had, between what it had; somebody else knows of it.
//! - `not-resumed`: the same, between the revision it asked for and the first one it got.
//! - `early-event`: a revision lower than the one it asked for.
//! - `event-before-bookmark`: a change, delivered after a bookmark had said that all such had been.
//! - `unwanted-event`: of a key that the stream does not watch.
//! - `garbage-event`: a value that nobody wrote to that key.
//! - `inconsistent-events`: two of them disagree what a revision did to a key.
//! - `wrong-previous-value`, `wrong-create`: not what the key held before. Judged on keys of which every write is known: each
//!   one acknowledged with a revision, or surely failed.
//!
//! Figures: `streams`, `events` (delivered), `known_changes`, `bookmarks`, and one count for each anomaly, with `_` for `-`.
//!
//! O(events · log), for each stream as many as it should have had.

mod changes;
mod recount;
mod stream;

#[cfg(test)]
mod tests;

use schism_history::{History, OpId, Outcome, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

use changes::Changes;
use stream::Stream;

const NAMES: [&str; 12] = [
    "unordered-events",
    "duplicate-event",
    "split-transaction",
    "missing-event",
    "not-resumed",
    "early-event",
    "event-before-bookmark",
    "unwanted-event",
    "garbage-event",
    "inconsistent-events",
    "wrong-previous-value",
    "wrong-create",
];

/// A watch delivers every change, once, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch;

impl Checker for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let streams: Vec<Stream<'_>> = history
            .operations()
            .filter(|op| op.f().name() == "watch" && op.outcome == Outcome::Ok)
            .filter_map(|op| Stream::of(&op))
            .collect();
        let changes = Changes::of(history, &streams);
        let mut found = Found {
            claims: Claims::new(history),
            counts: [0; NAMES.len()],
        };
        changes.judge(&mut found);
        for stream in &streams {
            if budget.is_stopped() {
                break;
            }
            stream.judge(&changes, &mut found);
        }
        let events: u64 = streams
            .iter()
            .map(|stream| stream.events.len() as u64)
            .sum();
        let bookmarks: u64 = streams
            .iter()
            .map(|stream| stream.bookmarks.len() as u64)
            .sum();
        let total = found.claims.count;
        let verdict = conclude(self.name(), found.claims.cases, total, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if events == 0 {
                let text = "there is nothing to judge: no watch was told of any change";
                (Validity::Unknown, text.to_owned())
            } else {
                let text = format!(
                    "{} got all the changes that it should, once and in order: {} in all",
                    count(streams.len() as u64, "watch").replace("watchs", "watches"),
                    count(events, "event")
                );
                (Validity::Valid, text)
            }
        });
        let mut figures = vec![
            ("streams".to_owned(), streams.len() as u64),
            ("events".to_owned(), events),
            ("known_changes".to_owned(), changes.len()),
            ("bookmarks".to_owned(), bookmarks),
        ];
        let names = NAMES.iter().map(|name| name.replace('-', "_"));
        figures.extend(names.zip(found.counts));
        verdict.figures(Value::map(figures))
    }
}

/// What was found so far.
struct Found<'h> {
    claims: Claims<'h>,
    /// In the order of [`NAMES`].
    counts: [u64; NAMES.len()],
}

impl Found<'_> {
    /// One more anomaly, proved by some operations.
    fn report(
        &mut self,
        name: &'static str,
        key: &Value,
        operations: &[OpId],
        sentence: impl FnOnce() -> String,
    ) {
        let place = NAMES.iter().position(|known| *known == name);
        self.counts[place.expect("every anomaly is in the list")] += 1;
        let claim = || {
            let mut operations = operations.to_vec();
            operations.sort_unstable();
            operations.dedup();
            Claim::new(sentence(), key, operations)
        };
        let again = |history: &History, ids: &[OpId]| recount::recount(history, name, ids);
        self.claims.report(name, recount::BY, claim, again);
    }
}
