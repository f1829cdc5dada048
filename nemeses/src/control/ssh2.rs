//! Nodes over SSH by libssh2: the second backend, behind the feature `ssh2`.
//!
//! libssh2 blocks and takes no two users of a connection at once, so each node has one thread, and its commands run one
//! after another; what is asked meanwhile waits. For that reason a lease should be longer than the longest command.
//! Everything else is as with [`Ssh`](super::Ssh), and held to it by the same contract tests.

mod pump;
mod session;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OnceCell, oneshot};

use self::session::Session;
use super::address::NodeAddress;
use super::deadline::Deadline;
use super::route::Route;
use super::run::{self, Run, RunError, Sink};
use super::ssh::RETRY_AFTER;
use super::{Command, Control, ControlError, Output};

/// How many commands of a node may wait; more are refused.
const WAITING_MAX: usize = 64;
/// After how long without a command the server is asked for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Nodes over SSH by libssh2. See the module's documentation.
pub struct Ssh2 {
    nodes: BTreeMap<String, Node>,
}

struct Node {
    address: NodeAddress,
    /// How to get there, and the thread that does; both made when they are first needed.
    worker: OnceCell<SyncSender<Job>>,
}

/// A command for a node's thread.
struct Job {
    command: Command,
    sink: Sink,
    answer: oneshot::Sender<(Result<Output, ControlError>, Sink)>,
}

impl Ssh2 {
    /// Nothing is connected before it is needed. Of several nodes with one name the last counts.
    pub fn new(nodes: Vec<NodeAddress>) -> Self {
        let nodes = nodes
            .into_iter()
            .map(|address| {
                let node = Node {
                    address,
                    worker: OnceCell::new(),
                };
                (node.address.name.clone(), node)
            })
            .collect();
        Self { nodes }
    }
}

impl Node {
    async fn worker(&self) -> Result<&SyncSender<Job>, ControlError> {
        self.worker
            .get_or_try_init(async || {
                let route = Route::to(&self.address)
                    .await
                    .map_err(|reason| self.unreachable(reason))?;
                let (sender, jobs) = sync_channel(WAITING_MAX);
                let worker = Worker {
                    node: self.address.name.clone(),
                    sudo: self.address.sudo,
                    route: Arc::new(route),
                    session: None,
                    failure: None,
                };
                std::thread::Builder::new()
                    .name(format!("ssh {}", self.address.name))
                    .spawn(move || worker.work(&jobs))
                    .map_err(|error| {
                        self.unreachable(format!("no thread can be made ({error})"))
                    })?;
                Ok(sender)
            })
            .await
    }

    fn unreachable(&self, reason: String) -> ControlError {
        ControlError::Unreachable {
            node: self.address.name.clone(),
            reason,
        }
    }
}

impl Run for Ssh2 {
    async fn run(
        &self,
        name: &str,
        command: &Command,
        sink: &mut Sink,
    ) -> Result<Output, ControlError> {
        let node = self
            .nodes
            .get(name)
            .ok_or_else(|| ControlError::NoSuchNode {
                node: name.to_owned(),
            })?;
        let worker = node.worker().await?;
        let (answer, answered) = oneshot::channel();
        let job = Job {
            command: command.clone(),
            sink: std::mem::replace(sink, Sink::memory()),
            answer,
        };
        worker.try_send(job).map_err(|error| {
            node.unreachable(match error {
                TrySendError::Full(_) => format!("more than {WAITING_MAX} commands wait already"),
                TrySendError::Disconnected(_) => "its thread has ended".to_owned(),
            })
        })?;
        let (result, back) = answered
            .await
            .map_err(|_| node.unreachable("its thread has ended".to_owned()))?;
        *sink = back;
        result
    }
}

#[async_trait(?Send)]
impl Control for Ssh2 {
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

/// What a node's thread holds.
struct Worker {
    node: String,
    sudo: bool,
    route: Arc<Route>,
    session: Option<Session>,
    /// Why the last try to connect failed, and until when none is made again.
    failure: Option<(String, Deadline)>,
}

impl Worker {
    /// Runs commands until nobody can send one any more.
    fn work(mut self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(KEEPALIVE) {
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if self.session.as_ref().is_some_and(|s| !s.is_alive()) {
                        self.session = None;
                    }
                }
                Ok(mut job) => {
                    if job.answer.is_closed() {
                        continue;
                    }
                    let result = self.run(&mut job);
                    // Nobody may wait any more; then nobody misses it.
                    let _ = job.answer.send((result, job.sink));
                }
            }
        }
    }

    fn run(&mut self, job: &mut Job) -> Result<Output, ControlError> {
        let mut again = true;
        loop {
            if self.session.is_none() {
                self.session = Some(self.open()?);
            }
            let Some(session) = &mut self.session else {
                continue;
            };
            let is_given_up = || job.answer.is_closed();
            let error =
                match session.run_command(&job.command, self.sudo, &mut job.sink, &is_given_up) {
                    Ok(output) => return Ok(output),
                    Err(error) => error,
                };
            if matches!(error, RunError::NotStarted(_) | RunError::Broken(_)) {
                self.session = None;
            }
            if !again || !error.may_try_again(&job.command, &mut job.sink) {
                return Err(error.into_control(&self.node, job.command.timeout));
            }
            again = false;
        }
    }

    fn open(&mut self) -> Result<Session, ControlError> {
        let unreachable = |reason| ControlError::Unreachable {
            node: self.node.clone(),
            reason,
        };
        if let Some((failure, until)) = &self.failure
            && !until.is_over()
        {
            return Err(unreachable(failure.clone()));
        }
        match Session::open(&self.route) {
            Ok(session) => {
                self.failure = None;
                Ok(session)
            }
            Err(reason) => {
                self.failure = Some((reason.clone(), Deadline::after(RETRY_AFTER)));
                Err(unreachable(reason))
            }
        }
    }
}
