//! Faults on real nodes, over any [`Control`].
//!
//! A fault is measured before it is applied, lies on the nodes under a [lease](crate::LEASE), is applied on all nodes at
//! once and measured again; what was measured is the evidence, and decides whether the fault counts as installed. While
//! faults are in force, somebody must call [`RemoteInjector::renew`] every [`RemoteInjector::renew_every`].

mod address_book;
mod cut;
mod link;
mod process_run;
mod renewal;
mod wholesale;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use schism_history::{FaultOutcome, Value};

use crate::cluster::{Cluster, Target};
use crate::control::{Command, Control, Output};
use crate::fault::{Effect, Fault};
use crate::injector::{Injector, Report};
use crate::lease::Lease;
use crate::obstacle::{Obstacle, obstacles};
use crate::probe::Reach;
use crate::process_rule::Processes;
use crate::quote::HasNul;
use crate::spec::Spec;
use crate::survey::{self, Survey};

use cut::Cutting;

/// How long a question to a node may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);

/// Why healing a fault did nothing.
const NOT_IN_FORCE: &str = "the fault was not in force";

/// Faults on real nodes.
pub struct RemoteInjector {
    control: Rc<dyn Control>,
    cluster: Cluster,
    run: String,
    processes: BTreeMap<Arc<str>, Processes>,
    dial: Box<Dial>,
    /// What each node has told about itself, or why it could not be asked.
    surveys: RefCell<BTreeMap<Arc<str>, Result<Survey, String>>>,
    /// The addresses that names of hosts stand for, as another node sees it.
    resolved: RefCell<BTreeMap<Arc<str>, Vec<std::net::IpAddr>>>,
    active: RefCell<BTreeMap<u32, Active>>,
    renewals: Cell<u64>,
}

/// How the controller itself probes a port of a host, for at most so many seconds.
type Dial = dyn Fn(String, u16, u32) -> futures_util::future::LocalBoxFuture<'static, Reach>;

/// A fault that was injected and not yet healed.
struct Active {
    fault: Fault,
    /// For a cut, what was set up where.
    cutting: Option<Cutting>,
    /// The nodes on which it was applied.
    in_force: BTreeSet<Arc<str>>,
    /// What undoes it, on the nodes on which it may be in force.
    undos: BTreeMap<Arc<str>, String>,
    /// Whether it should be over: what could not be undone is left to the lease, which is not renewed for it.
    is_over: bool,
    /// The nodes on which the lease ran out meanwhile, so that the fault ended early there.
    lapsed: BTreeSet<Arc<str>>,
}

/// What came of applying a fault on one node.
enum Applied {
    /// It is in force; what the script printed.
    Yes(String),
    /// Nothing is in force, and why.
    No(String),
    /// Nobody knows, and why.
    Unknown(String),
}

impl RemoteInjector {
    /// Nothing is asked of the nodes before it is needed.
    ///
    /// # Errors
    /// [`HasNul`]: a process rule holds a NUL byte.
    pub fn new(control: Rc<dyn Control>, cluster: Cluster) -> Result<Self, HasNul> {
        let mut processes = BTreeMap::new();
        for target in &cluster.nodes {
            if let Some(rule) = &target.processes {
                processes.insert(target.name.clone(), Processes::new(rule)?);
            }
        }
        Ok(Self {
            control,
            run: cluster.tag(),
            cluster,
            processes,
            dial: Box::new(|host, port, seconds| Box::pin(link::dial(host, port, seconds))),
            surveys: RefCell::default(),
            resolved: RefCell::default(),
            active: RefCell::default(),
            renewals: Cell::new(0),
        })
    }

    /// What stands in the way of a fault of the plan on a node.
    pub async fn possible(&self, spec: &Spec, node: &str) -> Vec<Obstacle> {
        let Some(target) = self.target(node) else {
            return Vec::new();
        };
        self.surveys.borrow_mut().retain(|_, survey| survey.is_ok());
        match self.survey(&target.name).await {
            Ok(survey) => obstacles(spec, target, &survey),
            Err(why) => vec![Obstacle {
                fault: spec.kind().unwrap_or("fault"),
                node: target.name.clone(),
                why,
                remedy: "let the controller reach the node and become root there".to_owned(),
            }],
        }
    }

    fn target(&self, node: &str) -> Option<&Target> {
        self.cluster
            .nodes
            .iter()
            .find(|target| *target.name == *node)
    }

