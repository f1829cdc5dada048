//! The same seed gives the same history, byte for byte; and from a run's folder alone come the same verdict, the same
//! reports and the same exit code, wherever the folder is.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use schism_simulator::STORES;
use sha2::{Digest, Sha256};

/// The SHA-256 of the history of each store under [`EVERYTHING`]. Debug and release, this machine and any other must
/// give these bytes. They change only with the simulator, a workload, the controller or the file's format; then look
/// that the change was meant, and put the new ones here.
const DIGESTS: &[(&str, &str, &str)] = &[
    (
        "async-failover",
        "register",
        "7645b646270f74d2ca76c5fa381743d38ec914dd92063ab603ca1f3b35bfc286",
    ),
    (
        "async-failover",
        "set",
        "2137625605881f90ae1eb58ed3fe55d80e393a2032d2ea2f57fde5a748c098fb",
    ),
    (
        "kb-lww-skew",
        "register",
        "421172f04594b97c49d4d01861b2f9fc48636a30baecd05709f72b58e3aed102",
    ),
    (
        "kb-quorum-no-writeback",
        "register",
        "fb441e5791893a8c6dff4c5d79826b48587de8aeef7612f8ec099ecf67642575",
    ),
    (
        "kg-abd",
        "register",
        "a709231523dc422eefe988006252424472abd5a976372aa5c7c4d77b58d25719",
    ),
    (
        "single-copy",
        "register",
        "17ec2dc9dc42713eb924ed86f5ceff49caa03ec00508b61289afd023d9579e60",
    ),
    (
        "single-copy",
        "set",
        "c8c116f5a098a09b225591671c98749741ebacd34aebb41bd817611be280a51c",
    ),
];

/// Every kind of fault and trouble that the simulator knows.
const EVERYTHING: &str = r#"
time = "2s"
seed = 11
[target.sim]
nodes = 5
network = { delay = { min = "100us", max = "9ms", spread = "uniform" }, loss = "1%", duplicate = "3%", reorder = "5%" }
clocks = { offset = "250ms", drift_ppm = 200 }
[load]
concurrency = "2n"
rate = 120.5
open = true
timeout = "300ms"
routing = "roaming"
[recovery]
settle = "200ms"
[[faults]]
partition = {}
every = "700ms"
for = ["100ms", "600ms"]
[[faults]]
kill = { targets = "one" }
between = ["200ms", "700ms"]
for = ["50ms", "300ms"]
[[faults]]
pause = { targets = "minority" }
every = "900ms"
after = "400ms"
for = ["50ms", "400ms"]
[[faults]]
restart = { targets = "one" }
every = "1100ms"
"#;

