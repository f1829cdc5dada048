//! Why one transaction comes before another one: keys, words, and who else must be heard to believe it.

use schism_history::{History, OpId, Outcome, Value};

use crate::proof::story::{key_name, short};
use crate::transactions::anomalies::Shape;
use crate::transactions::columns::{NONE, Step, StepKind, Transactions};
use crate::transactions::cycles::Cycle;
use crate::transactions::graph::Edge;
use crate::transactions::list_append::lists::Lists;
use crate::verdict::{Dependency, DependencyKind};

/// Finds the reasons of edges again, which the graph does not store.
pub(crate) struct Reasons<'a, 'h> {
    history: &'h History,
    transactions: &'a Transactions<'h>,
    lists: &'a Lists,
    seen: Vec<u32>,
    next: Vec<u32>,
    /// For each transaction, where its slots begin in `written`.
    first_written: Vec<u32>,
    /// The slots that each transaction wrote.
    written: Vec<u32>,
    /// What each transaction read, by transaction.
    reads: Vec<(u32, u32)>,
}

/// One edge, told.
pub(crate) struct Told<'h> {
    /// The dependency.
    pub(crate) dependency: Dependency,
    /// A transaction that shows it, beside the two: a reader of the order.
    pub(crate) shown_by: Option<OpId>,
    /// The elements that it is about: (key, element).
    pub(crate) scope: Vec<(&'h Value, &'h Value)>,
}

impl<'a, 'h> Reasons<'a, 'h> {
    /// Prepares. O(slots).
    pub(crate) fn new(
        history: &'h History,
        transactions: &'a Transactions<'h>,
        lists: &'a Lists,
    ) -> Self {
        let versions = &lists.versions;
        let mut first_written = vec![0_u32; transactions.len() + 1];
        for &writer in versions.writer.iter().filter(|&&writer| writer != NONE) {
            first_written[writer as usize] += 1;
        }
        let mut reads = versions.reads.clone();
        reads.sort_by_key(|&(reader, _)| reader);
        let mut before = 0;
        for count in &mut first_written {
            before += std::mem::replace(count, before);
        }
        let mut place = first_written.clone();
        let mut written = vec![0; before as usize];
        for (slot, &writer) in versions.writer.iter().enumerate() {
            if writer != NONE {
                written[place[writer as usize] as usize] = slot as u32;
                place[writer as usize] += 1;
            }
        }
        Self {
            history,
            transactions,
            lists,
            seen: versions.seen(),
            next: versions.next(),
            first_written,
            written,
            reads,
        }
    }

    /// What a cycle looks like.
    pub(crate) fn shape(&self, cycle: &Cycle) -> Shape {
        let count = cycle.nodes.len();
        let pairs = (0..count).map(|i| (cycle.nodes[i], cycle.nodes[(i + 1) % count]));
        let mut edges = cycle.edges.clone();
        for (edge, (from, to)) in edges.iter_mut().zip(pairs.clone()) {
            // What a session did one after the other is also in the order of time.
            let session = &self.transactions.session;
            if *edge == Edge::RealTime && session[from as usize] == session[to as usize] {
                *edge = Edge::Process;
            }
        }
        let keys: Vec<Vec<u32>> = edges
            .iter()
            .zip(pairs)
            .map(|(&edge, (from, to))| self.keys(from, to, edge))
            .collect();
        Shape {
            saw_first: self.saw_first(cycle, &edges, &keys),
            edges,
            keys,
            only_reads: cycle.nodes.iter().map(|&t| self.only_reads(t)).collect(),
        }
    }

    fn only_reads(&self, transaction: u32) -> bool {
        let mut steps = self.transactions.steps(transaction);
        !steps.any(|step| matches!(step.kind, StepKind::Append | StepKind::Write))
    }

    /// Whether the reader of a cycle with one anti-dependency saw a newer key before it read the older one.
    fn saw_first(&self, cycle: &Cycle, edges: &[Edge], keys: &[Vec<u32>]) -> bool {
        let Some(anti) = edges.iter().position(|edge| edge.is_anti()) else {
            return false;
        };
        let before = (anti + edges.len() - 1) % edges.len();
        if !edges[before].is_read() {
            return false;
        }
        let reader = cycle.nodes[anti];
        let (writer, missed) = (cycle.nodes[before], cycle.nodes[(anti + 1) % edges.len()]);
        let read = |key: u32, by: u32, is_seen: bool| {
            let appended: Vec<u32> = self.appends(by, key).collect();
            let steps = self.transactions.steps(reader).enumerate();
            steps.filter_map(move |(at, step)| {
                let sees = || {
                    let list = self.transactions.list(step);
                    appended.iter().any(|value| list.contains(value))
                };
                let is_read = step.kind == StepKind::ReadList && step.key == key;
                (is_read && sees() == is_seen).then_some(at)
            })
        };
        keys[before].iter().any(|&newer| {
            let first = read(newer, writer, true).next();
            keys[anti]
                .iter()
                .filter(|&&older| older != newer)
                .any(|&older| {
                    let last = read(older, missed, false).last();
                    matches!((first, last), (Some(first), Some(last)) if first < last)
                })
        })
    }

