//! Transactions on lists: `["append", key, element]` and `["r", key, list]`.
//!
//! Every element is appended to its key at most once. Then a list shows all of its history, so the order of versions is
//! known, and with it all dependencies between transactions (Kingsbury and Alvaro, "Elle: Inferring isolation anomalies
//! from experimental observations", 2020). The cycles of their graph say which isolation levels the history can have
//! had; see `anomalies` for the catalogue.
//!
//! What is found is right: every cycle is shown with the reason of each of its steps. And nothing is missed: where the
//! order of versions is known, a level is kept exactly if the graph has no cycle of the shape that it forbids, and all
//! shapes are decided. So the verdict says which levels are refuted and which are kept. There is one doubt that remains:
//! elements that nobody read. For (strict, strong session) serializability and what they imply it does not matter. Where
//! two transactions appended to the same key what nobody read, and the history is not serializable, levels in between
//! may stay open.
//!
//! Repeatable read, update serializability, read atomic and monotonic atomic view are refuted by the shapes of the cycles
//! that are found, and said to be kept only where a stronger level is.
//!
//! What failed never happened. A transaction of unknown outcome happened if somebody saw what it appended, and else is
//! taken to not have happened.
//!
//! The verdict is about a claimed level ([`ListAppend::claim`]): invalid if an anomaly refutes it. Anomalies that it
//! allows stand in [`Verdict::beyond_claim`].
//!
//! O(steps + elements of the longest lists + transactions log transactions) where there is no cycle.
//!
//! Figures: `transactions`, `committed`, `lists`, `reads`, `appends`, `dependencies` (edges between transactions, session
//! order and real time not counted), `anomalies` (how many of each name, as a map).

mod certify;
mod direct;
pub(crate) mod lists;
mod reasons;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schism_history::{History, OpId, Value};
use serde::{Deserialize, Serialize};

use crate::proof::conclusion::{Case, SecondOpinion, conclude};
use crate::proof::replay::{self, Appenders};
use crate::proof::serial_orders::{self, Respect};
use crate::proof::story::{Story, count, grouped, step};
use crate::proof::witness::Part;
use crate::transactions::DEFAULT_CLAIM;
use crate::transactions::anomalies::{Class, refuted_by};
use crate::transactions::columns::{Include, StepKind, Transactions};
use crate::transactions::cycles::{Cycle, Knot};
use crate::transactions::graph::{Edge, Graph};
use crate::transactions::levels::{Doubt, Judged};
use crate::transactions::order::topological;
use crate::transactions::phrases::cycle_sentence;
use crate::transactions::search::{Cycles, search};
use crate::verdict::{Anomaly, Confirmation, Dependency, Picture, Step, Validity};
use crate::{Budget, Checker, Level, Levels, Verdict};

use lists::{Direct, Lists};
use reasons::{Reasons, Told};

/// Judges transactions that append to lists and read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListAppend {
    /// The level that the database claims to give. When absent: serializable.
    pub claim: Level,
}

impl Default for ListAppend {
    fn default() -> Self {
        Self {
            claim: DEFAULT_CLAIM,
        }
    }
}

/// Steps for the second opinion on one anomaly.
const CONFIRM_STEPS: u64 = 100_000;
/// Anomalies of one kind that are told.
const TOLD: usize = 3;
/// Steps of the budget that the search for short cycles may spend at most.
const SEARCH_STEPS: u64 = 200_000_000;

impl Checker for ListAppend {
    fn name(&self) -> &'static str {
        "list-append"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let transactions = Transactions::of(history, Include::Transactions);
        let lists = lists::lists(&transactions);
        if lists.reads == 0 {
            return Verdict::new(
                self.name(),
                Validity::Unknown,
                "there is nothing to judge: no transaction that read a list succeeded",
            )
            .figures(figures(&transactions, &lists, None, &BTreeMap::new()));
        }
        if budget.is_stopped() {
            return Verdict::new(self.name(), Validity::Unknown, "the check was stopped");
        }
        let bytes = 32 * transactions.kind.len() as u64 + 64 * transactions.len() as u64;
        let graph = Graph::new(&transactions, &lists.versions, &lists.is_committed);
        let Some(graph) = graph.ok().filter(|_| bytes <= budget.bytes) else {
            let transactions = count(transactions.len() as u64, "transaction");
            return Verdict::new(
                self.name(),
                Validity::Unknown,
                format!("the graph of {transactions} does not fit into the allowed memory"),
            );
        };
        let cycles = if topological(&graph).is_some() {
            Cycles::default()
        } else {
            let knots = Knot::all(&graph);
            let reasons = Reasons::new(history, &transactions, &lists);
            let steps = budget.steps.min(SEARCH_STEPS);
            search(&knots, steps, |cycle| reasons.shape(cycle))
        };
        Judge {
            claim: self.claim,
            history,
            transactions: &transactions,
            lists: &lists,
        }
        .verdict(&graph, &cycles)
    }
}

