//! From a plan's faults and a seed to what strikes when.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use humantime_serde::re::humantime::format_duration;
use rand::Rng;

use crate::draw;
use crate::fault::Fault;
use crate::role::Roles;
use crate::schedule::{self, Window};
use crate::spec::{Spec, validate_one};
use crate::targets::Unresolved;

/// One strike of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Its number within the run, from 1, in the order of time.
    pub id: u32,
    /// Which entry of the plan's faults it comes from, from 0.
    pub entry: usize,
    /// When it is injected, after the load began.
    pub at: Duration,
    /// When it is healed, after the load began. The same as `at` for a fault with nothing to heal.
    pub until: Duration,
    /// What it does.
    pub planned: Planned,
}

/// What a strike does, as far as it can be told beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Exactly this.
    Known(Fault),
    /// It depends on the nodes' roles at that moment.
    AwaitsRoles {
        /// Its kind: `partition`, `kill`.
        name: &'static str,
        /// What it is going to do, in words.
        label: String,
        /// Its settings.
        spec: Box<Spec>,
        /// What decides the draws that are left.
        seed: u64,
    },
}

impl Strike {
    /// The kind of fault: `partition`, `kill`.
    pub fn name(&self) -> &'static str {
        match &self.planned {
            Planned::Known(fault) => fault.name,
            Planned::AwaitsRoles { name, .. } => name,
        }
    }

    /// What it does, as far as it can be told beforehand.
    pub fn label(&self) -> &str {
        match &self.planned {
            Planned::Known(fault) => &fault.label,
            Planned::AwaitsRoles { label, .. } => label,
        }
    }

    /// Whether [`Strike::resolve`] needs the nodes' roles.
    pub fn awaits_roles(&self) -> bool {
        matches!(self.planned, Planned::AwaitsRoles { .. })
    }

    /// The fault to inject now that the nodes' roles are known. The same roles give the same fault.
    ///
    /// # Errors
    /// Why the strike must be skipped: no node has the role it needs.
    pub fn resolve(&self, roles: &Roles, nodes: &[Arc<str>]) -> Result<Fault, String> {
        match &self.planned {
            Planned::Known(fault) => Ok(fault.clone()),
            Planned::AwaitsRoles { spec, seed, .. } => {
                match resolve(spec, self.id, nodes, Some(roles), *seed) {
                    Ok((_, fault)) => Ok(fault),
                    Err((_, _, Unresolved::Impossible(reason))) => Err(reason),
                    Err((_, _, Unresolved::AwaitsRoles)) => {
                        Err("the roles of the nodes are not known".to_owned())
                    }
                }
            }
        }
    }
}

/// `#3 12.5s to 20s partition halves: n1 | n2 n3`.
impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}", self.id, format_duration(self.at))?;
        if self.until != self.at {
            write!(f, " to {}", format_duration(self.until))?;
        }
        write!(f, " {} {}", self.name(), self.label())
    }
}

/// All strikes of a run of `total`, in the order of time. Pure: the same arguments give the same strikes, and the
/// strikes of one entry do not depend on the other entries.
///
/// Strikes of different entries may overlap, those of one entry never do, and all are healed when `total` is over.
/// Entries with a mistake (see [`validate`](crate::validate)) never strike.
pub fn timeline(specs: &[Spec], nodes: &[Arc<str>], total: Duration, seed: u64) -> Vec<Strike> {
    let mut strikes: Vec<(Window, usize, u64)> = Vec::new();
    for (entry, spec) in specs.iter().enumerate() {
        let mut mistakes = Vec::new();
        validate_one(spec, nodes, total, "", &mut mistakes);
        if !mistakes.is_empty() {
            continue;
        }
        let mut rng = draw::stream(seed, entry as u64);
        let mut seeds = draw::stream(seed, u64::MAX - entry as u64);
        for window in schedule::windows(spec, total, &mut rng) {
            strikes.push((window, entry, seeds.next_u64()));
        }
    }
    // Stable, so that entries that strike at the same time keep the order of the plan.
    strikes.sort_by_key(|(window, ..)| window.at);
    strikes
        .into_iter()
        .zip(1..)
        .filter_map(|((window, entry, seed), id)| {
            let spec = &specs[entry];
            let planned = match resolve(spec, id, nodes, None, seed) {
                Ok((_, fault)) => Planned::Known(fault),
                Err((name, label, Unresolved::AwaitsRoles)) => Planned::AwaitsRoles {
                    name,
                    label,
                    spec: Box::new(spec.clone()),
                    seed,
                },
                // Nothing that was validated is impossible before its roles are known.
                Err((_, _, Unresolved::Impossible(_))) => return None,
            };
            Some(Strike {
                id,
                entry,
                at: window.at,
                until: window.until,
                planned,
            })
        })
        .collect()
}

