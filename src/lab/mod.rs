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
mod labs;
mod netns;
mod node;
mod process;
mod ready;
mod recipe;
mod record;
mod sshd;
mod start;
mod status;
mod subnet;
mod teardown;
mod tool;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use schism_nemeses::control::{Agent, NodeAddress, Ssh};

pub use error::{LabError, Missing, Trouble};
pub use labs::{Labs, MAX_NODES, Options};
pub use node::LabNode;
pub use recipe::{Ready, Recipe, Service, databases};
pub use sshd::SshSettings;
pub use status::{DatabaseState, NodeStatus};

pub(crate) use labs::need_root;
pub(crate) use node::last_lines;

use recipe::Place;
use record::{Lock, Phase, Record};
use subnet::Subnet;

/// The file in the root of a data directory that says: schism made this.
pub const MARKER: &str = ".schism";

/// What the nodes' own data directories are laid over.
const MOUNT_POINT: &str = "/var/lib/schism";

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

    /// Where its nodes are and how to log in, with nothing of the user's own SSH settings.
    pub fn node_addresses(&self) -> Vec<NodeAddress> {
        let ssh = self.ssh();
        self.nodes()
            .iter()
            .map(|node| NodeAddress {
                port: Some(node.ssh_port),
                user: Some(ssh.user.to_owned()),
                key: Some(ssh.key.clone()),
                agent: Agent::Off,
                known_hosts: Some(ssh.known_hosts.clone()),
                config: false,
                sudo: false,
                peers: node.addresses(),
                ..NodeAddress::new(node.name.as_str(), node.address.to_string())
            })
            .collect()
    }

    /// Reaches its nodes over SSH. Nothing is connected before it is needed.
    pub fn control(&self) -> Ssh {
        Ssh::new(self.node_addresses())
    }

    /// Removes the lab; see [`Labs::down`].
    ///
    /// # Errors
    /// As [`Labs::down`].
    pub fn down(self) -> Result<(), LabError> {
        Labs::below(self.root).down(&self.record.name)
    }

    fn subnet(&self) -> Subnet {
        Subnet {
            v4: self.record.subnet,
        }
    }
}
