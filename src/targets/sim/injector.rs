//! Faults on a simulated cluster.

mod clocks;
mod disks;
mod links;
mod members;
mod points;

use async_trait::async_trait;
use schism_history::{FaultOutcome, Value};
use schism_nemeses::{Effect, Endpoint, Fault, Injector, Link, RejectMode, Report};
use schism_simulator::{CutMode, NodeId, Place, Simulation, Status};

use super::World;

/// Injects faults into a simulated cluster, and measures there what they did.
pub struct SimulatedInjector {
    world: World,
}

impl SimulatedInjector {
    /// An injector for this cluster.
    pub fn new(world: World) -> Self {
        Self { world }
    }

    fn nodes(&self, fault: &Fault) -> Vec<NodeId> {
        fault
            .nodes
            .iter()
            .filter_map(|node| self.world.node(node))
            .collect()
    }

    fn links(&self, links: &[Link]) -> Vec<schism_simulator::Link> {
        let place = |endpoint: &Endpoint| match endpoint {
            Endpoint::Node(name) => self.world.node(name).map(Place::Node),
            Endpoint::Clients => Some(Place::Clients),
        };
        links
            .iter()
            .filter_map(|link| {
                Some(schism_simulator::Link {
                    from: place(&link.from)?,
                    to: place(&link.to)?,
                })
            })
            .collect()
    }

    /// Does something to each of the fault's processes; installed when all of them are what they should be.
    fn processes(
        &self,
        fault: &Fault,
        act: impl Fn(&mut dyn Simulation, NodeId) -> bool,
        want: Status,
    ) -> Report {
        let nodes = self.nodes(fault);
        let mut changed = true;
        let states = self.world.with(|simulation| {
            nodes
                .iter()
                .map(|&node| {
                    changed &= act(simulation, node);
                    (node.to_string(), simulation.status(node))
                })
                .collect::<Vec<_>>()
        });
        let reached = states.iter().all(|(_, status)| *status == want);
        let evidence = Value::map(
            states
                .into_iter()
                .map(|(node, status)| (node, Value::from(status_name(status)))),
        );
        report(
            reached && changed && !nodes.is_empty(),
            [("states", evidence)],
        )
    }
}

const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Down => "down",
    }
}

/// What the report says when nothing came of the fault.
fn without_effect<const N: usize>(reason: &str, evidence: [(&str, Value); N]) -> Report {
    let mut all = vec![("reason", Value::from(reason))];
    all.extend(evidence);
    Report {
        outcome: FaultOutcome::Skipped,
        evidence: Value::map(all),
    }
}

fn report<const N: usize>(effective: bool, evidence: [(&str, Value); N]) -> Report {
    let outcome = if effective {
        FaultOutcome::Installed
    } else {
        FaultOutcome::Skipped
    };
    Report {
        outcome,
        evidence: Value::map(evidence),
    }
}

#[async_trait(?Send)]
impl Injector for SimulatedInjector {
    async fn inject(&self, fault: &Fault) -> Report {
        match &fault.effect {
            Effect::Cut { links, mode } => {
                let links = self.links(links);
                let mode = match mode {
                    RejectMode::Drop => CutMode::Drop,
                    RejectMode::Reject => CutMode::Reject,
                };
                let (before, during) = self.world.with(|simulation| {
                    let passing = |simulation: &dyn Simulation| {
                        links.iter().filter(|link| simulation.probe(**link)).count()
                    };
                    let before = passing(simulation);
                    simulation.cut(fault.id, &links, mode);
                    (before, passing(simulation))
                });
                let evidence = [
                    ("links", Value::from(links.len() as u64)),
                    ("passing_before", Value::from(before as u64)),
                    ("passing_during", Value::from(during as u64)),
                ];
                report(before > 0 && during == 0, evidence)
            }
            Effect::Kill | Effect::Stop => {
                self.processes(fault, |sim, node| sim.crash(node), Status::Down)
            }
            Effect::Pause => self.processes(fault, |sim, node| sim.pause(node), Status::Paused),
            Effect::Restart => self.processes(
                fault,
                |sim, node| sim.crash(node) && sim.start(node),
                Status::Running,
            ),
            Effect::Amnesia => self.forget(fault),
            Effect::Impair { links, impairment } => self.impair(fault, links, *impairment),
            Effect::Clock { change, clients } => self.disturb_clocks(fault, *change, *clients),
            Effect::Disk(change) => self.harm_disks(fault, *change),
            Effect::CrashAt { point } => self.arm(fault, point, None),
            Effect::DropReplies { point, share } => self.arm(fault, point, Some(*share)),
            Effect::Members(change) => self.change_members(fault, *change).await,
        }
    }

    async fn heal(&self, fault: &Fault) -> Report {
        match &fault.effect {
            Effect::Cut { links, .. } => {
                let links = self.links(links);
                let (joined, dropped) = self.world.with(|simulation| {
                    let dropped: u64 = links.iter().map(|link| simulation.dropped(*link)).sum();
                    (simulation.join(fault.id), dropped)
                });
                report(joined, [("packets_stopped_so_far", Value::from(dropped))])
            }
            // Whoever was started or resumed by another fault's healing needs no more: what counts is that it runs.
            Effect::Kill | Effect::Stop | Effect::Amnesia => self.processes(
                fault,
                |sim, node| sim.start(node) || sim.status(node) == Status::Running,
                Status::Running,
            ),
            Effect::Pause => self.processes(
                fault,
                |sim, node| sim.resume(node) || sim.status(node) == Status::Running,
                Status::Running,
            ),
            Effect::Restart => report(true, []),
            Effect::Impair { links, .. } => self.calm_links(fault, links),
            Effect::Clock { change, clients } => self.calm_clocks(fault, *change, *clients),
            Effect::Disk(change) => self.mend_disks(fault, *change),
            Effect::CrashAt { .. } | Effect::DropReplies { .. } => self.disarm(fault),
            Effect::Members(change) => self.change_members_back(fault, *change).await,
        }
    }

    async fn heal_all(&self) -> Report {
        // The cluster ends with the run, and every fault of the run was healed by its own id: what is left shows here.
        let (ill, cut, disturbed) = self.world.with(|simulation| {
            let nodes = simulation.nodes().len();
            let ill = (0..nodes)
                .filter(|&node| simulation.status(NodeId::new(node)) != Status::Running)
                .count();
            let cut = simulation
                .links()
                .into_iter()
                .filter(|link| !simulation.probe(*link))
                .count();
            let disturbed = simulation
                .links()
                .into_iter()
                .filter(|link| simulation.disturbances_on(*link) > 0)
                .count();
            (ill, cut, disturbed)
        });
        let evidence = [
            ("nodes_down", Value::from(ill as u64)),
            ("links_cut", Value::from(cut as u64)),
            ("links_disturbed", Value::from(disturbed as u64)),
        ];
        report(ill == 0 && cut == 0 && disturbed == 0, evidence)
    }
}
