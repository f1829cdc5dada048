//! A controller that is killed in the middle: the nodes heal themselves, or `schism heal` does it at once.

use std::fs;

use schism_nemeses::LEASE;

use crate::patience::{PATIENCE, eventually};
use crate::running::Running;
use crate::scene::Scene;

/// n1 is cut off, the database of n2 stands still and that of n3 is dead, all at once and for long.
const FAULTS: &str = r#"
[[faults]]
partition = { shape = "groups", groups = [["n1"], ["n2", "n3"]] }
at = ["1s"]
for = "9m"

[[faults]]
pause = { targets = ["n2"] }
at = ["1s"]
for = "9m"

[[faults]]
kill = { targets = ["n3"] }
at = ["1s"]
for = "9m"
"#;

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn nodes_heal_themselves_within_the_lease_of_a_killed_controller() {
    let scene = Scene::new();
    scene.up("3");
    let plan = scene.lab_plan("10m", FAULTS);
    let mut run = scene.start(&plan, &[]);
    until_struck(&scene, &mut run);
    run.signal("KILL");
    assert_eq!(run.wait(PATIENCE).code, None, "ended by the signal");
    assert!(
        !scene.reaches("n1", "n2") && scene.states("n2").starts_with('T'),
        "it is the lease that heals, not the end of the controller"
    );

    // The lease, and as much again for a machine that has other things to do.
    let healed = eventually("the nodes heal themselves", LEASE * 2, || {
        scene.reaches("n1", "n2")
            && scene.reaches("n2", "n1")
            && scene.reaches("n3", "n1")
            && !scene.states("n2").contains('T')
            && !scene.states("n3").is_empty()
    });
    println!("healed {} s after the kill", healed.as_secs());
    eventually("all nodes serve again", PATIENCE, || {
        (1..=3).all(|node| scene.database(node) == "ready")
    });

    a_killed_run_is_unknown(&scene);

    let heal = scene.schism(&["heal", &plan]).ends_with(0);
    assert_eq!(
        heal.out, "3 nodes: nothing of ours is left\n",
        "nothing was left to undo"
    );
    no_trace(&scene);
    scene.down();
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn heal_undoes_at_once_what_a_killed_controller_left() {
    let scene = Scene::new();
    scene.up("3");
    let plan = scene.lab_plan("10m", FAULTS);
    let mut run = scene.start(&plan, &[]);
    until_struck(&scene, &mut run);
    run.signal("KILL");
    run.wait(PATIENCE);
    assert!(!scene.reaches("n1", "n2") && scene.states("n2").starts_with('T'));

    let heal = scene.schism(&["heal", &plan]).ends_with(0);
    for node in ["n1", "n2", "n3"] {
        assert!(
            heal.out.contains(&format!("undone     {node}: ")),
            "{}",
            heal.out
        );
    }
    assert!(
        heal.out.ends_with("3 nodes: nothing of ours is left\n"),
        "{}",
        heal.out
    );
    assert!(scene.reaches("n1", "n2") && scene.reaches("n2", "n1") && scene.reaches("n3", "n1"));
    assert!(!scene.states("n2").contains('T') && !scene.states("n3").is_empty());
    no_trace(&scene);

    // There is nothing to do the second time, and the lab is good for a run.
    let again = scene.schism(&["heal", &plan]).ends_with(0);
    assert_eq!(again.out, "3 nodes: nothing of ours is left\n");
    eventually("all nodes serve again", PATIENCE, || {
        (1..=3).all(|node| scene.database(node) == "ready")
    });
    let plan = scene.lab_plan("5s", "");
    scene.run(&plan, &[]).ends_with(0);
    scene.down();
}

/// Waits until all three faults are in force and that is on disk.
fn until_struck(scene: &Scene, run: &mut Running) {
    run.until("all faults are in force", PATIENCE, || {
        scene.recorded(|record| record.proved("inject").len() == 3)
    });
    assert!(!scene.reaches("n1", "n2") && !scene.reaches("n3", "n1"));
    assert!(scene.reaches("n2", "n3"), "they are on one side");
    assert!(scene.states("n2").starts_with('T'));
    assert_eq!(scene.states("n3"), "");
}

/// What a killed run recorded can be judged, also when its last line is torn.
fn a_killed_run_is_unknown(scene: &Scene) {
    let record = scene.record();
    let folder = record.folder.to_str().unwrap();
    scene.schism(&["check", folder]).ends_with(2);
    let verdict = record.json("verdict.json");
    assert_eq!(verdict["validity"], "unknown");
    let run = record.verdict("run")["summary"].to_string();
    assert!(run.contains("killed in the middle"), "{run}");
    assert!(record.ok() > 0, "what was seen is kept");

    let path = record.folder.join("history.jsonl");
    let text = fs::read(&path).unwrap();
    let whole = text.trim_ascii_end();
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let said = scene.schism(&["check", folder]).ends_with(2);
    let torn = record.json("verdict.json")["torn"].to_string();
    let line = whole.split(|byte| *byte == b'\n').count();
    assert!(torn.contains(&format!("line {line}")), "{torn}");
    assert!(said.out.contains("in the middle of line"), "{}", said.out);
}

/// No folder, rule or watchdog of ours is on any node.
fn no_trace(scene: &Scene) {
    let look = "ls -d /run/schism /tmp/schism; nft list tables | grep schism; \
                iptables-save | grep schism; pgrep -f '/schism/.*[w]atchdog'";
    for node in ["n1", "n2", "n3"] {
        assert_eq!(scene.ssh(node, &format!("({look}) 2>/dev/null")).out, "");
    }
}
