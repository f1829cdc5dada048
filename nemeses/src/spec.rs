//! What a plan says about faults.

use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::ClockFault;
use crate::disk::DiskFault;
use crate::duration_range::{DurationRange, HumanDuration, durations};
use crate::fault::{Effect, Fault};
use crate::link::LinkFault;
use crate::member::MemberFault;
use crate::mistake::Mistake;
use crate::partition::Partition;
use crate::point::{AtPoint, PointFault};
use crate::process::{OnProcesses, ProcessFault};
use crate::role::Roles;
use crate::schedule;
use crate::targets::Unresolved;

/// One entry of a plan's `[[faults]]`: exactly one kind of fault, and when it strikes.
///
/// It strikes `at` given times, or `every` so often (from strike to strike), or with random quiet times `between`
/// a healing and the next strike; the last is what happens when the plan says nothing. [`Spec::explicit`] fills in
/// every default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Some nodes, or the clients, no longer reach others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// The database's processes die at once (SIGKILL) and are started again afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill: Option<ProcessFault>,
    /// The database's processes are asked to end (SIGTERM or the plan's stop script) and are started again afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<ProcessFault>,
    /// The database's processes stand still (SIGSTOP) and go on afterwards (SIGCONT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<ProcessFault>,
    /// The database's processes are ended and started again at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<ProcessFault>,
    /// The database's processes die and forget everything, disk included, and are started again afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amnesia: Option<ProcessFault>,
    /// Packets are late, lost, doubled, overtaken, damaged or slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkFault>,
    /// Clocks are set wrong, run wrong, or stand still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockFault>,
    /// Disks are slow, stalled, full, torn or set back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskFault>,
    /// Nodes die when they come to a named point of what they do, and are started again afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<PointFault>,
    /// Acknowledgements get lost that nodes send from a named point on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_ack: Option<PointFault>,
    /// Nodes leave the cluster, join it, or are replaced by new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberFault>,

    /// It strikes at these times after the load began.
    #[serde(
        default,
        deserialize_with = "durations",
        skip_serializing_if = "Option::is_none"
    )]
    pub at: Option<Vec<HumanDuration>>,
    /// It strikes so often, counted from strike to strike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<HumanDuration>,
    /// It strikes so long after it was healed, drawn anew each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<DurationRange>,
    /// When it strikes first, after the load began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<HumanDuration>,
    /// How long it lasts, drawn anew each time from a range.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<DurationRange>,
}

/// What each kind of fault knows about its settings. Pure.
pub(crate) trait Settings {
    /// Finds mistakes; `path` leads to these settings.
    fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>);

    /// Draws what is still open. `roles` are `None` while they are not known.
    fn resolve(
        &self,
        id: u32,
        nodes: &[Arc<str>],
        roles: Option<&Roles>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Fault, Unresolved>;

    /// The label before the roles are known.
    fn awaited(&self) -> String;

    /// Whether it lasts until it is healed.
    fn lasts(&self) -> bool {
        true
    }
}

impl Spec {
    /// All kinds of faults: their names, as they stand in a plan, and what they do.
    pub const KINDS: [(&'static str, &'static str); 12] = [
        ("partition", "nodes, or the clients, no longer reach others"),
        (
            "kill",
            "the database dies at once, and is started again at the end",
        ),
        (
            "stop",
            "the database is asked to end, and is started again at the end",
        ),
        ("pause", "the database stands still, and goes on at the end"),
        ("restart", "the database is ended and started again at once"),
        (
            "amnesia",
            "the database dies and its disk is wiped; it is started again at the end (simulated only)",
        ),
        (
            "link",
            "packets are late, lost, doubled, overtaken, damaged or slow (simulated only)",
        ),
        (
            "clock",
            "clocks of nodes or clients are set wrong, run wrong, or stand still (simulated only)",
        ),
        (
            "disk",
            "disks are slow, stalled, full, torn or set back (simulated only)",
        ),
        (
            "crash",
            "nodes die at a named point, and are started again at the end (simulated only)",
        ),
        (
            "drop_ack",
            "acknowledgements from a named point on get lost (simulated only)",
        ),
        (
            "member",
            "nodes leave the cluster, join it, or are replaced (simulated only)",
        ),
    ];

