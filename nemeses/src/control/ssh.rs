//! Nodes over SSH, spoken by this process itself.
//!
//! Each node has one connection, made when it is first needed, kept alive, and made anew once for all its users when
//! it breaks. On it, at most [`CHANNELS_MAX`] commands run at once; more wait. Dropping a command's future ends the
//! command on the node and closes its channel; should that fail, the node ends it when its own limit is over.

mod authentication;
mod connection;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use self::connection::Connection;
use super::address::NodeAddress;
use super::deadline::Deadline;
use super::route::Route;
use super::run::{self, Run, RunError, Sink};
use super::{Command, Control, ControlError, Output};

/// At most so many commands run at once on one node; a usual server takes 10 sessions a connection.
pub const CHANNELS_MAX: usize = 6;

/// For how long after a failed try to connect nobody tries again: a node that is down must not hold up each of many
/// commands for as long as it takes to find out.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Nodes over SSH. See the module's documentation.
pub struct Ssh {
    nodes: BTreeMap<String, Node>,
}

struct Node {
    address: NodeAddress,
    /// How often a connection was tried: those who waited for a try that failed fail with it.
    tries: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    route: Option<Route>,
    connection: Option<Arc<Connection>>,
    /// Why the last try failed, and until when none is made again.
    failure: Option<(String, Deadline)>,
}

impl Ssh {
    /// Nothing is connected before it is needed. Of several nodes with one name the last counts.
    pub fn new(nodes: Vec<NodeAddress>) -> Self {
        let nodes = nodes
            .into_iter()
            .map(|address| {
                let node = Node {
                    address,
                    tries: AtomicU64::new(0),
                    state: Mutex::default(),
                };
                (node.address.name.clone(), node)
            })
            .collect();
        Self { nodes }
    }

    fn node(&self, name: &str) -> Result<&Node, ControlError> {
        self.nodes
            .get(name)
            .ok_or_else(|| ControlError::NoSuchNode {
                node: name.to_owned(),
            })
    }
}

impl Run for Ssh {
    async fn run(
        &self,
        name: &str,
        command: &Command,
        sink: &mut Sink,
    ) -> Result<Output, ControlError> {
        let node = self.node(name)?;
        let mut again = true;
        loop {
            let connection = node.connection().await?;
            let error = match connection
                .run_command(command, node.address.sudo, sink)
                .await
            {
                Ok(output) => return Ok(output),
                Err(error) => error,
            };
            if matches!(error, RunError::NotStarted(_) | RunError::Broken(_)) {
                node.forget(&connection).await;
            }
            if !again || !error.may_try_again(command, sink) {
                return Err(error.into_control(name, command.timeout));
            }
            again = false;
        }
    }
}

impl Node {
    /// The connection, made if there is none.
    async fn connection(&self) -> Result<Arc<Connection>, ControlError> {
        let seen = self.tries.load(Ordering::Relaxed);
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection
            && !connection.is_closed()
        {
            return Ok(connection.clone());
        }
        state.connection = None;
        if let Some((failure, until)) = &state.failure
            && (self.tries.load(Ordering::Relaxed) != seen || !until.is_over())
        {
            return Err(self.unreachable(failure.clone()));
        }
        let connected = async {
            let route = match &state.route {
                Some(route) => route.clone(),
                None => Route::to(&self.address).await?,
            };
            let connection = Connection::open(&route).await?;
            Ok::<_, String>((route, connection))
        }
        .await;
        self.tries.fetch_add(1, Ordering::Relaxed);
        match connected {
            Ok((route, connection)) => {
                let connection = Arc::new(connection);
                state.route = Some(route);
                state.failure = None;
                state.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(reason) => {
                state.failure = Some((reason.clone(), Deadline::after(RETRY_AFTER)));
                Err(self.unreachable(reason))
            }
        }
    }

    /// Gives the connection up, unless another user has done so already.
    async fn forget(&self, broken: &Arc<Connection>) {
        let mut state = self.state.lock().await;
        if state
            .connection
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, broken))
        {
            state.connection = None;
        }
    }

    fn unreachable(&self, reason: String) -> ControlError {
        ControlError::Unreachable {
            node: self.address.name.clone(),
            reason,
        }
    }
}

#[async_trait(?Send)]
impl Control for Ssh {
    async fn exec(&self, node: &str, command: &Command) -> Result<Output, ControlError> {
        run::exec(self, node, command).await
    }

    async fn upload(
        &self,
        node: &str,
        content: &[u8],
        path: &str,
        mode: u32,
    ) -> Result<(), ControlError> {
        run::upload(self, node, content, path, mode).await
    }

    async fn download(&self, node: &str, path: &str, to: &Path) -> Result<(), ControlError> {
        run::download(self, node, path, to).await
    }
}
