//! A disk that is full, or that cannot be written.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scene::Scene;

/// A small disk, mounted for as long as it is needed.
struct Disk(PathBuf);

impl Disk {
    fn mounted(at: PathBuf, options: &str) -> Self {
        std::fs::create_dir(&at).unwrap();
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&at));
        Self(at)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_disk_that_fills_up_ends_the_run_healed() {
    let scene = Scene::new();
    scene.up("3");
    let plan = scene.lab_plan(
        "10m",
        "[[faults]]\npartition = { shape = \"one\" }\nat = [\"1s\"]\nfor = \"9m\"\n",
    );
    let disk = Disk::mounted(scene.path("small"), "size=512k");
    let out = disk.path().to_str().unwrap();
    // A load that fills it, after the partition has begun.
    scene
        .schism(&["run", &plan, "--out", out, "--set", "load.rate=400"])
        .ends_with(74)
        .complains_of(&[
            "history.jsonl",
            "No space left",
            "--out",
            "the cluster is as it was found",
        ]);
    for (from, to) in [("n1", "n2"), ("n2", "n3"), ("n3", "n1")] {
        assert!(scene.reaches(from, to) && scene.reaches(to, from));
    }
    let heal = scene.schism(&["heal", &plan]).ends_with(0);
    assert_eq!(heal.out, "3 nodes: nothing of ours is left\n");
    drop(disk);
    scene.down();
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_folder_that_cannot_be_written_is_told_and_the_lab_removed() {
    let scene = Scene::new();
    let plan = scene.lab_plan("10m", "");
    let disk = Disk::mounted(scene.path("fixed"), "size=64k,ro");
    let out = disk.path().to_str().unwrap();
    scene
        .schism(&["run", &plan, "--out", out])
        .ends_with(74)
        .complains_of(&[out, "Read-only", "--out"]);
    scene.nothing_left();
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}");
}
