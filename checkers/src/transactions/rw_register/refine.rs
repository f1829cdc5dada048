//! A search for whom reads saw where several transactions wrote the value: guess, judge, learn from what is wrong.
//!
//! A guess names a writer for each such read. If the level holds with it, it holds. If not, the transactions that refute it
//! name the few reads whose guesses they need: those never stand together again. When no guess is left, the level is
//! refuted whoever wrote what. Complete within its bounds, and the harder the less local the contradictions are.
//!
//! Sources: Prosser, "Hybrid Algorithms for the Constraint Satisfaction Problem", 1993 (jumping back to what is to blame);
//! refinement as in "Fast Verification of Strong Database Isolation", 2025, which leaves it to a solver.

use super::resolve::{NOBODY, Resolved, View};
use super::witness;
use crate::transactions::columns::Transactions;
use crate::transactions::saturation::Answer;
use crate::transactions::saturation::levels::judge;
use crate::{Budget, Level};

use schism_history::Outcome;

/// Guesses that are judged for one level, at most and at least; in between, transactions that are judged in all.
const MOST: usize = 256;
const LEAST: usize = 8;
const JUDGED: usize = 200_000;
/// Steps from guess to guess, for one level.
const STEPS: usize = 100_000;
/// Transactions up to which what refutes a guess is made smaller, so that more is learnt from it.
const SMALL: usize = 48;

/// What became of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refined {
    /// It holds with these writers, by place in `ambiguous`.
    Shown(Vec<u32>),
    /// These transactions, by the history's numbers and rising, refute it whoever wrote what.
    Refuted(Vec<u32>),
    /// It stays open; why.
    Open(String),
}

/// Guesses that never stand together: a read, by place in `ambiguous`, and one of its candidates; by read, rising.
struct Never {
    guesses: Vec<(u32, u32)>,
    /// The weakest level that forbids it.
    level: Level,
    /// The transactions that it takes.
    core: Vec<u32>,
}

/// What is guessed and what is known of guesses.
pub(super) struct Guesses<'a, 'h> {
    transactions: &'a Transactions<'h>,
    resolved: &'a Resolved,
    /// The transaction of each read.
    reader: Vec<u32>,
    guess: Vec<u32>,
    never: Vec<Never>,
    /// For each read: which of `never` it is the last one of.
    last_of: Vec<Vec<u32>>,
}

impl<'a, 'h> Guesses<'a, 'h> {
    /// Begins with a likely choice of writers.
    pub(super) fn new(
        transactions: &'a Transactions<'h>,
        resolved: &'a Resolved,
        likely: Vec<u32>,
    ) -> Self {
        let reader =
            (resolved.ambiguous.iter()).map(|read| transactions.transaction_at(read.step as usize));
        Self {
            transactions,
            resolved,
            reader: reader.collect(),
            guess: likely,
            never: Vec::new(),
            last_of: vec![Vec::new(); resolved.ambiguous.len()],
        }
    }

    /// Decides a level that is not refuted without these reads. What is learnt from weaker levels counts.
    pub(super) fn decide(&mut self, level: Level, budget: &Budget) -> Refined {
        let part = budget.part(budget.steps / 64, budget.bytes);
        let mut steps = STEPS;
        let guesses = (JUDGED / self.transactions.len().max(1)).clamp(LEAST, MOST);
        for _ in 0..guesses {
            if budget.is_stopped() {
                return Refined::Open("the check was stopped".to_owned());
            }
            match self.next(level, &mut steps) {
                Some(Ok(())) => {}
                Some(Err(core)) => return Refined::Refuted(core),
                None => break,
            }
            let view = self.resolved.view(self.transactions, &self.guess);
            match judge(&view.committed, level, &part) {
                Some(Answer::Holds(_)) => return Refined::Shown(self.guess.clone()),
                Some(Answer::Refuted(core)) => self.learn(&view, core, level, &part),
                Some(Answer::Unknown(why)) => return Refined::Open(why),
                None => break,
            }
        }
        Refined::Open(format!(
            "several transactions wrote the same value, and {guesses} guesses at whom its readers saw were not enough"
        ))
    }

