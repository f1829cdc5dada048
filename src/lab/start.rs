//! From an existing network to a database that serves clients on every node.

use std::time::Duration;

use futures_util::future::try_join_all;
use schism_nemeses::control::{Command, Control};
use schism_nemeses::quote;
use tokio::time::Instant;

use super::record::Phase;
use super::{
    Lab, LabError, LabNode, MARKER, Recipe, Service, last_lines, netns, node, ready, sshd,
};

/// How long a node's SSH server may take until it greets.
const SSH_WAIT: Duration = Duration::from_secs(20);

/// Between two looks at something that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Between two looks over SSH whether a starting database has ended.
const LOOK_FOR_PROCESS: Duration = Duration::from_secs(1);

/// How long a starting database may take over one answer. A request that it took in before it had a leader may hang
/// long after it has one; a new one does not.
const ATTEMPT: Duration = Duration::from_millis(500);

/// How many lines of a log an error shows.
const LOG_LINES: usize = 12;

impl Lab {
    /// From an existing network to a database that serves clients on every node.
    pub(super) async fn bring_up(mut self, ready_within: Duration) -> Result<Self, LabError> {
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
        try_join_all(self.nodes().iter().map(|node| self.start(&control, node))).await?;
        let ready = self
            .nodes()
            .iter()
            .map(|node| self.wait_until_ready(&control, node, ready_within));
        try_join_all(ready).await?;

        let first = &self.nodes()[0];
        let version = self.service(&first.name)?.version;
        let version = control
            .exec(&first.name, &Command::root(version).idempotent())
            .await?;
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
        let mark = format!(
            "made by schism {} for the lab {}",
            env!("CARGO_PKG_VERSION"),
            self.name()
        );
        let [data, mark] = [&service.data, &mark]
            .map(|word| quote(word).expect("neither a recipe nor a lab's name holds a NUL"));
        let script = format!(
            "set -e\nmkdir -p {data}\n[ -e {data}/{MARKER} ] || echo {mark} \"on $(date -u +%FT%TZ)\" > {data}/{MARKER}\n{}",
            service.start
        );
        let output = control
            .exec(&node.name, &Command::root(script).idempotent())
            .await?;
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
        within: Duration,
    ) -> Result<(), LabError> {
        let service = self.service(&node.name)?;
        let deadline = Instant::now() + within;
        let mut look_for_process = Instant::now() + LOOK_FOR_PROCESS;
        loop {
            let asked =
                ready::database(node.address.into(), service.port, &service.ready, ATTEMPT).await;
            let Err(answer) = asked else { return Ok(()) };
            let now = Instant::now();
            if now >= deadline {
                let waited = within.as_secs();
                let reason = format!("is not ready after {waited} s: {answer}");
                return Err(self.database_failed(node, &service, reason));
            }
            if now >= look_for_process {
                let running = Command::root(service.running.as_str()).idempotent();
                if control.exec(&node.name, &running).await?.status != 0 {
                    let reason = "ended soon after its start".to_owned();
                    return Err(self.database_failed(node, &service, reason));
                }
                look_for_process = Instant::now() + LOOK_FOR_PROCESS;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
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
