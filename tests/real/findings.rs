//! The two findings on etcd: what it promises holds, and what it does not promise is caught.

use serde_json::Value;

use crate::scene::Scene;

/// Fewer operations than this in a minute would prove little.
const OK_MIN: u64 = 3_000;

/// A proof that a person must be able to follow has no more operations than this.
const WITNESS_MAX: usize = 4;

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn linearizable_reads_stay_linearizable_while_the_leader_is_cut_off_killed_and_paused() {
    for seed in 1..=5 {
        let scene = Scene::new();
        let said = example(&scene, "examples/etcd-linearizable", seed).ends_with(0);
        let record = scene.record();
        let verdict = record.json("verdict.json");
        assert_eq!(verdict["validity"], "valid", "seed {seed}: {}", said.out);
        assert_eq!(record.verdict("linearizable")["validity"], "valid");
        let ok = verdict["operations"]["ok"].as_u64().unwrap();
        assert!(ok >= OK_MIN, "seed {seed}: {ok} ok");
        println!("seed {seed}: {ok} ok");
        let faults = record.json("faults.json");
        for kind in ["partition", "kill", "pause"] {
            let of_kind = |fault: &&Value| fault["name"] == kind;
            let struck = faults.as_array().unwrap().iter().filter(of_kind);
            assert!(struck.clone().count() > 0, "seed {seed}: no {kind}");
            struck.for_each(proved);
        }
        scene.nothing_left();

        // The folder alone says the same, byte for byte.
        if seed == 1 {
            let folder = record.folder.to_str().unwrap();
            let before = record.files();
            scene.schism(&["check", folder]).ends_with(0);
            assert!(before == record.files(), "judged again, the run differs");
        }
    }
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn lists_and_sets_lose_nothing_under_the_same_faults() {
    for (workload, checker) in [("append", "list-order"), ("set", "lost-updates")] {
        let scene = Scene::new();
        let lab = format!("target.lab.name={}", scene.lab());
        let workload = format!("workload={{ {workload} = {{}} }}");
        let more = [
            "--seed", "1", "--time", "32s", "--set", &lab, "--set", &workload,
        ];
        scene.run("examples/etcd-linearizable", &more).ends_with(0);
        assert_eq!(scene.record().verdict(checker)["validity"], "valid");
        scene.nothing_left();
    }
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn serializable_reads_by_clients_that_move_are_caught() {
    for seed in 1..=2 {
        let scene = Scene::new();
        example(&scene, "examples/etcd-serializable-stale", seed).ends_with(1);
        let record = scene.record();
        assert_eq!(record.json("verdict.json")["validity"], "invalid");
        let linearizable = smallest_witness(&record.verdict("linearizable"));
        assert!(
            linearizable.is_some_and(|operations| operations <= WITNESS_MAX),
            "seed {seed}: not linearizable by {linearizable:?} operations"
        );
        let session = ["monotonic-reads", "read-your-writes"]
            .map(|checker| smallest_witness(&record.verdict(checker)));
        let smallest = session.into_iter().flatten().min();
        assert!(
            smallest.is_some_and(|operations| operations <= WITNESS_MAX),
            "seed {seed}: back in time by {session:?} operations"
        );
        // What etcd promises holds all the same: no acknowledged write is lost.
        assert_eq!(record.verdict("lost-updates")["validity"], "valid");
        println!("seed {seed}: {linearizable:?} and {session:?} operations prove it");
        scene.nothing_left();
    }
}

fn example(scene: &Scene, plan: &str, seed: u32) -> crate::running::Said {
    let (seed, lab) = (seed.to_string(), format!("target.lab.name={}", scene.lab()));
    scene.run(plan, &["--seed", &seed, "--set", &lab])
}

/// The fewest operations that prove an anomaly which a second algorithm confirmed; `None` when it is not invalid.
fn smallest_witness(verdict: &Value) -> Option<usize> {
    let anomalies = verdict["anomalies"].as_array()?;
    let confirmed = anomalies
        .iter()
        .filter(|anomaly| anomaly["confirmation"]["agrees"] == true);
    confirmed
        .map(|anomaly| anomaly["operations"].as_array().unwrap().len())
        .min()
        .filter(|_| verdict["validity"] == "invalid")
}

/// A fault on the leader took effect and was undone, and the evidence says so.
fn proved(fault: &Value) {
    let context = fault.to_string();
    assert_eq!(fault["outcome"], "installed", "{context}");
    assert_eq!(fault["heal_outcome"], "installed", "{context}");
    let label = fault["label"].as_str().unwrap();
    let victim = label
        .strip_prefix("leader: ")
        .and_then(|rest| rest.split(' ').next())
        .expect("the leader is named");
    let (evidence, heal) = (&fault["evidence"], &fault["heal_evidence"]);
    if fault["name"] == "partition" {
        for (probes, expected) in [
            (&evidence["probes"]["before"], "open"),
            (&evidence["probes"]["during"], "silent"),
            (&heal["probes"]["after"], "open"),
        ] {
            // Both ways between the leader and each of the other four.
            let probes = probes.as_object().unwrap();
            assert_eq!(probes.len(), 8, "{context}");
            assert!(probes.keys().all(|way| way.contains(victim)), "{context}");
            assert!(probes.values().all(|seen| seen == expected), "{context}");
        }
        let cut = heal["packets_cut"].as_object().unwrap();
        assert!(cut.values().all(|n| n.as_u64() > Some(0)), "{context}");
        return;
    }
    let (injected, healed) = (&evidence["processes"][victim], &heal["processes"][victim]);
    let pid = |seen: &Value| seen[0]["pid"].as_u64();
    let is_paused = |seen: &Value| seen[0]["state"] == "T";
    assert!(pid(&injected["before"]).is_some() && !is_paused(&injected["before"]));
    if fault["name"] == "kill" {
        assert_eq!(pid(&injected["after"]), None, "{context}");
        assert!(pid(&healed["after"]).is_some(), "{context}");
        assert_ne!(pid(&injected["before"]), pid(&healed["after"]), "{context}");
    } else {
        assert!(is_paused(&injected["after"]), "{context}");
        assert!(!is_paused(&healed["after"]), "{context}");
        assert_eq!(pid(&injected["before"]), pid(&healed["after"]), "{context}");
    }
}
