//! The program: what it prints where, and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const VALID: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/plans/valid/shortest.toml"
);
const BROKEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/plans/broken/keys-many.toml"
);

fn schism(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_schism"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> (i32, String, String) {
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
    )
}

#[test]
fn a_right_plan_is_shown_on_standard_output() {
    let (code, out, err) = said(&schism(&["plan", VALID, "--seed", "7"]));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("seed       7"), "{out}");
    assert!(out.contains("partition  halves: "), "{out}");
    let again = schism(&["plan", VALID, "--seed=7"]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), out);
}

#[test]
fn a_seed_that_nobody_gave_is_drawn_and_shown() {
    let seed = || {
        let (_, out, _) = said(&schism(&["plan", VALID, "--resolved"]));
        let line = out
            .lines()
            .find(|line| line.starts_with("seed = "))
            .unwrap();
        line.to_owned()
    };
    let seeds: std::collections::BTreeSet<_> = (0..4).map(|_| seed()).collect();
    assert!(seeds.len() > 1, "{seeds:?}");
}

#[test]
fn a_broken_plan_is_refused_on_standard_error() {
    let (code, out, err) = said(&schism(&["plan", BROKEN]));
    assert_eq!((code, out.as_str()), (64, ""));
    assert!(err.contains("keys-many.toml:1:1]"), "{err}");
    assert!(err.contains("did you mean `seed`?"), "{err}");
    assert!(
        err.contains("8 mistakes in the plan. Nothing was done."),
        "{err}"
    );
    assert!(!err.contains('\x1b'), "no colours on a pipe: {err}");
}

#[test]
fn options_of_their_own_stand_for_keys() {
    let (code, out, _) = said(&schism(&[
        "plan",
        VALID,
        "--time",
        "10s",
        "--set",
        "load.concurrency=3",
    ]));
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("time       10s;") && out.contains("3 processes"),
        "{out}"
    );
    let (code, _, err) = said(&schism(&["plan", VALID, "--seed", "-3"]));
    assert_eq!(code, 64);
    assert!(err.contains("[command line:1:8]"), "{err}");
}

#[test]
fn files_that_are_no_plans_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("latin1.toml"), b"seed = 1\nname = \"\xe9\"\n").unwrap();
    fs::write(path("history.jsonl"), "x".repeat(2 << 20)).unwrap();
    for (name, part) in [
        ("nothing.toml", "there is no such file"),
        ("", "there is no such file"),
        ("latin1.toml", "line 2 holds a byte that is no UTF-8"),
        ("history.jsonl", "is no plan"),
    ] {
        let (code, out, err) = said(&schism(&["plan", &path(name)]));
        assert_eq!((code, out.as_str()), (64, ""), "{name}");
        assert!(
            err.contains(part) && err.contains("help: "),
            "{name}: {err}"
        );
    }
}

#[test]
fn a_folder_stands_for_its_plan_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("my plan");
    fs::create_dir(&plan).unwrap();
    fs::copy(VALID, plan.join("plan.toml")).unwrap();
    let (code, out, err) = said(&schism(&["plan", plan.to_str().unwrap()]));
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("plan       my-plan\n"), "{out}");
    let inside = command(&["plan", "."]).current_dir(&plan).output().unwrap();
    assert!(said(&inside).1.starts_with("plan       my-plan\n"));
}

#[test]
fn the_schema_is_json() {
    let (code, out, _) = said(&schism(&["plan", "--schema"]));
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema, schism::plan::schema());
}

#[test]
fn wrong_usage_is_64_and_help_is_0() {
    for wrong in [
        &["plan"][..],
        &["plan", "--nothing"],
        &["plan", "--schema", VALID],
        &["plan", "--resolved"],
        &["nothing"],
        &[],
        &["init"],
        &["init", "oracle"],
    ] {
        let (code, out, err) = said(&schism(wrong));
        assert_eq!((code, out.as_str()), (64, ""), "{wrong:?}");
        assert!(!err.is_empty(), "{wrong:?}");
    }
    for help in [
        &["--help"][..],
        &["plan", "--help"],
        &["--version"],
        &["help", "init"],
    ] {
        let (code, out, err) = said(&schism(help));
        assert_eq!((code, err.as_str()), (0, ""), "{help:?}");
        assert!(!out.is_empty(), "{help:?}");
    }
}

#[test]
fn init_writes_a_plan_that_is_right_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["sim", "etcd", "ssh"] {
        let file = folder.path().join(format!("{kind}.toml"));
        let file = file.to_str().unwrap();
        assert_eq!(said(&schism(&["init", kind, file])).0, 0);
        let (code, _, err) = said(&schism(&["plan", file]));
        assert_eq!(code, 0, "{kind}: {err}");
        let before = fs::read(file).unwrap();
        let (code, _, err) = said(&schism(&["init", "sim", file]));
        assert_eq!(code, 64);
        assert!(err.contains("is there already"), "{err}");
        assert_eq!(fs::read(file).unwrap(), before);
        assert_eq!(schism(&["init", kind, "-"]).stdout, before);
    }
    let nowhere = folder.path().join("no/such/folder/plan.toml");
    let (code, _, err) = said(&schism(&["init", "sim", nowhere.to_str().unwrap()]));
    assert_eq!(code, 74);
    assert!(err.contains("cannot be written"), "{err}");
}

#[test]
fn output_that_cannot_be_written_is_74() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let full = fs::OpenOptions::new().write(true).open(full).unwrap();
    let status = command(&["plan", "--schema"])
        .stdout(full)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(74));
}
