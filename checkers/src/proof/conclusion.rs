//! From anomalies and second opinions to a verdict.

use crate::proof::all_orders::Answer;
use crate::proof::story::count as counted;
use crate::verdict::{Anomaly, Validity, Verdict};

/// Anomalies that a verdict shows at most.
const SHOWN: usize = 12;

/// An anomaly, and what the second way to look at it says.
pub(crate) type Case = (Anomaly, SecondOpinion);

/// What a second, independent way says about an anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecondOpinion {
    /// It is one.
    Agrees,
    /// It is none; what it found, as the end of the sentence "the checker found that …;".
    Disagrees(String),
    /// It came to no end within its bounds.
    Unfinished,
}

impl From<Answer> for SecondOpinion {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::NoOrder(_) => Self::Agrees,
            Answer::Order(order) => {
                let order: Vec<String> = order.iter().map(ToString::to_string).collect();
                let order = order.join(" ");
                Self::Disagrees(format!(
                    "the search over all orders found the order {order}"
                ))
            }
            Answer::Missing(id) => {
                Self::Disagrees(format!("its proof leaves out {id}, which could explain it"))
            }
            Answer::Unfinished => Self::Unfinished,
        }
    }
}

/// The verdict on a history in which `count` anomalies were found, some of which are `cases`. Without any, `otherwise`
/// says what the verdict is, and why.
///
/// An anomaly counts only if the second way agrees. If it found an order, one of the two is wrong: that is our bug,
/// and no verdict on the database.
pub(crate) fn conclude(
    checker: &'static str,
    cases: Vec<Case>,
    count: u64,
    otherwise: impl FnOnce() -> (Validity, String),
) -> Verdict {
    let mut proven = Vec::new();
    let mut disagreement = None;
    let mut unfinished = None;
    for (anomaly, opinion) in cases {
        match opinion {
            SecondOpinion::Agrees => proven.push(anomaly),
            SecondOpinion::Disagrees(found) => {
                disagreement.get_or_insert(format!(
                    "the checker found that {}; {found}",
                    anomaly.sentence
                ));
            }
            SecondOpinion::Unfinished => {
                unfinished.get_or_insert(anomaly.sentence);
            }
        }
    }
    let mut verdict = if !proven.is_empty() {
        let anomalies = ranked(proven);
        let count = count.max(anomalies.len() as u64);
        let more = if count > 1 {
            format!(
                " ({} in all)",
                counted(count, "anomaly").replace("anomalys", "anomalies")
            )
        } else {
            String::new()
        };
        let summary = format!("{}{more}", anomalies[0].sentence);
        Verdict {
            anomaly_count: count,
            ..Verdict::invalid(checker, summary, anomalies)
        }
    } else if disagreement.is_some() {
        Verdict::new(
            checker,
            Validity::Unknown,
            "two algorithms disagree about this history: a bug in schism, not in the database",
        )
    } else if let Some(sentence) = unfinished {
        Verdict::new(
            checker,
            Validity::Unknown,
            format!(
                "it seems that {sentence}; but confirming that took more than the allowed number of steps"
            ),
        )
    } else {
        let (validity, summary) = otherwise();
        Verdict::new(checker, validity, summary)
    };
    verdict.disagreement = disagreement;
    verdict
}

/// The smallest of each kind first, then the others from small to large; the earlier one first where they are equal.
fn ranked(mut anomalies: Vec<Anomaly>) -> Vec<Anomaly> {
    anomalies.sort_by_key(|anomaly| (anomaly.operations.len(), anomaly.operations.last().copied()));
    let mut names: Vec<&'static str> = Vec::new();
    let mut first = Vec::new();
    let mut rest = Vec::new();
    for anomaly in anomalies {
        if names.contains(&anomaly.name) {
            rest.push(anomaly);
        } else {
            names.push(anomaly.name);
            first.push(anomaly);
        }
    }
    first.extend(rest);
    first.truncate(SHOWN);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Confirmation, Picture};
    use schism_history::{OpId, Value};

    fn anomaly(name: &'static str, operations: u32) -> Anomaly {
        Anomaly {
            name,
            sentence: format!("{name} of {operations}"),
            key: Value::Nil,
            operations: (0..operations).map(OpId).collect(),
            steps: Vec::new(),
            confirmation: Confirmation {
                by: "test",
                agrees: true,
            },
            picture: Picture::default(),
        }
    }

    fn valid() -> (Validity, String) {
        (Validity::Valid, "fine".to_owned())
    }

    #[test]
    fn the_smallest_of_each_kind_comes_first() {
        let cases = [("a", 4), ("a", 3), ("b", 5), ("a", 2)]
            .map(|(name, size)| (anomaly(name, size), SecondOpinion::Agrees));
        let verdict = conclude("test", cases.into(), 9, valid);
        let order: Vec<&str> = verdict.anomalies.iter().map(|a| &*a.sentence).collect();
        assert_eq!(order, ["a of 2", "b of 5", "a of 3", "a of 4"]);
        assert_eq!(verdict.validity, Validity::Invalid);
        assert_eq!(verdict.anomaly_count, 9);
        assert_eq!(verdict.summary, "a of 2 (9 anomalies in all)");
    }

    #[test]
    fn what_the_second_search_does_not_confirm_proves_nothing() {
        let order = Answer::Order(vec![OpId(1), OpId(0)]).into();
        let verdict = conclude("test", vec![(anomaly("a", 2), order)], 1, valid);
        assert_eq!(verdict.validity, Validity::Unknown);
        assert!(verdict.disagreement.unwrap().ends_with("the order #1 #0"));
        let verdict = conclude(
            "test",
            vec![(anomaly("a", 2), SecondOpinion::Unfinished)],
            1,
            valid,
        );
        assert_eq!(verdict.validity, Validity::Unknown);
        assert_eq!(verdict.disagreement, None);
        let verdict = conclude("test", Vec::new(), 0, valid);
        assert_eq!(verdict.validity, Validity::Valid);
    }
}
