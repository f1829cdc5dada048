//! Log: what is sent to it stays in it, at one offset, and is delivered in the order of offsets.
//!
//! Histories are those of the Kafka tests of Jepsen and Maelstrom, as they are: operations `send`, `poll` and `txn` whose
//! value is a list of steps. `["send", key, message]` becomes `["send", key, [offset, message]]` when it is `ok`;
//! `["poll"]` becomes `["poll", {key: [[offset, message], …], …}]`. `assign` and `subscribe` say that a client begins
//! to read elsewhere. Where an operation has a key of its own, `send` takes a message and returns its offset, and `poll`
//! returns a list of `[offset, message]`. Messages are unique in each key.
//!
//! - `inconsistent-offsets`: one offset of a key holds two messages.
//! - `duplicate`: one message stands at two offsets.
//! - `lost-write`: a send was acknowledged, a later offset of its key was polled by somebody, but this message never, by
//!   anybody.
//! - `aborted-read` (G1a): a message was polled whose send surely failed.
//! - `garbage-read`: a message was polled that nobody sent.
//! - `precommitted-read`: a transaction polled what it sent itself.
//! - `internal-poll-skip`, `internal-nonmonotonic-poll`: within one operation, a poll passes over an offset that holds a
//!   message, or goes back.
//! - `poll-skip`, `nonmonotonic-poll`: the same from one operation of a process to its next, without an `assign` or
//!   `subscribe` between them.
//! - `internal-nonmonotonic-send`, `nonmonotonic-send`: of two messages sent to a key within one operation, or by a process
//!   one after the other, the later one got the lower offset.
//!
//! An offset that nobody is known to have written, such as the mark of a transaction, is not missed by anybody.
//!
//! Figures: `sent` (acknowledged messages), `polled` (distinct messages that were polled), `unseen` (acknowledged, not
//! polled, and nothing later was: perhaps nobody asked), `keys`, and one count for each anomaly above, with `_` for `-`.
//!
//! O(messages sent and polled · log).

mod deliveries;
mod messages;
mod recount;

use schism_history::{History, Value};

use crate::invariants::claim::Claims;
use crate::proof::conclusion::conclude;
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

use deliveries::judge_deliveries;
use messages::{Messages, Names};

/// The anomalies, in the order in which they are told of.
const NAMES: [&str; 12] = [
    "inconsistent-offsets",
    "duplicate",
    "lost-write",
    "aborted-read",
    "garbage-read",
    "precommitted-read",
    "internal-poll-skip",
    "internal-nonmonotonic-poll",
    "poll-skip",
    "nonmonotonic-poll",
    "internal-nonmonotonic-send",
    "nonmonotonic-send",
];

/// A log keeps what is sent to it, in order, and delivers it in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Checker for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let names = Names::of(history);
        let messages = Messages::of(history, &names);
        let mut found = Found {
            claims: Claims::new(history),
            counts: [0; NAMES.len()],
        };
        if !budget.is_stopped() {
            messages.judge(&mut found);
            judge_deliveries(history, &names, &messages, &mut found);
        }
        let total = found.claims.count;
        let verdict = conclude(self.name(), found.claims.cases, total, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if messages.sent() == 0 || messages.polled() == 0 {
                let text = "there is nothing to judge: no message was both sent and polled";
                (Validity::Unknown, text.to_owned())
            } else {
                let text = format!(
                    "{} of {} sent were delivered, each at one offset and in order; nothing later than the others was",
                    messages.polled(),
                    count(messages.sent(), "message")
                );
                (Validity::Valid, text)
            }
        });
        let mut figures = vec![
            ("sent".to_owned(), messages.sent()),
            ("polled".to_owned(), messages.polled()),
            ("unseen".to_owned(), messages.unseen()),
            ("keys".to_owned(), messages.keys()),
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
    /// One more anomaly of a key, proved by some operations.
    fn report(
        &mut self,
        name: &'static str,
        key: &str,
        operations: &[schism_history::OpId],
        sentence: impl FnOnce() -> String,
    ) {
        let place = NAMES.iter().position(|known| *known == name);
        self.counts[place.expect("every anomaly is in the list")] += 1;
        let claim = || {
            let mut operations = operations.to_vec();
            operations.sort_unstable();
            operations.dedup();
            crate::invariants::claim::Claim::new(sentence(), &Value::from(key), operations)
        };
        let again = |history: &History, ids: &[schism_history::OpId]| {
            recount::recount(history, name, key, ids)
        };
        self.claims.report(name, recount::BY, claim, again);
    }
}

#[cfg(test)]
mod tests;
