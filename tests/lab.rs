//! Labs for real: namespaces, SSH servers and etcd on this machine. Each test has labs of its own, under names that no
//! other process uses, in a directory whose path has a blank, and proves that nothing of them is left.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; what helps tests is no test to the linter"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

const SCHISM: &str = env!("CARGO_BIN_EXE_schism");

/// How often a condition is looked at before a test gives up: about a minute.
const LOOKS: usize = 1200;

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn nodes_are_machines_of_their_own() {
    let labs = Labs::new();
    let name = Labs::name();
    let up = labs.json(&[
        "lab", "up", "etcd", "--nodes", "3", "--name", &name, "--json",
    ]);
    assert_eq!(up["state"], "ready");
    assert!(up["version"].as_str().unwrap().starts_with("3."), "{up}");
    let nodes = ["n1", "n2", "n3"];

    for node in nodes {
        assert_eq!(
            labs.ssh(&name, node, "hostname; cat /etc/hostname"),
            format!("{node}\n{node}")
        );
        let processes = labs.ssh(&name, node, "ps -e -o comm=");
        assert_eq!(
            processes.lines().filter(|p| *p == "etcd").count(),
            1,
            "{processes}"
        );
        assert!(
            processes.lines().count() < 10,
            "only its own processes:\n{processes}"
        );
        for directory in [
            "/var/lib/schism",
            "/var/log",
            "/tmp",
            "/var/tmp",
            "/run",
            "/root",
            "/dev/shm",
        ] {
            labs.ssh(&name, node, &format!("hostname > {directory}/{name}"));
            assert!(
                !Path::new(directory).join(&name).exists(),
                "{directory} is the machine's"
            );
        }
    }
    for node in nodes {
        let words = labs.ssh(
            &name,
            node,
            &format!("cat /var/lib/schism/{name} /var/log/{name} /tmp/{name} /run/{name}"),
        );
        assert_eq!(
            words.lines().collect::<Vec<_>>(),
            [node; 4],
            "each node has its own files"
        );
        for other in nodes {
            labs.ssh(
                &name,
                node,
                &format!("getent hosts {other} && ping -c 1 -W 5 {other} > /dev/null"),
            );
        }
        let outside = labs.schism(&[
            "lab",
            "ssh",
            "--lab",
            &name,
            node,
            "--",
            "ip route get 192.0.2.77",
        ]);
        assert!(!outside.status.success(), "nodes have no route out");
    }

    let marker = labs.ssh(&name, "n1", "cat /var/lib/schism/etcd/.schism");
    assert!(
        marker.starts_with("made by schism ") && marker.contains(&name),
        "{marker}"
    );

    // The orphan of a shell becomes a child of the node's first process, which must not leave it a zombie.
    labs.ssh(&name, "n2", "sh -c 'sleep 0.01 & sleep 0.01 & :'");
    eventually("zombies are reaped", || {
        !labs
            .ssh(&name, "n2", "ps -e -o stat=")
            .lines()
            .any(|state| state.starts_with('Z'))
    });

    assert_eq!(
        labs.ssh_words(&name, "n1", &["printf", "%s|", "a b", "it's", "$HOME"]),
        "a b|it's|$HOME|"
    );
    let failed = labs.schism(&["lab", "ssh", "--lab", &name, "n1", "--", "exit 7"]);
    assert_eq!(
        failed.status.code(),
        Some(7),
        "the command's own exit status"
    );

    // What one node acknowledged, another one knows.
    let client = |node: usize| format!("{}:2379", up["nodes"][node]["address"].as_str().unwrap());
    post(&client(0), "/v3/kv/put", r#"{"key":"YQ==","value":"Mg=="}"#);
    let answer = post(&client(2), "/v3/kv/range", r#"{"key":"YQ=="}"#);
    assert!(answer.contains(r#""value":"Mg==""#), "{answer}");

    // A plain client, with the files of the lab alone, over IPv4 and IPv6.
    let config = up["ssh_config"].as_str().unwrap();
    for address in ["address", "address6"] {
        let Some(address) = up["nodes"][1][address].as_str() else {
            continue;
        };
        let host = format!("HostName={address}");
        let output = run(Command::new("ssh").args(["-F", config, "-o", &host, "n2", "hostname"]));
        assert_eq!(text(&output.stdout), "n2", "{}", text(&output.stderr));
    }
    // Another node's host key is refused.
    let other = format!("HostName={}", up["nodes"][0]["address"].as_str().unwrap());
    let output = Command::new("ssh")
        .args(["-F", config, "-o", &other, "n2", "hostname"])
        .output()
        .unwrap();
    assert!(!output.status.success(), "host keys are checked");
    // Nobody gets in without the lab's key.
    let address = up["nodes"][0]["address"].as_str().unwrap();
    let options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "IdentityFile=none",
    ];
    let output = Command::new("ssh")
        .args(["-F", "none"])
        .args(options.iter().flat_map(|option| ["-o", option]))
        .args([&format!("root@{address}"), "hostname"])
        .output()
        .unwrap();
    let error = text(&output.stderr);
    assert!(error.contains("Permission denied (publickey)"), "{error}");

    assert!(text(&labs.ok(&["lab", "logs", "n1", "--lab", &name]).stdout).contains("etcd"));
    assert!(text(&labs.ok(&["lab", "status", &name]).stdout).contains("ready"));
    labs.down(&name);
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn labs_live_side_by_side() {
    let labs = Labs::new();
    let (a, b) = (Labs::name(), Labs::name());
    let both =
        [&a, &b].map(|name| labs.spawn(&["lab", "up", "etcd", "--nodes", "2", "--name", name]));
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let status = labs.json(&["lab", "status", "--json"]);
    let lab = |name: &str| {
        status["labs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|lab| lab["name"] == name)
            .unwrap()
    };
    for name in [&a, &b] {
        for node in lab(name)["nodes"].as_array().unwrap() {
            assert_eq!(
                (&node["up"], &node["database"]["state"]),
                (&Value::Bool(true), &"ready".into())
            );
        }
    }
    assert_ne!(
        lab(&a)["nodes"][0]["address"],
        lab(&b)["nodes"][0]["address"]
    );

    // Which one is meant must be said, and a name is taken once.
    let which = labs.fails(64, &["lab", "ssh", "n1", "--", "true"]);
    assert!(which.contains(&a) && which.contains(&b), "{which}");
    let taken = labs.fails(69, &["lab", "up", "etcd", "--name", &a]);
    assert!(taken.contains(&format!("schism lab down {a}")), "{taken}");
    let nobody = labs.fails(64, &["lab", "ssh", "--lab", &a, "n9"]);
    assert!(nobody.contains("n1, n2"), "{nobody}");

    labs.down(&a);
    let left = labs.json(&["lab", "status", &b, "--json"]);
    assert_eq!(
        left["labs"][0]["nodes"][1]["database"]["state"], "ready",
        "the other goes on"
    );
    labs.down(&b);
    assert!(
        labs.fails(64, &["lab", "down", &b])
            .contains("there is no lab")
    );
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_killed_first_process_ends_its_node_and_the_rest_can_be_removed() {
    let labs = Labs::new();
    let name = Labs::name();
    labs.ok(&["lab", "up", "etcd", "--nodes", "3", "--name", &name]);

    kill(init_of(&name, "n2"));
    eventually("the kernel ends everything in the node", || {
        inside(&name, "n2").is_empty()
    });
    let status = labs.json(&["lab", "status", &name, "--json"]);
    let up: Vec<_> = (0..3)
        .map(|i| status["labs"][0]["nodes"][i]["up"].as_bool().unwrap())
        .collect();
    assert_eq!(up, [true, false, true]);
    let logs = text(&labs.ok(&["lab", "logs", "n2", "--lab", &name]).stdout);
    assert!(
        logs.contains("the node n2 is down") && logs.contains("etcd"),
        "{logs}"
    );

    // The program between the machine and the node's first process: its death is the node's.
    let [parent, ..] = parents_of_init(&name, "n3")[..] else {
        panic!("there is one")
    };
    kill(parent);
    eventually("the node dies with it", || inside(&name, "n3").is_empty());
    labs.down(&name);
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn what_dies_in_a_node_is_seen_and_the_ssh_server_comes_back() {
    let labs = Labs::new();
    let name = Labs::name();
    labs.ok(&["lab", "up", "etcd", "--nodes", "1", "--name", &name]);
    let database = || {
        let status = labs.json(&["lab", "status", &name, "--json"]);
        status["labs"][0]["nodes"][0]["database"]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    labs.ssh(&name, "n1", "pkill -STOP -x etcd");
    assert_eq!(database(), "not-ready");
    labs.ssh(&name, "n1", "pkill -CONT -x etcd");
    eventually("it goes on", || database() == "ready");

    labs.ssh(&name, "n1", "pkill -KILL -x etcd");
    eventually("it is gone", || database() == "stopped");
    // The recipe's own start script brings it back with its data; a second time it does nothing.
    let lab = schism::lab::Labs::below(&labs.root).open(&name).unwrap();
    let service = lab.service("n1").unwrap();
    for _ in 0..2 {
        labs.ssh(&name, "n1", &service.start);
    }
    eventually("it is back", || database() == "ready");
    assert_eq!(labs.ssh(&name, "n1", "pgrep -x -c etcd"), "1");
    labs.ssh(&name, "n1", &service.stop);
    assert_eq!(database(), "stopped");

    // A new connection needs the listener; the session that kills it does not.
    labs.ssh(&name, "n1", "kill -KILL $(cat /run/sshd.pid)");
    eventually("the SSH server is started again", || {
        labs.schism(&["lab", "ssh", "--lab", &name, "n1", "--", "true"])
            .status
            .success()
    });

    // What stands still ends too.
    labs.ssh(&name, "n1", &service.start);
    labs.ssh(&name, "n1", "pkill -STOP -x etcd");
    labs.down(&name);
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_lab_that_was_begun_and_killed_can_be_removed() {
    let labs = Labs::new();
    let never_ready = labs.program("etcd", "sleep 600");
    let stages: [Stage<'_>; 5] = [
        (
            "the directory",
            Box::new(|name| labs.root.join(name).exists()),
        ),
        (
            "the first namespace",
            Box::new(|name| !namespaces(name).is_empty()),
        ),
        (
            "the interface",
            Box::new(|name| !interfaces(name).is_empty()),
        ),
        (
            "a first process",
            Box::new(|name| !inside(name, "n1").is_empty()),
        ),
        (
            "a started database",
            Box::new(|name| {
                labs.root
                    .join(name)
                    .join("nodes/n3/log/schism/etcd.log")
                    .exists()
            }),
        ),
    ];
    for (stage, reached) in stages {
        let name = Labs::name();
        let mut up = labs.spawn(&[
            "lab",
            "up",
            "etcd",
            "-n",
            "3",
            "--name",
            &name,
            "--binary",
            &never_ready,
        ]);
        eventually(stage, || reached(&name));
        kill(up.id());
        up.wait().unwrap();

        // A program that it was starting just then holds its lock until that program runs.
        eventually("nobody works on it", || {
            let status = labs.json(&["lab", "status", &name, "--json"]);
            status["labs"][0]["state"] == "half-finished"
        });
        let taken = labs.fails(69, &["lab", "up", "etcd", "--name", &name]);
        assert!(
            taken.contains(&format!("schism lab down {name}")),
            "{stage}: {taken}"
        );
        labs.down(&name);
    }
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn an_interrupted_start_removes_what_it_made() {
    let labs = Labs::new();
    let never_ready = labs.program("etcd", "sleep 600");
    for (signal, code, stage) in [
        ("INT", 130, "log/schism/etcd.log"),
        ("TERM", 143, "init.log"),
        ("HUP", 143, "init.log"),
    ] {
        let name = Labs::name();
        let up = labs.spawn(&[
            "lab",
            "up",
            "etcd",
            "-n",
            "2",
            "--name",
            &name,
            "--binary",
            &never_ready,
        ]);
        eventually(stage, || {
            labs.root.join(&name).join("nodes/n2").join(stage).exists()
        });

        let busy = labs.fails(69, &["lab", "down", &name]);
        assert!(busy.contains("another schism"), "{busy}");

        run(Command::new("kill").args([format!("-{signal}"), up.id().to_string()]));
        let output = up.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        labs.nothing_left(&name);
    }
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_database_that_does_not_come_up_is_explained_and_removed() {
    let labs = Labs::new();
    let up = |program: &str, more: &[&str]| {
        let name = Labs::name();
        let mut arguments = vec![
            "lab", "up", "etcd", "-n", "2", "--name", &name, "--binary", program,
        ];
        arguments.extend(more);
        (labs.fails(69, &arguments), name)
    };

    let (error, name) = up(
        &labs.program("etcd-broken", "echo no luck today; exit 3"),
        &[],
    );
    assert!(
        error.contains("ended soon after its start") && error.contains("no luck today"),
        "{error}"
    );
    labs.nothing_left(&name);

    let (error, name) = up(
        &labs.program("etcd", "echo thinking; sleep 600"),
        &["--timeout", "2"],
    );
    assert!(
        error.contains("is not ready after 2 s") && error.contains("thinking"),
        "{error}"
    );
    labs.nothing_left(&name);

    let (_, name) = up(
        &labs.program("etcd", "sleep 600"),
        &["--timeout", "1", "--keep"],
    );
    let status = labs.json(&["lab", "status", &name, "--json"]);
    assert_eq!(status["labs"][0]["state"], "half-finished");
    assert_eq!(
        status["labs"][0]["nodes"][0]["database"]["state"],
        "not-ready"
    );
    assert_eq!(
        labs.ssh(&name, "n1", "hostname"),
        "n1",
        "there for a look at it"
    );
    labs.down(&name);

    let missing = labs.fails(64, &["lab", "up", "etcd", "--binary", "/no/such/etcd"]);
    assert!(missing.contains("--binary /no/such/etcd"), "{missing}");
    let unknown = labs.fails(64, &["lab", "up", "etdc"]);
    assert!(unknown.contains("Known: etcd"), "{unknown}");
    for nodes in ["0", "100"] {
        assert!(
            labs.fails(64, &["lab", "up", "etcd", "-n", nodes])
                .contains("1 to 99 nodes")
        );
    }
    assert!(
        labs.fails(64, &["lab", "up", "etcd", "--name", "a.b"])
            .contains("cannot name a lab")
    );
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_program_below_a_directory_that_nodes_do_not_share_runs_in_them() {
    let labs = Labs::new();
    let name = Labs::name();
    let etcd = text(&run(Command::new("sh").args(["-c", "command -v etcd"])).stdout);
    let copy = labs.root.join("my own etcd 3");
    fs::copy(etcd, &copy).unwrap();
    labs.ok(&[
        "lab",
        "up",
        "etcd",
        "-n",
        "1",
        "--name",
        &name,
        "--binary",
        copy.to_str().unwrap(),
    ]);
    assert_eq!(
        labs.ssh(&name, "n1", "pgrep -x -c etcd"),
        "1",
        "known by the recipe's name"
    );
    labs.down(&name);
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_lab_is_removed_though_its_files_are_damaged_or_gone() {
    let labs = Labs::new();
    let damaged = Labs::name();
    labs.ok(&["lab", "up", "etcd", "-n", "1", "--name", &damaged]);
    fs::write(labs.root.join(&damaged).join("lab.json"), "{").unwrap();
    let status = labs.json(&["lab", "status", &damaged, "--json"]);
    assert!(
        status["labs"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("lab.json"),
        "{status}"
    );
    labs.down(&damaged);

    let gone = Labs::name();
    labs.ok(&["lab", "up", "etcd", "-n", "1", "--name", &gone]);
    fs::remove_dir_all(labs.root.join(&gone)).unwrap();
    let orphans = labs.fails(69, &["lab", "up", "etcd", "--name", &gone]);
    assert!(orphans.contains(&format!("schism.{gone}.n1")), "{orphans}");
    labs.down(&gone);

    // Namespaces that someone unnamed by hand still have processes.
    let unnamed = Labs::name();
    labs.ok(&["lab", "up", "etcd", "-n", "1", "--name", &unnamed]);
    for namespace in namespaces(&unnamed) {
        run(Command::new("ip").args(["netns", "delete", &namespace]));
    }
    fs::remove_dir_all(labs.root.join(&unnamed)).unwrap();
    let status = labs.json(&["lab", "status", "--json"]);
    assert!(
        status["labs"]
            .as_array()
            .unwrap()
            .iter()
            .any(|lab| lab["name"] == unnamed.as_str())
    );
    labs.down(&unnamed);
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_lab_of_another_directory_is_left_alone() {
    let (here, there) = (Labs::new(), Labs::new());
    let name = Labs::name();
    there.ok(&["lab", "up", "etcd", "-n", "1", "--name", &name]);
    for arguments in [
        &["lab", "down", &name][..],
        &["lab", "up", "etcd", "--name", &name],
    ] {
        let error = here.fails(69, arguments);
        assert!(error.contains(there.root.to_str().unwrap()), "{error}");
    }
    here.ok(&["lab", "down", "--all"]);
    let status = here.json(&["lab", "status", &name, "--json"]);
    assert_eq!(status["labs"][0]["state"], "elsewhere");
    let status = there.json(&["lab", "status", &name, "--json"]);
    assert_eq!(status["labs"][0]["nodes"][0]["database"]["state"], "ready");
    there.ok(&["lab", "down", "--all"]);
    there.nothing_left(&name);
}

/// What a developer's machine may look like: Docker's firewall forwards nothing, a VPN claims all of 10.0.0.0/8, and
/// IPv6 is switched off.
#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn a_machine_with_a_firewall_and_a_vpn_and_without_ipv6_has_labs() {
    let labs = Labs::new();
    let name = Labs::name();
    let script = r#"set -e
        ip link set lo up
        ip route add 10.0.0.0/8 dev lo
        for scope in all default; do echo 1 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6; done
        iptables -P FORWARD DROP
        "$0" lab up etcd -n 2 --name "$1"
        "$0" lab ssh --lab "$1" n1 -- 'getent ahosts n2; ping -c 1 -W 5 n2 > /dev/null'
        "$0" lab down "$1"
        [ "$(ip -oneline link | wc -l)" -eq 1 ]"#;
    let output = run(Command::new("unshare")
        .args(["--net", "sh", "-c", script, SCHISM, &name])
        .env("SCHISM_LABS", &labs.root));
    let said = text(&output.stdout);
    assert!(
        said.contains("n2  198.18.0.2\n") && !said.contains("fd73:"),
        "{said}"
    );
    labs.nothing_left(&name);
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
fn without_root_one_sentence_says_what_to_do() {
    let labs = Labs::new();
    // Where everyone may run it.
    let program = labs.root.join("schism");
    fs::copy(SCHISM, &program).unwrap();
    fs::set_permissions(&labs.root, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(
        labs.root.parent().unwrap(),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    for arguments in [
        &["lab", "up", "etcd"][..],
        &["lab", "status"],
        &["lab", "down", "--all"],
    ] {
        let output = Command::new("setpriv")
            .args([
                "--reuid",
                "65534",
                "--regid",
                "65534",
                "--clear-groups",
                "--",
            ])
            .arg(&program)
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(69));
        let error = text(&output.stderr);
        assert!(
            error.contains("needs root") && error.contains("sudo") && error.lines().count() == 1,
            "{error}"
        );
    }
}

#[test]
#[ignore = "needs root, sshd and etcd: .ci/run runs it"]
#[expect(
    clippy::disallowed_methods,
    reason = "measures how long a lab takes; asserts nothing about it"
)]
fn labs_of_all_usual_sizes() {
    use std::time::Instant;
    let labs = Labs::new();
    for nodes in ["1", "3", "5", "7"] {
        let name = Labs::name();
        let began = Instant::now();
        labs.ok(&["lab", "up", "etcd", "--nodes", nodes, "--name", &name]);
        let up = began.elapsed().as_secs_f64();
        let began = Instant::now();
        labs.down(&name);
        println!(
            "{nodes} nodes: up {up:.2} s, down {:.2} s",
            began.elapsed().as_secs_f64()
        );
    }
}

/// Something that making a lab reaches, and how that is seen from outside.
type Stage<'a> = (&'a str, Box<dyn Fn(&str) -> bool + 'a>);

/// The labs of one test, in a directory of their own. Whatever is left of them is removed at its end.
struct Labs {
    root: PathBuf,
    _directory: tempfile::TempDir,
}

impl Labs {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("the labs");
        fs::create_dir(&root).unwrap();
        Self {
            root,
            _directory: directory,
        }
    }

    /// A name that no other test, in whatever process, uses.
    fn name() -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        format!(
            "t{}-{}",
            process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// A program, a shell script, for `--binary`.
    fn program(&self, name: &str, script: &str) -> String {
        let path = self.root.join(format!("{name}.{}", Self::name()));
        fs::create_dir(&path).unwrap();
        let path = path.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SCHISM);
        command
            .args(arguments)
            .env("SCHISM_LABS", &self.root)
            .stdin(Stdio::null());
        command
    }

    fn schism(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments))
    }

    /// What it says when it fails with this exit code.
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.schism(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.starts_with("error: "), "{error}");
        error
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.ok(arguments).stdout).unwrap()
    }

    fn ssh(&self, lab: &str, node: &str, line: &str) -> String {
        self.ssh_words(lab, node, &[line])
    }

    fn ssh_words(&self, lab: &str, node: &str, words: &[&str]) -> String {
        let mut arguments = vec!["lab", "ssh", "--lab", lab, node, "--"];
        arguments.extend(words);
        text(&self.ok(&arguments).stdout)
    }

    fn down(&self, name: &str) {
        self.ok(&["lab", "down", name]);
        self.nothing_left(name);
    }

    /// No namespace, interface, process, mount or file of a lab.
    fn nothing_left(&self, name: &str) {
        assert_eq!(namespaces(name), [] as [&str; 0]);
        assert_eq!(interfaces(name), [] as [&str; 0]);
        assert!(!self.root.join(name).exists());
        let path = self
            .root
            .join(name)
            .display()
            .to_string()
            .replace(' ', "\\040");
        let marked = format!("schism.{name}.");
        for pid in pids() {
            let read = |file: &str| {
                fs::read(format!("/proc/{pid}/{file}"))
                    .map(|b| text(&b))
                    .unwrap_or_default()
            };
            let command_line = read("cmdline").replace('\0', " ");
            assert!(!command_line.contains(&marked), "{pid}: {command_line}");
            let mounts = read("mountinfo");
            assert!(
                !mounts.contains(&path) && !mounts.contains(&marked),
                "{pid} {command_line}: {mounts}"
            );
        }
    }
}

impl Drop for Labs {
    fn drop(&mut self) {
        let prefix = format!("t{}-", process::id());
        let Ok(entries) = fs::read_dir(&self.root) else {
            return;
        };
        for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
            if name.starts_with(&prefix) {
                self.schism(&["lab", "down", &name]);
            }
        }
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// Looks until it holds.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if holds() {
            return;
        }
        // Only so as not to keep the machine from getting there.
        std::thread::park_timeout(Duration::from_millis(2));
    }
    panic!("never: {what}");
}

fn kill(pid: u32) {
    run(Command::new("kill").args(["-KILL", &pid.to_string()]));
}

fn namespaces(lab: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(&format!("schism.{lab}.")))
        .collect()
}

fn interfaces(lab: &str) -> Vec<String> {
    let links = run(Command::new("ip").args(["-json", "link"]));
    let links: Value = serde_json::from_slice(&links.stdout).unwrap();
    let marked = format!("schism.{lab}");
    let of_lab = links
        .as_array()
        .unwrap()
        .iter()
        .filter(|link| link["ifalias"] == marked.as_str());
    of_lab
        .map(|link| link["ifname"].as_str().unwrap().to_owned())
        .collect()
}

fn pids() -> Vec<u32> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| e.unwrap().file_name().to_str()?.parse().ok())
        .collect()
}

/// The processes in a node's network namespace.
fn inside(lab: &str, node: &str) -> Vec<u32> {
    let output = Command::new("ip")
        .args(["netns", "pids", &format!("schism.{lab}.{node}")])
        .output()
        .unwrap();
    text(&output.stdout)
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

/// The id, on the machine, of a node's first process.
fn init_of(lab: &str, node: &str) -> u32 {
    with_first_arguments(lab, node, "sh")[0]
}

fn parents_of_init(lab: &str, node: &str) -> Vec<u32> {
    with_first_arguments(lab, node, "unshare")
}

fn with_first_arguments(lab: &str, node: &str, program: &str) -> Vec<u32> {
    let name = format!("schism.{lab}.{node}");
    inside(lab, node)
        .into_iter()
        .filter(|pid| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let arguments: Vec<_> = line.split('\0').collect();
            arguments[0] == program && arguments.contains(&name.as_str())
        })
        .collect()
}

fn post(address: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 200 OK"), "{answer}");
    answer
}
