//! Nodes that are processes of this machine and speak Maelstrom's protocol, behind the same controller, clients and
//! nemeses as a real cluster.
//!
//! Whoever writes such a node reads messages from stdin and prints messages to stdout, one JSON object a line, in any
//! language. schism is the network between the nodes, the clients that ask them, and the services that they may use.
//! Time is real here; only the network is made up.

mod message;
mod failure;
mod journal;
mod network;
mod services;
mod node;
mod protocol;
mod database;
mod injector;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use rustix::process::Signal;
use schism_workloads::Endpoint;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub use database::MaelstromDatabase;
pub use injector::MaelstromInjector;
pub use journal::JournalError;
pub use protocol::{PROTOCOLS, Protocol, Topology};

use self::failure::failure;
use self::message::{Body, Message, NotAMessage, body, kind};
use self::network::{Conditions, Network};
use self::node::{Process, Said};
use crate::clock::{Clock as _, MonotonicClock};
use crate::exit_code::ExitCode;
use crate::plan::Maelstrom;

/// How long a node may take to answer `init` and `topology`.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a node may take to end after it was asked to.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// So many of the last lines of a node's log are shown when it ends by itself.
const LAST_WORDS: usize = 10;

/// Nodes cannot be run, or misbehave so that nothing can be said about them.
#[derive(Debug, thiserror::Error)]
pub enum MaelstromError {
    /// The program cannot be started.
    #[error("node {node}: {} cannot be started: {source}", .program.display())]
    Start {
        /// The node.
        node: Arc<str>,
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A node's log cannot be written.
    #[error("{}: {source}", .path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A node does not begin its work.
    #[error("node {node} {reason}{last_words}")]
    NotReady {
        /// The node.
        node: Arc<str>,
        /// What it did instead.
        reason: String,
        /// The end of its log.
        last_words: String,
    },
    /// A node printed something that is no message.
    #[error("node {node} printed a line that is no message: {reason}\n  {line}")]
    NoMessage {
        /// The node.
        node: Arc<str>,
        /// The line, cut short.
        line: String,
        /// What is wrong with it, and what would be right.
        reason: NotAMessage,
    },
    /// A node said something that cannot be read.
    #[error("node {node}: {reason}")]
    NoLine {
        /// The node.
        node: Arc<str>,
        /// What was wrong.
        reason: String,
    },
    /// A node sent a message to nobody.
    #[error(
        "node {node} sent a message to {dest:?}; there are the nodes {nodes}, the services lin-kv, seq-kv, lww-kv and \
         lin-tso, and the clients that asked it"
    )]
    NoReceiver {
        /// The node.
        node: Arc<str>,
        /// The name that nobody has.
        dest: Arc<str>,
        /// The nodes.
        nodes: String,
    },
    /// A node ended although nobody asked it to.
    #[error("node {node} ended by itself ({status}){last_words}")]
    Ended {
        /// The node.
        node: Arc<str>,
        /// How.
        status: String,
        /// The end of its log.
        last_words: String,
    },
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl MaelstromError {
    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Log { .. } | Self::Journal(_) => ExitCode::CannotWrite,
            _ => ExitCode::Environment,
        }
    }
}

/// A cluster of such nodes.
pub struct Cluster {
    config: Maelstrom,
    names: Vec<Arc<str>>,
    network: Rc<Network>,
    processes: RefCell<BTreeMap<Arc<str>, Process>>,
    said: (
        UnboundedSender<Said>,
        tokio::sync::Mutex<UnboundedReceiver<Said>>,
    ),
    logs: PathBuf,
}

