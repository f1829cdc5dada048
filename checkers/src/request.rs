//! What to ask about a history: which checkers, within which bounds.

use rayon::prelude::*;
use schism_history::History;
use serde::Deserialize;

use crate::{
    Budget, CHECKERS, Checker, Level, ModelName, Options, Validity, Verdict, asked, suited,
};

/// What to ask about a history. Its default asks every checker that suits, within the default budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// The checkers, by name; empty for those that suit the history.
    pub checkers: Vec<String>,
    /// The level that the database claims to give: judges of levels prove or refute this one. See [`Level::by_name`].
    pub level: Option<String>,
    /// What kind of object the operations are about, for linearizability; see [`ModelName::by_name`]. Without one, their
    /// functions tell.
    pub model: Option<String>,
    /// What else is told to checkers. `level` and `model` come before what stands here.
    pub options: Options,
    /// Search steps that each checker may take; see [`Budget::steps`].
    pub steps: Option<u64>,
    /// Bytes that each checker's tables may take; see [`Budget::bytes`].
    pub bytes: Option<u64>,
}

/// A request cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It names a checker that there is not.
    #[error("there is no checker {name:?}; the checkers are {}", names())]
    UnknownChecker {
        /// The name.
        name: String,
    },
    /// It names a level that there is not.
    #[error("there is no level {name:?}; the levels are {}", Level::ALL.iter().map(|level| level.name()).collect::<Vec<_>>().join(", "))]
    UnknownLevel {
        /// The name.
        name: String,
    },
    /// It names a model that there is not.
    #[error("there is no model {name:?}; the models are {}", ModelName::ALL.iter().map(|model| model.name()).collect::<Vec<_>>().join(", "))]
    UnknownModel {
        /// The name.
        name: String,
    },
}

fn names() -> String {
    let names: Vec<&str> = CHECKERS.iter().map(|listed| listed.name).collect();
    names.join(", ")
}

impl Request {
    /// Asks the checkers, side by side. The answers stand in the order of the request, else of [`CHECKERS`]. When no
    /// checker suits, the one answer is that nothing is known.
    ///
    /// # Errors
    /// The request names a checker, a level or a model that there is not.
    pub fn judge(&self, history: &History) -> Result<Vec<Verdict>, RequestError> {
        let checkers = self.checkers(history)?;
        if checkers.is_empty() {
            let summary = "no checker fits these operations; name some";
            return Ok(vec![Verdict::new("history", Validity::Unknown, summary)]);
        }
        let mut budget = Budget::default();
        budget.steps = self.steps.unwrap_or(budget.steps);
        budget.bytes = self.bytes.unwrap_or(budget.bytes);
        let verdicts = checkers
            .par_iter()
            .map(|checker| checker.check(history, &budget));
        Ok(verdicts.collect())
    }

    fn checkers(&self, history: &History) -> Result<Vec<Box<dyn Checker>>, RequestError> {
        let claim = self.level.as_ref().map(|name| {
            Level::by_name(name).ok_or_else(|| RequestError::UnknownLevel { name: name.clone() })
        });
        let model = self.model.as_ref().map(|name| {
            ModelName::by_name(name)
                .ok_or_else(|| RequestError::UnknownModel { name: name.clone() })
        });
        let (claim, model) = (claim.transpose()?, model.transpose()?);
        let mut options = self.options.clone();
        if let Some(claim) = claim {
            options = options.claiming(claim);
        }
        if let Some(model) = model {
            options = options.about(model);
        }
        let names: Vec<&str> = if !self.checkers.is_empty() {
            self.checkers.iter().map(String::as_str).collect()
        } else if model.is_some() {
            vec!["linearizable"]
        } else {
            suited(history).iter().map(|listed| listed.name).collect()
        };
        let checkers = names.into_iter().map(|name| {
            asked(name, &options).ok_or_else(|| RequestError::UnknownChecker {
                name: name.to_owned(),
            })
        });
        checkers.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    const STALE: &str = "
        0 |w x 1|
        0        |w x 2|
        1               |r x -> 1|
        ";

    #[test]
    fn those_that_suit_are_asked_by_default() {
        let verdicts = Request::default().judge(&testing::history(STALE)).unwrap();
        let linearizable = verdicts
            .iter()
            .find(|v| v.checker == "linearizable")
            .unwrap();
        assert_eq!(linearizable.validity, Validity::Invalid);
        let odd = Request::default()
            .judge(&testing::history("0 |fly x|"))
            .unwrap();
        assert_eq!((odd.len(), odd[0].validity), (1, Validity::Unknown));
    }

    #[test]
    fn those_that_are_named_are_asked_in_that_order() {
        let history = testing::history(STALE);
        let mut request = Request {
            checkers: vec!["stats".into(), "linearizable".into()],
            ..Request::default()
        };
        let verdicts = request.judge(&history).unwrap();
        assert_eq!(
            (verdicts[0].checker, verdicts[1].checker),
            ("stats", "linearizable")
        );
        request.checkers.push("linearisable".into());
        let error = request.judge(&history).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "there is no checker \"linearisable\"; the checkers are availability, "
            )
        );
    }

    #[test]
    fn bounds_are_kept() {
        let request = Request {
            checkers: vec!["linearizable".into()],
            bytes: Some(1),
            ..Request::default()
        };
        let verdict = request.judge(&testing::history(STALE)).unwrap().remove(0);
        assert_eq!(verdict.validity, Validity::Unknown, "{}", verdict.summary);
    }

    /// Write skew is allowed by snapshot isolation, and not by serializability.
    #[test]
    fn a_claim_is_what_is_judged() {
        let history = testing::history(
            "
            0 |txn nil [[append,x,1],[r,y,nil]] -> [[append,x,1],[r,y,[]]]|
            1 |txn nil [[append,y,1],[r,x,nil]] -> [[append,y,1],[r,x,[]]]|
            2                                                               |txn nil [[r,x,nil],[r,y,nil]] -> [[r,x,[1]],[r,y,[1]]]|
            ",
        );
        let mut request = Request {
            checkers: vec!["list-append".into()],
            ..Request::default()
        };
        for (level, validity) in [
            ("serializable", Validity::Invalid),
            ("snapshot-isolation", Validity::Valid),
        ] {
            request.level = Some(level.into());
            let verdict = request.judge(&history).unwrap().remove(0);
            assert_eq!(verdict.validity, validity, "{level}: {}", verdict.summary);
        }
        request.level = Some("snapshot".into());
        let error = request.judge(&history).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "there is no level \"snapshot\"; the levels are strict-serializable, "
            )
        );
    }

    #[test]
    fn a_model_says_what_the_operations_are_about() {
        let history = testing::history(
            "
            0 |enqueue q 1|
            0              |enqueue q 2|
            1                           |dequeue q nil -> 2|
            ",
        );
        let mut request = Request {
            model: Some("queue".into()),
            ..Request::default()
        };
        for (model, validity) in [
            ("queue", Validity::Invalid),
            ("unordered-queue", Validity::Valid),
        ] {
            request.model = Some(model.into());
            let verdicts = request.judge(&history).unwrap();
            assert_eq!(
                (verdicts.len(), verdicts[0].validity),
                (1, validity),
                "{model}"
            );
        }
        request.model = Some("cue".into());
        assert!(
            request
                .judge(&history)
                .unwrap_err()
                .to_string()
                .contains("no model \"cue\"")
        );
    }
}
