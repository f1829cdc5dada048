//! Eventual convergence: when writes stop and the cluster is healed, all nodes come to hold the same.
//!
//! (Terry et al., "Managing update conflicts in Bayou", 1995; Vogels, "Eventually consistent", 2009.) Judged on the final
//! reads: those of the phase `final-reads`, in which the harness reads every object from every node. In a history without
//! phases the last read of each node is looked at, but a difference then proves nothing: nobody knows whether all was
//! quiet, and for how long. An object is a register, or a set (`add`, and `read` with a list).
//!
//! `divergence`: two nodes hold different values although every write that either shows was acknowledged before both
//! reads were sent, and nobody wrote the object in between. A value whose write is of unknown outcome may still be on
//! its way: then nothing is said. That what all nodes hold is also the right thing is not judged here, but by
//! `lost-updates`.
//!
//! Figures: `objects` (read from at least two nodes at the end), `nodes` (that were read from), `converged`, `diverged`,
//! `undecidable` (objects on which nodes differ, but a write was unknown or still going on), `lost` (elements of sets that
//! were acknowledged and are in no final read), `time_to_converge_s` (from the later of an object's last acknowledged write
//! and the end of the last fault, to the last answer that was not yet what all nodes agree on; the longest of all objects;
//! nil when nothing converged).

#[cfg(test)]
mod tests;

use rustc_hash::FxHashSet;
use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use crate::final_read::{final_phase, last_words};
use crate::measures::quantile::seconds;
use crate::object::written;
use crate::proof::conclusion::{Case, SecondOpinion, conclude};
use crate::proof::story::{Story, count, grouped, of_key, step};
use crate::proof::witness::Part;
use crate::verdict::{Anomaly, Confirmation, Levels, Picture};
use crate::{Budget, Checker, Level, Validity, Verdict};

/// When writes stop, all nodes come to hold the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventualConvergence;

#[derive(Default)]
struct Findings {
    objects: u64,
    converged: u64,
    undecidable: u64,
    diverged: u64,
    lost: u64,
    longest: Option<u64>,
    cases: Vec<Case>,
}

/// Divergences that are told.
const TOLD: usize = 8;

impl Checker for EventualConvergence {
    fn name(&self) -> &'static str {
        "eventual-convergence"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut findings = Findings::default();
        let mut nodes: Vec<&str> = Vec::new();
        let healed = history
            .faults()
            .iter()
            .filter_map(|fault| fault.healed)
            .max();
        let mut stopped = false;
        for (_, ids) in history.by_key() {
            stopped |= budget.is_stopped();
            if stopped {
                break;
            }
            if let Some(object) = Object::of(history, &ids) {
                judge(history, &object, healed, &mut nodes, &mut findings);
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        let figures = Value::map([
            ("objects", Value::from(findings.objects)),
            ("nodes", (nodes.len() as u64).into()),
            ("converged", findings.converged.into()),
            ("diverged", findings.diverged.into()),
            ("undecidable", findings.undecidable.into()),
            ("lost", findings.lost.into()),
            (
                "time_to_converge_s",
                findings.longest.map_or(Value::Nil, seconds),
            ),
        ]);
        let (objects, converged) = (findings.objects, findings.converged);
        let unknown = findings.undecidable;
        let green = || {
            if stopped {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if objects == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: no object was read from two nodes at the end"
                        .to_owned(),
                )
            } else if unknown > 0 {
                (
                    Validity::Unknown,
                    format!(
                        "nodes differ at the end on {} of {}, but a write of unknown outcome or one that was still \
                         going on may explain that, or the history does not say when all was quiet (phase final-reads)",
                        grouped(unknown),
                        count(objects, "object")
                    ),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "all nodes came to hold the same: {} read from {} at the end",
                        count(converged, "object"),
                        count(nodes.len() as u64, "node")
                    ),
                )
            }
        };
        let verdict =
            conclude(self.name(), findings.cases, findings.diverged, green).figures(figures);
        let levels = match verdict.validity {
            Validity::Invalid => Levels {
                refuted: vec![Level::EventualConvergence],
                held: Vec::new(),
            },
            Validity::Valid => Levels {
                refuted: Vec::new(),
                held: vec![Level::EventualConvergence],
            },
            Validity::Unknown => Levels::default(),
        };
        verdict.levels(levels)
    }
}

/// A register or a set.
struct Object<'a> {
    ids: &'a [OpId],
    is_set: bool,
}

