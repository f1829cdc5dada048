//! Judging a history that no run folder stands around.

use schism_checkers::{Budget, Checker, Validity, Verdict};
use schism_history::format::Import;

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
            schism_checkers::suited(&history)
                .iter()
                .map(|listed| (listed.new)())
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
