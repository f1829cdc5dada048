//! Where invocations come from.

use schism_history::Event;

use super::{Context, Emitted, Generator, Invocation, Next, Turn};

/// An endless supply of invocations.
pub trait Draw {
    /// The next one.
    fn draw(&mut self, turn: &Turn) -> Invocation;

    /// Learns of an event.
    fn saw(&mut self, event: &Event) {
        let _ = event;
    }
}

impl<F: FnMut(&Turn) -> Invocation> Draw for F {
    fn draw(&mut self, turn: &Turn) -> Invocation {
        self(turn)
    }
}

/// An endless supply, as fast as workers come free; they take turns.
pub fn draws(source: impl Draw) -> impl Generator {
    Draws {
        source,
        turns: Turns::default(),
    }
}

struct Draws<S> {
    source: S,
    turns: Turns,
}

/// Workers take turns, and draws are counted.
#[derive(Default)]
struct Turns {
    /// The worker whose turn it is, if it is free.
    next: usize,
    drawn: u64,
}

impl Turns {
    fn next(&mut self, worker: usize, context: &Context<'_>) -> Turn {
        let turn = Turn {
            worker: worker as u32,
            workers: context.workers.count() as u32,
            operations: self.drawn,
        };
        self.next = worker + 1;
        self.drawn += 1;
        turn
    }
}

impl<S: Draw> Generator for Draws<S> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        if context.free().is_empty() {
            Next::Pending
        } else {
            Next::At(context.time)
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let worker = context
            .free()
            .next_from(self.turns.next)
            .expect("ready said that somebody is free");
        let turn = self.turns.next(worker, context);
        Emitted {
            worker,
            invocation: self.source.draw(&turn),
            due: context.time,
            node: None,
        }
    }

    fn saw(&mut self, _: &Context<'_>, _: usize, event: &Event) {
        self.source.saw(event);
    }
}

/// These invocations, in order, as fast as workers come free.
pub fn each(invocations: impl IntoIterator<Item = Invocation>) -> impl Generator {
    Each {
        rest: invocations.into_iter().collect::<Vec<_>>().into_iter(),
    }
}

/// One invocation.
pub fn once(invocation: Invocation) -> impl Generator {
    each([invocation])
}

struct Each {
    rest: std::vec::IntoIter<Invocation>,
}

impl Generator for Each {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        if self.rest.as_slice().is_empty() {
            Next::Done
        } else if context.free().is_empty() {
            Next::Pending
        } else {
            Next::At(context.time)
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let worker = context
            .free()
            .next_from(0)
            .expect("ready said that somebody is free");
        let invocation = self.rest.next().expect("ready said that something is left");
        Emitted {
            worker,
            invocation,
            due: context.time,
            node: None,
        }
    }
}

/// Rewrites each invocation.
pub fn map<G: Generator>(
    rewrite: impl FnMut(Invocation) -> Invocation,
    inner: G,
) -> impl Generator {
    Map { rewrite, inner }
}

struct Map<F, G> {
    rewrite: F,
    inner: G,
}

impl<F: FnMut(Invocation) -> Invocation, G: Generator> Generator for Map<F, G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        self.inner.ready(context)
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let emitted = self.inner.emit(context);
        Emitted {
            invocation: (self.rewrite)(emitted.invocation),
            ..emitted
        }
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.inner.saw(context, worker, event);
    }
}

/// Leaves out what does not pass. A source of which nothing ever passes is given up after 10,000 draws in a row: it is
/// then done.
pub fn filter<S: Draw>(pass: impl FnMut(&Invocation) -> bool, source: S) -> impl Generator {
    Filter {
        pass,
        source,
        drawn: None,
        exhausted: false,
        turns: Turns::default(),
    }
}

/// How many draws in a row may fail to pass.
const FRUITLESS_DRAWS: u32 = 10_000;

struct Filter<P, S> {
    pass: P,
    source: S,
    drawn: Option<(usize, Invocation)>,
    exhausted: bool,
    turns: Turns,
}

impl<P: FnMut(&Invocation) -> bool, S: Draw> Generator for Filter<P, S> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        let free = context.free();
        // What was drawn for a worker that has become busy since is kept for another one: sources are not asked twice.
        if let Some((worker, _)) = &mut self.drawn {
            return match free.next_from(*worker) {
                Some(other) => {
                    *worker = other;
                    Next::At(context.time)
                }
                None => Next::Pending,
            };
        }
        if self.exhausted {
            return Next::Done;
        }
        let Some(worker) = free.next_from(self.turns.next) else {
            return Next::Pending;
        };
        let turn = self.turns.next(worker, context);
        for _ in 0..FRUITLESS_DRAWS {
            let invocation = self.source.draw(&turn);
            if (self.pass)(&invocation) {
                self.drawn = Some((worker, invocation));
                return Next::At(context.time);
            }
        }
        self.exhausted = true;
        Next::Done
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let (worker, invocation) = self
            .drawn
            .take()
            .expect("ready said that something was drawn");
        Emitted {
            worker,
            invocation,
            due: context.time,
            node: None,
        }
    }

    fn saw(&mut self, _: &Context<'_>, _: usize, event: &Event) {
        self.source.saw(event);
    }
}