impl<'a> Object<'a> {
    fn of(history: &History, ids: &'a [OpId]) -> Option<Self> {
        let (mut is_set, mut is_register, mut reads_list) = (false, false, false);
        for &id in ids {
            let op = history.operation(id);
            match op.f() {
                F::Read => {
                    reads_list |= op.outcome == Outcome::Ok && op.output().as_list().is_some();
                }
                F::Add => is_set = true,
                F::Write | F::Cas => is_register = true,
                _ => return None,
            }
        }
        let known = is_set != is_register && (!is_set || reads_list);
        known.then_some(Self { ids, is_set })
    }

    fn operations<'h>(&self, history: &'h History) -> impl Iterator<Item = Operation<'h>> {
        self.ids.iter().map(|&id| history.operation(id))
    }

    /// What a read says, so that two that say the same are equal.
    fn said(&self, op: &Operation<'_>) -> Value {
        match op.output().as_list() {
            Some(elements) if self.is_set => {
                let mut elements = elements.to_vec();
                elements.sort_unstable();
                elements.dedup();
                Value::list(elements)
            }
            _ => op.output().clone(),
        }
    }

    /// What an operation puts there.
    fn put<'h>(&self, op: &Operation<'h>) -> Option<&'h Value> {
        if self.is_set {
            (*op.f() == F::Add).then(|| op.input())
        } else {
            written(op)
        }
    }
}

fn judge<'h>(
    history: &'h History,
    object: &Object<'_>,
    healed: Option<Time>,
    nodes: &mut Vec<&'h str>,
    findings: &mut Findings,
) {
    let reads = object.operations(history).filter(|op| *op.f() == F::Read);
    let last = last_words(history, reads.map(|op| op.id));
    let with_node = last
        .iter()
        .filter_map(|&id| Some((id, &**history.operation(id).node()?)));
    let finals: Vec<(OpId, &str)> = with_node.collect();
    let Some(&(first, node)) = finals.first() else {
        return;
    };
    if finals.iter().all(|&(_, other)| other == node) {
        return;
    }
    nodes.extend(finals.iter().map(|&(_, node)| node));
    findings.objects += 1;
    if object.is_set {
        findings.lost += lost(history, object, &finals);
    }
    let agreed = object.said(&history.operation(first));
    let other = finals[1..]
        .iter()
        .find(|&&(id, other)| other != node && object.said(&history.operation(id)) != agreed);
    let Some(&(second, _)) = other else {
        if finals
            .iter()
            .any(|&(id, _)| object.said(&history.operation(id)) != agreed)
        {
            // One node changed its mind.
            findings.undecidable += 1;
            return;
        }
        findings.converged += 1;
        let converged = converged_after(history, object, healed, &agreed);
        findings.longest = findings.longest.max(Some(converged));
        return;
    };
    let writers = final_phase(history).and_then(|_| writers(history, object, first, second));
    match writers {
        None => findings.undecidable += 1,
        Some(writers) => {
            findings.diverged += 1;
            if findings.cases.len() < TOLD {
                findings.cases.push(tell(history, first, second, &writers));
            }
        }
    }
}

/// Who wrote what the two reads do not share, if all of them were acknowledged before either read was sent, and nobody
/// wrote the object from then on.
fn writers(history: &History, object: &Object<'_>, first: OpId, second: OpId) -> Option<Vec<OpId>> {
    let [first, second] = [first, second].map(|id| history.operation(id));
    let sent = first.invoked.min(second.invoked);
    let answered = first.end().max(second.end());
    // Only what is certain and over counts.
    let is_quiet = object.operations(history).all(|op| {
        object.put(&op).is_none()
            || op.outcome != Outcome::Ok
            || op.end() < sent
            || op.invoked > answered
    });
    if !is_quiet {
        return None;
    }
    let [here, there] = [&first, &second].map(|op| object.said(op));
    let apart: Vec<&Value> = if object.is_set {
        let (here, there) = (here.as_list()?, there.as_list()?);
        let mine = here.iter().find(|it| !there.contains(it));
        let others = there.iter().find(|it| !here.contains(it));
        // One element is enough.
        mine.or(others).into_iter().collect()
    } else {
        [&here, &there]
            .into_iter()
            .filter(|it| !it.is_nil())
            .collect()
    };
    let mut writers = Vec::new();
    for value in apart {
        let mut wrote = object
            .operations(history)
            .filter(|op| op.outcome != Outcome::Fail && object.put(op) == Some(value));
        let writer = wrote.next()?;
        if writer.outcome != Outcome::Ok || wrote.next().is_some() {
            return None;
        }
        writers.push(writer.id);
    }
    Some(writers)
}

