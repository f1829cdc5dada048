//! `schism hunt`: carry a plan out with one seed after the other, in search of a violation.

use std::path::PathBuf;
use std::str::FromStr;
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Terminal;
use super::plan_source::{Changes, read_file};
use super::run::execute as carry_out;
use crate::clock::{Clock as _, MonotonicClock};
use crate::exit_code::ExitCode;
use crate::hunt::{Candidate, Ending, ExecuteError, Found, Hunt, execute, search};
use crate::interrupt::{Interrupts, Urgency};
use crate::plan::units::Span;
use crate::plan::{Plan, Target};
use crate::report::hunt::{json, text};

/// So many seeds are tried when nobody says how many or for how long.
const SEEDS: u64 = 100;
/// TOML's integers end here.
const SEED_MAX: u64 = i64::MAX as u64;
/// Of so many causes the first run is carried out again and kept, with its report.
const KEPT_MOST: usize = 10;

/// Try one seed after the other on all cores, until something is wrong: simulated plans only
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The plan: a TOML file, or a folder with a plan.toml
    #[arg(value_name = "PLAN")]
    path: PathBuf,
    #[command(flatten)]
    changes: Changes,
    /// The seeds, both ends included [default: 1..100; without an end when --for is given]
    #[arg(long, value_name = "FROM..TO")]
    seeds: Option<Seeds>,
    /// Begin no more runs after so long
    #[arg(long = "for", value_name = "DURATION")]
    within: Option<Span>,
    /// Go on after a violation, and tell the kinds of them apart
    #[arg(long)]
    all: bool,
    /// How many runs go on at once [default: as many as there are cores]
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,
    /// The folder that the runs which show something are kept in
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    out: PathBuf,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// A range of seeds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seeds {
    first: u64,
    last: u64,
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no range of seeds: write two numbers up to {SEED_MAX}, as in 1..1000"
            )
        };
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let last = last.strip_prefix('=').unwrap_or(last);
        let number = |text: &str| text.parse::<u64>().ok().filter(|seed| *seed <= SEED_MAX);
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(wrong()),
        }
    }
}

/// Runs the command. It ends with the worst verdict of all runs.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let plan = match read_file(&args.path, &args.changes) {
        Ok(plan) => plan,
        Err(error) => {
            let text = error.render(terminal.err_look);
            return terminal.say(ExitCode::Usage, &text);
        }
    };
    if !matches!(plan.target, Target::Sim(_)) {
        let text =
            "error: only a simulated plan can be hunted: its seed decides all that happens\n";
        return terminal.say(ExitCode::Usage, text);
    }
    let interrupts = match Interrupts::listen() {
        Ok(interrupts) => interrupts,
        Err(error) => {
            let text = format!("error: signals cannot be listened to: {error}\n");
            return terminal.say(ExitCode::Environment, &text);
        }
    };
    let found = match hunt(args, &plan, &interrupts, terminal) {
        Ok(found) => found,
        Err((code, text)) => return terminal.say(code, &text),
    };
    let mut code = found.exit;
    if found.ending == Ending::Interrupted {
        let signal = interrupts.signal().unwrap_or_default();
        code = code.and(ExitCode::of_signal(signal));
    }
    let mut kept = Vec::new();
    if interrupts.urgency() == Urgency::None {
        let mut seeds: Vec<u64> = found.groups.iter().map(|group| group.first).collect();
        seeds.dedup();
        seeds.truncate(if args.all { KEPT_MOST } else { 1 });
        for seed in seeds {
            let candidate = Candidate::seeded(&plan, seed);
            match carry_out(&candidate.plan, &args.out, true, terminal) {
                Ok(execution) => {
                    code = code.and(execution.written);
                    kept.push((seed, execution.folder.path().to_owned()));
                }
                Err(error) => code = code.and(error),
            }
        }
    }
    let said = if args.json {
        json(&plan.name, &found, &kept)
    } else {
        text(&plan.name, &found, &kept)
    };
    code.and(terminal.print(&said))
}

fn hunt(
    args: &Args,
    plan: &Plan,
    interrupts: &Interrupts,
    terminal: &Terminal<'_>,
) -> Result<Found, (ExitCode, String)> {
    let last = if args.within.is_some() {
        SEED_MAX
    } else {
        SEEDS
    };
    let seeds = args.seeds.unwrap_or(Seeds { first: 1, last });
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores).clamp(1, 1_024);
    let scratch = tempfile::tempdir().map_err(|error| {
        let text = format!("error: a temporary folder: {error}\n");
        (ExitCode::CannotWrite, text)
    })?;
    let clock = MonotonicClock::start();
    let over = || {
        if interrupts.urgency() > Urgency::None {
            return Some(Ending::Interrupted);
        }
        let elapsed = clock.now().since(schism_history::Time::ZERO);
        args.within
            .is_some_and(|time| elapsed >= time.0)
            .then_some(Ending::Time)
    };
    let hunt = Hunt {
        first: seeds.first,
        last: seeds.last,
        jobs,
        all: args.all,
        over: &over,
    };
    let one = |seed, job: usize| {
        let own = scratch.path().join(job.to_string());
        execute(&Candidate::seeded(plan, seed), &own, interrupts)
    };
    let bar = bar(&hunt, args.quiet || !terminal.is_live);
    let mut told = |found: &Found| {
        bar.set_position(found.seeds);
        bar.set_message(format!(
            "{} valid, {} unknown, {} invalid, {} causes",
            found.valid,
            found.unknown,
            found.invalid,
            found.groups.len()
        ));
    };
    let found = search(&hunt, one, &mut told);
    bar.finish_and_clear();
    found.map_err(|(seed, error): (u64, ExecuteError)| {
        let text = format!("error: seed {seed}: {error}\n");
        (error.exit_code(), text)
    })
}

fn bar(hunt: &Hunt<'_>, hidden: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    if hidden {
        return bar;
    }
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(4));
    let seeds = hunt.last - hunt.first;
    let template = if seeds < SEED_MAX / 2 {
        bar.set_length(seeds + 1);
        "hunting {bar:24.cyan/dim} {pos} of {len} seeds, {eta} left: {msg}"
    } else {
        "hunting {spinner} {pos} seeds in {elapsed}: {msg}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━━─"));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_ranges_with_both_ends() {
        let range = |first, last| Ok(Seeds { first, last });
        assert_eq!("1..100".parse(), range(1, 100));
        assert_eq!("7..=9".parse(), range(7, 9));
        assert_eq!("7".parse(), range(7, 7));
        for wrong in ["", "..", "9..7", "1..", "-1..4", "1..9223372036854775808"] {
            let error = wrong.parse::<Seeds>().unwrap_err();
            assert!(error.contains("as in 1..1000"), "{error}");
        }
    }
}
