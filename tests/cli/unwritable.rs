//! Places that cannot be written. The tests may run as root, for whom nothing is read-only: a file where a folder
//! should be, a device that is always full and a limit on the size of files fail for everybody.

use super::*;

fn full() -> Stdio {
    fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

fn code_on(stdout: Stdio, arguments: &[&str]) -> i32 {
    let output = command(arguments).stdout(stdout).output().unwrap();
    Said::of(output).code
}

#[test]
fn standard_output_that_is_full_or_closed_is_74() {
    let scratch = Scratch::new();
    let (_, folder) = scratch.run("quorum-correct", &["--quiet"]);
    let run = folder.to_str().unwrap();
    for arguments in [
        &["list"][..],
        &["--help"],
        &["--version"],
        &["plan", "--schema"],
        &["plan", &example("quorum-correct")],
        &["init", "sim", "-"],
        &["check", run],
        &["check", run, "--json"],
        &["report", run],
    ] {
        assert_eq!(code_on(full(), arguments), 74, "{arguments:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(code_on(writer.into(), arguments), 74, "{arguments:?}");
    }
}

#[test]
fn a_proved_anomaly_is_told_even_when_nobody_can_read_it() {
    let scratch = Scratch::new();
    let (_, folder) = scratch.run("quorum-broken", &["--quiet"]);
    let run = folder.to_str().unwrap();
    assert_eq!(code_on(full(), &["check", run]), 1);
    let refused = command(&["nothing"]).stderr(full()).output().unwrap();
    assert!([64, 74].contains(&Said::of(refused).code));
}

#[test]
fn a_folder_that_cannot_be_made_is_74_with_a_remedy() {
    let scratch = Scratch::new();
    let file = scratch.write("file", b"");
    let plan = example("quorum-correct");
    let run = schism(&["run", &plan, "--quiet", "--out", &file]);
    run.refused(74, &[&file, "--out"]);
    let demo = schism(&["demo", "--out", &file]);
    assert_eq!(demo.code, 74, "{demo:?}");
    assert!(demo.err.contains(&file), "{demo:?}");
    let taken = scratch.write("quorum-correct", b"");
    let out = scratch.path("");
    schism(&["run", &plan, "--quiet", "--out", &out]).refused(74, &[&taken]);
}

#[test]
fn reports_that_cannot_be_written_do_not_hide_the_verdict() {
    let scratch = Scratch::new();
    for (example, code) in [("quorum-correct", 74), ("quorum-broken", 1)] {
        let (_, folder) = scratch.run(example, &["--quiet"]);
        // A folder is in the way of a file; for a folder that is read-only the system says something else.
        fs::remove_file(folder.join("report.html")).unwrap();
        fs::create_dir(folder.join("report.html")).unwrap();
        fs::write(folder.join("report.html/in the way"), "").unwrap();
        let said = schism(&["check", folder.to_str().unwrap()]);
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.out.contains(&format!("VALID  {example}")), "{said:?}");
        assert!(said.err.contains("report.html"), "{said:?}");
    }
}

#[test]
fn a_run_folder_that_is_read_only_is_judged_all_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let (_, folder) = scratch.run("quorum-correct", &["--quiet"]);
    let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    let said = schism(&["check", folder.to_str().unwrap()]);
    mode(0o755);
    assert!(said.out.contains("VALID  quorum-correct"), "{said:?}");
    if rustix::process::geteuid().is_root() {
        assert_eq!(said.code, 0, "{said:?}");
    } else {
        assert_eq!(said.code, 74, "{said:?}");
        assert!(said.err.contains("ermission denied"), "{said:?}");
    }
}

/// The program under a limit on the size of files, in blocks of 512 bytes.
fn limited(blocks: &str, arguments: &[&str]) -> Said {
    let program = env!("CARGO_BIN_EXE_schism");
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "ulimit -f \"$1\" && shift && exec \"$@\"",
            "sh",
            blocks,
            program,
        ])
        .args(arguments)
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
    Said::of(shell.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_history_that_outgrows_its_place_is_74_and_what_is_there_can_be_judged() {
    let scratch = Scratch::new();
    let out = scratch.path("runs");
    let plan = example("quorum-correct");
    let said = limited(
        "400",
        &["run", &plan, "--seed", "1", "--quiet", "--out", &out],
    );
    said.refused(
        74,
        &[
            "history.jsonl: the history cannot be written after event",
            "make room",
            "schism check",
        ],
    );
    let latest = format!("{out}/latest");
    let size = fs::metadata(format!("{latest}/history.jsonl"))
        .unwrap()
        .len();
    assert!(size > 100_000, "{size}");
    let checked = schism(&["check", &latest]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(
        checked.out.contains("killed in the middle of the run"),
        "{checked:?}"
    );
}

#[test]
fn a_conversion_that_cannot_be_finished_leaves_nothing() {
    let scratch = Scratch::new();
    let (_, folder) = scratch.run("quorum-correct", &["--quiet"]);
    let history = folder.join("history.jsonl");
    let into = scratch.path("into");
    fs::create_dir(&into).unwrap();
    let to = format!("{into}/history.edn");
    limited("100", &["convert", history.to_str().unwrap(), &to]).refused(74, &["history.edn: "]);
    assert_eq!(fs::read_dir(&into).unwrap().count(), 0);
}