    async fn exec(&self, node: &str, command: &Command) -> Result<Output, String> {
        self.control
            .exec(node, command)
            .await
            .map_err(|error| error.to_string())
    }

    /// Asks all nodes about themselves that have not answered yet, at once, so that a node that is down holds up
    /// whatever comes next only once.
    async fn look_around(&self) {
        self.surveys.borrow_mut().retain(|_, survey| survey.is_ok());
        join_all(
            self.cluster
                .nodes
                .iter()
                .map(|target| self.survey(&target.name)),
        )
        .await;
    }

    /// What the node has told about itself; asked once.
    async fn survey(&self, node: &Arc<str>) -> Result<Survey, String> {
        if let Some(survey) = self.surveys.borrow().get(node) {
            return survey.clone();
        }
        let survey = self.ask(node).await;
        self.surveys
            .borrow_mut()
            .insert(node.clone(), survey.clone());
        survey
    }

    async fn ask(&self, node: &Arc<str>) -> Result<Survey, String> {
        let script = Command::root(survey::script())
            .timeout(ASK_TIMEOUT)
            .idempotent();
        let connection = Command::user(survey::CONTROLLER)
            .timeout(ASK_TIMEOUT)
            .idempotent();
        let (answer, connection) =
            futures_util::future::join(self.exec(node, &script), self.exec(node, &connection))
                .await;
        let mut survey = survey::read(&answer?.stdout, &connection?.stdout);
        if let Some(tool) = self.cluster.firewall {
            survey.firewall = survey.firewall.map(|_| tool);
        }
        Ok(survey)
    }

    async fn lease(&self, node: &Arc<str>) -> Result<Lease, String> {
        let survey = self.survey(node).await?;
        let state = survey.state.ok_or_else(|| {
            format!("node {node}: neither /run/schism nor /tmp/schism can be written by root alone")
        })?;
        Ok(Lease::new(&state, &self.run, self.cluster.lease))
    }

    /// Something that no renewal of this run has said before.
    fn token(&self) -> String {
        self.renewals.set(self.renewals.get() + 1);
        format!("{}-{}", std::process::id(), self.renewals.get())
    }

    /// Applies a part of a fault on a node, under a lease.
    async fn apply(
        &self,
        node: &Arc<str>,
        fault: u32,
        apply: &str,
        undo: &str,
        limit: Duration,
    ) -> Applied {
        let lease = match self.lease(node).await {
            Ok(lease) => lease,
            Err(reason) => return Applied::No(reason),
        };
        let command = Command::root(lease.apply(fault, apply, undo, &self.token())).timeout(limit);
        self.note(fault, |active| {
            active.undos.insert(node.clone(), undo.to_owned());
        });
        match self.exec(node, &command).await {
            Ok(output) if output.status == 0 => {
                self.note(fault, |active| {
                    active.in_force.insert(node.clone());
                });
                Applied::Yes(output.stdout)
            }
            Ok(output) if output.status == 3 => {
                self.note(fault, |active| {
                    active.undos.remove(node);
                });
                Applied::No(format!("node {node}: {}", said(&output)))
            }
            Ok(output) => Applied::Unknown(format!("node {node}: {}", said(&output))),
            Err(reason) => Applied::Unknown(reason),
        }
    }

    /// Undoes a part of a fault on a node; what the script printed.
    async fn undo(
        &self,
        node: &Arc<str>,
        fault: u32,
        undo: &str,
        limit: Duration,
    ) -> Result<String, String> {
        let lease = self.lease(node).await?;
        let command = Command::root(lease.undo(fault, undo))
            .timeout(limit)
            .idempotent();
        let output = self.exec(node, &command).await?;
        if output.stdout.lines().any(|line| line == "lapsed") {
            self.note_lapse(node, Some(fault));
        }
        if output.status == 0 {
            self.note(fault, |active| {
                // Undone once more, it will not be there, which is no lapse.
                active.in_force.remove(node);
                active.undos.remove(node);
            });
            Ok(output.stdout)
        } else {
            Err(format!(
                "node {node}: {}",
                [output.stdout.as_str(), &said(&output)].join(" ")
            ))
        }
    }

    /// Notes something about a fault that is not yet healed.
    fn note(&self, fault: u32, note: impl FnOnce(&mut Active)) {
        if let Some(active) = self.active.borrow_mut().get_mut(&fault) {
            note(active);
        }
    }

