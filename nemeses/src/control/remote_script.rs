//! What is sent to a node so that a script runs there as it should: pure.

use std::time::Duration;

use crate::quote::{HasNul, quote};

/// The longest script that is sent: Linux takes 128 KiB in one argument, and quoting may lengthen it.
const SCRIPT_MAX: usize = 96 * 1024;

/// What is known about the login user's place on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// Whether the login user is root.
    pub(crate) is_root: bool,
    /// Whether the node has the program `timeout` with `-k`.
    pub(crate) has_timeout: bool,
}

/// What the first command on a connection asks.
pub(crate) fn login_question() -> String {
    // The quoted text proves that the login shell reads quotes as POSIX says; fish and csh do not.
    format!(
        "exec sh -c {}",
        quoted(
            r#"if timeout -k 1 5 true >/dev/null 2>&1; then t=timeout; else t=none; fi
printf 'schism %s %s %s\n' "$(id -u)" "$t" 'a\b'"'"c"#
        )
    )
}

/// Reads the answer to [`login_question`].
///
/// # Errors
/// What the answer shows to be wrong, and the next step.
pub(crate) fn login_answer(stdout: &str, stderr: &str) -> Result<Login, String> {
    // A login shell's start files may print something first.
    let answer = stdout
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("schism "));
    let words: Vec<&str> = answer.unwrap_or_default().split(' ').collect();
    match words[..] {
        [uid, timeout, r"a\b'c"] => Ok(Login {
            is_root: uid == "0",
            has_timeout: timeout == "timeout",
        }),
        _ => Err(format!(
            "the login shell does not run a POSIX sh (it answered {:?}); give the login user sh, bash, dash, zsh or ksh as its shell, \
             and let its start files print nothing",
            [stdout, stderr]
                .concat()
                .chars()
                .take(200)
                .collect::<String>()
        )),
    }
}

/// What a command says first on its standard error: the number of its process group, by which it can be ended.
const GROUP_MARK: &[u8] = b"schism-group ";

/// The command line that runs the script, for the login user's shell. What it says about its process group is taken
/// out of its standard error by [`take_group`].
///
/// # Errors
/// Why the script cannot be sent.
pub(crate) fn command_line(
    script: &str,
    as_root: bool,
    timeout: Duration,
    login: Login,
) -> Result<String, String> {
    if script.len() > SCRIPT_MAX {
        return Err(format!(
            "the script is {} bytes long; more than {SCRIPT_MAX} must travel as standard input",
            script.len()
        ));
    }
    // Root's tools are not on the path of every login.
    let script = format!(
        "{{ read -r a b c d g h </proc/$$/stat; }} 2>/dev/null && echo \"schism-group $g\" >&2
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
{script}"
    );
    let script = quote(script).map_err(|HasNul| format!("the script: {HasNul}"))?;
    let sudo = sudo(as_root, login);
    let limit = if login.has_timeout {
        // The controller's clock runs out first, so that an answer is never ambiguous.
        format!("timeout -k 1 {} ", timeout.as_secs().saturating_add(2))
    } else {
        String::new()
    };
    Ok(format!("exec {sudo}{limit}sh -c {script}"))
}

/// The command line that ends everything in a process group. (dash takes no `--` after `kill -9`.)
pub(crate) fn end_group(group: u32, as_root: bool, login: Login) -> String {
    format!(
        "exec {}sh -c 'kill -s KILL -- -{group}'",
        sudo(as_root, login)
    )
}

/// Takes the mark of the process group out of what has come of a command's standard error.
pub(crate) fn take_group(stderr: &mut Vec<u8>) -> Option<u32> {
    // Group 0 would be our own, 1 that of the node's first process.
    take_mark(stderr, GROUP_MARK).filter(|group| *group > 1)
}

