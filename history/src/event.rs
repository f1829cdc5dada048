//! One end of an operation, as it is written to the history while the run goes on.

use std::fmt;
use std::sync::Arc;

use crate::{F, Process, Time, Value};

/// Which end of an operation an event is, and what the client learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The client is about to call.
    Invoke,
    /// The call returned: it happened.
    Ok,
    /// The call returned: it surely did not happen.
    Fail,
    /// The client does not know: it may have happened, may happen later, or never.
    Info,
}

impl Kind {
    /// The name used in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }

    /// The kind with this name in files.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "invoke" => Self::Invoke,
            "ok" => Self::Ok,
            "fail" => Self::Fail,
            "info" => Self::Info,
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One end of an operation, or one end of a nemesis action.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When: before sending for an invocation, after receiving for a completion.
    pub time: Time,
    /// Who.
    pub process: Process,
    /// Which end, and what was learned.
    pub kind: Kind,
    /// What was called.
    pub f: F,
    /// The object it was called on; [`Value::Nil`] when there is only one object, or the value names its objects itself.
    pub key: Value,
    /// The argument (of an invocation) or the result (of a completion).
    pub value: Value,
    /// The node it was sent to.
    pub node: Option<Arc<str>>,
    /// Why it did not end as `ok`; in an imported history, also what else it says of any end of an operation.
    pub error: Option<Arc<str>>,
    /// The database's own order of this operation (a revision, a log position), where it offers one.
    pub revision: Option<i64>,
    /// When it should have been sent, where an open loop fell behind. Never later than `time`.
    pub due: Option<Time>,
}

impl Event {
    /// An event without key, value, node or error.
    pub fn new(time: Time, process: Process, kind: Kind, f: F) -> Self {
        Self {
            time,
            process,
            kind,
            f,
            key: Value::Nil,
            value: Value::Nil,
            node: None,
            error: None,
            revision: None,
            due: None,
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Value>) -> Self {
        self.key = key.into();
        self
    }

    /// Sets the value.
    #[must_use]
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = value.into();
        self
    }

    /// Sets the node.
    #[must_use]
    pub fn node(mut self, node: impl Into<Arc<str>>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Sets the error.
    #[must_use]
    pub fn error(mut self, error: impl Into<Arc<str>>) -> Self {
        self.error = Some(error.into());
        self
    }

    /// Sets the database's own order of the operation.
    #[must_use]
    pub fn revision(mut self, revision: i64) -> Self {
        self.revision = Some(revision);
        self
    }
}