    /// Notes that the fault, or all there are, ended early on the node; whether any was in force there.
    fn note_lapse(&self, node: &Arc<str>, fault: Option<u32>) -> bool {
        let mut any = false;
        for (id, active) in self.active.borrow_mut().iter_mut() {
            if fault.is_none_or(|fault| fault == *id) && active.in_force.contains(node) {
                active.lapsed.insert(node.clone());
                any = true;
            }
        }
        any
    }

    /// The nodes on which the fault ended early.
    fn lapsed(&self, fault: u32) -> Vec<String> {
        self.active
            .borrow()
            .get(&fault)
            .map(|active| active.lapsed.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }

    /// Another fault in force on the node, and not over, for which the condition holds.
    fn other_active(
        &self,
        fault: u32,
        node: &Arc<str>,
        condition: impl Fn(&Effect) -> bool,
    ) -> Option<u32> {
        self.active
            .borrow()
            .iter()
            .find(|(id, active)| {
                **id != fault
                    && !active.is_over
                    && active.fault.nodes.contains(node)
                    && condition(&active.fault.effect)
            })
            .map(|(id, _)| *id)
    }
}

#[async_trait(?Send)]
impl Injector for RemoteInjector {
    async fn inject(&self, fault: &Fault) -> Report {
        if !fault.effect.is_for_real_nodes() {
            return not_for_real_nodes();
        }
        // From here on its lease is renewed, however long it takes to apply.
        self.active.borrow_mut().insert(
            fault.id,
            Active {
                fault: fault.clone(),
                cutting: None,
                in_force: BTreeSet::new(),
                undos: BTreeMap::new(),
                is_over: false,
                lapsed: BTreeSet::new(),
            },
        );
        self.look_around().await;
        let report = match &fault.effect {
            Effect::Cut { links, mode } => self.inject_cut(fault, links, *mode).await,
            effect => self.inject_processes(fault, effect).await,
        };
        if report.outcome == FaultOutcome::Skipped {
            self.active.borrow_mut().remove(&fault.id);
        }
        report
    }

    async fn heal(&self, fault: &Fault) -> Report {
        if !fault.effect.is_for_real_nodes() {
            return not_for_real_nodes();
        }
        self.look_around().await;
        let report = match &fault.effect {
            Effect::Cut { links, mode } => self.heal_cut(fault, links, *mode).await,
            effect => self.heal_processes(fault, effect).await,
        };
        if report.outcome == FaultOutcome::Indeterminate {
            self.note(fault.id, |active| active.is_over = true);
        } else {
            self.active.borrow_mut().remove(&fault.id);
        }
        report
    }

    async fn renew(&self) {
        // What is wrong shows in the healing: a lease that ran out is named there.
        self.renew().await;
    }

    async fn heal_all(&self) -> Report {
        self.look_around().await;
        let report = self.heal_everything().await;
        if report.outcome == FaultOutcome::Installed {
            self.active.borrow_mut().clear();
        }
        for active in self.active.borrow_mut().values_mut() {
            active.is_over = true;
        }
        report
    }
}

/// Of a fault that only a simulated cluster can have, nothing was done.
fn not_for_real_nodes() -> Report {
    let reason = "schism cannot do this to real nodes yet".to_owned();
    Evidence::default().report(FaultOutcome::Skipped, Some(reason))
}

/// What a script that failed said.
fn said(output: &Output) -> String {
    if output.stderr.is_empty() {
        format!("exit status {}", output.status)
    } else {
        output.stderr.clone()
    }
}

/// Evidence, part by part; parts that are empty are left out.
#[derive(Default)]
struct Evidence(Vec<(String, Value)>);

impl Evidence {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.push((name.to_owned(), value.into()));
    }

    fn put_map<V: Into<Value>>(
        &mut self,
        name: &str,
        parts: impl IntoIterator<Item = (String, V)>,
    ) {
        let parts: Vec<(String, Value)> = parts
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        if !parts.is_empty() {
            self.put(name, Value::map(parts));
        }
    }

    fn put_list(&mut self, name: &str, items: Vec<String>) {
        if !items.is_empty() {
            self.put(name, items);
        }
    }

    fn report(mut self, outcome: FaultOutcome, reason: Option<String>) -> Report {
        if let Some(reason) = reason {
            self.0.insert(0, ("reason".to_owned(), Value::from(reason)));
        }
        Report {
            outcome,
            evidence: Value::map(self.0),
        }
    }
}
