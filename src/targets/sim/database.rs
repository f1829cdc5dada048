//! The simulated store as a database with clients.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use schism_history::Value;
use schism_simulator::{ClientId, NodeId, Refusal, Reply, Request, Status};
use schism_workloads::{
    Answer, Capability, Certainty, Client, CompareAndSet, Database, Done, Endpoint, Failure,
    Registers, Role, Sets, SetupError,
};

use super::World;
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
    use schism_simulator::Capability::{CompareAndSet, Registers, Sets};
    let has = |capability| store.capabilities.contains(&capability);
    match (has(Registers), has(CompareAndSet), has(Sets)) {
        (true, true, true) => &[
            Capability::Registers,
            Capability::CompareAndSet,
            Capability::Sets,
        ],
        (true, true, false) => &[Capability::Registers, Capability::CompareAndSet],
        (true, false, true) => &[Capability::Registers, Capability::Sets],
        (true, false, false) => &[Capability::Registers],
        (false, _, true) => &[Capability::Sets],
        (false, _, false) => &[],
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
        Ok(Box::new(SimulatedClient {
            world: self.world.clone(),
            id,
            node,
            capabilities: self.capabilities,
        }))
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
        let request = if self.capabilities.contains(&Capability::Registers) {
            Request::Read {
                key: Value::from("health"),
            }
        } else {
            Request::Elements {
                key: Value::from("health"),
            }
        };
        let reply = self.world.call(self.world.new_client(), node, request);
        let deadline = self.world.now() + HEALTH_TIMEOUT;
        match select(reply, self.world.sleep_until(deadline)).await {
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

/// A client of one node.
struct SimulatedClient {
    world: World,
    id: ClientId,
    node: NodeId,
    capabilities: &'static [Capability],
}

impl SimulatedClient {
    async fn ask(&self, request: Request) -> Answer<Reply> {
        match self.world.call(self.id, self.node, request).await {
            Reply::Refused(Refusal {
                class,
                detail,
                certain,
            }) => Err(Failure {
                certainty: if certain {
                    Certainty::Fail
                } else {
                    Certainty::Info
                },
                class: class.name(),
                detail: detail.into_owned(),
            }),
            reply => Ok(Done::new(reply)),
        }
    }

    fn offers(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// The store answered something else than it was asked: its own bug, shown as such in the history.
fn confused<T>(reply: &Reply) -> Answer<T> {
    Err(Failure::info("confused answer", format!("{reply:?}")))
}

impl Client for SimulatedClient {
    fn registers(&mut self) -> Option<&mut dyn Registers> {
        if self.offers(Capability::Registers) {
            Some(self)
        } else {
            None
        }
    }

    fn compare_and_set(&mut self) -> Option<&mut dyn CompareAndSet> {
        if self.offers(Capability::CompareAndSet) {
            Some(self)
        } else {
            None
        }
    }

    fn sets(&mut self) -> Option<&mut dyn Sets> {
        if self.offers(Capability::Sets) {
            Some(self)
        } else {
            None
        }
    }
}

#[async_trait(?Send)]
impl Registers for SimulatedClient {
    async fn read(&mut self, key: &Value) -> Answer<Value> {
        match self.ask(Request::Read { key: key.clone() }).await?.value {
            Reply::Value(value) => Ok(Done::new(value)),
            reply => confused(&reply),
        }
    }

    async fn write(&mut self, key: &Value, value: &Value) -> Answer<()> {
        match self
            .ask(Request::Write {
                key: key.clone(),
                value: value.clone(),
            })
            .await?
            .value
        {
            Reply::Done => Ok(Done::new(())),
            reply => confused(&reply),
        }
    }
}

#[async_trait(?Send)]
impl CompareAndSet for SimulatedClient {
    async fn cas(&mut self, key: &Value, old: &Value, new: &Value) -> Answer<bool> {
        let request = Request::Cas {
            key: key.clone(),
            old: old.clone(),
            new: new.clone(),
        };
        match self.ask(request).await?.value {
            Reply::Swapped(swapped) => Ok(Done::new(swapped)),
            reply => confused(&reply),
        }
    }
}

#[async_trait(?Send)]
impl Sets for SimulatedClient {
    async fn add(&mut self, key: &Value, element: &Value) -> Answer<()> {
        match self
            .ask(Request::Add {
                key: key.clone(),
                element: element.clone(),
            })
            .await?
            .value
        {
            Reply::Done => Ok(Done::new(())),
            reply => confused(&reply),
        }
    }

    async fn elements(&mut self, key: &Value) -> Answer<Vec<Value>> {
        match self
            .ask(Request::Elements { key: key.clone() })
            .await?
            .value
        {
            Reply::Elements(elements) => Ok(Done::new(elements)),
            reply => confused(&reply),
        }
    }
}
