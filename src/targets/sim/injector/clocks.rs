//! Clocks that are wrong.

use schism_history::Value;
use schism_nemeses::{ClockChange, Fault, Report};
use schism_simulator::{ClockFault, NodeId, Share, Simulation};

use super::{SimulatedInjector, report};

/// What a fault asks for, in the words of the simulator.
fn clock_fault(change: ClockChange) -> ClockFault {
    match change {
        ClockChange::Jump { by_ns } => ClockFault::Jump { by_ns },
        ClockChange::Drift { ppm } => ClockFault::Drift { ppm },
        ClockChange::Freeze => ClockFault::Freeze,
        ClockChange::Strobe { by_ns, every } => ClockFault::Strobe { by_ns, every },
    }
}

/// How far each node's wall clock is ahead of the truth, in nanoseconds.
fn offsets(simulation: &dyn Simulation, nodes: &[NodeId]) -> Vec<(String, i64)> {
    let truth = simulation.true_clock();
    nodes
        .iter()
        .map(|&node| (node.to_string(), simulation.clock(node).ahead_of(truth)))
        .collect()
}

fn value(offsets: Vec<(String, i64)>) -> Value {
    Value::map(
        offsets
            .into_iter()
            .map(|(node, offset)| (node, Value::from(offset))),
    )
}

impl SimulatedInjector {
    /// A clock that was set is measured at once. One that runs wrong or stands still shows it only with time, so its
    /// offset is measured again when it is healed.
    pub(super) fn disturb_clocks(
        &self,
        fault: &Fault,
        change: ClockChange,
        clients: Option<schism_nemeses::Share>,
    ) -> Report {
        let nodes = self.nodes(fault);
        self.world.with(|simulation| {
            if let Some(share) = clients {
                let share = Share::from_ppm(share.ppm());
                simulation.disturb_client_clocks(fault.id, share, clock_fault(change));
                return report(true, [("share_ppm", Value::from(u64::from(share.ppm())))]);
            }
            let before = offsets(simulation, &nodes);
            for &node in &nodes {
                simulation.disturb_clock(fault.id, node, clock_fault(change));
            }
            let during = offsets(simulation, &nodes);
            let moved = before.iter().zip(&during).all(|(a, b)| a != b);
            let is_set = matches!(
                change,
                ClockChange::Jump { .. } | ClockChange::Strobe { .. }
            );
            let evidence = [
                ("ahead_before_ns", value(before)),
                ("ahead_during_ns", value(during)),
            ];
            report(!nodes.is_empty() && (moved || !is_set), evidence)
        })
    }

    /// Healed when there was something to heal: clocks that ran wrong were off, and clients of such clocks called.
    pub(super) fn calm_clocks(
        &self,
        fault: &Fault,
        change: ClockChange,
        clients: Option<schism_nemeses::Share>,
    ) -> Report {
        let nodes = self.nodes(fault);
        self.world.with(|simulation| {
            if clients.is_some() {
                let requests = simulation.calm_client_clocks(fault.id);
                let evidence = [("requests", Value::from(requests.unwrap_or(0)))];
                return report(requests.is_some_and(|requests| requests > 0), evidence);
            }
            let during = offsets(simulation, &nodes);
            let mut healed = !nodes.is_empty();
            for &node in &nodes {
                healed &= simulation.calm_clock(fault.id, node);
            }
            let after = offsets(simulation, &nodes);
            // A strobe may just have been on its right side.
            let shows = matches!(change, ClockChange::Strobe { .. })
                || during.iter().zip(&after).all(|(a, b)| a != b);
            let evidence = [
                ("ahead_during_ns", value(during)),
                ("ahead_after_ns", value(after)),
            ];
            report(healed && shows, evidence)
        })
    }
}