/// Takes the number behind a mark, in a line of its own, out of the bytes.
fn take_mark(bytes: &mut Vec<u8>, mark: &[u8]) -> Option<u32> {
    let is_at = |i: usize| bytes[i..].starts_with(mark) && (i == 0 || bytes[i - 1] == b'\n');
    let start = (0..bytes.len()).find(|&i| is_at(i))?;
    let length = bytes[start..].iter().position(|byte| *byte == b'\n')?;
    let line: Vec<u8> = bytes.drain(start..=start + length).collect();
    std::str::from_utf8(line.get(mark.len()..length)?)
        .ok()?
        .parse()
        .ok()
}

/// What a script with [`told_status`] says last on its standard error.
#[cfg(feature = "ssh2")]
const STATUS_MARK: &[u8] = b"schism-status ";

/// The script, made to say its exit status when it ends, for a library that cannot tell an exit status of 0 from none
/// yet. A script that becomes another program says nothing.
#[cfg(feature = "ssh2")]
pub(crate) fn told_status(script: &str) -> String {
    format!("trap 'echo \"schism-status $?\" >&2' EXIT\n{script}")
}

/// Takes the mark of the exit status out of what has come of a command's standard error.
#[cfg(feature = "ssh2")]
pub(crate) fn take_status(stderr: &mut Vec<u8>) -> Option<u32> {
    take_mark(stderr, STATUS_MARK)
}

/// Asks whether sudo works without a password.
pub(crate) const SUDO_QUESTION: &str = "exec sudo -n -- sh -c :";

/// Why sudo refused, and the next step.
pub(crate) fn sudo_refused(user: &str, stderr: &str) -> String {
    let said = stderr.lines().next_back().unwrap_or_default().trim();
    format!(
        "this needs root, and sudo refuses the login user {user} ({said}); log in as root, or let {user} use sudo without a password: \
         put the line `{user} ALL=(ALL) NOPASSWD: ALL` into a file in /etc/sudoers.d on the node"
    )
}

/// Why there is no way to become root, and the next step.
pub(crate) fn no_root(user: &str) -> String {
    format!(
        "this needs root, the login user is {user}, and sudo is off; log in as root, or set sudo = true"
    )
}

