//! One node: a process that reads messages on stdin, prints messages on stdout, and logs to stderr.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A longer line is no message.
const LONGEST_LINE: usize = 16 << 20;

/// What was heard from a node.
#[derive(Debug)]
pub(super) enum Said {
    /// A line on stdout.
    Line {
        /// The node.
        node: Arc<str>,
        /// The line, without its end.
        line: String,
    },
    /// A line on stdout was longer than any message, or no text.
    NoLine {
        /// The node.
        node: Arc<str>,
        /// What was wrong.
        reason: String,
    },
    /// The process is over.
    Ended {
        /// The node.
        node: Arc<str>,
        /// The process.
        pid: Pid,
        /// How; none when even that could not be found out.
        status: Option<ExitStatus>,
    },
}

/// A running node.
pub(super) struct Process {
    /// Its process, and the group of all that it starts.
    pub(super) pid: Pid,
    /// Whether its end is ours.
    pub(super) is_ending: bool,
    /// Whether we stopped it.
    pub(super) is_paused: bool,
}

impl Process {
    /// Starts a node. What it says comes to `said`, what is sent to it goes into the inbox.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(super) fn start(
        program: &Path,
        arguments: &[String],
        node: &Arc<str>,
        log: File,
        said: UnboundedSender<Said>,
    ) -> std::io::Result<(Self, UnboundedSender<String>)> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(|| std::io::Error::other("it ended at once"))?;
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let (inbox, messages) = unbounded_channel();
        tokio::spawn(write(stdin, messages));
        tokio::spawn(listen(Arc::clone(node), pid, child, stdout, said));
        let process = Self {
            pid,
            is_ending: false,
            is_paused: false,
        };
        Ok((process, inbox))
    }

    /// Sends a signal to it and all that it started; whether anybody was there.
    pub(super) fn signal(&self, signal: Signal) -> bool {
        kill_process_group(self.pid, signal).is_ok()
    }

    /// How the kernel says that it is: `S` sleeping, `R` running, `T` stopped, `Z` dead; none when it is gone.
    pub(super) fn kernel_state(&self) -> Option<char> {
        let path = format!("/proc/{}/stat", self.pid.as_raw_nonzero());
        let text = std::fs::read_to_string(path).ok()?;
        // The name of the program stands in parentheses and may hold anything.
        text.rsplit_once(')')?.1.trim_start().chars().next()
    }
}

/// Hands messages to the node, until it ends or nobody sends any more.
async fn write(mut stdin: ChildStdin, mut messages: UnboundedReceiver<String>) {
    while let Some(mut line) = messages.recv().await {
        line.push('\n');
        if stdin.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Hears what a node says, until it ends.
async fn listen(
    node: Arc<str>,
    pid: Pid,
    mut child: Child,
    stdout: ChildStdout,
    said: UnboundedSender<Said>,
) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        match read_line(&mut reader, &mut line).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let (node, reason) = (Arc::clone(&node), error.to_string());
                let _ = said.send(Said::NoLine { node, reason });
                break;
            }
        }
        let heard = match std::str::from_utf8(&line) {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => Said::Line {
                node: Arc::clone(&node),
                line: text.trim_end().to_owned(),
            },
            Err(error) => Said::NoLine {
                node: Arc::clone(&node),
                reason: format!("a line that it printed is no text: {error}"),
            },
        };
        if said.send(heard).is_err() {
            break;
        }
    }
    let status = child.wait().await.ok();
    let _ = said.send(Said::Ended { node, pid, status });
}

/// Reads a line, its end included; whether there was one.
async fn read_line(
    reader: &mut BufReader<ChildStdout>,
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        line.extend_from_slice(&buffer[..length]);
        reader.consume(length);
        if end.is_some() {
            return Ok(true);
        }
        if line.len() > LONGEST_LINE {
            return Err(std::io::Error::other(format!(
                "it printed a line of more than {} MiB",
                LONGEST_LINE >> 20
            )));
        }
    }
}
