//! Faults of disks: slow, stalled, full, torn, set back.

use std::sync::Arc;
use std::time::Duration;

use humantime_serde::re::humantime::format_duration;
use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration_range::HumanDuration;
use crate::fault::{Effect, Fault};
use crate::mistake::Mistake;
use crate::role::Roles;
use crate::spec::Settings;
use crate::targets::{Targets, Unresolved};

/// Settings of a fault of disks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskFault {
    /// What is wrong with the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<DiskKind>,
    /// How much longer each write takes, for the kind `slow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<HumanDuration>,
    /// On which nodes; one node, drawn, when left out.
    #[serde(default)]
    pub targets: Targets,
}

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskKind {
    /// Writes wait until the fault is healed.
    Stall,
    /// Each write takes longer, `by` so much.
    Slow,
    /// Writes are refused. A database that cannot write dies, and is started again when there is room.
    Full,
    /// The power fails in the middle of the next write, of which a part is kept. The node is started again at the end.
    Tear,
    /// The disk is copied, and the copy put back at the end, with a restart: the node forgets what it wrote meanwhile.
    Restore,
}

impl DiskKind {
    /// Its name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stall => "stall",
            Self::Slow => "slow",
            Self::Full => "full",
            Self::Tear => "tear",
            Self::Restore => "restore",
        }
    }
}

/// What is done to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskChange {
    /// Writes wait.
    Stall,
    /// Each write takes so much longer.
    Slow {
        /// How much.
        by: Duration,
    },
    /// Writes are refused.
    Full,
    /// The power fails in the middle of the next write.
    Tear,
    /// A copy is taken now and put back at the end.
    Restore,
}

impl DiskFault {
    fn change(&self) -> Option<DiskChange> {
        Some(match self.kind? {
            DiskKind::Stall => DiskChange::Stall,
            DiskKind::Slow => DiskChange::Slow { by: self.by?.0 },
            DiskKind::Full => DiskChange::Full,
            DiskKind::Tear => DiskChange::Tear,
            DiskKind::Restore => DiskChange::Restore,
        })
    }

    fn what(&self) -> String {
        let name = self.kind.map_or("disk", DiskKind::name);
        match self.by {
            Some(by) => format!("{name} by {}", format_duration(by.0)),
            None => name.to_owned(),
        }
    }
}

impl Settings for DiskFault {
    fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        match (self.kind, self.by) {
            (None, _) => mistakes.push(Mistake::new(
                path,
                "it is not said what is wrong with the disk",
                "add kind = \"stall\", \"slow\", \"full\", \"tear\" or \"restore\"",
            )),
            (Some(DiskKind::Slow), None) => mistakes.push(Mistake::new(
                format!("{path}.by"),
                "it is not said how slow the disk is",
                "add by = \"50ms\", or another time",
            )),
            (Some(DiskKind::Slow), Some(by)) if by.0.is_zero() => mistakes.push(Mistake::new(
                format!("{path}.by"),
                "the disk is not slower than before",
                "write a time above zero",
            )),
            (Some(DiskKind::Slow), Some(_)) | (Some(_), None) => {}
            (Some(kind), Some(_)) => mistakes.push(Mistake::new(
                format!("{path}.by"),
                format!("by does not go with {}", kind.name()),
                "leave it out, or write kind = \"slow\"",
            )),
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
        let Some(change) = self.change() else {
            return Err(Unresolved::Impossible(
                "nothing is done to the disk".to_owned(),
            ));
        };
        let (nodes, whom) = self.targets.draw_labelled(nodes, roles, rng)?;
        Ok(Fault {
            id,
            name: "disk",
            label: format!("{} on {whom}", self.what()),
            nodes,
            sides: Vec::new(),
            effect: Effect::Disk(change),
        })
    }

    fn awaited(&self) -> String {
        format!("{} on {}", self.what(), self.targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;
    use crate::testing::nodes;

    fn read(text: &str) -> DiskFault {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn each_kind_says_what_it_does_to_whom() {
        for (text, label) in [
            ("kind = \"stall\"\ntargets = [\"n1\"]", "stall on n1"),
            (
                "kind = \"slow\"\nby = \"50ms\"\ntargets = [\"n1\"]",
                "slow by 50ms on n1",
            ),
            (
                "kind = \"full\"\ntargets = \"all\"",
                "full on all: n1 n2 n3",
            ),
            ("kind = \"tear\"\ntargets = [\"n3\"]", "tear on n3"),
            ("kind = \"restore\"\ntargets = [\"n3\"]", "restore on n3"),
        ] {
            let mut mistakes = Vec::new();
            read(text).validate(&nodes(3), "disk", &mut mistakes);
            assert_eq!(mistakes, [], "{text}");
            let mut rng = draw::stream(1, 0);
            let fault = read(text).resolve(1, &nodes(3), None, &mut rng).unwrap();
            assert_eq!(fault.label, label);
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (text, part) in [
            ("", "not said what"),
            ("kind = \"slow\"", "how slow"),
            ("kind = \"slow\"\nby = \"0s\"", "not slower"),
            ("kind = \"full\"\nby = \"1s\"", "does not go with full"),
            ("kind = \"full\"\ntargets = [\"n9\"]", "disk.targets[0]"),
        ] {
            let mut mistakes = Vec::new();
            read(text).validate(&nodes(3), "disk", &mut mistakes);
            assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
            assert!(mistakes[0].to_string().contains(part), "{text}");
        }
    }
}
