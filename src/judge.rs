//! From a run's folder to its verdict, and to everything that is made from it.
//!
//! Nothing but the folder counts: not the clock, not the machine, not the terminal. Judging it again gives the same
//! bytes.

mod certificate;
mod circumstances;
mod conclusion;
mod history;
mod logs;
pub mod levels;
pub mod question;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use certificate::NoCertificate;
use circumstances::circumstances;
use conclusion::{conclude, ending};
use rayon::prelude::*;
use schism_checkers::{Budget, Checker, FaultEffect, Stats, Verdict};
use schism_history::jsonl::Torn;
use schism_history::{History, Value};

use crate::exit_code::ExitCode;
use crate::gates::{self, GateResult};
use crate::look::Look;
use crate::plan::{Plan, PlanError, read_recorded};
use crate::report::{Conclusion, Files, Input, LogExcerpt, RunFacts};
use crate::run_folder::{FolderError, RunFolder};

/// A run's folder cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// It cannot be read or written, or the history is damaged.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The recorded plan cannot be read.
    #[error("the recorded plan cannot be read")]
    Plan(#[from] PlanError),
}

impl JudgeError {
    /// The message, with the mistakes of the plan at their places.
    pub fn render(&self, look: Look) -> String {
        match self {
            Self::Folder(_) => format!("error: {self}\n"),
            Self::Plan(mistakes) => format!("error: {self}\n{}", mistakes.render(look)),
        }
    }

    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Folder(error) => error.exit_code(),
            Self::Plan(_) => ExitCode::Usage,
        }
    }
}

/// A run and what is to be said about it.
pub struct Judgement {
    history: History,
    verdicts: Vec<Verdict>,
    gates: Vec<GateResult>,
    conclusion: Conclusion,
    run: RunFacts,
    logs: Vec<LogExcerpt>,
    torn: Option<String>,
}

impl Judgement {
    /// What reports are made from.
    pub fn input(&self) -> Input<'_> {
        Input {
            history: &self.history,
            verdicts: &self.verdicts,
            conclusion: &self.conclusion,
            gates: &self.gates,
            run: &self.run,
            logs: &self.logs,
            torn: self.torn.as_deref(),
        }
    }

    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        self.conclusion.exit
    }

    /// Whether two algorithms disagree: a bug of ours.
    pub fn is_disputed(&self) -> bool {
        conclusion::is_disputed(&self.verdicts)
    }

    /// The checkers' answers.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// Writes the reports, the plots and the faults into the folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), FolderError> {
        for (name, text) in Files::new(&self.input()).iter() {
            folder.write(name, text)?;
        }
        folder.write("faults.json", faults(&self.history))
    }
}

/// Judges the run whose folder is at this path.
///
/// # Errors
/// It is no run's folder, or it cannot be read, or what it holds is damaged.
pub fn judge_at(path: &Path) -> Result<(RunFolder, Judgement), JudgeError> {
    let folder = RunFolder::open(path)?;
    let judgement = judge(&folder)?;
    Ok((folder, judgement))
}

/// Judges a run from its folder alone.
///
/// # Errors
/// The folder cannot be read, or what it holds is damaged.
pub fn judge(folder: &RunFolder) -> Result<Judgement, JudgeError> {
    judge_until(folder, Arc::default())
}

/// As [`judge`]; once the flag is set, checkers end early and say that they do not know.
///
/// # Errors
/// The folder cannot be read, or what it holds is damaged.
pub fn judge_until(folder: &RunFolder, stop: Arc<AtomicBool>) -> Result<Judgement, JudgeError> {
    let text = folder.read("plan.toml")?;
    let known: Vec<&str> = schism_checkers::CHECKERS
        .iter()
        .map(|listed| listed.name)
        .collect();
    let plan = read_recorded(&text, &folder.file("plan.toml").to_string_lossy(), &known)?;
    let facts = folder.facts()?;
    let (history, torn) = folder.history()?;

    let mut budget = Budget::default().stopped_by(stop);
    budget.steps = plan.checks.steps;
    budget.bytes = plan.checks.memory.0;
    let checkers: Vec<Box<dyn Checker>> = plan
        .checks
        .checkers
        .iter()
        .filter_map(|name| checker(name, &plan))
        .collect();
    let mut verdicts = ask(&checkers, &history, &budget, &|_| {});
    verdicts.extend(logs::crashes(&plan, &history, folder)?);
    verdicts.push(ending(&facts, torn));

    let gates = gates::evaluate(&plan.gates, &verdicts);
    let conclusion = conclude(&verdicts, &gates, &facts);
    let logs = logs::excerpts(folder, &history, &verdicts, &facts)?;
    let run = circumstances(&plan, text, &facts);
    let torn = torn.map(torn_in_words);
    Ok(Judgement {
        history,
        verdicts,
        gates,
        conclusion,
        run,
        logs,
        torn,
    })
}

/// Asks every checker, side by side. The answers stand in the order of the checkers.
fn ask(
    checkers: &[Box<dyn Checker>],
    history: &History,
    budget: &Budget,
    judged: &(dyn Fn(&'static str) + Sync),
) -> Vec<Verdict> {
    checkers
        .par_iter()
        .map(|checker| {
            let verdict = checker.check(history, budget);
            judged(verdict.checker);
            verdict
        })
        .collect()
}

fn torn_in_words(torn: Torn) -> String {
    format!(
        "the history ends in the middle of line {}: the program was killed while it wrote; the lines before are whole",
        torn.line
    )
}

/// The checker of this name, told what it must know of the plan.
fn checker(name: &str, plan: &Plan) -> Option<Box<dyn Checker>> {
    match name {
        "stats" => Some(Box::new(Stats::new(plan.checks.minimum_ok))),
        "fault-effect" => Some(Box::new(FaultEffect::new(!plan.faults.is_empty()))),
        _ => schism_checkers::asked(name, &plan.checks.options),
    }
}

/// The faults with their evidence, as JSON.
fn faults(history: &History) -> String {
    let seconds = |time: Option<schism_history::Time>| time.map(schism_history::Time::as_secs_f64);
    let faults: Vec<BTreeMap<&str, Value>> = history
        .faults()
        .iter()
        .map(|fault| {
            BTreeMap::from([
                ("fault", Value::from(fault.id)),
                ("name", Value::from(&*fault.name)),
                ("label", Value::from(&*fault.label)),
                ("nodes", Value::list(fault.nodes.iter().cloned())),
                ("injecting_s", Value::from(fault.injecting.as_secs_f64())),
                ("injected_s", Value::from(seconds(fault.injected))),
                ("healing_s", Value::from(seconds(fault.healing))),
                ("healed_s", Value::from(seconds(fault.healed))),
                ("outcome", Value::from(fault.outcome.name())),
                ("evidence", fault.evidence.clone()),
                ("heal_outcome", Value::from(fault.heal_outcome.name())),
                ("heal_evidence", fault.heal_evidence.clone()),
            ])
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&faults).expect("faults have text keys");
    text.push('\n');
    text
}
