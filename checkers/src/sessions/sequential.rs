//! Sequential consistency (SC), on registers whose values are written once.
//!
//! One order of all operations of all sessions, each session's in the order in which it sent them, in which every read
//! sees the newest write (Lamport, "How to make a multiprocessor computer that correctly executes multiprocess programs",
//! 1979). Real time does not count. Deciding this is NP-complete even when it is known which write each read saw (Gibbons
//! and Korach, "Testing shared memories", 1997), so it is done in three steps, each of which may end it:
//!
//! 1. a greedy order: a write waits until everybody who sees the value before has read it, which is forced; among what
//!    may go next, the first to be sent goes. If it gets through, it is the proof, and so is a linearization, which is
//!    looked for before. O(n log n);
//! 2. saturation: a write that must precede a read must precede the write that it saw, and a read must precede what must
//!    follow the write that it saw. A cycle refutes ("gradual consistency checking", Zennou et al., 2019);
//! 3. search: of two writes that nothing orders, one order is assumed, and 2 is done again; if that refutes, the other.
//!    Each sweep counts as a step for each operation and session, and the budget bounds their number.
//!
//! Anomalies: `thin-air-read` (a value that nobody wrote), `cyclic-co` (see [causal](crate::sessions::causal)),
//! `cyclic-order` (what must precede what goes in a circle), `no-order` (every assumption ends in one).
//!
//! Figures: `reads` (judged), `undecidable` (it is not known which write they saw), `sessions`, `broken`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use schism_history::History;

use crate::measures::clusters;
use crate::proof::forced::Promise;
use crate::sessions::causal::report_cycle;
use crate::sessions::closure::{Closure, Cycle, Edge, Scope, WritesByKey};
use crate::sessions::program::{INITIAL, NONE, Program};
use crate::sessions::weak::{Findings, Violation, act, explain, program_within};
use crate::{Budget, Checker, Level, Verdict};

/// One order of all operations explains what every session saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequential;

impl Checker for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let program = match program_within(self.name(), history, budget) {
            Ok(program) => program,
            Err(verdict) => return *verdict,
        };
        let mut findings = Findings::new(history, &program);
        findings.thin_air(Promise::Sequential);
        let explained = || clusters::is_linearizable(history, &program) || greedy(&program, None);
        if findings.count == 0 && !explained() {
            saturate(history, &program, budget, &mut findings);
        }
        findings.verdict(self.name(), Level::Sequential)
    }
}

fn saturate(history: &History, program: &Program, budget: &Budget, findings: &mut Findings<'_>) {
    let mut closure = Closure::new(program, Scope::All);
    if let Err(cycle) = closure.arrange() {
        report_cycle(
            history,
            program,
            &closure,
            &cycle,
            Promise::Sequential,
            findings,
        );
        return;
    }
    let mut search = Search {
        program,
        by_key: WritesByKey::of(program),
        left: budget.steps,
        budget,
    };
    // The other way for each assumption that was made, and how many edges there were before it.
    let mut assumed: Vec<(usize, Edge)> = Vec::new();
    let (mut refuted, mut tried) = (0_u64, 0_u64);
    loop {
        match search.close(&mut closure) {
            Closed::Unfinished => {
                findings.unfinished = Some(format!(
                    "no order was found and none refuted within the allowed number of steps: {refuted} of the orders of \
                     writes that were tried lead to a contradiction"
                ));
                return;
            }
            Closed::Open(one, other) => {
                // With what is known by now the greedy order may get through. It is tried less and less often.
                tried += 1;
                if tried.is_power_of_two() && greedy(program, Some(&closure)) {
                    return;
                }
                assumed.push((closure.edges().len(), other));
                closure.add(one);
            }
            Closed::Done => return,
            Closed::Cycle(cycle) => {
                if refuted == 0 && assumed.is_empty() {
                    report(history, program, &closure, &cycle, findings);
                    return;
                }
                refuted += 1;
                let Some((keep, other)) = assumed.pop() else {
                    findings.found(|| {
                        Some(Violation {
                            name: "no-order",
                            sentence: "no order of all operations explains what the sessions saw".to_owned(),
                            nodes: (0..program.len() as u32).collect(),
                            because: vec![format!(
                                "each of {refuted} ways to order the writes that nothing else orders ends in a contradiction"
                            )],
                            promise: Promise::Sequential,
                        })
                    });
                    return;
                };
                closure.truncate(keep);
                closure.add(other);
            }
        }
    }
}

fn report(
    history: &History,
    program: &Program,
    closure: &Closure<'_>,
    cycle: &Cycle,
    findings: &mut Findings<'_>,
) {
    findings.found(|| {
        let (nodes, because) = explain(history, program, closure, cycle);
        Some(Violation {
            name: "cyclic-order",
            sentence: format!(
                "no order of all operations explains what the sessions saw: {} would have to come before itself",
                act(history, program, *cycle.0.first()?)
            ),
            nodes,
            because,
            promise: Promise::Sequential,
        })
    });
}

struct Search<'a> {
    program: &'a Program,
    by_key: WritesByKey,
    left: u64,
    budget: &'a Budget,
}

enum Closed {
    /// Every read sees the newest write in any order that is left.
    Done,
    /// Two ways to go on, one of which must be.
    Open(Edge, Edge),
    Cycle(Cycle),
    Unfinished,
}

