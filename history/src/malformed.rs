//! Why an event cannot be part of a history.

use crate::{F, Process, Time};

/// Why an event cannot be part of a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The last moment there is stands for an operation that never ended.
    #[error(
        "its time is {}; it is below that: that number stands for never",
        u64::MAX
    )]
    Never,
    /// Time runs backwards.
    #[error("its time, {time}, is before the time of the event before it, {before}")]
    Backwards {
        /// The event's time.
        time: Time,
        /// The time of the event before it.
        before: Time,
    },
    /// A process invokes an operation while another one of its own is open.
    #[error(
        "process {process} invokes {f} while its {open} is still open: a process is sequential"
    )]
    StillOpen {
        /// The process.
        process: Process,
        /// The function it invokes.
        f: F,
        /// The function of its open operation.
        open: F,
    },
    /// A process goes on after an operation of its own ended as `info`.
    #[error(
        "process {process} invokes {f} after its {ended} ended as info: it must go on as another process"
    )]
    AfterInfo {
        /// The process.
        process: Process,
        /// The function it invokes.
        f: F,
        /// The function of the operation that ended as `info`.
        ended: F,
    },
    /// A completion without an invocation.
    #[error("process {process} completes {f}, but it has no operation open")]
    NotOpen {
        /// The process.
        process: Process,
        /// The function it completes.
        f: F,
    },
    /// A completion of another function, or of another key, than the one invoked.
    #[error("process {process} completes {completed}, but its open operation is {invoked}")]
    Mismatch {
        /// The process.
        process: Process,
        /// What is completed: function and key.
        completed: String,
        /// What was invoked: function and key.
        invoked: String,
    },
    /// More than a history can hold.
    #[error("more than {limit} {what}, and a history can hold no more")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it can hold.
        limit: usize,
    },
}
