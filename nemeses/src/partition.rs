//! Partitions: some places no longer reach others.

use std::fmt::Write as _;
use std::sync::Arc;

use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draw;
use crate::fault::{Effect, Endpoint, Fault, RejectMode};
use crate::mistake::Mistake;
use crate::role::Roles;
use crate::spec::Settings;
use crate::targets::{Targets, Unresolved, minority, minority_third, unknown_node};
use crate::topology::{self, Severed};

/// The name by which a group of a partition means the clients.
const CLIENTS: &str = "clients";

/// Settings of a partition. Left out, a shape is drawn at each strike from those that need no roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Who is parted from whom. Drawn anew at each strike when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// Which way packets are lost: `both`, `in` (towards the isolated side: the smaller or first group) or `out`.
    #[serde(default)]
    pub direction: Direction,
    /// Whether packets vanish (`drop`) or their sender is told (`reject`).
    #[serde(default)]
    pub mode: RejectMode,
    /// Groups of nodes that still reach each other, for the shape `groups`. Nodes in no group reach everyone;
    /// `"clients"` in a group means the clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Vec<Arc<str>>>>,
    /// Which nodes the clients lose, for the shape `clients`; one node when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
}

/// Who is parted from whom.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// One node from the rest.
    One,
    /// Two halves; with an odd number, the first is the smaller.
    Halves,
    /// The largest minority from the smallest majority.
    MajorityMinority,
    /// Every node sees a majority, and no two see the same one.
    MajoritiesRing,
    /// Two halves and one node that sees both.
    Bridge,
    /// Fewer than a third (at least one) from the rest.
    MinorityThird,
    /// The leader from the rest.
    Leader,
    /// The clients from some nodes. Nodes still reach each other.
    Clients,
    /// The groups of the plan from each other.
    Groups,
}

impl Shape {
    /// Its name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Halves => "halves",
            Self::MajorityMinority => "majority-minority",
            Self::MajoritiesRing => "majorities-ring",
            Self::Bridge => "bridge",
            Self::MinorityThird => "minority-third",
            Self::Leader => "leader",
            Self::Clients => "clients",
            Self::Groups => "groups",
        }
    }

    /// How many nodes it needs to cut anything.
    pub const fn nodes_min(self) -> usize {
        match self {
            Self::Clients | Self::Groups => 1,
            Self::One | Self::Halves | Self::MinorityThird | Self::Leader => 2,
            Self::MajorityMinority | Self::MajoritiesRing | Self::Bridge => 3,
        }
    }
}

/// The shapes that are drawn from when the plan names none.
const DRAWN: [Shape; 6] = [
    Shape::One,
    Shape::Halves,
    Shape::MajorityMinority,
    Shape::MajoritiesRing,
    Shape::Bridge,
    Shape::MinorityThird,
];

/// Which way packets are lost, seen from the isolated side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// Towards the isolated side: it is heard, but hears nothing.
    In,
    /// From the isolated side: it hears, but is not heard.
    Out,
}

impl Partition {
    fn shape(&self, nodes: usize, rng: &mut Pcg64Mcg) -> Result<Shape, Unresolved> {
        let shape = match self.shape {
            Some(shape) => shape,
            None if self.groups.is_some() => Shape::Groups,
            None => {
                let fitting: Vec<Shape> = DRAWN
                    .into_iter()
                    .filter(|shape| shape.nodes_min() <= nodes)
                    .collect();
                // Drawn even from nothing, so that what follows never depends on how many shapes fit.
                let place = draw::below(rng, fitting.len());
                fitting.get(place).copied().unwrap_or(Shape::One)
            }
        };
        if nodes < shape.nodes_min() {
            return Err(Unresolved::Impossible(too_few(shape, nodes)));
        }
        Ok(shape)
    }

