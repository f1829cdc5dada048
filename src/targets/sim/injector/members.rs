//! Nodes that join and leave the cluster.

use std::time::Duration;

use schism_history::Value;
use schism_nemeses::{Fault, MemberChange, Report};
use schism_simulator::{MemberChange as Change, NodeId, Simulation};

use super::{SimulatedInjector, report, without_effect};
use crate::clock::Clock;

/// How long the cluster may take until a majority of its running nodes knows of a change.
const AGREED_WITHIN: Duration = Duration::from_secs(5);
/// How often the nodes are asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Whether a majority of the running nodes says that the node is a member, or is none.
fn agreed(simulation: &dyn Simulation, node: NodeId, member: bool) -> bool {
    let views = simulation.members();
    let views: Vec<bool> = views
        .iter()
        .filter(|(who, _)| *who != node)
        .map(|(_, members)| members.contains(node) == member)
        .collect();
    let saying = views.iter().filter(|says| **says).count();
    saying * 2 > views.len()
}

impl SimulatedInjector {
    pub(super) async fn change_members(&self, fault: &Fault, change: MemberChange) -> Report {
        self.move_members(fault, change == MemberChange::Add).await
    }

    pub(super) async fn change_members_back(&self, fault: &Fault, change: MemberChange) -> Report {
        if change == MemberChange::Replace {
            for node in self.nodes(fault) {
                self.world.with(|simulation| {
                    simulation.crash(node);
                    simulation.wipe(node);
                    simulation.start(node);
                });
            }
        }
        self.move_members(fault, change != MemberChange::Add).await
    }

    /// Has the nodes join or leave, one after the other, and waits until a majority knows.
    async fn move_members(&self, fault: &Fault, joins: bool) -> Report {
        if !self.world.with(|simulation| simulation.has_membership()) {
            return without_effect("the members of this store never change", []);
        }
        let nodes = self.nodes(fault);
        let mut moved = 0;
        for &node in &nodes {
            let change = if joins {
                Change::Add(node)
            } else {
                Change::Remove(node)
            };
            let deadline = self.world.now() + AGREED_WITHIN;
            loop {
                let done = self.world.with(|simulation| {
                    if agreed(simulation, node, joins) {
                        return true;
                    }
                    // Any other running member can be asked, and asking again does no harm.
                    let views = simulation.members();
                    for (other, members) in views {
                        if other != node && members.contains(other) {
                            simulation.change_members(other, change);
                        }
                    }
                    false
                });
                if done {
                    moved += 1;
                    break;
                }
                if self.world.now() >= deadline {
                    break;
                }
                self.world.sleep_until(self.world.now() + ASK_EVERY).await;
            }
        }
        let evidence = [
            ("nodes_moved", Value::from(u64::from(moved))),
            ("nodes", Value::from(nodes.len() as u64)),
        ];
        if moved < nodes.len() as u32 {
            return without_effect("a majority does not know of the change", evidence);
        }
        report(moved > 0, evidence)
    }
}
