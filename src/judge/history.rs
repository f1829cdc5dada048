//! Judging a history that no run folder stands around.

use schism_checkers::{Budget, Checker, Validity, Verdict};
use schism_history::format::Import;
use schism_history::{F, History};
use schism_workloads::{Capability, WORKLOADS};

use super::conclusion::conclude;
use super::{Judgement, torn_in_words};
use crate::report::RunFacts;
use crate::run_folder::Facts;

impl Judgement {
    /// Judges a history by itself. Without names, the checkers are those that fit its operations. What only a run's
    /// folder can tell (that its faults were proved, that nothing is left behind) is not judged.
    pub fn of_history(import: Import, name: &str, checkers: &[String]) -> Self {
        let history = import.history;
        let checkers: Vec<Box<dyn Checker>> = if checkers.is_empty() {
            suited(&history)
                .iter()
                .filter_map(|name| schism_checkers::by_name(name))
                .collect()
        } else {
            checkers
                .iter()
                .filter_map(|name| schism_checkers::by_name(name))
                .collect()
        };
        let mut verdicts = super::ask(&checkers, &history, &Budget::default());
        if checkers.is_empty() {
            let summary = "no checker fits these operations; name some with --checker";
            verdicts.push(Verdict::new("history", Validity::Unknown, summary));
        }
        let conclusion = conclude(&verdicts, &[], &Facts::default());
        let header = history.header();
        let run = RunFacts {
            name: name.to_owned(),
            target: match header.nodes.len() {
                0 => String::new(),
                1 => "1 node".to_owned(),
                nodes => format!("{nodes} nodes"),
            },
            versions: vec![("format".to_owned(), import.format.name().to_owned())],
            ..RunFacts::default()
        };
        Self {
            torn: import.torn.map(torn_in_words),
            history,
            verdicts,
            gates: Vec::new(),
            conclusion,
            run,
            logs: Vec::new(),
        }
    }
}

/// The checkers of the workload that draws such operations. Whether faults had an effect is asked only of histories
/// that have some.
fn suited(history: &History) -> Vec<&'static str> {
    let workload = match history.functions() {
        functions if functions.contains(&F::Txn) => "append",
        functions if functions.contains(&F::Add) => "set",
        functions
            if functions
                .iter()
                .any(|f| matches!(f, F::Read | F::Write | F::Cas)) =>
        {
            "register"
        }
        _ => return Vec::new(),
    };
    let Some(listed) = WORKLOADS.iter().find(|listed| listed.name == workload) else {
        return Vec::new();
    };
    let spec = (listed.spec)();
    let mut offered = spec.needs();
    if history.operations().any(|op| op.revision().is_some()) {
        offered.push(Capability::Revisions);
    }
    let mut checkers = spec.build(&offered).checkers().to_vec();
    if history.faults().is_empty() {
        checkers.retain(|name| *name != "fault-effect");
    }
    checkers
}
