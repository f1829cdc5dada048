//! Large histories: by parts, and with sessions even where they do not count.
//!
//! A violation is mostly local, so parts of the history in the order of time are judged first: what refutes a part refutes
//! the whole.
//!
//! Where the order of sessions does not count there are no chains to speak of, and saturation takes much memory. So the
//! sessions are kept at first: what holds with them holds without. If some transactions violate the level with their
//! sessions but not without, the sessions are cut between them, and everything is tried again.

use super::committed::Committed;
use super::{Answer, Order, Rules, search};
use crate::Budget;

/// Transactions of a part.
const PART: usize = 192;
/// Transactions up to which a history is judged as a whole.
const WHOLE: usize = 2 * PART;
/// Steps for judging a part.
const STEPS: u64 = 1_000_000;
/// How often sessions are cut and everything is tried again.
const ROUNDS: usize = 400;

/// Decides a level. Complete within the budget.
pub(crate) fn decide(committed: &Committed, rules: Rules, budget: &Budget) -> Answer {
    if committed.len() <= WHOLE {
        return search::decide(committed, rules, budget);
    }
    let mut cuts = Cuts {
        committed,
        rules,
        before: vec![false; committed.len()],
        session: committed.session.clone(),
        rounds: 0,
    };
    cuts.decide(budget)
}

struct Cuts<'a> {
    committed: &'a Committed,
    rules: Rules,
    /// Before which transactions sessions are cut.
    before: Vec<bool>,
    /// The session of each transaction, once they are cut.
    session: Vec<u32>,
    rounds: usize,
}

impl Cuts<'_> {
    fn decide(&mut self, budget: &Budget) -> Answer {
        let with_sessions = Rules {
            respects: self.rules.respects.max(Order::Session),
            ..self.rules
        };
        match search::at_once(self.committed, with_sessions) {
            Some(holds @ Answer::Holds(_)) => return holds,
            Some(refuted) if with_sessions == self.rules => return refuted,
            _ => {}
        }
        if let Some(refuted) = self.by_parts(budget) {
            return refuted;
        }
        if with_sessions == self.rules {
            return search::decide(self.committed, self.rules, budget);
        }
        loop {
            let cut = self.committed.with_sessions(self.session.clone());
            let core = match search::decide(&cut, with_sessions, budget) {
                Answer::Refuted(core) => core,
                other => return other,
            };
            if let Some(refuted) = self.learn(core, budget) {
                return refuted;
            }
            if self.rounds > ROUNDS || budget.is_stopped() {
                return Answer::Unknown(format!(
                    "the sessions of {} transactions were cut {ROUNDS} times, and still in the way",
                    self.committed.len()
                ));
            }
        }
    }

    /// Whether transactions that violate the level with their sessions do so without. If not, cuts the sessions.
    fn learn(&mut self, core: Vec<u32>, budget: &Budget) -> Option<Answer> {
        self.rounds += 1;
        if self.rules.respects != Order::None {
            return Some(Answer::Refuted(core));
        }
        let part = budget.part(budget.steps.min(STEPS), budget.bytes);
        match search::decide(&self.committed.only(&core), self.rules, &part) {
            Answer::Refuted(inner) => {
                let core = inner.into_iter().map(|t| core[t as usize]).collect();
                return Some(Answer::Refuted(core));
            }
            Answer::Holds(_) => {}
            unknown @ Answer::Unknown(_) => return Some(unknown),
        }
        for pair in core.windows(2) {
            if self.session[pair[0] as usize] == self.session[pair[1] as usize] {
                self.before[pair[1] as usize] = true;
            }
        }
        let mut session = 0;
        for (t, before) in self.before.iter().enumerate() {
            let other = t > 0 && self.committed.session[t] != self.committed.session[t - 1];
            session += u32::from(*before || other);
            self.session[t] = session;
        }
        None
    }

    fn by_parts(&mut self, budget: &Budget) -> Option<Answer> {
        let committed = self.committed;
        let mut order: Vec<u32> = (0..committed.len() as u32).collect();
        order.sort_unstable_by_key(|&t| (committed.invoked[t as usize], t));
        let with_sessions = Rules {
            respects: self.rules.respects.max(Order::Session),
            ..self.rules
        };
        let mut from = 0;
        while from < order.len() {
            let to = (from + PART).min(order.len());
            let mut part = order[from..to].to_vec();
            part.sort_unstable();
            loop {
                let session = part.iter().map(|&t| self.session[t as usize]).collect();
                let only = committed.only(&part).with_sessions(session);
                let part_budget = budget.part(budget.steps.min(STEPS), budget.bytes);
                let answer = search::decide(&only, with_sessions, &part_budget);
                let Answer::Refuted(core) = answer else {
                    break;
                };
                let core = core.into_iter().map(|t| part[t as usize]).collect();
                match self.learn(core, budget) {
                    Some(refuted @ Answer::Refuted(_)) => return Some(refuted),
                    Some(_) => break,
                    None => {}
                }
                if budget.is_stopped() {
                    return None;
                }
            }
            from += PART / 2;
        }
        None
    }
}
