//! Reaches a lab's nodes with the system's own `ssh`, through the lab's `ssh_config`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use async_trait::async_trait;
use schism_nemeses::control::{Command, Control, ControlError, Output};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::tool;

/// The exit status by which `ssh` says that it failed itself.
const SSH_FAILED: i32 = 255;

/// Reaches a lab's nodes.
#[derive(Clone, Debug)]
pub(super) struct OpenSsh {
    config: PathBuf,
}

impl OpenSsh {
    /// Through this `ssh_config`.
    pub(super) fn new(config: &Path) -> Self {
        Self {
            config: config.to_owned(),
        }
    }

    async fn run(
        &self,
        node: &str,
        command: &Command,
    ) -> Result<std::process::Output, ControlError> {
        let unreachable = |reason: String| ControlError::Unreachable {
            node: node.to_owned(),
            reason,
        };
        let mut ssh =
            tokio::process::Command::new(tool::find("ssh").unwrap_or_else(|| "ssh".into()));
        ssh.arg("-F")
            .arg(&self.config)
            .args(["-T", "-o", "BatchMode=yes", node, "--"]);
        ssh.arg(format!("exec sh -c {}", quote(&command.script)));
        ssh.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let attempt = async {
            let mut child = ssh.spawn()?;
            let mut stdin = child.stdin.take();
            let write = async {
                if let Some(mut stdin) = stdin.take() {
                    // A command that does not read its input is no failure.
                    let _ = stdin.write_all(&command.stdin).await;
                }
            };
            let (output, ()) = tokio::join!(child.wait_with_output(), write);
            output
        };
        let output = timeout(command.timeout, attempt)
            .await
            .map_err(|_| ControlError::Timeout {
                node: node.to_owned(),
                timeout: command.timeout,
            })?
            .map_err(|error| unreachable(format!("ssh does not start: {error}")))?;
        if output.status.code() == Some(SSH_FAILED) {
            return Err(unreachable(text(&output.stderr)));
        }
        Ok(output)
    }
}

#[async_trait(?Send)]
impl Control for OpenSsh {
    async fn exec(&self, node: &str, command: &Command) -> Result<Output, ControlError> {
        let output = self.run(node, command).await?;
        Ok(Output {
            status: output
                .status
                .code()
                .map_or(SSH_FAILED as u32, |code| code as u32),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    async fn upload(
        &self,
        node: &str,
        content: &[u8],
        path: &str,
        mode: u32,
    ) -> Result<(), ControlError> {
        let path = path.to_owned();
        let (new, to) = (quote(&format!("{path}.schism-new")), quote(&path));
        let mut command = Command::root(format!(
            "cat > {new} && chmod {mode:o} {new} && mv -f {new} {to}"
        ));
        command.stdin = content.to_vec();
        let output = self.exec(node, &command).await?;
        if output.status == 0 {
            return Ok(());
        }
        Err(ControlError::Copy {
            node: node.to_owned(),
            path,
            reason: output.stderr,
        })
    }

    async fn download(&self, node: &str, path: &str, to: &Path) -> Result<(), ControlError> {
        let failed = |reason: String| ControlError::Copy {
            node: node.to_owned(),
            path: path.to_owned(),
            reason,
        };
        let output = self
            .run(node, &Command::root(format!("cat {}", quote(path))))
            .await?;
        if !output.status.success() {
            return Err(failed(text(&output.stderr)));
        }
        std::fs::write(to, &output.stdout)
            .map_err(|error| failed(format!("{}: {error}", to.display())))
    }
}

/// One word of a shell's line.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_passes_a_shell_unchanged() {
        for word in ["", "a b", "it's", "'", "$HOME `x` \\ \" *\n", "-n"] {
            let line = format!("printf %s {}", quote(word));
            assert_eq!(tool::run("sh", ["-c", &line]).unwrap(), word);
        }
    }
}