impl Cluster {
    /// A cluster whose nodes are not running yet. Messages are written to `messages.jsonl` in the folder, and what each
    /// node prints to stderr to `logs/NODE/stderr.log`.
    ///
    /// # Errors
    /// These files cannot be made.
    pub fn new(
        config: &Maelstrom,
        names: Vec<Arc<str>>,
        seed: u64,
        folder: &Path,
    ) -> Result<Rc<Self>, MaelstromError> {
        let journal = journal::Journal::create(&folder.join("messages.jsonl"))?;
        let conditions = Conditions {
            latency: config.latency,
            loss: config.loss.get(),
        };
        let network = Network::new(&names, conditions, seed, journal);
        let (sender, receiver) = unbounded_channel();
        Ok(Rc::new(Self {
            config: config.clone(),
            names,
            network,
            processes: RefCell::new(BTreeMap::new()),
            said: (sender, tokio::sync::Mutex::new(receiver)),
            logs: folder.join("logs"),
        }))
    }

    /// The clock of the run: it began with the cluster.
    pub fn clock(&self) -> &MonotonicClock {
        self.network.clock()
    }

    /// The nodes' names, as places that clients can ask.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let endpoint = |node: &Arc<str>| Endpoint {
            node: Arc::clone(node),
            host: node.to_string(),
            port: 0,
        };
        self.names.iter().map(endpoint).collect()
    }

    /// Starts all nodes, and waits until each is ready.
    ///
    /// # Errors
    /// One cannot be started, or does not get ready.
    pub async fn start(&self) -> Result<(), MaelstromError> {
        for node in &self.names {
            self.start_node(node).await?;
        }
        for node in &self.names {
            self.introduce(node).await?;
        }
        Ok(())
    }

    /// Carries messages until a node misbehaves.
    pub async fn serve(&self) -> MaelstromError {
        let carrying = pin!(self.network.serve());
        let hearing = pin!(self.hear());
        match select(carrying, hearing).await {
            Either::Left(((), _)) => unreachable!("the network never ends"),
            Either::Right((error, _)) => error,
        }
    }

    /// Does something while messages are carried.
    ///
    /// # Errors
    /// A node misbehaves before it is done.
    pub async fn while_serving<T>(
        &self,
        act: impl Future<Output = T>,
    ) -> Result<T, MaelstromError> {
        match select(pin!(act), pin!(self.serve())).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right((error, _)) => Err(error),
        }
    }

    /// What the messages cost, as facts about the run: their names and values.
    pub fn facts(&self) -> [(String, String); 1] {
        let counts = self.network.counts();
        let each = counts.between_nodes as f64 / counts.requests.max(1) as f64;
        let text = format!(
            "{} in all; {} between nodes and services, {each:.1} for each request of a client; {} lost or cut off",
            counts.all, counts.between_nodes, counts.lost
        );
        [("messages".to_owned(), text)]
    }

    /// Ends all nodes, and the journal.
    ///
    /// # Errors
    /// The journal could not be written.
    pub fn close(&self) -> Result<(), MaelstromError> {
        for process in self.processes.borrow_mut().values_mut() {
            process.is_ending = true;
            process.signal(Signal::KILL);
        }
        Ok(self.network.journal().finish()?)
    }

    /// Starts one node and waits for its `init_ok`.
    async fn start_node(&self, node: &Arc<str>) -> Result<(), MaelstromError> {
        let log = self.log(node)?;
        let program = &self.config.bin;
        let said = self.said.0.clone();
        let (process, inbox) = Process::start(program, &self.config.args, node, log, said)
            .map_err(|source| MaelstromError::Start {
                node: Arc::clone(node),
                program: program.clone(),
                source,
            })?;
        self.network.set_node(node, Some(inbox));
        self.processes
            .borrow_mut()
            .insert(Arc::clone(node), process);
        let names: Vec<&str> = self.names.iter().map(AsRef::as_ref).collect();
        let init = body("init", json!({ "node_id": &**node, "node_ids": names }));
        self.ask_to_begin(node, init).await
    }

    /// Tells a node who its neighbours are, where the protocol has such a message.
    async fn introduce(&self, node: &Arc<str>) -> Result<(), MaelstromError> {
        if !self.config.protocol.has_topology {
            return Ok(());
        }
        let topology = self.config.topology.neighbours(&self.names);
        let request = body("topology", json!({ "topology": topology }));
        self.ask_to_begin(node, request).await
    }

    /// Asks something of a node that it must answer before it is ready.
    async fn ask_to_begin(&self, node: &Arc<str>, request: Body) -> Result<(), MaelstromError> {
        let asked = kind(&request).to_owned();
        let client = self.network.new_client();
        let call = pin!(self.network.call(&client, node, request));
        let deadline = self.clock().now() + START_TIMEOUT;
        let answered = select(call, self.clock().sleep_until(deadline)).await;
        let reason = match answered {
            Either::Left((Ok(answer), _)) if kind(&answer) == format!("{asked}_ok") => {
                return Ok(());
            }
            Either::Left((Ok(answer), _)) if kind(&answer) == "error" => {
                format!("answered {asked} with an error: {}", failure(&answer))
            }
            Either::Left((Ok(answer), _)) => format!(
                "answered {asked} with {:?}, and should with \"{asked}_ok\"",
                kind(&answer)
            ),
            Either::Left((Err(network::Down), _)) => format!("was gone before {asked} was sent"),
            Either::Right(_) => format!(
                "did not answer {asked} within {} s; it should send {{\"type\": \"{asked}_ok\", \"in_reply_to\": …}} back",
                START_TIMEOUT.as_secs()
            ),
        };
        Err(MaelstromError::NotReady {
            node: Arc::clone(node),
            reason,
            last_words: self.last_words(node),
        })
    }

    /// Hears what nodes say, until one says something wrong.
    async fn hear(&self) -> MaelstromError {
        let mut said = self.said.1.lock().await;
        loop {
            let heard = said.recv().await.expect("this cluster holds a sender");
            if let Err(error) = self.take(heard) {
                return error;
            }
        }
    }

    fn take(&self, heard: Said) -> Result<(), MaelstromError> {
        match heard {
            Said::Line { node, line } => {
                let message = Message::read(&line, &node).map_err(|reason| {
                    let line = line.chars().take(400).collect();
                    let node = Arc::clone(&node);
                    MaelstromError::NoMessage { node, line, reason }
                })?;
                self.network.send(message).map_err(|dest| {
                    let nodes: Vec<&str> = self.names.iter().map(AsRef::as_ref).collect();
                    MaelstromError::NoReceiver {
                        node,
                        dest,
                        nodes: nodes.join(", "),
                    }
                })
            }
            Said::NoLine { node, reason } => Err(MaelstromError::NoLine { node, reason }),
            Said::Ended { node, pid, status } => {
                let ended = {
                    let mut processes = self.processes.borrow_mut();
                    match processes.get(&node) {
                        Some(process) if process.pid == pid => processes.remove(&node),
                        _ => None,
                    }
                };
                let Some(process) = ended else {
                    return Ok(());
                };
                self.network.set_node(&node, None);
                if process.is_ending {
                    return Ok(());
                }
                let status = status.map_or_else(|| "nobody knows how".to_owned(), in_words);
                let last_words = self.last_words(&node);
                Err(MaelstromError::Ended {
                    node,
                    status,
                    last_words,
                })
            }
        }
    }

    /// The log of a node, to be written on.
    fn log(&self, node: &str) -> Result<File, MaelstromError> {
        let path = self.log_path(node);
        let folder = path.parent().expect("it has a name");
        std::fs::create_dir_all(folder)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(&path))
            .map_err(|source| MaelstromError::Log { path, source })
    }

    fn log_path(&self, node: &str) -> PathBuf {
        self.logs.join(node).join("stderr.log")
    }

    /// The end of a node's log, as the end of a sentence.
    fn last_words(&self, node: &str) -> String {
        let text = std::fs::read(self.log_path(node)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        if lines.is_empty() {
            return "; it printed nothing to stderr".to_owned();
        }
        let last = &lines[lines.len().saturating_sub(LAST_WORDS)..];
        let mut words = "; the last that it printed to stderr:".to_owned();
        for line in last {
            words.push_str("\n  ");
            words.extend(line.chars().take(400));
        }
        words
    }
}

/// How a process ended.
fn in_words(status: ExitStatus) -> String {
    status.to_string()
}
