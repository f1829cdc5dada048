//! Transactions on keys whose versions the database numbers, and transactions that read by predicate.
//!
//! Histories: `txn` of these steps.
//!
//! | step | what it says |
//! |---|---|
//! | `["r", key, value]`, `["r", key, value, version]` | it read this value, or nil where there was nothing; of which version, as the database told |
//! | `["w", key, value]`, `["w", key, value, version]` | it wrote this value, or nil to delete the key; which version that made |
//! | `["p", predicate, [[key, value], …]]`, `["p", predicate, […], revision]` | these keys matched and held these values, and no others matched; at which revision of the database it looked |
//!
//! Versions of one key are integers in the order of the key's versions: a revision of etcd, a log position or transaction
//! number of Postgres, a write timestamp of Cassandra. Those of different keys need not have to do with each other. The
//! `revision` of an operation is the version of all that it wrote, where a step says nothing else; of one that wrote
//! nothing, it is the revision that it read at. A write of unknown outcome has the version with which somebody read it.
//! The key holds nil before anybody wrote it. What predicates can be is said where certificates are verified by them, in
//! the module `predicate`: maps such as `{where: {email: "a@b"}}`.
//!
//! Where the versions of a key have a known order, so have all dependencies of transactions (Adya, "Weak Consistency: A
//! Generalized Theory and Optimistic Implementations for Distributed Transactions", 1999): who overwrites whom, who read
//! from whom, who overwrote what was read. A key that did not match a predicate was read in a version that does not: the
//! reader comes before the next one that does, and after the one that made it not match (Adya's predicate dependencies,
//! section 4.4). The cycles of that graph decide every level in polynomial time, as those of `list-append` do; see
//! `anomalies` for the catalogue. With predicates, `G2` is told apart from `G2-item`, and a transaction that sees by
//! predicate what it did not see before is a `phantom`.
//!
//! A key of which one transaction alone wrote a version has a known order without any number; so transactions that only
//! insert rows are judged without them. Where the order of some key is not known, or why some key did not match, the
//! dependencies that this would give are left out: what is refuted then is refuted all the same, and serializability is
//! found if the order of all others explains everything that was read.
//!
//! An order that the database told and that contradicts what was read is an anomaly of its own: `incompatible-order` (one
//! version with two values or two places, two versions of one number, a predicate that at a revision does not find what
//! matched then), `cyclic-versions` (what was written on top of a version is told to be older).
//!
//! O(steps + versions log versions + transactions log transactions) where there is no cycle; and for each distinct
//! predicate without `where` O(versions), for each read by predicate O(keys of which some version matches).
//!
//! Figures: `transactions`, `committed`, `reads`, `reads_of_writes`, `versions_told`, `dependencies` (edges between
//! transactions, session order and real time not counted), `anomalies` (how many of each name, as a map).

mod certify;
mod direct;
mod matching;
mod orders;
mod reasons;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schism_history::{History, OpId, Value};
use serde::{Deserialize, Serialize};

use crate::proof::conclusion::{Case, SecondOpinion, conclude};
use crate::proof::serial_orders::Respect;
use crate::proof::story::{Story, count, step};
use crate::proof::told_versions::Told;
use crate::proof::witness::Part;
use crate::transactions::DEFAULT_CLAIM;
use crate::transactions::anomalies::Class;
use crate::transactions::columns::{Include, Transactions};
use crate::transactions::cycles::{Cycle, Knot};
use crate::transactions::graph::{Edge, Graph};
use crate::transactions::levels::{Doubt, Judged};
use crate::transactions::order::topological;
use crate::transactions::phrases::cycle_sentence;
use crate::transactions::search::{Cycles, search};
use crate::verdict::{Anomaly, Confirmation, Dependency, Picture, Step, Validity};
use crate::{Budget, Checker, Level, Levels, Verdict};

use orders::Orders;
use reasons::Reasons;

/// Judges transactions on keys whose versions are numbered, and by predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeyValue {
    /// The level that the database claims to give. When absent: serializable.
    pub claim: Level,
}

impl Default for KeyValue {
    fn default() -> Self {
        Self {
            claim: DEFAULT_CLAIM,
        }
    }
}

/// Steps for the second opinion on one anomaly.
const CONFIRM_STEPS: u64 = 100_000;
/// Anomalies of one kind that are told.
const TOLD: u64 = 3;
/// Steps of the budget that the search for short cycles may spend at most.
const SEARCH_STEPS: u64 = 200_000_000;
/// Proofs against levels beyond the claimed one that are kept.
const BEYOND: usize = 12;

