//! From all verdicts and how the run went to the one answer.

use schism_checkers::{Validity, Verdict};
use schism_history::jsonl::Torn;

use super::levels::Standings;
use crate::exit_code::ExitCode;
use crate::gates::GateResult;
use crate::report::Conclusion;
use crate::run_folder::{Facts, Violation};

/// Whether the run itself went as it should.
pub(super) fn ending(facts: &Facts, torn: Option<Torn>) -> Verdict {
    let (validity, summary) = match &facts.ended {
        None if torn.is_some() => (
            Validity::Unknown,
            "the program was killed in the middle of the run, while it wrote".to_owned(),
        ),
        None => (
            Validity::Unknown,
            "the program was killed in the middle of the run".to_owned(),
        ),
        Some(ended) => {
            let mut doubts = Vec::new();
            if ended.interrupted_by.is_some() {
                doubts.push("it was interrupted".to_owned());
            }
            // Whoever stops at a violation does not wait for the faults that were still to come.
            if ended.unstruck_faults > 0 && ended.violation.is_none() {
                doubts.push(format!(
                    "{} of its faults never struck",
                    ended.unstruck_faults
                ));
            }
            for (node, reason) in &ended.unrecovered_nodes {
                let reason = reason
                    .strip_prefix(&format!("node {node}: "))
                    .unwrap_or(reason);
                doubts.push(format!("{node} did not recover in time ({reason})"));
            }
            if !ended.left_clean {
                doubts.push(format!("the cluster was left dirty: {}", ended.left_behind));
            }
            if let (true, Some(violation)) = (doubts.is_empty(), &ended.violation) {
                (
                    Validity::Valid,
                    format!(
                        "the run ended at the first violation, as the plan asks: at {} {} found that {}. The cluster was \
                         left as it was found",
                        violation.at, violation.checker, violation.sentence
                    ),
                )
            } else if doubts.is_empty() {
                (
                    Validity::Valid,
                    "the run went to its end, and the cluster was left as it was found".to_owned(),
                )
            } else {
                (
                    Validity::Unknown,
                    format!("the run did not go as it should: {}", doubts.join("; ")),
                )
            }
        }
    };
    Verdict::new("run", validity, summary)
}

/// Whether two algorithms disagree, about an anomaly or about a level.
pub(super) fn is_disputed(verdicts: &[Verdict]) -> bool {
    let disagree = |verdict: &Verdict| verdict.disagreement.is_some();
    verdicts.iter().any(disagree) || !Standings::of(verdicts).contradicted.is_empty()
}

/// The answer of the whole run.
pub(super) fn conclude(verdicts: &[Verdict], gates: &[GateResult], facts: &Facts) -> Conclusion {
    let validity = verdicts
        .iter()
        .fold(Validity::Valid, |all, verdict| all.and(verdict.validity));
    let mut exit = ExitCode::of_verdict(validity, gates);
    if is_disputed(verdicts) {
        exit = exit.and(ExitCode::Bug);
    }
    if let Some(ended) = &facts.ended {
        if !ended.left_clean {
            exit = exit.and(ExitCode::LeftDirty);
        }
        // What was certain while the run went on is certain afterwards.
        let denied = |violation: &Violation| {
            verdicts.iter().any(|verdict| {
                verdict.checker == violation.checker && verdict.validity == Validity::Valid
            })
        };
        if ended.violation.as_ref().is_some_and(denied) {
            exit = exit.and(ExitCode::Bug);
        }
        if let Some(signal) = ended.interrupted_by {
            exit = exit.and(ExitCode::of_signal(signal));
        }
    }
    let decisive = verdicts
        .iter()
        .find(|verdict| verdict.validity == validity && validity != Validity::Valid);
    let reason = match (decisive, gates.iter().find(|gate| gate.level.is_missed())) {
        (Some(verdict), _) => verdict.summary.clone(),
        (None, Some(gate)) => format!(
            "no promise was broken, but a gate was missed: {}",
            gate.name
        ),
        (None, None) => "no promise was broken, and enough was done to say so".to_owned(),
    };
    Conclusion {
        validity,
        exit,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::run_folder::Ended;

    #[test]
    fn a_run_that_did_not_end_well_is_never_valid() {
        let clean = Ended {
            left_clean: true,
            ..Ended::default()
        };
        let validity = |ended: Option<Ended>| {
            ending(
                &Facts {
                    ended,
                    ..Facts::default()
                },
                None,
            )
            .validity
        };
        assert_eq!(validity(Some(clean.clone())), Validity::Valid);
        assert_eq!(validity(None), Validity::Unknown);
        assert_eq!(
            validity(Some(Ended {
                interrupted_by: Some(2),
                ..clean.clone()
            })),
            Validity::Unknown
        );
        assert_eq!(
            validity(Some(Ended {
                unstruck_faults: 1,
                ..clean.clone()
            })),
            Validity::Unknown
        );
        assert_eq!(
            validity(Some(Ended {
                left_clean: false,
                ..clean.clone()
            })),
            Validity::Unknown
        );
        let ill = BTreeMap::from([("n2".to_owned(), "node n2: it is down".to_owned())]);
        let verdict = ending(
            &Facts {
                ended: Some(Ended {
                    unrecovered_nodes: ill,
                    ..clean
                }),
                ..Facts::default()
            },
            None,
        );
        assert!(
            verdict
                .summary
                .contains("n2 did not recover in time (it is down)"),
            "{}",
            verdict.summary
        );
    }

    #[test]
    fn a_proved_anomaly_outweighs_a_dirty_cluster_and_an_interruption() {
        let ended = Ended {
            interrupted_by: Some(15),
            left_clean: false,
            ..Ended::default()
        };
        let facts = Facts {
            ended: Some(ended),
            ..Facts::default()
        };
        let exit = |validity| conclude(&[Verdict::new("x", validity, "")], &[], &facts).exit;
        assert_eq!(exit(Validity::Invalid), ExitCode::Anomaly);
        assert_eq!(exit(Validity::Unknown), ExitCode::LeftDirty);
    }
}
