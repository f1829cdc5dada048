//! `schism check`: judge a run again from its folder, or a history from anywhere.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use schism_checkers::CHECKERS;
use schism_history::format::read_any;
use schism_history::jepsen::Options;

use super::Terminal;
use crate::exit_code::ExitCode;
use crate::judge::{Judgement, judge_at};
use crate::report::Files;
use crate::run_folder::write_whole;

/// Judge a run again from its folder, or a history from anywhere
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A run's folder, or a history: of schism, or of Jepsen in EDN or JSON
    #[arg(value_name = "RUN|FILE")]
    path: PathBuf,
    /// Of a history file, the checkers to ask; may be given again [default: those that fit its operations]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(CHECKERS.iter().map(|listed| listed.name)))]
    checker: Vec<String>,
    /// Of a Jepsen history: each client operation's value is a pair of key and value
    #[arg(long)]
    keyed: bool,
    /// Of a history file: write the report into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    if args.path.is_dir() {
        return run_folder(args, terminal);
    }
    if !args.path.exists() {
        let text = format!(
            "error: {}: there is no such run or history\n  help: name the folder of a run, as runs/latest, or a file with a \
             history\n",
            args.path.display()
        );
        return terminal.say(ExitCode::Usage, &text);
    }
    match file(args) {
        Ok((judgement, report)) => terminal.verdict(&judgement, args.json, report.as_deref()),
        Err((code, error)) => terminal.say(code, &format!("error: {error}\n")),
    }
}

fn run_folder(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    if let Some(option) = [
        (!args.checker.is_empty()).then_some("--checker"),
        args.keyed.then_some("--keyed"),
        args.out.is_some().then_some("--out"),
    ]
    .into_iter()
    .flatten()
    .next()
    {
        let text = format!(
            "error: {option} is for history files, and {} is a folder: its plan says what is judged; \
             give {} for its history alone\n",
            args.path.display(),
            args.path.join("history.jsonl").display()
        );
        return terminal.say(ExitCode::Usage, &text);
    }
    let (folder, judgement) = match judge_at(&args.path) {
        Ok(judged) => judged,
        Err(error) => {
            let text = error.render(terminal.err_look);
            return terminal.say(error.exit_code(), &text);
        }
    };
    let written = terminal.write_reports(&judgement, &folder);
    let report = folder.file("report.html");
    terminal
        .verdict(&judgement, args.json, Some(&report.to_string_lossy()))
        .and(written)
}

/// Judges a history file; the path of the page, if one was written.
fn file(args: &Args) -> Result<(Judgement, Option<String>), (ExitCode, String)> {
    let shown = args.path.display();
    let input =
        File::open(&args.path).map_err(|error| (ExitCode::Usage, format!("{shown}: {error}")))?;
    let options = Options {
        keyed: args.keyed,
        f: None,
    };
    let import = read_any(BufReader::with_capacity(1 << 20, input), options)
        .map_err(|error| (ExitCode::Usage, format!("{shown}: {error}")))?;
    let judgement = Judgement::of_history(import, &shown.to_string(), &args.checker);
    let Some(out) = &args.out else {
        return Ok((judgement, None));
    };
    for (name, text) in Files::new(&judgement.input()).iter() {
        write_whole(&out.join(name), text)
            .map_err(|error| (error.exit_code(), error.to_string()))?;
    }
    let report = out.join("report.html").to_string_lossy().into_owned();
    Ok((judgement, Some(report)))
}
