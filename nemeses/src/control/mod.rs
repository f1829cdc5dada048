//! The only way to touch a node: run a command there, copy a file to it or from it.
//!
//! [`Ssh`] is the real one. [`Recording`] is a fake that remembers what it was told to do.

mod address;
mod deadline;
mod secret;
mod known_hosts;
mod ssh_config;
mod route;
mod reach;
mod remote_script;
mod identity;
mod run;
mod ssh;
#[cfg(feature = "ssh2")]
mod ssh2;
mod recording;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;

pub use address::{Agent, Hop, NodeAddress};
pub use recording::{Call, Recording};
pub use run::OUTPUT_MAX;
pub use secret::Secret;
pub use ssh::{CHANNELS_MAX, Ssh};
#[cfg(feature = "ssh2")]
pub use ssh2::Ssh2;

/// A command for a node's shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// A script for `sh`. Values from outside are put into it through the one quoting function only.
    pub script: String,
    /// What the script reads from its standard input.
    pub stdin: Vec<u8>,
    /// Whether it runs as root, through sudo where the login user is not root.
    pub root: bool,
    /// After how long it is given up, here and on the node.
    pub timeout: Duration,
    /// Whether running it twice does the same as running it once. Only then is it run again when the connection
    /// breaks while it runs; a command that never began is always tried again.
    pub idempotent: bool,
}

impl Command {
    /// A script that runs as root for at most 10 seconds.
    pub fn root(script: impl Into<String>) -> Self {
        Self {
            script: script.into(),
            stdin: Vec::new(),
            root: true,
            timeout: Duration::from_secs(10),
            idempotent: false,
        }
    }

    /// A script that runs as the login user for at most 10 seconds.
    pub fn user(script: impl Into<String>) -> Self {
        Self {
            root: false,
            ..Self::root(script)
        }
    }

    /// Sets after how long it is given up.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets what it reads from its standard input.
    #[must_use]
    pub fn stdin(self, stdin: impl Into<Vec<u8>>) -> Self {
        Self {
            stdin: stdin.into(),
            ..self
        }
    }

    /// Says that running it twice does the same as running it once.
    #[must_use]
    pub fn idempotent(self) -> Self {
        Self {
            idempotent: true,
            ..self
        }
    }
}

/// What a command left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; 128 + n when signal n ended it.
    pub status: u32,
    /// Its standard output, without the line feed at its end.
    pub stdout: String,
    /// Its standard error, without the line feed at its end.
    pub stderr: String,
}

/// Why a node could not be told. Always a harness failure, never a finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The plan names no such node.
    #[error("there is no node {node}")]
    NoSuchNode {
        /// The name.
        node: String,
    },
    /// The node cannot be reached, or refuses us.
    #[error("node {node}: {reason}")]
    Unreachable {
        /// The node.
        node: String,
        /// What was tried, what came of it, and the next step.
        reason: String,
    },
    /// The command did not end in time. It is not known how far it got.
    #[error("node {node}: no answer within {timeout:?}")]
    Timeout {
        /// The node.
        node: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// The command cannot be sent at all.
    #[error("node {node}: the command cannot be sent: {reason}")]
    BadCommand {
        /// The node.
        node: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The command wrote more than is kept.
    #[error("node {node}: the command wrote more than {limit} bytes")]
    TooMuchOutput {
        /// The node.
        node: String,
        /// How much is kept of each of its two streams.
        limit: usize,
    },
    /// A file could not be copied.
    #[error("node {node}: {path}: {reason}")]
    Copy {
        /// The node.
        node: String,
        /// The path on the node.
        path: String,
        /// Why.
        reason: String,
    },
}

/// Reaches nodes. The only way to do so.
#[async_trait(?Send)]
pub trait Control {
    /// Runs a command. An exit status other than 0 is no error: look at the output.
    ///
    /// # Errors
    /// The node cannot be reached, or the command did not end in time.
    async fn exec(&self, node: &str, command: &Command) -> Result<Output, ControlError>;

    /// Writes a file on the node, as root, whole or not at all.
    ///
    /// # Errors
    /// The node cannot be reached, or the file cannot be written.
    async fn upload(
        &self,
        node: &str,
        content: &[u8],
        path: &str,
        mode: u32,
    ) -> Result<(), ControlError>;

    /// Copies a file of the node, read as root, to a local path.
    ///
    /// # Errors
    /// The node cannot be reached, or one of the files cannot be opened.
    async fn download(&self, node: &str, path: &str, to: &Path) -> Result<(), ControlError>;
}
