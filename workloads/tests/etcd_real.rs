//! The etcd client against a real etcd: what it says is what etcd did.

mod wire;
use schism_history::Value;
use schism_workloads::clients::etcd::{Options, Reads};
use schism_workloads::{Certainty, Database, Done, Failure, MicroOp, Role, SetupError};
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

        let error = etcd.prepare(&[dead.clone()]).await.unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
        etcd.prepare(&[]).await.unwrap_err();
        let error = etcd.health(&dead).await.unwrap_err();
        assert!(error.to_string().contains("is etcd running"), "{error}");
        let version = etcd.health(&endpoints[0]).await.unwrap();
        assert!(version.starts_with("3."), "{version}");
    });
}
