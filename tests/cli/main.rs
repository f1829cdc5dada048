//! The program as people and jobs use it: how it ends, what it says where, and what it makes of bad input.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

mod bad_histories;
mod bad_plans;
mod exit_codes;
mod formats;
mod hunts;
mod interrupted;
mod lists;
mod machines;
mod told;
mod sources;
mod tables;
mod unwritable;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The program with arguments, apart from whatever job the tests run in.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_schism"));
    command
        .args(arguments)
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null());
    command
}

/// How the program ended, and what it said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let code = output.status.code();
        let code = code.unwrap_or_else(|| panic!("a signal ended it: {output:?}"));
        let said = Self {
            code,
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!said.err.contains("this is a bug of schism"), "{said:?}");
        said
    }

    /// Asserts that it was refused: nothing on standard output, and a message with these parts.
    #[track_caller]
    fn refused(&self, code: i32, parts: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        assert!(!self.err.contains('\x1b'), "colours on a pipe: {self:?}");
        for part in parts {
            assert!(self.err.contains(part), "{part}: {self:?}");
        }
    }

    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn schism(arguments: &[&str]) -> Said {
    Said::of(command(arguments).output().unwrap())
}

fn example(name: &str) -> String {
    format!("{ROOT}/examples/{name}")
}

/// A folder of its own for one test.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Runs an example for a short time, and gives how that ended and the run's folder.
    fn run(&self, name: &str, arguments: &[&str]) -> (Said, PathBuf) {
        let out = self.path("runs");
        let plan = example(name);
        let time: &[&str] = if arguments.contains(&"--time") {
            &[]
        } else {
            &["--time", "5s"]
        };
        // The broken one needs its pace to be caught so soon; of the correct one a little is enough.
        let rate: &[&str] = if name == "quorum-correct" {
            &["--set", "load.rate=300"]
        } else {
            &[]
        };
        let start = ["run", &plan, "--seed", "1", "--out", &out];
        let said = schism(&[&start[..], time, rate, arguments].concat());
        let folder = fs::canonicalize(Path::new(&out).join("latest"));
        let folder = folder.unwrap_or_else(|error| panic!("{error}: {said:?}"));
        (said, folder)
    }
}
