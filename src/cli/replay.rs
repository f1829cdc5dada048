//! `schism replay`: carry a run out again, and say whether it is the same.

use std::path::{Path, PathBuf};

use super::Terminal;
use super::plan_source::{checkers, read_fixed};
use super::run::execute;
use crate::environment;
use crate::exit_code::ExitCode;
use crate::plan::{Plan, Target, read_recorded};
use crate::replay::{Sameness, compare};
use crate::run_folder::{Facts, FolderError, RunFolder};

/// Carry a run out again: in the simulator the same history, byte for byte; on a real cluster the same schedule
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The folder of a run or of a kept case, or a plan that names its seed
    #[arg(value_name = "PLAN|RUN")]
    path: PathBuf,
    /// The folder that the run's own folder is made in
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    out: PathBuf,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// A run that is carried out again.
struct Recorded {
    history: PathBuf,
    facts: Facts,
}

/// Runs the command. It ends with the verdict; a history that should be the same and is not is a bug of ours.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let (plan, recorded) = match read(&args.path, terminal) {
        Ok(read) => read,
        Err((code, text)) => return terminal.say(code, &text),
    };
    if !args.quiet {
        terminal.note(&format!("{}: seed {}", plan.name, plan.seed));
    }
    let execution = match execute(&plan, &args.out, args.quiet, terminal) {
        Ok(execution) => execution,
        Err(code) => return code,
    };
    let report = execution.folder.file("report.html");
    let code = terminal.verdict(
        &execution.judgement,
        args.json,
        Some(&report.to_string_lossy()),
    );
    let same = recorded.map_or(ExitCode::Valid, |recorded| {
        tell(&plan, &recorded, &execution.folder, terminal)
    });
    code.and(execution.written).and(same)
}

/// The plan at a path, with its seed; and the run, if one stands there.
fn read(
    path: &Path,
    terminal: &Terminal<'_>,
) -> Result<(Plan, Option<Recorded>), (ExitCode, String)> {
    let usage = |text: String| (ExitCode::Usage, text);
    if path.join("run.json").is_file() {
        let folder_error = |error: FolderError| (error.exit_code(), format!("error: {error}\n"));
        let folder = RunFolder::open(path).map_err(folder_error)?;
        // It must stay what it is, also when the new run becomes the latest one.
        let history = folder.file("history.jsonl");
        let history = history.canonicalize().unwrap_or(history);
        let facts = folder.facts().map_err(folder_error)?;
        let text = folder.read("plan.toml").map_err(folder_error)?;
        let source = folder.file("plan.toml");
        let plan = read_recorded(&text, &source.to_string_lossy(), &checkers());
        let plan = plan.map_err(|error| usage(error.render(terminal.err_look)))?;
        return Ok((plan, Some(Recorded { history, facts })));
    }
    let read =
        |seed| read_fixed(path, seed).map_err(|error| usage(error.render(terminal.err_look)));
    let plan = read(0)?;
    if read(1)?.seed != plan.seed {
        return Err(usage(format!(
            "error: {} names no seed, so no run of it is the one to carry out again\n  help: add seed = 1, or name the \
             folder of a run\n",
            path.display()
        )));
    }
    Ok((plan, None))
}

/// Says whether the run is the same.
fn tell(
    plan: &Plan,
    recorded: &Recorded,
    again: &RunFolder,
    terminal: &mut Terminal<'_>,
) -> ExitCode {
    if !matches!(plan.target, Target::Sim(_)) {
        let strikes = plan.timeline().len();
        terminal.note(&format!(
            "replayed: the same schedule, {strikes} faults; a real cluster repeats the schedule, not what comes of it"
        ));
        return ExitCode::Valid;
    }
    let compared = compare(&recorded.history, &again.file("history.jsonl"));
    match compared {
        Ok(Sameness::Same { lines }) => {
            let events = lines.saturating_sub(1);
            terminal.note(&format!(
                "replayed: the same history, byte for byte, {events} events"
            ));
            ExitCode::Valid
        }
        Ok(Sameness::Parts { line, before, now }) => {
            let (reason, code) = why(&recorded.facts);
            let text = format!(
                "the history is another one from line {line} on{reason}\n  before: {before}\n  now:    {now}\n"
            );
            terminal.say(code, &text)
        }
        Err(error) => {
            let text = format!("error: {}: {error}\n", recorded.history.display());
            terminal.say(ExitCode::Usage, &text)
        }
    }
}

/// Why a simulated history may differ, as the end of a sentence, and how the program ends then.
fn why(recorded: &Facts) -> (String, ExitCode) {
    const VERSION: &str = "schism";
    let (then, now) = (
        recorded.environment.get(VERSION),
        environment::controller().remove(VERSION),
    );
    let was_cut_short = recorded
        .ended
        .as_ref()
        .is_none_or(|ended| ended.interrupted_by.is_some());
    if was_cut_short {
        let reason = ": the recorded run was cut short, where and when no seed says";
        return (reason.to_owned(), ExitCode::Unknown);
    }
    match then {
        Some(then) if now.as_ref() != Some(then) => (
            format!(": it was recorded by schism {then}"),
            ExitCode::Unknown,
        ),
        _ => (
            ", and it should be the same: a bug of schism, unless another build of this version recorded it"
                .to_owned(),
            ExitCode::Bug,
        ),
    }
}
