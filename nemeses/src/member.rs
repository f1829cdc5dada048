//! Changes of who belongs to the cluster.

use std::sync::Arc;

use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Effect, Fault};
use crate::mistake::Mistake;
use crate::role::Roles;
use crate::spec::Settings;
use crate::targets::{Targets, Unresolved};

/// Settings of a change of members. It is taken back at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberFault {
    /// What changes; `remove` when left out.
    #[serde(default)]
    pub change: MemberChange,
    /// Which nodes; one node, drawn, when left out. Spare nodes, by name, for `add`.
    #[serde(default)]
    pub targets: Targets,
}

/// What changes in who belongs to the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MemberChange {
    /// The nodes leave, and join again at the end as they are.
    #[default]
    Remove,
    /// Spare nodes join, and leave at the end.
    Add,
    /// The nodes leave, and join again at the end with an empty disk, as new machines do.
    Replace,
}

impl MemberChange {
    /// Its name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Add => "add",
            Self::Replace => "replace",
        }
    }
}

impl Settings for MemberFault {
    fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        if self.change == MemberChange::Add && !matches!(self.targets, Targets::Names(_)) {
            mistakes.push(Mistake::new(
                format!("{path}.targets"),
                "it is not said which spare nodes join",
                "name them, as in targets = [\"n6\"]",
            ));
        }
        self.targets
            .validate(nodes, &format!("{path}.targets"), mistakes);
    }

    fn resolve(
        &self,
        id: u32,
        nodes: &[Arc<str>],
        roles: Option<&Roles>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Fault, Unresolved> {
        let (nodes, whom) = self.targets.draw_labelled(nodes, roles, rng)?;
        Ok(Fault {
            id,
            name: "member",
            label: format!("{} {whom}", self.change.name()),
            nodes,
            sides: Vec::new(),
            effect: Effect::Members(self.change),
        })
    }

    fn awaited(&self) -> String {
        format!("{} {}", self.change.name(), self.targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;
    use crate::testing::nodes;

    #[test]
    fn it_says_what_changes_for_whom() {
        let read = |text: &str| toml::from_str::<MemberFault>(text).unwrap();
        let mut mistakes = Vec::new();
        read("change = \"replace\"\ntargets = \"minority\"").validate(
            &nodes(3),
            "m",
            &mut mistakes,
        );
        assert_eq!(mistakes, []);
        let fault = read("change = \"add\"\ntargets = [\"n3\"]")
            .resolve(1, &nodes(3), None, &mut draw::stream(1, 0))
            .unwrap();
        assert_eq!(fault.label, "add n3");
        read("change = \"add\"").validate(&nodes(3), "m", &mut mistakes);
        assert!(mistakes[0].to_string().contains("m.targets"));
    }
}
