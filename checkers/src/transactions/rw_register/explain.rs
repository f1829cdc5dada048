//! A few transactions that a level does not allow, in words.

use schism_history::{History, OpId, Value};

use super::prover::{self, Edge, Proof, Reason};
use crate::Level;
use crate::proof::story::{Story, remark, short, step};
use crate::proof::witness::Part;
use crate::transactions::columns::{StepKind, Transactions};
use crate::transactions::saturation::Order;
use crate::transactions::saturation::committed::{Committed, INITIAL};
use crate::verdict::{Dependency, DependencyKind, Picture, Step};

/// The transactions of a witness: which of the history's each one is.
pub(super) struct Scene<'a, 'h> {
    /// The history.
    pub(super) history: &'h History,
    /// Its transactions.
    pub(super) transactions: &'a Transactions<'h>,
    /// Those of the witness.
    pub(super) committed: &'a Committed,
    /// The history's number of each.
    pub(super) number: &'a [u32],
    /// The history's number of each key.
    pub(super) keys: &'a [u32],
}

/// A witness, told.
pub(super) struct Told {
    /// What the field calls it.
    pub(super) name: &'static str,
    /// What happened.
    pub(super) sentence: String,
    /// The key that it is about, if it is one.
    pub(super) key: Value,
    /// Why it is impossible.
    pub(super) steps: Vec<Step>,
    /// What to draw.
    pub(super) picture: Picture,
}

impl Scene<'_, '_> {
    fn op(&self, t: u32) -> OpId {
        self.transactions.ops[self.number[t as usize] as usize]
    }

    fn key(&self, key: u32) -> &Value {
        self.transactions.keys[self.keys[key as usize] as usize]
    }

    /// What a transaction left in a key.
    fn wrote(&self, t: u32, key: u32) -> String {
        let number = self.number[t as usize];
        let key = self.keys[key as usize];
        let last = (self.transactions.step_range(number).rev())
            .find(|&place| {
                self.transactions.kind[place] == StepKind::Write
                    && self.transactions.key[place] == key
            })
            .map(|place| {
                self.transactions
                    .value_of(key, self.transactions.value[place])
            });
        last.map_or_else(|| "something".to_owned(), short)
    }

    fn read_key(&self, read: u32) -> u32 {
        self.committed.read_key[read as usize]
    }

    fn source(&self, read: u32) -> Option<u32> {
        match self.committed.read_slot[read as usize] {
            INITIAL => None,
            slot => Some(self.committed.writer[slot as usize]),
        }
    }

    fn reader(&self, read: u32) -> u32 {
        (0..self.committed.len() as u32)
            .find(|&t| self.committed.reads(t).contains(&(read as usize)))
            .unwrap_or(0)
    }

    /// Tells a witness against a level.
    pub(super) fn tell(&self, level: Level) -> Told {
        let proof = prover::prove(self.committed, level);
        let story = Story::of(
            self.history,
            (0..self.committed.len() as u32).map(|t| self.op(t)),
        );
        let mut order: Vec<u32> = (0..self.committed.len() as u32).collect();
        order.sort_by_key(|&t| self.op(t));
        let mut steps: Vec<Step> = order
            .iter()
            .map(|&t| step(self.op(t), story.sentence(Part::whole(self.op(t)))))
            .collect();
        let names: Vec<String> = order.iter().map(|&t| self.op(t).to_string()).collect();
        let Some(proof) = proof else {
            steps.push(remark(format!(
                "whichever way any two of them are ordered, another one is impossible: no order of {} fits {level}",
                listed(&names)
            )));
            return Told {
                name: self.name(level, &[]),
                sentence: format!(
                    "no order of {} gives every read what it saw, as {level} promises",
                    listed(&names)
                ),
                key: Value::Nil,
                steps,
                picture: Picture::Intervals,
            };
        };
        let cycle: Vec<Dependency> = (proof.cycle.iter())
            .map(|&edge| &proof.edges[edge])
            .filter(|edge| edge.reason != Reason::Same)
            .map(|edge| self.dependency(edge))
            .collect();
        for edge in used(&proof) {
            let edge = &proof.edges[edge];
            if edge.reason != Reason::Same {
                let why = self.because(edge);
                let from = self.op(edge.from);
                steps.push(step(
                    from,
                    format!("{from} comes before {}, because {why}", self.op(edge.to)),
                ));
            }
        }
        let mut round: Vec<String> = cycle.iter().map(|d| d.from.to_string()).collect();
        round.extend(cycle.first().map(|d| d.from.to_string()));
        steps.push(remark(format!(
            "so each of these would come before the next one, in a circle: {}",
            round.join(", ")
        )));
        let mut keys: Vec<&Value> = cycle
            .iter()
            .map(|d| &d.key)
            .filter(|k| !k.is_nil())
            .collect();
        keys.sort();
        keys.dedup();
        let key = match keys[..] {
            [only] => only.clone(),
            _ => Value::Nil,
        };
        let name = self.name(level, &cycle);
        Told {
            name,
            sentence: sentence(name, level, &cycle, &keys),
            key,
            steps,
            picture: Picture::Cycle(cycle),
        }
    }

