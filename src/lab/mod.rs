//! Labs: real clusters on this machine, made and removed in seconds, and reached only over SSH like any other.
//!
//! A node is a network namespace with its own mount, pid, uts and ipc namespaces over the machine's file system. Its
//! own are `/var/lib/schism`, `/var/log`, `/tmp`, `/var/tmp`, `/run`, `/root`, `/dev/shm`, `/dev/pts`, `/proc`, its host
//! name, `/etc/hosts` with all nodes' names, and a user list in which nobody has a password. Everything else, programs
//! above all, it shares with the machine. Its first process keeps an SSH server running; when that process dies, the
//! kernel ends everything in the node. Nodes have no route out.
//!
//! Everything of a lab can be found again by names alone (its directory, its namespaces, the mark on its interface), so
//! [`Labs::down`] removes it whatever was killed before, and however far [`Labs::up`] came.

mod error;
mod netns;
mod node;
mod openssh;
mod process;
mod ready;
mod recipe;
mod record;
mod sshd;
mod subnet;
mod teardown;
mod tool;

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use schism_nemeses::control::{Command, Control};
use serde::Serialize;
use tokio::time::Instant;

pub use error::{LabError, Missing, Trouble};
pub use node::LabNode;
pub use recipe::{Ready, Recipe, Service, databases};
pub use sshd::SshSettings;

pub(crate) use node::last_lines;
pub(crate) use openssh::quote;

use openssh::OpenSsh;
use recipe::Place;
use record::{Lock, Phase, Record};
use subnet::Subnet;
use teardown::Unfinished;

/// The most nodes of a lab. Host numbers above are the controller's and spare.
pub const MAX_NODES: usize = 99;

/// The file in the root of a data directory that says: schism made this.
pub const MARKER: &str = ".schism";

/// Where the nodes' own data directories are laid over.
const MOUNT_POINT: &str = "/var/lib/schism";

/// How long a node's SSH server may take until it greets.
const SSH_WAIT: Duration = Duration::from_secs(20);

/// Between two looks at something that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Between two looks over SSH whether a starting database has ended.
const LOOK_FOR_PROCESS: Duration = Duration::from_secs(1);

/// How many lines of a log an error shows.
const LOG_LINES: usize = 12;

/// What lab to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database; one of [`databases`].
    pub database: String,
    /// The lab's name: 1 to 32 of a-z, 0-9 and -.
    pub name: String,
    /// How many nodes: 1 to [`MAX_NODES`].
    pub nodes: usize,
    /// The database's program; from `PATH` if none is named.
    pub binary: Option<PathBuf>,
    /// How long the database may take, after its start, until every node is ready.
    pub ready_within: Duration,
    /// Whether a lab that does not become ready is left as it is, for a look at it.
    pub keep_on_failure: bool,
}

impl Options {
    /// Five nodes of the database, in a lab of the same name.
    pub fn new(database: &str) -> Self {
        Self {
            database: database.to_owned(),
            name: database.to_owned(),
            nodes: 5,
            binary: None,
            ready_within: Duration::from_mins(1),
            keep_on_failure: false,
        }
    }
}

/// The labs of one directory.
#[derive(Clone, Debug)]
pub struct Labs {
    root: PathBuf,
}

impl Labs {
    /// The labs of this machine: those below `/var/lib/schism/labs`, or what `SCHISM_LABS` names.
    pub fn of_this_machine() -> Self {
        Self {
            root: record::root(),
        }
    }

