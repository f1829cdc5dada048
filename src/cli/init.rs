//! `schism init`: a commented plan to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use clap::ValueEnum;

use super::Terminal;
use crate::exit_code::ExitCode;
use crate::plan::init::{ETCD, SIM, SSH};

/// Write a commented plan to start from
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What the plan is for
    kind: Kind,
    /// Where to write it; `-` for standard output
    #[arg(default_value = "plan.toml", value_name = "FILE")]
    file: PathBuf,
}

/// The plans to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A simulated cluster: no root, no database, no network
    Sim,
    /// A local etcd cluster: needs root and etcd
    Etcd,
    /// A cluster of your own, reached over SSH
    Ssh,
}

impl Kind {
    /// The plan's text.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Sim => SIM,
            Self::Etcd => ETCD,
            Self::Ssh => SSH,
        }
    }
}

/// Runs the command. A file that exists is never overwritten.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let text = args.kind.text();
    if args.file.as_os_str() == "-" {
        return terminal.say(ExitCode::Valid, text);
    }
    let file = args.file.display();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => terminal.say(
            ExitCode::Valid,
            &format!("wrote {file}\nnext: schism plan {file}\n"),
        ),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => terminal.say(
            ExitCode::Usage,
            &format!(
                "error: {file} is there already, and is not overwritten\n  help: name another file, or `-` for standard \
                 output\n"
            ),
        ),
        Err(error) => terminal.say(
            ExitCode::CannotWrite,
            &format!("error: {file} cannot be written: {error}\n  help: name a file in a folder that exists and is yours\n"),
        ),
    }
}
