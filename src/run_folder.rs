//! The folder of one run: all that is needed to judge it again.
//!
//! ```text
//! runs/NAME/20261121T101530.123Z/
//!   plan.toml       the plan as resolved, every default explicit
//!   run.json        seed, command line, versions, environment, and how the run ended
//!   history.jsonl   what the clients saw and the nemesis did
//!   logs/NODE/      the nodes' logs
//!   verdict.json  report.html  junit.xml  plots/   made from the rest, again and again with the same bytes
//! runs/latest       a link to the newest
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use schism_history::History;
use schism_history::jsonl::{self, ReadError, Torn};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::exit_code::ExitCode;

/// What a run says about itself besides its plan and its history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The version of this file's format.
    pub version: u32,
    /// When it began, in UTC.
    pub started: String,
    /// The seed of everything that was drawn.
    pub seed: u64,
    /// The command line.
    pub command: Vec<String>,
    /// Versions, kernels, tools: of the controller and of each node.
    pub environment: BTreeMap<String, String>,
    /// How it ended; absent while it is under way, and for ever if it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// A violation that was certain while the run went on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// The checker whose promise was broken.
    pub checker: String,
    /// What happened, in one sentence.
    pub sentence: String,
    /// When it was certain, in words: `3.201 s`.
    pub at: String,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The signal that ended it early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted_by: Option<u8>,
    /// The violation at which it ended, where the plan asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
    /// Faults of the plan that never struck because it ended early.
    pub unstruck_faults: usize,
    /// Nodes that did not become healthy again, and what they said.
    pub unrecovered_nodes: BTreeMap<String, String>,
    /// Whether everything of ours is gone from the nodes: measured, not assumed.
    pub left_clean: bool,
    /// What is left there, when something is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub left_behind: String,
    /// Logs that could not be collected, by node and path, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_logs: BTreeMap<String, String>,
}

/// The version of `run.json` that this program writes.
pub const FACTS_VERSION: u32 = 1;

/// A run folder cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder cannot be made or written.
    #[error("{}: {source}{}", path.display(), remedy(source))]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no such folder.
    #[error("{}: there is no such folder; `schism run` makes one for each run, and `latest` is the newest", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder is not one of a run.
    #[error("{}: this is no run folder: it has no {missing}", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// The file that it lacks.
        missing: &'static str,
    },
    /// The history is damaged.
    #[error("{}: {source}", path.display())]
    History {
        /// The history's path.
        path: PathBuf,
        /// Where and how.
        source: ReadError,
    },
    /// `run.json` is damaged.
    #[error("{}: {source}", path.display())]
    Facts {
        /// The path.
        path: PathBuf,
        /// Where and how.
        source: serde_json::Error,
    },
}

impl FolderError {
    /// How the program ends. What cannot be read was named on the command line.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Write { .. } => ExitCode::CannotWrite,
            Self::Read { .. }
            | Self::NoFolder { .. }
            | Self::NoRun { .. }
            | Self::History { .. }
            | Self::Facts { .. } => ExitCode::Usage,
        }
    }
}

/// What to do when something cannot be written for this reason, as the end of a sentence; empty when nobody knows.
pub(crate) fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory => "; choose a folder that can be written with --out",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; make room, or choose another folder with --out"
        }
        _ => "",
    }
}

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes `OUT/NAME/TIME` and points `OUT/latest` at it. `now` names it; if that name is taken, a number is added.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(out: &Path, name: &str, now: Timestamp) -> Result<Self, FolderError> {
        let parent = out.join(name);
        fs::create_dir_all(&parent).map_err(|source| FolderError::Write {
            path: parent.clone(),
            source,
        })?;
        let time = clock::file_name(now);
        for attempt in 1_u32.. {
            let own = if attempt == 1 {
                time.clone()
            } else {
                format!("{time}-{attempt}")
            };
            let path = parent.join(&own);
            match fs::create_dir(&path) {
                Ok(()) => {
                    let folder = Self { path };
                    folder.make("logs")?;
                    folder.make("plots")?;
                    point(&out.join("latest"), &Path::new(name).join(&own))?;
                    return Ok(folder);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {}
                Err(source) => return Err(FolderError::Write { path, source }),
            }
        }
        unreachable!("the thousandth attempt returns")
    }

    /// A folder that is there already. `latest` below it, or a path into it, is followed.
    ///
    /// # Errors
    /// It is not the folder of a run.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let folder = Self {
            path: path.to_owned(),
        };
        if !path.exists() {
            return Err(FolderError::NoFolder {
                path: path.to_owned(),
            });
        }
        for missing in ["plan.toml", "run.json", "history.jsonl"] {
            if !folder.file(missing).is_file() {
                return Err(FolderError::NoRun {
                    path: path.to_owned(),
                    missing,
                });
            }
        }
        Ok(folder)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn make(&self, name: &str) -> Result<(), FolderError> {
        let path = self.file(name);
        fs::create_dir_all(&path).map_err(|source| FolderError::Write { path, source })
    }

    /// The folder for a node's logs, made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn logs(&self, node: &str) -> Result<PathBuf, FolderError> {
        let name = format!("logs/{node}");
        self.make(&name)?;
        Ok(self.file(&name))
    }

    /// Writes a file whole or not at all.
    ///
    /// # Errors
    /// It cannot be written; an older one is still there then.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<(), FolderError> {
        write_whole(&self.file(name), content)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> Result<String, FolderError> {
        let path = self.file(name);
        fs::read_to_string(&path).map_err(|source| FolderError::Read { path, source })
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_facts(&self, facts: &Facts) -> Result<(), FolderError> {
        let mut text = serde_json::to_string_pretty(facts).expect("facts have text keys");
        text.push('\n');
        self.write("run.json", text)
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    /// It is not there or damaged.
    pub fn facts(&self) -> Result<Facts, FolderError> {
        let text = self.read("run.json")?;
        let facts = serde_json::from_str::<Facts>(&text).and_then(|facts| {
            if facts.version == FACTS_VERSION {
                return Ok(facts);
            }
            let other = format!(
                "it has version {}, and this schism reads version {FACTS_VERSION}",
                facts.version
            );
            Err(serde::de::Error::custom(other))
        });
        facts.map_err(|source| FolderError::Facts {
            path: self.file("run.json"),
            source,
        })
    }

    /// Reads the history.
    ///
    /// # Errors
    /// It is damaged; a last line that was cut off is no damage.
    pub fn history(&self) -> Result<(History, Option<Torn>), FolderError> {
        let path = self.file("history.jsonl");
        let file = File::open(&path).map_err(|source| FolderError::Read {
            path: path.clone(),
            source,
        })?;
        jsonl::read(BufReader::with_capacity(1 << 20, file))
            .map_err(|source| FolderError::History { path, source })
    }
}

/// Writes a file whole or not at all, and the folders that it is in.
///
/// # Errors
/// It cannot be written; an older one is still there then.
pub fn write_whole(path: &Path, content: impl AsRef<[u8]>) -> Result<(), FolderError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = made
        .and_then(|()| fs::write(&fresh, content))
        .and_then(|()| fs::rename(&fresh, path));
    written.map_err(|source| {
        // What there is of it is of no use; the first error says more than a second one.
        let _ = fs::remove_file(&fresh);
        FolderError::Write {
            path: path.to_owned(),
            source,
        }
    })
}

