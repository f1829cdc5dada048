//! Not more than so many, so long, so wide.

use std::collections::BTreeSet;
use std::time::Duration;

use schism_history::{Event, Kind, Process, Time};

use super::{Context, Emitted, Generator, Next, WorkerSet};

/// At most `count` invocations.
pub fn limit<G: Generator>(count: u64, inner: G) -> impl Generator {
    Limit { left: count, inner }
}

struct Limit<G> {
    left: u64,
    inner: G,
}

impl<G: Generator> Generator for Limit<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        if self.left == 0 {
            Next::Done
        } else {
            self.inner.ready(context)
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        self.left -= 1;
        self.inner.emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.inner.saw(context, worker, event);
    }
}

/// As long as this, counted from when it is first asked and somebody is free: not from the begin of the run, so that a
/// phase has its whole time.
pub fn time_limit<G: Generator>(length: Duration, inner: G) -> impl Generator {
    TimeLimit {
        length,
        until: None,
        inner,
    }
}

struct TimeLimit<G> {
    length: Duration,
    until: Option<Time>,
    inner: G,
}

impl<G: Generator> Generator for TimeLimit<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        if self.until.is_none() && !context.free().is_empty() {
            self.until = Some(context.time + self.length);
        }
        let until = self.until.unwrap_or(Time::NEVER);
        if context.time >= until {
            return Next::Done;
        }
        match self.inner.ready(context) {
            // It would go on too late, so it is over when the time is.
            Next::At(time) if time >= until => Next::At(until),
            next => next,
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        self.inner.emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.inner.saw(context, worker, event);
    }
}

/// Until `count` distinct processes have taken part: bounds what unknown operations cost a checker.
pub fn process_limit<G: Generator>(count: usize, inner: G) -> impl Generator {
    ProcessLimit {
        count,
        processes: BTreeSet::new(),
        inner,
    }
}

struct ProcessLimit<G> {
    count: usize,
    processes: BTreeSet<Process>,
    inner: G,
}

impl<G> ProcessLimit<G> {
    /// The workers whose process has taken part already, or may still.
    fn admitted(&self, context: &Context<'_>) -> WorkerSet {
        if self.processes.len() < self.count {
            return context.allowed;
        }
        let workers = context.workers;
        context
            .allowed
            .iter()
            .filter(|&worker| self.processes.contains(&workers.process(worker)))
            .collect()
    }
}

impl<G: Generator> Generator for ProcessLimit<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        let admitted = self.admitted(context);
        if admitted.is_empty() {
            Next::Done
        } else {
            self.inner.ready(&context.only(admitted))
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let emitted = self.inner.emit(&context.only(self.admitted(context)));
        self.processes
            .insert(context.workers.process(emitted.worker));
        emitted
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.inner.saw(context, worker, event);
    }
}

/// At most `count` of its invocations open at once.
pub fn concurrency_limit<G: Generator>(count: usize, inner: G) -> impl Generator {
    ConcurrencyLimit {
        count,
        open: WorkerSet::default(),
        inner,
    }
}

struct ConcurrencyLimit<G> {
    count: usize,
    open: WorkerSet,
    inner: G,
}

impl<G: Generator> Generator for ConcurrencyLimit<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        match self.inner.ready(context) {
            Next::At(_) if self.open.len() >= self.count => Next::Pending,
            next => next,
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let emitted = self.inner.emit(context);
        self.open.insert(emitted.worker);
        emitted
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        if event.kind != Kind::Invoke {
            self.open.remove(worker);
        }
        self.inner.saw(context, worker, event);
    }
}

/// Until one of its invocations is `ok`.
pub fn until_ok<G: Generator>(inner: G) -> impl Generator {
    UntilOk {
        open: WorkerSet::default(),
        satisfied: false,
        inner,
    }
}

struct UntilOk<G> {
    open: WorkerSet,
    satisfied: bool,
    inner: G,
}

impl<G: Generator> Generator for UntilOk<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        if self.satisfied {
            Next::Done
        } else {
            self.inner.ready(context)
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let emitted = self.inner.emit(context);
        self.open.insert(emitted.worker);
        emitted
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        if event.kind != Kind::Invoke && self.open.contains(worker) {
            self.open.remove(worker);
            self.satisfied |= event.kind == Kind::Ok;
        }
        self.inner.saw(context, worker, event);
    }
}
