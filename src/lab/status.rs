//! How a lab's nodes and their databases are.

use futures_util::future::join_all;
use schism_nemeses::control::{Command, Control};
use serde::Serialize;

use super::{Lab, LabNode, netns, process, ready};

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// The node.
    #[serde(flatten)]
    pub node: LabNode,
    /// Whether its first process lives.
    pub up: bool,
    /// How its database is.
    pub database: DatabaseState,
}

/// How a node's database is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum DatabaseState {
    /// It serves clients.
    Ready,
    /// It runs, but does not serve clients.
    NotReady {
        /// What came instead of the right answer.
        reason: String,
    },
    /// None of its processes is there.
    Stopped,
    /// The node cannot be asked.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl Lab {
    /// Whether a node's first process lives.
    pub fn is_up(&self, node: &str) -> bool {
        let running = process::running_inits(&netns::prefix(self.name()));
        running.contains_key(&netns::namespace(self.name(), node))
    }

    /// Looks at every node, over SSH and at the database's client port.
    pub async fn status(&self) -> Vec<NodeStatus> {
        let running = process::running_inits(&netns::prefix(self.name()));
        let control = self.control();
        join_all(self.nodes().iter().map(|node| {
            let up = running.contains_key(&netns::namespace(self.name(), &node.name));
            let control = &control;
            async move {
                let database = if up {
                    self.database_state(control, node).await
                } else {
                    DatabaseState::Unknown {
                        reason: "the node is down".to_owned(),
                    }
                };
                NodeStatus {
                    node: node.clone(),
                    up,
                    database,
                }
            }
        }))
        .await
    }

    async fn database_state(&self, control: &dyn Control, node: &LabNode) -> DatabaseState {
        let service = match self.service(&node.name) {
            Ok(service) => service,
            Err(error) => {
                return DatabaseState::Unknown {
                    reason: error.to_string(),
                };
            }
        };
        let running = Command::root(service.running.as_str()).idempotent();
        match control.exec(&node.name, &running).await {
            Err(error) => {
                return DatabaseState::Unknown {
                    reason: error.to_string(),
                };
            }
            Ok(output) if output.status != 0 => return DatabaseState::Stopped,
            Ok(_) => {}
        }
        match ready::database(
            node.address.into(),
            service.port,
            &service.ready,
            ready::ATTEMPT,
        )
        .await
        {
            Ok(()) => DatabaseState::Ready,
            Err(reason) => DatabaseState::NotReady { reason },
        }
    }
}