fn figures(
    transactions: &Transactions<'_>,
    lists: &Lists,
    graph: Option<&Graph>,
    counts: &BTreeMap<&'static str, u64>,
) -> Value {
    let committed = lists.is_committed.iter().filter(|&&is| is).count();
    let appended = (0..transactions.content.len())
        .filter(|&key| transactions.content[key] == crate::transactions::columns::Content::List);
    Value::map([
        ("transactions", Value::from(transactions.len() as u64)),
        ("committed", Value::from(committed as u64)),
        ("lists", Value::from(appended.count() as u64)),
        ("reads", Value::from(lists.reads)),
        ("appends", Value::from(lists.appends)),
        (
            "dependencies",
            Value::from(graph.map_or(0, Graph::edge_count) as u64),
        ),
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
    lists: &'a Lists,
}

/// An anomaly before it is told and confirmed.
struct Suspect<'h> {
    name: &'static str,
    refuted: Vec<Level>,
    sentence: String,
    key: &'h Value,
    /// Transactions that must find a place in a serial order, and those that are only told.
    placed: Vec<OpId>,
    others: Vec<OpId>,
    steps: Vec<Step>,
    scope: Vec<(&'h Value, &'h Value)>,
    cycle: Vec<Dependency>,
    respect: Respect,
}

impl<'h> Judge<'_, 'h> {
    fn verdict(&self, graph: &Graph, cycles: &Cycles) -> Verdict {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut suspects = Vec::new();
        for &direct in &self.lists.direct {
            let told = counts.entry(direct.name()).or_default();
            *told += 1;
            if *told <= TOLD as u64 {
                suspects.extend(self.direct(direct));
            }
        }
        let reasons = (!cycles.found.is_empty())
            .then(|| Reasons::new(self.history, self.transactions, self.lists));
        for found in &cycles.found {
            *counts.entry(found.class.name).or_default() += found.met;
            for cycle in &found.cycles {
                let reasons = reasons.as_ref().expect("there are cycles");
                suspects.extend(self.cycle(reasons, &found.class, cycle));
            }
        }
        let total = counts.values().sum::<u64>();
        let cases = self.confirm(suspects);

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
        let judged = Judged::new(cycles, &refuted, self.doubt());
        let levels = judged.levels();
        let mut verdict = conclude("list-append", against, total, || {
            self.otherwise(&judged, &levels, &beyond)
        })
        .figures(figures(self.transactions, self.lists, Some(graph), &counts))
        .levels(levels);
        beyond.sort_by_key(|anomaly| anomaly.operations.len());
        beyond.truncate(12);
        if verdict.validity != Validity::Invalid {
            verdict.anomaly_count = 0;
        }
        verdict.beyond_claim = beyond;
        verdict
    }

    /// What is not known for sure about this history.
    fn doubt(&self) -> Doubt {
        let others = |kind: &StepKind| {
            matches!(kind, StepKind::Read | StepKind::Write | StepKind::Predicate)
        };
        // Not even a version of a list.
        let odd =
            |direct: &Direct| matches!(direct, Direct::Misplaced { .. } | Direct::Garbage { .. });
        if !self.lists.is_complete
            || self.lists.direct.iter().any(odd)
            || self.transactions.kind.iter().any(others)
        {
            return Doubt::Everything;
        }
        let unordered = &self.lists.versions.unordered;
        if unordered.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            Doubt::LastWrites
        } else {
            Doubt::Nothing
        }
    }

    fn otherwise(
        &self,
        judged: &Judged,
        levels: &Levels,
        beyond: &[Anomaly],
    ) -> (Validity, String) {
        let committed = self.lists.is_committed.iter().filter(|&&is| is).count() as u64;
        let transactions = count(committed, "transaction");
        if judged.is_held(self.claim) {
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
        let why = if let Some((id, times)) = self.transactions.unreadable {
            format!(
                "{} of {id}{} cannot be understood",
                if times == 1 { "a step" } else { "steps" },
                if times == 1 {
                    String::new()
                } else {
                    format!(" and others ({} in all)", grouped(times))
                }
            )
        } else if !self.lists.is_complete {
            "some element was appended twice, so nobody knows whose it is".to_owned()
        } else if self.doubt() == Doubt::Everything {
            "there are steps beside appends to lists and reads of them".to_owned()
        } else {
            format!("{} could not be decided", self.claim)
        };
        (
            Validity::Unknown,
            format!(
                "nothing refutes {} for {transactions}, but {why}",
                self.claim
            ),
        )
    }

    fn id(&self, transaction: u32) -> OpId {
        self.transactions.ops[transaction as usize]
    }

    fn cycle(
        &self,
        reasons: &Reasons<'_, 'h>,
        class: &Class,
        cycle: &Cycle,
    ) -> Option<Suspect<'h>> {
        let shape = reasons.shape(cycle);
        let length = cycle.nodes.len();
        // One key for each edge; where the shape is about one key, the same one.
        let common = shape.keys.iter().flatten().copied().find(|key| {
            let holds = |keys: &Vec<u32>| keys.is_empty() || keys.contains(key);
            shape.keys.iter().all(holds)
        });
        let mut told: Vec<Told<'h>> = Vec::new();
        for i in 0..length {
            let (from, to) = (cycle.nodes[i], cycle.nodes[(i + 1) % length]);
            let key = common
                .filter(|key| shape.keys[i].contains(key))
                .or_else(|| shape.keys[i].first().copied());
            told.push(reasons.tell(from, to, shape.edges[i], key, &cycle.nodes)?);
        }
        let ids: Vec<OpId> = cycle.nodes.iter().map(|&t| self.id(t)).collect();
        let mut shown: Vec<OpId> = told.iter().filter_map(|told| told.shown_by).collect();
        shown.retain(|id| !ids.contains(id));
        shown.sort_unstable();
        shown.dedup();
        let mut scope: Vec<(&Value, &Value)> =
            told.iter().flat_map(|told| told.scope.clone()).collect();
        scope.sort_unstable();
        scope.dedup();
        let respect = if shape.edges.contains(&Edge::RealTime) {
            Respect::RealTime
        } else if shape.edges.contains(&Edge::Process) {
            Respect::Sessions
        } else {
            Respect::Nothing
        };
        let dependencies: Vec<Dependency> = told.into_iter().map(|told| told.dependency).collect();
        let all: Vec<OpId> = ids.iter().chain(&shown).copied().collect();
        let story = Story::of(self.history, all.iter().copied());
        let mut steps: Vec<Step> = all
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
        let keys: Vec<&Value> = dependencies
            .iter()
            .map(|dependency| &dependency.key)
            .collect();
        let key = match common {
            Some(key) if keys.iter().all(|key| !key.is_nil()) => {
                self.transactions.keys[key as usize]
            }
            _ => &Value::Nil,
        };
        Some(Suspect {
            name: class.name,
            refuted: class.refuted.clone(),
            sentence: cycle_sentence(class, &dependencies),
            key,
            placed: all,
            others: Vec::new(),
            steps,
            scope,
            cycle: dependencies,
            respect,
        })
    }

    /// Asks the second ways about all suspects, with one look at the whole history.
    fn confirm(&self, suspects: Vec<Suspect<'h>>) -> Vec<(Case, Vec<Level>)> {
        let scopes = suspects.iter().flat_map(|suspect| suspect.scope.clone());
        let appenders = Appenders::of(self.history, scopes);
        let confirm = |suspect: Suspect<'h>| {
            let opinion = self.opinion(&suspect, &appenders);
            let by = if suspect.cycle.is_empty() {
                "search over all serial orders of these transactions"
            } else {
                "each dependency read again from the transactions, and a search over all their serial orders"
            };
            let mut operations = suspect.placed;
            operations.extend(suspect.others);
            let anomaly = Anomaly {
                name: suspect.name,
                sentence: suspect.sentence,
                key: suspect.key.clone(),
                operations,
                steps: suspect.steps,
                confirmation: Confirmation {
                    by,
                    agrees: opinion == SecondOpinion::Agrees,
                },
                picture: if suspect.cycle.is_empty() {
                    Picture::Intervals
                } else {
                    Picture::Cycle(suspect.cycle)
                },
            };
            ((anomaly, opinion), suspect.refuted)
        };
        suspects.into_iter().map(confirm).collect()
    }

    fn opinion(&self, suspect: &Suspect<'h>, appenders: &Appenders<'_>) -> SecondOpinion {
        for (key, element) in &suspect.scope {
            let missing = appenders
                .who(key, element)
                .iter()
                .find(|id| !suspect.placed.contains(id));
            if let Some(missing) = missing {
                return SecondOpinion::Disagrees(format!(
                    "its proof leaves out {missing}, which could explain it"
                ));
            }
        }
        if !suspect.cycle.is_empty()
            && let Some(wrong) =
                replay::refute(self.history, &suspect.placed, &suspect.cycle, appenders)
        {
            return SecondOpinion::Disagrees(wrong);
        }
        let answer = serial_orders::search(
            self.history,
            &suspect.placed,
            &suspect.scope,
            suspect.respect,
            CONFIRM_STEPS,
        );
        match SecondOpinion::from(answer) {
            // A cycle is a proof whose every step was read again.
            SecondOpinion::Unfinished if !suspect.cycle.is_empty() => SecondOpinion::Agrees,
            opinion => opinion,
        }
    }
}
