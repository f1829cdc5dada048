//! What is written is read: registers, sets, lists.

use schism_history::Value;
use schism_workloads::clients::etcd::Options;
use schism_workloads::{Certainty, Done, Failure, MicroOp};

use crate::wire::proxy::{Mode, Proxy};
use crate::wire::server::Cluster;
use crate::wire::{client, etcd, run};
use crate::{append, read, saw};

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
