//! What every backend shares about running one command: where its output goes, how it can fail, and the copies that are
//! made of commands.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Command, ControlError, Output, remote_script};

/// How much of each of a command's two streams is kept; more is an error.
pub const OUTPUT_MAX: usize = 16 * 1024 * 1024;

/// How slow a copy may be before it is given up: so many bytes a second, after a first half minute.
const COPY_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// The longest download.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(30);

/// Where a command's standard output goes.
#[derive(Debug)]
pub(super) enum Sink {
    /// Into the [`Output`], up to [`OUTPUT_MAX`].
    Memory(Vec<u8>),
    /// Into a file, however much it is.
    File {
        file: File,
        /// Why it could not be written.
        error: Option<std::io::Error>,
    },
}

/// Why a command gave no output.
#[derive(Debug)]
pub(super) enum RunError {
    /// The connection broke before the command was sent: it surely did not begin.
    NotStarted(String),
    /// The connection broke afterwards: nobody knows.
    Broken(String),
    /// It took too long.
    Timeout,
    /// It wrote more than is kept.
    TooMuch,
    /// The node does not let us; why, and the next step.
    Refused(String),
    /// It cannot be sent at all.
    Bad(String),
}

impl Sink {
    pub(super) fn memory() -> Self {
        Self::Memory(Vec::new())
    }

    pub(super) fn take(&mut self, data: &[u8]) -> Result<(), RunError> {
        match self {
            Self::Memory(kept) => keep(kept, data),
            Self::File { file, error } => file.write_all(data).map_err(|failure| {
                *error = Some(failure);
                RunError::TooMuch
            }),
        }
    }

    /// Forgets what was taken; whether it could.
    pub(super) fn rewind(&mut self) -> bool {
        match self {
            Self::Memory(kept) => {
                kept.clear();
                true
            }
            Self::File { file, .. } => file.set_len(0).is_ok() && file.rewind().is_ok(),
        }
    }

    /// What was kept, as text.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Memory(kept) => text(kept),
            Self::File { .. } => String::new(),
        }
    }
}

impl RunError {
    /// Whether the command may be run again on a new connection. Only the first time.
    pub(super) fn may_try_again(&self, command: &Command, sink: &mut Sink) -> bool {
        match self {
            Self::NotStarted(_) => true,
            Self::Broken(_) => command.idempotent && sink.rewind(),
            _ => false,
        }
    }

    pub(super) fn into_control(self, node: &str, timeout: Duration) -> ControlError {
        let node = node.to_owned();
        let reason = match self {
            Self::Timeout => return ControlError::Timeout { node, timeout },
            Self::TooMuch => {
                return ControlError::TooMuchOutput {
                    node,
                    limit: OUTPUT_MAX,
                };
            }
            Self::Bad(reason) => return ControlError::BadCommand { node, reason },
            Self::Refused(reason) => reason,
            Self::NotStarted(reason) => format!(
                "the connection broke before the command began, twice ({reason}); look at the node's network and at its sshd log"
            ),
            Self::Broken(reason) => format!(
                "the connection broke while the command ran ({reason}); it is not known how far it got"
            ),
        };
        ControlError::Unreachable { node, reason }
    }
}

/// Keeps the data, up to [`OUTPUT_MAX`].
pub(super) fn keep(kept: &mut Vec<u8>, data: &[u8]) -> Result<(), RunError> {
    if kept.len() + data.len() > OUTPUT_MAX {
        return Err(RunError::TooMuch);
    }
    kept.extend_from_slice(data);
    Ok(())
}

/// As text, without the line feed at its end.
pub(super) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command with its standard output sent somewhere.
pub(super) trait Run {
    async fn run(
        &self,
        node: &str,
        command: &Command,
        sink: &mut Sink,
    ) -> Result<Output, ControlError>;
}

pub(super) async fn exec(
    backend: &impl Run,
    node: &str,
    command: &Command,
) -> Result<Output, ControlError> {
    backend.run(node, command, &mut Sink::memory()).await
}

/// Writes a file on the node, whole or not at all.
pub(super) async fn upload(
    backend: &impl Run,
    node: &str,
    content: &[u8],
    path: &str,
    mode: u32,
) -> Result<(), ControlError> {
    let script = remote_script::upload(path, mode, content.len(), &sha256(content))
        .map_err(|error| copy_failed(node, path, error.to_string()))?;
    let time = 30 + content.len() as u64 / COPY_BYTES_PER_SECOND_MIN;
    let command = Command::root(script)
        .stdin(content)
        .timeout(Duration::from_secs(time))
        .idempotent();
    let output = exec(backend, node, &command).await?;
    if output.status == 0 {
        Ok(())
    } else {
        Err(copy_failed(node, path, said(&output)))
    }
}

/// Copies a file of the node to a local path, whole or not at all.
pub(super) async fn download(
    backend: &impl Run,
    node: &str,
    path: &str,
    to: &Path,
) -> Result<(), ControlError> {
    let here = |error: std::io::Error| {
        copy_failed(
            node,
            path,
            format!("cannot write {}: {error}", to.display()),
        )
    };
    let script = remote_script::download(path)
        .map_err(|error| copy_failed(node, path, error.to_string()))?;
    let part = part_of(to);
    let mut sink = Sink::File {
        file: File::create(&part).map_err(here)?,
        error: None,
    };
    let command = Command::root(script).timeout(DOWNLOAD_TIMEOUT).idempotent();
    let result = backend.run(node, &command, &mut sink).await;
    let result = match sink {
        Sink::File {
            error: Some(error), ..
        } => Err(here(error)),
        _ => result,
    };
    let outcome = match result {
        Ok(output) if output.status == 0 => std::fs::rename(&part, to).map_err(here),
        Ok(output) => Err(copy_failed(node, path, said(&output))),
        Err(error) => Err(error),
    };
    if outcome.is_err() {
        // The half of a file is of no use to anyone; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(&part);
    }
    outcome
}

fn copy_failed(node: &str, path: &str, reason: String) -> ControlError {
    ControlError::Copy {
        node: node.to_owned(),
        path: path.to_owned(),
        reason,
    }
}

fn said(output: &Output) -> String {
    if output.stderr.is_empty() {
        format!("exit status {}", output.status)
    } else {
        output.stderr.clone()
    }
}

fn sha256(content: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(content))
}

/// Where a download is written before it is whole: beside its place.
fn part_of(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    to.with_file_name(name)
}
