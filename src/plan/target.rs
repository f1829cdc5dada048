//! What is tested, and how it is reached.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use schism_nemeses::control::{self, Hop, NodeAddress};
use schism_workloads::{Secret, SecretError};
use serde::{Deserialize, Serialize};

use super::units::Share;
use crate::targets::maelstrom::{Protocol, Topology};

/// What is tested.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A cluster in virtual time.
    Sim(schism_simulator::Config),
    /// Processes of this machine that speak Maelstrom's protocol.
    Maelstrom(Maelstrom),
    /// A local cluster that schism brings up.
    Lab(Lab),
    /// A cluster of the user's, reached over SSH.
    Ssh(Ssh),
}

impl Target {
    /// Its name in plans.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sim(_) => "sim",
            Self::Maelstrom(_) => "maelstrom",
            Self::Lab(_) => "lab",
            Self::Ssh(_) => "ssh",
        }
    }

    /// The names of its nodes, in order. Those of a simulator and of a lab are `n1`, `n2`, ….
    pub fn nodes(&self) -> Vec<Arc<str>> {
        let counted = |count: u16| (1..=count).map(|i| Arc::from(format!("n{i}"))).collect();
        match self {
            Self::Sim(config) => counted(config.nodes),
            Self::Maelstrom(maelstrom) => counted(maelstrom.nodes),
            Self::Lab(lab) => counted(lab.nodes),
            Self::Ssh(ssh) => ssh.nodes.iter().map(|node| node.name.clone()).collect(),
        }
    }
}

/// Nodes that are processes of this machine and speak Maelstrom's protocol, in a network that schism makes up.
#[derive(Clone, Debug, PartialEq)]
pub struct Maelstrom {
    /// The program that each node is.
    pub bin: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// How many nodes there are.
    pub nodes: u16,
    /// What they answer.
    pub protocol: &'static Protocol,
    /// How long messages between them take.
    pub latency: Latency,
    /// The share of messages between them that never arrive.
    pub loss: Share,
    /// Who is whose neighbour, where the protocol has such a thing.
    pub topology: Topology,
}

/// How long messages between nodes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// The mean.
    pub mean: Duration,
    /// How the times are spread around it.
    pub distribution: LatencyDistribution,
}

/// How times are spread around their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LatencyDistribution {
    /// Always the mean.
    #[default]
    Constant,
    /// From nothing to twice the mean, all alike.
    Uniform,
    /// Most are short, few are long.
    Exponential,
}

/// A local cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lab {
    /// How many nodes it has.
    pub nodes: u16,
    /// Its name. A lab of this name that is up already is used and left up.
    pub name: String,
    /// The database's program; the one in `PATH` when absent.
    pub binary: Option<PathBuf>,
}

/// A cluster reached over SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// Its nodes; at least one, no two the same.
    pub nodes: Vec<Node>,
    /// The login name; when absent, what `~/.ssh/config` says, else the name of the user who runs schism.
    pub user: Option<String>,
    /// The port of sshd; when absent, what `~/.ssh/config` says, else 22. A node's own port goes before.
    pub port: Option<u16>,
    /// The private key; when absent, what `~/.ssh/config` says, then the agent's keys and the usual files.
    pub key: Option<PathBuf>,
    /// The passphrase of the private key.
    pub passphrase: Option<Secret>,
    /// The file that host keys are verified against; when absent, the user's and the system's.
    pub known_hosts: Option<PathBuf>,
    /// The hosts through which the nodes are reached, in order; when empty, what `~/.ssh/config` says.
    pub jump: Vec<Hop>,
    /// Whether `~/.ssh/config` is asked for what the plan does not say.
    pub config: bool,
    /// Whether commands that need root run through `sudo -n` when the login name is not root.
    pub sudo: bool,
    /// Whether the key of a host that is not in `known_hosts` is accepted and remembered. A changed key never is.
    pub accept_new_host_keys: bool,
}

