//! Databases and their clients.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Capability, CompareAndSet, Counters, Failure, FencedLocks, Locks, Logs, Queues,
    RegisterTransactions, Registers, SessionTokens, SetRemoval, Sets, Siblings, Transactions,
    UniqueIds,
};

/// Where a database's node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The node's name in the plan and in the history.
    pub node: Arc<str>,
    /// Its address, as the controller reaches it.
    pub host: String,
    /// The database's client port.
    pub port: u16,
}

/// What a node is to its cluster, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It decides: a Raft leader, a primary.
    Leader,
    /// It follows a leader.
    Follower,
}

/// Why a database cannot be used: its own trouble or ours, but no finding.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A node does not answer as a healthy node of this database would.
    #[error("node {node}: {reason}")]
    Node {
        /// The node.
        node: Arc<str>,
        /// What it said, and what to do about it.
        reason: String,
    },
    /// The keyspace (table, prefix, database) holds data that schism did not write.
    #[error("{what} holds data that schism did not write; {remedy}")]
    NotOurs {
        /// The keyspace.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// An option of the database cannot be used.
    #[error("{setting}: {reason}")]
    Setting {
        /// The option, as it stands in the plan below the database's name: `password`, `tls.ca`.
        setting: &'static str,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
}

impl SetupError {
    /// An option of the database cannot be used.
    pub fn setting(setting: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting {
            setting,
            reason: reason.into(),
        }
    }
}

/// One process's connection to one node. Dropping it closes it.
#[async_trait(?Send)]
pub trait Client {
    /// Its registers, if it has any.
    fn registers(&mut self) -> Option<&mut dyn Registers> {
        None
    }

    /// Its compare-and-set, if it has one.
    fn compare_and_set(&mut self) -> Option<&mut dyn CompareAndSet> {
        None
    }

    /// Its sets, if it has any.
    fn sets(&mut self) -> Option<&mut dyn Sets> {
        None
    }

    /// Its transactions of reads and appends, if it has any.
    fn transactions(&mut self) -> Option<&mut dyn Transactions> {
        None
    }

    /// The removal of elements from its sets, if it has that.
    fn set_removal(&mut self) -> Option<&mut dyn SetRemoval> {
        None
    }

    /// Its transactions on registers, if it has any; with conditions where it says so.
    fn register_transactions(&mut self) -> Option<&mut dyn RegisterTransactions> {
        None
    }

    /// Its counters, if it has any.
    fn counters(&mut self) -> Option<&mut dyn Counters> {
        None
    }

    /// Its queues, if it has any.
    fn queues(&mut self) -> Option<&mut dyn Queues> {
        None
    }

    /// Its sources of ids, if it has any.
    fn unique_ids(&mut self) -> Option<&mut dyn UniqueIds> {
        None
    }

    /// Its locks, if it has any.
    fn locks(&mut self) -> Option<&mut dyn Locks> {
        None
    }

    /// What its locks guard by tokens, if they have some.
    fn fenced_locks(&mut self) -> Option<&mut dyn FencedLocks> {
        None
    }

    /// Its logs, if it has any.
    fn logs(&mut self) -> Option<&mut dyn Logs> {
        None
    }

    /// Its registers with siblings, if it has any.
    fn siblings(&mut self) -> Option<&mut dyn Siblings> {
        None
    }

    /// Its registers for sessions with tokens, if it has any.
    fn session_tokens(&mut self) -> Option<&mut dyn SessionTokens> {
        None
    }
}

/// A database under test, with its options set.
#[async_trait(?Send)]
pub trait Database {
    /// Its name in plans.
    fn name(&self) -> &'static str;

    /// What its clients offer.
    fn capabilities(&self) -> &'static [Capability];

    /// A new connection to one node. One attempt. A client may put the connecting off until its first call, which then
    /// fails if it cannot connect.
    ///
    /// # Errors
    /// The node cannot be reached. Nothing was asked of it yet, so the operation that wanted the connection surely did
    /// not happen.
    async fn connect(&self, endpoint: &Endpoint) -> Result<Box<dyn Client>, Failure>;

    /// Makes the keyspace of this run, or makes sure that it is ours.
    ///
    /// # Errors
    /// It cannot be made, or it holds data that schism did not write.
    async fn prepare(&self, endpoints: &[Endpoint]) -> Result<(), SetupError>;

    /// Whether the node would serve a client now, and its version.
    ///
    /// # Errors
    /// It would not, and why.
    async fn health(&self, endpoint: &Endpoint) -> Result<String, SetupError>;

    /// What each node is to the cluster right now, as far as the nodes say; a node that does not answer is left out.
    async fn roles(&self, endpoints: &[Endpoint]) -> Vec<(Arc<str>, Role)>;
}
