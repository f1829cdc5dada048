//! Where a test takes place: a directory and a lab of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::patience::{PATIENCE, eventually};
use crate::record::Record;
use crate::running::{Running, Said};

const SCHISM: &str = env!("CARGO_BIN_EXE_schism");

/// A directory and the name of a lab that no other test uses. Whatever is left of them at the end is removed.
pub(crate) struct Scene {
    directory: tempfile::TempDir,
    lab: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            directory: tempfile::tempdir().unwrap(),
            lab: format!("r{}-{number}", process::id()),
        }
    }

    /// The lab's name.
    pub(crate) fn lab(&self) -> &str {
        &self.lab
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory of all labs of this scene.
    pub(crate) fn labs(&self) -> PathBuf {
        self.path("labs")
    }

    /// The folder that runs are recorded in.
    pub(crate) fn out(&self) -> PathBuf {
        self.path("runs")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SCHISM);
        command
            .args(arguments)
            .env("SCHISM_LABS", self.labs())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn schism(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().unwrap())
    }

    /// Writes a plan.
    pub(crate) fn plan(&self, text: &str) -> String {
        let path = self.path("plan.toml");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A plan for a lab of three nodes with this under its tables; the load is light, so that its history is short.
    pub(crate) fn lab_plan(&self, time: &str, more: &str) -> String {
        self.plan(&format!(
            "name = \"real\"\nseed = 7\ntime = \"{time}\"\n\
             [target]\nlab = {{ nodes = 3, name = \"{}\" }}\n\
             [database]\netcd = {{}}\n[workload]\nregister = {{}}\n\
             [load]\nconcurrency = 6\nrate = 100\ntimeout = \"2s\"\n{more}",
            self.lab
        ))
    }

    fn run_arguments<'a>(plan: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["run", plan, "--out", out][..], more].concat()
    }

    /// Runs a plan to its end.
    pub(crate) fn run(&self, plan: &str, more: &[&str]) -> Said {
        let out = self.out();
        self.schism(&Self::run_arguments(plan, out.to_str().unwrap(), more))
    }

    /// Begins to run a plan.
    pub(crate) fn start(&self, plan: &str, more: &[&str]) -> Running {
        self.start_in(plan, more, &[])
    }

    /// Begins to run a plan with these environment variables.
    pub(crate) fn start_in(
        &self,
        plan: &str,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> Running {
        let out = self.out();
        let arguments = Self::run_arguments(plan, out.to_str().unwrap(), more);
        let mut command = self.command(&arguments);
        command.envs(environment.iter().copied());
        Running::start(command, self.directory.path())
    }

    /// The newest run.
    #[track_caller]
    pub(crate) fn record(&self) -> Record {
        Record::newest(&self.out()).expect("there was a run")
    }

    /// Whether the newest run, if there is one, holds this.
    pub(crate) fn recorded(&self, holds: impl Fn(&Record) -> bool) -> bool {
        Record::newest(&self.out()).is_some_and(|record| holds(&record))
    }

    /// Brings the lab up and returns what `lab status` says of it.
    pub(crate) fn up(&self, nodes: &str) -> Value {
        let name = self.lab();
        let said = self
            .schism(&["lab", "up", "etcd", "-n", nodes, "--name", name, "--json"])
            .ends_with(0);
        serde_json::from_str(&said.out).unwrap()
    }

    /// How the lab is.
    pub(crate) fn status(&self) -> Value {
        let said = self
            .schism(&["lab", "status", self.lab(), "--json"])
            .ends_with(0);
        let status: Value = serde_json::from_str(&said.out).unwrap();
        status["labs"][0].clone()
    }

    /// How a node's database is: `ready`, `not-ready`, `stopped`, `unknown`. Nodes count from 1.
    pub(crate) fn database(&self, node: usize) -> String {
        let state = &self.status()["nodes"][node - 1]["database"]["state"];
        state.as_str().unwrap().to_owned()
    }

    /// Runs a line on a node, as one would by hand.
    pub(crate) fn ssh(&self, node: &str, line: &str) -> Said {
        self.schism(&["lab", "ssh", "--lab", self.lab(), node, "--", line])
    }

    /// What a line that must succeed prints on a node.
    #[track_caller]
    pub(crate) fn on(&self, node: &str, line: &str) -> String {
        self.ssh(node, line).ends_with(0).out.trim_end().to_owned()
    }

    /// Whether packets pass from one node to another.
    pub(crate) fn reaches(&self, from: &str, to: &str) -> bool {
        let said = self.ssh(from, &format!("ping -c 1 -W 1 {to} >/dev/null"));
        said.code == Some(0)
    }

    /// The states of the database's processes on a node, as `ps` shows them: empty when there are none.
    pub(crate) fn states(&self, node: &str) -> String {
        self.ssh(node, "ps -C etcd -o stat=").out
    }

    /// Ends a node for ever: its first process, and with it the kernel ends everything in it.
    pub(crate) fn end(&self, node: &str) {
        let namespace = format!("schism.{}.{node}", self.lab);
        let pids = || {
            let output = Command::new("ip")
                .args(["netns", "pids", &namespace])
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        // Some are gone before their turn comes.
        let _ = Command::new("kill")
            .args(["-s", "KILL"])
            .args(pids().split_whitespace())
            .output();
        eventually("everything in the node ends", PATIENCE, || {
            pids().is_empty()
        });
    }

    /// Takes the lab down and proves that nothing of it is left.
    #[track_caller]
    pub(crate) fn down(&self) {
        self.schism(&["lab", "down", self.lab()]).ends_with(0);
        self.nothing_left();
    }

    /// No namespace, interface, process or file of the lab.
    #[track_caller]
    pub(crate) fn nothing_left(&self) {
        let marked = format!("schism.{}", self.lab);
        let namespaces = names(Path::new("/run/netns"));
        assert!(
            !namespaces
                .iter()
                .any(|name| name.starts_with(&format!("{marked}."))),
            "{namespaces:?}"
        );
        let links = Command::new("ip").args(["-json", "link"]).output().unwrap();
        let links = String::from_utf8_lossy(&links.stdout).into_owned();
        assert!(!links.contains(&format!("\"{marked}\"")), "{links}");
        assert_eq!(names(&self.labs()), [] as [&str; 0]);
        for process in names(Path::new("/proc")) {
            let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            assert!(!line.contains(&format!("{marked}.")), "{process}: {line}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !names(&self.labs()).is_empty() {
            self.schism(&["lab", "down", &self.lab]);
        }
    }
}

/// What lies in a directory; nothing when there is none.
fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}
