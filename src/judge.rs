//! From a run's folder to its verdict, and to everything that is made from it.
//!
//! Nothing but the folder counts: not the clock, not the machine, not the terminal. Judging it again gives the same
//! bytes.

mod history;
mod logs;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rayon::prelude::*;
use schism_checkers::{Budget, Checker, FaultEffect, LogPattern, Stats, Validity, Verdict};
use schism_history::jsonl::Torn;
use schism_history::{History, Value};

use crate::exit_code::ExitCode;
use crate::gates::{self, GateResult};
use crate::plan::{Plan, PlanError, Target, read_recorded};
use crate::report::{Conclusion, Files, Input, LogExcerpt, RunFacts};
use crate::run_folder::{Facts, FolderError, RunFolder};

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
    let text = folder.read("plan.toml")?;
    let known: Vec<&str> = schism_checkers::CHECKERS
        .iter()
        .map(|listed| listed.name)
        .collect();
    let plan = read_recorded(&text, &folder.file("plan.toml").to_string_lossy(), &known)?;
    let facts = folder.facts()?;
    let (history, torn) = folder.history()?;

    let mut budget = Budget::default();
    budget.steps = plan.checks.steps;
    budget.bytes = plan.checks.memory.0;
    let checkers: Vec<Box<dyn Checker>> = plan
        .checks
        .checkers
        .iter()
        .filter_map(|name| checker(name, &plan))
        .collect();
    let mut verdicts = ask(&checkers, &history, &budget);
    verdicts.extend(crashes(&plan, &history, folder)?);
    verdicts.push(ending(&facts, torn));

    let gates = gates::evaluate(&plan.gates, &verdicts);
    let conclusion = conclude(&verdicts, &gates, &facts);
    let logs = logs::excerpts(folder, &history, &verdicts, &facts)?;
    let run = RunFacts {
        name: plan.name.clone(),
        started: to_the_second(&facts.started),
        target: target(&plan, &facts),
        seed: facts.seed,
        command: command(&facts),
        plan: text,
        versions: part(&facts, false),
        environment: part(&facts, true),
    };
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
fn ask(checkers: &[Box<dyn Checker>], history: &History, budget: &Budget) -> Vec<Verdict> {
    checkers
        .par_iter()
        .map(|checker| checker.check(history, budget))
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
        _ => schism_checkers::by_name(name),
    }
}

/// Looks for crashes in the nodes' logs, where the database says what they look like.
fn crashes(
    plan: &Plan,
    history: &History,
    folder: &RunFolder,
) -> Result<Option<Verdict>, FolderError> {
    let Some(database) = &plan.database else {
        return Ok(None);
    };
    let Some(texts) = database
        .service
        .crash
        .as_ref()
        .filter(|texts| !texts.is_empty())
    else {
        return Ok(None);
    };
    let patterns = LogPattern::new(texts.iter().map(|text| regex::escape(text)));
    let Ok(patterns) = patterns else {
        return Ok(None);
    };
    let mut collected = Vec::new();
    for node in history.nodes() {
        let logs = logs::of_node(folder, node)?;
        if logs.is_empty() {
            collected.push((node, None));
        }
        collected.extend(logs.into_iter().map(|log| (node, Some(log))));
    }
    let looked_at = collected
        .iter()
        .map(|(node, log)| (&***node, log.as_deref().map(str::lines)));
    Ok(Some(patterns.check(looked_at)))
}

/// Whether the run itself went as it should.
fn ending(facts: &Facts, torn: Option<Torn>) -> Verdict {
    let (validity, summary) = match &facts.ended {
        None if torn.is_some() => (
            Validity::Unknown,
            "the program was killed in the middle of the run, while it wrote".to_owned(),
        ),
        None => (
            Validity::Unknown,
            "the program was killed in the middle of the run".to_owned(),
        ),
        Some(ended) => {
            let mut doubts = Vec::new();
            if ended.interrupted_by.is_some() {
                doubts.push("it was interrupted".to_owned());
            }
            if ended.unstruck_faults > 0 {
                doubts.push(format!(
                    "{} of its faults never struck",
                    ended.unstruck_faults
                ));
            }
            for (node, reason) in &ended.unrecovered_nodes {
                let reason = reason
                    .strip_prefix(&format!("node {node}: "))
                    .unwrap_or(reason);
                doubts.push(format!("{node} did not recover in time ({reason})"));
            }
            if !ended.left_clean {
                doubts.push(format!("the cluster was left dirty: {}", ended.left_behind));
            }
            if doubts.is_empty() {
                (
                    Validity::Valid,
                    "the run went to its end, and the cluster was left as it was found".to_owned(),
                )
            } else {
                (
                    Validity::Unknown,
                    format!("the run did not go as it should: {}", doubts.join("; ")),
                )
            }
        }
    };
    Verdict::new("run", validity, summary)
}

