//! Causal memory (CM), on registers whose values are written once.
//!
//! Causal consistency in which a session never changes its mind about the order of writes: for each session there is one
//! order of all writes and of its own reads that respects the causal order and in which each of its reads sees the newest
//! write (Ahamad et al., "Causal memory: definitions, implementation, and programming", 1995). How it is judged: see the
//! module `views`. Anomalies: `thin-air-read` and `cyclic-co` as for [causal](crate::sessions::causal) consistency,
//! `cyclic-hb` (a session saw writes in an order that cannot be), `write-hb-init-read` (a session found nothing although a
//! write had come before).
//!
//! Figures: `reads` (judged), `undecidable` (it is not known which write they saw), `sessions`, `broken`.

use schism_history::History;

use crate::measures::clusters;
use crate::proof::forced::Promise;
use crate::sessions::causal::report_cycle;
use crate::sessions::closure::{Closure, Scope};
use crate::sessions::views;
use crate::sessions::weak::{Findings, program_within};
use crate::{Budget, Checker, Level, Verdict};

/// Causal, and no session changes its mind about the order of writes (CM).
#[derive(Clone, Copy, Debug, Default)]
pub struct CausalMemory;

impl Checker for CausalMemory {
    fn name(&self) -> &'static str {
        "causal-memory"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let program = match program_within(self.name(), history, budget) {
            Ok(program) => program,
            Err(verdict) => return *verdict,
        };
        let promise = |session: u32| Promise::CausalMemory(program.processes[session as usize]);
        let mut findings = Findings::new(history, &program);
        findings.thin_air(Promise::Causal);
        if clusters::is_linearizable(history, &program) {
            return findings.verdict(self.name(), Level::CausalMemory);
        }
        let mut closure = Closure::new(&program, Scope::All);
        if let Err(cycle) = closure.arrange() {
            report_cycle(
                history,
                &program,
                &closure,
                &cycle,
                Promise::Causal,
                &mut findings,
            );
        } else {
            closure.sweep(|_, _| {});
            views::judge(
                history,
                &program,
                Some(&closure),
                promise,
                budget,
                &mut findings,
            );
        }
        findings.verdict(self.name(), Level::CausalMemory)
    }
}
