//! Kill, stop, pause and restart: scripts that tell which processes there were and are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use schism_history::{FaultOutcome, Value};

use super::{Applied, Evidence, RemoteInjector};
use crate::fault::{Effect, Fault};
use crate::injector::Report;
use crate::process_rule::{Found, Processes, Told};

/// How long the scripts may take. Their own waits are bounded by less; the plan's start and stop scripts get the rest.
const KILL_TIMEOUT: Duration = Duration::from_secs(45);
const STOP_TIMEOUT: Duration = Duration::from_mins(2);
const PAUSE_TIMEOUT: Duration = Duration::from_secs(20);
const RESTART_TIMEOUT: Duration = Duration::from_mins(3);
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// What came of it on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effected {
    /// It is done, and measured.
    Yes,
    /// There was nothing to do.
    Nothing,
    /// Not, or not wholly, or nobody knows.
    Unclear,
}

impl RemoteInjector {
    pub(super) async fn inject_processes(&self, fault: &Fault, effect: &Effect) -> Report {
        let run = join_all(fault.nodes.iter().map(async |node| {
            let Some(processes) = self.processes.get(node) else {
                let why = "it is not known how the database's processes are recognised";
                return (node.clone(), Applied::No(format!("node {node}: {why}")));
            };
            let (apply, undo, limit) = match effect {
                Effect::Pause => (processes.pause(), processes.resume(), PAUSE_TIMEOUT),
                Effect::Stop => (processes.stop(), processes.start(), STOP_TIMEOUT),
                Effect::Restart => (processes.restart(), processes.start(), RESTART_TIMEOUT),
                _ => (processes.kill(), processes.start(), KILL_TIMEOUT),
            };
            let applied = self.apply(node, fault.id, &apply, &undo, limit).await;
            (node.clone(), applied)
        }))
        .await;

        let (mut told, mut errors) = (BTreeMap::new(), Vec::new());
        let mut effected = Vec::new();
        let mut refused = 0;
        for (node, applied) in run {
            match applied {
                Applied::Yes(printed) => {
                    let here = Told::read(&printed);
                    errors.extend(troubles(&node, &here));
                    effected.push(injected(effect, &here));
                    told.insert(node, here);
                }
                Applied::No(reason) => {
                    errors.push(reason);
                    effected.push(Effected::Nothing);
                    refused += 1;
                }
                Applied::Unknown(reason) => {
                    errors.push(reason);
                    effected.push(Effected::Unclear);
                }
            }
        }
        let mut evidence = Evidence::default();
        evidence.put_map("processes", processes_value(&told));
        let (mut outcome, mut reason) = outcome(&effected, "no process matched");
        if outcome == FaultOutcome::Installed && refused > 0 {
            outcome = FaultOutcome::Indeterminate;
            reason = Some(format!(
                "it could not be done on {refused} of {} nodes",
                effected.len()
            ));
        }
        if outcome == FaultOutcome::Skipped {
            if told.is_empty() {
                reason = Some("it could not be done anywhere".to_owned());
            }
            // Nothing was done, so nothing is to be undone, by us or by the lease.
            for (node, _) in told {
                if let Err(error) = self.undo(&node, fault.id, ":\n", START_TIMEOUT).await {
                    outcome = FaultOutcome::Indeterminate;
                    errors.push(error);
                }
            }
        }
        evidence.put_list("errors", errors);
        evidence.report(outcome, reason)
    }

    pub(super) async fn heal_processes(&self, fault: &Fault, effect: &Effect) -> Report {
        let is_pause = *effect == Effect::Pause;
        let was_in_force = self.active.borrow().contains_key(&fault.id);
        let run = join_all(fault.nodes.iter().map(async |node| {
            let Some(processes) = self.processes.get(node) else {
                let why = "it is not known how the database's processes are recognised";
                return (node.clone(), Err(format!("node {node}: {why}")), None);
            };
            let left_to = self.other_active(fault.id, node, |other| {
                if is_pause {
                    *other == Effect::Pause
                } else {
                    matches!(other, Effect::Kill | Effect::Stop)
                }
            });
            let (undo, limit) = healing(is_pause, left_to.is_some(), processes);
            let undone = self.undo(node, fault.id, &undo, limit).await;
            (node.clone(), undone, left_to)
        }))
        .await;

        let (mut told, mut errors, mut notes) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut effected = Vec::new();
        for (node, undone, left_to) in run {
            let printed = match undone {
                Ok(printed) => printed,
                Err(reason) => {
                    errors.push(reason);
                    effected.push(Effected::Unclear);
                    continue;
                }
            };
            let here = Told::read(&printed);
            errors.extend(troubles(&node, &here));
            if let Some(other) = left_to {
                notes.push(format!(
                    "node {node}: left to fault {other}, which is still in force"
                ));
                effected.push(Effected::Yes);
            } else {
                effected.push(healed(is_pause, &here));
            }
            told.insert(node, here);
        }
        let lapsed = self.lapsed(fault.id);
        let mut evidence = Evidence::default();
        evidence.put_map("processes", processes_value(&told));
        let nothing = if is_pause {
            "no process is there any more"
        } else {
            "the database does not run, and there is no script to start it"
        };
        let (mut outcome, mut reason) = outcome(&effected, nothing);
        if !is_pause && outcome == FaultOutcome::Skipped {
            outcome = FaultOutcome::Indeterminate;
        }
        if !lapsed.is_empty() && outcome == FaultOutcome::Installed && *effect != Effect::Restart {
            outcome = FaultOutcome::Indeterminate;
            reason = Some("the lease ran out, so the fault ended early".to_owned());
        }
        if outcome == FaultOutcome::Installed && !was_in_force {
            outcome = FaultOutcome::Skipped;
            reason = Some(super::NOT_IN_FORCE.to_owned());
        }
        evidence.put_list("lapsed", lapsed);
        evidence.put_list("notes", notes);
        evidence.put_list("errors", errors);
        evidence.report(outcome, reason)
    }
}

