//! The simulated store as a database with clients.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use schism_history::Value;
use schism_simulator::{Class, Refusal, Reply, Request, STORES, Status};
use schism_workloads::{Capability, Client, Database, Endpoint, Failure, Role, SetupError};

use super::World;
use super::client::SimulatedClient;
use crate::clock::Clock;

/// How long a node may take to show that it is healthy, in virtual time.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// The store of a simulated cluster.
pub struct SimulatedDatabase {
    world: World,
    capabilities: &'static [Capability],
}

impl SimulatedDatabase {
    /// The store with this name, on this cluster.
    pub fn new(world: World, store: &str) -> Self {
        Self {
            world,
            capabilities: schism_simulator::stores::named(store).map_or(&[], offered),
        }
    }
}

/// What a simulated store offers, in the words of the workloads.
pub fn offered(store: &schism_simulator::Listed) -> &'static [Capability] {
    static OFFERED: LazyLock<BTreeMap<&str, Vec<Capability>>> = LazyLock::new(|| {
        let words = |store: &schism_simulator::Listed| {
            store.capabilities.iter().copied().map(in_words).collect()
        };
        STORES
            .iter()
            .map(|store| (store.name, words(store)))
            .collect()
    });
    OFFERED.get(store.name).map_or(&[], Vec::as_slice)
}

/// The same capability, as the workloads call it.
const fn in_words(capability: schism_simulator::Capability) -> Capability {
    use schism_simulator::Capability as Simulated;
    match capability {
        Simulated::Registers => Capability::Registers,
        Simulated::CompareAndSet => Capability::CompareAndSet,
        Simulated::Sets => Capability::Sets,
        Simulated::SetRemoval => Capability::SetRemoval,
        Simulated::AppendTransactions => Capability::AppendTransactions,
        Simulated::RegisterTransactions => Capability::RegisterTransactions,
        Simulated::ConditionalTransactions => Capability::ConditionalTransactions,
        Simulated::Counters => Capability::Counters,
        Simulated::Queues => Capability::Queues,
        Simulated::UniqueIds => Capability::UniqueIds,
        Simulated::Locks => Capability::Locks,
        Simulated::FencedLocks => Capability::FencedLocks,
        Simulated::Logs => Capability::Logs,
        Simulated::Siblings => Capability::Siblings,
        Simulated::SessionTokens => Capability::SessionTokens,
    }
}

/// What to ask a node to see whether it is there: something that changes nothing, if the store offers any such thing.
fn question(capabilities: &[Capability]) -> Request {
    let key = Value::from("health");
    let offers = |capability| capabilities.contains(&capability);
    if offers(Capability::Registers) {
        Request::Read { key }
    } else if offers(Capability::Counters) {
        Request::Count { key }
    } else if offers(Capability::Logs) {
        Request::Poll { key, from: 0 }
    } else if offers(Capability::Siblings) {
        Request::Get { key }
    } else if offers(Capability::Sets) {
        Request::Elements { key }
    } else {
        Request::Transact { steps: Vec::new() }
    }
}

#[async_trait(?Send)]
impl Database for SimulatedDatabase {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn capabilities(&self) -> &'static [Capability] {
        self.capabilities
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Box<dyn Client>, Failure> {
        let Some(node) = self.world.node(&endpoint.node) else {
            return Err(Failure::fail("no such node", endpoint.node.to_string()));
        };
        let id = self.world.new_client();
        Ok(Box::new(SimulatedClient::new(
            self.world.clone(),
            id,
            node,
            self.capabilities,
        )))
    }

    async fn prepare(&self, _: &[Endpoint]) -> Result<(), SetupError> {
        Ok(())
    }

    async fn health(&self, endpoint: &Endpoint) -> Result<String, SetupError> {
        let ill = |reason: &str| SetupError::Node {
            node: Arc::clone(&endpoint.node),
            reason: reason.to_owned(),
        };
        let Some(node) = self.world.node(&endpoint.node) else {
            return Err(ill("there is no such node"));
        };
        match self.world.with(|simulation| simulation.status(node)) {
            Status::Running => {}
            Status::Paused => return Err(ill("it is paused")),
            Status::Down => return Err(ill("it is down")),
        }
        let request = question(self.capabilities);
        let reply = self.world.call(self.world.new_client(), node, request);
        let deadline = self.world.now() + HEALTH_TIMEOUT;
        match select(reply, self.world.sleep_until(deadline)).await {
            // It runs and answers; there is nothing that it could be asked instead.
            Either::Left((Reply::Refused(refusal), _)) if refusal.class == Class::NotOffered => {
                Ok(env!("CARGO_PKG_VERSION").to_owned())
            }
            Either::Left((Reply::Refused(refusal), _)) => Err(ill(&describe(&refusal))),
            Either::Left(_) => Ok(env!("CARGO_PKG_VERSION").to_owned()),
            Either::Right(_) => Err(ill("it does not answer a read")),
        }
    }

    async fn roles(&self, endpoints: &[Endpoint]) -> Vec<(Arc<str>, Role)> {
        let roles = self.world.with(|simulation| simulation.roles());
        roles
            .into_iter()
            .filter_map(|(node, role)| {
                let role = match role {
                    schism_simulator::Role::Leader => Role::Leader,
                    schism_simulator::Role::Follower => Role::Follower,
                };
                Some((Arc::clone(&endpoints.get(node.index())?.node), role))
            })
            .collect()
    }
}

fn describe(refusal: &Refusal) -> String {
    if refusal.detail.is_empty() {
        refusal.class.name().to_owned()
    } else {
        format!("{}: {}", refusal.class.name(), refusal.detail)
    }
}
