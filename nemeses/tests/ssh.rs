//! The contract of every SSH backend, against a real server.
//!
//! Each rule is written once and run with each backend. They need root, for users that exist for the test only:
//! `cargo test -p schism-nemeses --features ssh2 --test ssh -- --ignored`.

#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]

mod sshd;

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command as Program;
use std::rc::Rc;
use std::time::Duration;

use schism_nemeses::control::{
    Agent, Command, Control, ControlError, Hop, NodeAddress, Output, Secret,
};
use schism_nemeses::quote;

use sshd::{PLAIN, SUDOER, Sshd, free_port};

type Backend = fn(Vec<NodeAddress>) -> Rc<dyn Control>;

/// Each rule as a test for each backend.
macro_rules! contract {
    ($($rule:ident),+ $(,)?) => {
        mod russh {
            $(
                #[tokio::test]
                #[ignore = "needs root and sshd: .ci/run runs it"]
                async fn $rule() {
                    super::$rule(|nodes| std::rc::Rc::new(schism_nemeses::control::Ssh::new(nodes))).await;
                }
            )+
        }
        #[cfg(feature = "ssh2")]
        mod ssh2 {
            $(
                #[tokio::test]
                #[ignore = "needs root and sshd: .ci/run runs it"]
                async fn $rule() {
                    super::$rule(|nodes| std::rc::Rc::new(schism_nemeses::control::Ssh2::new(nodes))).await;
                }
            )+
        }
    };
}

contract!(
    a_command_runs,
    any_bytes_arrive,
    keys_of_every_type_log_in,
    an_encrypted_key_needs_its_passphrase,
    a_key_that_is_not_accepted_is_named,
    an_agent_holds_keys,
    an_unknown_host_is_refused_or_learned,
    a_changed_host_key_is_never_accepted,
    a_host_is_asked_for_the_key_that_is_known,
    a_hashed_known_host_is_found,
    a_jump_host_is_passed,
    fourteen_commands_at_once,
    a_server_with_few_sessions_is_obeyed,
    a_timeout_ends_the_command_here_and_there,
    a_dropped_command_leaves_the_connection_usable,
    a_killed_connection_is_made_anew_for_all,
    a_command_that_may_have_begun_is_not_run_again,
    files_go_up_and_down,
    what_cannot_be_reached_says_why,
    sudo_is_used_and_its_refusal_explained,
    too_much_output_is_an_error,
    a_process_left_behind_holds_nothing_up,
);

async fn run(control: &dyn Control, script: &str) -> Result<Output, ControlError> {
    control.exec("n1", &Command::root(script)).await
}

/// Runs it and expects success.
async fn ok(control: &dyn Control, script: &str) -> String {
    let output = run(control, script).await.expect("the command runs");
    assert_eq!(output.status, 0, "{script}: {output:?}");
    output.stdout
}

