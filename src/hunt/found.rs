//! What a hunt has found so far.

use schism_checkers::Validity;

use super::{Cause, Coverage, Outcome, failure_rate_bound};
use crate::exit_code::ExitCode;

/// Kinds of violations that are told apart, at most.
const GROUPS_MOST: usize = 1_000;

/// Violations of one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they have in common.
    pub cause: Cause,
    /// How many seeds show it.
    pub seeds: u64,
    /// The first of these.
    pub first: u64,
    /// What happened there, in one sentence.
    pub sentence: String,
}

/// Why a hunt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All seeds were tried.
    Seeds,
    /// At the first violation.
    Violation,
    /// Its time was over.
    Time,
    /// The user ended it.
    Interrupted,
}

/// What a hunt has found so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// How many seeds were tried, from the first on without a gap.
    pub seeds: u64,
    /// In how many of these nothing is wrong.
    pub valid: u64,
    /// In how many of these that is not known.
    pub unknown: u64,
    /// In how many of these something is wrong.
    pub invalid: u64,
    /// In how many of the valid ones a gate was missed.
    pub gates_missed: u64,
    /// Operations that clients invoked, in all.
    pub operations: u64,
    /// The first seed of which nothing is known, and why.
    pub first_unknown: Option<(u64, String)>,
    /// The violations by cause, in the order in which they were found.
    pub groups: Vec<Group>,
    /// What was exercised.
    pub coverage: Coverage,
    /// How the runs would have ended, all merged; [`ExitCode::Unknown`] before the first.
    pub exit: ExitCode,
    /// Why it ended.
    pub ending: Ending,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            seeds: 0,
            valid: 0,
            unknown: 0,
            invalid: 0,
            gates_missed: 0,
            operations: 0,
            first_unknown: None,
            groups: Vec::new(),
            coverage: Coverage::default(),
            exit: ExitCode::Unknown,
            ending: Ending::Seeds,
        }
    }
}

impl Found {
    /// Takes the outcome of the next seed.
    pub(super) fn take(&mut self, seed: u64, outcome: Outcome) {
        self.exit = if self.seeds == 0 {
            outcome.exit
        } else {
            self.exit.and(outcome.exit)
        };
        self.seeds += 1;
        self.operations += outcome.operations;
        self.coverage.add(&outcome.coverage);
        match outcome.validity {
            Validity::Valid => self.valid += 1,
            Validity::Invalid => self.invalid += 1,
            Validity::Unknown => {
                self.unknown += 1;
                self.first_unknown.get_or_insert((seed, outcome.reason));
            }
        }
        self.gates_missed += u64::from(outcome.exit == ExitCode::GateMissed);
        for (cause, sentence) in outcome.causes {
            if let Some(group) = self.groups.iter_mut().find(|group| group.cause == cause) {
                group.seeds += 1;
            } else if self.groups.len() < GROUPS_MOST {
                self.groups.push(Group {
                    cause,
                    seeds: 1,
                    first: seed,
                    sentence,
                });
            }
        }
    }

    /// The largest share of violating seeds that is compatible with what was found, at 95 %; `None` when some violate.
    /// Seeds of which nothing is known do not count.
    pub fn failure_rate_bound(&self) -> Option<f64> {
        (self.invalid == 0).then(|| failure_rate_bound(self.valid))
    }
}
