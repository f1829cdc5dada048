//! `schism keep`: put a run among the cases that `schism test` carries out again.

use std::path::PathBuf;

use super::Terminal;
use crate::cases::{Case, CaseError, Expected};
use crate::exit_code::ExitCode;
use crate::judge::judge_at;

/// Keep a run as a test: its plan, its seed and the verdict that is expected of it
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN", default_value = "runs/latest")]
    path: PathBuf,
    /// The folder of cases
    #[arg(long, value_name = "FOLDER", default_value = "cases")]
    to: PathBuf,
    /// What the case is called [default: the plan's name and its seed]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What is expected of it [default: what the run showed]
    #[arg(long, value_name = "VERDICT")]
    expect: Option<Expected>,
}

/// Runs the command. It prints the case's folder.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let (folder, judgement) = match judge_at(&args.path) {
        Ok(judged) => judged,
        Err(error) => {
            let text = error.render(terminal.err_look);
            return terminal.say(error.exit_code(), &text);
        }
    };
    let input = judgement.input();
    let name = args.name.clone();
    let name = name.unwrap_or_else(|| format!("{}-{}", input.run.name, input.run.seed));
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        let text = format!("error: a case is a folder, and cannot be called {name:?}\n");
        return terminal.say(ExitCode::Usage, &text);
    }
    let kept = Case::of(&judgement, args.expect).and_then(|case| {
        let plan = folder.read("plan.toml")?;
        case.keep(&plan, &args.to, &name)
    });
    match kept {
        Ok(kept) => terminal.print(&format!("{}\n", kept.display())),
        Err(error) => {
            let code = match &error {
                CaseError::Folder(error) => error.exit_code(),
                _ => ExitCode::Usage,
            };
            terminal.say(code, &format!("error: {error}\n"))
        }
    }
}
