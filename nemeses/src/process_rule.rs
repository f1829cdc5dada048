//! How a database's processes are recognised, ended, held and started: data of the plan, and the scripts that they
//! give. Pure.
//!
//! Processes are found by their name in `/proc/PID/comm`, compared whole, and only then by their command line. So a
//! shell of ours, whose command line holds everything we look for, is not taken for the database; scripts of ours
//! carry a mark besides, for databases that are shell scripts. The scripts leave the variable `d` alone, which belongs
//! to the scripts that hold them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quote::{HasNul, quote};

/// How a database's processes are recognised and handled on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessRule {
    /// The processes' name, as `ps -o comm` shows it: `etcd`, `java`, `postgres`. Compared whole; the kernel keeps
    /// its first 15 bytes.
    pub name: String,
    /// An extended regular expression that the command line must match besides; between its words stand spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The script that starts them. It must come back, and leave what it starts in the background with its output
    /// sent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The script that asks them to end; SIGTERM when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    /// As whom the two scripts run; root when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// A process: its number, and when it began, which tells it from a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) pid: u32,
    /// In clock ticks since the node booted.
    pub(crate) began: u64,
    /// `R`, `S`, `T`, … as in `/proc/PID/stat`.
    pub(crate) state: char,
}

impl Found {
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.pid, self.began) == (other.pid, other.began)
    }
}

/// What a script of this file told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The processes there were before.
    pub(crate) before: Vec<Found>,
    /// The processes there are after.
    pub(crate) after: Vec<Found>,
    /// What went wrong, in the node's words.
    pub(crate) trouble: Vec<String>,
}

impl Told {
    /// Reads what a script printed.
    pub(crate) fn read(text: &str) -> Self {
        let mut told = Self::default();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "before" => told.before.extend(found(rest)),
                "after" => told.after.extend(found(rest)),
                "trouble" => told.trouble.push(rest.to_owned()),
                _ => {}
            }
        }
        told
    }

    /// Whether none of the processes that were there before is left.
    pub(crate) fn all_gone(&self) -> bool {
        !self
            .before
            .iter()
            .any(|old| self.after.iter().any(|new| new.is_same(old)))
    }
}

fn found(line: &str) -> Option<Found> {
    let mut words = line.split(' ');
    Some(Found {
        pid: words.next()?.parse().ok()?,
        began: words.next()?.parse().ok()?,
        state: words.next()?.chars().next()?,
    })
}

/// What every script of ours carries in its command line.
const MARK: &str = "schism-script-a1f0";

/// How long, in tenths of a second, processes may take: to die, to end when asked, to start.
const DIE: u32 = 100;
const END: u32 = 300;
const START: u32 = 300;

/// A [`ProcessRule`] with everything quoted: the scripts that come of it.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    /// The shell functions that all scripts begin with.
    functions: String,
    pub(crate) can_start: bool,
}

