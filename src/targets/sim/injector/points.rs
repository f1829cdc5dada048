//! Nodes that die or lose their acknowledgements at a named point.

use schism_history::Value;
use schism_nemeses::{Effect, Fault, Report};
use schism_simulator::{AtPoint, Share, Status};

use super::{SimulatedInjector, report, without_effect};

impl SimulatedInjector {
    /// The nodes die at the point, or lose a share of their acknowledgements there. Whether one came there is measured at
    /// the end.
    pub(super) fn arm(
        &self,
        fault: &Fault,
        point: &str,
        share: Option<schism_nemeses::Share>,
    ) -> Report {
        let nodes = self.nodes(fault);
        let action = share.map_or(AtPoint::Crash, |share| {
            AtPoint::DropReplies(Share::from_ppm(share.ppm()))
        });
        self.world.with(|simulation| {
            if !simulation.points().contains(&point) {
                let known = simulation.points().join(", ");
                let evidence = [("points", Value::from(known))];
                return without_effect("the store has no such point", evidence);
            }
            for &node in &nodes {
                simulation.arm(fault.id, node, point, action);
            }
            let armed = Value::from(nodes.len() as u64);
            report(!nodes.is_empty(), [("nodes_armed", armed)])
        })
    }

    pub(super) fn disarm(&self, fault: &Fault) -> Report {
        let nodes = self.nodes(fault);
        let dies = matches!(fault.effect, Effect::CrashAt { .. });
        self.world.with(|simulation| {
            let mut hits = 0;
            let mut found = !nodes.is_empty();
            for &node in &nodes {
                match simulation.disarm(fault.id, node) {
                    Some(more) => hits += more,
                    None => found = false,
                }
                if dies && simulation.status(node) == Status::Down {
                    simulation.start(node);
                }
            }
            let run = !dies
                || nodes
                    .iter()
                    .all(|&node| simulation.status(node) == Status::Running);
            let what = if dies {
                "deaths"
            } else {
                "acknowledgements_lost"
            };
            let evidence = [(what, Value::from(hits))];
            if hits == 0 {
                return without_effect("no node came to the point", evidence);
            }
            report(found && run, evidence)
        })
    }
}