    fn written(&self, transaction: u32) -> &[u32] {
        let t = transaction as usize;
        &self.written[self.first_written[t] as usize..self.first_written[t + 1] as usize]
    }

    fn read(&self, transaction: u32) -> &[(u32, u32)] {
        let reads = &self.reads;
        let begin = reads.partition_point(|&(t, _)| t < transaction);
        let end = reads.partition_point(|&(t, _)| t <= transaction);
        &reads[begin..end]
    }

    fn wrote_unordered(&self, transaction: u32, key: u32) -> bool {
        let unordered = &self.lists.versions.unordered;
        unordered.binary_search(&(key, transaction)).is_ok()
    }

    /// The keys on which an edge holds, in ascending order.
    pub(crate) fn keys(&self, from: u32, to: u32, edge: Edge) -> Vec<u32> {
        let versions = &self.lists.versions;
        let leads = |&slot: &u32| {
            let next = self.next[slot as usize];
            next == to || next == NONE && self.wrote_unordered(to, versions.key_of(slot))
        };
        let mut keys: Vec<u32> = match edge {
            Edge::WriteWrite => {
                let slots = self.written(from).iter().filter(|slot| leads(slot));
                slots.map(|&slot| versions.key_of(slot)).collect()
            }
            Edge::ReadWrite => {
                let slots = self.read(from).iter().map(|(_, slot)| slot);
                let slots = slots.filter(|slot| leads(slot));
                slots.map(|&slot| versions.key_of(slot)).collect()
            }
            Edge::WriteRead => {
                let slots = self.read(to).iter().map(|(_, slot)| *slot);
                let slots = slots.filter(|&slot| self.seen[slot as usize] == from);
                let others = versions.read_from.iter();
                let others = others.filter(|&&(writer, reader, _)| (writer, reader) == (from, to));
                slots
                    .map(|slot| versions.key_of(slot))
                    .chain(others.map(|&(_, _, key)| key))
                    .collect()
            }
            _ => Vec::new(),
        };
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Tells an edge, on one of its keys. What `among` read is preferred as a proof.
    pub(crate) fn tell(
        &self,
        from: u32,
        to: u32,
        edge: Edge,
        key: Option<u32>,
        among: &[u32],
    ) -> Option<Told<'h>> {
        let id = |t: u32| self.transactions.ops[t as usize];
        let (before, after) = (id(from), id(to));
        let told = |kind, key: &Value, because| Dependency {
            from: before,
            to: after,
            kind,
            key: key.clone(),
            because,
        };
        let plain = |kind, because| {
            Some(Told {
                dependency: told(kind, &Value::Nil, because),
                shown_by: None,
                scope: Vec::new(),
            })
        };
        match edge {
            Edge::Process => {
                let process = self.history.operation(before).process;
                return plain(
                    DependencyKind::Process,
                    format!("process {process} did {before} and then {after}"),
                );
            }
            Edge::RealTime => {
                return plain(
                    DependencyKind::RealTime,
                    format!("{before} had returned before {after} was sent"),
                );
            }
            _ => {}
        }
        let key = key?;
        let name = self.transactions.keys[key as usize];
        match edge {
            Edge::WriteWrite => {
                let (one, other) = self.adjacent(from, to, key)?;
                let (a, b) = (self.value(key, one), self.value(key, other));
                let reader = self.shows(key, one, other, among)?;
                let shown_by = id(reader.0);
                let list = self.read_of(reader.1);
                let because = if reader.2 {
                    format!(
                        "{shown_by} read {list} from {}, where the {b} that {after} appended follows the {a} that {before} appended",
                        key_name(name)
                    )
                } else {
                    format!(
                        "{shown_by} read {list} from {}, with the {a} that {before} appended and without the {b} that {after} appended",
                        key_name(name)
                    )
                };
                Some(Told {
                    dependency: told(DependencyKind::WriteWrite, name, because),
                    shown_by: Some(shown_by),
                    scope: vec![(name, a), (name, b)],
                })
            }
            Edge::WriteRead => {
                let (step, value) = self.saw(from, to, key)?;
                let a = self.value(key, value);
                let because = format!(
                    "{after} read {} from {}, with the {a} that {before} appended",
                    self.read_of(step),
                    key_name(name)
                );
                Some(Told {
                    dependency: told(DependencyKind::WriteRead, name, because),
                    shown_by: None,
                    scope: vec![(name, a)],
                })
            }
            Edge::ReadWrite => {
                let (step, value) = self.missed(from, to, key)?;
                let b = self.value(key, value);
                let because = format!(
                    "{before} read {} from {}, without the {b} that {after} appended",
                    self.read_of(step),
                    key_name(name)
                );
                Some(Told {
                    dependency: told(DependencyKind::ReadWrite, name, because),
                    shown_by: None,
                    scope: vec![(name, b)],
                })
            }
            _ => None,
        }
    }

