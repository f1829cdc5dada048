//! A program that was started, and what it said.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::patience::eventually;

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to its standard output.
    pub(crate) out: String,
    /// What it wrote to its standard error.
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
        .checked()
    }

    /// It ended with this code; without another word about it, both of its outputs are shown when it did not.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    /// Its standard error holds all of these.
    #[track_caller]
    pub(crate) fn complains_of(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in:\n{}", self.err);
        }
        self
    }

    /// No ending is a panic.
    fn checked(self) -> Self {
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

/// A program under way. It is killed when the test ends before it.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// Starts it, with its outputs in files of this directory.
    pub(crate) fn start(mut command: Command, directory: &Path) -> Self {
        let (out, err) = (directory.join("stdout"), directory.join("stderr"));
        command
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap());
        Self {
            child: command.stdin(Stdio::null()).spawn().unwrap(),
            out,
            err,
        }
    }

    /// Sends it a signal: `INT`, `TERM`, `KILL`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for something to happen while it runs. Fails at once when it ends instead.
    pub(crate) fn until(&mut self, what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
        let mut ended = None;
        eventually(what, within, || {
            holds() || {
                ended = self.child.try_wait().unwrap();
                ended.is_some()
            }
        });
        if let Some(status) = ended {
            panic!("it ended ({status}) before {what}: {:?}", self.said(None));
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, within: Duration) -> Said {
        let mut status = None;
        eventually("the program's end", within, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.said(status.and_then(|status| status.code())).checked()
    }

    fn said(&self, code: Option<i32>) -> Said {
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        Said {
            code,
            out: read(&self.out),
            err: read(&self.err),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
