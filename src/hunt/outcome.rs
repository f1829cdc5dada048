//! One candidate of a hunt, and what came of it.

use std::fs;
use std::path::Path;

use schism_checkers::Validity;

use super::{Cause, Coverage};
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupts;
use crate::judge::{JudgeError, judge_until};
use crate::plan::Plan;
use crate::run::{Order, RunError, run};

/// What is carried out: a plan with its seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The plan.
    pub plan: Plan,
}

impl Candidate {
    /// A plan with another seed.
    pub fn seeded(plan: &Plan, seed: u64) -> Self {
        let mut plan = plan.clone();
        plan.seed = seed;
        Self { plan }
    }
}

/// What came of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// All verdicts merged.
    pub validity: Validity,
    /// How the program would end.
    pub exit: ExitCode,
    /// Why, in one sentence.
    pub reason: String,
    /// The kinds of violations that were proved, each once, with what happened, in one sentence.
    pub causes: Vec<(Cause, String)>,
    /// What was exercised.
    pub coverage: Coverage,
    /// How many operations clients invoked.
    pub operations: u64,
}

/// A candidate could not be carried out or judged.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// It could not be carried out.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It could not be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
}

impl ExecuteError {
    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Run(error) => error.exit_code(),
            Self::Judge(error) => error.exit_code(),
        }
    }
}

/// Carries a candidate out and judges it. Its folder, made in `scratch`, is gone afterwards.
///
/// # Errors
/// It could not be carried out, recorded or judged.
pub fn execute(
    candidate: &Candidate,
    scratch: &Path,
    interrupts: &Interrupts,
) -> Result<Outcome, ExecuteError> {
    let order = Order {
        plan: &candidate.plan,
        out: scratch,
        command: Vec::new(),
        interrupts,
    };
    let folder = run(&order, &mut ())?;
    let judged = judge_until(&folder, interrupts.stop_flag());
    // What is left of it goes with the whole scratch folder.
    let _ = fs::remove_dir_all(folder.path());
    let judgement = judged?;
    let input = judgement.input();
    let mut causes: Vec<(Cause, String)> = Vec::new();
    for verdict in input.verdicts {
        if verdict.validity != Validity::Invalid {
            continue;
        }
        for anomaly in &verdict.anomalies {
            let cause = Cause::of(verdict, anomaly, input.history);
            if causes.iter().all(|(known, _)| *known != cause) {
                causes.push((cause, anomaly.sentence.clone()));
            }
        }
    }
    Ok(Outcome {
        validity: input.conclusion.validity,
        exit: input.conclusion.exit,
        reason: input.conclusion.reason.clone(),
        causes,
        coverage: Coverage::of(input.history),
        operations: input.history.len() as u64,
    })
}
