//! Judging a history that no run folder stands around.

use schism_checkers::{Checker, Validity, Verdict};
use schism_history::format::Import;

use super::conclusion::{self, conclude};
use super::question::Question;
use super::{Judgement, levels, torn_in_words};
use crate::exit_code::ExitCode;
use crate::report::{Conclusion, RunFacts};
use crate::run_folder::Facts;

impl Judgement {
    /// Judges a history by itself. What only a run's folder can tell (that its faults were proved, that nothing is left
    /// behind) is not judged. `judged` is called with each checker's name as it ends, on any thread.
    pub fn of_history(
        import: Import,
        name: &str,
        question: &Question,
        judged: &(dyn Fn(&'static str) + Sync),
    ) -> Self {
        let history = import.history;
        let mut names = question.checkers_for(&history);
        if question.checkers.is_empty() && !import.format.has_times() {
            // What did not happen at any time did not happen at once, nor quickly.
            names.retain(|name| !matches!(&**name, "availability" | "latency" | "stats"));
        }
        let checkers: Vec<Box<dyn Checker>> = names
            .iter()
            .filter_map(|name| question.checker(name))
            .collect();
        let mut verdicts = question
            .limits
            .within(|budget| super::ask(&checkers, &history, budget, judged));
        if checkers.is_empty() {
            let summary = "no checker fits these operations; name some with --checker";
            verdicts.push(Verdict::new("history", Validity::Unknown, summary));
        }
        let conclusion = match question.claim {
            None => conclude(&verdicts, &[], &Facts::default()),
            Some(claim) => {
                let answer = levels::on_claim(claim, &verdicts);
                let conclusion = conclude_claim(&answer, &verdicts);
                verdicts.insert(0, answer);
                conclusion
            }
        };
        let header = history.header();
        let mut versions = vec![("format".to_owned(), import.format.name().to_owned())];
        if import.found_keys {
            versions.push(("values".to_owned(), "pairs of key and value".to_owned()));
        }
        if !import.format.has_times() {
            let times = "none: operations of different sessions count as concurrent";
            versions.push(("times".to_owned(), times.to_owned()));
        }
        let run = RunFacts {
            name: name.to_owned(),
            target: match header.nodes.len() {
                0 => String::new(),
                1 => "1 node".to_owned(),
                nodes => format!("{nodes} nodes"),
            },
            versions,
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

/// The answer to a claim, and whatever is not about levels: what is known about other levels does not matter.
fn conclude_claim(answer: &Verdict, verdicts: &[Verdict]) -> Conclusion {
    let others = verdicts
        .iter()
        .filter(|verdict| !levels::is_about_levels(verdict));
    let counted: Vec<Verdict> = std::iter::once(answer).chain(others).cloned().collect();
    let mut conclusion = conclude(&counted, &[], &Facts::default());
    // A disagreement is a bug of ours, whatever it is about.
    if conclusion::is_disputed(verdicts) {
        conclusion.exit = conclusion.exit.and(ExitCode::Bug);
    }
    conclusion
}
