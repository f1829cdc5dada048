//! A real cluster: reached over SSH only, whether it is a lab of this machine or somebody's own.

mod facts;
mod logs;
mod open;
pub mod preflight;

use std::rc::Rc;
use std::sync::Arc;

use schism_nemeses::control::Ssh;
use schism_nemeses::{Injector as _, RemoteInjector, Report};
use schism_workloads::{Database, Endpoint, SetupError};

use crate::clock::Clock;
use crate::controller::Cluster;
use crate::lab::{Lab, LabError};

pub use logs::Collected;
pub use open::OpenError;

/// A real cluster, ready to be asked and told.
pub struct Site {
    control: Rc<Ssh>,
    nodes: Vec<Node>,
    endpoints: Vec<Endpoint>,
    database: Box<dyn Database>,
    injector: RemoteInjector,
    /// The lab that it is, when it is one.
    lab: Option<Lab>,
    /// Whether this process brought the lab up, and takes it down again.
    own_lab: bool,
}

/// A node, and what a run needs to know about its database.
struct Node {
    name: Arc<str>,
    data: Option<String>,
    logs: Vec<String>,
}

impl Site {
    /// What the controller acts on.
    pub fn cluster<'a>(&'a self, clock: &'a dyn Clock) -> Cluster<'a> {
        Cluster {
            clock,
            database: &*self.database,
            endpoints: &self.endpoints,
            injector: &self.injector,
        }
    }

    /// The database under test.
    pub fn database(&self) -> &dyn Database {
        &*self.database
    }

    /// Makes the keyspace of this run, or makes sure that it is ours.
    ///
    /// # Errors
    /// It cannot be made, or it holds data that schism did not write.
    pub async fn prepare(&self) -> Result<(), SetupError> {
        self.database.prepare(&self.endpoints).await
    }

    /// Undoes everything of ours on the nodes, whatever run left it, and proves it.
    pub async fn heal_all(&self) -> Report {
        self.injector.heal_all().await
    }

    /// Whether this process brought it up as a lab, and takes it down again.
    pub fn is_own_lab(&self) -> bool {
        self.lab.is_some() && self.own_lab
    }

    /// Takes down what this process brought up.
    ///
    /// # Errors
    /// Something of the lab resists.
    pub fn close(self) -> Result<(), LabError> {
        match self.lab {
            Some(lab) if self.own_lab => lab.down(),
            _ => Ok(()),
        }
    }
}
