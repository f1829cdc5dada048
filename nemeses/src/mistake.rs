//! What is wrong with a fault's settings.

use std::fmt;

/// A mistake in a plan's faults: where, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key, as a path in the plan: `faults[0].partition.groups[1][0]`.
    pub path: String,
    /// What is wrong there, in one sentence without a full stop.
    pub message: String,
    /// What to write instead, in one sentence without a full stop.
    pub remedy: String,
}

impl Mistake {
    pub(crate) fn new(
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.message, self.remedy)
    }
}