impl Checker for KeyValue {
    fn name(&self) -> &'static str {
        "key-value"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let transactions = Transactions::of(history, Include::Transactions);
        let orders = orders::orders(&transactions, budget.steps);
        if orders.reads == 0 {
            return Verdict::new(
                self.name(),
                Validity::Unknown,
                "there is nothing to judge: no transaction that read a key succeeded",
            )
            .figures(figures(&transactions, &orders, None, &BTreeMap::new()));
        }
        if budget.is_stopped() {
            return Verdict::new(self.name(), Validity::Unknown, "the check was stopped");
        }
        let bytes = 64 * transactions.kind.len() as u64 + 64 * transactions.len() as u64;
        let graph = Graph::new(&transactions, &orders.versions, &orders.is_committed);
        let Some(graph) = graph.ok().filter(|_| bytes <= budget.bytes) else {
            let transactions = count(transactions.len() as u64, "transaction");
            return Verdict::new(
                self.name(),
                Validity::Unknown,
                format!("the graph of {transactions} does not fit into the allowed memory"),
            );
        };
        let reasons = Reasons::new(history, &transactions, &orders);
        let cycles = if topological(&graph).is_some() {
            Cycles::default()
        } else {
            let steps = budget.steps.min(SEARCH_STEPS);
            search(&Knot::all(&graph), steps, |cycle| reasons.shape(cycle))
        };
        Judge {
            claim: self.claim,
            history,
            transactions: &transactions,
            orders: &orders,
            reasons: &reasons,
        }
        .verdict(&graph, &cycles, budget)
    }
}

fn figures(
    transactions: &Transactions<'_>,
    orders: &Orders,
    graph: Option<&Graph>,
    counts: &BTreeMap<&'static str, u64>,
) -> Value {
    let committed = orders.is_committed.iter().filter(|&&is| is).count();
    let dependencies = graph.map_or(0, Graph::edge_count);
    Value::map([
        ("transactions", Value::from(transactions.len() as u64)),
        ("committed", Value::from(committed as u64)),
        ("reads", Value::from(orders.reads)),
        ("reads_of_writes", Value::from(orders.reads_of_writes)),
        ("versions_told", Value::from(orders.numbered)),
        ("dependencies", Value::from(dependencies as u64)),
        (
            "anomalies",
            Value::map(counts.iter().map(|(name, &count)| (*name, count))),
        ),
    ])
}

struct Judge<'a, 'h> {
    claim: Level,
    history: &'h History,
    transactions: &'a Transactions<'h>,
    orders: &'a Orders,
    reasons: &'a Reasons<'a, 'h>,
}

impl Judge<'_, '_> {
    fn verdict(&self, graph: &Graph, cycles: &Cycles, budget: &Budget) -> Verdict {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut cases: Vec<(Case, Vec<Level>)> = Vec::new();
        let is_suspect = !self.orders.direct.is_empty() || !cycles.found.is_empty();
        let told = is_suspect.then(|| Told::of(self.history));
        for &direct in &self.orders.direct {
            let (name, refuted) = direct.kind.class();
            let met = counts.entry(name).or_default();
            *met += 1;
            if let Some(told) = told.as_ref().filter(|_| *met <= TOLD) {
                let case = direct::tell(self.history, self.transactions, told, direct);
                cases.push((case, refuted.to_vec()));
            }
        }
        for found in &cycles.found {
            *counts.entry(found.class.name).or_default() += found.met;
            for cycle in &found.cycles {
                if let Some(told) = &told
                    && let Some(case) = self.cycle(told, &found.class, cycle)
                {
                    cases.push((case, found.class.refuted.clone()));
                }
            }
        }
        let total = counts.values().sum::<u64>();
        let mut refuted = Vec::new();
        let mut against = Vec::new();
        let mut beyond = Vec::new();
        for ((anomaly, opinion), levels) in cases {
            let counts_for_claim = levels.iter().any(|&level| self.claim.implies(level));
            if opinion == SecondOpinion::Agrees {
                refuted.extend(levels);
            }
            if counts_for_claim || matches!(opinion, SecondOpinion::Disagrees(_)) {
                against.push((anomaly, opinion));
            } else if opinion == SecondOpinion::Agrees {
                beyond.push(anomaly);
            }
        }
        let doubt = if self.orders.doubt.is_some() || !self.orders.direct.is_empty() {
            Doubt::Everything
        } else {
            Doubt::Nothing
        };
        let judged = Judged::new(cycles, &refuted, doubt);
        let mut levels = judged.levels();
        if doubt == Doubt::Everything {
            let shown = certify::shown(self.history, self.transactions, self.orders, budget);
            levels.held.extend(shown.map(|(level, _)| level));
        }
        let is_comparable = graph.edge_count() > 0;
        if !is_comparable {
            levels.held.clear();
        }
        let mut verdict = conclude("key-value", against, total, || {
            self.otherwise(&levels, &beyond, is_comparable)
        })
        .figures(figures(
            self.transactions,
            self.orders,
            Some(graph),
            &counts,
        ))
        .levels(levels);
        beyond.sort_by_key(|anomaly| anomaly.operations.len());
        beyond.truncate(BEYOND);
        if verdict.validity != Validity::Invalid {
            verdict.anomaly_count = 0;
        }
        verdict.beyond_claim = beyond;
        verdict
    }