    fn dependency(&self, edge: &Edge) -> Dependency {
        let (kind, key) = match edge.reason {
            Reason::Same | Reason::Session => (DependencyKind::Process, None),
            Reason::RealTime => (DependencyKind::RealTime, None),
            Reason::Read(read) => (DependencyKind::WriteRead, Some(self.read_key(read))),
            Reason::Hidden(read) => (DependencyKind::WriteWrite, Some(self.read_key(read))),
            Reason::Overwrites(read) => (DependencyKind::ReadWrite, Some(self.read_key(read))),
            Reason::Overlap(key) => (DependencyKind::WriteWrite, Some(key)),
        };
        Dependency {
            from: self.op(edge.from),
            to: self.op(edge.to),
            kind,
            key: key.map_or(Value::Nil, |key| self.key(key).clone()),
            because: self.because(edge),
        }
    }

    /// The reason of an order, as the end of a sentence that begins with "because".
    fn because(&self, edge: &Edge) -> String {
        let (from, to) = (self.op(edge.from), self.op(edge.to));
        match edge.reason {
            Reason::Same => format!("{from} reads before it commits"),
            Reason::Session => {
                let process = self.history.operation(from).process;
                format!("process {process} sent {from} before {to}")
            }
            Reason::RealTime => format!("{from} had returned before {to} was sent"),
            Reason::Read(read) => {
                let key = self.read_key(read);
                format!(
                    "{to} read the {} that {from} wrote to {}",
                    self.wrote(edge.from, key),
                    self.key(key)
                )
            }
            Reason::Hidden(read) => {
                let key = self.read_key(read);
                let reader = self.op(self.reader(read));
                format!(
                    "{reader} read the {} that {to} wrote to {}, and not the {} that {from} wrote, though {from} comes before {reader}",
                    self.wrote(edge.to, key),
                    self.key(key),
                    self.wrote(edge.from, key),
                )
            }
            Reason::Overwrites(read) => {
                let key = self.read_key(read);
                match self.source(read) {
                    None => format!(
                        "{from} found {} as it was at first, and not the {} that {to} wrote",
                        self.key(key),
                        self.wrote(edge.to, key)
                    ),
                    Some(source) => format!(
                        "{from} read the {} that {source_op} wrote to {}, which {to} overwrote: {source_op} comes before {to}",
                        self.wrote(source, key),
                        self.key(key),
                        source_op = self.op(source),
                    ),
                }
            }
            Reason::Overlap(key) => format!(
                "both write {}, and {from} took its snapshot before {to} committed, so it was the first to commit",
                self.key(key)
            ),
        }
    }

