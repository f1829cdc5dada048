//! The command line.

mod terminal;
mod plan_source;
pub mod init;
pub mod lab;
pub mod plan;

use std::ffi::OsString;
use std::io::Write;

use clap::{Parser, Subcommand};

pub use plan_source::PlanSource;
pub use terminal::{Terminal, look};

use crate::exit_code::ExitCode;
use crate::lab::Trouble;

/// Chaos testing for databases: do they keep their consistency promises while things break?
#[derive(Debug, Parser)]
#[command(name = "schism", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Lab(lab::LabArgs),
    Plan(plan::Args),
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
        Command::Init(args) => init::run(&args, terminal),
        Command::Lab(args) => match lab::run(&args, terminal.out) {
            Ok(()) => ExitCode::Valid,
            Err(error) => {
                let code = match error.trouble() {
                    Trouble::Usage => ExitCode::Usage,
                    Trouble::Environment => ExitCode::Environment,
                    Trouble::Write => ExitCode::CannotWrite,
                    Trouble::Interrupted => ExitCode::Interrupted,
                    Trouble::Terminated => ExitCode::Terminated,
                };
                terminal.say(code, &format!("error: {error}\n"))
            }
        },
        Command::Plan(args) => plan::run(&args, terminal),
    }
}

impl Terminal<'_> {
    /// Writes an answer to standard output when all is well, else to standard error.
    fn say(&mut self, code: ExitCode, text: &str) -> ExitCode {
        let stream: &mut dyn Write = if code == ExitCode::Valid {
            &mut *self.out
        } else {
            &mut *self.err
        };
        let written = stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush());
        match written {
            Ok(()) => code,
            Err(_) => code.and(ExitCode::CannotWrite),
        }
    }

    fn look_at(&self, code: ExitCode) -> crate::plan::Look {
        if code == ExitCode::Valid {
            self.out_look
        } else {
            self.err_look
        }
    }
}
