//! Faults on such nodes: partitions in the network, and signals to the processes.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal};
use schism_history::{FaultOutcome, Value};
use schism_nemeses::{Effect, Endpoint, Fault, Injector, Report};

use super::network::Link;
use super::{Cluster, END_TIMEOUT};
use crate::clock::Clock as _;

/// How often the kernel is asked whether a signal has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Injects faults, and measures what they did.
pub struct MaelstromInjector {
    cluster: Rc<Cluster>,
}

impl MaelstromInjector {
    /// An injector for this cluster.
    pub fn new(cluster: Rc<Cluster>) -> Self {
        Self { cluster }
    }

    fn links(links: &[schism_nemeses::Link]) -> BTreeSet<Link> {
        let end = |endpoint: &Endpoint| match endpoint {
            Endpoint::Node(node) => Some(Arc::clone(node)),
            Endpoint::Clients => None,
        };
        links
            .iter()
            .map(|link| (end(&link.from), end(&link.to)))
            .collect()
    }

    fn open_links(&self, links: &BTreeSet<Link>) -> u64 {
        let network = &self.cluster.network;
        links.iter().filter(|link| network.is_open(link)).count() as u64
    }

    /// How the kernel says that each of the fault's nodes is.
    fn states(&self, fault: &Fault) -> Vec<(Arc<str>, Option<char>)> {
        let processes = self.cluster.processes.borrow();
        let state = |node: &Arc<str>| {
            let process = processes.get(node)?;
            process.kernel_state().filter(|state| *state != 'Z')
        };
        fault
            .nodes
            .iter()
            .map(|node| (Arc::clone(node), state(node)))
            .collect()
    }

    /// The processes of the fault's nodes that are not ending.
    fn pids(&self, fault: &Fault) -> Vec<Option<Pid>> {
        let processes = self.cluster.processes.borrow();
        let pid = |node: &Arc<str>| {
            let process = processes.get(node)?;
            (!process.is_ending).then_some(process.pid)
        };
        fault.nodes.iter().map(pid).collect()
    }

    /// What the nodes' states prove.
    fn proved(&self, fault: &Fault, is_right: impl Fn(Option<char>) -> bool) -> Report {
        let states = self.states(fault);
        let effective = !states.is_empty() && states.iter().all(|(_, state)| is_right(*state));
        let shown = states.into_iter().map(|(node, state)| {
            let state = match state {
                None => "not running".to_owned(),
                Some('T') => "stopped".to_owned(),
                Some(state) => format!("running ({state})"),
            };
            (node.to_string(), Value::from(state))
        });
        report(effective, [("states", Value::map(shown))])
    }

    /// Ends the processes, and waits until they are gone.
    async fn end(&self, fault: &Fault, signal: Signal) {
        for node in &fault.nodes {
            if let Some(process) = self.cluster.processes.borrow_mut().get_mut(node) {
                process.is_ending = true;
                process.signal(signal);
            }
        }
        // The end of a process is heard like everything that nodes say.
        self.wait_until(|| {
            let processes = self.cluster.processes.borrow();
            fault.nodes.iter().all(|node| !processes.contains_key(node))
        })
        .await;
    }

    /// Waits until something is true, but not for ever: what is true then is measured.
    async fn wait_until(&self, is_true: impl Fn() -> bool) {
        let clock = self.cluster.clock();
        let deadline = clock.now() + END_TIMEOUT;
        while clock.now() < deadline && !is_true() {
            clock.sleep_until(clock.now() + LOOK_EVERY).await;
        }
    }

    /// Starts the nodes that are not running; why one could not be.
    async fn start(&self, fault: &Fault) -> Result<(), String> {
        for node in &fault.nodes {
            if self.cluster.processes.borrow().contains_key(node) {
                continue;
            }
            let started = self.cluster.start_node(node).await;
            started.map_err(|error| error.to_string())?;
            let introduced = self.cluster.introduce(node).await;
            introduced.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn started(&self, fault: &Fault) -> Report {
        match self.start(fault).await {
            Ok(()) => self.proved(fault, |state| state.is_some_and(|state| state != 'T')),
            Err(reason) => report(false, [("reason", Value::from(reason))]),
        }
    }

    /// Stops the processes or lets them go on; what the kernel says of them then.
    async fn pause(&self, fault: &Fault, is_paused: bool) -> Report {
        for node in &fault.nodes {
            if let Some(process) = self.cluster.processes.borrow_mut().get_mut(node) {
                process.signal(if is_paused {
                    Signal::STOP
                } else {
                    Signal::CONT
                });
                process.is_paused = is_paused;
            }
        }
        let is_right = |state: Option<char>| state.is_some_and(|state| (state == 'T') == is_paused);
        // Another fault may end the process meanwhile: then there is nothing to wait for.
        let before = self.pids(fault);
        self.wait_until(|| {
            let states = self.states(fault);
            self.pids(fault) != before || states.iter().all(|(_, state)| is_right(*state))
        })
        .await;
        self.proved(fault, is_right)
    }
}

fn report<const N: usize>(effective: bool, evidence: [(&str, Value); N]) -> Report {
    Report {
        outcome: if effective {
            FaultOutcome::Installed
        } else {
            FaultOutcome::Skipped
        },
        evidence: Value::map(evidence),
    }
}

/// Of a fault that only a simulated cluster can have, nothing was done; a plan that asks for it is refused before.
fn not_possible() -> Report {
    let reason = "schism cannot do this to nodes that are processes yet";
    report(false, [("reason", Value::from(reason))])
}

#[async_trait(?Send)]
impl Injector for MaelstromInjector {
    async fn inject(&self, fault: &Fault) -> Report {
        match &fault.effect {
            Effect::Cut { links, .. } => {
                let links = Self::links(links);
                let before = self.open_links(&links);
                self.cluster.network.cut(fault.id, links.clone());
                let during = self.open_links(&links);
                let evidence = [
                    ("links", Value::from(links.len() as u64)),
                    ("passing_before", Value::from(before)),
                    ("passing_during", Value::from(during)),
                ];
                report(before > 0 && during == 0, evidence)
            }
            Effect::Kill => {
                self.end(fault, Signal::KILL).await;
                self.proved(fault, |state| state.is_none())
            }
            Effect::Stop => {
                self.end(fault, Signal::TERM).await;
                self.proved(fault, |state| state.is_none())
            }
            Effect::Pause => self.pause(fault, true).await,
            Effect::Restart => {
                self.end(fault, Signal::KILL).await;
                self.started(fault).await
            }
            _ => not_possible(),
        }
    }

    async fn heal(&self, fault: &Fault) -> Report {
        match &fault.effect {
            Effect::Cut { links, .. } => {
                let network = &self.cluster.network;
                let links = Self::links(links);
                let stopped: u64 = links.iter().map(|link| network.stopped(link)).sum();
                let evidence = [("messages_stopped_so_far", Value::from(stopped))];
                report(network.mend(fault.id), evidence)
            }
            Effect::Kill | Effect::Stop => self.started(fault).await,
            Effect::Pause => self.pause(fault, false).await,
            Effect::Restart => report(true, []),
            _ => not_possible(),
        }
    }

    async fn heal_all(&self) -> Report {
        let processes = self.cluster.processes.borrow();
        let running = processes.values().filter(|process| !process.is_paused);
        let down = self.cluster.names.len() - running.count();
        let cut = self.cluster.network.cut_links();
        let evidence = [
            ("nodes_down", Value::from(down as u64)),
            ("links_cut", Value::from(cut as u64)),
        ];
        report(down == 0 && cut == 0, evidence)
    }
}
