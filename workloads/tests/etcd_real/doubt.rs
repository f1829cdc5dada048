//! What the network does to a request, and what became of it.

use schism_history::Value;
use schism_workloads::Certainty;
use schism_workloads::clients::etcd::Options;

use crate::wire::proxy::{Mode, Proxy};
use crate::wire::server::Cluster;
use crate::wire::{client, etcd, run};
use crate::{append, read, saw};

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
