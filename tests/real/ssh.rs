//! Somebody's own machines, reached over SSH: nothing is harmed without consent, and whatever keeps us out is told.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::machines::{DATA, Machines};
use crate::patience::{PATIENCE, eventually};
use crate::scene::Scene;

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn machines_are_harmed_with_consent_and_their_data_lost_when_marked() {
    let scene = Scene::new();
    let machines = Machines::up(&scene);
    let plan = machines.plan(&scene);

    // Without the consent: the place, and what to write.
    let text = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, text.replace("destructive = true\n", "")).unwrap();
    scene.run(&plan, &[]).ends_with(64).complains_of(&[
        "plan.toml:",
        "target.ssh",
        "destructive = true",
    ]);
    fs::write(&plan, text).unwrap();

    // With it, but with data that is not ours on one node: nothing is done, and what the remedy says helps.
    scene.on("n2", &format!("rm {DATA}/.schism"));
    let remedy = format!("touch {DATA}/.schism");
    scene
        .run(&plan, &[])
        .ends_with(69)
        .complains_of(&["n2", DATA, "did not make", &remedy]);
    assert!(!scene.out().exists(), "nothing was run");
    scene.on("n2", &remedy);

    scene.run(&plan, &[]).ends_with(0);
    let record = scene.record();
    assert_eq!(record.proved("inject"), ["partition", "kill"]);
    assert_eq!(record.proved("heal"), ["partition", "kill"]);
    assert_eq!(record.json("verdict.json")["validity"], "valid");
    for node in ["n1", "n2", "n3"] {
        assert!(
            record
                .folder
                .join(format!("logs/{node}/etcd.log"))
                .is_file()
        );
    }

    // Through one of them to the others; the way there is cut off by nothing that is done to it.
    let (first, rest) = machines.hosts.split_first().unwrap();
    let through = Machines {
        hosts: rest.to_vec(),
        key: machines.key.clone(),
        known_hosts: machines.known_hosts.clone(),
    };
    let plan = through.plan(&scene);
    let jump = format!("target.ssh.jump=root@{first}");
    let said = scene
        .schism(&["doctor", &plan, "--set", &jump])
        .ends_with(0);
    assert!(said.out.contains("the plan can run"), "{}", said.out);
    let jump = "target.ssh.jump=root@192.0.2.1:1".to_owned();
    let said = scene
        .schism(&["doctor", &plan, "--set", &jump])
        .ends_with(69);
    assert!(said.out.contains("192.0.2.1"), "{}", said.out);
    scene.down();
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn whatever_keeps_us_out_is_told_by_node() {
    let scene = Scene::new();
    let machines = Machines::up(&scene);
    let plan = machines.plan(&scene);
    let with = |settings: &[&str]| {
        let settings: Vec<_> = settings.iter().flat_map(|set| ["--set", set]).collect();
        let said = scene.run(&plan, &settings).ends_with(69);
        assert!(!scene.out().exists(), "nothing was run");
        said
    };

    // Another host key on one node.
    let mistaken = machines.mistaken_known_hosts(&scene, 1, 0);
    let said = with(&[&format!("target.ssh.known_hosts={mistaken}")]).complains_of(&[
        "n2: ",
        "host key",
        "has CHANGED",
        &format!("{mistaken}:2"),
        "remove that line",
    ]);
    assert!(
        !said.err.contains("\n  n1: ") && !said.err.contains("\n  n3: "),
        "the others are as they should be: {}",
        said.err
    );
    // It is not believed either when new keys are.
    with(&[
        &format!("target.ssh.known_hosts={mistaken}"),
        "target.ssh.accept_new_host_keys=true",
    ])
    .complains_of(&["n2: ", "host key", "has CHANGED"]);

    // No host key known at all.
    let unknown = scene.path("unknown");
    fs::write(&unknown, "").unwrap();
    with(&[&format!("target.ssh.known_hosts={}", unknown.display())])
        .complains_of(&["n1: ", "n3: ", "host key", "unknown"]);

    // A key of ours that they do not know.
    let stranger = scene.path("stranger");
    key(&stranger);
    let stranger = stranger.display().to_string();
    with(&[&format!("target.ssh.key={stranger}")]).complains_of(&[
        "n1: ",
        "n3: ",
        &stranger,
        "authorized_keys",
    ]);
    // A user who may not log in.
    with(&["target.ssh.user=nobody"]).complains_of(&["n1: ", "nobody"]);

    // A user who may, and who is nobody to sudo.
    for node in ["n1", "n2", "n3"] {
        scene.on(
            node,
            "cd /run/schism-lab; sed -i 's/^AllowUsers.*/& nobody/' sshd_config
             sed 's#^\\(nobody:.*\\):[^:]*$#\\1:/bin/sh#' passwd > passwd.new; cat passwd.new > passwd
             kill -HUP $(cat /run/sshd.pid)",
        );
        eventually("the SSH server is back", PATIENCE, || {
            scene.ssh(node, "true").code == Some(0)
        });
    }
    with(&["target.ssh.user=nobody"]).complains_of(&[
        "n1: ",
        "n3: ",
        "sudo refuses",
        "nobody",
        "NOPASSWD",
    ]);
    with(&["target.ssh.user=nobody", "target.ssh.sudo=false"]).complains_of(&["n1: ", "root"]);

    // A node that is down. Its port refuses, or nobody answers for it.
    scene.end("n3");
    eventually("the other two have a leader", PATIENCE, || {
        scene.database(1) == "ready" && scene.database(2) == "ready"
    });
    let said = with(&[]).complains_of(&["n3: ", &machines.hosts[2]]);
    assert!(!said.err.contains("\n  n1: "), "{}", said.err);
    let said = scene.schism(&["doctor", &plan]).ends_with(69);
    assert!(said.out.contains("n3"), "{}", said.out);
    scene.down();
}

/// Makes a key pair.
fn key(file: &Path) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file)
        .status();
    assert!(status.unwrap().success());
}
