//! The house: which part may know which. The edges stand in ARCHITECTURE.md; here they are held.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The crates of this workspace, by name.
fn members() -> BTreeMap<String, Value> {
    let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            (
                package["name"].as_str().unwrap().to_owned(),
                package.clone(),
            )
        })
        .collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Our own crates that a crate names among its dependencies: normal ones, those of its tests and of its build.
fn own_dependencies<'m>(
    package: &'m Value,
    members: &BTreeMap<String, Value>,
) -> BTreeSet<&'m str> {
    package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dependency| dependency["name"].as_str().unwrap())
        .filter(|name| members.contains_key(*name))
        .collect()
}

/// The text of every file of Rust below a folder, by path.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{}", folder.display());
    found
}

#[test]
fn edges_between_our_crates_point_one_way() {
    let members = members();
    let own: BTreeMap<&str, BTreeSet<&str>> = members
        .iter()
        .map(|(name, package)| (name.as_str(), own_dependencies(package, &members)))
        .collect();
    let history = || BTreeSet::from(["schism-history"]);
    let expected = BTreeMap::from([
        (
            "schism",
            BTreeSet::from([
                "schism-checkers",
                "schism-history",
                "schism-nemeses",
                "schism-simulator",
                "schism-workloads",
            ]),
        ),
        (
            "schism-c",
            BTreeSet::from(["schism-checkers", "schism-history"]),
        ),
        ("schism-checkers", history()),
        ("schism-history", BTreeSet::new()),
        ("schism-nemeses", history()),
        ("schism-simulator", history()),
        ("schism-workloads", history()),
    ]);
    assert_eq!(own, expected, "no edge between siblings, none upwards");
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for (name, package) in members() {
        let path = package["manifest_path"].as_str().unwrap();
        let manifest: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
        let inherited = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace")?.as_bool());
        // What is called from C cannot do without `unsafe`, which the workspace forbids: it denies it, and says why.
        let is_boundary = name == "schism-c";
        assert_eq!(
            inherited == Some(true),
            !is_boundary,
            "{name}: lints.workspace = true"
        );
    }
}

/// What a judge uses, and what that uses, down to the bottom.
#[test]
fn judges_cannot_do_io_wait_or_draw_random_numbers() {
    for name in ["schism-checkers", "schism-history"] {
        let tree = cargo(&[
            "tree",
            "--package",
            name,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        let used: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(used.contains(name) && used.contains("serde"), "{tree}");
        for forbidden in [
            "async-trait",
            "futures-util",
            "getrandom",
            "mio",
            "rand",
            "rand_core",
            "rand_pcg",
            "reqwest",
            "rustix",
            "smol",
            "socket2",
            "tempfile",
            "tokio",
        ] {
            assert!(!used.contains(forbidden), "{name} uses {forbidden}");
        }
    }
}

#[test]
fn judges_touch_neither_disk_nor_network_nor_clock() {
    for (path, text) in sources(&Path::new(ROOT).join("checkers/src")) {
        for (number, line) in text.lines().enumerate() {
            for forbidden in [
                "std::env",
                "std::fs",
                "std::net",
                "std::process",
                "std::thread",
                "SystemTime",
            ] {
                assert!(
                    !line.contains(forbidden),
                    "{}:{}: {forbidden}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn adding_a_store_a_checker_or_a_fault_is_one_file_of_its_name() {
    let has = |path: String| Path::new(ROOT).join(path).exists();
    // A checker stands in the crate itself or in one of its groups.
    let groups = [
        "",
        "invariants/",
        "linearizable/",
        "measures/",
        "sessions/",
        "transactions/",
    ];
    // Two answers of one judge stand in one file.
    let shared = BTreeMap::from([("safe", "regular"), ("causal-convergence", "causal")]);
    for listed in schism_checkers::CHECKERS {
        let name = shared.get(listed.name).copied().unwrap_or(listed.name);
        let file = name.replace('-', "_");
        let is_there = |group: &&&str| {
            has(format!("checkers/src/{group}{file}.rs"))
                || has(format!("checkers/src/{group}{file}/mod.rs"))
        };
        assert_eq!(groups.iter().filter(is_there).count(), 1, "{file}");
        assert!(
            has(format!("checkers/tests/histories/{}", listed.name)),
            "{} has no histories",
            listed.name
        );
    }
    for listed in schism_simulator::STORES {
        let file = format!("simulator/src/stores/{}", listed.file);
        assert!(
            has(format!("{file}.rs")) || has(format!("{file}/mod.rs")),
            "{file}"
        );
    }
    for listed in schism_workloads::WORKLOADS {
        assert!(
            has(format!("workloads/src/{}.rs", listed.name)),
            "{}",
            listed.name
        );
    }
    for listed in schism_workloads::clients::DATABASES {
        let client = format!("workloads/src/clients/{}", listed.name);
        assert!(has(format!("{client}.rs")) || has(format!("{client}/mod.rs")));
    }
}
