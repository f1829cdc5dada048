//! A node that dies for ever in the middle of a run.

use crate::patience::PATIENCE;
use crate::scene::Scene;

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_node_that_dies_for_ever_ends_no_run_and_is_named() {
    let scene = Scene::new();
    scene.up("3");
    // It dies in the partition, which can then be healed on the others only; a kill strikes the dead.
    let plan = scene.lab_plan(
        "15s",
        r#"
[recovery]
within = "5s"

[[faults]]
partition = { shape = "groups", groups = [["n3"], ["n1", "n2"]] }
at = ["1s"]
for = "8s"

[[faults]]
kill = { targets = ["n3"] }
at = ["11s"]
for = "2s"
"#,
    );
    let mut run = scene.start(&plan, &[]);
    run.until("the partition is in force", PATIENCE, || {
        scene.recorded(|record| record.proved("inject") == ["partition"])
    });
    scene.end("n3");
    let said = run.wait(PATIENCE * 2).ends_with(75);
    assert!(said.out.contains("n3 did not recover"), "{}", said.out);
    assert!(said.out.contains("node n3: "), "{}", said.out);

    let record = scene.record();
    assert_eq!(record.json("verdict.json")["validity"], "unknown");
    let ended = record.json("run.json")["ended"].clone();
    let unrecovered = ended["unrecovered_nodes"].as_object().unwrap();
    assert_eq!(unrecovered.keys().collect::<Vec<_>>(), ["n3"]);
    assert_eq!(ended["left_clean"], false);
    let left = ended["left_behind"].as_str().unwrap();
    assert!(
        left.starts_with("node n3: ") && !left.contains('{'),
        "{left}"
    );
    // What could not be proved is not called proved.
    let faults = record.json("faults.json");
    let outcome = |fault: usize, step: &str| faults[fault][step] == "installed";
    assert!(outcome(0, "outcome") && !outcome(0, "heal_outcome"));
    assert!(!outcome(1, "outcome") && !outcome(1, "heal_outcome"));
    // The other two had a majority and went on.
    assert!(record.ok() > 100, "{} ok", record.ok());
    for file in ["logs/n1/etcd.log", "logs/n2/etcd.log", "report.html"] {
        assert!(record.folder.join(file).is_file(), "{file}");
    }

    // Nothing says that the dead node is well.
    let heal = scene.schism(&["heal", &plan]).ends_with(75);
    assert!(heal.out.contains("node n3: ") && !heal.out.contains("nothing of ours is left"));
    scene.run(&plan, &[]).ends_with(69).complains_of(&["n3: "]);
    scene.down();
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_lab_that_is_removed_is_not_left_dirty() {
    let scene = Scene::new();
    let plan = scene.lab_plan("4s", "[recovery]\nwithin = \"2s\"\n");
    let mut run = scene.start(&plan, &[]);
    run.until("clients are served", PATIENCE, || {
        scene.recorded(|record| record.ok() > 0)
    });
    scene.end("n3");
    let said = run.wait(PATIENCE * 2).ends_with(2);
    assert!(said.out.contains("n3 did not recover"), "{}", said.out);
    assert_eq!(scene.record().json("run.json")["ended"]["left_clean"], true);
    scene.nothing_left();
}
