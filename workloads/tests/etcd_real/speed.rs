//! How fast the client is.

use std::time::Duration;

use schism_history::Value;
use schism_workloads::clients::etcd::Options;

use crate::wire::server::Cluster;
use crate::wire::{client, etcd, run};

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
