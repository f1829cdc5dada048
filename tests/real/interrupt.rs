//! Runs that are ended early: healed first, judged, and their own labs removed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::patience::PATIENCE;
use crate::record::Record;
use crate::running::Running;
use crate::scene::Scene;

/// n1 is cut off for long.
const FAULTS: &str = r#"
[[faults]]
partition = { shape = "groups", groups = [["n1"], ["n2", "n3"]] }
at = ["1s"]
for = "9m"
"#;

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn an_interrupted_run_heals_reads_once_more_and_reports() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let scene = Scene::new();
        let plan = scene.lab_plan("10m", FAULTS);
        let mut run = scene.start(&plan, &[]);
        until_struck(&scene, &mut run);
        run.signal(signal);
        let said = run.wait(PATIENCE).ends_with(code);
        assert!(said.out.contains("interrupted"), "{}", said.out);

        let record = scene.record();
        assert_eq!(
            record.phases(),
            ["main", "heal", "recovery", "final-reads", "end"]
        );
        healed(&record);
        let final_reads = after_phase(&record, "final-reads");
        for node in ["n1", "n2", "n3"] {
            let answer = format!(r#""node":"{node}""#);
            assert!(
                final_reads
                    .lines()
                    .any(|line| line.contains(r#""type":"ok""#) && line.contains(&answer)),
                "{node} was not read at the end"
            );
        }
        for file in ["report.html", "junit.xml", "verdict.json", "faults.json"] {
            assert!(record.folder.join(file).is_file(), "{file}");
        }
        let verdict = record.json("verdict.json");
        assert_eq!(
            (&verdict["validity"], &verdict["exit_code"]),
            (&"unknown".into(), &code.into())
        );
        scene.nothing_left();

        let folder = record.folder.to_str().unwrap();
        scene.schism(&["check", folder]).ends_with(code);
    }
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_run_that_is_interrupted_twice_heals_and_stops() {
    let scene = Scene::new();
    // After the first time, it would wait for ten minutes.
    let patient = format!("{FAULTS}\n[recovery]\nsettle = \"10m\"\n");
    let plan = scene.lab_plan("10m", &patient);
    let mut run = scene.start(&plan, &[]);
    until_struck(&scene, &mut run);
    run.signal("INT");
    run.until("it is healed", PATIENCE, || {
        scene.recorded(|record| record.phases().contains(&"recovery".to_owned()))
    });
    run.signal("INT");
    run.wait(PATIENCE).ends_with(130);

    let record = scene.record();
    assert_eq!(record.phases(), ["main", "heal", "recovery", "end"]);
    healed(&record);
    assert!(record.folder.join("report.html").is_file());
    scene.nothing_left();
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_fault_that_is_just_beginning_when_the_run_is_interrupted_is_healed_at_once() {
    let scene = Scene::new();
    let plan = scene.lab_plan("10m", FAULTS);
    let mut run = scene.start(&plan, &[]);
    // Its probes take longer than it takes this to reach the disk.
    run.until("the partition begins", PATIENCE, || {
        scene.recorded(|record| record.nemesis().iter().any(|event| event["f"] == "inject"))
    });
    run.signal("INT");
    run.wait(PATIENCE).ends_with(130);
    healed(&scene.record());
    scene.nothing_left();
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_run_that_is_interrupted_while_its_lab_starts_removes_the_lab() {
    let scene = Scene::new();
    let program = scene.path("etcd");
    fs::write(&program, "#!/bin/sh\nsleep 600\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let plan = scene.lab_plan("10m", "");
    let binary = format!("target.lab.binary={}", program.display());
    let mut run = scene.start(&plan, &["--set", &binary]);
    let log = scene
        .labs()
        .join(scene.lab())
        .join("nodes/n3/log/schism/etcd.log");
    run.until("the database is started", PATIENCE, || log.exists());
    run.signal("INT");
    run.wait(PATIENCE)
        .ends_with(130)
        .complains_of(&["interrupted", "nothing was run"]);
    assert!(!scene.out().exists(), "there is nothing to record");
    scene.nothing_left();
}

fn until_struck(scene: &Scene, run: &mut Running) {
    run.until("the partition is in force", PATIENCE, || {
        scene.recorded(|record| record.proved("inject") == ["partition"] && record.ok() > 0)
    });
}

/// The partition was healed, and the nodes are clean, as measured.
fn healed(record: &Record) {
    assert_eq!(record.proved("heal"), ["partition"]);
    assert_eq!(record.json("run.json")["ended"]["left_clean"], true);
}

/// The part of the history that follows the begin of a phase.
fn after_phase(record: &Record, phase: &str) -> String {
    let text = fs::read_to_string(record.folder.join("history.jsonl")).unwrap();
    let mark = format!(r#""f":"phase","value":"{phase}""#);
    text.split_once(&mark).unwrap().1.to_owned()
}
