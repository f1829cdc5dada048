//! Which nodes a fault acts on.

use std::fmt;
use std::sync::Arc;

use rand_pcg::Pcg64Mcg;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::draw;
use crate::mistake::Mistake;
use crate::role::{Role, Roles, nodes_with};

/// Which nodes a fault acts on: a name of the list below, or a list of node names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Targets {
    /// `one`: one node, drawn.
    #[default]
    One,
    /// `minority`: as many as can be lost while a majority is left, drawn; at least one.
    Minority,
    /// `majority`: the smallest majority, drawn.
    Majority,
    /// `minority-third`: fewer than a third, drawn; at least one.
    MinorityThird,
    /// `all`: every node.
    All,
    /// `leader`: the node that says it leads when the fault strikes; one of them, drawn, when several say so.
    Leader,
    /// `followers`: every node that says it follows when the fault strikes.
    Followers,
    /// These nodes.
    Names(Vec<Arc<str>>),
}

/// Why a fault cannot be told yet, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// It depends on the nodes' roles, which are known only when it strikes.
    AwaitsRoles,
    /// It cannot be done, and why.
    Impossible(String),
}

const NAMES: [(&str, Targets); 7] = [
    ("one", Targets::One),
    ("minority", Targets::Minority),
    ("majority", Targets::Majority),
    ("minority-third", Targets::MinorityThird),
    ("all", Targets::All),
    ("leader", Targets::Leader),
    ("followers", Targets::Followers),
];

impl Targets {
    /// Whether they are known only when the fault strikes.
    pub fn await_roles(&self) -> bool {
        matches!(self, Self::Leader | Self::Followers)
    }

    /// Draws the nodes, in the order of the plan. `roles` are `None` while they are not known.
    pub(crate) fn draw(
        &self,
        nodes: &[Arc<str>],
        roles: Option<&Roles>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Vec<Arc<str>>, Unresolved> {
        let drawn = match self {
            Self::One => some(nodes, 1, rng),
            Self::Minority => some(nodes, minority(nodes.len()), rng),
            Self::Majority => some(nodes, majority(nodes.len()), rng),
            Self::MinorityThird => some(nodes, minority_third(nodes.len()), rng),
            Self::All => nodes.to_vec(),
            Self::Leader => {
                let roles = roles.ok_or(Unresolved::AwaitsRoles)?;
                let leaders = nodes_with(Role::Leader, roles, nodes);
                if leaders.is_empty() {
                    return Err(Unresolved::Impossible(
                        "no node says that it leads".to_owned(),
                    ));
                }
                some(&leaders, 1, rng)
            }
            Self::Followers => {
                let roles = roles.ok_or(Unresolved::AwaitsRoles)?;
                let followers = nodes_with(Role::Follower, roles, nodes);
                if followers.is_empty() {
                    return Err(Unresolved::Impossible(
                        "no node says that it follows".to_owned(),
                    ));
                }
                followers
            }
            Self::Names(names) => nodes
                .iter()
                .filter(|node| names.contains(node))
                .cloned()
                .collect(),
        };
        if drawn.is_empty() {
            return Err(Unresolved::Impossible("there is no such node".to_owned()));
        }
        Ok(drawn)
    }

    /// Draws the nodes, sorted, and says who they are and why: `leader: n2`, or their names when the plan names them.
    pub(crate) fn draw_labelled(
        &self,
        nodes: &[Arc<str>],
        roles: Option<&Roles>,
        rng: &mut Pcg64Mcg,
    ) -> Result<(Vec<Arc<str>>, String), Unresolved> {
        let mut drawn = self.draw(nodes, roles, rng)?;
        let label = match self {
            Self::Names(_) => drawn.join(" "),
            by_word => format!("{by_word}: {}", drawn.join(" ")),
        };
        drawn.sort_unstable();
        Ok((drawn, label))
    }

    pub(crate) fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        let Self::Names(names) = self else { return };
        if names.is_empty() {
            mistakes.push(Mistake::new(
                path,
                "the list of targets is empty",
                "name at least one node, or write \"one\"",
            ));
        }
        for (i, name) in names.iter().enumerate() {
            let path = format!("{path}[{i}]");
            if !nodes.contains(name) {
                mistakes.push(unknown_node(path, name, nodes));
            } else if names[..i].contains(name) {
                mistakes.push(Mistake::new(
                    path,
                    format!("{name} is named twice"),
                    "name each node once",
                ));
            }
        }
    }
}

/// Fewer than half of `n`, at least one.
pub(crate) fn minority(n: usize) -> usize {
    (n.saturating_sub(1) / 2).max(1)
}

/// The smallest majority of `n`.
pub(crate) fn majority(n: usize) -> usize {
    n / 2 + 1
}

/// Fewer than a third of `n`, at least one.
pub(crate) fn minority_third(n: usize) -> usize {
    (n.saturating_sub(1) / 3).max(1)
}

/// `count` of the nodes, drawn, in the order they were given.
pub(crate) fn some(nodes: &[Arc<str>], count: usize, rng: &mut Pcg64Mcg) -> Vec<Arc<str>> {
    let mut places: Vec<usize> = (0..nodes.len()).collect();
    draw::shuffle(rng, &mut places);
    places.truncate(count);
    places.sort_unstable();
    places.into_iter().map(|i| nodes[i].clone()).collect()
}

