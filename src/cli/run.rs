//! `schism run`: carry a plan out, judge it, and say what came of it.

use std::env;
use std::path::PathBuf;

use schism_history::Time;

use super::Terminal;
use super::plan_source::{Changes, read_file};
use super::programs::Programs;
use crate::controller::{self, Observer};
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupts;
use crate::judge::{Judgement, judge_until};
use crate::plan::{Plan, PlanError};
use crate::report::progress::{Display, Progress};
use crate::run::{Order, run as carry_out};
use crate::run_folder::RunFolder;

/// Carry a plan out, judge what came of it, and write a report
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The plan: a TOML file, or a folder with a plan.toml
    #[arg(value_name = "PLAN", required_unless_present = "bin")]
    path: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    /// The folder that the run's own folder is made in
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    out: PathBuf,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    programs: Programs,
}

impl Args {
    /// The plan that is named, or that the arguments say.
    fn plan(&self) -> Result<Plan, PlanError> {
        match (&self.path, self.programs.read(&self.changes)) {
            (_, Some(plan)) => plan,
            (Some(path), None) => read_file(path, &self.changes),
            (None, None) => unreachable!("the command line asks for one of the two"),
        }
    }
}

/// Runs the command.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let plan = match args.plan() {
        Ok(plan) => plan,
        Err(error) => {
            let text = error.render(terminal.err_look);
            return terminal.say(ExitCode::Usage, &text);
        }
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
    terminal.tell_github(&execution.judgement);
    code.and(execution.written)
}

/// A plan that was carried out and judged.
pub(super) struct Execution {
    pub folder: RunFolder,
    pub judgement: Judgement,
    /// Whether the reports could be written.
    pub written: ExitCode,
}

/// Carries a plan out and judges it. What went wrong has been said when this returns.
pub(super) fn execute(
    plan: &Plan,
    out: &std::path::Path,
    quiet: bool,
    terminal: &mut Terminal<'_>,
) -> Result<Execution, ExitCode> {
    let interrupts = Interrupts::listen().map_err(|error| {
        let text = format!("error: signals cannot be listened to: {error}\n");
        terminal.say(ExitCode::Environment, &text)
    })?;
    let order = Order {
        plan,
        out,
        command: env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        interrupts: &interrupts,
    };
    let mut watch = Watch {
        display: if quiet {
            Display::hidden()
        } else {
            terminal.display()
        },
        last: Progress {
            planned: Some(plan.time),
            ..Progress::default()
        },
    };
    let ran = carry_out(&order, &mut watch);
    let judged = ran.map(|folder| {
        watch.checking();
        let judged = judge_until(&folder, interrupts.stop_flag());
        (folder, judged)
    });
    watch.display.finish();
    let (folder, judged) = judged.map_err(|error| {
        let text = format!("error: {error}\n");
        terminal.say(error.exit_code(), &text)
    })?;
    let judgement = judged.map_err(|error| {
        let text = format!("error: {error}\n");
        terminal.say(error.exit_code(), &text)
    })?;
    let written = terminal.write_reports(&judgement, &folder);
    Ok(Execution {
        folder,
        judgement,
        written,
    })
}

impl Terminal<'_> {
    /// Writes what is made from a judgement into the run's folder, and says so if it cannot.
    pub(super) fn write_reports(&mut self, judgement: &Judgement, folder: &RunFolder) -> ExitCode {
        match judgement.write(folder) {
            Ok(()) => ExitCode::Valid,
            Err(error) => self.say(error.exit_code(), &format!("error: {error}\n")),
        }
    }
}

/// Shows how a run is going.
struct Watch {
    display: Display,
    last: Progress,
}

impl Watch {
    /// The load is over, and the history is judged.
    fn checking(&mut self) {
        "checking".clone_into(&mut self.last.phase);
        self.display.update(&self.last);
    }
}

impl Observer for Watch {
    fn progress(&mut self, progress: &controller::Progress) {
        self.last = Progress {
            phase: progress.phase.to_owned(),
            elapsed: progress.time.since(Time::ZERO),
            planned: self.last.planned,
            ok: progress.ok,
            fail: progress.fail,
            info: progress.info,
            faults: progress.active.clone(),
        };
        self.display.update(&self.last);
    }
}