    /// The labs below another directory, an absolute path.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The names of all labs, half-finished ones and those with another directory included; sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names = netns::labs();
        if let Ok(entries) = fs::read_dir(&self.root) {
            names.extend(
                entries
                    .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                    .filter(|name| record::check_name(name).is_ok()),
            );
        }
        names.sort();
        names.dedup();
        names
    }

    /// The lab of this name, ready or not.
    ///
    /// # Errors
    /// There is none, its record cannot be read, or making it was ended before there was anything to open.
    pub fn open(&self, name: &str) -> Result<Lab, LabError> {
        record::check_name(name)?;
        let directory = self.directory(name);
        if !directory.is_dir() {
            return Err(match self.orphans(name) {
                Some(orphans) => orphans,
                None => LabError::NoSuchLab {
                    name: name.to_owned(),
                    known: self.names(),
                },
            });
        }
        match Record::read(name, &directory)? {
            Some(record) => Ok(Lab {
                root: self.root.clone(),
                directory,
                record,
            }),
            None => Err(LabError::HalfFinished {
                name: name.to_owned(),
                reason: "it has no lab.json".to_owned(),
            }),
        }
    }

    /// The lab of this name, or the only one there is.
    ///
    /// # Errors
    /// As [`Labs::open`], and when there are none or several.
    pub fn open_or_only(&self, name: Option<&str>) -> Result<Lab, LabError> {
        match name {
            Some(name) => self.open(name),
            None => self.open(&self.only()?),
        }
    }

    /// The name of the only lab.
    ///
    /// # Errors
    /// There are none or several.
    pub fn only(&self) -> Result<String, LabError> {
        let mut names = self.names();
        match names.len() {
            0 => Err(LabError::NoLab),
            1 => Ok(names.remove(0)),
            _ => Err(LabError::WhichLab { known: names }),
        }
    }

    /// Makes a lab and waits until its database is ready on every node. When it fails, or when the future is dropped,
    /// what had been made is removed again.
    ///
    /// # Errors
    /// Options that cannot be, a name that is taken, no root, missing programs, no free subnet; a node or a database
    /// that does not come up in time, with the last lines of its log.
    pub async fn up(&self, options: &Options) -> Result<Lab, LabError> {
        record::check_name(&options.name)?;
        if !(1..=MAX_NODES).contains(&options.nodes) {
            return Err(LabError::BadNodeCount {
                nodes: options.nodes,
                max: MAX_NODES,
            });
        }
        let (database, recipe) =
            Recipe::of(&options.database).ok_or_else(|| LabError::UnknownDatabase {
                name: options.database.clone(),
                known: databases(),
            })?;
        check_machine()?;
        let binary = find_binary(options.binary.as_deref(), &recipe)?;

        let (lab, unfinished) = self.found(options, database, binary)?;
        match lab.bring_up(options.ready_within).await {
            Ok(lab) => {
                unfinished.keep();
                Ok(lab)
            }
            Err(error) if options.keep_on_failure => {
                unfinished.keep();
                Err(error)
            }
            Err(first) => Err(unfinished.remove_after(first)),
        }
    }

    /// Removes a lab, whatever is left of it: processes, namespaces, interfaces, mounts, files. A lab that is not
    /// whole is no error; one that is not there at all is.
    ///
    /// # Errors
    /// There is none; another schism is making or removing it; something of it resists.
    pub fn down(&self, name: &str) -> Result<(), LabError> {
        record::check_name(name)?;
        need_root()?;
        let directory = self.directory(name);
        let nothing = !directory.exists()
            && netns::existing(&netns::prefix(name)).is_empty()
            && netns::members(name).processes().is_empty();
        if nothing {
            return Err(LabError::NoSuchLab {
                name: name.to_owned(),
                known: self.names(),
            });
        }
        let machine = Lock::machine()?;
        let _lab = if directory.exists() {
            Some(Lock::lab_soon(name, &directory)?)
        } else {
            None
        };
        teardown::tear_down(&machine, &self.root, name)
    }

    /// Under the machine's lock: chooses the subnet, writes the record, makes the network.
    fn found(
        &self,
        options: &Options,
        database: &'static str,
        binary: PathBuf,
    ) -> Result<(Lab, Unfinished), LabError> {
        let name = options.name.as_str();
        let directory = self.directory(name);
        let machine = Lock::machine()?;
        if directory.exists() {
            return Err(LabError::NameTaken {
                name: name.to_owned(),
                directory,
            });
        }
        if let Some(orphans) = self.orphans(name) {
            return Err(orphans);
        }
        let subnet = netns::free_subnet()?;
        let ipv6 = netns::has_ipv6();
        let nodes: Vec<_> = (1..=options.nodes)
            .map(|number| {
                let host = u8::try_from(number).expect("at most MAX_NODES");
                let name = format!("n{number}");
                LabNode {
                    address: subnet.address(host),
                    address6: ipv6.then(|| subnet.address6(host)),
                    ssh_port: 22,
                    directory: record::node_directory(&directory, &name),
                    name,
                }
            })
            .collect();

        fs::create_dir_all(&self.root).map_err(LabError::file(&self.root))?;
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(LabError::file(&directory))?;
        let unfinished = Unfinished::new(&self.root, name, Lock::lab(name, &directory)?);
        let record = Record {
            format: Record::format(),
            schism: env!("CARGO_PKG_VERSION").to_owned(),
            name: name.to_owned(),
            database: database.to_owned(),
            database_version: None,
            binary,
            phase: Phase::Starting,
            subnet: subnet.v4,
            ipv6,
            nodes,
        };
        let built = record
            .write(&directory)
            .and_then(|()| {
                let mount_point = Path::new(MOUNT_POINT);
                fs::create_dir_all(mount_point).map_err(LabError::file(mount_point))
            })
            .and_then(|()| netns::build(name, subnet, ipv6, &record.nodes));
        // Removing what a failure left takes this lock again.
        drop(machine);
        match built {
            Ok(()) => Ok((
                Lab {
                    root: self.root.clone(),
                    directory,
                    record,
                },
                unfinished,
            )),
            Err(first) => Err(unfinished.remove_after(first)),
        }
    }

    /// Namespaces of a lab of this name that has no directory here, as an error.
    fn orphans(&self, name: &str) -> Option<LabError> {
        let namespaces = netns::existing(&netns::prefix(name));
        (!namespaces.is_empty()).then(|| LabError::Orphans {
            name: name.to_owned(),
            namespaces: namespaces.join(", "),
            root: self.root.clone(),
        })
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// A cluster on this machine.
#[derive(Clone, Debug)]
pub struct Lab {
    root: PathBuf,
    directory: PathBuf,
    record: Record,
}

impl Lab {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// Its database.
    pub fn database(&self) -> &str {
        &self.record.database
    }

    /// The version of its database, once that has run.
    pub fn database_version(&self) -> Option<&str> {
        self.record.database_version.as_deref()
    }

    /// The database's program on this machine.
    pub fn binary(&self) -> &Path {
        &self.record.binary
    }

    /// Its directory on this machine.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether every node was ready once. If not, it is being made, or making it was ended.
    pub fn is_ready(&self) -> bool {
        self.record.phase == Phase::Ready
    }

    /// Whether a living schism is making or removing it just now.
    pub fn is_busy(&self) -> bool {
        matches!(
            Lock::lab(self.name(), &self.directory),
            Err(LabError::Busy { .. })
        )
    }

    /// Its nodes, in order.
    pub fn nodes(&self) -> &[LabNode] {
        &self.record.nodes
    }

    /// The node of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn node(&self, name: &str) -> Result<&LabNode, LabError> {
        self.nodes()
            .iter()
            .find(|node| node.name == name)
            .ok_or_else(|| LabError::NoSuchNode {
                lab: self.name().to_owned(),
                node: name.to_owned(),
                known: self.nodes().iter().map(|node| node.name.clone()).collect(),
            })
    }

    /// Whether a node's first process lives.
    pub fn is_up(&self, node: &str) -> bool {
        let running = process::running_inits(&netns::prefix(self.name()));
        running.contains(&netns::namespace(self.name(), node))
    }

    /// How its nodes are reached.
    pub fn ssh(&self) -> SshSettings {
        SshSettings::of(&self.directory)
    }

    /// The addresses by which the nodes see the controller.
    pub fn controller_addresses(&self) -> Vec<IpAddr> {
        let subnet = self.subnet();
        let mut addresses = vec![subnet.controller().into()];
        if self.record.ipv6 {
            addresses.push(subnet.controller6().into());
        }
        addresses
    }

    /// Its database on one node.
    ///
    /// # Errors
    /// There is no such node, or another schism made the lab with a recipe that this one lacks.
    pub fn service(&self, node: &str) -> Result<Service, LabError> {
        let node = self.node(node)?;
        let (database, recipe) =
            Recipe::of(self.database()).ok_or_else(|| LabError::UnknownDatabase {
                name: self.database().to_owned(),
                known: databases(),
            })?;
        let nodes: Vec<_> = self
            .nodes()
            .iter()
            .map(|node| (node.name.as_str(), node.address))
            .collect();
        let place = Place {
            lab: self.name(),
            binary: &node::binary_in_node(&recipe.binary),
            node: (&node.name, node.address),
            nodes: &nodes,
        };
        Ok(recipe.service(database, place))
    }

    /// Reaches its nodes over SSH.
    pub fn control(&self) -> Box<dyn Control> {
        Box::new(OpenSsh::new(&self.ssh().config))
    }

    /// Looks at every node, over SSH and at the database's client port.
    pub async fn status(&self) -> Vec<NodeStatus> {
        let running = process::running_inits(&netns::prefix(self.name()));
        let control = self.control();
        join_all(self.nodes().iter().map(|node| {
            let up = running.contains(&netns::namespace(self.name(), &node.name));
            let control = control.as_ref();
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

    /// Removes the lab; see [`Labs::down`].
    ///
    /// # Errors
    /// As [`Labs::down`].
    pub fn down(self) -> Result<(), LabError> {
        Labs { root: self.root }.down(&self.record.name)
    }

    fn subnet(&self) -> Subnet {
        Subnet {
            v4: self.record.subnet,
        }
    }

    /// From an existing network to a database that serves clients on every node.
    async fn bring_up(mut self, ready_within: Duration) -> Result<Self, LabError> {
        let binary_name = Recipe::of(self.database()).map_or_else(String::new, |(_, r)| r.binary);
        for node in self.nodes() {
            node::prepare(node, self.nodes(), &binary_name)?;
        }
        sshd::write(&self.directory, self.name(), self.nodes())?;
        for node in self.nodes() {
            let namespace = netns::namespace(self.name(), &node.name);
            node::start(node, &namespace, self.binary(), &binary_name)?;
        }
        try_join_all(self.nodes().iter().map(|node| self.wait_for_ssh(node))).await?;

        let control = self.control();
        let control = control.as_ref();
        try_join_all(self.nodes().iter().map(|node| self.start(control, node))).await?;
        let deadline = Instant::now() + ready_within;
        let ready = self
            .nodes()
            .iter()
            .map(|node| self.wait_until_ready(control, node, deadline));
        try_join_all(ready).await?;

        let first = &self.nodes()[0];
        let version = self.service(&first.name)?.version;
        let version = control.exec(&first.name, &Command::root(version)).await?;
        self.record.database_version = Some(version.stdout).filter(|v| !v.is_empty());
        self.record.phase = Phase::Ready;
        self.record.write(&self.directory)?;
        Ok(self)
    }

    async fn wait_for_ssh(&self, node: &LabNode) -> Result<(), LabError> {
        let failed = |reason: String| LabError::Node {
            node: node.name.clone(),
            reason,
            log: node.last_words(LOG_LINES),
        };
        let deadline = Instant::now() + SSH_WAIT;
        loop {
            let Err(reason) = ready::ssh(node.address.into(), node.ssh_port).await else {
                return Ok(());
            };
            // It writes only when something went wrong.
            let words = last_lines(&node.directory.join("init.log"), LOG_LINES);
            if words.iter().any(|line| line.starts_with("sshd ended")) {
                return Err(failed("its SSH server ends at once".to_owned()));
            }
            if !words.is_empty() && !self.is_up(&node.name) {
                return Err(failed("its first process ended".to_owned()));
            }
            if Instant::now() >= deadline {
                let waited = SSH_WAIT.as_secs();
                return Err(failed(format!("no SSH server after {waited} s ({reason})")));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Marks the data directory as ours and starts the database, over SSH.
    async fn start(&self, control: &dyn Control, node: &LabNode) -> Result<(), LabError> {
        let service = self.service(&node.name)?;
        let data = quote(&service.data);
        let mark = quote(&format!(
            "made by schism {} for the lab {}",
            env!("CARGO_PKG_VERSION"),
            self.name()
        ));
        let script = format!(
            "set -e\nmkdir -p {data}\n[ -e {data}/{MARKER} ] || echo {mark} \"on $(date -u +%FT%TZ)\" > {data}/{MARKER}\n{}",
            service.start
        );
        let output = control.exec(&node.name, &Command::root(script)).await?;
        if output.status == 0 {
            return Ok(());
        }
        let reason = format!(
            "does not start (exit status {}): {}",
            output.status, output.stderr
        );
        Err(self.database_failed(node, &service, reason))
    }

    async fn wait_until_ready(
        &self,
        control: &dyn Control,
        node: &LabNode,
        deadline: Instant,
    ) -> Result<(), LabError> {
        let service = self.service(&node.name)?;
        let began = Instant::now();
        let mut look_for_process = began + LOOK_FOR_PROCESS;
        loop {
            let asked = ready::database(node.address.into(), service.port, &service.ready).await;
            let Err(answer) = asked else { return Ok(()) };
            let now = Instant::now();
            if now >= deadline {
                let waited = (deadline - began).as_secs();
                let reason = format!("is not ready after {waited} s: {answer}");
                return Err(self.database_failed(node, &service, reason));
            }
            if now >= look_for_process {
                let running = Command::root(service.running.as_str());
                if control.exec(&node.name, &running).await?.status != 0 {
                    let reason = "ended soon after its start".to_owned();
                    return Err(self.database_failed(node, &service, reason));
                }
                look_for_process = Instant::now() + LOOK_FOR_PROCESS;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
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
        let running = Command::root(service.running.as_str());
        match control.exec(&node.name, &running).await {
            Err(error) => {
                return DatabaseState::Unknown {
                    reason: error.to_string(),
                };
            }
            Ok(output) if output.status != 0 => return DatabaseState::Stopped,
            Ok(_) => {}
        }
        match ready::database(node.address.into(), service.port, &service.ready).await {
            Ok(()) => DatabaseState::Ready,
            Err(reason) => DatabaseState::NotReady { reason },
        }
    }

    fn database_failed(&self, node: &LabNode, service: &Service, reason: String) -> LabError {
        let log = service
            .logs
            .iter()
            .filter_map(|log| node.on_this_machine(log));
        LabError::Database {
            node: node.name.clone(),
            database: self.database().to_owned(),
            reason,
            log: log.flat_map(|log| last_lines(&log, LOG_LINES)).collect(),
        }
    }
}

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

/// Whether this machine, and we on it, can have labs.
fn check_machine() -> Result<(), LabError> {
    need_root()?;
    let missing = tool::missing();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(LabError::MissingTools(missing))
    }
}

/// Whether we may touch labs at all.
pub(crate) fn need_root() -> Result<(), LabError> {
    if rustix::process::geteuid().is_root() {
        Ok(())
    } else {
        Err(LabError::NotRoot)
    }
}

/// The database's program, with symbolic links followed.
fn find_binary(named: Option<&Path>, recipe: &Recipe) -> Result<PathBuf, LabError> {
    let Some(path) = named else {
        return tool::find(&recipe.binary)
            .and_then(|path| path.canonicalize().ok())
            .ok_or_else(|| {
                LabError::MissingTools(vec![Missing {
                    tool: recipe.binary.clone(),
                    package: recipe.package.clone(),
                }])
            });
    };
    let bad = |reason: String| LabError::Binary {
        path: path.to_owned(),
        reason,
    };
    let path = path
        .canonicalize()
        .map_err(|error| bad(error.to_string()))?;
    if tool::is_executable(&path) {
        Ok(path)
    } else {
        Err(bad("it is no file that may be executed".to_owned()))
    }
}