fn tell(history: &History, first: OpId, second: OpId, writers: &[OpId]) -> Case {
    let [here, there] = [first, second].map(|id| history.operation(id));
    let name = |op: &Operation<'_>| op.node().map_or_else(String::new, ToString::to_string);
    let mut operations: Vec<OpId> = writers.iter().copied().chain([first, second]).collect();
    operations.sort_unstable();
    operations.dedup();
    let story = Story::of(history, operations.iter().copied());
    let steps = operations
        .iter()
        .map(|&id| step(id, story.sentence(Part::whole(id))))
        .chain([crate::Step {
            operation: None,
            text: "all of that had been acknowledged before either read was sent, and nobody wrote since".to_owned(),
        }])
        .collect();
    let agrees = recount(history, first, second, writers);
    let anomaly = Anomaly {
        name: "divergence",
        sentence: format!(
            "at the end {} and {} hold different values {}",
            name(&here),
            name(&there),
            of_key(here.key())
        ),
        key: here.key().clone(),
        operations,
        steps,
        confirmation: Confirmation {
            by: "a look at the two answers, and at all writes of the object",
            agrees,
        },
        picture: Picture::Intervals,
    };
    let opinion = if agrees {
        SecondOpinion::Agrees
    } else {
        SecondOpinion::Disagrees(
            "a look at all writes of the object found one that may explain it".to_owned(),
        )
    };
    (anomaly, opinion)
}

/// The second opinion, from the operations' own values.
fn recount(history: &History, first: OpId, second: OpId, writers: &[OpId]) -> bool {
    let [a, b] = [first, second].map(|id| history.operation(id));
    let shows = |read: &Operation<'_>, value: &Value| {
        read.output() == value
            || read
                .output()
                .as_list()
                .is_some_and(|list| list.contains(value))
    };
    let differ = a.key_id == b.key_id && a.node() != b.node() && a.output() != b.output();
    let shown_once = writers.iter().all(|&id| {
        let op = history.operation(id);
        let value = op.input().as_pair().map_or(op.input(), |(_, new)| new);
        let over = op.outcome == Outcome::Ok && op.end() < a.invoked && op.end() < b.invoked;
        over && shows(&a, value) != shows(&b, value)
    });
    let late = history.operations().any(|op| {
        op.key_id == a.key_id
            && *op.f() != F::Read
            && op.outcome == Outcome::Ok
            && op.end() >= a.invoked.min(b.invoked)
            && op.invoked <= a.end().max(b.end())
    });
    differ && shown_once && !writers.is_empty() && !late
}

/// How many acknowledged elements are in no final read.
fn lost(history: &History, object: &Object<'_>, finals: &[(OpId, &str)]) -> u64 {
    let mut seen: FxHashSet<&Value> = FxHashSet::default();
    for &(id, _) in finals {
        for element in history.operation(id).output().as_list().unwrap_or_default() {
            seen.insert(element);
        }
    }
    let sent = finals
        .iter()
        .map(|&(id, _)| history.operation(id).invoked)
        .min();
    let acknowledged = object
        .operations(history)
        .filter(|op| *op.f() == F::Add && op.outcome == Outcome::Ok && Some(op.end()) < sent);
    acknowledged.filter(|op| !seen.contains(op.input())).count() as u64
}

/// How long after the last write and the last fault somebody was still told something else than what all agree on.
fn converged_after(
    history: &History,
    object: &Object<'_>,
    healed: Option<Time>,
    agreed: &Value,
) -> u64 {
    let written = object
        .operations(history)
        .filter(|op| object.put(op).is_some() && op.outcome == Outcome::Ok)
        .map(|op| op.end())
        .max();
    let since = written.max(healed).unwrap_or(Time::ZERO);
    let differs = |op: &Operation<'_>| {
        *op.f() == F::Read
            && op.outcome == Outcome::Ok
            && op.invoked >= since
            && object.said(op) != *agreed
    };
    let last = object
        .operations(history)
        .filter(differs)
        .map(|op| op.end())
        .max();
    last.map_or(0, |last| last.since(since).as_nanos() as u64)
}