    /// The kinds of faults that can be injected on real nodes; the others only in a simulated cluster, so far.
    pub const ON_REAL_NODES: [&'static str; 5] = ["partition", "kill", "stop", "pause", "restart"];

    /// The kind of fault: the first of [`Spec::KINDS`] that is set.
    pub fn kind(&self) -> Option<&'static str> {
        self.settings().first().map(|(name, _)| *name)
    }

    /// The same with every default of the schedule written out, for a run of `total`.
    #[must_use]
    pub fn explicit(&self, total: Duration) -> Self {
        schedule::explicit(self, total)
    }

    /// Whether the fault is one that lasts: a restart is over when it is done.
    pub(crate) fn lasts(&self) -> bool {
        self.settings()
            .first()
            .is_none_or(|(_, settings)| settings.lasts())
    }

    /// The settings of every kind that is set, in the order of [`Spec::KINDS`]: one, in a valid plan.
    pub(crate) fn settings(&self) -> Vec<(&'static str, Box<dyn Settings + '_>)> {
        let mut kinds: Vec<(&'static str, Box<dyn Settings + '_>)> = Vec::new();
        if let Some(partition) = &self.partition {
            kinds.push(("partition", Box::new(partition.clone())));
        }
        for (name, settings, effect) in [
            ("kill", &self.kill, Effect::Kill),
            ("stop", &self.stop, Effect::Stop),
            ("pause", &self.pause, Effect::Pause),
            ("restart", &self.restart, Effect::Restart),
            ("amnesia", &self.amnesia, Effect::Amnesia),
        ] {
            if let Some(settings) = settings {
                kinds.push((
                    name,
                    Box::new(OnProcesses {
                        name,
                        effect,
                        settings,
                    }),
                ));
            }
        }
        if let Some(link) = &self.link {
            kinds.push(("link", Box::new(link.clone())));
        }
        if let Some(clock) = &self.clock {
            kinds.push(("clock", Box::new(clock.clone())));
        }
        if let Some(disk) = &self.disk {
            kinds.push(("disk", Box::new(disk.clone())));
        }
        for (name, settings, dies) in [
            ("crash", &self.crash, true),
            ("drop_ack", &self.drop_ack, false),
        ] {
            if let Some(settings) = settings {
                kinds.push((name, Box::new(AtPoint { dies, settings })));
            }
        }
        if let Some(member) = &self.member {
            kinds.push(("member", Box::new(member.clone())));
        }
        kinds
    }
}

/// Finds every mistake in a plan's faults, for these nodes and a run of `total`. Paths begin with `faults[0]`.
pub fn validate(specs: &[Spec], nodes: &[Arc<str>], total: Duration) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (i, spec) in specs.iter().enumerate() {
        validate_one(spec, nodes, total, &format!("faults[{i}]"), &mut mistakes);
    }
    mistakes
}

