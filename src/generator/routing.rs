//! By whom.

use schism_history::Event;

use super::{Context, Emitted, Generator, Next, WorkerSet};

/// Only these workers.
pub fn on_workers<G: Generator>(workers: WorkerSet, inner: G) -> impl Generator {
    OnWorkers { workers, inner }
}

struct OnWorkers<G> {
    workers: WorkerSet,
    inner: G,
}

impl<G: Generator> Generator for OnWorkers<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        self.inner.ready(&context.only(self.workers))
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        self.inner.emit(&context.only(self.workers))
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        if self.workers.contains(worker) {
            self.inner.saw(&context.only(self.workers), worker, event);
        }
    }
}

/// The first so many workers do the first, the next so many the second, and so on; all others the rest.
pub fn reserve(
    shares: Vec<(usize, Box<dyn Generator>)>,
    rest: impl Generator + 'static,
) -> impl Generator {
    let mut begin = 0;
    let mut parts: Vec<Box<dyn Generator>> = Vec::new();
    for (count, share) in shares {
        parts.push(Box::new(on_workers(
            WorkerSet::range(begin, begin + count),
            share,
        )));
        begin += count;
    }
    parts.push(Box::new(on_workers(!WorkerSet::range(0, begin), rest)));
    super::any(parts)
}

/// A generator of its own for each worker. It stays the worker's when an unknown operation makes the worker another
/// process: a bounded one is bounded for the worker, not for each of its processes.
pub fn each_worker<G: Generator>(make: impl FnMut(usize) -> G) -> impl Generator {
    EachWorker {
        make,
        own: Vec::new(),
        turn: 0,
    }
}

struct EachWorker<M, G> {
    make: M,
    own: Vec<G>,
    turn: usize,
}

impl<G: Generator, M: FnMut(usize) -> G> EachWorker<M, G> {
    fn soonest(&mut self, context: &Context<'_>) -> (Option<usize>, Next) {
        let count = context.workers.count();
        while self.own.len() < count {
            let worker = self.own.len();
            self.own.push((self.make)(worker));
        }
        let mut best: (Option<usize>, Next) = (None, Next::Done);
        for offset in 0..count {
            let worker = (self.turn + offset) % count;
            if !context.allowed.contains(worker) {
                continue;
            }
            let next = self.own[worker].ready(&context.only(WorkerSet::range(worker, worker + 1)));
            match (next, best.1) {
                (Next::At(a), Next::At(b)) if a >= b => {}
                (Next::At(_), _) => best = (Some(worker), next),
                _ if best.0.is_none() => best.1 = best.1.sooner(next),
                _ => {}
            }
        }
        best
    }
}

impl<G: Generator, M: FnMut(usize) -> G> Generator for EachWorker<M, G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        self.soonest(context).1
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let worker = self
            .soonest(context)
            .0
            .expect("ready said that somebody can go on");
        self.turn = worker + 1;
        self.own[worker].emit(&context.only(WorkerSet::range(worker, worker + 1)))
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        if let Some(own) = self.own.get_mut(worker) {
            own.saw(
                &context.only(WorkerSet::range(worker, worker + 1)),
                worker,
                event,
            );
        }
    }
}