    fn otherwise(
        &self,
        levels: &Levels,
        beyond: &[Anomaly],
        is_comparable: bool,
    ) -> (Validity, String) {
        let committed = self.orders.is_committed.iter().filter(|&&is| is).count() as u64;
        let transactions = count(committed, "transaction");
        if !is_comparable {
            return (
                Validity::Unknown,
                format!(
                    "there is nothing to judge: in {transactions}, no read saw or missed what another transaction wrote"
                ),
            );
        }
        if levels.held.iter().any(|held| held.implies(self.claim)) {
            let strongest: Vec<&str> = levels.held.iter().map(|level| level.name()).collect();
            let but = match beyond.iter().min_by_key(|anomaly| anomaly.operations.len()) {
                Some(anomaly) => format!("; stronger levels are refuted: {}", anomaly.sentence),
                None => String::new(),
            };
            return (
                Validity::Valid,
                format!(
                    "{transactions} on {} keep {}{but}",
                    count(self.transactions.keys.len() as u64, "key"),
                    strongest.join(" and ")
                ),
            );
        }
        let why = self.orders.doubt.unwrap_or("it could not be decided");
        (
            Validity::Unknown,
            format!(
                "nothing refutes {} for {transactions}, but {why}",
                self.claim
            ),
        )
    }

    /// A cycle, told and looked at again.
    fn cycle(&self, told: &Told<'_>, class: &Class, cycle: &Cycle) -> Option<Case> {
        let shape = self.reasons.shape(cycle);
        let length = cycle.nodes.len();
        // One key for each edge; where the shape is about one key, the same one.
        let common = shape.keys.iter().flatten().copied().find(|key| {
            let holds = |keys: &Vec<u32>| keys.is_empty() || keys.contains(key);
            shape.keys.iter().all(holds)
        });
        let mut dependencies: Vec<Dependency> = Vec::new();
        for i in 0..length {
            let (from, to) = (cycle.nodes[i], cycle.nodes[(i + 1) % length]);
            let key = common
                .filter(|key| shape.keys[i].contains(key))
                .or_else(|| shape.keys[i].first().copied());
            dependencies.push(self.reasons.tell(from, to, shape.edges[i], key)?);
        }
        let ids: Vec<OpId> = (cycle.nodes.iter())
            .map(|&t| self.transactions.ops[t as usize])
            .collect();
        let respect = if shape.edges.contains(&Edge::RealTime) {
            Respect::RealTime
        } else if shape.edges.contains(&Edge::Process) {
            Respect::Sessions
        } else {
            Respect::Nothing
        };
        let opinion = match told.refute(&dependencies) {
            Some(wrong) => SecondOpinion::Disagrees(wrong),
            None => match told.search(&ids, respect, CONFIRM_STEPS) {
                // A cycle is a proof whose every step was read again.
                SecondOpinion::Unfinished => SecondOpinion::Agrees,
                opinion => opinion,
            },
        };
        let story = Story::of(self.history, ids.iter().copied());
        let mut steps: Vec<Step> = ids
            .iter()
            .map(|&id| step(id, story.sentence(Part::whole(id))))
            .collect();
        steps.extend(dependencies.iter().map(|dependency| {
            step(
                dependency.to,
                format!(
                    "{} comes before {}, because {}",
                    dependency.from, dependency.to, dependency.because
                ),
            )
        }));
        let first = &dependencies.first()?.key;
        let is_one = dependencies
            .iter()
            .all(|dependency| dependency.key == *first);
        let anomaly = Anomaly {
            name: class.name,
            sentence: cycle_sentence(class, &dependencies),
            key: if is_one { first.clone() } else { Value::Nil },
            operations: ids,
            steps,
            confirmation: Confirmation {
                by: "each dependency read again from the transactions, and a search over all their serial orders",
                agrees: opinion == SecondOpinion::Agrees,
            },
            picture: Picture::Cycle(dependencies),
        };
        Some((anomaly, opinion))
    }
}
