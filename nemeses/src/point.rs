//! Faults at a named point of what a database does: it dies there, or its acknowledgement gets lost.

use std::sync::Arc;

use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Effect, Fault};
use crate::mistake::Mistake;
use crate::quantity::Share;
use crate::role::Roles;
use crate::spec::Settings;
use crate::targets::{Targets, Unresolved};

/// The point that every store passes: just before it answers a client.
const REPLY: &str = "reply";

/// Settings of a fault at a named point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PointFault {
    /// The name of the point: `reply` (before a client is answered) and `send` (before a message is sent) in every
    /// store, others as the store has them.
    #[serde(rename = "at")]
    pub point: Arc<str>,
    /// In which share of cases; in all when left out. A crash takes no share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// On which nodes; one node, drawn, when left out.
    pub targets: Targets,
}

impl Default for PointFault {
    fn default() -> Self {
        Self {
            point: Arc::from(REPLY),
            share: None,
            targets: Targets::default(),
        }
    }
}

/// [`PointFault`] settings together with what they ask for.
pub(crate) struct AtPoint<'a> {
    /// Whether the node dies there; otherwise it loses its acknowledgement.
    pub(crate) dies: bool,
    pub(crate) settings: &'a PointFault,
}

impl AtPoint<'_> {
    fn name(&self) -> &'static str {
        if self.dies { "crash" } else { "drop_ack" }
    }

    fn what(&self) -> String {
        match self.settings.share {
            Some(share) => format!("at {} in {share}", self.settings.point),
            None => format!("at {}", self.settings.point),
        }
    }
}

impl Settings for AtPoint<'_> {
    fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        if self.settings.point.is_empty() {
            mistakes.push(Mistake::new(
                format!("{path}.at"),
                "the point has no name",
                "write at = \"reply\", or another point of the store",
            ));
        }
        if let Some(share) = self.settings.share
            && (self.dies || share.is_none())
        {
            mistakes.push(Mistake::new(
                format!("{path}.share"),
                if self.dies {
                    "a node dies once"
                } else {
                    "no acknowledgement would get lost"
                },
                if self.dies {
                    "leave the share out"
                } else {
                    "write a share above zero"
                },
            ));
        }
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
        let (nodes, whom) = self.settings.targets.draw_labelled(nodes, roles, rng)?;
        let point = self.settings.point.clone();
        Ok(Fault {
            id,
            name: self.name(),
            label: format!("{} on {whom}", self.what()),
            nodes,
            sides: Vec::new(),
            effect: if self.dies {
                Effect::CrashAt { point }
            } else {
                Effect::DropReplies {
                    point,
                    share: self.settings.share.unwrap_or(Share::ALL),
                }
            },
        })
    }

    fn awaited(&self) -> String {
        format!("{} on {}", self.what(), self.settings.targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;
    use crate::testing::nodes;

    fn mistakes(dies: bool, text: &str) -> Vec<String> {
        let settings: PointFault = toml::from_str(text).unwrap();
        let mut mistakes = Vec::new();
        let fault = AtPoint {
            dies,
            settings: &settings,
        };
        fault.validate(&nodes(3), "crash", &mut mistakes);
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn it_says_where_and_who() {
        let settings: PointFault =
            toml::from_str("at = \"mid-commit\"\nshare = \"10%\"\ntargets = [\"n2\"]").unwrap();
        let fault = AtPoint {
            dies: false,
            settings: &settings,
        };
        let fault = fault
            .resolve(1, &nodes(3), None, &mut draw::stream(1, 0))
            .unwrap();
        assert_eq!(fault.name, "drop_ack");
        assert_eq!(fault.label, "at mid-commit in 10% on n2");
        assert!(mistakes(true, "").is_empty() && mistakes(false, "").is_empty());
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (dies, text, part) in [
            (true, "at = \"\"", "no name"),
            (true, "share = \"10%\"", "dies once"),
            (false, "share = \"0%\"", "above zero"),
            (false, "targets = [\"n9\"]", "crash.targets[0]"),
        ] {
            let mistakes = mistakes(dies, text);
            assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
            assert!(mistakes[0].contains(part), "{mistakes:?}");
        }
    }
}