    /// A guess that nothing known forbids; what refutes all of them; or nothing when the steps are spent.
    fn next(&mut self, level: Level, steps: &mut usize) -> Option<Result<(), Vec<u32>>> {
        let mut read = 0;
        loop {
            // What nobody has to guess about.
            if let Some(none) = (self.never.iter())
                .find(|never| never.guesses.is_empty() && level.implies(never.level))
            {
                return Some(Err(none.core.clone()));
            }
            if read == self.guess.len() {
                return Some(Ok(()));
            }
            let mut blame: Vec<u32> = Vec::new();
            let begun = self.guess[read];
            let others = self.resolved.ambiguous[read].candidates.clone();
            let mut found = false;
            for candidate in
                std::iter::once(begun).chain(others.into_iter().filter(|&c| c != begun))
            {
                self.guess[read] = candidate;
                match self.forbidden(read, level) {
                    None => {
                        found = true;
                        break;
                    }
                    Some(never) => blame.push(never),
                }
            }
            if found {
                read += 1;
                continue;
            }
            *steps = steps.checked_sub(1)?;
            // Whatever this read saw, the others that are to blame are in the way: they never stand together.
            let mut guesses: Vec<(u32, u32)> = Vec::new();
            let mut core: Vec<u32> = Vec::new();
            for never in blame {
                let never = &self.never[never as usize];
                guesses.extend(
                    never
                        .guesses
                        .iter()
                        .filter(|&&(other, _)| other as usize != read),
                );
                core.extend(&never.core);
            }
            self.guess[read] = begun;
            let last = self.forbid(guesses, level, core);
            read = last.unwrap_or(0);
        }
    }

    /// Which of those that never stand together stand there, with this read as the last one.
    fn forbidden(&self, read: usize, level: Level) -> Option<u32> {
        let stands = |&&never: &&u32| {
            let never = &self.never[never as usize];
            level.implies(never.level)
                && (never.guesses.iter())
                    .all(|&(read, candidate)| self.guess[read as usize] == candidate)
        };
        self.last_of[read].iter().find(stands).copied()
    }

    /// Notes guesses that never stand together; the last read of them.
    fn forbid(
        &mut self,
        mut guesses: Vec<(u32, u32)>,
        level: Level,
        mut core: Vec<u32>,
    ) -> Option<usize> {
        guesses.sort_unstable();
        guesses.dedup();
        core.sort_unstable();
        core.dedup();
        let last = guesses.last().map(|&(read, _)| read as usize);
        if let Some(last) = last {
            self.last_of[last].push(self.never.len() as u32);
        }
        self.never.push(Never {
            guesses,
            level,
            core,
        });
        last
    }

    /// Learns which guesses the transactions need that refute a level.
    fn learn(&mut self, view: &View, core: Vec<u32>, level: Level, budget: &Budget) {
        let core = if core.len() <= SMALL {
            witness::fewest(&view.committed, level, core, budget)
        } else {
            core
        };
        let core: Vec<u32> = core.iter().map(|&t| view.number[t as usize]).collect();
        let inside = |t: u32| core.binary_search(&t).is_ok();
        let mut guesses: Vec<(u32, u32)> = Vec::new();
        for (read, &candidate) in self.guess.iter().enumerate() {
            if inside(self.reader[read]) && (candidate == NOBODY || inside(candidate)) {
                guesses.push((read as u32, candidate));
            }
        }
        // Some count as committed only because somebody read from them.
        for &t in &core {
            if self.transactions.outcome[t as usize] != Outcome::Ok
                && !self.resolved.is_read_from(t)
                && guesses.iter().all(|&(_, candidate)| candidate != t)
                && let Some(read) = self.guess.iter().position(|&candidate| candidate == t)
            {
                guesses.push((read as u32, t));
            }
        }
        self.forbid(guesses, level, core);
    }
}
