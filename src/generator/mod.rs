//! What to invoke next, when, and by whom.
//!
//! A [`Generator`] is a value: seeded, without a clock of its own and without I/O. It is asked when it could go on
//! ([`Generator::ready`], which may be asked any number of times), told to go on ([`Generator::emit`]), and told what
//! came of it ([`Generator::saw`]). Everything it needs to know of the world stands in the [`Context`].
//!
//! Generators are combined: `limit(100, mix(…))`, `then(main, final_reads)`. [`fleet`] runs any of them against
//! simulated workers, which is how they are tested.

mod workers;
mod source;
mod choice;
mod limits;
mod pace;
mod sequence;
mod routing;
mod keys;
pub mod fleet;
#[cfg(test)]
mod tests;

use std::time::Duration;

use schism_history::{Event, Time};
pub use schism_workloads::{Invocation, Turn};

pub use choice::{any, flip_flop, mix};
pub use keys::{concurrent_keys, sequential_keys};
pub use limits::{concurrency_limit, limit, process_limit, time_limit, until_ok};
pub use pace::{cycle_times, delay, open_loop, sleep, stagger};
pub use routing::{each_worker, on_workers, reserve};
pub use sequence::{repeat, synchronize, then};
pub use source::{Draw, draws, each, filter, map, once};
pub use workers::{WorkerSet, Workers};

/// An invocation, and who makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    /// The worker, which was free.
    pub worker: usize,
    /// What it invokes.
    pub invocation: Invocation,
    /// When it should have been invoked: now, or earlier where an open loop fell behind.
    pub due: Time,
    /// The node it must go to, where it is not the worker's own.
    pub node: Option<usize>,
}

/// What a generator may know of the world when it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Now.
    pub time: Time,
    /// Who is there, and who is free.
    pub workers: &'a Workers,
    /// The workers that this generator may use: all of them, or a share.
    pub allowed: WorkerSet,
}

impl<'a> Context<'a> {
    /// A context in which all workers may be used.
    pub fn new(time: Time, workers: &'a Workers) -> Self {
        Self {
            time,
            workers,
            allowed: workers.all(),
        }
    }

    /// The workers that may be used and are free.
    pub fn free(&self) -> WorkerSet {
        self.workers.free() & self.allowed
    }

    /// The workers that may be used and are busy.
    pub fn busy(&self) -> WorkerSet {
        self.allowed & !self.workers.free()
    }

    /// The same world with fewer workers.
    #[must_use]
    pub fn only(&self, workers: WorkerSet) -> Self {
        Self {
            allowed: self.allowed & workers,
            ..*self
        }
    }
}

/// When a generator could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At this moment, or at once when it is past, if the world stays as it is.
    At(Time),
    /// Not before something happens: a worker must come free, or an answer arrive.
    Pending,
    /// Never again.
    Done,
}

impl Next {
    /// The sooner of the two. One that may still go on outlives one that is done.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::At(t), _) | (_, Self::At(t)) => Self::At(t),
            (Self::Pending, _) | (_, Self::Pending) => Self::Pending,
            (Self::Done, Self::Done) => Self::Done,
        }
    }

    /// Not before `time`.
    #[must_use]
    pub fn not_before(self, time: Time) -> Self {
        if let Self::At(t) = self {
            Self::At(t.max(time))
        } else {
            self
        }
    }
}

/// Draws invocations, one after another.
pub trait Generator {
    /// When it could go on. Asking changes nothing that an observer could see: the same question has the same answer.
    fn ready(&mut self, context: &Context<'_>) -> Next;

    /// Goes on. Only to be called when `ready`, asked in the same context, gave a moment that is not in the future.
    fn emit(&mut self, context: &Context<'_>) -> Emitted;

    /// Learns of an event: an invocation of `worker`, or its completion.
    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        let _ = (context, worker, event);
    }
}

impl<G: Generator + ?Sized> Generator for Box<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        (**self).ready(context)
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        (**self).emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        (**self).saw(context, worker, event);
    }
}

/// A duration in nanoseconds, saturating: what intervals are drawn in.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
