//! What the judges of weak models (causal, PRAM, sequential) have in common: from what they found to a verdict.

use schism_history::{History, OpId, Value};

use crate::proof::conclusion::{Case, SecondOpinion, conclude};
use crate::proof::forced::{self, Promise};
use crate::proof::story::{Story, count, step};
use crate::proof::witness::Part;
use crate::sessions::closure::{Closure, Cycle};
use crate::sessions::program::{INITIAL, Program};
use crate::verdict::{Anomaly, Confirmation, Levels, Picture, Step};
use crate::{Budget, Level, Validity, Verdict};

/// Violations that are confirmed and told; all are counted.
pub(crate) const TOLD: usize = 8;
/// Operations of a proof up to which it is made smaller, one by one.
const SHRUNK: usize = 64;
/// Operations of a proof up to which it is confirmed.
const LARGEST_PROOF: usize = 400;

/// What a judge of a weak model found.
pub(crate) struct Findings<'h> {
    history: &'h History,
    program: &'h Program,
    /// Violations, all of them.
    pub(crate) count: u64,
    /// The first ones, confirmed and told.
    cases: Vec<Case>,
    /// Why it came to no end, if it did not.
    pub(crate) unfinished: Option<String>,
}

/// A violation, before it is told.
pub(crate) struct Violation {
    /// What the field calls it.
    pub(crate) name: &'static str,
    /// What happened, in one sentence.
    pub(crate) sentence: String,
    /// The nodes that prove it.
    pub(crate) nodes: Vec<u32>,
    /// Why, step by step, after what each operation did.
    pub(crate) because: Vec<String>,
    /// What is broken, for the second opinion.
    pub(crate) promise: Promise,
}

impl<'h> Findings<'h> {
    /// Nothing yet.
    pub(crate) fn new(history: &'h History, program: &'h Program) -> Self {
        Self {
            history,
            program,
            count: 0,
            cases: Vec::new(),
            unfinished: None,
        }
    }

    /// Reads of values that nobody wrote: no model allows them.
    pub(crate) fn thin_air(&mut self, promise: Promise) {
        for &id in &self.program.thin_air {
            self.report(|| {
                let op = self.history.operation(id);
                let value = crate::object::found(&op).unwrap_or(&Value::Nil);
                Some((
                    Violation {
                        name: "thin-air-read",
                        sentence: format!(
                            "process {} read {value} from key {}, and nobody wrote that",
                            op.process,
                            op.key()
                        ),
                        nodes: Vec::new(),
                        because: vec![format!("no write of {value} to this key happened")],
                        promise,
                    },
                    vec![id],
                ))
            });
        }
    }

    /// One more violation; it is only asked for when it is told.
    pub(crate) fn found(&mut self, violation: impl FnOnce() -> Option<Violation>) {
        let program = self.program;
        self.report(|| {
            let violation = violation()?;
            let ids = violation
                .nodes
                .iter()
                .map(|&node| program.id[node as usize])
                .collect();
            Some((violation, ids))
        });
    }

    fn report(&mut self, violation: impl FnOnce() -> Option<(Violation, Vec<OpId>)>) {
        self.count += 1;
        if self.cases.len() >= TOLD {
            return;
        }
        if let Some((violation, ids)) = violation() {
            self.cases.push(tell(self.history, &violation, &ids));
        }
    }

    /// The verdict of a judge that is complete for `level` when nothing was undecidable.
    pub(crate) fn verdict(self, checker: &'static str, level: Level) -> Verdict {
        let program = self.program;
        let judged = program.reads;
        let sessions = count(program.sessions() as u64, "session");
        let figures = Value::map([
            ("reads", Value::from(judged)),
            ("undecidable", program.undecidable.into()),
            ("sessions", (program.sessions() as u64).into()),
            ("broken", self.count.into()),
        ]);
        let complete = program.undecidable == 0 && self.unfinished.is_none();
        let saw_a_write = program.from.iter().any(|&from| from < INITIAL);
        let unfinished = self.unfinished;
        let green = || match unfinished {
            Some(why) => (Validity::Unknown, why),
            None if !saw_a_write => (
                Validity::Unknown,
                if program.undecidable > 0 {
                    format!(
                        "nothing could be judged: of {} it is not known which write they saw. It is where each value is \
                         written once",
                        count(program.undecidable, "read")
                    )
                } else {
                    "there is nothing to judge: no read saw what a client wrote".to_owned()
                },
            ),
            None => {
                let left_out = if program.undecidable > 0 {
                    format!(
                        "; {} could not be judged",
                        count(program.undecidable, "read")
                    )
                } else {
                    String::new()
                };
                (
                    Validity::Valid,
                    format!(
                        "every {}: {} of {sessions} checked{left_out}",
                        level.promise(),
                        count(judged, "read")
                    ),
                )
            }
        };
        let verdict = conclude(checker, self.cases, self.count, green).figures(figures);
        let levels = match verdict.validity {
            Validity::Invalid => Levels {
                refuted: vec![level],
                held: Vec::new(),
            },
            Validity::Valid if complete => Levels {
                refuted: Vec::new(),
                held: vec![level],
            },
            _ => Levels::default(),
        };
        verdict.levels(levels)
    }
}

/// A program that is small enough to be judged; else the verdict that it is not.
pub(crate) fn program_within(
    checker: &'static str,
    history: &History,
    budget: &Budget,
) -> Result<Program, Box<Verdict>> {
    let program = Program::of(history);
    let bytes = Closure::bytes(&program);
    if bytes > budget.bytes {
        let summary = format!(
            "{} and {} would take {} MB of tables, more than the {} MB allowed",
            count(program.sessions() as u64, "session"),
            count(program.write_count() as u64, "write"),
            bytes >> 20,
            budget.bytes >> 20
        );
        return Err(Box::new(Verdict::new(checker, Validity::Unknown, summary)));
    }
    Ok(program)
}

