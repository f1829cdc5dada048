//! The programs of the system that a lab is built with, and where they come from.

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::LabError;
use super::error::Missing;

/// What every lab needs, with the Debian package that has it. The rest of a node's start is POSIX.
const NEEDED: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("setsid", "util-linux"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
    ("umount", "mount"),
    ("unshare", "util-linux"),
];

/// Where programs are looked for after `PATH`: a user's `PATH` often lacks them.
const SYSTEM_DIRECTORIES: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The file that would run.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .chain(env::split_paths(SYSTEM_DIRECTORIES))
        .map(|directory| directory.join(name))
        .find(|file| is_executable(file))
}

/// Whether it is a file that may be executed.
pub(super) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Those of [`NEEDED`] that are not installed.
pub(super) fn missing() -> Vec<Missing> {
    NEEDED
        .iter()
        .filter(|(tool, _)| find(tool).is_none())
        .map(|(tool, package)| Missing {
            tool: (*tool).to_owned(),
            package: (*package).to_owned(),
        })
        .collect()
}

/// Runs a program of the system to its end and hands out its standard output.
pub(super) fn run<S: AsRef<OsStr>>(
    name: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String, LabError> {
    run_with_input(name, arguments, "")
}

/// Runs a program of the system to its end, with something to read, and hands out its standard output.
pub(super) fn run_with_input<S: AsRef<OsStr>>(
    name: &str,
    arguments: impl IntoIterator<Item = S>,
    input: &str,
) -> Result<String, LabError> {
    let mut command = Command::new(find(name).unwrap_or_else(|| name.into()));
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let spawned = command.spawn();
    let failed = |reason: String| LabError::Tool {
        command: line(name, &command, input),
        reason,
    };

    let mut child = spawned.map_err(|error| failed(format!("it does not start: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading says on its standard error why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr)
        .trim()
        .replace('\n', "; ");
    Err(failed(if stderr.is_empty() {
        output.status.to_string()
    } else {
        stderr
    }))
}

/// What a person would type to repeat it.
fn line(name: &str, command: &Command, input: &str) -> String {
    let mut line = name.to_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    if !input.is_empty() {
        line.push_str(" <<< '");
        line.push_str(input.trim_end());
        line.push('\'');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_outside_of_a_users_path() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program-anywhere"), None);
    }

    #[test]
    fn output_and_input_pass_through() {
        assert_eq!(run("printf", ["%s-%s", "a b", "c"]).unwrap(), "a b-c");
        assert_eq!(
            run_with_input("cat", ["-"], "some text").unwrap(),
            "some text"
        );
    }

    #[test]
    fn a_failure_shows_the_command_and_what_it_said() {
        let error = run("sh", ["-c", "echo no luck >&2; exit 3"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("sh -c") && error.ends_with("failed: no luck"),
            "{error}"
        );

        let error = run("no-such-program-anywhere", ["-x"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no-such-program-anywhere -x") && error.contains("does not start"),
            "{error}"
        );
    }
}
