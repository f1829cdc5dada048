//! `schism doctor`: whether a plan can run, and if not, what is missing and where.

use crate::patience::{PATIENCE, eventually};
use crate::scene::Scene;

const FAULTS: &str = r#"
[[faults]]
partition = {}
at = ["1s"]
for = "2s"

[[faults]]
kill = {}
at = ["1s"]
for = "2s"
"#;

/// Listens where etcd should, and answers everybody with a word that means nothing.
const SQUATTER: &str = r#"setsid perl -MIO::Socket::INET -e '
    $s = IO::Socket::INET->new(Listen => 9, LocalPort => 2379, ReuseAddr => 1) or die;
    while ($c = $s->accept) { print $c "hello\r\n"; close $c }
' >/dev/null 2>&1 </dev/null &"#;

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn what_is_well_and_what_is_missing_is_told_by_node() {
    let scene = Scene::new();
    let plan = scene.lab_plan("5s", FAULTS);
    let before = scene.schism(&["doctor", &plan]).ends_with(0);
    assert!(
        before.out.contains("not up") && before.out.contains("schism lab up etcd"),
        "{}",
        before.out
    );
    scene.nothing_left();
    let heal = scene
        .schism(&["heal", &plan])
        .ends_with(64)
        .complains_of(&["there is no lab", scene.lab()]);
    assert_eq!(heal.out, "");

    scene.up("3");
    let well = scene.schism(&["doctor", &plan]).ends_with(0);
    for node in ["n1", "n2", "n3"] {
        for subject in ["ssh", "root", "clock", "disk", "partition", "kill", "etcd"] {
            let is_row = |line: &&str| {
                let words: Vec<_> = line.split_whitespace().collect();
                words.starts_with(&["ok", node, subject])
            };
            assert!(
                well.out.lines().any(|line| is_row(&line)),
                "{node} {subject}:\n{}",
                well.out
            );
        }
    }
    assert!(well.out.ends_with("the plan can run\n"), "{}", well.out);

    scene.on("n2", "pkill -KILL -x etcd");
    eventually("the other two have a leader", PATIENCE, || {
        scene.database(1) == "ready" && scene.database(3) == "ready"
    });
    let ill = scene.schism(&["doctor", &plan]).ends_with(69);
    let no: Vec<_> = ill.out.lines().filter(|l| l.starts_with("NO")).collect();
    assert!(
        matches!(no[..], [row] if row.contains("n2") && row.contains("etcd") && row.contains("connection refused")),
        "{}",
        ill.out
    );
    assert!(
        ill.out
            .ends_with("the plan cannot run: 1 thing prevents it\n"),
        "{}",
        ill.out
    );
    // What the doctor says, the run says too, before it does anything.
    scene
        .run(&plan, &[])
        .ends_with(69)
        .complains_of(&["n2", "etcd", "refused"]);
    assert!(!scene.out().exists(), "nothing was run");

    // Another program has taken the port.
    scene.on("n2", SQUATTER);
    eventually("the port is taken", PATIENCE, || {
        scene
            .ssh("n2", "ss -Hltn sport = :2379")
            .out
            .contains("2379")
    });
    scene.run(&plan, &[]).ends_with(69).complains_of(&[
        "n2: etcd",
        "2379",
        "is etcd running, and is this its client port?",
    ]);

    // A lab of this name that is not the one the plan needs.
    scene
        .run(&plan, &["--set", "target.lab.nodes=5"])
        .ends_with(69)
        .complains_of(&[scene.lab(), "3 nodes", "needs etcd on 5", "schism lab down"]);
    scene.down();
}
