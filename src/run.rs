//! One execution of a plan: from the plan to a folder from which everything else is made.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;

use futures_util::future::{Either, select};
use schism_history::{FaultOutcome, Header};
use schism_simulator::Config;
use schism_workloads::{Capability, SetupError};

use crate::clock::{self, MonotonicClock, wall_time};
use crate::controller::{self, Cluster, Finished, Observer, Settings};
use crate::environment;
use crate::interrupt::{Interrupts, Urgency};
use crate::lab::LabError;
use crate::load::WorkloadLoad;
use crate::plan::{Plan, Target};
use crate::recorder::{RecordError, Recorder};
use crate::run_folder::{Ended, FACTS_VERSION, Facts, FolderError, RunFolder};
use crate::target::sim::{SimulatedDatabase, SimulatedInjector, Standstill, World};
use crate::target::site::preflight::{Finding, Weight};
use crate::target::site::{OpenError, Site};

/// A plan to be carried out, and where.
pub struct Order<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The folder that run folders are made in.
    pub out: &'a Path,
    /// The command line, for whoever wants to do it again.
    pub command: Vec<String>,
    /// Who can end it early.
    pub interrupts: &'a Interrupts,
}

/// Why a run could not be carried out, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The cluster cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The cluster cannot run the plan.
    #[error("the plan cannot run here:{}", listed(.0))]
    Preflight(Vec<Finding>),
    /// The database refuses.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The run's folder cannot be made or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The history cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The user ended it before it had begun.
    #[error("interrupted before the load began; nothing was run")]
    Interrupted {
        /// The signal.
        signal: u8,
    },
    /// The lab that was brought up for the run cannot be taken down.
    #[error("the run is over, but its lab cannot be taken down: {0}")]
    Lab(LabError),
    /// Our own bug.
    #[error(transparent)]
    Standstill(#[from] Standstill),
    /// Our own bug: plans are checked.
    #[error("the simulator refuses what the plan allowed: {0}")]
    Config(#[from] schism_simulator::ConfigError),
    /// The runtime cannot be started.
    #[error("the threads of the runtime cannot be started: {0}")]
    Runtime(std::io::Error),
}

fn listed(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("\n  {finding}"))
        .collect()
}

/// Carries out a plan and records it. Whatever happens after the load began, the cluster is healed.
///
/// # Errors
/// It could not begin, or not be recorded to its end.
pub fn run(order: &Order<'_>, observer: &mut dyn Observer) -> Result<RunFolder, RunError> {
    match &order.plan.target {
        Target::Sim(config) => simulate(order, config, observer),
        Target::Lab(_) | Target::Ssh(_) => {
            let runtime = runtime().map_err(RunError::Runtime)?;
            runtime.block_on(on_site(order, observer))
        }
    }
}

/// The runtime for real clusters. The controller stays on the thread that calls; connections are served by others.
///
/// # Errors
/// Its threads cannot be started.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

fn simulate(
    order: &Order<'_>,
    config: &Config,
    observer: &mut dyn Observer,
) -> Result<RunFolder, RunError> {
    let plan = order.plan;
    let world = World::open(config, plan.seed)?;
    let endpoints = world.endpoints();
    let database = SimulatedDatabase::new(world.clone(), &config.store);
    let injector = SimulatedInjector::new(world.clone());
    let cluster = Cluster {
        clock: &world,
        database: &database,
        endpoints: &endpoints,
        injector: &injector,
    };
    let begun = Begun::new(order, BTreeMap::new())?;
    let finished = world.run(begun.carry_out(order, cluster, observer))??;
    begun.end(ended(finished, BTreeMap::new()))
}

async fn on_site(order: &Order<'_>, observer: &mut dyn Observer) -> Result<RunFolder, RunError> {
    let name = format!("{}-{}", order.plan.name, clock::file_name(wall_time()));
    let site = {
        let opening = pin!(Site::bring_up(order.plan, &name));
        let interrupted = pin!(order.interrupts.raised());
        // Dropping the opening takes down what it had brought up.
        match select(opening, interrupted).await {
            Either::Left((site, _)) => site?,
            Either::Right(_) => return Err(interrupted_by(order.interrupts)),
        }
    };
    let result = on_open_site(order, &site, observer).await;
    let closed = site.close();
    let folder = result?;
    closed.map_err(RunError::Lab)?;
    Ok(folder)
}

