//! `schism test`: carry kept cases out again, and say whether each has the verdict that is expected of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use schism_checkers::Validity;

use super::Terminal;
use super::plan_source::checkers;
use crate::cases::{Case, CaseError, find};
use crate::exit_code::ExitCode;
use crate::hunt::{Candidate, Outcome, execute};
use crate::interrupt::Interrupts;
use crate::plan::{Target, read_recorded};
use crate::report::number;
use crate::report::suite::{self, Ran};
use crate::run_folder::write_whole;

/// Carry kept cases out again, like a test suite: each must have the verdict that is expected of it
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The folder of cases that schism keep made, or one case
    #[arg(value_name = "FOLDER", default_value = "cases")]
    folder: PathBuf,
    /// Write the results into this file, in the XML that CI systems read
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Runs the command. It succeeds when every case is as expected, and there is one.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let cases = match find(&args.folder) {
        Ok(cases) if cases.is_empty() => {
            let text = format!(
                "{}: there are no cases here, so nothing was tested; schism keep makes some\n",
                args.folder.display()
            );
            return terminal.say(ExitCode::Unknown, &text);
        }
        Ok(cases) => cases,
        Err(error) => return terminal.say(ExitCode::Usage, &format!("error: {error}\n")),
    };
    let interrupts = match Interrupts::listen() {
        Ok(interrupts) => interrupts,
        Err(error) => {
            let text = format!("error: signals cannot be listened to: {error}\n");
            return terminal.say(ExitCode::Environment, &text);
        }
    };
    let ran: Vec<Ran> = cases
        .par_iter()
        .map(|case| carry_out(case, &interrupts))
        .collect();
    let mut code = ExitCode::Valid;
    let mut text = String::new();
    for ran in &ran {
        code = code.and(ran.exit);
        text.push_str(&suite::line(ran));
    }
    let as_expected = ran.iter().filter(|ran| ran.differs.is_none()).count();
    let cases = number::counted(ran.len() as u64, "case");
    let _ = writeln!(text, "{cases}: {as_expected} as expected");
    if let Some(file) = &args.junit
        && let Err(error) = write_whole(file, suite::xml(&ran))
    {
        code = code.and(terminal.say(error.exit_code(), &format!("error: {error}\n")));
    }
    code.and(terminal.print(&text))
}

fn carry_out(folder: &Path, interrupts: &Interrupts) -> Ran {
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    let name = name.to_string_lossy().into_owned();
    match judged(folder, interrupts) {
        Ok((case, outcome)) => {
            let found: Vec<String> = outcome
                .causes
                .iter()
                .map(|(cause, _)| format!("{} {}", cause.checker, cause.anomaly))
                .collect();
            let differs = case.differs(outcome.validity, &found, &outcome.reason);
            let exit = match (&differs, outcome.validity) {
                (None, _) => ExitCode::Valid,
                // The verdict is valid, and what was asked for beyond that is missed.
                (Some(_), Validity::Valid) => ExitCode::GateMissed,
                (Some(_), _) => outcome.exit,
            };
            Ran {
                name,
                expected: case.expected.validity().name().to_owned(),
                differs,
                exit,
            }
        }
        Err((exit, reason)) => Ran {
            name,
            expected: "a verdict".to_owned(),
            differs: Some(reason),
            exit,
        },
    }
}

fn judged(folder: &Path, interrupts: &Interrupts) -> Result<(Case, Outcome), (ExitCode, String)> {
    let usage = |error: CaseError| (ExitCode::Usage, error.to_string());
    let case = Case::read(folder).map_err(usage)?;
    let path = folder.join("plan.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| (ExitCode::Usage, format!("{}: {error}", path.display())))?;
    let plan = read_recorded(&text, &path.to_string_lossy(), &checkers())
        .map_err(|error| (ExitCode::Usage, error.to_string()))?;
    if !matches!(plan.target, Target::Sim(_)) {
        let text = "only simulated cases can be tested: a real cluster gives another history each time; use schism replay";
        return Err((ExitCode::Usage, text.to_owned()));
    }
    let scratch = tempfile::tempdir().map_err(|error| {
        (
            ExitCode::CannotWrite,
            format!("a temporary folder: {error}"),
        )
    })?;
    let outcome = execute(&Candidate { plan }, scratch.path(), interrupts)
        .map_err(|error| (error.exit_code(), error.to_string()))?;
    Ok((case, outcome))
}
