//! One execution of a plan: from the plan to a folder from which everything else is made.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{Either, select};
use schism_checkers::online::Online;
use schism_history::{FaultOutcome, Header, Value};
use schism_nemeses::Report;
use schism_simulator::Config;
use schism_workloads::{Capability, SetupError};

use crate::clock::{self, MonotonicClock, wall_time};
use crate::controller::{self, Cluster, Finished, Observer, Settings, Unrecorded};
use crate::environment;
use crate::exit_code::ExitCode;
use crate::interrupt::{Interrupts, Urgency};
use crate::lab::LabError;
use crate::load::WorkloadLoad;
use crate::plan::{Checks, Maelstrom, Plan, StopOn, Target};
use crate::recorder::{RecordError, Recorder};
use crate::run_folder::{Ended, FACTS_VERSION, Facts, FolderError, RunFolder, Violation};
use crate::targets::maelstrom::{self, MaelstromDatabase, MaelstromError, MaelstromInjector};
use crate::targets::sim::{SimulatedDatabase, SimulatedInjector, Standstill, World};
use crate::targets::site::preflight::{Finding, Weight};
use crate::targets::site::{OpenError, Site};

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
    /// The history cannot be written from the first line on. Nothing was done.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The history cannot be written any further. The run was ended and the cluster healed.
    #[error(
        "{error}\nthe run was ended there, and {}; what was recorded before is kept",
        after(left_behind)
    )]
    Unrecorded {
        /// Why.
        error: RecordError,
        /// What is left on the nodes, in words; empty when nothing is.
        left_behind: String,
    },
    /// The user ended it before it had begun.
    #[error("interrupted before the load began; nothing was run")]
    Interrupted {
        /// The signal.
        signal: u8,
    },
    /// The programs that are the nodes cannot be run.
    #[error(transparent)]
    Programs(#[from] MaelstromError),
    /// The lab that was brought up for the run cannot be taken down.
    #[error("the run is over, but its lab cannot be taken down: {0}")]
    Lab(LabError),
    /// Our own bug.
    #[error(transparent)]
    Standstill(#[from] Standstill),
    /// Our own bug: plans are checked.
    #[error("the simulator refuses what the plan allowed: {0}")]
    Config(#[from] schism_simulator::ConfigError),
}

fn listed(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let _ = write!(text, "\n  {finding}");
    }
    text
}

/// How the cluster is after a run that ended early.
fn after(left_behind: &str) -> String {
    if left_behind.is_empty() {
        "the cluster is as it was found".to_owned()
    } else {
        format!("the cluster was left dirty ({left_behind}): restore it with `schism heal`")
    }
}

impl RunError {
    /// How the program ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Open(error) => error.exit_code(),
            Self::Preflight(_) | Self::Setup(_) => ExitCode::Environment,
            Self::Folder(error) => error.exit_code(),
            Self::Record(_) => ExitCode::CannotWrite,
            Self::Programs(error) => error.exit_code(),
            Self::Unrecorded { left_behind, .. } if left_behind.is_empty() => ExitCode::CannotWrite,
            Self::Interrupted { signal } => ExitCode::of_signal(*signal),
            Self::Unrecorded { .. } | Self::Lab(_) => ExitCode::LeftDirty,
            Self::Standstill(_) | Self::Config(_) => ExitCode::Bug,
        }
    }
}

