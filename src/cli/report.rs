//! `schism report`: make the report of a run again, from its folder alone.

use std::path::PathBuf;

use super::Terminal;
use crate::exit_code::ExitCode;
use crate::judge::judge_at;

/// Make the report of a run again, from its folder alone
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN", default_value = "runs/latest")]
    path: PathBuf,
}

/// Runs the command. It prints the page's path and ends as the run did.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let (folder, judgement) = match judge_at(&args.path) {
        Ok(judged) => judged,
        Err(error) => {
            let text = error.render(terminal.err_look);
            return terminal.say(error.exit_code(), &text);
        }
    };
    let code = judgement.exit_code();
    let written = terminal.write_reports(&judgement, &folder);
    if written != ExitCode::Valid {
        return code.and(written);
    }
    let said = terminal.print(&format!("{}\n", folder.file("report.html").display()));
    code.and(said)
}