    /// What the field calls a cycle that refutes a level; without a cycle, what it calls the likeliest one.
    fn name(&self, level: Level, cycle: &[Dependency]) -> &'static str {
        let count = |kind| cycle.iter().filter(|d| d.kind == kind).count();
        let anti = count(DependencyKind::ReadWrite);
        let suffix = if count(DependencyKind::RealTime) > 0 {
            2
        } else {
            usize::from(count(DependencyKind::Process) > 0)
        };
        match level {
            Level::ReadCommitted => return "G1c",
            Level::ReadAtomic | Level::MonotonicAtomicView => {
                let rereads = (0..self.committed.len() as u32).any(|t| {
                    let reads = self.committed.reads(t);
                    let keys = &self.committed.read_key[reads.clone()];
                    let slots = &self.committed.read_slot[reads];
                    (0..keys.len())
                        .any(|a| (0..a).any(|b| keys[a] == keys[b] && slots[a] != slots[b]))
                });
                return if rereads {
                    "non-repeatable-read"
                } else {
                    "fractured-read"
                };
            }
            // Where sessions play no part, it is more than that: what reads from whom forbids it.
            Level::Causal | Level::CausalConvergence if suffix > 0 || anti != 1 => {
                return "causality-violation";
            }
            _ => {}
        }
        if suffix == 0 {
            if self.is_lost_update() {
                return "lost-update";
            }
            let only_anti = anti == cycle.len();
            if anti == 2 && only_anti && cycle[0].key != cycle[1].key {
                return "write-skew";
            }
            if anti == 2 && cycle.len() == 4 && count(DependencyKind::WriteRead) == 2 {
                let readers = (0..self.committed.len() as u32)
                    .filter(|&t| self.committed.is_read_only(t))
                    .count();
                if level == Level::Prefix && readers == 2 {
                    return "long-fork";
                }
            }
            if level == Level::UpdateSerializable && anti > 1 {
                return "G-update";
            }
        }
        let nonadjacent = !cycle.is_empty()
            && (0..cycle.len()).all(|i| {
                let next = (i + 1) % cycle.len();
                cycle[i].kind != DependencyKind::ReadWrite
                    || cycle[next].kind != DependencyKind::ReadWrite
            });
        let is_serial = matches!(
            level,
            Level::Serializable
                | Level::RepeatableRead
                | Level::UpdateSerializable
                | Level::StrongSessionSerializable
                | Level::StrictSerializable
        );
        let names: [&'static str; 3] = match anti {
            1 => ["G-single", "G-single-process", "G-single-realtime"],
            0 if count(DependencyKind::WriteWrite) == 0 && !cycle.is_empty() => {
                ["G1c", "G1c-process", "G1c-realtime"]
            }
            0 if level == Level::ParallelSnapshotIsolation => {
                ["G-single", "G-single-process", "G-single-realtime"]
            }
            0 if !is_serial => [
                "G-nonadjacent",
                "G-nonadjacent-process",
                "G-nonadjacent-realtime",
            ],
            _ if nonadjacent && !is_serial => [
                "G-nonadjacent",
                "G-nonadjacent-process",
                "G-nonadjacent-realtime",
            ],
            _ => ["G2-item", "G2-item-process", "G2-item-realtime"],
        };
        let suffix = if cycle.is_empty() {
            match prover::respects(level) {
                Order::None => 0,
                Order::Session => 1,
                Order::RealTime => 2,
            }
        } else {
            suffix
        };
        names[suffix]
    }

    /// Two transactions read the same version of a key and both write the key.
    fn is_lost_update(&self) -> bool {
        let committed = self.committed;
        let updates: Vec<(u32, u32, u32)> = (0..committed.len() as u32)
            .flat_map(|t| {
                committed.reads(t).filter_map(move |r| {
                    let key = committed.read_key[r];
                    committed.slot(t, key)?;
                    Some((key, committed.read_slot[r], t))
                })
            })
            .collect();
        (0..updates.len()).any(|a| {
            (0..a).any(|b| {
                updates[a].0 == updates[b].0
                    && updates[a].1 == updates[b].1
                    && updates[a].2 != updates[b].2
            })
        })
    }
}

/// The orders that a proof uses, each after those that it follows from.
fn used(proof: &Proof) -> Vec<usize> {
    let mut used = vec![false; proof.edges.len()];
    for &edge in &proof.cycle {
        used[edge] = true;
    }
    for edge in (0..proof.edges.len()).rev() {
        if used[edge] {
            for &before in &proof.edges[edge].premise {
                used[before] = true;
            }
        }
    }
    (0..proof.edges.len()).filter(|&edge| used[edge]).collect()
}

/// `#1, #2 and #3`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// What happened, in one sentence.
fn sentence(name: &str, level: Level, cycle: &[Dependency], keys: &[&Value]) -> String {
    let mut who: Vec<String> = Vec::new();
    for dependency in cycle {
        let from = dependency.from.to_string();
        if !who.contains(&from) {
            who.push(from);
        }
    }
    let who = listed(&who);
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let keys = listed(&keys);
    match name {
        "lost-update" => format!(
            "{who} changed {keys} without seeing what the other one wrote: one of the updates is lost"
        ),
        "write-skew" => {
            format!(
                "{who} each overwrote what the other one had read of {keys}, and neither saw it"
            )
        }
        "long-fork" => {
            format!("{who}: two readers saw two independent writes of {keys} in opposite orders")
        }
        "fractured-read" => {
            format!(
                "{who}: a transaction saw one part of what another one wrote to {keys}, and not the rest"
            )
        }
        "causality-violation" => {
            format!("{who}: a transaction of {keys} was seen, and not what it depends on")
        }
        _ => format!(
            "{who} would each have to come before the next one in a circle ({name}), which {level} forbids"
        ),
    }
}
