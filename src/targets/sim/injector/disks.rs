//! Disks that are slow, stalled, full, torn, set back or wiped.

use schism_history::Value;
use schism_nemeses::{DiskChange, Fault, Report};
use schism_simulator::{DiskFault, DiskHarm, NodeId, Simulation, Status};

use super::{SimulatedInjector, report, without_effect};

/// What a fault asks for, in the words of the simulator; nothing for a copy that is put back later.
fn disk_fault(change: DiskChange) -> Option<DiskFault> {
    match change {
        DiskChange::Stall => Some(DiskFault::Stall),
        DiskChange::Slow { by } => Some(DiskFault::Slow { by }),
        DiskChange::Full => Some(DiskFault::Full),
        DiskChange::Tear => Some(DiskFault::Tear),
        DiskChange::Restore => None,
    }
}

impl SimulatedInjector {
    /// Kills the nodes and wipes their disks.
    pub(super) fn forget(&self, fault: &Fault) -> Report {
        let nodes = self.nodes(fault);
        self.world.with(|simulation| {
            let mut done = !nodes.is_empty();
            let mut forgotten = Vec::new();
            for &node in &nodes {
                done &= simulation.crash(node);
                let records = simulation.wipe(node);
                done &= records.is_some();
                let records = Value::from(records.unwrap_or(0) as u64);
                forgotten.push((node.to_string(), records));
            }
            report(done, [("records_forgotten", Value::map(forgotten))])
        })
    }

    pub(super) fn harm_disks(&self, fault: &Fault, change: DiskChange) -> Report {
        let nodes = self.nodes(fault);
        self.world.with(|simulation| {
            let mut records = Vec::new();
            for &node in &nodes {
                let copied = match disk_fault(change) {
                    Some(harm) => {
                        simulation.harm_disk(fault.id, node, harm);
                        0
                    }
                    None => simulation.snapshot(fault.id, node),
                };
                records.push((node.to_string(), Value::from(copied as u64)));
            }
            // What the disk does to its node shows when the node writes: that is measured at the end.
            let evidence = Value::map(records);
            match change {
                DiskChange::Restore => report(!nodes.is_empty(), [("records_copied", evidence)]),
                _ => report(!nodes.is_empty(), []),
            }
        })
    }

    /// Healed when the fault was there and some node wrote meanwhile; and every node runs again.
    pub(super) fn mend_disks(&self, fault: &Fault, change: DiskChange) -> Report {
        let nodes = self.nodes(fault);
        self.world.with(|simulation| {
            if change == DiskChange::Restore {
                return restore(simulation, fault.id, &nodes);
            }
            let mut total = DiskHarm::default();
            let mut found = !nodes.is_empty();
            for &node in &nodes {
                match simulation.mend_disk(fault.id, node) {
                    Some(harm) => {
                        total.waited += harm.waited;
                        total.died += harm.died;
                        total.lost += harm.lost;
                    }
                    None => found = false,
                }
                if simulation.status(node) == Status::Down {
                    simulation.start(node);
                }
            }
            let run = nodes
                .iter()
                .all(|&node| simulation.status(node) == Status::Running);
            let evidence = [
                ("writes_that_waited", Value::from(total.waited)),
                ("nodes_that_died", Value::from(total.died)),
                ("records_lost", Value::from(total.lost)),
            ];
            if total == DiskHarm::default() {
                return without_effect("no node wrote while the fault lasted", evidence);
            }
            report(found && run, evidence)
        })
    }
}

/// Puts the copies back; each node dies for it and is started again.
fn restore(simulation: &mut dyn Simulation, id: u32, nodes: &[NodeId]) -> Report {
    let mut done = !nodes.is_empty();
    let mut forgotten = 0;
    for &node in nodes {
        simulation.crash(node);
        match simulation.restore(id, node) {
            Some(records) => forgotten += records,
            None => done = false,
        }
        done &= simulation.start(node);
    }
    report(
        done,
        [("new_records_forgotten", Value::from(forgotten as u64))],
    )
}
