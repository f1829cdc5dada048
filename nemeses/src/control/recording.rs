//! A control that touches nothing: it remembers what it was told and answers as a test wants.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Command, Control, ControlError, Output};

/// What a [`Recording`] was told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Run a command.
    Exec {
        /// On this node.
        node: String,
        /// This one.
        command: Command,
    },
    /// Write a file.
    Upload {
        /// On this node.
        node: String,
        /// With this content.
        content: Vec<u8>,
        /// Here.
        path: String,
        /// With this mode.
        mode: u32,
    },
    /// Read a file.
    Download {
        /// From this node.
        node: String,
        /// From here.
        path: String,
    },
}

type Answer = dyn FnMut(&Call) -> Result<Output, ControlError> + Send;

/// A control that touches nothing. What its closure answers to an upload or a download counts only as success or
/// failure; a download writes the answer's `stdout` to the local file.
pub struct Recording {
    calls: Mutex<Vec<Call>>,
    answer: Mutex<Box<Answer>>,
}

impl Recording {
    /// Answers as the closure says.
    pub fn new(answer: impl FnMut(&Call) -> Result<Output, ControlError> + Send + 'static) -> Self {
        Self {
            calls: Mutex::new(Vec::new()),
            answer: Mutex::new(Box::new(answer)),
        }
    }

    /// Answers every command with success and no output.
    pub fn silent() -> Self {
        Self::new(|_| Ok(Output::default()))
    }

    /// Everything it was told so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    /// The scripts it was told to run on the node so far, in order.
    pub fn scripts(&self, node: &str) -> Vec<String> {
        lock(&self.calls)
            .iter()
            .filter_map(|call| match call {
                Call::Exec { node: at, command } if at == node => Some(command.script.clone()),
                _ => None,
            })
            .collect()
    }

    fn record(&self, call: Call) -> Result<Output, ControlError> {
        let answer = lock(&self.answer)(&call);
        lock(&self.calls).push(call);
        answer
    }
}

#[async_trait(?Send)]
impl Control for Recording {
    async fn exec(&self, node: &str, command: &Command) -> Result<Output, ControlError> {
        self.record(Call::Exec {
            node: node.to_owned(),
            command: command.clone(),
        })
    }

    async fn upload(
        &self,
        node: &str,
        content: &[u8],
        path: &str,
        mode: u32,
    ) -> Result<(), ControlError> {
        self.record(Call::Upload {
            node: node.to_owned(),
            content: content.to_vec(),
            path: path.to_owned(),
            mode,
        })
        .map(drop)
    }

    async fn download(&self, node: &str, path: &str, to: &Path) -> Result<(), ControlError> {
        let output = self.record(Call::Download {
            node: node.to_owned(),
            path: path.to_owned(),
        })?;
        std::fs::write(to, output.stdout).map_err(|error| ControlError::Copy {
            node: node.to_owned(),
            path: path.to_owned(),
            reason: format!("cannot write {}: {error}", to.display()),
        })
    }
}

/// A panic in a test's closure must not hide behind a poisoned lock.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_are_remembered_and_answered() {
        let control = Recording::new(|call| match call {
            Call::Exec { node, .. } if node == "n2" => {
                Err(ControlError::NoSuchNode { node: node.clone() })
            }
            _ => Ok(Output {
                stdout: "hello".to_owned(),
                ..Output::default()
            }),
        });
        let output = control.exec("n1", &Command::root("id")).await.unwrap();
        assert_eq!(output.stdout, "hello");
        control.exec("n2", &Command::root("id")).await.unwrap_err();
        control.upload("n1", b"x", "/x", 0o644).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("log");
        control.download("n1", "/log", &to).await.unwrap();
        assert_eq!(std::fs::read(to).unwrap(), b"hello");
        assert_eq!(control.scripts("n1"), ["id"]);
        assert_eq!(control.calls().len(), 4);
    }
}
