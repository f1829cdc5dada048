//! What violations have in common, whatever seed shows them.

use std::fmt;

use schism_checkers::{Anomaly, Verdict};
use schism_history::History;

/// A kind of violation: who found what, between which kinds of operations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// The checker.
    pub checker: &'static str,
    /// The anomaly's name.
    pub anomaly: &'static str,
    /// The functions of the operations that prove it, in order and each once.
    pub functions: Vec<String>,
}

impl Cause {
    /// Of an anomaly that a checker proved.
    pub fn of(verdict: &Verdict, anomaly: &Anomaly, history: &History) -> Self {
        let functions = anomaly.operations.iter();
        let mut functions: Vec<String> = functions
            .map(|&id| history.operation(id).f().name().to_owned())
            .collect();
        functions.sort();
        functions.dedup();
        Self {
            checker: verdict.checker,
            anomaly: anomaly.name,
            functions,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.functions.join(", ");
        write!(f, "{} {} ({functions})", self.checker, self.anomaly)
    }
}