/// The program: the one that was built for the tests, or the one that `SCHISM_PROGRAM` names, which is how the gate asks
/// a release build for the same bytes.
fn schism(arguments: &[&str]) -> Output {
    let program = std::env::var_os("SCHISM_PROGRAM");
    Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_schism").into()))
        .args(arguments)
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

/// Runs a plan with its own process, and gives how that ended and the run's folder.
fn run(plan: &str, arguments: &[&str], out: &Path) -> (i32, PathBuf) {
    let mut all = vec!["run", plan, "--quiet", "--out", out.to_str().unwrap()];
    all.extend(arguments);
    let output = schism(&all);
    let latest = fs::canonicalize(out.join("latest"));
    let latest = latest.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (code(&output), latest)
}

/// Every file below a folder, by its path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let own = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(own, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Fails with the names of the files that differ, rather than with their bytes.
fn assert_same(now: &BTreeMap<PathBuf, Vec<u8>>, before: &BTreeMap<PathBuf, Vec<u8>>, place: &str) {
    let names: Vec<_> = now.keys().collect();
    assert_eq!(names, before.keys().collect::<Vec<_>>(), "{place}");
    let differ: Vec<_> = names
        .into_iter()
        .filter(|name| now[*name] != before[*name])
        .collect();
    assert!(differ.is_empty(), "{place}: {differ:?}");
}

fn example(name: &str) -> String {
    format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_same_seed_gives_the_same_history_in_another_process_and_another_one_does_not() {
    let out = tempfile::tempdir().unwrap();
    let history = |name: &str, seed: &str| {
        let plan = example("async-failover");
        let arguments = ["--seed", seed, "--time", "20s"];
        let (exit, folder) = run(&plan, &arguments, &out.path().join(name));
        (exit, fs::read(folder.join("history.jsonl")).unwrap())
    };
    let first = history("first", "4");
    assert!(first.1.len() > 100_000);
    assert!(first == history("second", "4"));
    assert!(first != history("third", "5"));
}

#[test]
fn the_history_of_each_store_is_the_same_on_every_machine() {
    let out = tempfile::tempdir().unwrap();
    let plan = out.path().join("plan.toml");
    let mut found = Vec::new();
    for listed in STORES {
        for workload in ["register", "set"] {
            let name = format!("name={}", listed.name);
            let store = format!("target.sim.store={}", listed.name);
            let drawn = format!("workload.{workload}={{}}");
            fs::write(&plan, EVERYTHING).unwrap();
            let sets = ["--set", &name, "--set", &store, "--set", &drawn];
            let own = out.path().join(format!("{}-{workload}", listed.name));
            if code(&schism(
                &[&["plan", plan.to_str().unwrap()][..], &sets].concat(),
            )) == 64
            {
                continue;
            }
            let (_, folder) = run(plan.to_str().unwrap(), &sets, &own);
            let bytes = fs::read(folder.join("history.jsonl")).unwrap();
            let mut digest = String::new();
            for byte in Sha256::digest(&bytes) {
                write!(digest, "{byte:02x}").unwrap();
            }
            found.push((listed.name, workload, digest));
        }
    }
    let found: Vec<(&str, &str, &str)> = found
        .iter()
        .map(|(store, workload, digest)| (*store, *workload, digest.as_str()))
        .collect();
    assert_eq!(found, DIGESTS);
}

#[test]
fn the_folder_alone_gives_the_same_files_and_the_same_exit_code() {
    let gate = [
        "--seed",
        "1",
        "--set",
        "gates.availability.critical=99.999%",
        "--set",
        "workload.register.keys=3",
    ];
    for (exit, plan, arguments) in [
        (0, "quorum-correct", &["--seed", "1"][..]),
        (1, "quorum-broken", &["--seed", "1"]),
        (
            2,
            "quorum-correct",
            &["--seed", "1", "--set", "checks.minimum_ok=1000000"],
        ),
        (3, "quorum-correct", &gate),
    ] {
        let out = tempfile::tempdir().unwrap();
        let arguments = [arguments, &["--time", "6s"]].concat();
        let (ran, folder) = run(&example(plan), &arguments, out.path());
        assert_eq!(ran, exit, "{plan}");
        let before = files(&folder);
        for made in [
            "verdict.json",
            "report.html",
            "junit.xml",
            "faults.json",
            "history.jsonl",
            "plan.toml",
            "run.json",
        ] {
            assert!(before.contains_key(Path::new(made)), "{plan}: {made}");
        }
        assert!(before.keys().any(|path| path.starts_with("plots")));

        let checked = schism(&["check", folder.to_str().unwrap()]);
        assert_eq!(code(&checked), exit, "check after {plan}");
        assert_same(&files(&folder), &before, "check");

        // Whatever can be made again may be gone, and the folder elsewhere.
        let moved = out.path().join("moved run");
        fs::rename(&folder, &moved).unwrap();
        for made in ["verdict.json", "report.html", "junit.xml", "faults.json"] {
            fs::remove_file(moved.join(made)).unwrap();
        }
        fs::remove_dir_all(moved.join("plots")).unwrap();
        let reported = schism(&["report", moved.to_str().unwrap()]);
        assert_eq!(code(&reported), exit, "report after {plan}");
        assert_same(&files(&moved), &before, "report after a move");
        assert_eq!(
            String::from_utf8(reported.stdout).unwrap(),
            format!("{}\n", moved.join("report.html").display())
        );

        fs::write(moved.join("verdict.json"), "{}").unwrap();
        let json = schism(&["check", "--json", moved.to_str().unwrap()]);
        assert_eq!(code(&json), exit, "check --json after {plan}");
        assert_same(&files(&moved), &before, "check after a move");
        assert!(
            json.stdout == before[Path::new("verdict.json")],
            "--json prints verdict.json"
        );
    }
}