impl Search<'_> {
    /// Adds what follows, until nothing does.
    fn close(&mut self, closure: &mut Closure<'_>) -> Closed {
        let program = self.program;
        loop {
            let cost = (program.len() * program.sessions()) as u64;
            if self.left < cost || self.budget.is_stopped() {
                return Closed::Unfinished;
            }
            self.left -= cost;
            if let Err(cycle) = closure.arrange() {
                return Closed::Cycle(cycle);
            }
            let mut found: Vec<Edge> = Vec::new();
            let by_key = &self.by_key;
            closure.sweep(|node, view| {
                let from = program.from[node as usize];
                if from == NONE {
                    return;
                }
                by_key.last_seen(program, program.key[node as usize], view, |write| {
                    // A read of the initial value precedes all writes, this one too.
                    if from != INITIAL && write != from && !view.is_before(write, from) {
                        found.push(Edge {
                            from: write,
                            to: from,
                            why: node,
                        });
                    }
                });
            });
            let mut open = None;
            for read in 0..program.len() as u32 {
                self.follow(closure, read, &mut found, &mut open);
            }
            let mut grown = false;
            for edge in found {
                grown |= closure.add(edge);
            }
            if !grown {
                return open.map_or(Closed::Done, |(one, other)| Closed::Open(one, other));
            }
        }
    }

    /// What must come after a read: the writes of its key that must follow the write that it saw.
    fn follow(
        &self,
        closure: &Closure<'_>,
        read: u32,
        found: &mut Vec<Edge>,
        open: &mut Option<(Edge, Edge)>,
    ) {
        let program = self.program;
        let from = program.from[read as usize];
        if from == NONE {
            return;
        }
        let edge = |from, to| Edge {
            from,
            to,
            why: read,
        };
        self.by_key
            .by_session(program, program.key[read as usize], |writes| {
                let first = if from == INITIAL {
                    0
                } else {
                    writes.partition_point(|&write| !closure.is_before(from, write))
                };
                let mut newer = writes[first..]
                    .iter()
                    .filter(|&&write| write != read && write != from);
                if let Some(&write) = newer.next()
                    && !closure.is_before(read, write)
                {
                    found.push(edge(read, write));
                }
                if open.is_none() && from != INITIAL {
                    // Neither before the write that was seen, nor after it.
                    let undecided = |&&write: &&u32| {
                        write != from && write != read && !closure.is_before(write, from)
                    };
                    if let Some(&write) = writes[..first].iter().rev().find(undecided) {
                        *open = Some((edge(write, from), edge(read, write)));
                    }
                }
            });
    }
}

/// Whether the greedy order gets through, if it also heeds what was worked out.
fn greedy(program: &Program, known: Option<&Closure<'_>>) -> bool {
    let nodes = program.len();
    // How many reads of each write are still to come; and of the initial value, by key.
    let mut readers = vec![0_u32; nodes];
    let mut initial = vec![0_u32; program.keys as usize];
    for node in 0..nodes {
        match program.from[node] {
            NONE => {}
            INITIAL => initial[program.key[node] as usize] += 1,
            from => readers[from as usize] += 1,
        }
    }
    let mut held = vec![INITIAL; program.keys as usize];
    // Nodes that may go next, by invocation; those that wait for another one, and those that wait for a key's readers.
    let mut ready: BinaryHeap<Reverse<(bool, u32, u32)>> = BinaryHeap::new();
    let mut for_node: Vec<u32> = vec![NONE; nodes];
    let mut done = vec![false; if known.is_some() { nodes } else { 0 }];
    let mut for_key: Vec<u32> = vec![NONE; program.keys as usize];
    let mut next: Vec<u32> = vec![NONE; nodes];
    let push = |ready: &mut BinaryHeap<_>, node: u32| {
        let i = node as usize;
        ready.push(Reverse((program.writes[i], program.id[i].0, node)));
    };
    for session in 0..program.sessions() {
        if program.begin[session] < program.begin[session + 1] {
            push(&mut ready, program.begin[session]);
        }
    }
    let mut placed = 0;
    while let Some(Reverse((_, _, node))) = ready.pop() {
        let i = node as usize;
        let key = program.key[i] as usize;
        let from = program.from[i];
        if from != NONE && from != held[key] {
            if from == INITIAL {
                return false;
            }
            // It waits until what it saw is written.
            next[i] = for_node[from as usize];
            for_node[from as usize] = node;
            continue;
        }
        let missing =
            known.and_then(|known| known.causes(node).find(|&cause| !done[cause as usize]));
        if let Some(missing) = missing {
            next[i] = for_node[missing as usize];
            for_node[missing as usize] = node;
            continue;
        }
        if program.writes[i] && left_of(&held, &readers, &initial, key) > u32::from(from != NONE) {
            next[i] = for_key[key];
            for_key[key] = node;
            continue;
        }
        match from {
            NONE => {}
            INITIAL => initial[key] -= 1,
            from => readers[from as usize] -= 1,
        }
        placed += 1;
        if known.is_some() {
            done[i] = true;
        }
        let mut wake = [std::mem::replace(&mut for_node[i], NONE), NONE];
        if program.writes[i] {
            held[key] = node;
        }
        if left_of(&held, &readers, &initial, key) <= 1 {
            wake[1] = std::mem::replace(&mut for_key[key], NONE);
        }
        for mut waiter in wake {
            while waiter != NONE {
                let after = next[waiter as usize];
                push(&mut ready, waiter);
                waiter = after;
            }
        }
        if node + 1 < program.begin[program.session[i] as usize + 1] {
            push(&mut ready, node + 1);
        }
    }
    placed == nodes
}

fn left_of(held: &[u32], readers: &[u32], initial: &[u32], key: usize) -> u32 {
    match held[key] {
        INITIAL => initial[key],
        held => readers[held as usize],
    }
}
