//! What is asked of etcd before a run and beside it: is the prefix ours, is a node well, who leads.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::Etcd;
use super::failure::{Effect, Trouble};
use super::kv::{PREFIX, RANGE, TXN, behind};
use super::wire::{
    Bytes, Compare, Empty, Health, Int64, Put, Range, RangeAnswer, Request, StatusAnswer, Target,
    Txn, TxnAnswer, Version,
};
use crate::{Endpoint, Role, SetupError};

/// The key that says that the prefix is ours.
const MARKER: &str = "schism/.schism";
/// What it holds.
const MARK: &str = "schism wrote the keys below schism/; they may be deleted\n";

/// How long a node may take to say that it is well. etcd itself gives up on a request after about 7 s.
const HEALTH: Duration = Duration::from_secs(5);
/// How long a node may take to let the prefix be prepared.
const PREPARE: Duration = Duration::from_secs(10);
/// How long a node may take to say who leads.
const STATUS: Duration = Duration::from_secs(1);

/// Marks the prefix as ours, through the first node that lets us.
///
/// Asking another node is no hidden retry: this is no operation of the run, and doing it twice does no harm.
pub(super) async fn prepare(etcd: &Etcd, endpoints: &[Endpoint]) -> Result<(), SetupError> {
    let mut last = SetupError::setting("nodes", "there are none");
    for endpoint in endpoints {
        match within(PREPARE, endpoint, mark(etcd, endpoint)).await {
            Err(error @ SetupError::Node { .. }) => last = error,
            settled => return settled,
        }
    }
    Err(last)
}

/// Marks the prefix as ours if it is empty, else looks for the mark: one transaction, so that nobody gets in between.
async fn mark(etcd: &Etcd, endpoint: &Endpoint) -> Result<(), SetupError> {
    let nothing_there = Compare {
        range_end: Some(behind(PREFIX.as_bytes())),
        // Holds for no key at all, and for no key that there is.
        ..Compare::equal(Bytes(PREFIX.into()), Target::Version { version: Int64(0) })
    };
    let txn = Txn {
        compare: vec![nothing_there],
        success: vec![Request::Put(Put {
            key: Bytes(MARKER.into()),
            value: Bytes(MARK.into()),
        })],
        failure: vec![
            Request::Range(Range {
                key: Bytes(MARKER.into()),
                ..Range::default()
            }),
            Request::Range(Range {
                key: Bytes(PREFIX.into()),
                range_end: Some(behind(PREFIX.as_bytes())),
                limit: Int64(1),
                keys_only: true,
                ..Range::default()
            }),
        ],
    };
    let mut gateway = etcd.gateway(endpoint).await.map_err(|e| at(endpoint, &e))?;
    let answer: TxnAnswer = gateway
        .call(TXN, &txn)
        .await
        .map_err(|e| at(endpoint, &e))?;
    if answer.succeeded {
        return Ok(());
    }
    let mut ranges = answer.ranges();
    let marker = ranges.next().and_then(|kvs| kvs.into_iter().next());
    match marker {
        Some(marker) if marker.value.0 == MARK.as_bytes() => Ok(()),
        _ => {
            let example = ranges
                .next()
                .and_then(|kvs| kvs.into_iter().next())
                .map(|found| String::from_utf8_lossy(&found.key.0).into_owned())
                .unwrap_or_default();
            Err(SetupError::NotOurs {
                what: format!("the prefix {PREFIX} of this etcd"),
                remedy: format!(
                    "the first of its keys is {example:?}, and {MARKER} does not say that they are ours. If nobody needs \
                     them, delete them: etcdctl del --prefix {PREFIX}"
                ),
            })
        }
    }
}

/// Whether the node serves: it answers a linearizable read, and says that it is healthy. Its version.
pub(super) async fn health(etcd: &Etcd, endpoint: &Endpoint) -> Result<String, SetupError> {
    within(HEALTH, endpoint, async {
        let mut gateway = etcd.gateway(endpoint).await.map_err(|e| at(endpoint, &e))?;
        let version: Version = gateway
            .get("/version")
            .await
            .map_err(|e| at(endpoint, &e))?;
        if is_too_old(&version.etcdserver) {
            return Err(SetupError::Node {
                node: Arc::clone(&endpoint.node),
                reason: format!("it is etcd {}; 3.4 or newer is needed", version.etcdserver),
            });
        }
        let range = Range {
            key: Bytes(MARKER.into()),
            keys_only: true,
            ..Range::default()
        };
        let _: RangeAnswer = gateway
            .call(RANGE, &range)
            .await
            .map_err(|e| at(endpoint, &e))?;
        // An unhealthy node says so with status 503.
        let health: Health = gateway.get("/health").await.map_err(|e| at(endpoint, &e))?;
        if health.health != "true" {
            return Err(SetupError::Node {
                node: Arc::clone(&endpoint.node),
                reason: format!(
                    "it says that it is not healthy {}; look at `etcdctl alarm list`",
                    health.reason
                ),
            });
        }
        Ok(version.etcdserver)
    })
    .await
}

