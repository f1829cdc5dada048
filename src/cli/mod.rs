//! The command line.

mod terminal;
mod plan_source;
mod programs;
mod source;
mod verdict;
pub mod check;
pub mod convert;
pub mod demo;
pub mod doctor;
pub mod heal;
pub mod hunt;
pub mod init;
pub mod keep;
pub mod lab;
pub mod levels;
pub mod list;
pub mod plan;
pub mod replay;
pub mod report;
pub mod run;
pub mod test;

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::{Parser, Subcommand};

pub use plan_source::PlanSource;
pub use terminal::{Terminal, look};

use crate::exit_code::ExitCode;

/// Chaos testing for databases: do they keep their consistency promises while things break?
#[derive(Debug, Parser)]
#[command(name = "schism", version, after_help = exit_codes())]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Plan(plan::Args),
    Doctor(doctor::Args),
    Run(Box<run::Args>),
    Hunt(hunt::Args),
    Replay(replay::Args),
    Keep(keep::Args),
    Test(test::Args),
    Check(check::Args),
    Levels(levels::Args),
    Report(report::Args),
    Convert(convert::Args),
    Lab(lab::LabArgs),
    Heal(heal::Args),
    List(list::Args),
}

/// The exit codes, as `schism help` shows them.
fn exit_codes() -> String {
    let mut codes = ExitCode::BY_PRECEDENCE;
    codes.sort_by_key(|code| code.code());
    let mut text = "Exit codes:".to_owned();
    for code in codes {
        let _ = write!(text, "\n  {:<4} {}", code.code(), code.meaning());
    }
    text
}

/// Runs one command line, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>, terminal: &mut Terminal<'_>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = ExitCode::of_clap(&error);
            let rendered = error.render();
            let text = if terminal.look_at(code).color {
                rendered.ansi().to_string()
            } else {
                rendered.to_string()
            };
            return terminal.say(code, &text);
        }
    };
    match arguments.command {
        Command::Check(args) => check::run(&args, terminal),
        Command::Convert(args) => convert::run(&args, terminal),
        Command::Demo(args) => demo::run(&args, terminal),
        Command::Doctor(args) => doctor::run(&args, terminal),
        Command::Heal(args) => heal::run(&args, terminal),
        Command::Hunt(args) => hunt::run(&args, terminal),
        Command::Init(args) => init::run(&args, terminal),
        Command::Keep(args) => keep::run(&args, terminal),
        Command::Lab(args) => match lab::run(&args, terminal.out) {
            Ok(()) => ExitCode::Valid,
            Err(error) => terminal.say(error.trouble().into(), &format!("error: {error}\n")),
        },
        Command::Levels(args) => levels::run(&args, terminal),
        Command::List(args) => list::run(&args, terminal),
        Command::Plan(args) => plan::run(&args, terminal),
        Command::Replay(args) => replay::run(&args, terminal),
        Command::Report(args) => report::run(&args, terminal),
        Command::Run(args) => run::run(&args, terminal),
        Command::Test(args) => test::run(&args, terminal),
    }
}
