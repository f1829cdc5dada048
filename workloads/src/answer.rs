//! What a client learned from one call.

use std::fmt;

use crate::{Capability, Invocation};

/// What a client learned: the result, or why there is none.
pub type Answer<T> = Result<Done<T>, Failure>;

/// A call that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The result.
    pub value: T,
    /// The database's own order of the operation (a revision, a log position), where it offers one.
    pub revision: Option<i64>,
}

impl<T> Done<T> {
    /// A result without an order.
    pub fn new(value: T) -> Self {
        Self {
            value,
            revision: None,
        }
    }

    /// Another result of the same call.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Done<U> {
        Done {
            value: f(self.value),
            revision: self.revision,
        }
    }
}

/// Whether a call that gave no result happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It surely did not happen, and never will. The proof stands where this is chosen.
    Fail,
    /// Nobody knows: it may have happened, may happen later, or never.
    Info,
}

/// A call that gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether it happened all the same.
    pub certainty: Certainty,
    /// What kind of failure, for counting: `timeout`, `connection refused`, `precondition`. No details, no colon.
    pub class: &'static str,
    /// What the database or the driver said.
    pub detail: String,
}

impl Failure {
    /// It surely did not happen.
    pub fn fail(class: &'static str, detail: impl Into<String>) -> Self {
        Self {
            certainty: Certainty::Fail,
            class,
            detail: detail.into(),
        }
    }

    /// Nobody knows whether it happened.
    pub fn info(class: &'static str, detail: impl Into<String>) -> Self {
        Self {
            certainty: Certainty::Info,
            class,
            detail: detail.into(),
        }
    }

    /// Whether the database served the call and said no, as it should: a compare-and-set whose expectation did not
    /// hold, a transaction that gave way to another.
    pub fn is_answer(&self) -> bool {
        matches!(self.class, "precondition" | "conflict")
    }

    /// It surely did not happen: the client offers no such thing, so nothing was sent. Only a plan that was not
    /// validated gets this far.
    pub fn not_offered(capability: Capability) -> Self {
        Self::fail(
            "not offered",
            format!("this client offers no {}", capability.name()),
        )
    }

    /// It surely did not happen: the workload has no such operation, so nothing was sent. A mistake of the harness.
    pub fn not_drawn(call: &Invocation) -> Self {
        Self::fail(
            "not drawn",
            format!("the workload draws no {} of {}", call.f, call.value),
        )
    }
}

/// `class: detail`, as it is written to the history.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() {
            f.write_str(self.class)
        } else {
            write!(f, "{}: {}", self.class, self.detail)
        }
    }
}