fn tell(history: &History, violation: &Violation, ids: &[OpId]) -> Case {
    let mut operations = ids.to_vec();
    operations.sort_unstable();
    operations.dedup();
    let (operations, opinion) = if operations.len() > LARGEST_PROOF {
        (operations, SecondOpinion::Unfinished)
    } else {
        let fewer = if operations.len() > SHRUNK {
            operations
        } else {
            forced::shrink(history, &operations, violation.promise)
        };
        let opinion = forced::opinion(history, &fewer, violation.promise);
        (fewer, opinion)
    };
    let story = Story::of(history, operations.iter().copied());
    let mut steps: Vec<Step> = operations
        .iter()
        .map(|&id| {
            let sentence = story.sentence(Part::whole(id));
            let key = history.operation(id).key();
            step(id, format!("{sentence} (key {key})"))
        })
        .collect();
    steps.extend(violation.because.iter().map(|text| Step {
        operation: None,
        text: text.clone(),
    }));
    let keys: Vec<_> = operations
        .iter()
        .map(|&id| history.operation(id).key_id)
        .collect();
    let one_key = keys.windows(2).all(|pair| pair[0] == pair[1]);
    let key = match operations.first() {
        Some(&id) if one_key => history.operation(id).key().clone(),
        _ => Value::Nil,
    };
    let anomaly = Anomaly {
        name: violation.name,
        sentence: violation.sentence.clone(),
        key,
        operations,
        steps,
        confirmation: Confirmation {
            by: "a table of what these operations force, filled rule by rule from the history alone",
            agrees: opinion == SecondOpinion::Agrees,
        },
        picture: Picture::Sessions,
    };
    (anomaly, opinion)
}

/// What a node did, with its key: `the write of 5 to "x"`.
pub(crate) fn act(history: &History, program: &Program, node: u32) -> String {
    let op = history.operation(program.id[node as usize]);
    let key = op.key();
    match (crate::object::written(&op), crate::object::found(&op)) {
        (Some(new), Some(old)) => format!("the change of {key} from {old} to {new}"),
        (Some(new), None) => format!("the write of {new} to {key}"),
        (None, Some(found)) => format!("the read of {found} from {key}"),
        (None, None) => format!("operation {}", op.id),
    }
}

/// The operations that prove a cycle, and why each precedes the next one.
pub(crate) fn explain(
    history: &History,
    program: &Program,
    closure: &Closure<'_>,
    cycle: &Cycle,
) -> (Vec<u32>, Vec<String>) {
    let act = |node| act(history, program, node);
    let mut nodes = cycle.0.clone();
    let mut because = Vec::new();
    // Edges whose reason is still to be told, by number.
    let mut open: Vec<usize> = Vec::new();
    let mut told: Vec<usize> = Vec::new();
    let size = cycle.0.len();
    for (i, &a) in cycle.0.iter().enumerate() {
        let b = cycle.0[(i + 1) % size];
        if program.session[a as usize] == program.session[b as usize] && a < b {
            because.push(format!(
                "{} came before {}: process {} did one after the other",
                act(a),
                act(b),
                program.processes[program.session[a as usize] as usize]
            ));
        } else if closure.source(b) == Some(a) {
            because.push(format!("{} came before {}, which saw it", act(a), act(b)));
        } else if let Some(number) = closure
            .edges()
            .iter()
            .position(|edge| edge.from == a && edge.to == b)
        {
            open.push(number);
        }
    }
    while let Some(number) = open.pop() {
        if told.contains(&number) {
            continue;
        }
        told.push(number);
        let edge = closure.edges()[number];
        // Either a write that precedes a read precedes what that read saw, or a read precedes what overwrote that.
        let (first, last) = if edge.from == edge.why {
            (program.from[edge.why as usize], edge.to)
        } else {
            (edge.from, edge.why)
        };
        because.push(if edge.from == edge.why {
            format!(
                "{} came before {}, which overwrote what it saw",
                act(edge.from),
                act(edge.to)
            )
        } else {
            format!(
                "{} came before {}: {} saw the latter, although the former had come before it",
                act(edge.from),
                act(edge.to),
                act(edge.why)
            )
        });
        nodes.extend([edge.from, edge.to, edge.why]);
        if first >= INITIAL {
            continue;
        }
        nodes.push(first);
        let Some(path) = closure.path(first, last, number) else {
            continue;
        };
        for pair in path.windows(2) {
            let by_edge = closure.edges()[..number]
                .iter()
                .position(|edge| edge.from == pair[0] && edge.to == pair[1]);
            let plain = program.session[pair[0] as usize] == program.session[pair[1] as usize]
                || closure.source(pair[1]) == Some(pair[0]);
            if let Some(number) = by_edge.filter(|_| !plain) {
                open.push(number);
            }
        }
        nodes.extend(path);
    }
    // Whoever wrote what these read belongs to them.
    let sources: Vec<u32> = nodes
        .iter()
        .map(|&node| program.from[node as usize])
        .filter(|&from| from < INITIAL)
        .collect();
    nodes.extend(sources);
    let mut at = 0;
    nodes.sort_unstable();
    nodes.dedup();
    while at < nodes.len() {
        let from = program.from[nodes[at] as usize];
        if from < INITIAL && !nodes.contains(&from) {
            nodes.push(from);
        }
        at += 1;
    }
    (nodes, because)
}