type Failed = (&'static str, String, Unresolved);

fn resolve(
    spec: &Spec,
    id: u32,
    nodes: &[Arc<str>],
    roles: Option<&Roles>,
    seed: u64,
) -> Result<(&'static str, Fault), Failed> {
    let kinds = spec.settings();
    let Some((name, settings)) = kinds.first() else {
        return Err((
            "",
            String::new(),
            Unresolved::Impossible("the entry names no fault".to_owned()),
        ));
    };
    settings
        .resolve(id, nodes, roles, &mut draw::stream(seed, 0))
        .map(|fault| (*name, fault))
        .map_err(|unresolved| (*name, settings.awaited(), unresolved))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::nodes;
    use crate::{Effect, Role};

    fn specs(text: &str) -> Vec<Spec> {
        #[derive(serde::Deserialize)]
        struct Plan {
            faults: Vec<Spec>,
        }
        toml::from_str::<Plan>(text).unwrap().faults
    }

    const PLAN: &str = r#"
        [[faults]]
        partition = {}
        between = ["2s", "6s"]
        for = ["4s", "8s"]
        [[faults]]
        kill = { targets = "leader" }
        at = ["10s", "40s"]
        [[faults]]
        restart = { targets = "minority" }
        every = "25s"
        [[faults]]
        partition = { shape = "leader", direction = "out" }
        at = ["20s"]
    "#;

    fn shown(strikes: &[Strike]) -> Vec<String> {
        strikes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_timeline_of_a_seed_is_pinned() {
        let strikes = timeline(&specs(PLAN), &nodes(5), Duration::from_mins(1), 7);
        assert_eq!(
            shown(&strikes),
            [
                "#1 5s restart minority: n3 n5",
                "#2 5s 620ms to 12s 190ms partition majority-minority: n2 n4 | n1 n3 n5",
                "#3 10s to 17s 500ms kill leader",
                "#4 14s 604ms to 21s 29ms partition minority-third: n4 | n1 n2 n3 n5",
                "#5 20s to 27s 500ms partition leader (out): leader | the rest",
                "#6 26s 871ms to 31s 867ms partition minority-third: n5 | n1 n2 n3 n4",
                "#7 30s restart minority: n2 n3",
                "#8 35s 965ms to 41s 18ms partition bridge: n1 n5 | n3 n4 over n2",
                "#9 40s to 47s 500ms kill leader",
                "#10 44s 801ms to 49s 186ms partition minority-third: n5 | n1 n2 n3 n4",
                "#11 53s 269ms to 58s 171ms partition majorities-ring: apart n1 n3, n1 n5, n2 n3, n2 n4, n4 n5",
                "#12 55s restart minority: n3 n5",
            ]
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_and_another_gives_another() {
        let with = |seed| timeline(&specs(PLAN), &nodes(5), Duration::from_mins(1), seed);
        for seed in 0..50 {
            assert_eq!(with(seed), with(seed));
            assert_ne!(shown(&with(seed)), shown(&with(seed + 1)));
        }
    }

    #[test]
    fn strikes_are_sorted_apart_and_healed_in_time() {
        let total = Duration::from_mins(1);
        for n in [1, 2, 3, 5, 7] {
            for seed in 0..50 {
                let strikes = timeline(&specs(PLAN), &nodes(n), total, seed);
                for (strike, id) in strikes.iter().zip(1..) {
                    assert_eq!(strike.id, id);
                    assert!(strike.at <= strike.until && strike.until <= total);
                }
                assert!(strikes.is_sorted_by_key(|strike| strike.at));
                for entry in 0..4 {
                    let own: Vec<_> = strikes.iter().filter(|s| s.entry == entry).collect();
                    assert!(own.windows(2).all(|pair| pair[0].until <= pair[1].at));
                    assert_eq!(own.is_empty(), n == 1 && entry % 3 == 0, "{n} {entry}");
                }
            }
        }
    }

    #[test]
    fn an_entry_does_not_change_what_the_others_draw() {
        let total = Duration::from_mins(1);
        let both = specs(PLAN);
        let of_first = |strikes: Vec<Strike>| -> Vec<_> {
            strikes
                .into_iter()
                .filter(|strike| strike.entry == 0)
                .map(|strike| (strike.at, strike.until, strike.label().to_owned()))
                .collect()
        };
        assert_eq!(
            of_first(timeline(&both, &nodes(5), total, 3)),
            of_first(timeline(&both[..1], &nodes(5), total, 3))
        );
    }

    #[test]
    fn roles_are_filled_in_when_it_strikes() {
        let nodes = nodes(3);
        let strikes = timeline(
            &specs("[[faults]]\nkill = { targets = \"leader\" }"),
            &nodes,
            Duration::from_mins(1),
            1,
        );
        let strike = &strikes[0];
        assert!(strike.awaits_roles());
        assert_eq!(strike.name(), "kill");
        assert_eq!(strike.label(), "leader");
        let fault = strike
            .resolve(&[(nodes[2].clone(), Role::Leader)], &nodes)
            .unwrap();
        assert_eq!(fault.effect, Effect::Kill);
        assert_eq!(fault.id, strike.id);
        assert_eq!(fault.nodes, [nodes[2].clone()]);
        assert_eq!(fault.label, "leader: n3");
        assert_eq!(
            strike.resolve(&[], &nodes),
            Err("no node says that it leads".to_owned())
        );
    }

    #[test]
    fn an_entry_with_a_mistake_never_strikes() {
        let specs = specs("[[faults]]\nkill = { targets = [\"n9\"] }\n[[faults]]\nevery = \"5s\"");
        assert_eq!(timeline(&specs, &nodes(3), Duration::from_mins(1), 1), []);
    }
}
