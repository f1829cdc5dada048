//! The contract of the etcd client, on the wire: one invocation is one attempt, and its outcome is what the table of errors
//! says, whatever the network does. Against a scripted server, so that it runs everywhere; `etcd_real` has the same against
//! etcd.

#![expect(clippy::unwrap_used, reason = "it is a test")]

mod access;
mod answers;
mod network;
#[path = "../wire/mod.rs"]
mod wire;

use schism_history::Value;
use schism_workloads::{Certainty, Client, Failure, MicroOp};

const RANGE: &str = "POST /v3/kv/range";
const PUT: &str = "POST /v3/kv/put";
const TXN: &str = "POST /v3/kv/txn";

/// Everything that a client can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Read,
    Write,
    Cas,
    Add,
    Elements,
    ReadLists,
    Append,
}

impl Ask {
    const ALL: [Self; 7] = [
        Self::Read,
        Self::Write,
        Self::Cas,
        Self::Add,
        Self::Elements,
        Self::ReadLists,
        Self::Append,
    ];

    /// The requests that it takes when all goes well.
    const fn requests(self) -> &'static [&'static str] {
        match self {
            Self::Read | Self::Elements => &[RANGE],
            Self::Write | Self::Add => &[PUT],
            Self::Cas | Self::ReadLists => &[TXN],
            Self::Append => &[TXN, TXN],
        }
    }

    /// What is known when its first request gets no answer.
    const fn without_answer(self) -> Certainty {
        match self {
            // An append reads first.
            Self::Read | Self::Elements | Self::ReadLists | Self::Append => Certainty::Fail,
            Self::Write | Self::Cas | Self::Add => Certainty::Info,
        }
    }

    async fn of(self, client: &mut dyn Client) -> Result<(), Failure> {
        let (key, value) = (Value::from(1), Value::from(7));
        let read = MicroOp::Read {
            key: key.clone(),
            list: None,
        };
        let append = MicroOp::Append {
            key: key.clone(),
            element: value.clone(),
        };
        match self {
            Self::Read => client.registers().unwrap().read(&key).await.map(drop),
            Self::Write => client
                .registers()
                .unwrap()
                .write(&key, &value)
                .await
                .map(drop),
            Self::Cas => {
                let cas = client.compare_and_set().unwrap();
                cas.cas(&key, &value, &key).await.map(drop)
            }
            Self::Add => client.sets().unwrap().add(&key, &value).await.map(drop),
            Self::Elements => client.sets().unwrap().elements(&key).await.map(drop),
            Self::ReadLists => {
                let transactions = client.transactions().unwrap();
                transactions.transact(&[read]).await.map(drop)
            }
            Self::Append => {
                let transactions = client.transactions().unwrap();
                transactions.transact(&[append]).await.map(drop)
            }
        }
    }
}
