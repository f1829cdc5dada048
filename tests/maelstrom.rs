//! Programs that speak Maelstrom's protocol: right ones pass, wrong ones are caught, and those that do not speak it are
//! told what would be right.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

/// The node of the example in Rust, built.
fn rust_node() -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--example", "maelstrom-node"])
            .arg("--message-format=json")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let text = String::from_utf8(built.stdout).unwrap();
        let messages = text.lines().rev();
        let executable = messages
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|message| message["executable"].as_str().map(PathBuf::from));
        executable.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&built.stderr)))
    });
    BUILT.clone()
}

/// The node of the example in Python.
fn python_node() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/maelstrom/node.py")
}

/// How a run ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    /// What was printed, both streams.
    text: String,
    verdict: Value,
    folder: PathBuf,
    _home: TempDir,
}

impl Ran {
    /// A run of this program, without a plan.
    fn new(bin: &Path, arguments: &str) -> Self {
        Self::of(&["--bin", &bin.to_string_lossy()], arguments)
    }

    /// A run of whatever these words name.
    fn of(what: &[&str], arguments: &str) -> Self {
        let home = TempDir::new().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_schism"))
            .arg("run")
            .args(what)
            .args(arguments.split_whitespace())
            .args(["--quiet", "--seed", "1", "--out"])
            .arg(home.path())
            .args(["--set", "recovery.settle=0s"])
            .env_remove("GITHUB_ACTIONS")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let folder = home.path().join("latest");
        let verdict = fs::read_to_string(folder.join("verdict.json"));
        Self {
            code: output.status.code().unwrap(),
            text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            verdict: verdict.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap()),
            folder,
            _home: home,
        }
    }

    /// The checkers that found something.
    fn found_by(&self) -> Vec<&str> {
        let checkers = self.verdict["verdicts"].as_array().unwrap().iter();
        checkers
            .filter(|checker| checker["validity"] == "invalid")
            .map(|checker| checker["checker"].as_str().unwrap())
            .collect()
    }
}

/// A right and a wrong node for a protocol: the wrong one is found by these checkers.
fn right_and_wrong(bin: &Path, protocol: &str, found_by: &[&str]) {
    let faults = "--time 3s --rate 200 --latency 1 --nemesis partition --nemesis-interval 2s";
    let right = Ran::new(bin, &format!("-w {protocol} {faults}"));
    assert_eq!(right.code, 0, "{protocol}: {}", right.text);
    let wrong = Ran::new(
        bin,
        &format!("-w {protocol} --arg local --time 2s --rate 200"),
    );
    assert_eq!(wrong.code, 1, "{protocol}: {}", wrong.text);
    for checker in found_by {
        assert!(
            wrong.found_by().contains(checker),
            "{protocol}: {:?}\n{}",
            wrong.found_by(),
            wrong.text
        );
    }
}

/// The protocols, and who finds the wrong node.
const PROTOCOLS: &[(&str, &[&str])] = &[
    ("broadcast", &["replica-equality"]),
    ("g-set", &["replica-equality"]),
    ("lin-kv", &["linearizable"]),
];

#[test]
fn right_nodes_pass_and_wrong_ones_are_caught() {
    for (protocol, found_by) in PROTOCOLS {
        right_and_wrong(&rust_node(), protocol, found_by);
    }
}

#[test]
#[ignore = "needs python3"]
fn so_they_do_in_python() {
    for (protocol, found_by) in PROTOCOLS {
        right_and_wrong(&python_node(), protocol, found_by);
    }
    let example = ["examples/maelstrom"];
    let right = Ran::of(&example, "--time 5s");
    assert_eq!(right.code, 0, "{}", right.text);
    let wrong = Ran::of(
        &example,
        "--time 5s --set target.maelstrom.args=[\"local\"]",
    );
    assert_eq!(wrong.code, 1, "{}", wrong.text);
    assert!(wrong.found_by().contains(&"linearizable"), "{}", wrong.text);
}

#[test]
fn processes_are_killed_and_paused_and_that_is_proved() {
    for fault in ["kill", "pause"] {
        let ran = Ran::new(
            &rust_node(),
            &format!("-w lin-kv --time 3s --rate 200 --nemesis {fault} --nemesis-interval 2s"),
        );
        let text = fs::read_to_string(ran.folder.join("faults.json")).unwrap();
        let faults: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert!(!faults.is_empty(), "{}", ran.text);
        for struck in &faults {
            assert_eq!(struck["name"], fault);
            assert_eq!(struck["outcome"], "installed", "{struck}");
            assert_eq!(struck["heal_outcome"], "installed", "{struck}");
        }
    }
}

#[test]
fn messages_are_written_down() {
    let ran = Ran::new(&rust_node(), "-w lin-kv --time 2s --rate 50 --loss 30%");
    let text = fs::read_to_string(ran.folder.join("messages.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert!(count("receive") > 100 && count("drop") > 10);
    assert!(count("send") >= count("receive") + count("drop"));
    let lost = lines.iter().filter(|line| line["event"] == "drop");
    assert!(lost.clone().any(|line| line["reason"] == "lost"));
    assert!(lines.is_sorted_by_key(|line| line["time"].as_u64()));
}

/// A node that is a shell script.
fn script(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("node.sh");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn whoever_does_not_speak_the_protocol_is_told_what_would_be_right() {
    let folder = TempDir::new().unwrap();
    let nobody = r#"read line; echo '{"src":"n1","dest":"n9","body":{"type":"x"}}'; cat"#;
    for (text, expected) in [
        ("read line; echo ready; cat", "everything else to stderr"),
        ("cat", "the node that sent it is"),
        ("echo oh no >&2; exit 3", "oh no"),
        ("exit 3", "ended by itself (exit status: 3)"),
        (nobody, "sent a message to \"n9\""),
    ] {
        let bin = script(&folder, text);
        let ran = Ran::new(&bin, "-w lin-kv --time 2s --node-count 1");
        assert_eq!(ran.code, 69, "{text}: {}", ran.text);
        assert!(ran.text.contains(expected), "{text}: {}", ran.text);
    }
    let missing = Ran::new(&folder.path().join("nothing"), "-w lin-kv");
    assert_eq!(missing.code, 64, "{}", missing.text);
    let unknown = Ran::new(&rust_node(), "-w lin-vk");
    assert_eq!(unknown.code, 64, "{}", unknown.text);
    assert!(unknown.text.contains("lin-kv"), "{}", unknown.text);
}
