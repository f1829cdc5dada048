//! Several nodes, and nodes that are gone.

use schism_history::Value;
use schism_workloads::clients::etcd::{Options, Reads};
use schism_workloads::{Certainty, Database, Role};

use crate::append;
use crate::wire::server::{Cluster, until};
use crate::wire::{client, etcd, run};

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
                .transact(&[crate::read(1)])
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