    pub(crate) fn value(&self, key: u32, value: u32) -> &'h Value {
        self.transactions.value_of(key, value)
    }

    /// A list that was read, as it is told.
    pub(crate) fn read_of(&self, step: Step) -> String {
        told(self.transactions, step)
    }

    fn slot(&self, key: u32, value: u32) -> u32 {
        self.lists.slot[(self.lists.value_base[key as usize] + value) as usize]
    }

    fn appends(&self, transaction: u32, key: u32) -> impl Iterator<Item = u32> + '_ {
        let steps = self.transactions.steps(transaction);
        steps
            .filter(move |step| step.kind == StepKind::Append && step.key == key)
            .map(|step| step.value)
    }

    fn reads_of(&self, transaction: u32, key: u32) -> impl Iterator<Item = Step> + '_ {
        let steps = self.transactions.steps(transaction);
        steps.filter(move |step| step.kind == StepKind::ReadList && step.key == key)
    }

    /// Two values that follow each other, of these writers.
    fn adjacent(&self, from: u32, to: u32, key: u32) -> Option<(u32, u32)> {
        self.appends(from, key).find_map(|one| {
            let slot = self.slot(key, one);
            if slot == NONE {
                return None;
            }
            let next = self.next[slot as usize];
            let other = self.appends(to, key).find(|&other| {
                let place = self.slot(key, other);
                if next == NONE {
                    place == NONE
                } else {
                    // The first known writer behind the one is the other.
                    next == to && place != NONE && place > slot
                }
            });
            Some((one, other?))
        })
    }

    /// Somebody who read the one value with the other one behind it, or without it; whether with it.
    fn shows(&self, key: u32, one: u32, other: u32, among: &[u32]) -> Option<(u32, Step, bool)> {
        let shows = |&t: &u32| {
            if self.transactions.outcome[t as usize] != Outcome::Ok {
                return None;
            }
            self.reads_of(t, key).find_map(|step| {
                let list = self.transactions.list(step);
                let first = list.iter().position(|&value| value == one)?;
                Some((t, step, list[first..].contains(&other)))
            })
        };
        let of_key = || {
            let slots = self.lists.versions.slots(key);
            let reads = self.lists.versions.reads.iter();
            reads
                .filter(move |(_, slot)| slots.contains(&(*slot as usize)))
                .map(|(t, _)| *t)
        };
        let mut cycle = among.iter().filter_map(&shows);
        cycle.next().or_else(|| {
            let one_slot = self.slot(key, one);
            // A version that holds the first value is enough; the read itself may be of a branch.
            let behind = of_key().filter(|t| {
                let reads = self.read(*t).iter();
                reads.copied().any(|(_, slot)| slot >= one_slot)
            });
            behind.take(1_000).find_map(|t| shows(&t))
        })
    }

    /// A value of the writer that the reader saw.
    fn saw(&self, writer: u32, reader: u32, key: u32) -> Option<(Step, u32)> {
        self.reads_of(reader, key).find_map(|step| {
            let list = self.transactions.list(step);
            let mut appended: Vec<u32> = self.appends(writer, key).collect();
            appended.reverse();
            let value = appended.into_iter().find(|value| list.contains(value))?;
            Some((step, value))
        })
    }

    /// A value of the writer that the reader did not see.
    fn missed(&self, reader: u32, writer: u32, key: u32) -> Option<(Step, u32)> {
        self.reads_of(reader, key).find_map(|step| {
            let list = self.transactions.list(step);
            let value = self
                .appends(writer, key)
                .find(|value| !list.contains(value))?;
            Some((step, value))
        })
    }
}

/// A list that was read, as it is told: of a long one, both ends only.
pub(crate) fn told(transactions: &Transactions<'_>, step: Step) -> String {
    let list = transactions.list(step);
    let value = |&element: &u32| transactions.value_of(step.key, element).clone();
    short(&Value::list(list.iter().map(value)))
}
