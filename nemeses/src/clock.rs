//! Faults of clocks: set wrong, running wrong, standing still.

use std::sync::Arc;
use std::time::Duration;

use humantime_serde::re::humantime::format_duration;
use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration_range::HumanDuration;
use crate::fault::{Effect, Fault};
use crate::mistake::Mistake;
use crate::quantity::{Share, SignedDuration};
use crate::role::Roles;
use crate::spec::Settings;
use crate::targets::{Targets, Unresolved};

/// The largest drift, in millionths.
const MAX_DRIFT_PPM: u32 = 500_000;

/// Settings of a fault of clocks: exactly one of `jump`, `drift_ppm`, `freeze` and `strobe`. The clock is right again
/// when the fault is healed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockFault {
    /// The wall clock is set forwards (`"+5s"`) or back (`"-5s"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<SignedDuration>,
    /// The clock runs fast (above zero) or slow by so many millionths; at most 500,000 either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -500_000, max = 500_000))]
    pub drift_ppm: Option<i32>,
    /// The wall clock stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<bool>,
    /// The wall clock jumps to and fro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strobe: Option<Strobe>,
    /// On which nodes; one node, drawn, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
    /// On the clocks of this share of the clients, drawn, instead of nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Share>,
}

/// How a clock jumps to and fro.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Strobe {
    /// By how much.
    pub by: SignedDuration,
    /// How long it stays on each side.
    pub every: HumanDuration,
}

/// What is done to a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChange {
    /// It is set by so many nanoseconds forwards (negative: back).
    Jump {
        /// By how much.
        by_ns: i64,
    },
    /// It runs fast by so many millionths (negative: slow).
    Drift {
        /// By how much.
        ppm: i32,
    },
    /// It stands still.
    Freeze,
    /// It jumps to and fro.
    Strobe {
        /// By how much, in nanoseconds.
        by_ns: i64,
        /// How long it stays on each side.
        every: Duration,
    },
}

impl ClockFault {
    fn changes(&self) -> Vec<(&'static str, ClockChange)> {
        let jump = self.jump.map(|by| {
            let by_ns = by.nanos();
            ("jump", ClockChange::Jump { by_ns })
        });
        let drift = self
            .drift_ppm
            .map(|ppm| ("drift_ppm", ClockChange::Drift { ppm }));
        let freeze = self
            .freeze
            .filter(|freeze| *freeze)
            .map(|_| ("freeze", ClockChange::Freeze));
        let strobe = self.strobe.map(|strobe| {
            let change = ClockChange::Strobe {
                by_ns: strobe.by.nanos(),
                every: strobe.every.0,
            };
            ("strobe", change)
        });
        [jump, drift, freeze, strobe]
            .into_iter()
            .flatten()
            .collect()
    }

    fn what(&self) -> String {
        if let Some(by) = self.jump {
            return format!("jump {by}");
        }
        if let Some(ppm) = self.drift_ppm {
            return format!("drift {ppm:+} ppm");
        }
        match self.strobe {
            Some(Strobe { by, every }) => {
                format!("strobe {by} every {}", format_duration(every.0))
            }
            None => "freeze".to_owned(),
        }
    }
}

impl Settings for ClockFault {
    fn validate(&self, nodes: &[Arc<str>], path: &str, mistakes: &mut Vec<Mistake>) {
        let changes = self.changes();
        if changes.is_empty() {
            mistakes.push(Mistake::new(
                path,
                "the fault does nothing to the clock",
                "give one of jump, drift_ppm, freeze = true and strobe",
            ));
        }
        for (name, _) in changes.iter().skip(1) {
            mistakes.push(Mistake::new(
                format!("{path}.{name}"),
                format!("{name} does not go with {}", changes[0].0),
                "keep one of them, or give each an entry of its own",
            ));
        }
        for (name, change) in changes {
            let (nothing, remedy) = match change {
                ClockChange::Jump { by_ns } => (by_ns == 0, "write a time other than zero"),
                ClockChange::Drift { ppm } => (
                    ppm == 0 || ppm.unsigned_abs() > MAX_DRIFT_PPM,
                    "write a number from -500000 to 500000 other than zero",
                ),
                ClockChange::Freeze => (false, ""),
                ClockChange::Strobe { by_ns, every } => (
                    by_ns == 0 || every.is_zero(),
                    "write times other than zero for by and every",
                ),
            };
            if nothing {
                mistakes.push(Mistake::new(
                    format!("{path}.{name}"),
                    "no clock can be moved like that",
                    remedy,
                ));
            }
        }
        if let Some(share) = &self.clients {
            if self.targets.is_some() {
                mistakes.push(Mistake::new(
                    format!("{path}.clients"),
                    "clients do not go with targets",
                    "keep one of them: the clocks are those of nodes or those of clients",
                ));
            }
            if share.is_none() {
                mistakes.push(Mistake::new(
                    format!("{path}.clients"),
                    "no client's clock is hit",
                    "write a share above zero",
                ));
            }
        }
        if let Some(targets) = &self.targets {
            targets.validate(nodes, &format!("{path}.targets"), mistakes);
        }
    }