pub(crate) fn validate_one(
    spec: &Spec,
    nodes: &[Arc<str>],
    total: Duration,
    path: &str,
    mistakes: &mut Vec<Mistake>,
) {
    let kinds = spec.settings();
    if kinds.is_empty() {
        mistakes.push(Mistake::new(
            path,
            "the entry names no fault",
            format!(
                "add one of {}",
                Spec::KINDS.map(|(name, _)| name).join(", ")
            ),
        ));
    }
    for (name, _) in kinds.iter().skip(1) {
        mistakes.push(Mistake::new(
            format!("{path}.{name}"),
            format!("the entry names a second fault beside {}", kinds[0].0),
            "give each fault a [[faults]] entry of its own",
        ));
    }
    for (name, settings) in &kinds {
        settings.validate(nodes, &format!("{path}.{name}"), mistakes);
    }
    schedule::validate(spec, total, path, mistakes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RejectMode;
    use crate::partition::{Direction, Shape};
    use crate::targets::Targets;
    use crate::testing::nodes;

    #[derive(Debug, Deserialize, Serialize)]
    struct Plan {
        faults: Vec<Spec>,
    }

    fn read(text: &str) -> Result<Vec<Spec>, String> {
        toml::from_str::<Plan>(text)
            .map(|plan| plan.faults)
            .map_err(|error| error.to_string())
    }

    fn mistakes(text: &str) -> Vec<String> {
        validate(&read(text).unwrap(), &nodes(3), Duration::from_mins(1))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_plan_is_read() {
        let specs = read(
            r#"
            [[faults]]
            partition = { shape = "minority-third", direction = "in", mode = "reject" }
            every = "20s"
            for = ["4s", "8s"]

            [[faults]]
            kill = { targets = "leader" }
            at = ["5s", "40s"]

            [[faults]]
            pause = { targets = ["n1", "n2"] }
            between = ["5s", "15s"]
            after = "1s"

            [[faults]]
            partition = {}
            "#,
        )
        .unwrap();
        let partition = specs[0].partition.as_ref().unwrap();
        assert_eq!(partition.shape, Some(Shape::MinorityThird));
        assert_eq!(partition.direction, Direction::In);
        assert_eq!(partition.mode, RejectMode::Reject);
        assert_eq!(specs[1].kill.as_ref().unwrap().targets, Targets::Leader);
        assert_eq!(specs[1].kind(), Some("kill"));
        assert_eq!(specs[2].after, Some(HumanDuration(Duration::from_secs(1))));
        assert_eq!(specs[3].partition, Some(Partition::default()));
        let total = Duration::from_mins(1);
        assert_eq!(validate(&specs, &nodes(3), total), []);

        for specs in [
            specs.clone(),
            specs.iter().map(|spec| spec.explicit(total)).collect(),
        ] {
            let text = toml::to_string(&Plan {
                faults: specs.clone(),
            })
            .unwrap();
            assert_eq!(read(&text).unwrap(), specs, "{text}");
        }
    }

    #[test]
    fn unknown_keys_and_words_are_refused_with_the_right_ones() {
        for (text, part) in [
            ("[[faults]]\npartitoin = {}", "`partition`"),
            ("[[faults]]\npartition = { shap = 1 }", "`shape`"),
            ("[[faults]]\npartition = { shape = \"halfs\" }", "`halves`"),
            ("[[faults]]\npartition = { mode = \"drip\" }", "`drop`"),
            ("[[faults]]\npartition = { direction = \"up\" }", "`both`"),
            ("[[faults]]\nkill = { targets = \"leeder\" }", "`leader`"),
            ("[[faults]]\nkill = {}\nevery = 5", "a duration like"),
            ("[[faults]]\nkill = {}\nfor = \"5\"", "a number and a unit"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn an_entry_has_exactly_one_kind() {
        assert_eq!(
            mistakes("[[faults]]\nevery = \"10s\"\n[[faults]]\nkill = {}\npause = {}"),
            [
                "faults[0]: the entry names no fault; add one of partition, kill, stop, pause, restart, \
                 amnesia, link, clock, disk, crash, drop_ack, member",
                "faults[1].pause: the entry names a second fault beside kill; \
                 give each fault a [[faults]] entry of its own",
            ]
        );
    }

    #[test]
    fn mistakes_within_a_kind_carry_the_whole_path() {
        assert_eq!(
            mistakes("[[faults]]\npartition = { groups = [[\"n1\"], [\"n9\"]] }"),
            ["faults[0].partition.groups[1][0]: there is no node \"n9\"; the nodes are n1, n2, n3"]
        );
    }

    #[test]
    fn the_list_of_kinds_is_complete() {
        let kinds: Vec<String> = Spec::KINDS
            .iter()
            .map(|(name, _)| format!("[[faults]]\n{name} = {{}}\n"))
            .collect();
        let found: Vec<_> = read(&kinds.concat())
            .unwrap()
            .iter()
            .map(|spec| spec.kind().unwrap())
            .collect();
        assert_eq!(found, Spec::KINDS.map(|(name, _)| name));
    }

    #[test]
    fn the_schema_describes_every_key() {
        let schema = schemars::schema_for!(Spec);
        let properties = schema.get("properties").unwrap().as_object().unwrap();
        for key in [
            "partition",
            "kill",
            "at",
            "every",
            "between",
            "after",
            "for",
        ] {
            let property = properties.get(key).unwrap();
            assert!(
                property.get("description").is_some(),
                "{key} has no description: {property}"
            );
        }
    }
}
