//! `schism demo`: what schism does, in ten seconds, on a simulated cluster: a register that keeps its promise and one
//! that does not, under the same partitions.

use std::path::PathBuf;

use schism_checkers::Validity;

use super::Terminal;
use super::run::{Execution, execute};
use crate::exit_code::ExitCode;
use crate::plan::{Override, Plan, PlanError, Reading, read};
use crate::report::text;

/// Watch a correct and a broken replicated register under the same partitions, simulated: needs nothing
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only the correct one; ends with its verdict
    #[arg(long, conflicts_with = "broken")]
    correct: bool,
    /// Only the broken one; ends with its verdict
    #[arg(long)]
    broken: bool,
    /// What every random choice comes from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// The folder that the runs' own folders are made in
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    out: PathBuf,
}

/// One of the two.
struct Part {
    name: &'static str,
    plan: &'static str,
    story: &'static str,
    announced: Validity,
}

const CORRECT: Part = Part {
    name: "quorum-correct",
    plan: include_str!("../../examples/quorum-correct/plan.toml"),
    story: "A register with a copy on each of 5 nodes. A write goes to a majority. A read asks a majority, and writes\n\
            what it found back to a majority before it answers. Announced: valid.",
    announced: Validity::Valid,
};

const BROKEN: Part = Part {
    name: "quorum-broken",
    plan: include_str!("../../examples/quorum-broken/plan.toml"),
    story: "The same register under the same partitions, but reads do not write back. \"Any two majorities overlap, so\n\
            every read sees the newest write\" - or does it? Announced: invalid.",
    announced: Validity::Invalid,
};

/// What the proof of the broken one means, for somebody who sees such a thing for the first time.
const MEANING: &str = "\
What that means: a value was there, and later it was gone, though nobody had overwritten it. One read met the one
copy that a write had already reached; a later read asked other copies and got the old value. No real register can
do that, whatever the network does: once somebody has seen a value, nobody may see the one before it.
";

/// Runs the command. Without `--correct` or `--broken` it succeeds exactly when both verdicts are as announced.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let result = if args.correct {
        show(&CORRECT, args, terminal).map(|shown| shown.judgement.exit_code().and(shown.written))
    } else if args.broken {
        show(&BROKEN, args, terminal).map(|shown| shown.judgement.exit_code().and(shown.written))
    } else {
        both(args, terminal)
    };
    result.unwrap_or_else(|code| code)
}

fn both(args: &Args, terminal: &mut Terminal<'_>) -> Result<ExitCode, ExitCode> {
    let mut code = ExitCode::Valid;
    let mut surprises = Vec::new();
    for part in [&CORRECT, &BROKEN] {
        let shown = show(part, args, terminal)?;
        code = code.and(shown.written);
        let validity = shown.judgement.input().conclusion.validity;
        if validity != part.announced {
            surprises.push(format!(
                "{}: {} was announced, and it is {}",
                part.name,
                part.announced.name(),
                validity.name()
            ));
        }
    }
    if surprises.is_empty() {
        let said = terminal.print(
            "\nBoth verdicts are as announced.\n\
             next: open the report above in a browser; then `schism init etcd` for a real cluster\n",
        );
        return Ok(code.and(said));
    }
    let text = format!("\nerror: {}\n", surprises.join("; "));
    Ok(code.and(terminal.say(ExitCode::Unknown, &text)))
}

/// Runs one of the two and says what came of it.
fn show(part: &Part, args: &Args, terminal: &mut Terminal<'_>) -> Result<Execution, ExitCode> {
    let plan = plan(part, args.seed).map_err(|error| {
        let text = error.render(terminal.err_look);
        terminal.say(ExitCode::Bug, &text)
    })?;
    let said = terminal.print(&format!("\n{}: {}\n\n", part.name, part.story));
    let execution = execute(&plan, &args.out, false, terminal)?;
    let report = execution.folder.file("report.html");
    let input = execution.judgement.input();
    let look = terminal.out_look;
    let mut summary = text::summary(&input, look, Some(&report.to_string_lossy()));
    if part.announced == Validity::Invalid && input.conclusion.validity == Validity::Invalid {
        summary.push('\n');
        summary.push_str(MEANING);
    }
    let said = said.and(terminal.print(&summary));
    Ok(Execution {
        written: execution.written.and(said),
        ..execution
    })
}

fn plan(part: &Part, seed: u64) -> Result<Plan, PlanError> {
    let seed = seed.to_string();
    read(
        part.plan,
        &Reading {
            source: part.name,
            default_name: part.name,
            default_seed: 0,
            folder: std::path::Path::new("."),
            home: None,
            checkers: &super::plan_source::checkers(),
            overrides: &[Override::named("--seed", "seed", &seed)],
            look_at_files: false,
        },
    )
}