/// The server process that serves this connection.
const SERVER_PROCESS: &str = "
    p=$$
    while read -r c </proc/$p/comm && [ \"$c\" != sshd ]; do
      s=$(cat /proc/$p/stat); s=${s##*) }; set -- $s; p=$2
    done
    echo $p";

async fn a_command_runs(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let command = Command::root("cat; echo out; echo err >&2; exit 3").stdin("in ");
    let output = control.exec("n1", &command).await.unwrap();
    assert_eq!(
        output,
        Output {
            status: 3,
            stdout: "in out".to_owned(),
            stderr: "err".to_owned()
        }
    );
    assert_eq!(run(&*control, "kill -9 $$").await.unwrap().status, 137);
    assert_eq!(
        ok(&*control, "id -u; command -v sshd").await,
        "0\n/usr/sbin/sshd"
    );
    assert_eq!(
        control.exec("n9", &command).await,
        Err(ControlError::NoSuchNode {
            node: "n9".to_owned()
        })
    );
    let nul = run(&*control, "echo a\0b").await.unwrap_err();
    assert!(matches!(nul, ControlError::BadCommand { .. }), "{nul}");
}

async fn any_bytes_arrive(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let bytes: Vec<u8> = (1..=255).chain("'\"$(id)`\n\n".bytes()).collect();
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let dump = "od -An -v -tx1 | tr -d '\\n'";
    let word = quote(&bytes).unwrap();
    let quoted = ok(&*control, &format!("printf %s {word} | {dump}")).await;
    assert_eq!(quoted.trim().split(' ').collect::<Vec<_>>(), hex);

    let all: Vec<u8> = (0..=255).collect();
    let hex: Vec<String> = all.iter().map(|byte| format!("{byte:02x}")).collect();
    let command = Command::root(dump).stdin(all);
    let piped = control.exec("n1", &command).await.unwrap().stdout;
    assert_eq!(piped.trim().split(' ').collect::<Vec<_>>(), hex);
}

async fn keys_of_every_type_log_in(backend: Backend) {
    let sshd = Sshd::start();
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let key = sshd.keygen(&format!("of_{kind}"), kind, "");
        sshd.authorize(&key);
        let node = NodeAddress {
            key: Some(key),
            ..sshd.node()
        };
        assert_eq!(ok(&*backend(vec![node]), "echo in").await, "in", "{kind}");
    }
}

async fn an_encrypted_key_needs_its_passphrase(backend: Backend) {
    let sshd = Sshd::start();
    let key = sshd.keygen("locked", "ed25519", "open sesame");
    sshd.authorize(&key);
    let with = |passphrase: Option<&str>| {
        backend(vec![NodeAddress {
            key: Some(key.clone()),
            passphrase: passphrase.map(Secret::new),
            ..sshd.node()
        }])
    };
    assert_eq!(ok(&*with(Some("open sesame")), "echo in").await, "in");
    let without = run(&*with(None), ":").await.unwrap_err().to_string();
    assert!(
        without.contains("is encrypted and there is no passphrase"),
        "{without}"
    );
    let wrong = run(&*with(Some("hunter2")), ":")
        .await
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("is the passphrase right?"), "{wrong}");
    assert!(!wrong.contains("hunter2"), "{wrong}");
}

async fn a_key_that_is_not_accepted_is_named(backend: Backend) {
    let sshd = Sshd::start();
    let key = sshd.keygen("stranger", "ed25519", "");
    let with = |key| backend(vec![NodeAddress { key, ..sshd.node() }]);
    let error = run(&*with(Some(key)), ":").await.unwrap_err().to_string();
    for part in [
        "node n1",
        "for the user root",
        "stranger",
        "authorized_keys",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let absent = run(&*with(Some(sshd.path("absent"))), ":").await;
    let absent = absent.unwrap_err().to_string();
    assert!(absent.contains("absent cannot be read"), "{absent}");
}

async fn an_agent_holds_keys(backend: Backend) {
    let sshd = Sshd::start();
    let key = sshd.keygen("in_agent", "rsa", "open sesame");
    let plain = sshd.keygen("unlocked", "rsa", "");
    let other = sshd.keygen("other", "ed25519", "");
    sshd.authorize(&plain);
    sshd.authorize(&key);
    let socket = sshd.path("agent");
    let mut agent = Program::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !socket.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for key in [&other, &plain] {
        let added = Program::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &socket)
            .status()
            .unwrap();
        assert!(added.success());
    }
    let with = |key, agent| {
        backend(vec![NodeAddress {
            key,
            agent,
            ..sshd.node()
        }])
    };
    let agent_only = with(None, Agent::Socket(socket.clone()));
    assert_eq!(ok(&*agent_only, "echo in").await, "in");

    // A key that is locked on disk, but open in the agent.
    Program::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"])
        .arg(&plain)
        .output()
        .unwrap();
    let both = with(Some(plain), Agent::Socket(socket.clone()));
    assert_eq!(ok(&*both, "echo in").await, "in");

    let _ = agent.kill();
    let _ = agent.wait();
    let dead = with(None, Agent::Socket(socket));
    let error = run(&*dead, ":").await.unwrap_err().to_string();
    assert!(error.contains("accepts none of our keys"), "{error}");
    assert!(error.contains("the agent at"), "{error}");
}

