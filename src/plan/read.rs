//! From text to a believed plan.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use schism_workloads::WORKLOADS;

use super::Plan;

use super::document::{Document, Guide};
use super::error::PlanError;
use super::lower::lower;
use super::path::{KeyPath, Segment};
use super::raw::RawPlan;
use super::schema;
use super::set::Override;
use super::texts::Texts;

/// A plan is written by hand; a file larger than this is something else.
const FILE_MAX: u64 = 1 << 20;

/// What a plan's text alone does not say.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'r> {
    /// How mistakes call the text: the file's path as the user gave it.
    pub source: &'r str,
    /// The name of a plan that gives itself none; anything that cannot stand in a folder's name is replaced.
    pub default_name: &'r str,
    /// The seed of a plan that gives itself none. Drawn by the caller, at most 2^63 - 1.
    pub default_seed: u64,
    /// The folder that relative paths start from, as a whole path.
    pub folder: &'r Path,
    /// The user's home folder, for `~`.
    pub home: Option<&'r Path>,
    /// The names of the checkers that there are: those of [`schism_checkers::CHECKERS`].
    pub checkers: &'r [&'r str],
    /// Values that take the place of the plan's, the last one winning.
    pub overrides: &'r [Override],
    /// Whether files that the plan names must be there. Not for a recorded plan, which may be read elsewhere.
    pub look_at_files: bool,
}

/// Reads a plan's text. Pure but for the look at files.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, reading: &Reading<'_>) -> Result<Plan, PlanError> {
    let texts = Texts::new(reading.source, text, reading.overrides);
    let document =
        Document::parse(&texts, reading.overrides).map_err(|findings| texts.error(findings))?;
    let raw: RawPlan = document
        .read(&Shape::new())
        .map_err(|findings| texts.error(findings))?;
    lower(raw, reading).map_err(|complaints| {
        texts.error(
            complaints
                .into_iter()
                .map(|complaint| document.at(complaint))
                .collect(),
        )
    })
}

/// Reads a plan that [`Plan::to_toml`] wrote, perhaps on another machine: it says everything, so nothing around it
/// counts, and files that it names need not be there.
///
/// # Errors
/// Somebody has changed it, or another version of schism has written it.
pub fn read_recorded(text: &str, source: &str, checkers: &[&str]) -> Result<Plan, PlanError> {
    let reading = Reading {
        source,
        default_name: "",
        default_seed: 0,
        folder: Path::new("/"),
        home: None,
        checkers,
        overrides: &[],
        look_at_files: false,
    };
    read(text, &reading)
}

/// A plan's text and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFile {
    /// The file.
    pub path: PathBuf,
    /// Its folder, as a whole path.
    pub folder: PathBuf,
    /// The name of a plan that gives itself none: that of the folder for a `plan.toml`, else that of the file.
    pub default_name: String,
    /// Its text.
    pub text: String,
}

impl PlanFile {
    /// Reads a file, or the `plan.toml` in a folder.
    ///
    /// # Errors
    /// There is none, or it is no text.
    pub fn open(given: &Path) -> Result<Self, PlanError> {
        const PLAN: &str = "plan.toml";
        let path = if given.is_dir() {
            given.join(PLAN)
        } else {
            given.to_owned()
        };
        let unreadable = |reason: String, help: &str| PlanError::Unreadable {
            path: path.clone(),
            reason,
            help: help.to_owned(),
        };
        let io = |error: &std::io::Error| {
            let help = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "name a TOML file, or a folder with a plan.toml in it; `schism init` writes one"
                }
                std::io::ErrorKind::PermissionDenied => "make it readable for this user",
                _ => "name a TOML file, or a folder with a plan.toml in it",
            };
            unreadable(plain(error), help)
        };
        let metadata = fs::metadata(&path).map_err(|error| io(&error))?;
        if !metadata.is_file() {
            return Err(unreadable(
                "this is no file".to_owned(),
                "name a TOML file, or a folder with a plan.toml in it",
            ));
        }
        if metadata.len() > FILE_MAX {
            return Err(unreadable(
                format!("a plan of {} bytes is no plan", metadata.len()),
                "a plan is written by hand and has at most 1 MiB; is this a history?",
            ));
        }
        let bytes = fs::read(&path).map_err(|error| io(&error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let before = &error.as_bytes()[..valid];
            let line = before.split(|&byte| byte == b'\n').count();
            unreadable(
                format!(
                    "line {line} holds a byte that is no UTF-8 text (byte {valid} of the file)"
                ),
                "save the file as UTF-8",
            )
        })?;
        let whole = std::path::absolute(&path).map_err(|error| io(&error))?;
        let folder = whole
            .parent()
            .map_or_else(|| PathBuf::from("/"), Path::to_owned);
        let is_plan = whole.file_name().is_some_and(|name| name == PLAN);
        let name = if is_plan {
            folder.canonicalize().unwrap_or(folder.clone())
        } else {
            whole.with_extension("")
        };
        let default_name = name
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self {
            path,
            folder,
            default_name,
            text,
        })
    }
}

/// The shape of a plan, for advice.
struct Shape {
    sections: OnceCell<Vec<(String, Vec<String>)>>,
}

impl Shape {
    const fn new() -> Self {
        Self {
            sections: OnceCell::new(),
        }
    }
}

impl Guide for Shape {
    fn home_of(&self, path: &KeyPath, key: &str) -> Option<String> {
        let is_top = matches!(path.segments(), [Segment::Key(_)]);
        let homes: Vec<_> = self
            .sections
            .get_or_init(schema::sections)
            .iter()
            .filter(|(_, keys)| keys.iter().any(|known| known == key))
            .map(|(section, _)| section.as_str())
            .collect();
        match homes.as_slice() {
            [] => None,
            ["", ..] => (!is_top).then(|| {
                format!("`{key}` belongs to the top of the plan, before the first [table]")
            }),
            homes => Some(format!("`{key}` belongs into {}", homes.join(" or "))),
        }
    }

    fn choices(&self, path: &KeyPath) -> Option<String> {
        (path.to_string() == "workload").then(|| {
            let names: Vec<_> = WORKLOADS.iter().map(|listed| listed.name).collect();
            format!("add one of {}, as in register = {{}}", names.join(", "))
        })
    }
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    }
}
