//! Faults of the database's processes: kill, stop, pause, restart.

use std::sync::Arc;

use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Effect, Fault};
use crate::mistake::Mistake;
use crate::role::Roles;
use crate::spec::Settings;
use crate::targets::{Targets, Unresolved};

/// Settings of a fault that acts on the database's processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessFault {
    /// On which nodes; one node, drawn, when left out.
    #[serde(default)]
    pub targets: Targets,
}

/// [`ProcessFault`] settings together with what they ask for.
pub(crate) struct OnProcesses<'a> {
    pub(crate) name: &'static str,
    pub(crate) effect: Effect,
    pub(crate) settings: &'a ProcessFault,
}

impl Settings for OnProcesses<'_> {
    fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        self.settings
            .targets
            .validate(nodes, &format!("{path}.targets"), mistakes);
    }

    fn resolve(
        &self,
        id: u32,
        nodes: &[Arc<str>],
        roles: Option<&Roles>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Fault, Unresolved> {
        let (targets, label) = self.settings.targets.draw_labelled(nodes, roles, rng)?;
        Ok(Fault {
            id,
            name: self.name,
            label,
            nodes: targets,
            sides: Vec::new(),
            effect: self.effect.clone(),
        })
    }

    fn awaited(&self) -> String {
        self.settings.targets.to_string()
    }

    fn lasts(&self) -> bool {
        self.effect != Effect::Restart
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;
    use crate::testing::nodes;

    #[test]
    fn labels_say_who_and_why() {
        let label = |targets: Targets| {
            OnProcesses {
                name: "kill",
                effect: Effect::Kill,
                settings: &ProcessFault { targets },
            }
            .resolve(1, &nodes(3), None, &mut draw::stream(1, 0))
            .unwrap()
            .label
        };
        assert_eq!(label(Targets::All), "all: n1 n2 n3");
        assert_eq!(
            label(Targets::Names(vec!["n3".into(), "n1".into()])),
            "n1 n3"
        );
    }
}