/// Carries out a plan and records it. Whatever happens after the load began, the cluster is healed.
///
/// # Errors
/// It could not begin, or not be recorded to its end.
pub fn run(order: &Order<'_>, observer: &mut dyn Observer) -> Result<RunFolder, RunError> {
    match &order.plan.target {
        Target::Sim(config) => simulate(order, config, observer),
        Target::Maelstrom(config) => {
            let runtime = runtime().map_err(OpenError::Runtime)?;
            runtime.block_on(with_programs(order, config, observer))
        }
        Target::Lab(_) | Target::Ssh(_) => {
            let runtime = runtime().map_err(OpenError::Runtime)?;
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

async fn with_programs(
    order: &Order<'_>,
    config: &Maelstrom,
    observer: &mut dyn Observer,
) -> Result<RunFolder, RunError> {
    let mut begun = Begun::new(order, BTreeMap::new())?;
    let (names, seed) = (order.plan.nodes(), order.plan.seed);
    let nodes = maelstrom::Cluster::new(config, names, seed, begun.folder.path())?;
    let finished = nodes
        .while_serving(async {
            nodes.start().await?;
            let database = MaelstromDatabase::new(Rc::clone(&nodes));
            let injector = MaelstromInjector::new(Rc::clone(&nodes));
            let cluster = Cluster {
                clock: nodes.clock(),
                database: &database,
                endpoints: &nodes.endpoints(),
                injector: &injector,
            };
            begun.carry_out(order, cluster, observer).await
        })
        .await;
    let closed = nodes.close();
    let finished = finished??;
    closed?;
    begun.facts.environment.extend(nodes.facts());
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
    let is_own = site.is_own_lab();
    let closed = site.close();
    let is_gone = is_own && closed.is_ok();
    let folder = match result {
        Ok((begun, mut ended)) => {
            // On nodes that are no more, nothing is left.
            if is_gone {
                ended.left_clean = true;
                ended.left_behind = String::new();
            }
            begun.end(ended)?
        }
        Err(RunError::Unrecorded { error, .. }) if is_gone => {
            let left_behind = String::new();
            return Err(RunError::Unrecorded { error, left_behind });
        }
        Err(error) => return Err(error),
    };
    closed.map_err(RunError::Lab)?;
    Ok(folder)
}

async fn on_open_site(
    order: &Order<'_>,
    site: &Site,
    observer: &mut dyn Observer,
) -> Result<(Begun, Ended), RunError> {
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
    Ok((begun, ended(finished, missing)))
}

/// The nodes in the data centre where all clients are, if there is one.
fn near(plan: &Plan) -> Arc<[usize]> {
    match &plan.target {
        Target::Sim(config) => config.nodes_near_clients().into(),
        Target::Lab(_) | Target::Ssh(_) | Target::Maelstrom(_) => Arc::default(),
    }
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
    ) -> Result<Finished, RunError> {
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
            seed: plan.seed,
            near: near(plan),
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
            watch: watch(&plan.checks),
        };
        controller::run(run, &mut load, observer)
            .await
            .map_err(|Unrecorded { error, clean }| RunError::Unrecorded {
                error,
                left_behind: left_behind(&clean),
            })
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

/// Who ends the main phase at the first violation, if the plan asks for that.
fn watch(checks: &Checks) -> Option<Online> {
    let StopOn::FirstViolation = checks.stop_on?;
    let online = Online::told(checks.checkers.iter().map(String::as_str), &checks.options);
    (!online.is_empty()).then_some(online)
}

fn ended(finished: Finished, missing_logs: BTreeMap<String, String>) -> Ended {
    let left_behind = left_behind(&finished.clean);
    Ended {
        interrupted_by: finished.interrupted,
        violation: finished.violation.map(|finding| Violation {
            checker: finding.checker.to_owned(),
            sentence: finding.sentence,
            at: finding.time.to_string(),
        }),
        unstruck_faults: finished.unstruck,
        unrecovered_nodes: finished
            .unrecovered
            .into_iter()
            .map(|(node, reason)| (node.to_string(), reason))
            .collect(),
        left_clean: left_behind.is_empty(),
        left_behind,
        missing_logs,
    }
}

/// What a final healing says is left on the nodes, in words; empty when nothing is.
fn left_behind(clean: &Report) -> String {
    if clean.outcome == FaultOutcome::Installed {
        return String::new();
    }
    let texts: Vec<&str> = ["left", "errors"]
        .into_iter()
        .filter_map(|part| clean.evidence.get(part)?.as_list())
        .flatten()
        .filter_map(Value::as_text)
        .collect();
    if texts.is_empty() {
        clean.evidence.to_string()
    } else {
        texts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_words() {
        let report = |outcome, evidence| Report { outcome, evidence };
        let dirty = Value::map([
            ("reason", Value::from("not every node could be healed")),
            ("left", Value::list(["node n1: process 7 stands still"])),
            ("errors", Value::list(["node n3: no answer"])),
        ]);
        assert_eq!(
            left_behind(&report(FaultOutcome::Indeterminate, dirty.clone())),
            "node n1: process 7 stands still; node n3: no answer"
        );
        assert_eq!(left_behind(&report(FaultOutcome::Installed, dirty)), "");
        let unsaid = Value::map([("reason", "nobody knows")]);
        assert_eq!(
            left_behind(&report(FaultOutcome::Indeterminate, unsaid.clone())),
            unsaid.to_string()
        );
    }
}
