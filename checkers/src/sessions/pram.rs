//! PRAM (pipelined random access memory), on registers whose values are written once.
//!
//! Each session sees the writes of each other session in the order in which that one made them, and its own reads fit
//! between them; what others read ties nothing (Lipton and Sandberg, "PRAM: A scalable shared memory", 1988). How it is
//! judged: see the module `views`. Anomalies: `thin-air-read` (a value that nobody wrote), `cyclic-hb`
//! (a session saw writes in an order that cannot be), `write-hb-init-read` (a session found nothing although it had seen
//! something written later).
//!
//! Figures: `reads` (judged), `undecidable` (it is not known which write they saw), `sessions`, `broken`.

use schism_history::History;

use crate::measures::clusters;
use crate::proof::forced::Promise;
use crate::sessions::views;
use crate::sessions::weak::{Findings, program_within};
use crate::{Budget, Checker, Level, Verdict};

/// Every session sees the writes of each other session in that one's order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pram;

impl Checker for Pram {
    fn name(&self) -> &'static str {
        "pram"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let program = match program_within(self.name(), history, budget) {
            Ok(program) => program,
            Err(verdict) => return *verdict,
        };
        let promise = |session: u32| Promise::Pram(program.processes[session as usize]);
        let mut findings = Findings::new(history, &program);
        if let Some(&id) = program.thin_air.first() {
            findings.thin_air(Promise::Pram(history.operation(id).process));
        }
        if !clusters::is_linearizable(history, &program) {
            views::judge(history, &program, None, promise, budget, &mut findings);
        }
        findings.verdict(self.name(), Level::Pram)
    }
}
