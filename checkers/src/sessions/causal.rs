//! Causal consistency (CC), and causal convergence (`CCv`), on registers whose values are written once.
//!
//! What a session does comes after what it did before, and a read after the write that it saw: that is the causal order.
//! Bouajjani, Enea, Guerraoui and Hamza ("On verifying causal consistency", 2017) show that a history is causal exactly
//! if it has none of these *bad patterns*, whose names the anomalies bear:
//!
//! - `thin-air-read`: a read of a value that nobody wrote;
//! - `cyclic-co`: operations that come before each other;
//! - `write-co-init-read`: a read of the initial value, with a write of the key before it;
//! - `write-co-read`: a read of a value although, before the read, a write after that value's had replaced it.
//!
//! It converges if, besides, `cyclic-cf` does not occur: each write that came before a read of another write's value
//! must be older than that one, and these demands and the causal order go in a circle.
//!
//! Cost: O(operations x sessions) time, 4 bytes for each write and session. Reads of a value that is not far behind the
//! newest one cost O(1): the writes between are looked at one by one.
//!
//! Figures: `reads` (judged), `undecidable` (it is not known which write they saw), `sessions`, `broken`.

use schism_history::History;

use crate::proof::forced::Promise;
use crate::sessions::closure::{Closure, Cycle, Scope, View, WritesByKey, without_stops};
use crate::sessions::program::{INITIAL, NONE, Program};
use crate::sessions::weak::{Findings, Violation, act, explain, program_within};
use crate::{Budget, Checker, Level, Verdict};

/// No read misses a write that it depends on (CC).
#[derive(Clone, Copy, Debug, Default)]
pub struct Causal;

/// Causal, and all sessions agree on the order of conflicting writes (`CCv`).
#[derive(Clone, Copy, Debug, Default)]
pub struct CausalConvergence;

impl Checker for Causal {
    fn name(&self) -> &'static str {
        "causal"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        judge(self.name(), Level::Causal, Promise::Causal, history, budget)
    }
}

impl Checker for CausalConvergence {
    fn name(&self) -> &'static str {
        "causal-convergence"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let (level, promise) = (Level::CausalConvergence, Promise::CausalConvergence);
        judge(self.name(), level, promise, history, budget)
    }
}

fn judge(
    name: &'static str,
    level: Level,
    promise: Promise,
    history: &History,
    budget: &Budget,
) -> Verdict {
    let program = match program_within(name, history, budget) {
        Ok(program) => program,
        Err(verdict) => return *verdict,
    };
    let mut findings = Findings::new(history, &program);
    findings.thin_air(promise);
    let mut closure = Closure::new(&program, Scope::All);
    if let Err(cycle) = closure.arrange() {
        report_cycle(history, &program, &closure, &cycle, promise, &mut findings);
        return findings.verdict(name, level);
    }
    if budget.is_stopped() {
        findings.unfinished = Some("the check was stopped".to_owned());
        return findings.verdict(name, level);
    }
    let (hidden, conflicts) = look(&program, &mut closure);
    for &(newer, read) in &hidden {
        findings.found(|| report_hidden(history, &program, &closure, newer, read, promise));
    }
    if level == Level::CausalConvergence && hidden.is_empty() && !conflicts.is_empty() {
        circles(history, &program, &mut closure, &conflicts, &mut findings);
    }
    findings.verdict(name, level)
}

/// Operations that come before each other.
pub(crate) fn report_cycle(
    history: &History,
    program: &Program,
    closure: &Closure<'_>,
    cycle: &Cycle,
    promise: Promise,
    findings: &mut Findings<'_>,
) {
    findings.found(|| {
        let (nodes, because) = explain(history, program, closure, cycle);
        let first = act(history, program, *cycle.0.first()?);
        Some(Violation {
            name: "cyclic-co",
            sentence: format!(
                "{first} comes before itself in the order of sessions and of what reads saw"
            ),
            nodes,
            because,
            promise,
        })
    });
}

/// How many newer writes a read looks at one by one.
const LOOKED_AT: usize = 64;

/// A write and the read that it was hidden from.
type Hidden = (u32, u32);