    /// ` (in, reject)`, or nothing when both are as usual.
    fn options(&self) -> &'static str {
        match (self.direction, self.mode) {
            (Direction::Both, RejectMode::Drop) => "",
            (Direction::Both, RejectMode::Reject) => " (reject)",
            (Direction::In, RejectMode::Drop) => " (in)",
            (Direction::In, RejectMode::Reject) => " (in, reject)",
            (Direction::Out, RejectMode::Drop) => " (out)",
            (Direction::Out, RejectMode::Reject) => " (out, reject)",
        }
    }

    fn validate_groups(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        let path = format!("{path}.groups");
        let Some(groups) = &self.groups else {
            if self.shape == Some(Shape::Groups) {
                mistakes.push(Mistake::new(
                    path,
                    "the shape is groups, but there are none",
                    "add groups = [[\"n1\"], [\"n2\", \"n3\"]], or choose another shape",
                ));
            }
            return;
        };
        if let Some(shape) = self.shape.filter(|shape| *shape != Shape::Groups) {
            mistakes.push(Mistake::new(
                path,
                format!("groups do not go with the shape {}", shape.name()),
                "leave out the groups, or write shape = \"groups\"",
            ));
            return;
        }
        if groups.len() < 2 {
            mistakes.push(Mistake::new(
                path.clone(),
                "a partition needs at least 2 groups",
                "list the groups that are to lose each other",
            ));
        }
        for (i, group) in groups.iter().enumerate() {
            if group.is_empty() {
                mistakes.push(Mistake::new(
                    format!("{path}[{i}]"),
                    "the group is empty",
                    "name a node in it, or leave it out",
                ));
            }
            for (j, name) in group.iter().enumerate() {
                let path = format!("{path}[{i}][{j}]");
                let before = groups[..i].iter().flatten().chain(&group[..j]);
                if **name != *CLIENTS && !nodes.contains(name) {
                    mistakes.push(unknown_node(path, name, nodes));
                } else if before.into_iter().any(|other| other == name) {
                    mistakes.push(Mistake::new(
                        path,
                        format!("{name} is in two places"),
                        "name each node in one group only, once",
                    ));
                }
            }
        }
    }
}

impl Settings for Partition {
    fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        self.validate_groups(nodes, path, mistakes);
        if let Some(targets) = &self.targets {
            let path = format!("{path}.targets");
            if self.shape == Some(Shape::Clients) {
                targets.validate(nodes, &path, mistakes);
            } else {
                mistakes.push(Mistake::new(
                    path,
                    "targets go with the shape clients only",
                    "write shape = \"clients\", or say who is parted by groups = [[…], […]]",
                ));
            }
        }
        let shape = match self.shape {
            Some(shape) => shape,
            None if self.groups.is_some() => Shape::Groups,
            None => Shape::One,
        };
        if nodes.len() < shape.nodes_min() {
            mistakes.push(Mistake::new(
                format!("{path}.shape"),
                too_few(shape, nodes.len()),
                "use more nodes, or a shape that needs fewer (clients needs one)",
            ));
        }
    }

    fn resolve(
        &self,
        id: u32,
        nodes: &[Arc<str>],
        roles: Option<&Roles>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Fault, Unresolved> {
        let shape = self.shape(nodes.len(), rng)?;
        let parted = part(shape, self, nodes, roles, rng)?;
        let links = topology::links(&parted.severed, self.direction);
        if links.is_empty() {
            return Err(Unresolved::Impossible(format!(
                "{}: nobody is parted from anybody",
                shape.name()
            )));
        }
        let mut touched: Vec<Arc<str>> = links
            .iter()
            .flat_map(|link| [&link.from, &link.to])
            .filter_map(|place| match place {
                Endpoint::Node(name) => Some(name.clone()),
                Endpoint::Clients => None,
            })
            .collect();
        touched.sort_unstable();
        touched.dedup();
        Ok(Fault {
            id,
            name: "partition",
            label: format!("{}{}: {}", shape.name(), self.options(), parted.label),
            nodes: touched,
            sides: parted.sides,
            effect: Effect::Cut {
                links,
                mode: self.mode,
            },
        })
    }

    fn awaited(&self) -> String {
        let shape = self.shape.unwrap_or(Shape::Leader);
        match &self.targets {
            Some(targets) if shape == Shape::Clients => {
                format!("clients{}: clients | {targets}", self.options())
            }
            _ => format!("{}{}: leader | the rest", shape.name(), self.options()),
        }
    }
}

/// A partition with everything drawn.
struct Parted {
    severed: Severed<Endpoint>,
    sides: Vec<Vec<Arc<str>>>,
    label: String,
}