impl Processes {
    /// # Errors
    /// [`HasNul`]: a part of the rule holds a NUL byte.
    pub(crate) fn new(rule: &ProcessRule) -> Result<Self, HasNul> {
        let name = rule.name.as_bytes();
        let name = quote(&name[..name.len().min(15)])?;
        let pattern = match &rule.pattern {
            Some(pattern) => format!(
                "printf '%s\\n' \"$a\" | grep -E -q -e {} || continue",
                quote(pattern)?
            ),
            None => ":".to_owned(),
        };
        let script = |script: &Option<String>| -> Result<String, HasNul> {
            let Some(script) = script else {
                return Ok(":".to_owned());
            };
            let script = quote(script)?;
            Ok(match &rule.user {
                Some(user) => format!("su -s /bin/sh -c {script} -- {}", quote(user)?),
                None => format!("sh -c {script}"),
            })
        };
        let (start, stop) = (script(&rule.start)?, script(&rule.stop)?);
        let ask = if rule.stop.is_some() {
            "stop_script"
        } else {
            "signal TERM \"$1\""
        };
        let functions = format!(
            "\
: {MARK}
nap() {{ sleep 0.1 2>/dev/null || sleep 1; }}
processes() {{
  for q in /proc/[0-9]*; do
    {{ read -r c <\"$q/comm\"; }} 2>/dev/null || continue
    [ \"$c\" = {name} ] || continue
    {{ read -r s <\"$q/stat\"; }} 2>/dev/null || continue
    a=$({{ tr '\\0' ' ' <\"$q/cmdline\"; }} 2>/dev/null)
    a=${{a% }}
    case $a in *{MARK}*) continue;; esac
    {pattern}
    s=${{s##*) }}
    set -- $s
    case $1 in Z|X) continue;; esac
    echo \"${{q#/proc/}} ${{20}} $1\"
  done
}}
tell() {{ processes | while read -r line; do echo \"$1 $line\"; done; }}
pids() {{ processes | while read -r p rest; do printf '%s ' \"$p\"; done; }}
signal() {{ [ -z \"$2\" ] || kill -s \"$1\" $2 2>/dev/null; }}
left() {{ for p in $1; do [ -d \"/proc/$p\" ] && {{ read -r s <\"/proc/$p/stat\"; }} 2>/dev/null && case ${{s##*) }} in Z*|X*) ;; *) printf '%s ' \"$p\";; esac; done; }}
await_end() {{ i=0; while [ -n \"$(left \"$1\")\" ]; do i=$((i+1)); [ $i -gt \"$2\" ] && return 1; nap; done; }}
start_script() {{ {start}; }}
stop_script() {{ {stop}; }}
said() {{ while read -r line; do echo \"trouble $1: $line\"; done; }}
kill_all() {{
  for round in 1 2 3; do
    p=$(pids); [ -n \"$p\" ] || return 0
    signal KILL \"$p\"
    await_end \"$p\" {DIE} || {{ echo \"trouble they do not die\"; return 1; }}
  done
}}
stop_all() {{
  p=$(pids); [ -n \"$p\" ] || return 0
  ask() {{ {ask}; }}
  e=$(ask \"$p\" 2>&1 </dev/null) || printf '%s\\n' \"$e\" | said 'stop script'
  await_end \"$p\" {END} || {{ echo \"trouble they did not end within $(({END}/10)) s\"; return 1; }}
}}
forget() {{ [ \"$l\" = /dev/null ] || rm -f \"$l\"; }}
start_all() {{
  [ -z \"$(pids)\" ] || return 0
  l=$(mktemp 2>/dev/null) || l=/dev/null
  start_script >\"$l\" 2>&1 </dev/null || {{ echo \"trouble the start script failed with status $?\"; tail -n 5 \"$l\" | said 'start script'; }}
  i=0
  while [ -z \"$(pids)\" ]; do
    i=$((i+1)); [ $i -gt {START} ] && {{ echo \"trouble no process came within $(({START}/10)) s\"; tail -n 5 \"$l\" | said 'start script'; forget; return 1; }}
    nap
  done
  forget
}}
hold_all() {{
  for round in 1 2 3 4 5 6 7 8 9 10; do
    signal STOP \"$(pids)\"; nap
    processes | while read -r p b s; do case $s in T|t) ;; *) echo \"$p\";; esac; done | grep -q . || return 0
  done
}}
let_go_all() {{ signal CONT \"$(processes | while read -r p b s; do case $s in T|t) printf '%s ' \"$p\";; esac; done)\"; }}
"
        );
        Ok(Self {
            functions,
            can_start: rule.start.is_some(),
        })
    }

    /// Kills them, and waits until they are gone.
    pub(crate) fn kill(&self) -> String {
        self.script("tell before; kill_all; tell after")
    }

    /// Asks them to end, and waits until they are gone.
    pub(crate) fn stop(&self) -> String {
        self.script("tell before; stop_all; tell after")
    }

    /// Holds them, and waits until they stand.
    pub(crate) fn pause(&self) -> String {
        self.script("tell before; hold_all; tell after")
    }

    /// Ends them, waits until they are gone, and starts them. Does nothing when there are none.
    pub(crate) fn restart(&self) -> String {
        self.script("tell before; [ -z \"$(pids)\" ] || { stop_all && start_all; }; tell after")
    }

    /// Starts them unless they run, and waits until they do. For a node without a start script, tells only.
    pub(crate) fn start(&self) -> String {
        self.script(if self.can_start {
            "tell before; start_all; s=$?; nap; tell after; return $s"
        } else {
            "tell before; tell after"
        })
    }

    /// Lets those go on that stand still.
    pub(crate) fn resume(&self) -> String {
        self.script("tell before; let_go_all; nap; tell after")
    }

    /// Tells which there are.
    pub(crate) fn list(&self) -> String {
        self.script("tell after")
    }

    /// Lets those go on that stand still, and starts them unless they run.
    pub(crate) fn recover(&self) -> String {
        self.script(if self.can_start {
            "let_go_all; start_all; nap; tell after"
        } else {
            "let_go_all; nap; tell after"
        })
    }

    fn script(&self, body: &str) -> String {
        // A function, so that the body can return a status, whether the script is run or is a part of another.
        format!("{}body() {{ {body}; }}\nbody\n", self.functions)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Output, Stdio};

    use super::*;

    fn sh(script: &str) -> Output {
        Command::new("sh").args(["-c", script]).output().unwrap()
    }

    fn told(script: &str) -> Told {
        let output = sh(script);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        Told::read(&String::from_utf8(output.stdout).unwrap())
    }

    /// A program with a name of its own, which no other test uses.
    struct Program {
        folder: tempfile::TempDir,
        name: String,
        children: Vec<Child>,
    }

    impl Program {
        fn new(tag: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            // A process id, so that two test runs on one machine do not meet.
            let name = format!("sm{tag}{}", std::process::id() % 1_000_000);
            let sleep = sh("command -v sleep").stdout;
            let sleep = String::from_utf8(sleep).unwrap();
            std::fs::copy(sleep.trim(), folder.path().join(&name)).unwrap();
            Self {
                folder,
                name,
                children: Vec::new(),
            }
        }

        fn path(&self) -> String {
            self.folder.path().join(&self.name).display().to_string()
        }

        fn spawn(&mut self, seconds: &str) -> u32 {
            let child = Command::new(self.path())
                .arg(seconds)
                .stdin(Stdio::null())
                .spawn()
                .unwrap();
            let id = child.id();
            self.children.push(child);
            // It has its name once it runs the program.
            while std::fs::read_to_string(format!("/proc/{id}/comm"))
                .unwrap()
                .trim()
                != self.name
            {
                std::thread::yield_now();
            }
            id
        }

        fn rule(&self) -> ProcessRule {
            ProcessRule {
                name: self.name.clone(),
                start: Some(format!("{} 1000 >/dev/null 2>&1 &", self.path())),
                ..ProcessRule::default()
            }
        }

        fn processes(&self) -> Processes {
            Processes::new(&self.rule()).unwrap()
        }
    }

    impl Drop for Program {
        fn drop(&mut self) {
            sh(&self.processes().kill());
            for child in &mut self.children {
                let _ = child.wait();
            }
        }
    }

    fn pids(found: &[Found]) -> Vec<u32> {
        let mut pids: Vec<u32> = found.iter().map(|found| found.pid).collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn killed_processes_are_gone_and_a_zombie_is_no_process() {
        let mut program = Program::new("k");
        let mut running = vec![program.spawn("1000"), program.spawn("1000")];
        running.sort_unstable();
        let told = told(&program.processes().kill());
        assert_eq!(pids(&told.before), running);
        assert_eq!(told.after, []);
        assert!(told.all_gone());
        assert_eq!(told.trouble, [""; 0]);
    }

    #[test]
    fn nothing_to_kill_is_told() {
        let program = Program::new("n");
        assert_eq!(told(&program.processes().kill()), Told::default());
    }

    #[test]
    fn paused_processes_stand_and_go_on() {
        let mut program = Program::new("p");
        program.spawn("1000");
        let processes = program.processes();
        let paused = told(&processes.pause());
        assert!(paused.after.iter().all(Found::is_stopped), "{paused:?}");
        assert!(!paused.before[0].is_stopped());
        let resumed = told(&processes.resume());
        assert!(resumed.before[0].is_stopped());
        assert!(!resumed.after[0].is_stopped(), "{resumed:?}");
        assert_eq!(pids(&resumed.after), pids(&paused.before));
    }

    #[test]
    fn a_restart_gives_new_processes() {
        let mut program = Program::new("r");
        program.spawn("1000");
        let told = told(&program.processes().restart());
        assert_eq!(told.before.len(), 1);
        assert_eq!(told.after.len(), 1);
        assert!(told.all_gone(), "{told:?}");
    }

    #[test]
    fn starting_is_done_once() {
        let program = Program::new("s");
        let processes = program.processes();
        let first = told(&processes.start());
        assert_eq!((first.before.len(), first.after.len()), (0, 1));
        let second = told(&processes.start());
        assert_eq!(second.before, second.after);
    }

    #[test]
    fn a_start_that_fails_says_what_the_script_said() {
        let program = Program::new("f");
        let rule = ProcessRule {
            start: Some("echo the disk is full >&2; exit 3".to_owned()),
            ..program.rule()
        };
        let script = Processes::new(&rule)
            .unwrap()
            .start()
            .replace(&format!("-gt {START}"), "-gt 2");
        let told = told(&script);
        assert_eq!(told.trouble[0], "the start script failed with status 3");
        assert_eq!(told.trouble[1], "start script: the disk is full");
    }

    #[test]
    fn the_stop_script_is_used_and_a_process_that_stays_is_told() {
        let mut program = Program::new("t");
        let pid = program.spawn("1000");
        let stays = ProcessRule {
            stop: Some(":".to_owned()),
            ..program.rule()
        };
        let script = |rule: &ProcessRule| {
            Processes::new(rule)
                .unwrap()
                .stop()
                .replace(&format!("\"$p\" {END}"), "\"$p\" 2")
        };
        let stayed = told(&script(&stays));
        assert!(!stayed.all_gone());
        assert!(stayed.trouble[0].contains("did not end"), "{stayed:?}");
        let ends = ProcessRule {
            stop: Some(format!("kill {pid}")),
            ..program.rule()
        };
        assert!(told(&script(&ends)).all_gone());
    }

    #[test]
    fn the_command_line_narrows_what_the_name_finds() {
        let mut program = Program::new("c");
        let one = program.spawn("1001");
        program.spawn("1002");
        let rule = ProcessRule {
            pattern: Some(" 100[1]$".to_owned()),
            ..program.rule()
        };
        let listed = told(&Processes::new(&rule).unwrap().list());
        assert_eq!(pids(&listed.after), [one]);
    }

    #[test]
    fn a_name_is_compared_whole() {
        let mut program = Program::new("w");
        program.spawn("1000");
        for name in [&program.name[1..], &program.name[..4], "sm*", "*"] {
            let rule = ProcessRule {
                name: name.to_owned(),
                ..ProcessRule::default()
            };
            assert_eq!(
                told(&Processes::new(&rule).unwrap().list()).after,
                [],
                "{name}"
            );
        }
    }

    #[test]
    fn our_own_shells_are_never_taken_for_the_database() {
        let rule = ProcessRule {
            name: "sh".to_owned(),
            pattern: Some("schism-script".to_owned()),
            ..ProcessRule::default()
        };
        assert_eq!(told(&Processes::new(&rule).unwrap().list()).after, []);
    }

    #[test]
    fn what_was_told_is_read() {
        let told = Told::read("before 12 345 S\nafter 13 400 T\nnoise\nbefore x y z\ntrouble a b");
        assert_eq!(told.before.len(), 1);
        assert!(told.after[0].is_stopped());
        assert!(told.all_gone());
        assert_eq!(told.trouble, ["a b"]);
        let reused = Told::read("before 12 345 S\nafter 12 346 S");
        assert!(reused.all_gone(), "the same number, another process");
        assert!(!Told::read("before 12 345 S\nafter 12 345 D").all_gone());
    }

    #[test]
    fn a_nul_byte_is_refused() {
        let rule = ProcessRule {
            name: "a\0b".to_owned(),
            ..ProcessRule::default()
        };
        assert_eq!(Processes::new(&rule).err(), Some(HasNul));
    }
}
