//! Nodes over SSH, spoken by this process itself.
//!
//! Each node has one connection, made when it is first needed, kept alive, and made anew once for all its users when
//! it breaks. On it, at most [`CHANNELS_MAX`] commands run at once; more wait. Dropping a command's future ends the
//! command on the node and closes its channel; should that fail, the node ends it when its own limit is over.

mod authentication;
mod connection;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use self::connection::{Connection, RunError, Sink};
use super::address::NodeAddress;
use super::route::Route;
use super::{Command, Control, ControlError, Output, remote_script};

/// At most so many commands run at once on one node; a usual server takes 10 sessions a connection.
pub const CHANNELS_MAX: usize = 6;

/// How much of each of a command's two streams is kept; more is an error.
pub const OUTPUT_MAX: usize = 16 * 1024 * 1024;

/// How slow a copy may be before it is given up: so many bytes a second, after a first half minute.
const COPY_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// The longest download.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(30);

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
    /// Why the last try failed.
    failure: Option<String>,
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

    async fn run(
        &self,
        name: &str,
        command: &Command,
        sink: &mut Sink<'_>,
    ) -> Result<Output, ControlError> {
        let node = self.node(name)?;
        let mut again = true;
        loop {
            let connection = node.connection().await?;
            if command.root {
                connection
                    .may_be_root(node.address.sudo)
                    .await
                    .map_err(|reason| node.unreachable(reason))?;
            }
            let line = remote_script::command_line(
                &command.script,
                command.root,
                command.timeout,
                connection.login,
            )
            .map_err(|reason| ControlError::BadCommand {
                node: name.to_owned(),
                reason,
            })?;
            let error = match connection
                .run(&line, command.root, &command.stdin, sink, command.timeout)
                .await
            {
                Ok(output) => return Ok(output),
                Err(error) => error,
            };
            match error {
                RunError::Timeout => {
                    return Err(ControlError::Timeout {
                        node: name.to_owned(),
                        timeout: command.timeout,
                    });
                }
                RunError::TooMuch => {
                    return Err(ControlError::TooMuchOutput {
                        node: name.to_owned(),
                        limit: OUTPUT_MAX,
                    });
                }
                RunError::Refused(reason) => return Err(node.unreachable(reason)),
                RunError::NotStarted(_) if again => {}
                RunError::Broken(_) if again && command.idempotent && sink.rewind() => {}
                RunError::NotStarted(reason) => {
                    return Err(node.unreachable(format!(
                        "the connection broke before the command began, twice ({reason}); look at the node's network and at its sshd log"
                    )));
                }
                RunError::Broken(reason) => {
                    node.forget(&connection).await;
                    return Err(node.unreachable(format!(
                        "the connection broke while the command ran ({reason}); it is not known how far it got"
                    )));
                }
            }
            again = false;
            node.forget(&connection).await;
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
        if self.tries.load(Ordering::Relaxed) != seen
            && let Some(failure) = &state.failure
        {
            return Err(self.unreachable(failure.clone()));
        }
        let connected = async {
            let route = match &state.route {
                Some(route) => route.clone(),
                None => Route::to(&self.address).await?,
            };
            let connection = Connection::open(&route).await?;
            Ok((route, connection))
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
                state.failure = Some(reason);
                Err(self.unreachable(state.failure.clone().unwrap_or_default()))
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
        self.run(node, command, &mut Sink::Memory(Vec::new())).await
    }

    async fn upload(
        &self,
        node: &str,
        content: &[u8],
        path: &str,
        mode: u32,
    ) -> Result<(), ControlError> {
        let failed = |reason: String| ControlError::Copy {
            node: node.to_owned(),
            path: path.to_owned(),
            reason,
        };
        let script = remote_script::upload(path, mode, content.len(), &sha256(content))
            .map_err(|error| failed(error.to_string()))?;
        let time = 30 + content.len() as u64 / COPY_BYTES_PER_SECOND_MIN;
        let command = Command::root(script)
            .stdin(content)
            .timeout(Duration::from_secs(time))
            .idempotent();
        let output = self.exec(node, &command).await?;
        if output.status == 0 {
            Ok(())
        } else {
            Err(failed(said(&output)))
        }
    }

    async fn download(&self, node: &str, path: &str, to: &Path) -> Result<(), ControlError> {
        let failed = |reason: String| ControlError::Copy {
            node: node.to_owned(),
            path: path.to_owned(),
            reason,
        };
        let here =
            |error: std::io::Error| failed(format!("cannot write {}: {error}", to.display()));
        let script = remote_script::download(path).map_err(|error| failed(error.to_string()))?;
        let part = super::part_of(to);
        let mut file = File::create(&part).map_err(here)?;
        let command = Command::root(script).timeout(DOWNLOAD_TIMEOUT).idempotent();
        let mut sink = Sink::File {
            file: &mut file,
            error: None,
        };
        let result = self.run(node, &command, &mut sink).await;
        let written = match sink {
            Sink::File {
                error: Some(error), ..
            } => Err(here(error)),
            _ => result,
        };
        let outcome = match written {
            Ok(output) if output.status == 0 => std::fs::rename(&part, to).map_err(here),
            Ok(output) => Err(failed(said(&output))),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            // The half of a file is of no use to anyone; that it cannot be removed changes nothing.
            let _ = std::fs::remove_file(&part);
        }
        outcome
    }
}

fn said(output: &Output) -> String {
    if output.stderr.is_empty() {
        format!("exit status {}", output.status)
    } else {
        output.stderr.clone()
    }
}

fn sha256(content: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(content))
}
