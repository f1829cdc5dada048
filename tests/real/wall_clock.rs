//! The controller's own wall clock jumps in the middle of a run: nothing that is measured comes from it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::patience::PATIENCE;
use crate::scene::Scene;

#[test]
#[ignore = "needs root, sshd, etcd and libfaketime: .ci/run runs it"]
fn a_wall_clock_that_jumps_changes_no_time_of_the_history() {
    let scene = Scene::new();
    scene.up("3");
    let faults = "[[faults]]\npartition = { shape = \"one\" }\nat = [\"1s\"]\nfor = \"4s\"\n";
    let plan = scene.lab_plan("6s", faults);
    let offset = scene.path("offset");
    fs::write(&offset, "+10d").unwrap();
    let mut run = scene.start_in(
        &plan,
        &[],
        &[
            ("LD_PRELOAD", library().to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ],
    );
    run.until("the fault has struck", PATIENCE, || {
        scene.recorded(|record| !record.proved("inject").is_empty())
    });
    fs::write(&offset, "-10d").unwrap();
    run.wait(PATIENCE).ends_with(0);

    let record = scene.record();
    // The clock was the false one, or this test would prove nothing.
    let ten_days_on = schism::clock::wall_time() + jiff::SignedDuration::from_hours(9 * 24);
    let started = record.json("run.json")["started"].clone();
    let started: jiff::Timestamp = started.as_str().unwrap().parse().unwrap();
    assert!(started > ten_days_on, "it began at {started}");

    let text = fs::read_to_string(record.folder.join("history.jsonl")).unwrap();
    let times: Vec<u64> = text
        .lines()
        .skip(1)
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["time"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert!(times.is_sorted());
    let hour = 3_600 * 1_000_000_000;
    assert!(times.last().unwrap() < &hour, "{:?}", times.last());
    scene.down();
}

/// The library that shows a program a false clock; its folder is named after the machine's kind.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap();
    folders
        .map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.is_file())
        .expect("the package libfaketime")
}