fn part(
    shape: Shape,
    settings: &Partition,
    nodes: &[Arc<str>],
    roles: Option<&Roles>,
    rng: &mut Pcg64Mcg,
) -> Result<Parted, Unresolved> {
    let n = nodes.len();
    match shape {
        Shape::One => Ok(apart(nodes, 1, rng)),
        Shape::Halves => Ok(apart(nodes, n / 2, rng)),
        Shape::MajorityMinority => Ok(apart(nodes, minority(n), rng)),
        Shape::MinorityThird => Ok(apart(nodes, minority_third(n), rng)),
        Shape::Leader => {
            let leader = Targets::Leader.draw(nodes, roles, rng)?;
            Ok(groups(vec![leader.clone(), rest(nodes, &leader)]))
        }
        Shape::Bridge => {
            let mut order = nodes.to_vec();
            draw::shuffle(rng, &mut order);
            let bridge = order.remove(0);
            let left = in_order(nodes, &order[..order.len() / 2]);
            let right = in_order(nodes, &order[order.len() / 2..]);
            let label = format!("{} | {} over {bridge}", left.join(" "), right.join(" "));
            let with_bridge = |side: &[Arc<str>]| {
                in_order(nodes, &[side, std::slice::from_ref(&bridge)].concat())
            };
            Ok(Parted {
                sides: vec![with_bridge(&left), with_bridge(&right)],
                severed: topology::between_groups(&[places(&left), places(&right)]),
                label,
            })
        }
        Shape::MajoritiesRing => {
            let mut order = nodes.to_vec();
            draw::shuffle(rng, &mut order);
            let severed = topology::majorities_ring(&places(&order), rng)
                .ok_or_else(|| Unresolved::Impossible(too_few(shape, n)))?;
            let mut pairs: Vec<(&Endpoint, &Endpoint)> = severed
                .iter()
                .map(|(a, b)| if a < b { (a, b) } else { (b, a) })
                .collect();
            pairs.sort_unstable();
            let mut label = "apart".to_owned();
            for (i, (a, b)) in pairs.iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                let _ = write!(label, "{comma} {a} {b}");
            }
            Ok(Parted {
                severed,
                sides: Vec::new(),
                label,
            })
        }
        Shape::Clients => {
            let targets = settings.targets.clone().unwrap_or_default();
            let cut_off = targets.draw(nodes, roles, rng)?;
            Ok(Parted {
                severed: topology::between_groups(&[vec![Endpoint::Clients], places(&cut_off)]),
                sides: Vec::new(),
                label: format!("{CLIENTS} | {}", cut_off.join(" ")),
            })
        }
        Shape::Groups => Ok(groups(settings.groups.clone().unwrap_or_default())),
    }
}

/// `count` drawn nodes from the rest.
fn apart(nodes: &[Arc<str>], count: usize, rng: &mut Pcg64Mcg) -> Parted {
    let isolated = crate::targets::some(nodes, count, rng);
    let others = rest(nodes, &isolated);
    groups(vec![isolated, others])
}

fn groups(groups: Vec<Vec<Arc<str>>>) -> Parted {
    let label = groups
        .iter()
        .map(|group| group.join(" "))
        .collect::<Vec<_>>()
        .join(" | ");
    let ends: Vec<Vec<Endpoint>> = groups.iter().map(|group| places(group)).collect();
    let mut sides: Vec<Vec<Arc<str>>> = groups
        .into_iter()
        .map(|group| {
            group
                .into_iter()
                .filter(|name| **name != *CLIENTS)
                .collect()
        })
        .filter(|side: &Vec<_>| !side.is_empty())
        .collect();
    if sides.len() < 2 {
        sides.clear();
    }
    Parted {
        severed: topology::between_groups(&ends),
        sides,
        label,
    }
}

fn places(names: &[Arc<str>]) -> Vec<Endpoint> {
    names
        .iter()
        .map(|name| {
            if **name == *CLIENTS {
                Endpoint::Clients
            } else {
                Endpoint::Node(name.clone())
            }
        })
        .collect()
}

fn rest(nodes: &[Arc<str>], taken: &[Arc<str>]) -> Vec<Arc<str>> {
    nodes
        .iter()
        .filter(|node| !taken.contains(node))
        .cloned()
        .collect()
}

fn in_order(nodes: &[Arc<str>], chosen: &[Arc<str>]) -> Vec<Arc<str>> {
    nodes
        .iter()
        .filter(|node| chosen.contains(node))
        .cloned()
        .collect()
}

