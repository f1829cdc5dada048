//! Lost updates: what was acknowledged is still there at the end, or was replaced by something newer.
//!
//! Judged on three kinds of objects: elements of [`sets`], elements of [`lists`] that transactions append to, and
//! writes of [`registers`]. A write is lost only if that is certain; one that some node merely does not show yet is
//! stale, and one that nobody looked for is undecided. What decides are the reads that have the last word:
//! those of the phase `final-reads`, in which the harness reads everything once more from every node after all is
//! healed; in a history that names no phases, the last read of each node.
//!
//! Figures: `lost` (in all); `sets`, `lists` and `registers`, each a map that the module of that kind describes, where
//! the history has any.

pub mod lists;
pub mod registers;
pub mod sets;

use schism_history::{History, Value};

use crate::proof::conclusion::conclude;
use crate::proof::findings::Findings;
use crate::proof::story::{count, grouped};
use crate::{Budget, Checker, Validity, Verdict};

/// What was acknowledged is not lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct LostUpdates;

/// What is known about one kind of object.
pub(crate) struct Part {
    /// The kind: `sets`.
    name: &'static str,
    /// Acknowledged updates of which it is known whether they are lost.
    pub(crate) decided: u64,
    /// Acknowledged updates of which it is not.
    pub(crate) undecided: u64,
    /// Its figures.
    pub(crate) figures: Value,
}

impl Checker for LostUpdates {
    fn name(&self) -> &'static str {
        "lost-updates"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut findings = Findings::default();
        let mut parts = Vec::new();
        for judge in [sets::judge, lists::judge, registers::judge] {
            if !budget.is_stopped() {
                parts.extend(judge(history, &mut findings));
                findings.next_kind();
            }
        }
        let Findings { broken, cases, .. } = findings;
        let mut figures = vec![("lost", Value::from(broken))];
        figures.extend(parts.iter().map(|part| (part.name, part.figures.clone())));
        let decided: u64 = parts.iter().map(|part| part.decided).sum();
        let undecided: u64 = parts.iter().map(|part| part.undecided).sum();
        conclude(self.name(), cases, broken, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if decided > 0 {
                (
                    Validity::Valid,
                    format!(
                        "none of {} is lost{}",
                        count(decided, "acknowledged update"),
                        if undecided > 0 {
                            format!("; of {} more it is not known", grouped(undecided))
                        } else {
                            String::new()
                        }
                    ),
                )
            } else if undecided > 0 {
                (
                    Validity::Unknown,
                    format!(
                        "nothing could be judged: nobody looked for any of {} afterwards, or their order is not known",
                        count(undecided, "acknowledged update")
                    ),
                )
            } else {
                (
                    Validity::Unknown,
                    "there is nothing to judge: no write, append or addition was acknowledged".to_owned(),
                )
            }
        })
        .figures(Value::map(figures))
    }
}