/// Looks at all reads: those from which a newer write was hidden; and where two writes conflict against the order of the
/// sweep, the places of both in it.
fn look(program: &Program, closure: &mut Closure<'_>) -> (Vec<Hidden>, Vec<(u32, u32)>) {
    let mut hidden: Vec<Hidden> = Vec::new();
    let mut conflicts: Vec<(u32, u32)> = Vec::new();
    // The newest write of each key so far, and for each write the one before.
    let mut newest = vec![NONE; program.keys as usize];
    let mut before = vec![NONE; program.len()];
    let mut by_key: Option<WritesByKey> = None;
    let place = std::mem::take(&mut closure.place);
    closure.sweep(|node, view| {
        let (i, key) = (node as usize, program.key[node as usize] as usize);
        let from = program.from[i];
        if from != NONE {
            let mut bad = NONE;
            let mut one = |newer: u32, view: &View<'_>| {
                if newer == from || !view.sees(newer) {
                } else if from == INITIAL || view.is_before(from, newer) {
                    bad = newer;
                } else if place[newer as usize] > place[from as usize] {
                    conflicts.push((place[from as usize], place[newer as usize]));
                }
            };
            let mut at = newest[key];
            let mut looked = 0;
            while at != NONE && at != from && looked < LOOKED_AT {
                one(at, view);
                looked += 1;
                at = before[at as usize];
            }
            if looked == LOOKED_AT && at != from && at != NONE {
                by_key
                    .get_or_insert_with(|| WritesByKey::of(program))
                    .last_seen(program, key as u32, view, |newer| one(newer, view));
            }
            if bad != NONE {
                hidden.push((bad, node));
            }
        }
        if program.writes[i] {
            before[i] = newest[key];
            newest[key] = node;
        }
    });
    closure.place = place;
    (hidden, conflicts)
}

fn report_hidden(
    history: &History,
    program: &Program,
    closure: &Closure<'_>,
    newer: u32,
    read: u32,
    promise: Promise,
) -> Option<Violation> {
    let act = |node| act(history, program, node);
    let from = program.from[read as usize];
    let session = program.processes[program.session[read as usize] as usize];
    let mut nodes = closure.path(newer, read, 0)?;
    let (name, sentence, because) = if from == INITIAL {
        let sentence = format!(
            "process {session} still found nothing in {}, although {} had come before",
            crate::sessions::program::key_of(history, program, read),
            act(newer)
        );
        ("write-co-init-read", sentence, Vec::new())
    } else {
        nodes.extend(closure.path(from, newer, 0)?);
        let sentence = format!(
            "process {session} still saw {}, although {} had come after that and before {}",
            act(from),
            act(newer),
            act(read)
        );
        let older = format!("{} came before {}", act(from), act(newer));
        ("write-co-read", sentence, vec![older])
    };
    let mut because = because;
    because.push(format!("{} came before {}", act(newer), act(read)));
    // Whoever wrote what these read belongs to them.
    let mut at = 0;
    while at < nodes.len() {
        let from = program.from[nodes[at] as usize];
        if from < INITIAL && !nodes.contains(&from) {
            nodes.push(from);
        }
        at += 1;
    }
    Some(Violation {
        name,
        sentence,
        nodes,
        because,
        promise,
    })
}

/// Looks for circles of conflicts. All conflicts but those in `against` agree with the order of the sweep, so a circle
/// lies within one stretch of that order that those cover.
fn circles(
    history: &History,
    program: &Program,
    closure: &mut Closure<'_>,
    against: &[(u32, u32)],
    findings: &mut Findings<'_>,
) {
    // The stretches, and for each place the stretch that it lies in.
    let mut spans = against.to_vec();
    spans.sort_unstable();
    let mut stretches: Vec<(u32, u32)> = Vec::new();
    for (begin, end) in spans {
        match stretches.last_mut() {
            Some(last) if begin <= last.1 => last.1 = last.1.max(end),
            _ => stretches.push((begin, end)),
        }
    }
    let stretch_of = |place: u32| {
        let i = stretches.partition_point(|&(begin, _)| begin <= place);
        (i > 0 && place <= stretches[i - 1].1).then(|| i - 1)
    };
    let place = closure.place.clone();
    let by_key = WritesByKey::of(program);
    // Conflicts within a stretch: the stretch, the older write, the newer one, and the read that tells.
    let mut conflicts: Vec<(usize, u32, u32, u32)> = Vec::new();
    closure.sweep(|node, view| {
        let from = program.from[node as usize];
        if from >= INITIAL {
            return;
        }
        let Some(stretch) = stretch_of(place[from as usize]) else {
            return;
        };
        by_key.last_seen(program, program.key[node as usize], view, |other| {
            let inside = stretch_of(place[other as usize]) == Some(stretch);
            if other != from && inside && !view.is_before(other, from) {
                conflicts.push((stretch, other, from, node));
            }
        });
    });
    conflicts.sort_unstable();
    conflicts.dedup_by_key(|&mut (stretch, other, from, _)| (stretch, other, from));
    for group in conflicts.chunk_by(|a, b| a.0 == b.0) {
        let (begin, end) = stretches[group[0].0];
        if let Some(cycle) = circle(program, closure, begin..end + 1, group) {
            findings.found(|| Some(report_circle(history, program, closure, &cycle, group)));
        }
    }
}

