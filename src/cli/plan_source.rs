//! Which plan a command is about, and what the command line changes in it.

use std::env;
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;
use schism_checkers::CHECKERS;

use crate::plan::{Override, Plan, PlanError, PlanFile, Reading, read};

/// A plan, as commands take it: flattened into the arguments of each.
#[derive(Clone, Debug, clap::Args)]
pub struct PlanSource {
    /// The plan: a TOML file, or a folder with a plan.toml
    #[arg(value_name = "PLAN")]
    pub path: PathBuf,
    #[command(flatten)]
    changes: Changes,
}

/// What the command line changes in a plan.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Changes {
    /// What every random choice comes from, in place of the plan's seed
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    seed: Option<String>,
    /// How long the load lasts, in place of the plan's time
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    time: Option<String>,
    /// Any other value in place of the plan's.
    #[arg(
        long,
        value_name = "KEY=VALUE",
        allow_hyphen_values = true,
        help = "Any other value in place of the plan's, as in --set load.rate=500 or --set 'faults[0].every=5s'"
    )]
    set: Vec<String>,
}

impl PlanSource {
    /// Reads the plan. A seed that nobody gave is drawn from the operating system; zero when it has none.
    ///
    /// # Errors
    /// There is no such file, or something is wrong with the plan.
    pub fn read(&self) -> Result<Plan, PlanError> {
        read_file(&self.path, &self.changes)
    }
}

impl Changes {
    /// As overrides of the plan. Options of their own win over `--set`.
    pub(super) fn overrides(&self) -> Vec<Override> {
        let set = self.set.iter().map(|argument| Override::set(argument));
        let seed = self
            .seed
            .iter()
            .map(|seed| Override::named("--seed", "seed", seed));
        let time = self
            .time
            .iter()
            .map(|time| Override::named("--time", "time", time));
        set.chain(seed).chain(time).collect()
    }
}

/// The plan in a file, or in a folder's plan.toml, as it is; with this seed if it names none.
pub(super) fn read_fixed(path: &Path, default_seed: u64) -> Result<Plan, PlanError> {
    let file = PlanFile::open(path)?;
    let source = file.path.to_string_lossy();
    let named = Named {
        source: &source,
        default_name: &file.default_name,
        folder: &file.folder,
    };
    read_seeded(&file.text, &named, &[], default_seed)
}

/// The plan in a file, or in a folder's plan.toml.
pub(super) fn read_file(path: &Path, changes: &Changes) -> Result<Plan, PlanError> {
    let file = PlanFile::open(path)?;
    let source = file.path.to_string_lossy();
    let named = Named {
        source: &source,
        default_name: &file.default_name,
        folder: &file.folder,
    };
    read_text(&file.text, &named, &changes.overrides())
}

/// Where a plan's text comes from.
pub(super) struct Named<'a> {
    /// What messages call it.
    pub(super) source: &'a str,
    /// The plan's name, where it does not say.
    pub(super) default_name: &'a str,
    /// Where its relative paths start.
    pub(super) folder: &'a Path,
}

/// The plan in a text, changed by the command line.
pub(super) fn read_text(
    text: &str,
    named: &Named<'_>,
    overrides: &[Override],
) -> Result<Plan, PlanError> {
    let drawn = SysRng.try_next_u32().unwrap_or_default().into();
    read_seeded(text, named, overrides, drawn)
}

fn read_seeded(
    text: &str,
    named: &Named<'_>,
    overrides: &[Override],
    default_seed: u64,
) -> Result<Plan, PlanError> {
    let home = env::home_dir().filter(|home| home.is_absolute());
    read(
        text,
        &Reading {
            source: named.source,
            default_name: named.default_name,
            default_seed,
            folder: named.folder,
            home: home.as_deref(),
            checkers: &checkers(),
            overrides,
            look_at_files: true,
        },
    )
}

/// The checkers that plans may name.
pub(super) fn checkers() -> Vec<&'static str> {
    CHECKERS.iter().map(|listed| listed.name).collect()
}
