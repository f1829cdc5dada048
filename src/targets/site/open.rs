//! From a plan to a cluster that can be reached.

use std::rc::Rc;
use std::sync::Arc;

use schism_nemeses::control::{NodeAddress, Ssh};
use schism_nemeses::{Cluster, HasNul, RemoteInjector, Target as FaultTarget};
use schism_workloads::{Endpoint, SetupError};

use super::{Node, Site};
use crate::exit_code::ExitCode;
use crate::lab::{Lab, LabError, Labs, Options};
use crate::plan::{self, Plan, Service, Target};

/// Why a plan's cluster cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The lab cannot be brought up, or is not what the plan needs.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A lab of that name is up, but it is another one.
    #[error(
        "the lab {name} is up with {found}, and the plan needs {needed}: remove it with `schism lab down {name}`, or give the plan's lab another name"
    )]
    OtherLab {
        /// The lab's name.
        name: String,
        /// What it is.
        found: String,
        /// What is needed.
        needed: String,
    },
    /// The database's client cannot be built.
    #[error("[database] {0}")]
    Database(#[from] SetupError),
    /// A secret is not there.
    #[error("[target.ssh] passphrase: {0}")]
    Secret(#[from] schism_workloads::SecretError),
    /// A script of the plan holds a NUL byte.
    #[error("[database] start, stop, process or pattern: {0}")]
    Script(#[from] HasNul),
    /// The runtime cannot be started.
    #[error("the threads of the runtime cannot be started: {0}")]
    Runtime(std::io::Error),
    /// The plan is run on no real cluster.
    #[error("the plan's target is {0}: there are no nodes to reach over SSH")]
    NoSite(&'static str),
}

impl OpenError {
    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Lab(error) => error.trouble().into(),
            Self::OtherLab { .. } | Self::Runtime(_) => ExitCode::Environment,
            Self::Database(_) | Self::Secret(_) | Self::Script(_) | Self::NoSite(_) => {
                ExitCode::Usage
            }
        }
    }
}

impl Site {
    /// The cluster of a plan as it is: a lab must be up.
    ///
    /// # Errors
    /// It cannot be opened. No node has been reached yet.
    pub fn open(plan: &Plan, run: &str) -> Result<Self, OpenError> {
        match &plan.target {
            Target::Sim(_) | Target::Maelstrom(_) => Err(OpenError::NoSite(plan.target.name())),
            Target::Lab(wanted) => {
                let lab = Labs::of_this_machine().open(&wanted.name)?;
                Self::of_lab(plan, run, lab, false)
            }
            Target::Ssh(ssh) => {
                let addresses = ssh.node_addresses()?;
                let service = plan
                    .database
                    .as_ref()
                    .map(|database| database.service.clone())
                    .unwrap_or_default();
                let nodes = addresses
                    .into_iter()
                    .map(|address| (address, service.clone()))
                    .collect();
                Self::of_nodes(plan, run, nodes, None, Vec::new())
            }
        }
    }

    /// The cluster of a plan; a lab that is not up is brought up, and is then this process's own to take down.
    ///
    /// # Errors
    /// It cannot be opened or brought up; what was begun of a lab is removed then.
    pub async fn bring_up(plan: &Plan, run: &str) -> Result<Self, OpenError> {
        let (Target::Lab(wanted), Some(database)) = (&plan.target, &plan.database) else {
            return Self::open(plan, run);
        };
        let labs = Labs::of_this_machine();
        if labs.open(&wanted.name).is_ok_and(|lab| lab.is_ready()) {
            return Self::open(plan, run);
        }
        let options = Options {
            name: wanted.name.clone(),
            nodes: usize::from(wanted.nodes),
            binary: wanted.binary.clone(),
            ..Options::new(database.client.listed().name)
        };
        let lab = labs.up(&options).await?;
        Self::of_lab(plan, run, lab, true)
    }

    fn of_lab(plan: &Plan, run: &str, lab: Lab, own: bool) -> Result<Self, OpenError> {
        let result = Self::of_open_lab(plan, run, lab.clone(), own);
        if own && result.is_err() {
            // The first error is the one to tell; `lab status` shows what is left, if anything is.
            let _ = lab.down();
        }
        result
    }

    fn of_open_lab(plan: &Plan, run: &str, lab: Lab, own: bool) -> Result<Self, OpenError> {
        let Some(database) = &plan.database else {
            return Err(OpenError::NoSite(plan.target.name()));
        };
        let needed = plan.nodes().len();
        let name = database.client.listed().name;
        if lab.nodes().len() != needed || lab.database() != name {
            return Err(OpenError::OtherLab {
                name: lab.name().to_owned(),
                found: format!("{} on {} nodes", lab.database(), lab.nodes().len()),
                needed: format!("{name} on {needed}"),
            });
        }
        let mut nodes = Vec::new();
        for (address, node) in lab.node_addresses().into_iter().zip(lab.nodes()) {
            nodes.push((
                address,
                in_lab(&database.service, &lab.service(&node.name)?),
            ));
        }
        let clients = lab.controller_addresses();
        let mut site = Self::of_nodes(plan, run, nodes, Some(lab), clients)?;
        site.own_lab = own;
        Ok(site)
    }

    fn of_nodes(
        plan: &Plan,
        run: &str,
        nodes: Vec<(NodeAddress, Service)>,
        lab: Option<Lab>,
        clients: Vec<std::net::IpAddr>,
    ) -> Result<Self, OpenError> {
        let Some(plan::Database { client, port, .. }) = &plan.database else {
            return Err(OpenError::NoSite(plan.target.name()));
        };
        let database = client.build(run)?;
        let endpoint = |address: &NodeAddress| Endpoint {
            node: Arc::from(&*address.name),
            host: address
                .peers
                .first()
                .map_or_else(|| address.host.clone(), ToString::to_string),
            port: *port,
        };
        let target = |(address, service): &(NodeAddress, Service)| FaultTarget {
            peers: address.peers.clone(),
            database_port: Some(*port),
            processes: service.process_rule(),
            ..FaultTarget::new(&*address.name, endpoint(address).host)
        };
        let cluster = Cluster {
            clients,
            ..Cluster::new(run, nodes.iter().map(target).collect())
        };
        let control = Rc::new(Ssh::new(
            nodes.iter().map(|(address, _)| address.clone()).collect(),
        ));
        let injector = RemoteInjector::new(Rc::clone(&control) as Rc<_>, cluster)?;
        Ok(Self {
            endpoints: nodes.iter().map(|(address, _)| endpoint(address)).collect(),
            nodes: nodes
                .into_iter()
                .map(|(address, service)| Node {
                    name: Arc::from(&*address.name),
                    data: service.data,
                    logs: service.logs.unwrap_or_default(),
                })
                .collect(),
            control,
            database,
            injector,
            lab,
            own_lab: false,
        })
    }
}

/// The plan's service where it says something, else the lab's own.
fn in_lab(plan: &Service, lab: &crate::lab::Service) -> Service {
    let or = |own: &Option<String>, lab: &str| Some(own.clone().unwrap_or_else(|| lab.to_owned()));
    Service {
        start: or(&plan.start, &lab.start),
        stop: plan.stop.clone(),
        process: or(&plan.process, &lab.process),
        pattern: plan.pattern.clone(),
        user: plan.user.clone(),
        data: or(&plan.data, &lab.data),
        logs: plan.logs.clone().or_else(|| Some(lab.logs.clone())),
        crash: plan.crash.clone().or_else(|| Some(lab.crash.clone())),
    }
}
