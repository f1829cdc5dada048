//! One session's view of all writes: the core of PRAM and of causal memory (CM).
//!
//! Both ask of every session, by itself, for one order of all writes and of the session's own reads in which each read
//! sees the newest write: an order that respects, for PRAM, each session's own order, and for CM, the causal order.
//!
//! What is linearizable has all views. Else, first the simplest order is tried: writes are applied when the session first learns of them, as late as possible.
//! That is one pass over the session and what it sees. If a read then does not fit, what must precede what is worked
//! out to the end (Bouajjani et al., 2017, for CM: the relation HB of the session's last operation): a write that comes
//! before a read of the session comes before the write that the read saw. The view exists exactly if this has no cycle
//! (`cyclic-hb`), and no write comes before a read of the initial value (`write-hb-init-read`).
//!
//! Cost: O(operations) for a session whose simplest order fits, else a few sweeps of O(operations x sessions).

use schism_history::History;

use crate::Budget;
use crate::proof::forced::Promise;
use crate::sessions::closure::{Closure, Cycle, Edge, Scope, WritesByKey};
use crate::sessions::program::{INITIAL, NONE, Program, key_of};
use crate::sessions::weak::{Findings, Violation, act, explain};

/// Judges the view of every session. `promise` is what is asked of one. `causal` is the causal order, swept, for CM; for
/// PRAM there is none.
pub(crate) fn judge(
    history: &History,
    program: &Program,
    causal: Option<&Closure<'_>>,
    promise: impl Fn(u32) -> Promise,
    budget: &Budget,
    findings: &mut Findings<'_>,
) {
    let mut memory = Memory::new(program);
    let mut by_key: Option<WritesByKey> = None;
    let mut left = budget.steps;
    for session in 0..program.sessions() as u32 {
        if memory.fits(program, causal, session) {
            continue;
        }
        let by_key = by_key.get_or_insert_with(|| WritesByKey::of(program));
        let scope = if causal.is_some() {
            Scope::All
        } else {
            Scope::Session(session)
        };
        let mut closure = Closure::new(program, scope);
        match close(program, &mut closure, by_key, session, &mut left, budget) {
            End::Fits => {}
            End::Unfinished => {
                findings.unfinished = Some(format!(
                    "the views of {session} of {} sessions were judged within the allowed number of steps",
                    program.sessions()
                ));
                return;
            }
            End::Cycle(cycle) => findings.found(|| {
                let (nodes, because) = explain(history, program, &closure, &cycle);
                Some(Violation {
                    name: "cyclic-hb",
                    sentence: format!(
                        "process {} saw writes in an order that cannot be: {} would have to come before itself",
                        program.processes[session as usize],
                        act(history, program, *cycle.0.first()?)
                    ),
                    nodes,
                    because,
                    promise: promise(session),
                })
            }),
            End::Initial { write, read } => findings.found(|| {
                let edges = closure.edges().len();
                let mut nodes = closure.path(write, read, edges)?;
                let links: Vec<u32> = nodes.windows(2).flatten().copied().collect();
                let (more, because) = explain(history, program, &closure, &Cycle(links));
                nodes.extend(more);
                Some(Violation {
                    name: "write-hb-init-read",
                    sentence: format!(
                        "process {} found nothing in {}, although {} had come before",
                        program.processes[session as usize],
                        key_of(history, program, read),
                        act(history, program, write)
                    ),
                    nodes,
                    because,
                    promise: promise(session),
                })
            }),
        }
    }
}

enum End {
    Fits,
    Cycle(Cycle),
    /// A write came before a read of the initial value.
    Initial {
        write: u32,
        read: u32,
    },
    Unfinished,
}

/// Works out what must precede what in a session's view.
fn close(
    program: &Program,
    closure: &mut Closure<'_>,
    by_key: &WritesByKey,
    session: u32,
    left: &mut u64,
    budget: &Budget,
) -> End {
    loop {
        let cost = program.len() as u64;
        if *left < cost || budget.is_stopped() {
            return End::Unfinished;
        }
        *left -= cost;
        if let Err(cycle) = closure.arrange() {
            return End::Cycle(cycle);
        }
        let mut found: Vec<Edge> = Vec::new();
        let mut initial = None;
        closure.sweep(|node, view| {
            let i = node as usize;
            let from = program.from[i];
            if program.session[i] != session || from == NONE || initial.is_some() {
                return;
            }
            by_key.last_seen(program, program.key[i], view, |write| {
                if from == INITIAL {
                    initial.get_or_insert(End::Initial { write, read: node });
                } else if write != from && !view.is_before(write, from) {
                    found.push(Edge {
                        from: write,
                        to: from,
                        why: node,
                    });
                }
            });
        });
        if let Some(initial) = initial {
            return initial;
        }
        let mut grown = false;
        for edge in found {
            grown |= closure.add(edge);
        }
        if !grown {
            return End::Fits;
        }
    }
}

/// What a session's memory holds when each write is applied as late as possible.
struct Memory {
    /// For each key the newest write, and for which session that holds.
    held: Vec<(u32, u32)>,
    /// How many nodes of each session were applied.
    applied: Vec<u32>,
    batch: Vec<u32>,
}

impl Memory {
    fn new(program: &Program) -> Self {
        Self {
            held: vec![(NONE, INITIAL); program.keys as usize],
            applied: vec![0; program.sessions()],
            batch: Vec::new(),
        }
    }

    /// Whether every read of the session sees what the memory holds.
    fn fits(&mut self, program: &Program, causal: Option<&Closure<'_>>, session: u32) -> bool {
        self.applied.fill(0);
        for node in program.nodes(session) {
            let from = program.from[node as usize];
            if from < INITIAL {
                if from >= node && program.session[from as usize] == session {
                    // It saw what it was to write only later.
                    return false;
                }
                self.learn(program, causal, session, from);
            }
            if from != NONE {
                let (of, held) = self.held[program.key[node as usize] as usize];
                let held = if of == session { held } else { INITIAL };
                if held != from {
                    return false;
                }
            }
            self.applied[session as usize] += 1;
            if program.writes[node as usize] {
                self.held[program.key[node as usize] as usize] = (session, node);
            }
        }
        true
    }

    /// Applies a write, and all that must precede it.
    fn learn(&mut self, program: &Program, causal: Option<&Closure<'_>>, session: u32, write: u32) {
        let source = program.session[write as usize];
        let begin = program.begin[source as usize];
        if begin + self.applied[source as usize] > write {
            return;
        }
        let Some(causal) = causal else {
            for node in begin + self.applied[source as usize]..=write {
                if program.writes[node as usize] {
                    self.held[program.key[node as usize] as usize] = (session, node);
                }
            }
            self.applied[source as usize] = write - begin + 1;
            return;
        };
        self.batch.clear();
        for (other, &seen) in causal.clock(write).iter().enumerate() {
            let applied = self.applied[other];
            if seen > applied {
                let begin = program.begin[other];
                let new = begin + applied..begin + seen;
                self.batch
                    .extend(new.filter(|&node| program.writes[node as usize]));
                self.applied[other] = seen;
            }
        }
        self.batch
            .sort_unstable_by_key(|&node| causal.place[node as usize]);
        for &node in &self.batch {
            self.held[program.key[node as usize] as usize] = (session, node);
        }
    }
}