/// Points a link at `target`, whatever it pointed at before.
fn point(link: &Path, target: &Path) -> Result<(), FolderError> {
    let fresh = link.with_extension(format!("new-{}", std::process::id()));
    let failed = |source| FolderError::Write {
        path: link.to_owned(),
        source,
    };
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    std::os::unix::fs::symlink(target, &fresh)
        .and_then(|()| fs::rename(&fresh, link))
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T10:15:30Z".parse().unwrap()
    }

    #[test]
    fn folders_of_the_same_moment_do_not_collide_and_latest_is_the_last() {
        let out = tempfile::tempdir().unwrap();
        let first = RunFolder::create(out.path(), "demo", now()).unwrap();
        let second = RunFolder::create(out.path(), "demo", now()).unwrap();
        assert_ne!(first, second);
        let latest = fs::canonicalize(out.path().join("latest")).unwrap();
        assert_eq!(latest, fs::canonicalize(second.path()).unwrap());
    }

    #[test]
    fn facts_round_trip() {
        let out = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(out.path(), "demo", now()).unwrap();
        let ended = Ended {
            interrupted_by: Some(2),
            left_clean: true,
            ..Ended::default()
        };
        let facts = Facts {
            version: FACTS_VERSION,
            seed: 7,
            ended: Some(ended),
            ..Facts::default()
        };
        folder.write_facts(&facts).unwrap();
        assert_eq!(folder.facts().unwrap(), facts);
    }

    #[test]
    fn what_is_no_run_folder_is_said_to_be_none() {
        let out = tempfile::tempdir().unwrap();
        let error = RunFolder::open(out.path()).unwrap_err().to_string();
        assert!(
            error.contains("this is no run folder: it has no plan.toml"),
            "{error}"
        );
    }

    #[test]
    fn files_are_replaced_whole_and_nothing_is_left_of_a_failure() {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("plots/rate.svg");
        write_whole(&file, "old").unwrap();
        write_whole(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        // A folder is in the way of the file.
        let error = write_whole(&out.path().join("plots"), "text").unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::CannotWrite);
        let names = fs::read_dir(out.path()).unwrap().count();
        assert_eq!(names, 1, "only plots/ is there");
    }

    #[test]
    fn damaged_facts_are_shown_with_their_place() {
        let out = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(out.path(), "demo", now()).unwrap();
        folder.write("run.json", "{\n  \"seed\": x\n}").unwrap();
        let error = folder.facts().unwrap_err().to_string();
        assert!(
            error.contains("run.json: expected value at line 2 column 11"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_made_names_the_remedy() {
        // The tests may run as root, for whom nothing is read-only: a file in the way fails for everybody.
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("demo"), "").unwrap();
        let error = RunFolder::create(out.path(), "demo", now())
            .unwrap_err()
            .to_string();
        assert!(error.contains("demo"), "{error}");
        let read_only = FolderError::Write {
            path: PathBuf::from("runs"),
            source: io::Error::from(io::ErrorKind::ReadOnlyFilesystem),
        };
        assert!(read_only.to_string().ends_with("with --out"), "{read_only}");
    }
}
