//! What can go wrong with a lab, said so that the reader knows the next step.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schism_nemeses::control::ControlError;

/// Whose trouble an error is; it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The command line asks for something that cannot be.
    Usage,
    /// The machine, a node or the database is not in the needed state.
    Environment,
    /// A file cannot be written.
    Write,
    /// The user ended it (SIGINT).
    Interrupted,
    /// It was told to end (SIGTERM, SIGHUP).
    Terminated,
}

/// A tool that is not installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its file name.
    pub tool: String,
    /// The Debian package that has it.
    pub package: String,
}

/// Why a lab could not be made, used or removed.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Namespaces and mounts need root.
    #[error(
        "a lab needs root, for its network namespaces and mounts: run the same command with sudo"
    )]
    NotRoot,
    /// The kernel refuses although we are root.
    #[error(
        "this root may not make network namespaces ({reason}). In a container, start it with \
         `--privileged` (or give it CAP_SYS_ADMIN and CAP_NET_ADMIN)"
    )]
    NotAllowed {
        /// What the kernel said.
        reason: String,
    },
    /// Programs that are not there.
    #[error("{}", missing(.0))]
    MissingTools(Vec<Missing>),
    /// A name that cannot be part of a namespace's name.
    #[error(
        "{name:?} cannot name a lab: take 1 to 32 of the letters a-z, digits and -, and begin \
         with a letter or a digit"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// Too few or too many nodes.
    #[error("a lab has 1 to {max} nodes, not {nodes}")]
    BadNodeCount {
        /// How many were asked for.
        nodes: usize,
        /// The most there can be.
        max: usize,
    },
    /// No recipe of this name.
    #[error("there is no recipe for the database {name:?}. Known: {}", .known.join(", "))]
    UnknownDatabase {
        /// The name.
        name: String,
        /// The recipes.
        known: Vec<&'static str>,
    },
    /// The database's program cannot be used.
    #[error("--binary {}: {reason}", .path.display())]
    Binary {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Another lab has this name.
    #[error(
        "there is a lab {name} already, in {}: `schism lab down {name}` removes it, \
         `--name OTHER` makes another beside it",
        .directory.display()
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Its directory.
        directory: PathBuf,
    },
    /// Namespaces or processes of a lab that has no directory any more.
    #[error(
        "something of a lab {name} is left ({left}), but its directory is gone: \
         `schism lab down {name}` removes the rest"
    )]
    Orphans {
        /// The name.
        name: String,
        /// The namespaces and processes.
        left: String,
    },
    /// A lab that another setting of `SCHISM_LABS` knows.
    #[error(
        "the lab {name} of this machine is below {}, not where labs are looked for now: set \
         SCHISM_LABS to that to use or to remove it",
        .root.display()
    )]
    Elsewhere {
        /// The name.
        name: String,
        /// What `SCHISM_LABS` would be.
        root: PathBuf,
    },
    /// No lab of this name.
    #[error("there is no lab {name}. {}", known_labs(.known))]
    NoSuchLab {
        /// The name.
        name: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// No lab at all.
    #[error("there is no lab. `schism lab up etcd` makes one")]
    NoLab,
    /// A name is needed to tell which.
    #[error("there are several labs, name one: {}", .known.join(", "))]
    WhichLab {
        /// Those that exist.
        known: Vec<String>,
    },
    /// No node of this name.
    #[error("the lab {lab} has no node {node}. Its nodes: {}", .known.join(", "))]
    NoSuchNode {
        /// The lab.
        lab: String,
        /// The name.
        node: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// Another schism works on it.
    #[error(
        "another schism is bringing the lab {name} up or down just now: let it end, or end it, and try again"
    )]
    Busy {
        /// The lab.
        name: String,
    },
    /// The lab was left by a process that was killed.
    #[error("the lab {name} is half-finished ({reason}): `schism lab down {name}` removes it")]
    HalfFinished {
        /// The lab.
        name: String,
        /// What is missing.
        reason: String,
    },
    /// All address ranges overlap with a route of this machine.
    #[error(
        "no free /24 for the lab: each one in 10.213.0.0/16 and 198.18.0.0/15 overlaps with a route \
         of this machine (`ip route show table all`)"
    )]
    NoSubnet,
    /// A program of the system failed.
    #[error("`{command}` failed: {reason}")]
    Tool {
        /// The command line.
        command: String,
        /// Its standard error, or why it did not start.
        reason: String,
    },
    /// A node did not come up.
    #[error("node {node}: {reason}{}", tail(.log))]
    Node {
        /// The node.
        node: String,
        /// What was waited for.
        reason: String,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The database did not become ready.
    #[error("node {node}: {database} {reason}{}", tail(.log))]
    Database {
        /// The node.
        node: String,
        /// The database.
        database: String,
        /// What came of the waiting.
        reason: String,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// A node cannot be reached over SSH.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Processes that survive SIGKILL.
    #[error(
        "processes of the lab {name} do not end, {}s after SIGKILL: {pids} (a blocked disk?). \
         `schism lab down {name}` tries again",
        .waited.as_secs()
    )]
    Undying {
        /// The lab.
        name: String,
        /// Their ids.
        pids: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Something is still there after removal.
    #[error("the lab {name} could not be removed wholly: {left}")]
    Left {
        /// The lab.
        name: String,
        /// What is left.
        left: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `lab.json` is not what this version writes.
    #[error("{}: {reason}. `schism lab down {name}` removes the lab", .path.display())]
    Record {
        /// The lab.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The user ended it; what had been made is removed.
    #[error("interrupted; what had been made of the lab is removed")]
    Interrupted,
    /// It was told to end; what had been made is removed.
    #[error("told to end; what had been made of the lab is removed")]
    Terminated,
    /// Bringing up failed, and so did the cleaning after it.
    #[error("{first}\nand what had been made of it could not be removed: {then}")]
    Twice {
        /// Why it failed.
        first: Box<LabError>,
        /// Why it could not be removed.
        then: Box<LabError>,
    },
}

impl LabError {
    /// Whose trouble it is.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::BadName { .. }
            | Self::BadNodeCount { .. }
            | Self::UnknownDatabase { .. }
            | Self::Binary { .. }
            | Self::NoSuchLab { .. }
            | Self::NoLab
            | Self::WhichLab { .. }
            | Self::NoSuchNode { .. } => Trouble::Usage,
            Self::File { .. } => Trouble::Write,
            Self::Interrupted => Trouble::Interrupted,
            Self::Terminated => Trouble::Terminated,
            Self::Twice { first, .. } => first.trouble(),
            _ => Trouble::Environment,
        }
    }

    /// For `map_err` on a file operation.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

fn missing(tools: &[Missing]) -> String {
    let names: Vec<_> = tools.iter().map(|m| m.tool.as_str()).collect();
    let mut packages: Vec<_> = tools.iter().map(|m| m.package.as_str()).collect();
    packages.sort_unstable();
    packages.dedup();
    format!(
        "not installed here: {}. On Debian: apt-get install {}",
        names.join(", "),
        packages.join(" ")
    )
}

fn known_labs(known: &[String]) -> String {
    if known.is_empty() {
        "There is none at all; `schism lab up etcd` makes one".to_owned()
    } else {
        format!("There are: {}", known.join(", "))
    }
}

fn tail(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("\nthe last lines of its log:\n  {}", lines.join("\n  "))
}
