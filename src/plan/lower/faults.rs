//! Whether the target can have the plan's faults, and its routing.

use schism_nemeses::{MemberChange, PointFault, Spec, Targets};
use schism_simulator::Config;

use super::{Lowering, at};
use crate::plan::nearest::nearest;
use crate::plan::path::KeyPath;
use crate::plan::{Routing, Target};

impl Lowering<'_> {
    pub(super) fn faults_fit(&mut self, faults: &[Spec], target: &Target) {
        for (place, fault) in faults.iter().enumerate() {
            let path = at("faults").index(place);
            let Some(kind) = fault.kind() else { continue };
            match target {
                Target::Sim(config) => self.fits_simulation(fault, &path, config),
                Target::Lab(_) | Target::Ssh(_) | Target::Maelstrom(_) => {
                    if !Spec::ON_REAL_NODES.contains(&kind) {
                        let message = format!("schism cannot do {kind} to real nodes yet");
                        let help = format!(
                            "use a simulated target, or one of {}",
                            Spec::ON_REAL_NODES.join(", ")
                        );
                        self.complain(path.key(kind), message, help);
                    }
                }
            }
        }
    }

    pub(super) fn routing_fits(&mut self, routing: Routing, target: &Target) {
        if routing != Routing::Nearest {
            return;
        }
        let known = match target {
            Target::Sim(config) => !config.nodes_near_clients().is_empty(),
            Target::Lab(_) | Target::Ssh(_) | Target::Maelstrom(_) => false,
        };
        if !known {
            self.complain(
                at("load.routing"),
                "it is not known which nodes are nearest to the clients",
                "let regions and clients.place in [target.sim] say where all clients are, or choose another routing",
            );
        }
    }

    fn fits_simulation(&mut self, fault: &Spec, path: &KeyPath, config: &Config) {
        let points = [("crash", &fault.crash), ("drop_ack", &fault.drop_ack)];
        let named: Vec<(&str, &PointFault)> = points
            .into_iter()
            .filter_map(|(kind, fault)| Some((kind, fault.as_ref()?)))
            .collect();
        if named.is_empty() && fault.member.is_none() {
            return;
        }
        // What is wrong with the configuration itself is told elsewhere.
        let Ok(cluster) = config.open(0) else { return };
        for (kind, settings) in named {
            let known = cluster.points();
            if known.contains(&&*settings.point) {
                continue;
            }
            let meant = nearest(&settings.point, known.iter().copied());
            let meant = meant.map_or(String::new(), |point| format!("did you mean `{point}`? "));
            let message = format!(
                "the store {} has no point {:?}",
                config.store, settings.point
            );
            let help = format!("{meant}its points are {}", known.join(", "));
            self.complain(path.key(kind).key("at"), message, help);
        }
        let Some(member) = &fault.member else { return };
        if !cluster.has_membership() {
            let message = format!("the members of the store {} never change", config.store);
            let help = "use a store whose members change, or another fault";
            return self.complain(path.key("member"), message, help);
        }
        let spares = usize::from(config.spares);
        let first_spare = cluster.nodes().len() - spares;
        if let (MemberChange::Add, Targets::Names(names)) = (member.change, &member.targets) {
            for (place, name) in names.iter().enumerate() {
                let node = cluster.nodes().iter().position(|node| node == name);
                if node.is_some_and(|node| node < first_spare) {
                    let message = format!("{name} is a member from the beginning");
                    let help = "name a spare node: the last ones, as many as `spares` in [target.sim] says";
                    let path = path.key("member").key("targets").index(place);
                    self.complain(path, message, help);
                }
            }
        }
    }
}