/// What heals a node, and how long that may take.
fn healing(is_pause: bool, left_to_another: bool, processes: &Processes) -> (String, Duration) {
    match (left_to_another, is_pause) {
        (true, _) => (processes.list(), PAUSE_TIMEOUT),
        (false, true) => (processes.resume(), PAUSE_TIMEOUT),
        (false, false) => (processes.start(), START_TIMEOUT),
    }
}

/// What an injection has measured.
fn injected(effect: &Effect, told: &Told) -> Effected {
    let done = match effect {
        Effect::Pause => !told.after.is_empty() && told.after.iter().all(Found::is_stopped),
        Effect::Restart => !told.after.is_empty() && told.all_gone(),
        _ => told.all_gone(),
    };
    let was_done = *effect == Effect::Pause && told.before.iter().all(Found::is_stopped);
    if told.before.is_empty() || was_done {
        Effected::Nothing
    } else if done {
        Effected::Yes
    } else {
        Effected::Unclear
    }
}

/// What a healing has measured.
fn healed(is_pause: bool, told: &Told) -> Effected {
    if told.after.is_empty() {
        Effected::Nothing
    } else if is_pause && told.after.iter().any(Found::is_stopped) {
        Effected::Unclear
    } else {
        Effected::Yes
    }
}

/// The outcome over all nodes: those with nothing to do do not spoil it, as long as there is another.
fn outcome(effected: &[Effected], nothing: &str) -> (FaultOutcome, Option<String>) {
    if effected.contains(&Effected::Unclear) {
        let count = effected
            .iter()
            .filter(|effected| **effected == Effected::Unclear)
            .count();
        let reason = format!(
            "it is not clear what came of it on {count} of {} nodes",
            effected.len()
        );
        (FaultOutcome::Indeterminate, Some(reason))
    } else if effected.contains(&Effected::Yes) {
        (FaultOutcome::Installed, None)
    } else {
        (FaultOutcome::Skipped, Some(nothing.to_owned()))
    }
}

fn troubles(node: &Arc<str>, told: &Told) -> Vec<String> {
    told.trouble
        .iter()
        .map(|trouble| format!("node {node}: {trouble}"))
        .collect()
}

/// `{n1: {before: [{pid, state}], after: []}}`.
pub(super) fn processes_value(
    told: &BTreeMap<Arc<str>, Told>,
) -> impl Iterator<Item = (String, Value)> {
    told.iter().map(|(node, told)| {
        let value = Value::map([
            ("before", found_value(&told.before)),
            ("after", found_value(&told.after)),
        ]);
        (node.to_string(), value)
    })
}

fn found_value(found: &[Found]) -> Value {
    Value::list(found.iter().map(|found| {
        Value::map([
            ("pid", Value::from(found.pid)),
            ("state", Value::from(found.state.to_string())),
        ])
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Told {
        Told::read(text)
    }

    #[test]
    fn an_injection_counts_only_if_the_processes_say_so() {
        for (effect, text, expected) in [
            (Effect::Kill, "before 7 1 S", Effected::Yes),
            (Effect::Kill, "", Effected::Nothing),
            (Effect::Kill, "before 7 1 S\nafter 7 1 D", Effected::Unclear),
            (Effect::Kill, "before 7 1 S\nafter 8 2 S", Effected::Yes),
            (Effect::Pause, "before 7 1 S\nafter 7 1 T", Effected::Yes),
            (
                Effect::Pause,
                "before 7 1 S\nafter 7 1 S",
                Effected::Unclear,
            ),
            (Effect::Pause, "before 7 1 S", Effected::Unclear),
            (
                Effect::Pause,
                "before 7 1 T\nafter 7 1 T",
                Effected::Nothing,
            ),
            (Effect::Restart, "before 7 1 S\nafter 8 2 S", Effected::Yes),
            (
                Effect::Restart,
                "before 7 1 S\nafter 7 1 S",
                Effected::Unclear,
            ),
            (Effect::Restart, "before 7 1 S", Effected::Unclear),
            (Effect::Stop, "before 7 1 S\nafter 7 1 S", Effected::Unclear),
        ] {
            assert_eq!(
                injected(&effect, &told(text)),
                expected,
                "{effect:?} {text}"
            );
        }
    }

    #[test]
    fn a_healing_counts_only_if_the_processes_run() {
        assert_eq!(healed(false, &told("after 7 1 S")), Effected::Yes);
        assert_eq!(healed(false, &told("before 7 1 S")), Effected::Nothing);
        assert_eq!(healed(true, &told("after 7 1 T")), Effected::Unclear);
        assert_eq!(healed(true, &told("after 7 1 S")), Effected::Yes);
    }

    #[test]
    fn one_node_with_an_effect_is_enough_and_one_in_doubt_too_much() {
        use Effected::{Nothing, Unclear, Yes};
        assert_eq!(outcome(&[Yes, Nothing], "x").0, FaultOutcome::Installed);
        assert_eq!(outcome(&[Yes, Unclear], "x").0, FaultOutcome::Indeterminate);
        assert_eq!(outcome(&[Nothing], "x").0, FaultOutcome::Skipped);
        assert_eq!(outcome(&[], "x").0, FaultOutcome::Skipped);
    }
}
