//! The command line of schism.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use schism::cli::lab::{self, LabArgs};
use schism::lab::Trouble;

/// Chaos testing for databases
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Lab(LabArgs),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    let Command::Lab(args) = cli.command;
    match lab::run(&args, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(match error.trouble() {
                Trouble::Usage => 64,
                Trouble::Environment => 69,
                Trouble::Write => 74,
                Trouble::Interrupted => 130,
                Trouble::Terminated => 143,
            })
        }
    }
}