/// Who leads and who follows, as far as the nodes say.
///
/// A leader that was cut off goes on to say that it leads for a while. Its term is lower than that of the new one, and
/// it counts as none of both.
pub(super) async fn roles(etcd: &Etcd, endpoints: &[Endpoint]) -> Vec<(Arc<str>, Role)> {
    let ask = async |endpoint: &Endpoint| -> Option<StatusAnswer> {
        let ask = async {
            let mut gateway = etcd.gateway(endpoint).await.ok()?;
            gateway.call("/v3/maintenance/status", &Empty {}).await.ok()
        };
        timeout(STATUS, ask).await.ok().flatten()
    };
    let answers: Vec<Option<StatusAnswer>> = join_all(endpoints.iter().map(ask)).await;
    endpoints
        .iter()
        .zip(resolve(&answers))
        .filter_map(|(endpoint, role)| Some((Arc::clone(&endpoint.node), role?)))
        .collect()
}

/// The role of each node that answered, from all answers together.
fn resolve(answers: &[Option<StatusAnswer>]) -> Vec<Option<Role>> {
    let leads = |answer: &StatusAnswer| answer.leader == answer.header.member_id;
    let term = answers
        .iter()
        .flatten()
        .filter(|answer| leads(answer))
        .map(|answer| answer.raft_term)
        .max();
    answers
        .iter()
        .map(|answer| {
            let answer = answer.as_ref()?;
            if !leads(answer) {
                (answer.leader.0 != 0).then_some(Role::Follower)
            } else if Some(answer.raft_term) == term {
                Some(Role::Leader)
            } else {
                None
            }
        })
        .collect()
}

/// Whether an etcd of this version has no `/v3` gateway. A version that is not understood is taken as new.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (3, 4),
        _ => false,
    }
}

async fn within<T>(
    limit: Duration,
    endpoint: &Endpoint,
    ask: impl Future<Output = Result<T, SetupError>>,
) -> Result<T, SetupError> {
    timeout(limit, ask).await.unwrap_or_else(|_| {
        Err(SetupError::Node {
            node: Arc::clone(&endpoint.node),
            reason: format!(
                "no answer from {}:{} within {} s; is etcd running there, and is it part of a majority?",
                endpoint.host,
                endpoint.port,
                limit.as_secs()
            ),
        })
    })
}

fn at(endpoint: &Endpoint, trouble: &Trouble) -> SetupError {
    let failure = trouble.failure(Effect::Read);
    let remedy = match failure.class {
        "no such method" => {
            "; is this etcd 3.4 or newer, and its gateway not switched off (--enable-grpc-gateway)?"
        }
        "connection refused" | "connection lost" => {
            "; is etcd running, and is this its client port?"
        }
        "unauthenticated" | "permission denied" => {
            "; check the plan's username and password, and that the user may read and write schism/"
        }
        _ => "",
    };
    SetupError::Node {
        node: Arc::clone(&endpoint.node),
        reason: format!("{}:{}: {failure}{remedy}", endpoint.host, endpoint.port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_leaders_the_one_with_the_higher_term_leads() {
        let says = |json: &str| Some(serde_json::from_str::<StatusAnswer>(json).unwrap());
        let answers = [
            says(r#"{"header":{"member_id":"1"},"leader":"1","raftTerm":"4"}"#),
            says(
                r#"{"header":{"member_id":"10276657743932975437"},"leader":"10276657743932975437","raftTerm":"5"}"#,
            ),
            says(r#"{"header":{"member_id":"3"},"leader":"10276657743932975437","raftTerm":"5"}"#),
            // It knows no leader.
            says(r#"{"header":{"member_id":"4"},"raftTerm":"6"}"#),
            None,
        ];
        assert_eq!(
            resolve(&answers),
            [None, Some(Role::Leader), Some(Role::Follower), None, None]
        );
    }

    #[test]
    fn versions() {
        for (version, old) in [
            ("3.3.27", true),
            ("2.4.0", true),
            ("3.4.23", false),
            ("3.10.0", false),
            ("4.0.0-rc.0", false),
            ("weird", false),
        ] {
            assert_eq!(is_too_old(version), old, "{version}");
        }
    }
}
