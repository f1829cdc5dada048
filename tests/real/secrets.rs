//! Secrets come from the environment and stay there.

use std::fs;
use std::process::Command;

use crate::machines::Machines;
use crate::running::Said;
use crate::scene::Scene;

const PASSPHRASE: &str = "Vogelbeere-31415-passphrase";
const PASSWORD: &str = "Wacholder-92653-password";

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_passphrase_and_a_password_stand_nowhere_in_a_run_folder() {
    let scene = Scene::new();
    let machines = Machines::up(&scene);
    scene.on(
        "n1",
        &format!(
            "export ETCDCTL_API=3; echo {PASSWORD} | etcdctl user add root --interactive=false &&
             etcdctl user grant-role root root && etcdctl auth enable"
        ),
    );
    let encrypted = scene.path("encrypted");
    fs::copy(&machines.key, &encrypted).unwrap();
    let status = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", PASSPHRASE, "-f"])
        .arg(&encrypted)
        .status();
    assert!(status.unwrap().success());

    let plan = machines.plan(&scene);
    let out = scene.out();
    let run = |passphrase: Option<&str>, password: Option<&str>| {
        let mut command = scene.command(&["run", &plan, "--out", out.to_str().unwrap()]);
        for set in [
            &format!("target.ssh.key={}", encrypted.display()),
            "target.ssh.passphrase={ env = \"SCHISM_TEST_PASSPHRASE\" }",
            "database.etcd.username=root",
            "database.etcd.password={ env = \"SCHISM_TEST_PASSWORD\" }",
        ] {
            command.args(["--set", set]);
        }
        for (name, value) in [
            ("SCHISM_TEST_PASSPHRASE", passphrase),
            ("SCHISM_TEST_PASSWORD", password),
        ] {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let said = Said::of(&command.output().unwrap());
        for secret in [PASSPHRASE, PASSWORD] {
            assert!(!format!("{said:?}").contains(secret), "{said:?}");
        }
        said
    };

    run(None, Some(PASSWORD))
        .ends_with(64)
        .complains_of(&["SCHISM_TEST_PASSPHRASE"]);
    run(Some(PASSPHRASE), None)
        .ends_with(64)
        .complains_of(&["SCHISM_TEST_PASSWORD"]);
    run(Some("mistaken"), Some(PASSWORD))
        .ends_with(69)
        .complains_of(&["n1: ", "passphrase"]);
    run(Some(PASSPHRASE), Some("mistaken"))
        .ends_with(69)
        .complains_of(&["n1: ", "username and password"]);
    assert!(!out.exists(), "nothing was run");

    run(Some(PASSPHRASE), Some(PASSWORD)).ends_with(0);
    let record = scene.record();
    assert!(record.ok() > 100, "{} ok", record.ok());
    let files = record.files();
    assert!(files.len() > 10, "{files:?}");
    for (path, content) in files {
        for secret in [PASSPHRASE, PASSWORD] {
            let is_there = content
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!is_there, "{} holds {secret}", path.display());
        }
    }
    let resolved = fs::read_to_string(record.folder.join("plan.toml")).unwrap();
    assert!(
        resolved.contains("SCHISM_TEST_PASSPHRASE") && resolved.contains("SCHISM_TEST_PASSWORD")
    );
    scene.down();
}