fn too_few(shape: Shape, nodes: usize) -> String {
    format!(
        "the shape {} needs at least {} nodes, and there {} {nodes}",
        shape.name(),
        shape.nodes_min(),
        if nodes == 1 { "is" } else { "are" }
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::fault::Link;
    use crate::role::Role;
    use crate::testing::nodes;

    const ALL: [Shape; 7] = [
        Shape::One,
        Shape::Halves,
        Shape::MajorityMinority,
        Shape::MajoritiesRing,
        Shape::Bridge,
        Shape::MinorityThird,
        Shape::Leader,
    ];

    fn resolve(partition: &Partition, n: usize, seed: u64) -> Result<Fault, Unresolved> {
        let nodes = nodes(n);
        let roles: Vec<_> = nodes
            .iter()
            .enumerate()
            .map(|(i, node)| {
                (
                    node.clone(),
                    if i == 0 { Role::Leader } else { Role::Follower },
                )
            })
            .collect();
        partition.resolve(1, &nodes, Some(&roles), &mut draw::stream(seed, 0))
    }

    fn links(fault: &Fault) -> &[Link] {
        let Effect::Cut { links, .. } = &fault.effect else {
            panic!("a partition cuts")
        };
        links
    }

    fn shaped(shape: Shape) -> Partition {
        Partition {
            shape: Some(shape),
            ..Partition::default()
        }
    }

    fn is_cut(fault: &Fault, from: &str, to: &str) -> bool {
        let place = |name: &str| Endpoint::Node(name.into());
        links(fault).contains(&Link {
            from: place(from),
            to: place(to),
        })
    }

    proptest! {
        #[test]
        fn both_ways_is_the_two_ways_together(n in 1usize..9, seed: u64, shape in 0usize..7) {
            let with = |direction| {
                resolve(&Partition { direction, ..shaped(ALL[shape]) }, n, seed)
            };
            let Ok(both) = with(Direction::Both) else {
                prop_assert!(n < ALL[shape].nodes_min());
                return Ok(());
            };
            let (inward, outward) = (with(Direction::In).unwrap(), with(Direction::Out).unwrap());
            let mut union: Vec<Link> = [links(&inward), links(&outward)].concat();
            union.sort();
            prop_assert_eq!(&union[..], links(&both), "in and out share nothing");
            for link in links(&both) {
                let back = Link { from: link.to.clone(), to: link.from.clone() };
                prop_assert!(links(&both).contains(&back));
                prop_assert!(links(&inward).contains(link) != links(&inward).contains(&back));
            }
            prop_assert_eq!(both.sides, inward.sides);
        }

        #[test]
        fn nobody_is_cut_from_their_own_side(n in 2usize..9, seed: u64, shape in 0usize..7) {
            let Ok(fault) = resolve(&shaped(ALL[shape]), n, seed) else { return Ok(()) };
            for side in &fault.sides {
                for a in side {
                    for b in side {
                        prop_assert!(!is_cut(&fault, a, b), "{}", fault.label);
                    }
                }
            }
        }

        #[test]
        fn in_a_bridge_exactly_one_node_sees_all(n in 3usize..9, seed: u64) {
            let fault = resolve(&shaped(Shape::Bridge), n, seed).unwrap();
            let names = nodes(n);
            let seeing_all = names
                .iter()
                .filter(|a| names.iter().all(|b| !is_cut(&fault, a, b)))
                .count();
            prop_assert_eq!(seeing_all, 1);
            let sizes: BTreeSet<usize> = fault.sides.iter().map(Vec::len).collect();
            prop_assert_eq!(sizes, [1 + (n - 1) / 2, 1 + (n - 1).div_ceil(2)].into());
        }

        #[test]
        fn a_partition_without_settings_always_cuts(n in 2usize..9, seed: u64) {
            let fault = resolve(&Partition::default(), n, seed).unwrap();
            prop_assert!(!links(&fault).is_empty());
        }
    }

    #[test]
    fn group_sizes_are_those_of_the_shape() {
        for (shape, sizes) in [
            (Shape::One, [(2, 1), (3, 1), (5, 1), (7, 1)]),
            (Shape::Halves, [(2, 1), (3, 1), (5, 2), (7, 3)]),
            (Shape::MajorityMinority, [(3, 1), (4, 1), (5, 2), (7, 3)]),
            (Shape::MinorityThird, [(2, 1), (3, 1), (5, 1), (7, 2)]),
        ] {
            for (n, isolated) in sizes {
                let fault = resolve(&shaped(shape), n, 3).unwrap();
                assert_eq!(fault.sides[0].len(), isolated, "{}", fault.label);
                assert_eq!(fault.sides[1].len(), n - isolated, "{}", fault.label);
                assert_eq!(links(&fault).len(), 2 * isolated * (n - isolated));
            }
        }
    }

    #[test]
    fn all_shapes_are_drawn_when_none_is_named() {
        let drawn: BTreeSet<String> = (0..200)
            .map(|seed| {
                let label = resolve(&Partition::default(), 5, seed).unwrap().label;
                label.split(':').next().unwrap().to_owned()
            })
            .collect();
        assert_eq!(drawn.len(), DRAWN.len(), "{drawn:?}");
    }

    #[test]
    fn one_way_cuts_go_towards_or_from_the_isolated_side() {
        let leader = |direction| {
            resolve(
                &Partition {
                    direction,
                    ..shaped(Shape::Leader)
                },
                3,
                0,
            )
            .unwrap()
        };
        let inward = leader(Direction::In);
        assert!(is_cut(&inward, "n2", "n1") && !is_cut(&inward, "n1", "n2"));
        assert_eq!(inward.label, "leader (in): n1 | n2 n3");
        let outward = leader(Direction::Out);
        assert!(is_cut(&outward, "n1", "n2") && !is_cut(&outward, "n2", "n1"));
    }

    #[test]
    fn the_clients_can_be_parted_from_nodes() {
        let fault = resolve(
            &Partition {
                targets: Some(Targets::Leader),
                ..shaped(Shape::Clients)
            },
            3,
            0,
        )
        .unwrap();
        assert_eq!(fault.label, "clients: clients | n1");
        assert_eq!(fault.nodes, [Arc::from("n1")]);
        assert_eq!(links(&fault).len(), 2);
        assert!(fault.sides.is_empty());

        let mixed = resolve(
            &Partition {
                groups: Some(vec![
                    vec!["n1".into(), CLIENTS.into()],
                    vec!["n2".into(), "n3".into()],
                ]),
                ..Partition::default()
            },
            3,
            0,
        )
        .unwrap();
        assert_eq!(links(&mixed).len(), 8);
        assert_eq!(mixed.label, "groups: n1 clients | n2 n3");
        assert_eq!(
            mixed.sides,
            [vec![Arc::from("n1")], vec!["n2".into(), "n3".into()]]
        );
    }

    #[test]
    fn labels_say_who_is_where() {
        assert_eq!(
            resolve(&shaped(Shape::Bridge), 5, 1).unwrap().label,
            "bridge: n1 n5 | n2 n3 over n4"
        );
        assert_eq!(
            resolve(&shaped(Shape::MajoritiesRing), 5, 1).unwrap().label,
            "majorities-ring: apart n1 n2, n1 n4, n2 n5, n3 n4, n3 n5"
        );
        let reject = Partition {
            mode: RejectMode::Reject,
            direction: Direction::Out,
            ..shaped(Shape::One)
        };
        assert_eq!(
            resolve(&reject, 3, 1).unwrap().label,
            "one (out, reject): n3 | n1 n2"
        );
    }

    #[test]
    fn mistakes_name_the_place_and_the_remedy() {
        let mut mistakes = Vec::new();
        let names = |groups: &[&[&str]]| {
            Some(
                groups
                    .iter()
                    .map(|group| group.iter().map(|&name| name.into()).collect())
                    .collect(),
            )
        };
        for partition in [
            Partition {
                groups: names(&[&["n1", "n7"], &[], &["clients", "n1"]]),
                ..Partition::default()
            },
            shaped(Shape::Groups),
            Partition {
                groups: names(&[&["n1"]]),
                ..Partition::default()
            },
            Partition {
                groups: names(&[&["n1"], &["n2"]]),
                ..shaped(Shape::Halves)
            },
            Partition {
                targets: Some(Targets::One),
                ..shaped(Shape::Halves)
            },
        ] {
            partition.validate(&nodes(3), "faults[0].partition", &mut mistakes);
        }
        shaped(Shape::Bridge).validate(&nodes(2), "faults[0].partition", &mut mistakes);
        Partition::default().validate(&nodes(1), "faults[0].partition", &mut mistakes);
        let shown: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", mistake.path, mistake.message))
            .collect();
        assert_eq!(
            shown,
            [
                "faults[0].partition.groups[0][1]: there is no node \"n7\"",
                "faults[0].partition.groups[1]: the group is empty",
                "faults[0].partition.groups[2][1]: n1 is in two places",
                "faults[0].partition.groups: the shape is groups, but there are none",
                "faults[0].partition.groups: a partition needs at least 2 groups",
                "faults[0].partition.groups: groups do not go with the shape halves",
                "faults[0].partition.targets: targets go with the shape clients only",
                "faults[0].partition.shape: the shape bridge needs at least 3 nodes, and there are 2",
                "faults[0].partition.shape: the shape one needs at least 2 nodes, and there is 1",
            ]
        );
    }
}