async fn on_open_site(
    order: &Order<'_>,
    site: &Site,
    observer: &mut dyn Observer,
) -> Result<RunFolder, RunError> {
    let plan = order.plan;
    let guarded = matches!(plan.target, Target::Ssh(_));
    let mut findings = site.preflight(&plan.faults, guarded).await;
    findings.retain(|finding| finding.weight == Weight::Prevents);
    if !findings.is_empty() {
        return Err(RunError::Preflight(findings));
    }
    site.prepare().await?;
    let begun = Begun::new(order, site.facts().await)?;
    if order.interrupts.urgency() > Urgency::None {
        return Err(interrupted_by(order.interrupts));
    }
    let clock = MonotonicClock::start();
    let finished = begun
        .carry_out(order, site.cluster(&clock), observer)
        .await?;
    let missing = site.collect_logs(&begun.folder).await?;
    begun.end(ended(finished, missing))
}

fn interrupted_by(interrupts: &Interrupts) -> RunError {
    RunError::Interrupted {
        signal: interrupts.signal().unwrap_or_default(),
    }
}

/// A run whose folder is there and says that it is under way.
struct Begun {
    folder: RunFolder,
    facts: Facts,
}

impl Begun {
    fn new(order: &Order<'_>, nodes: BTreeMap<String, String>) -> Result<Self, RunError> {
        let now = wall_time();
        let folder = RunFolder::create(order.out, &order.plan.name, now)?;
        let mut environment = environment::controller();
        environment.extend(nodes);
        let facts = Facts {
            version: FACTS_VERSION,
            started: now.to_string(),
            seed: order.plan.seed,
            command: order.command.clone(),
            environment,
            ended: None,
        };
        folder.write("plan.toml", order.plan.to_toml())?;
        folder.write_facts(&facts)?;
        Ok(Self { folder, facts })
    }

    async fn carry_out(
        &self,
        order: &Order<'_>,
        cluster: Cluster<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Finished, RecordError> {
        let plan = order.plan;
        let header = Header {
            name: plan.name.clone(),
            nodes: plan.nodes(),
            concurrency: plan.processes(),
        };
        let recorder = Recorder::create(&self.folder.file("history.jsonl"), &header)?;
        let settings = Settings {
            timeout: plan.load.timeout,
            routing: plan.load.routing,
            recovery: plan.recovery.within,
            settle: plan.recovery.settle,
            lease: schism_nemeses::LEASE,
        };
        let mut load = load(plan, cluster.database.capabilities());
        let run = controller::Run {
            cluster,
            settings: &settings,
            workers: plan.processes() as usize,
            strikes: plan.timeline(),
            recorder,
            interrupts: order.interrupts,
        };
        controller::run(run, &mut load, observer).await
    }

    fn end(mut self, ended: Ended) -> Result<RunFolder, RunError> {
        self.facts.ended = Some(ended);
        self.folder.write_facts(&self.facts)?;
        Ok(self.folder)
    }
}

/// The load of a plan, for a database that offers these capabilities.
fn load(plan: &Plan, offered: &[Capability]) -> WorkloadLoad {
    WorkloadLoad::new(
        plan.workload.build(offered),
        plan.load.pace,
        plan.time,
        plan.load.operations,
        plan.seed,
    )
}

fn ended(finished: Finished, missing_logs: BTreeMap<String, String>) -> Ended {
    let clean = finished.clean.outcome == FaultOutcome::Installed;
    Ended {
        interrupted_by: finished.interrupted,
        unstruck_faults: finished.unstruck,
        unrecovered_nodes: finished
            .unrecovered
            .into_iter()
            .map(|(node, reason)| (node.to_string(), reason))
            .collect(),
        left_clean: clean,
        left_behind: if clean {
            String::new()
        } else {
            finished.clean.evidence.to_string()
        },
        missing_logs,
    }
}
