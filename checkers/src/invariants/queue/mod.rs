//! Queue: what is put in comes out, once, and nothing else does.
//!
//! Clients `enqueue` a value, `dequeue` (the result is a value, or nil when the queue is empty; a `fail` tells nothing)
//! and `drain` (the result is the list of all that was left). Each key is a queue. The source is total-queue of Jepsen;
//! other than there, a dequeue of unknown outcome may have taken any one value, so that as many missing values are no
//! proof of a loss.
//!
//! - `lost-message`: a value was acknowledged before somebody found the queue empty (by `drain`, or by a dequeue with
//!   the result nil; where the history has the phase `final-reads`, in that phase), nobody ever got it, and more such
//!   values are missing than dequeues of unknown outcome can have taken;
//! - `duplicate-message`: a value came out more often than it was put in, unless [`Queue::at_least_once`] allows it;
//! - `unexpected-message`: a value came out that nobody had put in by then;
//! - `failed-message`: a value came out of which it was said that putting it in surely failed;
//! - `reordered-message`, only where [`Queue::fifo`] is asked for: one value was put in before another, but came out
//!   after it.
//!
//! Figures: `attempted`, `acknowledged`, `dequeued`, `unknown_dequeues`, `lost`, `duplicated`, `unexpected`, `failed`,
//! `recovered` (came out, although putting them in ended unknown), `missing` (acknowledged, but nobody got them),
//! `reordered` (values that came out after one that was put in later; counted whether it is asked for or not), and
//! `delivery` (`p50_s` to `max_s`: from the acknowledgement of a value to the answer of the dequeue that got it).
//!
//! O(n log n).

mod contents;
mod recount;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use schism_history::{F, History, Value};
use serde::{Deserialize, Serialize};

use crate::invariants::claim::Claims;
use crate::measures::quantile::Quantiles;
use crate::proof::conclusion::conclude;
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

use contents::Contents;

const BY: &str = "going through all operations on this value again";

/// What is put into a queue comes out once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// Whether a value may come out more than once: what queues with redelivery promise.
    pub at_least_once: bool,
    /// Whether values must come out in the order in which they were put in.
    pub fifo: bool,
}

#[derive(Default)]
struct Counts {
    attempted: u64,
    acknowledged: u64,
    dequeued: u64,
    unknown_dequeues: u64,
    lost: u64,
    duplicated: u64,
    unexpected: u64,
    failed: u64,
    recovered: u64,
    missing: u64,
    reordered: u64,
    delivery: Vec<u64>,
    /// Values of which it is known that they are not lost.
    decided: u64,
}

impl Checker for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut counts = Counts::default();
        let mut claims = Claims::new(history);
        let is_queue = |f: &F| matches!(f, F::Enqueue | F::Dequeue | F::Drain);
        if history.functions().iter().any(is_queue) {
            let mut numbers = vec![(u32::MAX, 0); history.value_count()];
            for (_, ids) in history.by_key() {
                if budget.is_stopped() {
                    break;
                }
                Contents::of(history, &ids, &mut numbers).judge(*self, &mut counts, &mut claims);
            }
        }
        let found = claims.count;
        let undecided = counts.missing - counts.lost;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.decided == 0 {
                let why = if counts.acknowledged == 0 {
                    "nothing was put into a queue"
                } else {
                    "nothing that was put in came out"
                };
                (
                    Validity::Unknown,
                    format!("there is nothing to judge: {why}"),
                )
            } else if undecided > 0 {
                (
                    Validity::Unknown,
                    format!(
                        "{} did not come out: nobody found the queue empty later, or dequeues of unknown outcome took them",
                        count(undecided, "acknowledged value")
                    ),
                )
            } else {
                (
                    Validity::Valid,
                    format!("{} came out once", count(counts.decided, "value")),
                )
            }
        })
        .figures(counts.figures())
    }
}

impl Counts {
    fn figures(self) -> Value {
        Value::map([
            ("attempted", Value::from(self.attempted)),
            ("acknowledged", self.acknowledged.into()),
            ("dequeued", self.dequeued.into()),
            ("unknown_dequeues", self.unknown_dequeues.into()),
            ("lost", self.lost.into()),
            ("duplicated", self.duplicated.into()),
            ("unexpected", self.unexpected.into()),
            ("failed", self.failed.into()),
            ("recovered", self.recovered.into()),
            ("missing", self.missing.into()),
            ("reordered", self.reordered.into()),
            (
                "delivery",
                Value::map(Quantiles::of(self.delivery).in_seconds()),
            ),
        ])
    }
}