    fn resolve(
        &self,
        id: u32,
        nodes: &[Arc<str>],
        roles: Option<&Roles>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Fault, Unresolved> {
        let Some((_, change)) = self.changes().first().copied() else {
            return Err(Unresolved::Impossible(
                "nothing is done to the clock".to_owned(),
            ));
        };
        let (nodes, whom) = match self.clients {
            Some(share) => (Vec::new(), format!("{share} of the clients")),
            None => self
                .targets
                .clone()
                .unwrap_or_default()
                .draw_labelled(nodes, roles, rng)?,
        };
        Ok(Fault {
            id,
            name: "clock",
            label: format!("{} on {whom}", self.what()),
            nodes,
            sides: Vec::new(),
            effect: Effect::Clock {
                change,
                clients: self.clients,
            },
        })
    }

    fn awaited(&self) -> String {
        let targets = self.targets.clone().unwrap_or_default();
        format!("{} on {targets}", self.what())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;
    use crate::testing::nodes;

    fn read(text: &str) -> ClockFault {
        toml::from_str(text).unwrap()
    }

    fn mistakes(text: &str) -> Vec<String> {
        let mut mistakes = Vec::new();
        read(text).validate(&nodes(3), "clock", &mut mistakes);
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_kind_says_what_it_does_to_whom() {
        for (text, label, change) in [
            (
                "jump = \"-5s\"\ntargets = [\"n2\"]",
                "jump -5s on n2",
                ClockChange::Jump {
                    by_ns: -5_000_000_000,
                },
            ),
            (
                "drift_ppm = 200\ntargets = \"all\"",
                "drift +200 ppm on all: n1 n2 n3",
                ClockChange::Drift { ppm: 200 },
            ),
            (
                "freeze = true\nclients = \"50%\"",
                "freeze on 50% of the clients",
                ClockChange::Freeze,
            ),
            (
                "strobe = { by = \"200ms\", every = \"10ms\" }\ntargets = [\"n1\"]",
                "strobe +200ms every 10ms on n1",
                ClockChange::Strobe {
                    by_ns: 200_000_000,
                    every: Duration::from_millis(10),
                },
            ),
        ] {
            assert_eq!(mistakes(text), [""; 0], "{text}");
            let fault = read(text)
                .resolve(1, &nodes(3), None, &mut draw::stream(1, 0))
                .unwrap();
            assert_eq!(fault.label, label);
            let Effect::Clock { change: found, .. } = fault.effect else {
                panic!("a fault of clocks")
            };
            assert_eq!(found, change);
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (text, part) in [
            ("", "does nothing"),
            ("freeze = false", "does nothing"),
            ("jump = \"0s\"", "clock.jump"),
            ("drift_ppm = 600000", "clock.drift_ppm"),
            ("jump = \"1s\"\nfreeze = true", "clock.freeze"),
            ("strobe = { by = \"1s\", every = \"0s\" }", "clock.strobe"),
            ("freeze = true\nclients = \"0%\"", "above zero"),
            (
                "freeze = true\nclients = \"1%\"\ntargets = \"one\"",
                "do not go",
            ),
            ("freeze = true\ntargets = [\"n9\"]", "clock.targets[0]"),
        ] {
            let mistakes = mistakes(text);
            assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
            assert!(mistakes[0].contains(part), "{text}: {mistakes:?}");
        }
    }
}