/// Reads standard input into a file, whole or not at all.
///
/// # Errors
/// [`HasNul`]: the path holds a NUL byte.
pub(crate) fn upload(path: &str, mode: u32, size: usize, sha256: &str) -> Result<String, HasNul> {
    // The new file lies beside the old one, so that mv is a rename. Its name is this shell's own.
    Ok(format!(
        "p={path}
t=$p.schism-$$
trap 'rm -f \"$t\"' EXIT
(umask 077 && cat >\"$t\") || exit 1
n=$(wc -c <\"$t\") || exit 1
[ \"$n\" -eq {size} ] || {{ echo \"$n bytes of {size} arrived\" >&2; exit 1; }}
if command -v sha256sum >/dev/null 2>&1; then
  s=$(sha256sum <\"$t\")
  [ \"${{s%% *}}\" = {sha256} ] || {{ echo 'what arrived is not what was sent' >&2; exit 1; }}
fi
chmod {mode:o} \"$t\" && mv -f \"$t\" \"$p\"",
        path = quote(path)?,
    ))
}

/// Writes a file to standard output.
///
/// # Errors
/// [`HasNul`]: the path holds a NUL byte.
pub(crate) fn download(path: &str) -> Result<String, HasNul> {
    Ok(format!("exec cat -- {}", quote(path)?))
}

/// The exit status that stands for a signal, by its name.
pub(crate) fn status_of_signal(name: &str) -> u32 {
    128 + match name {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ILL" => 4,
        "TRAP" => 5,
        "ABRT" => 6,
        "BUS" => 7,
        "FPE" => 8,
        "KILL" => 9,
        "USR1" => 10,
        "SEGV" => 11,
        "USR2" => 12,
        "PIPE" => 13,
        "ALRM" => 14,
        "TERM" => 15,
        _ => 0,
    }
}

fn sudo(as_root: bool, login: Login) -> &'static str {
    if as_root && !login.is_root {
        "sudo -n -- "
    } else {
        ""
    }
}

/// For text of our own, which holds no NUL byte.
fn quoted(text: &str) -> String {
    quote(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::{Command, Output, Stdio};

    use super::*;

    const ROOT: Login = Login {
        is_root: true,
        has_timeout: true,
    };

    fn run(line: &str, stdin: &[u8]) -> Output {
        let mut child = Command::new("sh")
            .args(["-c", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A script that ends early closes its input.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        child.wait_with_output().unwrap()
    }

    #[test]
    fn a_real_shell_answers_the_login_question() {
        let output = run(&login_question(), b"");
        let stdout = String::from_utf8(output.stdout).unwrap();
        let login = login_answer(&format!("Welcome!\n{stdout}"), "").unwrap();
        assert!(login.has_timeout);
    }

    #[test]
    fn another_shell_is_named_as_the_cause() {
        let error = login_answer("schism 0 timeout a\\\\b", "").unwrap_err();
        assert!(error.contains("POSIX sh"), "{error}");
        assert!(login_answer("", "").is_err());
    }

    #[test]
    fn command_lines_carry_sudo_and_the_limit() {
        let line = |as_root, login| {
            command_line("id", as_root, Duration::from_millis(1500), login).unwrap()
        };
        let script = "sh -c '{ read -r a b c d g h </proc/$$/stat; } 2>/dev/null && echo \"schism-group $g\" >&2\n\
             PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH\nid'";
        assert_eq!(line(true, ROOT), format!("exec timeout -k 1 3 {script}"));
        let user = Login {
            is_root: false,
            has_timeout: false,
        };
        assert_eq!(line(true, user), format!("exec sudo -n -- {script}"));
        assert_eq!(line(false, user), format!("exec {script}"));
        assert_eq!(
            end_group(7, true, user),
            "exec sudo -n -- sh -c 'kill -s KILL -- -7'"
        );
        assert_eq!(end_group(7, true, ROOT), "exec sh -c 'kill -s KILL -- -7'");
    }

    #[test]
    fn a_command_tells_its_process_group() {
        let login = Login {
            has_timeout: true,
            ..ROOT
        };
        let script = "echo first >&2; ps -o pgid= -p $$ || echo \"$g\"";
        let line = command_line(script, false, Duration::from_secs(9), login).unwrap();
        let output = run(&line, b"");
        let mut stderr = [&b"noise\n"[..], &output.stderr].concat();
        let group = take_group(&mut stderr).unwrap();
        assert_eq!(stderr, b"noise\nfirst\n");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(group.to_string(), stdout.trim());
    }

    #[test]
    fn the_mark_of_a_group_is_found_whole_only() {
        for (stderr, group, rest) in [
            ("", None, ""),
            ("schism-group 12", None, "schism-group 12"),
            ("schism-group 12\n", Some(12), ""),
            ("a\nschism-group 12\nb", Some(12), "a\nb"),
            ("x schism-group 12\n", None, "x schism-group 12\n"),
            ("schism-group 1\n", None, ""),
            ("schism-group x\n", None, ""),
        ] {
            let mut bytes = stderr.as_bytes().to_vec();
            assert_eq!(take_group(&mut bytes), group, "{stderr:?}");
            assert_eq!(bytes, rest.as_bytes(), "{stderr:?}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let send = |script: &str| command_line(script, true, Duration::ZERO, ROOT);
        assert!(send("a\0b").unwrap_err().contains("NUL"));
        assert!(
            send(&"x".repeat(SCRIPT_MAX + 1))
                .unwrap_err()
                .contains("standard input")
        );
    }

    #[test]
    fn an_upload_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it's a file");
        let script = |sha256: &str| upload(path.to_str().unwrap(), 0o640, 3, sha256).unwrap();
        let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

        assert!(!run(&script(right), b"ab").status.success());
        assert!(!run(&script(&"0".repeat(64)), b"abc").status.success());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

        assert!(run(&script(right), b"abc").status.success());
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
