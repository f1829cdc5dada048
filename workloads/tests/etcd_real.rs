//! The etcd client against a real etcd: what it says is what etcd did.

#![expect(clippy::unwrap_used, reason = "it is a test")]

mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use schism_history::Value;
use schism_workloads::clients::etcd::{Options, Reads, Tls};
use schism_workloads::{Certainty, Database, Done, Failure, MicroOp, Role, Secret, SetupError};
use wire::proxy::{Mode, Proxy};
use wire::server::{Cluster, until};
use wire::{client, endpoint, etcd, run};

fn append(key: i64, element: i64) -> MicroOp {
    MicroOp::Append {
        key: key.into(),
        element: element.into(),
    }
}

fn read(key: i64) -> MicroOp {
    MicroOp::Read {
        key: key.into(),
        list: None,
    }
}

fn saw(key: i64, list: &[i64]) -> MicroOp {
    MicroOp::Read {
        key: key.into(),
        list: Some(list.iter().copied().map(Value::Int).collect()),
    }
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn registers_hold_what_was_written_last() {
    run(async {
        let etcd = etcd(&Options::default(), "registers");
        let cluster = Cluster::healthy(1, &etcd).await;
        let mut client = client(&etcd, cluster.address(0)).await;
        let (key, other) = (Value::from(1), Value::from("one"));

        let registers = client.registers().unwrap();
        assert_eq!(registers.read(&key).await, Ok(Done::new(Value::Nil)));
        let written = registers.write(&key, &7.into()).await.unwrap();
        let seen = registers.read(&key).await.unwrap();
        assert_eq!(seen.value, Value::from(7));
        assert_eq!(seen.revision, written.revision);
        assert_eq!(registers.read(&other).await.unwrap().value, Value::Nil);
        // Another key's write moves the store's revision, not that of this key.
        let later = registers.write(&other, &"x".into()).await.unwrap();
        assert!(later.revision > written.revision);
        assert_eq!(
            registers.read(&key).await.unwrap().revision,
            written.revision
        );

        let cas = client.compare_and_set().unwrap();
        assert!(!cas.cas(&key, &8.into(), &9.into()).await.unwrap().value);
        assert!(!cas.cas(&key, &Value::Nil, &9.into()).await.unwrap().value);
        assert!(cas.cas(&key, &7.into(), &9.into()).await.unwrap().value);
        assert!(!cas.cas(&key, &7.into(), &9.into()).await.unwrap().value);
        let fresh = Value::from(2);
        assert!(cas.cas(&fresh, &Value::Nil, &1.into()).await.unwrap().value);
        assert!(!cas.cas(&fresh, &Value::Nil, &2.into()).await.unwrap().value);
        let registers = client.registers().unwrap();
        assert_eq!(registers.read(&key).await.unwrap().value, Value::from(9));
        assert_eq!(registers.read(&fresh).await.unwrap().value, Value::from(1));
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn sets_show_each_element_as_often_as_it_was_put() {
    run(async {
        let etcd = etcd(&Options::default(), "sets");
        let cluster = Cluster::healthy(1, &etcd).await;
        let mut client = client(&etcd, cluster.address(0)).await;
        let sets = client.sets().unwrap();
        let (one, ten) = (Value::from(1), Value::from(10));
        assert_eq!(sets.elements(&one).await.unwrap().value, []);
        for element in [3, 1, 2] {
            sets.add(&one, &element.into()).await.unwrap();
        }
        sets.add(&ten, &4.into()).await.unwrap();
        let mut elements = sets.elements(&one).await.unwrap().value;
        elements.sort();
        assert_eq!(elements, [1, 2, 3].map(Value::from));
        cluster.ctl(&["put", "schism/sets/s/1/2", ""]);
        let mut elements = sets.elements(&one).await.unwrap().value;
        elements.sort();
        assert_eq!(elements, [1, 2, 2, 3].map(Value::from));
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn transactions_see_their_own_appends() {
    run(async {
        let etcd = etcd(&Options::default(), "lists");
        let cluster = Cluster::healthy(1, &etcd).await;
        let mut client = client(&etcd, cluster.address(0)).await;
        let transactions = client.transactions().unwrap();
        let done = transactions
            .transact(&[read(1), append(1, 1), read(1), append(1, 2), read(2)])
            .await
            .unwrap();
        assert_eq!(
            done.value,
            [
                saw(1, &[]),
                append(1, 1),
                saw(1, &[1]),
                append(1, 2),
                saw(2, &[])
            ]
        );
        let seen = transactions.transact(&[read(2), read(1)]).await.unwrap();
        assert_eq!(seen.value, [saw(2, &[]), saw(1, &[1, 2])]);
        assert_eq!(seen.revision, done.revision);
        let none = transactions.transact(&[]).await.unwrap();
        assert_eq!(none.value, []);
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn a_transaction_whose_keys_changed_meanwhile_did_not_happen() {
    run(async {
        let etcd = etcd(&Options::default(), "guard");
        let cluster = Cluster::healthy(1, &etcd).await;
        let proxy = Proxy::before(cluster.address(0)).await;
        let mut held = client(&etcd, proxy.address).await;
        let mut other = client(&etcd, cluster.address(0)).await;
        // The key that changes is only read: a guard on the written keys alone would let this pass.
        proxy.set(Mode::Hold);
        let transaction = [read(1), append(2, 1)];
        let held = held.transactions().unwrap();
        let (result, ()) = tokio::join!(held.transact(&transaction), async {
            proxy.answered(1).await;
            let other = other.transactions().unwrap();
            other.transact(&[append(1, 1)]).await.unwrap();
            proxy.set(Mode::Forward);
            proxy.release();
        });
        let failure = result.unwrap_err();
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "conflict")
        );
        assert_eq!(proxy.take_requests(), ["POST /v3/kv/txn"; 2]);
        let seen = other
            .transactions()
            .unwrap()
            .transact(&[read(1), read(2)])
            .await;
        assert_eq!(seen.unwrap().value, [saw(1, &[1]), saw(2, &[])]);
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn twenty_clients_append_atomically() {
    const CLIENTS: i64 = 20;
    const ROUNDS: i64 = 25;
    run(async {
        let etcd = etcd(&Options::default(), "twenty");
        let cluster = Cluster::healthy(3, &etcd).await;
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..CLIENTS {
            let mut client = client(&etcd, cluster.address(worker as usize % 3)).await;
            workers.spawn_local(async move {
                let client = client.transactions().unwrap();
                let mut acknowledged = Vec::new();
                let mut failed = Vec::new();
                for round in 0..ROUNDS {
                    let element = worker * ROUNDS + round;
                    // The same element goes to both lists, so that they are always equal.
                    let transaction = [append(1, element), read(2), append(2, element)];
                    match client.transact(&transaction).await {
                        Ok(_) => acknowledged.push(element),
                        Err(Failure {
                            certainty: Certainty::Fail,
                            class: "conflict",
                            ..
                        }) => {
                            failed.push(element);
                        }
                        Err(other) => panic!("{other}"),
                    }
                    let seen = client.transact(&[read(1), read(2)]).await.unwrap().value;
                    let [MicroOp::Read { list: a, .. }, MicroOp::Read { list: b, .. }] = &seen[..]
                    else {
                        panic!("{seen:?}");
                    };
                    assert_eq!(a, b, "a read saw half of a transaction");
                }
                (acknowledged, failed)
            });
        }
        let (mut acknowledged, mut failed) = (Vec::new(), Vec::new());
        while let Some(worker) = workers.join_next().await {
            let (a, f) = worker.unwrap();
            acknowledged.extend(a);
            failed.extend(f);
        }
        let mut client = client(&etcd, cluster.address(0)).await;
        let seen = client
            .transactions()
            .unwrap()
            .transact(&[read(1)])
            .await
            .unwrap();
        let [
            MicroOp::Read {
                list: Some(list), ..
            },
        ] = &seen.value[..]
        else {
            panic!("{seen:?}");
        };
        let mut list: Vec<i64> = list
            .iter()
            .map(|element| element.as_int().unwrap())
            .collect();
        list.sort_unstable();
        acknowledged.sort_unstable();
        println!(
            "{} appended, {} conflicts",
            acknowledged.len(),
            failed.len()
        );
        assert_eq!(
            list, acknowledged,
            "exactly what was acknowledged is there, once"
        );
        assert!(
            !failed.is_empty(),
            "nobody met anybody: the test shows nothing"
        );
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn without_a_majority_only_serializable_reads_are_answered() {
    run(async {
        let strong = etcd(&Options::default(), "reads");
        let weak = etcd(
            &Options {
                reads: Reads::Serializable,
                ..Options::default()
            },
            "reads",
        );
        let cluster = Cluster::healthy(3, &strong).await;
        let key = Value::from(1);
        let mut before = client(&strong, cluster.address(0)).await;
        before
            .registers()
            .unwrap()
            .write(&key, &7.into())
            .await
            .unwrap();
        // So that the node has it, whatever it is to the cluster.
        before.registers().unwrap().read(&key).await.unwrap();
        cluster.signal(1, "-STOP");
        cluster.signal(2, "-STOP");

        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(client(&strong, cluster.address(0)).await);
        }
        let [reader, writer, lists] = &mut clients[..] else {
            unreachable!()
        };
        let (new, transaction) = (Value::from(8), [append(1, 1)]);
        let (read, written, appended) = tokio::join!(
            reader.registers().unwrap().read(&key),
            writer.registers().unwrap().write(&key, &new),
            lists.transactions().unwrap().transact(&transaction),
        );
        println!("{read:?}\n{written:?}\n{appended:?}");
        assert_eq!(read.unwrap_err().certainty, Certainty::Fail);
        assert_eq!(written.unwrap_err().certainty, Certainty::Info);
        // It did not get further than its reads.
        assert_eq!(appended.unwrap_err().certainty, Certainty::Fail);

        let mut weak = client(&weak, cluster.address(0)).await;
        let seen = weak.registers().unwrap().read(&key).await.unwrap();
        assert_eq!(seen.value, Value::from(7));
        assert!(weak.sets().unwrap().elements(&key).await.is_ok());
        assert!(
            weak.transactions()
                .unwrap()
                .transact(&[self::read(1)])
                .await
                .is_ok()
        );

        let error = strong.health(&cluster.endpoints()[0]).await.unwrap_err();
        println!("{error}");
        cluster.signal(1, "-CONT");
        cluster.signal(2, "-CONT");
        cluster.wait(&strong).await;
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn roles_follow_the_leader() {
    run(async {
        let etcd = etcd(&Options::default(), "roles");
        let cluster = Cluster::healthy(3, &etcd).await;
        let endpoints = cluster.endpoints();
        let leader = async || {
            let roles = etcd.roles(&endpoints).await;
            let mut leaders = roles.iter().filter(|(_, role)| *role == Role::Leader);
            let leader = leaders.next().map(|(node, _)| node.clone());
            assert!(leaders.next().is_none(), "{roles:?}");
            (leader, roles.len())
        };
        let (first, known) = leader().await;
        let first = first.unwrap();
        assert_eq!(known, 3);
        let index = endpoints.iter().position(|e| e.node == first).unwrap();
        cluster.signal(index, "-STOP");
        until("another one leads", || async {
            let (next, known) = leader().await;
            known == 2 && next.is_some_and(|next| next != first)
        })
        .await;
        cluster.signal(index, "-CONT");
        until("the old one follows", || async {
            let roles = etcd.roles(&endpoints).await;
            roles.contains(&(first.clone(), Role::Follower))
        })
        .await;
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn prepare_refuses_what_is_not_ours() {
    run(async {
        let etcd = etcd(&Options::default(), "prepare");
        let cluster = Cluster::healthy(1, &etcd).await;
        let endpoints = cluster.endpoints();
        let dead = endpoint("n0", "127.0.0.1:1".parse().unwrap());

        cluster.ctl(&["put", "schismatic", "not below the prefix"]);
        cluster.ctl(&["put", "schism/theirs", "precious"]);
        let error = etcd.prepare(&endpoints).await.unwrap_err();
        assert!(matches!(error, SetupError::NotOurs { .. }), "{error}");
        assert!(error.to_string().contains("schism/theirs"), "{error}");
        assert_eq!(
            cluster.ctl(&["get", "--print-value-only", "schism/.schism"]),
            ""
        );

        cluster.ctl(&["put", "schism/.schism", "somebody else's"]);
        let error = etcd.prepare(&endpoints).await.unwrap_err();
        assert!(matches!(error, SetupError::NotOurs { .. }), "{error}");

        cluster.ctl(&["del", "--prefix", "schism/"]);
        // A node that does not answer is no obstacle as long as another one does.
        etcd.prepare(&[dead.clone(), endpoints[0].clone()])
            .await
            .unwrap();
        let mut client = client(&etcd, cluster.address(0)).await;
        client
            .registers()
            .unwrap()
            .write(&1.into(), &1.into())
            .await
            .unwrap();
        etcd.prepare(&endpoints).await.unwrap();

        let error = etcd.prepare(std::slice::from_ref(&dead)).await.unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
        etcd.prepare(&[]).await.unwrap_err();
        let error = etcd.health(&dead).await.unwrap_err();
        assert!(error.to_string().contains("is etcd running"), "{error}");
        let version = etcd.health(&endpoints[0]).await.unwrap();
        assert!(version.starts_with("3."), "{version}");
    });
}

/// What the network does to a request, and whether etcd carries the request out all the same.
const HARM: [(Mode, bool); 4] = [
    (Mode::CloseBefore, false),
    (Mode::CloseAfter, true),
    (Mode::ResetAfter, true),
    (Mode::CutReply, true),
];

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn a_write_in_doubt_happened_or_did_not_and_was_sent_once() {
    run(async {
        let etcd = etcd(&Options::default(), "doubt");
        let cluster = Cluster::healthy(1, &etcd).await;
        let proxy = Proxy::before(cluster.address(0)).await;
        let mut truth = client(&etcd, cluster.address(0)).await;
        let (key, new) = (Value::from(1), Value::from(2));
        for (mode, happens) in HARM {
            // Whether the connection was used before or not.
            for warm in [false, true] {
                let case = format!("{mode:?}, used before: {warm}");
                let direct = truth.registers().unwrap();
                direct.write(&key, &1.into()).await.unwrap();
                let mut client = client(&etcd, proxy.address).await;
                if warm {
                    client.registers().unwrap().read(&key).await.unwrap();
                }
                proxy.take_requests();

                proxy.set_next(&[mode]);
                let read = client.registers().unwrap().read(&key).await;
                assert_eq!(read.unwrap_err().certainty, Certainty::Fail, "{case}");

                proxy.set_next(&[mode]);
                let written = client.registers().unwrap().write(&key, &new).await;
                assert_eq!(written.unwrap_err().certainty, Certainty::Info, "{case}");
                let holds = truth.registers().unwrap().read(&key).await.unwrap().value;
                assert_eq!(holds == new, happens, "{case}");

                proxy.set_next(&[mode]);
                let swapped = client
                    .compare_and_set()
                    .unwrap()
                    .cas(&key, &holds, &3.into())
                    .await;
                assert_eq!(swapped.unwrap_err().certainty, Certainty::Info, "{case}");
                let holds = truth.registers().unwrap().read(&key).await.unwrap().value;
                assert_eq!(holds == Value::from(3), happens, "{case}");
                assert_eq!(proxy.take_requests().len(), 3, "{case}");
            }
        }
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn an_append_in_doubt_happened_whole_or_not_at_all() {
    run(async {
        let etcd = etcd(&Options::default(), "doubt");
        let cluster = Cluster::healthy(1, &etcd).await;
        let proxy = Proxy::before(cluster.address(0)).await;
        let mut truth = client(&etcd, cluster.address(0)).await;
        let mut expected = Vec::new();
        for (element, (mode, happens)) in HARM.into_iter().enumerate() {
            let element = element as i64;
            let mut client = client(&etcd, proxy.address).await;
            let transaction = [append(1, element), append(2, element)];
            // Its read is lost: nothing happens.
            proxy.set_next(&[mode]);
            let result = client.transactions().unwrap().transact(&transaction).await;
            assert_eq!(result.unwrap_err().certainty, Certainty::Fail, "{mode:?}");
            assert_eq!(proxy.take_requests().len(), 1, "{mode:?}");
            // Its write is lost.
            proxy.set_next(&[Mode::Forward, mode]);
            let result = client.transactions().unwrap().transact(&transaction).await;
            assert_eq!(result.unwrap_err().certainty, Certainty::Info, "{mode:?}");
            assert_eq!(proxy.take_requests().len(), 2, "{mode:?}");
            if happens {
                expected.push(element);
            }
            let seen = truth
                .transactions()
                .unwrap()
                .transact(&[read(1), read(2)])
                .await;
            assert_eq!(
                seen.unwrap().value,
                [saw(1, &expected), saw(2, &expected)],
                "{mode:?}"
            );
        }
    });
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn a_dead_node_refuses_and_comes_back() {
    run(async {
        let etcd = etcd(&Options::default(), "dead");
        let mut cluster = Cluster::healthy(1, &etcd).await;
        let mut client = client(&etcd, cluster.address(0)).await;
        let (key, value) = (Value::from(1), Value::from(7));
        client
            .registers()
            .unwrap()
            .write(&key, &value)
            .await
            .unwrap();
        cluster.kill(0);
        // The old connection may be found closed before or after the request is written to it.
        let first = client
            .registers()
            .unwrap()
            .write(&key, &8.into())
            .await
            .unwrap_err();
        println!("{first}");
        let second = client
            .registers()
            .unwrap()
            .write(&key, &8.into())
            .await
            .unwrap_err();
        assert_eq!(
            (second.certainty, second.class),
            (Certainty::Fail, "connection refused")
        );
        let error = etcd.health(&cluster.endpoints()[0]).await.unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
        assert_eq!(etcd.roles(&cluster.endpoints()).await, []);
        cluster.spawn(0);
        cluster.wait(&etcd).await;
        let seen = client.registers().unwrap().read(&key).await.unwrap();
        assert_eq!(seen.value, value);
    });
}

/// A variable that cargo sets for every test.
const VARIABLE: &str = "CARGO_PKG_NAME";

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn with_authentication_the_right_user_may_and_others_may_not() {
    run(async {
        let password = std::env::var(VARIABLE).unwrap();
        let user = |name: &str| Options {
            username: Some(name.into()),
            password: Some(Secret::from_env(VARIABLE)),
            ..Options::default()
        };
        let open = etcd(&Options::default(), "auth");
        let mut cluster = Cluster::healthy(1, &open).await;
        let endpoints = cluster.endpoints();
        for arguments in [
            &["user", "add", &format!("root:{password}")][..],
            &["user", "grant-role", "root", "root"],
            &["role", "add", "reader"],
            &[
                "role",
                "grant-permission",
                "--prefix=true",
                "reader",
                "read",
                "schism/",
            ],
            &["user", "add", &format!("reader:{password}")],
            &["user", "grant-role", "reader", "reader"],
            &["user", "add", "stranger:another password"],
            &["auth", "enable"],
        ] {
            cluster.ctl(arguments);
        }
        let key = Value::from(1);

        let mut nobody = client(&open, cluster.address(0)).await;
        let failure = nobody
            .registers()
            .unwrap()
            .write(&key, &1.into())
            .await
            .unwrap_err();
        println!("{failure}");
        assert_eq!(failure.certainty, Certainty::Fail);

        let root = etcd(&user("root"), "auth");
        root.prepare(&endpoints).await.unwrap();
        root.health(&endpoints[0]).await.unwrap();
        assert_eq!(root.roles(&endpoints).await.len(), 1);
        let mut writer = client(&root, cluster.address(0)).await;
        writer
            .registers()
            .unwrap()
            .write(&key, &7.into())
            .await
            .unwrap();

        let mut reader = client(&etcd(&user("reader"), "auth"), cluster.address(0)).await;
        let seen = reader.registers().unwrap().read(&key).await.unwrap();
        assert_eq!(seen.value, Value::from(7));
        let failure = reader
            .registers()
            .unwrap()
            .write(&key, &8.into())
            .await
            .unwrap_err();
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "permission denied")
        );
        let transaction = [append(1, 1)];
        let failure = reader
            .transactions()
            .unwrap()
            .transact(&transaction)
            .await
            .unwrap_err();
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "permission denied")
        );

        let stranger = etcd(&user("stranger"), "auth");
        let refused = stranger.connect(&endpoints[0]).await.err().unwrap();
        println!("{refused}");
        assert_eq!(
            (refused.certainty, refused.class),
            (Certainty::Fail, "unauthenticated")
        );
        let error = stranger.prepare(&endpoints).await.unwrap_err().to_string();
        assert!(error.contains("username and password"), "{error}");

        // A node forgets its tokens when it restarts: one call fails, with proof, and the next one logs in again.
        cluster.kill(0);
        cluster.spawn(0);
        cluster.wait(&root).await;
        let registers = writer.registers().unwrap();
        let mut failures = Vec::new();
        let seen = loop {
            match registers.read(&key).await {
                Ok(seen) => break seen,
                Err(failure) => failures.push(failure),
            }
            assert!(failures.len() < 3, "{failures:?}");
        };
        assert_eq!(seen.value, Value::from(7));
        assert!(
            failures
                .iter()
                .any(|failure| failure.class == "unauthenticated"),
            "{failures:?}"
        );
    });
}

/// Certificates for a test: a CA, and a certificate of it for 127.0.0.1 with its key.
fn certificates(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .current_dir(folder)
            .args(arguments)
            .output()
            .expect("openssl is installed");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let ca = [
        "-x509",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=test CA",
    ];
    openssl(&[&["req"][..], &key, &ca].concat());
    let request = [
        "-keyout", "node.key", "-out", "node.csr", "-subj", "/CN=node",
    ];
    let names = ["-addext", "subjectAltName=IP:127.0.0.1"];
    openssl(&[&["req"][..], &key, &request, &names].concat());
    openssl(&[
        "x509",
        "-req",
        "-in",
        "node.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-copy_extensions",
        "copy",
        "-out",
        "node.pem",
    ]);
    (
        folder.join("ca.pem"),
        folder.join("node.pem"),
        folder.join("node.key"),
    )
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn with_tls_only_the_right_certificates_do() {
    run(async {
        let folder = std::env::temp_dir().join(format!("schism-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (ca, cert, key) = certificates(&folder);
        let file = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let cluster = Cluster::start(
            1,
            "https",
            &[
                "--cert-file",
                &file(&cert),
                "--key-file",
                &file(&key),
                "--trusted-ca-file",
                &file(&ca),
                "--client-cert-auth",
            ],
        );
        let with = |ca: &PathBuf, ours: bool| {
            etcd(
                &Options {
                    tls: Some(Tls {
                        ca: ca.clone(),
                        cert: ours.then(|| cert.clone()),
                        key: ours.then(|| key.clone()),
                    }),
                    ..Options::default()
                },
                "tls",
            )
        };
        let right = with(&ca, true);
        cluster.wait(&right).await;
        right.prepare(&cluster.endpoints()).await.unwrap();
        let value = Value::from(7);
        let mut client = client(&right, cluster.address(0)).await;
        client
            .registers()
            .unwrap()
            .write(&value, &value)
            .await
            .unwrap();
        assert_eq!(
            client
                .registers()
                .unwrap()
                .read(&value)
                .await
                .unwrap()
                .value,
            value
        );

        let nobody = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/nobody.pem").into();
        let mut wrong_ca = self::client(&with(&nobody, true), cluster.address(0)).await;
        let failure = wrong_ca
            .registers()
            .unwrap()
            .write(&value, &value)
            .await
            .unwrap_err();
        println!("{failure}");
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "unreachable")
        );

        // In TLS 1.3 a server asks for our certificate when the client holds the handshake for done: the request may be
        // on its way already.
        let mut no_cert = self::client(&with(&ca, false), cluster.address(0)).await;
        let failure = no_cert
            .registers()
            .unwrap()
            .write(&value, &value)
            .await
            .unwrap_err();
        println!("{failure}");

        let plain = etcd(&Options::default(), "tls");
        let error = plain.health(&cluster.endpoints()[0]).await.unwrap_err();
        println!("{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

/// Prints how many operations a second clients get out of one node that syncs its disk.
#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn operations_a_second() {
    const TIME: Duration = Duration::from_secs(2);
    run(async {
        let etcd = etcd(&Options::default(), "speed");
        let cluster = Cluster::start(1, "http", &["--unsafe-no-fsync=false"]);
        cluster.wait(&etcd).await;
        for clients in [1, 10] {
            for reads in [true, false] {
                let mut workers = tokio::task::JoinSet::new();
                let end = tokio::time::Instant::now() + TIME;
                for worker in 0..clients {
                    let mut client = client(&etcd, cluster.address(0)).await;
                    workers.spawn_local(async move {
                        let (key, mut count) = (Value::from(worker), 0_u64);
                        let registers = client.registers().unwrap();
                        while tokio::time::Instant::now() < end {
                            if reads {
                                registers.read(&key).await.unwrap();
                            } else {
                                registers.write(&key, &count.into()).await.unwrap();
                            }
                            count += 1;
                        }
                        count
                    });
                }
                let count: u64 = workers.join_all().await.into_iter().sum();
                println!(
                    "{clients} clients, {}: {} operations a second",
                    if reads { "reads" } else { "writes" },
                    count / TIME.as_secs()
                );
            }
        }
    });
}
