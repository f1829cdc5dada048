//! Why a fault cannot be carried out on a node, told before the run.

use std::fmt;
use std::sync::Arc;

use crate::cluster::Target;
use crate::partition::{Direction, Shape};
use crate::spec::Spec;
use crate::survey::Survey;

/// Why a fault of the plan is not possible on a node, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The kind of fault: `partition`.
    pub fault: &'static str,
    /// The node.
    pub node: Arc<str>,
    /// Why not, in one sentence without a full stop.
    pub why: String,
    /// What to do, in one sentence without a full stop.
    pub remedy: String,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fault,
            node,
            why,
            remedy,
        } = self;
        write!(f, "{fault} on {node}: {why}; {remedy}")
    }
}

/// What stands in the way of the fault on a node that told this about itself.
pub(crate) fn obstacles(spec: &Spec, target: &Target, survey: &Survey) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    for (fault, _) in spec.settings() {
        let mut add = |why: &str, remedy: &str| {
            obstacles.push(Obstacle {
                fault,
                node: target.name.clone(),
                why: why.to_owned(),
                remedy: remedy.to_owned(),
            });
        };
        if !Spec::ON_REAL_NODES.contains(&fault) {
            add(
                "schism cannot do this to real nodes yet",
                "leave the fault out, or use a simulated target",
            );
            continue;
        }
        if survey.state.is_none() {
            add(
                "neither /run/schism nor /tmp/schism can be written by root alone",
                "remove what is there in their place",
            );
        }
        if fault == "partition" {
            if survey.firewall.is_none() {
                add(
                    "neither nft nor iptables works there",
                    "install the package nftables, or load the kernel's packet filter modules",
                );
            }
            if survey.probe.is_none() {
                add(
                    "there is nothing to prove a partition with",
                    "install bash, python3, a netcat or ping",
                );
            }
            if let Some(partition) = &spec.partition
                && partition.shape == Some(Shape::Clients)
            {
                if partition.direction == Direction::In {
                    add(
                        "packets to the clients can only be cut where the clients are",
                        "leave out direction, or write direction = \"out\"",
                    );
                }
                if survey.controller.is_none() {
                    add(
                        "the node does not tell whence the controller comes",
                        "let sshd set SSH_CONNECTION",
                    );
                }
                if target.database_port.is_none() {
                    add(
                        "the database's client port is not known, so nothing proves that clients are cut off",
                        "set port in [database]",
                    );
                }
            }
            continue;
        }
        match &target.processes {
            None => add(
                "it is not known how the database's processes are recognised",
                "set process in [database]",
            ),
            Some(rule) if rule.start.is_none() && fault != "pause" => add(
                "it is not known how the database is started again",
                "set start in [database]",
            ),
            Some(_) => {}
        }
    }
    obstacles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::FirewallTool;
    use crate::link::LinkFault;
    use crate::partition::Partition;
    use crate::probe::ProbeTool;
    use crate::process::ProcessFault;
    use crate::process_rule::ProcessRule;

    fn whole() -> Survey {
        Survey {
            firewall: Some(FirewallTool::Nft),
            probe: Some(ProbeTool::Bash),
            state: Some("/run/schism".to_owned()),
            addresses: Vec::new(),
            controller: Some(("10.0.0.9".parse().unwrap(), 22)),
        }
    }

    fn whys(spec: &Spec, target: &Target, survey: &Survey) -> Vec<String> {
        obstacles(spec, target, survey)
            .into_iter()
            .map(|obstacle| obstacle.why)
            .collect()
    }

    #[test]
    fn a_whole_node_has_no_obstacles() {
        let target = Target {
            database_port: Some(1),
            processes: Some(ProcessRule {
                start: Some("x".to_owned()),
                ..ProcessRule::default()
            }),
            ..Target::new("n1", "h")
        };
        let clients = Partition {
            shape: Some(Shape::Clients),
            ..Partition::default()
        };
        let spec = Spec {
            partition: Some(clients),
            kill: Some(ProcessFault::default()),
            ..Spec::default()
        };
        assert_eq!(obstacles(&spec, &target, &whole()), []);
    }

    #[test]
    fn what_only_a_simulated_cluster_can_do_is_named() {
        let target = Target::new("n1", "h");
        let link = Spec {
            link: Some(LinkFault::default()),
            ..Spec::default()
        };
        let whys = whys(&link, &target, &whole());
        assert_eq!(whys, ["schism cannot do this to real nodes yet"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let target = Target::new("n1", "h");
        let partition = |shape, direction| Spec {
            partition: Some(Partition {
                shape: Some(shape),
                direction,
                ..Partition::default()
            }),
            ..Spec::default()
        };
        let nothing = Survey::default();
        let halves = whys(
            &partition(Shape::Halves, Direction::Both),
            &target,
            &nothing,
        );
        assert_eq!(halves.len(), 3, "{halves:?}");
        let clients = whys(&partition(Shape::Clients, Direction::In), &target, &whole());
        assert_eq!(clients.len(), 2, "{clients:?}");
        let kill = Spec {
            kill: Some(ProcessFault::default()),
            ..Spec::default()
        };
        assert!(whys(&kill, &target, &whole())[0].contains("recognised"));
        let known = Target {
            processes: Some(ProcessRule::default()),
            ..target
        };
        assert!(whys(&kill, &known, &whole())[0].contains("started again"));
        let pause = Spec {
            pause: kill.kill.clone(),
            ..Spec::default()
        };
        assert_eq!(whys(&pause, &known, &whole()), [""; 0]);
    }
}