fn conclude(verdicts: &[Verdict], gates: &[GateResult], facts: &Facts) -> Conclusion {
    let validity = verdicts
        .iter()
        .fold(Validity::Valid, |all, verdict| all.and(verdict.validity));
    let mut exit = ExitCode::of_verdict(validity, gates);
    if verdicts
        .iter()
        .any(|verdict| verdict.disagreement.is_some())
    {
        exit = exit.and(ExitCode::Bug);
    }
    if let Some(ended) = &facts.ended {
        if !ended.left_clean {
            exit = exit.and(ExitCode::LeftDirty);
        }
        match ended.interrupted_by {
            Some(15) => exit = exit.and(ExitCode::Terminated),
            Some(_) => exit = exit.and(ExitCode::Interrupted),
            None => {}
        }
    }
    let decisive = verdicts
        .iter()
        .find(|verdict| verdict.validity == validity && validity != Validity::Valid);
    let reason = match (decisive, gates.iter().find(|gate| gate.level.is_missed())) {
        (Some(verdict), _) => verdict.summary.clone(),
        (None, Some(gate)) => format!(
            "no promise was broken, but a gate was missed: {}",
            gate.name
        ),
        (None, None) => "no promise was broken, and enough was done to say so".to_owned(),
    };
    Conclusion {
        validity,
        exit,
        reason,
    }
}

/// A moment as people read it; the file has it to the nanosecond.
fn to_the_second(moment: &str) -> String {
    match moment.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => moment.to_owned(),
    }
}

/// What was tested, in words: `etcd 3.4.23 on 5 nodes (lab)`.
fn target(plan: &Plan, facts: &Facts) -> String {
    let nodes = plan.nodes().len();
    let nodes = if nodes == 1 {
        "1 node".to_owned()
    } else {
        format!("{nodes} nodes")
    };
    match (&plan.target, &plan.database) {
        (Target::Sim(config), _) => format!("{} on {nodes} (simulated)", config.store),
        (target, Some(database)) => {
            let name = database.client.listed().name;
            let own = format!("{name} of ");
            let version = facts
                .environment
                .iter()
                .find(|(what, _)| what.starts_with(&own));
            let version = version
                .map(|(_, version)| format!(" {version}"))
                .unwrap_or_default();
            format!("{name}{version} on {nodes} ({})", target.name())
        }
        (target, None) => format!("{nodes} ({})", target.name()),
    }
}

/// The command line that repeats the run: the recorded one, with the seed it drew.
fn command(facts: &Facts) -> String {
    let mut words: Vec<String> = facts.command.iter().map(|word| shell_word(word)).collect();
    let seeded = facts
        .command
        .iter()
        .any(|word| word == "--seed" || word.starts_with("--seed="));
    if !seeded && !words.is_empty() {
        words.push(format!("--seed {}", facts.seed));
    }
    words.join(" ")
}

/// A word as a shell takes it, quoted only where it must be.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The facts about machines, or those about everything else.
fn part(facts: &Facts, machines: bool) -> Vec<(String, String)> {
    facts
        .environment
        .iter()
        .filter(|(what, _)| what.starts_with("system of") == machines)
        .map(|(what, value)| (what.clone(), value.clone()))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::Ended;

    #[test]
    fn the_command_repeats_the_seed_that_was_drawn() {
        let facts = |words: &[&str]| Facts {
            seed: 7,
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            ..Facts::default()
        };
        assert_eq!(
            command(&facts(&["schism", "run", "my plan.toml"])),
            "schism run 'my plan.toml' --seed 7"
        );
        assert_eq!(
            command(&facts(&["schism", "run", "p", "--seed", "9"])),
            "schism run p --seed 9"
        );
        assert_eq!(command(&facts(&["it's"])), "'it'\\''s' --seed 7");
        assert_eq!(command(&facts(&[])), "");
    }

    #[test]
    fn a_run_that_did_not_end_well_is_never_valid() {
        let clean = Ended {
            left_clean: true,
            ..Ended::default()
        };
        let validity = |ended: Option<Ended>| {
            ending(
                &Facts {
                    ended,
                    ..Facts::default()
                },
                None,
            )
            .validity
        };
        assert_eq!(validity(Some(clean.clone())), Validity::Valid);
        assert_eq!(validity(None), Validity::Unknown);
        assert_eq!(
            validity(Some(Ended {
                interrupted_by: Some(2),
                ..clean.clone()
            })),
            Validity::Unknown
        );
        assert_eq!(
            validity(Some(Ended {
                unstruck_faults: 1,
                ..clean.clone()
            })),
            Validity::Unknown
        );
        assert_eq!(
            validity(Some(Ended {
                left_clean: false,
                ..clean.clone()
            })),
            Validity::Unknown
        );
        let ill = BTreeMap::from([("n2".to_owned(), "node n2: it is down".to_owned())]);
        let verdict = ending(
            &Facts {
                ended: Some(Ended {
                    unrecovered_nodes: ill,
                    ..clean
                }),
                ..Facts::default()
            },
            None,
        );
        assert!(
            verdict
                .summary
                .contains("n2 did not recover in time (it is down)"),
            "{}",
            verdict.summary
        );
    }

    #[test]
    fn a_proved_anomaly_outweighs_a_dirty_cluster_and_an_interruption() {
        let ended = Ended {
            interrupted_by: Some(15),
            left_clean: false,
            ..Ended::default()
        };
        let facts = Facts {
            ended: Some(ended),
            ..Facts::default()
        };
        let exit = |validity| conclude(&[Verdict::new("x", validity, "")], &[], &facts).exit;
        assert_eq!(exit(Validity::Invalid), ExitCode::Anomaly);
        assert_eq!(exit(Validity::Unknown), ExitCode::LeftDirty);
    }
}