/// A circle within a stretch of the order, if there is one.
fn circle(
    program: &Program,
    closure: &Closure<'_>,
    stretch: std::ops::Range<u32>,
    conflicts: &[(usize, u32, u32, u32)],
) -> Option<Vec<u32>> {
    let begin = stretch.start;
    let size = stretch.len();
    let local = |node: u32| {
        closure.place[node as usize]
            .checked_sub(begin)
            .filter(|&at| (at as usize) < size)
    };
    // Edges to each node of the stretch, from the others.
    let mut edges: Vec<(u32, u32)> = Vec::new();
    for place in stretch {
        let node = closure.order[place as usize];
        let before = (!program.is_first(node)).then(|| node - 1);
        let from = Some(program.from[node as usize]).filter(|&from| from < INITIAL);
        let causes = before.into_iter().chain(from).filter_map(local);
        edges.extend(causes.map(|cause| (place - begin, cause)));
    }
    edges.extend(
        conflicts
            .iter()
            .filter_map(|&(_, older, newer, _)| Some((local(newer)?, local(older)?))),
    );
    edges.sort_unstable();
    let causes = |at: u32| {
        let first = edges.partition_point(|&(to, _)| to < at);
        edges[first..]
            .iter()
            .take_while(move |&&(to, _)| to == at)
            .map(|&(_, cause)| cause)
    };
    let mut effects: Vec<(u32, u32)> = edges.iter().map(|&(to, cause)| (cause, to)).collect();
    effects.sort_unstable();
    let mut missing: Vec<u32> = (0..size as u32)
        .map(|at| causes(at).count() as u32)
        .collect();
    let mut ready: Vec<u32> = (0..size as u32)
        .filter(|&at| missing[at as usize] == 0)
        .collect();
    let mut done = vec![false; size];
    while let Some(at) = ready.pop() {
        done[at as usize] = true;
        let first = effects.partition_point(|&(cause, _)| cause < at);
        for &(_, to) in effects[first..]
            .iter()
            .take_while(|&&(cause, _)| cause == at)
        {
            missing[to as usize] -= 1;
            if missing[to as usize] == 0 {
                ready.push(to);
            }
        }
    }
    let mut at = done.iter().position(|&done| !done)? as u32;
    let mut path = Vec::new();
    let mut seen = vec![false; size];
    while !seen[at as usize] {
        seen[at as usize] = true;
        path.push(at);
        at = causes(at).find(|&cause| !done[cause as usize])?;
    }
    let first = path.iter().position(|&other| other == at)?;
    path.drain(..first);
    path.reverse();
    let cycle: Vec<u32> = path
        .iter()
        .map(|&at| closure.order[(at + begin) as usize])
        .collect();
    Some(without_stops(program, &cycle))
}

fn report_circle(
    history: &History,
    program: &Program,
    closure: &Closure<'_>,
    cycle: &[u32],
    conflicts: &[(usize, u32, u32, u32)],
) -> Violation {
    let act = |node| act(history, program, node);
    let mut nodes = cycle.to_vec();
    let mut because = Vec::new();
    for (i, &a) in cycle.iter().enumerate() {
        let b = cycle[(i + 1) % cycle.len()];
        let by_conflict = conflicts
            .iter()
            .find(|&&(_, older, newer, _)| older == a && newer == b);
        if let Some(&(.., read)) = by_conflict {
            because.push(format!(
                "{} is older than {}: {} saw the latter, although the former had come before it",
                act(a),
                act(b),
                act(read)
            ));
            nodes.push(read);
            nodes.extend(closure.path(a, read, 0).unwrap_or_default());
        } else {
            because.push(format!("{} came before {}", act(a), act(b)));
        }
    }
    let mut at = 0;
    while at < nodes.len() {
        let from = program.from[nodes[at] as usize];
        if from < INITIAL && !nodes.contains(&from) {
            nodes.push(from);
        }
        at += 1;
    }
    Violation {
        name: "cyclic-cf",
        sentence: format!(
            "sessions do not agree on the order of conflicting writes: {} would have to be older than itself",
            act(cycle[0])
        ),
        nodes,
        because,
        promise: Promise::CausalConvergence,
    }
}
