//! Why one transaction comes before another one, in words.

use schism_history::{History, OpId, Value};

use super::orders::{Looked, Orders};
use crate::proof::story::{key_name, short};
use crate::transactions::anomalies::Shape;
use crate::transactions::columns::{NONE, StepKind, Transactions};
use crate::transactions::cycles::Cycle;
use crate::transactions::graph::Edge;
use crate::verdict::{Dependency, DependencyKind};

/// Finds the reasons of edges again, which the graph does not store.
pub(crate) struct Reasons<'a, 'h> {
    history: &'h History,
    transactions: &'a Transactions<'h>,
    orders: &'a Orders,
    seen: Vec<u32>,
    next: Vec<u32>,
    /// (transaction, slot) of what was written, sorted.
    written: Vec<(u32, u32)>,
}

/// What belongs to this transaction, of pairs that are sorted by transaction.
fn of(pairs: &[(u32, u32)], transaction: u32) -> impl Iterator<Item = u32> + '_ {
    let begin = pairs.partition_point(|&(t, _)| t < transaction);
    pairs[begin..]
        .iter()
        .take_while(move |&&(t, _)| t == transaction)
        .map(|&(_, slot)| slot)
}

impl<'a, 'h> Reasons<'a, 'h> {
    /// Prepares. O(versions log versions).
    pub(crate) fn new(
        history: &'h History,
        transactions: &'a Transactions<'h>,
        orders: &'a Orders,
    ) -> Self {
        let writers = orders.versions.writer.iter().enumerate();
        let mut written: Vec<(u32, u32)> = writers
            .filter(|&(_, &writer)| writer != NONE)
            .map(|(slot, &writer)| (writer, slot as u32))
            .collect();
        written.sort_unstable();
        Self {
            history,
            transactions,
            orders,
            seen: orders.versions.seen(),
            next: orders.versions.next(),
            written,
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
        let keys: Vec<Vec<u32>> = (edges.iter().zip(pairs))
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

    /// Whether the reader of a cycle with one anti-dependency read a newer key before it read the older one.
    fn saw_first(&self, cycle: &Cycle, edges: &[Edge], keys: &[Vec<u32>]) -> bool {
        let Some(anti) = edges.iter().position(|edge| edge.is_anti()) else {
            return false;
        };
        let before = (anti + edges.len() - 1) % edges.len();
        if edges[before] != Edge::WriteRead || edges[anti] != Edge::ReadWrite {
            return false;
        }
        let reads: Vec<u32> = (self.transactions.steps(cycle.nodes[anti]))
            .filter(|step| step.kind == StepKind::Read)
            .map(|step| step.key)
            .collect();
        let first = keys[before]
            .iter()
            .filter_map(|key| reads.iter().position(|k| k == key));
        let last = keys[anti]
            .iter()
            .filter_map(|key| reads.iter().rposition(|k| k == key));
        matches!((first.min(), last.max()), (Some(first), Some(last)) if first < last)
    }

    /// The slots on which an edge holds, in ascending order: of the earlier version.
    fn slots(&self, from: u32, to: u32, edge: Edge) -> Vec<u32> {
        let reads = &self.orders.versions.reads;
        let leads = |slot: &u32| self.next[*slot as usize] == to;
        match edge {
            Edge::WriteWrite => of(&self.written, from).filter(leads).collect(),
            Edge::ReadWrite => of(reads, from).filter(leads).collect(),
            Edge::WriteRead => {
                let saw = |slot: &u32| self.seen[*slot as usize] == from;
                of(reads, to).filter(saw).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The keys on which an edge holds, in ascending order.
    fn keys(&self, from: u32, to: u32, edge: Edge) -> Vec<u32> {
        let slots = self.slots(from, to, edge).into_iter();
        let mut keys: Vec<u32> = slots
            .map(|slot| self.orders.versions.key_of(slot))
            .collect();
        if edge == Edge::WriteRead {
            let others = self.orders.versions.read_from.iter();
            let others = others.filter(|&&(writer, reader, _)| (writer, reader) == (from, to));
            keys.extend(others.map(|&(_, _, key)| key));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn id(&self, transaction: u32) -> OpId {
        self.transactions.ops[transaction as usize]
    }

    /// What a slot holds: `5 (version 7)`, `nothing`.
    pub(crate) fn holds(&self, key: u32, slot: u32) -> String {
        let value = self
            .transactions
            .value_of(key, self.orders.value[slot as usize]);
        let number = self.orders.number[slot as usize];
        match number {
            Some(number) => format!("{} (version {number})", short(value)),
            None if slot == self.orders.versions.base[key as usize] => "nothing".to_owned(),
            None => short(value),
        }
    }

    /// Tells an edge, on one of its keys.
    pub(crate) fn tell(
        &self,
        from: u32,
        to: u32,
        edge: Edge,
        key: Option<u32>,
    ) -> Option<Dependency> {
        let (before, after) = (self.id(from), self.id(to));
        let told = |kind, key: &Value, because| {
            Some(Dependency {
                from: before,
                to: after,
                kind,
                key: key.clone(),
                because,
            })
        };
        match edge {
            Edge::Process => {
                let process = self.history.operation(before).process;
                let because = format!("process {process} did {before} and then {after}");
                return told(DependencyKind::Process, &Value::Nil, because);
            }
            Edge::RealTime => {
                let because = format!("{before} had returned before {after} was sent");
                return told(DependencyKind::RealTime, &Value::Nil, because);
            }
            Edge::PredicateReadWrite | Edge::PredicateWriteRead => {
                let is_it =
                    |looked: &&Looked| (looked.from, looked.to, looked.edge) == (from, to, edge);
                let looked = self.orders.looked.iter().find(is_it)?;
                return self
                    .looked(before, after, looked)
                    .and_then(|(kind, because)| {
                        told(kind, self.transactions.keys[looked.key as usize], because)
                    });
            }
            _ => {}
        }
        let key = key?;
        let name = self.transactions.keys[key as usize];
        let slots = self.slots(from, to, edge).into_iter();
        let slot = slots
            .into_iter()
            .find(|&slot| self.orders.versions.key_of(slot) == key);
        let next = |slot: u32| {
            let end = self.orders.versions.slots(key).end as u32;
            (slot + 1..end).find(|&next| self.orders.versions.writer[next as usize] == to)
        };
        match edge {
            Edge::WriteWrite => {
                let slot = slot?;
                let because = format!(
                    "of {}, the database told that the {} that {after} wrote follows the {} that {before} wrote",
                    key_name(name),
                    self.holds(key, next(slot)?),
                    self.holds(key, slot)
                );
                told(DependencyKind::WriteWrite, name, because)
            }
            Edge::ReadWrite => {
                let slot = slot?;
                let because = format!(
                    "{before} read {} from {}, and {after} wrote the next version, {}",
                    self.holds(key, slot),
                    key_name(name),
                    self.holds(key, next(slot)?)
                );
                told(DependencyKind::ReadWrite, name, because)
            }
            Edge::WriteRead => {
                let value = slot.map_or_else(
                    || "what it held then".to_owned(),
                    |slot| self.holds(key, slot),
                );
                let because = format!(
                    "{after} read {value} from {}, which {before} wrote",
                    key_name(name)
                );
                told(DependencyKind::WriteRead, name, because)
            }
            _ => None,
        }
    }

    fn looked(
        &self,
        before: OpId,
        after: OpId,
        looked: &Looked,
    ) -> Option<(DependencyKind, String)> {
        let step = self.transactions.step(looked.step as usize);
        let predicate = short(self.transactions.predicates.get(step.key as usize)?);
        let name = key_name(self.transactions.keys[looked.key as usize]);
        let holds = self.holds(looked.key, looked.slot);
        Some(if looked.edge == Edge::PredicateReadWrite {
            (
                DependencyKind::ReadWrite,
                format!(
                    "{before} looked for {predicate} and did not find {name}, to which {after} wrote {holds}, which matches"
                ),
            )
        } else {
            (
                DependencyKind::WriteRead,
                format!(
                    "{after} looked for {predicate} and did not find {name}, to which {before} had written {holds}, which does not match"
                ),
            )
        })
    }
}
