//! The proof of an anomaly, drawn: a cycle of dependencies, or what each session did; in SVG and in words.

pub(super) mod cycle;
pub(super) mod strip;

use std::fmt::Write as _;

use schism_checkers::{Anomaly, Dependency, Picture, StatesAfter};
use schism_history::{History, OpId, Process};

use super::{anomaly, phrase};
use crate::look::Look;

/// So many dependencies of a cycle are told in words.
const EDGES_MOST: usize = 60;
/// So many sessions are told in words.
const SESSIONS_MOST: usize = 40;

/// The proof in words, for a terminal: nothing where its operations say it all.
pub(super) fn text(history: &History, anomaly: &Anomaly, look: Look) -> String {
    let mut out = String::new();
    match &anomaly.picture {
        Picture::Cycle(edges) => {
            for edge in edges.iter().take(EDGES_MOST) {
                let (from, to) = (name(anomaly, edge.from), name(anomaly, edge.to));
                let label = label(edge);
                let arrow = if look.unicode {
                    format!("{from} ─{label}→ {to}")
                } else {
                    format!("{from} --{label}--> {to}")
                };
                let _ = writeln!(out, "    {arrow}  because {}", phrase::clean(&edge.because));
            }
        }
        Picture::States(states) => {
            for after in states.iter().take(EDGES_MOST) {
                let _ = writeln!(
                    out,
                    "    after {}: {}",
                    name(anomaly, after.operation),
                    possible(after)
                );
            }
        }
        Picture::Sessions => {
            for (process, operations) in sessions(history, anomaly).into_iter().take(SESSIONS_MOST)
            {
                let told: Vec<String> = operations
                    .iter()
                    .map(|&id| {
                        let action = phrase::action_on(&history.operation(id), true, 60);
                        format!("{} {action}", name(anomaly, id))
                    })
                    .collect();
                let _ = writeln!(out, "    process {process}: {}", told.join(", then "));
            }
        }
        _ => {}
    }
    out
}

/// The states in which an object may be: `5 or 7`.
pub(super) fn possible(after: &StatesAfter) -> String {
    if after.states.is_empty() {
        return "no state is left that explains what was seen".to_owned();
    }
    let states = after
        .states
        .iter()
        .map(|state| phrase::shortened(&phrase::clean(state), 60));
    states.collect::<Vec<_>>().join(" or ")
}

/// What an operation is called in a drawing: its number in the story, or its id when the story does not name it.
fn name(anomaly: &Anomaly, id: OpId) -> String {
    anomaly::badge(anomaly, id).map_or_else(|| id.to_string(), |badge| badge.to_string())
}

/// `rw x`, `realtime`.
fn label(edge: &Dependency) -> String {
    if edge.key.is_nil() {
        edge.kind.name().to_owned()
    } else {
        let key = phrase::shortened(&phrase::bare(&edge.key), 16);
        format!("{} {key}", edge.kind.name())
    }
}

/// What each session did, in its order; sessions in the order of the story.
fn sessions(history: &History, anomaly: &Anomaly) -> Vec<(Process, Vec<OpId>)> {
    let mut sessions: Vec<(Process, Vec<OpId>)> = Vec::new();
    for &id in &anomaly.operations {
        let process = history.operation(id).process;
        match sessions.iter_mut().find(|(known, _)| *known == process) {
            Some((_, operations)) => operations.push(id),
            None => sessions.push((process, vec![id])),
        }
    }
    for (_, operations) in &mut sessions {
        operations.sort_unstable();
    }
    sessions
}