/// A node reached over SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name in the plan, in the history and in the report.
    pub name: Arc<str>,
    /// The host that the controller connects to: a name or an address.
    pub host: String,
    /// The address that the other nodes know it by; when absent, it is found out.
    pub address: Option<IpAddr>,
    /// The port of sshd, where it is not the plan's.
    pub port: Option<u16>,
}

impl Ssh {
    /// The nodes as the control reaches them, with the passphrase revealed.
    ///
    /// # Errors
    /// The environment variable of the passphrase is not set.
    pub fn node_addresses(&self) -> Result<Vec<NodeAddress>, SecretError> {
        let passphrase = self.passphrase.as_ref().map(Secret::reveal).transpose()?;
        let addresses = self.nodes.iter().map(|node| NodeAddress {
            port: node.port.or(self.port),
            user: self.user.clone(),
            key: self.key.clone(),
            passphrase: passphrase.clone().map(control::Secret::new),
            known_hosts: self.known_hosts.clone(),
            accept_new: self.accept_new_host_keys,
            jump: self.jump.clone(),
            config: self.config,
            sudo: self.sudo,
            peers: node.address.into_iter().collect(),
            ..NodeAddress::new(&*node.name, node.host.clone())
        });
        Ok(addresses.collect())
    }
}

/// The hosts on the way to the nodes, as a plan writes them: `me@bastion:2222,inner`.
pub fn hops(hops: &[Hop]) -> String {
    hops.iter().map(hop_text).collect::<Vec<_>>().join(",")
}

fn hop_text(hop: &Hop) -> String {
    let user = hop.user.as_ref().map(|user| format!("{user}@"));
    let port = hop.port.map(|port| format!(":{port}"));
    let host = if hop.host.contains(':') && port.is_some() {
        format!("[{}]", hop.host)
    } else {
        hop.host.clone()
    };
    format!(
        "{}{host}{}",
        user.unwrap_or_default(),
        port.unwrap_or_default()
    )
}

/// Whether a text can be the name or the address of a host. It must not be taken for an option by any program.
///
/// # Errors
/// It cannot: why.
pub(super) fn check_host(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err("a host is missing here".to_owned());
    }
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let is_name = !host.starts_with('-')
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_name {
        Ok(())
    } else {
        Err(format!(
            "`{host}` is neither the name nor the address of a host"
        ))
    }
}

/// Whether a text can be a login name.
///
/// # Errors
/// It cannot: why.
pub(super) fn check_user(user: &str) -> Result<(), String> {
    let is_user = !user.starts_with('-')
        && !user.is_empty()
        && user
            .chars()
            .all(|c| c.is_alphanumeric() || "._-+$\\@".contains(c));
    if is_user {
        Ok(())
    } else {
        Err(format!("`{user}` is no login name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_on_the_way_is_written_as_it_is_read() {
        for text in [
            "bastion",
            "admin@bastion.example",
            "admin@bastion:2222",
            "10.0.0.1:22",
            "[fd00::1]:22",
        ] {
            let hop: Hop = text.parse().unwrap();
            assert_eq!(hop_text(&hop), text);
        }
    }

    #[test]
    fn nothing_is_taken_for_an_option() {
        for host in ["db1", "db-1.example_x", "10.0.0.1", "fd00::1"] {
            assert_eq!(check_host(host), Ok(()));
        }
        for host in ["", "-x", "a b", "a@b", "a/b", "a:22", "$(x)", "a;b"] {
            assert!(check_host(host).is_err(), "{host}");
        }
        for user in ["root", "a.b-c_d", "DOMAIN\\me", "me@domain"] {
            assert_eq!(check_user(user), Ok(()));
        }
        for user in ["", "-oProxyCommand=x", "a b", "$(x)", "a;b", "[me"] {
            assert!(check_user(user).is_err(), "{user}");
        }
    }
}