async fn an_unknown_host_is_refused_or_learned(backend: Backend) {
    let sshd = Sshd::start();
    let known_hosts = sshd.path("other_known_hosts");
    let with = |accept_new| {
        backend(vec![NodeAddress {
            known_hosts: Some(known_hosts.clone()),
            accept_new,
            ..sshd.node()
        }])
    };
    let error = run(&*with(false), ":").await.unwrap_err().to_string();
    for part in ["is unknown", "ssh-ed25519 SHA256:", "ssh-keyscan"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!known_hosts.exists());
    ok(&*with(true), ":").await;
    let learned = fs::read_to_string(&known_hosts).unwrap();
    assert_eq!(
        learned,
        fs::read_to_string(sshd.path("known_hosts"))
            .unwrap()
            .replace(" test", "")
    );
    ok(&*with(false), ":").await;
}

async fn a_changed_host_key_is_never_accepted(backend: Backend) {
    let sshd = Sshd::start();
    let other = sshd.keygen("other_host", "ed25519", "");
    sshd.know(&fs::read_to_string(other.with_extension("pub")).unwrap());
    for accept_new in [false, true] {
        let control = backend(vec![NodeAddress {
            accept_new,
            ..sshd.node()
        }]);
        let error = run(&*control, ":").await.unwrap_err().to_string();
        for part in ["has CHANGED", "known_hosts:1 says", "remove that line"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

async fn a_host_is_asked_for_the_key_that_is_known(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let rsa = folder.path().join("host_rsa");
    let made = Program::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-N", "", "-f"])
        .arg(&rsa)
        .status()
        .unwrap();
    assert!(made.success());
    let sshd = Sshd::start_with(&format!("HostKey {}", rsa.display()));
    sshd.know(&fs::read_to_string(rsa.with_extension("pub")).unwrap());
    ok(&*backend(vec![sshd.node()]), ":").await;
}

async fn a_hashed_known_host_is_found(backend: Backend) {
    let sshd = Sshd::start();
    let hashed = Program::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(sshd.path("known_hosts"))
        .output()
        .unwrap();
    assert!(hashed.status.success());
    let file = fs::read_to_string(sshd.path("known_hosts")).unwrap();
    assert!(file.starts_with("|1|"), "{file}");
    ok(&*backend(vec![sshd.node()]), ":").await;
}

async fn a_jump_host_is_passed(backend: Backend) {
    let sshd = Sshd::start();
    let jump = |port| {
        vec![Hop {
            host: "127.0.0.1".to_owned(),
            port: Some(port),
            user: Some(PLAIN.to_owned()),
        }]
    };
    let control = backend(vec![NodeAddress {
        jump: jump(sshd.port),
        ..sshd.node()
    }]);
    assert_eq!(ok(&*control, "id -un").await, "root");
    let text = "x".repeat(300_000);
    let command = Command::root("cat").stdin(text.clone());
    assert_eq!(control.exec("n1", &command).await.unwrap().stdout, text);

    let closed = backend(vec![NodeAddress {
        jump: jump(sshd.port),
        port: Some(free_port()),
        known_hosts: Some(sshd.path("known_hosts")),
        ..sshd.node()
    }]);
    let error = run(&*closed, ":").await.unwrap_err().to_string();
    assert!(error.contains("through 127.0.0.1"), "{error}");
    assert!(error.contains("the jump host cannot reach"), "{error}");
}

async fn fourteen_commands_at_once(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let most = all_at_once(&*control, sshd.folder.path(), 14).await;
    assert!(most <= schism_nemeses::control::CHANNELS_MAX, "{most}");
}

async fn a_server_with_few_sessions_is_obeyed(backend: Backend) {
    let sshd = Sshd::start_with("MaxSessions 2");
    let control = backend(vec![sshd.node()]);
    let most = all_at_once(&*control, sshd.folder.path(), 14).await;
    assert!(most <= 2, "{most}");
}

/// Runs the commands and tells how many ran at the same time at most.
async fn all_at_once(control: &dyn Control, folder: &Path, count: usize) -> usize {
    let folder = folder.join("running");
    fs::create_dir(&folder).unwrap();
    let scripts: Vec<String> = (0..count)
        .map(|i| {
            let folder = folder.display();
            format!(
                "mkdir {folder}/{i}; sleep 0.2; ls {folder} | wc -l; rmdir {folder}/{i}; echo {i}"
            )
        })
        .collect();
    let outputs = futures_util::future::join_all(scripts.iter().map(|script| run(control, script)));
    let mut most = 0;
    for (i, output) in outputs.await.into_iter().enumerate() {
        let stdout = output.unwrap().stdout;
        let (running, number) = stdout.split_once('\n').unwrap();
        assert_eq!(number, i.to_string());
        most = most.max(running.trim().parse().unwrap());
    }
    most
}

async fn a_timeout_ends_the_command_here_and_there(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let pids = sshd.path("pids");
    let script = format!(
        "echo $$ >{0}; trap '' TERM HUP; sh -c 'trap \"\" TERM; echo $$ >>{0}; sleep 1000; :' & wait; sleep 1000; :",
        pids.display()
    );
    let command = Command::root(script).timeout(Duration::from_secs(1));
    assert_eq!(
        control.exec("n1", &command).await,
        Err(ControlError::Timeout {
            node: "n1".to_owned(),
            timeout: Duration::from_secs(1)
        })
    );
    let left = format!(
        "for p in $(cat {}); do kill -0 $p 2>/dev/null && echo $p; done; :",
        pids.display()
    );
    for _ in 0..200 {
        if ok(&*control, &left).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the command still runs on the node");
}

async fn a_dropped_command_leaves_the_connection_usable(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let before = ok(&*control, SERVER_PROCESS).await;
    let begun = sshd.path("begun");
    for _ in 0..12 {
        let _ = fs::remove_file(&begun);
        let script = format!(
            "echo >{}; yes | head -c 100000; exec sleep 1000",
            begun.display()
        );
        let command = Command::root(script).timeout(Duration::from_mins(1));
        let mut running = control.exec("n1", &command);
        while !begun.exists() {
            tokio::select! {
                ended = &mut running => panic!("{ended:?}"),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    }
    assert_eq!(
        ok(&*control, SERVER_PROCESS).await,
        before,
        "the same connection"
    );
}

async fn a_killed_connection_is_made_anew_for_all(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let first = ok(&*control, SERVER_PROCESS).await;
    // A second connection kills the first.
    let other = backend(vec![sshd.node()]);
    ok(
        &*other,
        &format!("kill -9 {first}; while kill -0 {first} 2>/dev/null; do sleep 0.1; done"),
    )
    .await;
    let servers =
        futures_util::future::join_all((0..5).map(|_| ok(&*control, SERVER_PROCESS))).await;
    assert_ne!(servers[0], first);
    assert!(
        servers.iter().all(|server| *server == servers[0]),
        "{servers:?}"
    );
}

async fn a_command_that_may_have_begun_is_not_run_again(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let runs = sshd.path("runs");
    let script = format!(
        "echo run >>{runs}; if [ $(wc -l <{runs}) -eq 1 ]; then kill -9 $({SERVER_PROCESS}); sleep 100; fi; echo done",
        runs = runs.display()
    );
    let error = run(&*control, &script).await.unwrap_err().to_string();
    assert!(error.contains("it is not known how far it got"), "{error}");
    assert_eq!(fs::read_to_string(&runs).unwrap(), "run\n");

    fs::remove_file(&runs).unwrap();
    let output = control
        .exec("n1", &Command::root(&script).idempotent())
        .await;
    assert_eq!(output.unwrap().stdout, "done");
    assert_eq!(fs::read_to_string(&runs).unwrap(), "run\nrun\n");
}

async fn files_go_up_and_down(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let content: Vec<u8> = (0..5_000_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let there = sshd.path("it's there");
    let there = there.to_str().unwrap();
    control.upload("n1", &content, there, 0o751).await.unwrap();
    assert_eq!(fs::read(there).unwrap(), content);
    let mode = format!("stat -c %a {}", quote(there).unwrap());
    assert_eq!(ok(&*control, &mode).await, "751");
    let here = sshd.path("here");
    control.download("n1", there, &here).await.unwrap();
    assert_eq!(fs::read(&here).unwrap(), content);
    control.upload("n1", b"", there, 0o600).await.unwrap();
    assert_eq!(fs::read(there).unwrap(), b"");

    let up = control
        .upload("n1", b"x", "/no/such/folder/file", 0o600)
        .await;
    let up = up.unwrap_err().to_string();
    assert!(up.starts_with("node n1: /no/such/folder/file: "), "{up}");
    let none = sshd.path("none");
    let down = control.download("n1", "/no/such/file", &none).await;
    assert!(down.unwrap_err().to_string().contains("No such file"));
    assert!(!none.exists() && !sshd.path("none.part").exists());
}

async fn what_cannot_be_reached_says_why(backend: Backend) {
    let sshd = Sshd::start();
    let chatter = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let chatter_port = chatter.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in chatter.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        }
    });
    for (host, port, parts) in [
        (
            "127.0.0.1",
            free_port(),
            ["refuses the connection", "is an SSH server running there"],
        ),
        (
            "no-such-host.invalid",
            22,
            ["cannot be resolved", "/etc/hosts"],
        ),
        (
            "127.0.0.1",
            chatter_port,
            ["SSH handshake", "is it an SSH server"],
        ),
    ] {
        let control = backend(vec![NodeAddress {
            host: host.to_owned(),
            port: Some(port),
            ..sshd.node()
        }]);
        let error = run(&*control, ":").await.unwrap_err();
        assert!(matches!(error, ControlError::Unreachable { .. }), "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}

async fn sudo_is_used_and_its_refusal_explained(backend: Backend) {
    let sshd = Sshd::start();
    let with = |user: &str, sudo| {
        backend(vec![NodeAddress {
            user: Some(user.to_owned()),
            sudo,
            ..sshd.node()
        }])
    };
    let sudoer = with(SUDOER, true);
    assert_eq!(ok(&*sudoer, "id -u").await, "0");
    let login = sudoer.exec("n1", &Command::user("id -un")).await.unwrap();
    assert_eq!(login.stdout, SUDOER);
    sudoer
        .upload("n1", b"root's", "/run/sshd/upload", 0o600)
        .await
        .unwrap();
    assert_eq!(
        ok(&*sudoer, "stat -c %U /run/sshd/upload; rm /run/sshd/upload").await,
        "root"
    );

    let plain = with(PLAIN, true);
    plain.exec("n1", &Command::user(":")).await.unwrap();
    let refused = run(&*plain, "id -u").await.unwrap_err().to_string();
    for part in ["sudo refuses the login user plain", "NOPASSWD"] {
        assert!(refused.contains(part), "{refused}");
    }
    let off = run(&*with(SUDOER, false), "id -u")
        .await
        .unwrap_err()
        .to_string();
    assert!(off.contains("set sudo = true"), "{off}");
}

async fn too_much_output_is_an_error(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let error = run(&*control, "yes").await.unwrap_err();
    assert!(
        matches!(error, ControlError::TooMuchOutput { .. }),
        "{error}"
    );
    assert_eq!(ok(&*control, "echo still here").await, "still here");
}

async fn a_process_left_behind_holds_nothing_up(backend: Backend) {
    let sshd = Sshd::start();
    let control = backend(vec![sshd.node()]);
    let command = Command::root("sleep 1000 & echo $!").timeout(Duration::from_mins(10));
    let run = control.exec("n1", &command);
    let left = tokio::time::timeout(Duration::from_mins(1), run)
        .await
        .expect("it does not wait for the process")
        .unwrap();
    assert_eq!(left.status, 0);
    ok(&*control, &format!("kill {}", left.stdout)).await;
}