pub(crate) fn unknown_node(path: String, name: &str, nodes: &[Arc<str>]) -> Mistake {
    Mistake::new(
        path,
        format!("there is no node {name:?}"),
        format!("the nodes are {}", nodes.join(", ")),
    )
}

/// As it stands in a plan; a list of names has spaces between them.
impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Names(names) = self {
            return f.write_str(&names.join(" "));
        }
        let name = NAMES
            .iter()
            .find(|(_, targets)| targets == self)
            .map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl Serialize for Targets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Self::Names(names) = self {
            names.serialize(serializer)
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrList;

        impl<'de> Visitor<'de> for NameOrList {
            type Value = Targets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a name like "leader" or a list of nodes like ["n1", "n2"]"#)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Targets, E> {
                const WORDS: &[&str] = &[
                    "one",
                    "minority",
                    "majority",
                    "minority-third",
                    "all",
                    "leader",
                    "followers",
                ];
                NAMES
                    .iter()
                    .find(|(name, _)| *name == text)
                    .map(|(_, targets)| targets.clone())
                    .ok_or_else(|| E::unknown_variant(text, WORDS))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Targets, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element::<Arc<str>>()? {
                    names.push(name);
                }
                Ok(Targets::Names(names))
            }
        }

        deserializer.deserialize_any(NameOrList)
    }
}

impl JsonSchema for Targets {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Targets".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        json_schema!({
            "description": "Which nodes the fault acts on: a name, or a list of nodes.",
            "anyOf": [
                { "type": "string", "enum": names },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::nodes;

    fn drawn(targets: &Targets, n: usize, seed: u64) -> Vec<Arc<str>> {
        targets
            .draw(&nodes(n), None, &mut draw::stream(seed, 0))
            .unwrap()
    }

    #[test]
    fn sizes_are_those_of_their_names() {
        for (n, minority, majority, third) in [
            (1, 1, 1, 1),
            (2, 1, 2, 1),
            (3, 1, 2, 1),
            (4, 1, 3, 1),
            (5, 2, 3, 1),
            (7, 3, 4, 2),
            (9, 4, 5, 2),
        ] {
            for seed in 0..20 {
                let size = |targets| drawn(&targets, n, seed).len();
                assert_eq!(size(Targets::One), 1);
                assert_eq!(size(Targets::Minority), minority, "{n}");
                assert_eq!(size(Targets::Majority), majority, "{n}");
                assert_eq!(size(Targets::MinorityThird), third, "{n}");
                assert_eq!(size(Targets::All), n);
            }
        }
    }

    #[test]
    fn every_node_is_drawn_at_times() {
        let seen: std::collections::BTreeSet<Arc<str>> = (0..200)
            .flat_map(|seed| drawn(&Targets::One, 5, seed))
            .collect();
        assert_eq!(seen.len(), 5);
    }

    #[test]
    fn roles_are_awaited_and_then_obeyed() {
        let nodes = nodes(3);
        let mut rng = draw::stream(1, 1);
        assert_eq!(
            Targets::Leader.draw(&nodes, None, &mut rng),
            Err(Unresolved::AwaitsRoles)
        );
        let roles = [
            (nodes[0].clone(), Role::Follower),
            (nodes[1].clone(), Role::Leader),
            (nodes[2].clone(), Role::Follower),
        ];
        assert_eq!(
            Targets::Leader.draw(&nodes, Some(&roles), &mut rng),
            Ok(vec![nodes[1].clone()])
        );
        assert_eq!(
            Targets::Followers.draw(&nodes, Some(&roles), &mut rng),
            Ok(vec![nodes[0].clone(), nodes[2].clone()])
        );
        assert!(matches!(
            Targets::Leader.draw(&nodes, Some(&roles[..1]), &mut rng),
            Err(Unresolved::Impossible(_))
        ));
    }

    #[test]
    fn json_round_trips_and_a_wrong_name_lists_the_right_ones() {
        for json in [r#""leader""#, r#""minority-third""#, r#"["n1","n2"]"#] {
            let targets: Targets = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&targets).unwrap(), json);
        }
        let error = serde_json::from_str::<Targets>(r#""leeder""#).unwrap_err();
        assert!(error.to_string().contains("`followers`"), "{error}");
    }

    #[test]
    fn mistakes_carry_their_path() {
        let mut mistakes = Vec::new();
        let names = |names: &[&str]| Targets::Names(names.iter().map(|&n| n.into()).collect());
        names(&["n1", "n9", "n1"]).validate(&nodes(3), "faults[0].kill.targets", &mut mistakes);
        names(&[]).validate(&nodes(3), "faults[1].kill.targets", &mut mistakes);
        let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "faults[0].kill.targets[1]: there is no node \"n9\"; the nodes are n1, n2, n3",
                "faults[0].kill.targets[2]: n1 is named twice; name each node once",
                "faults[1].kill.targets: the list of targets is empty; name at least one node, or write \"one\"",
            ]
        );
    }
}
