//! `schism levels`: which consistency levels a history gives.

use std::path::PathBuf;

use super::Terminal;
use super::check::Asked;
use super::source::Source;
use crate::exit_code::ExitCode;
use crate::judge::Judgement;
use crate::judge::levels::Standings;
use crate::report::{Files, levels};
use crate::run_folder::write_whole;

/// Say which consistency levels a history gives, and which it breaks
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A history, of any format that `schism check` reads, or a run's folder; - is standard input
    #[arg(value_name = "RUN|FILE")]
    path: PathBuf,
    #[command(flatten)]
    asked: Asked,
    /// Write the report, with the levels drawn, into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print the levels as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command: 0 when some level is decided, 2 when none is.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let inside = args.path.join("history.jsonl");
    let path = if inside.is_file() {
        &inside
    } else {
        &args.path
    };
    let source = Source::new(path, terminal);
    let judgement = match args.asked.judge(&source) {
        Ok(judgement) => judgement,
        Err((code, error)) => return terminal.say(code, &format!("error: {error}\n")),
    };
    let input = judgement.input();
    let text = if args.json {
        levels::json(&input)
    } else {
        levels::text(&input, terminal.out_look)
    };
    let mut code = ending(&judgement).and(terminal.print(&text));
    if let Some(out) = &args.out {
        for (name, text) in Files::new(&input).iter() {
            if let Err(error) = write_whole(&out.join(name), text) {
                return code.and(terminal.say(error.exit_code(), &format!("error: {error}\n")));
            }
        }
        if !args.json {
            let report = out.join("report.html");
            code = code.and(terminal.print(&format!("\n  report  {}\n", report.display())));
        }
    }
    code
}

/// A level that is refuted is an answer, and no failure: it was asked for.
fn ending(judgement: &Judgement) -> ExitCode {
    let standings = Standings::of(judgement.verdicts());
    if judgement.is_disputed() {
        ExitCode::Bug
    } else if standings.is_empty() {
        ExitCode::Unknown
    } else {
        ExitCode::Valid
    }
}
