//! One after another.

use schism_history::Event;

use super::{Context, Emitted, Generator, Next};

/// The first until it is done, then the second, and so on. What the first has open may still be open when the second
/// begins: for a barrier, see [`synchronize`].
pub fn then(parts: Vec<Box<dyn Generator>>) -> impl Generator {
    Then {
        parts: parts.into_iter().collect(),
    }
}

struct Then {
    parts: std::collections::VecDeque<Box<dyn Generator>>,
}

impl Generator for Then {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        while let Some(first) = self.parts.front_mut() {
            match first.ready(context) {
                Next::Done => drop(self.parts.pop_front()),
                next => return next,
            }
        }
        Next::Done
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        self.parts
            .front_mut()
            .expect("ready said that something is left")
            .emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        for part in &mut self.parts {
            part.saw(context, worker, event);
        }
    }
}

/// Begins when nobody has an operation open: a barrier.
pub fn synchronize<G: Generator>(inner: G) -> impl Generator {
    Synchronize {
        begun: false,
        inner,
    }
}

struct Synchronize<G> {
    begun: bool,
    inner: G,
}

impl<G: Generator> Generator for Synchronize<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        self.begun |= context.busy().is_empty();
        if self.begun {
            self.inner.ready(context)
        } else {
            Next::Pending
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        self.inner.emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.inner.saw(context, worker, event);
    }
}

/// The generator that `make` makes, again and again: a new one, with the round's number from 0, whenever the last is
/// done. Done when a new one is done before it emitted anything.
pub fn repeat<G: Generator>(mut make: impl FnMut(u64) -> G) -> impl Generator {
    let current = make(0);
    Repeat {
        make,
        round: 0,
        emitted: false,
        current,
    }
}

struct Repeat<M, G> {
    make: M,
    round: u64,
    emitted: bool,
    current: G,
}

impl<G: Generator, M: FnMut(u64) -> G> Generator for Repeat<M, G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        let next = self.current.ready(context);
        if next != Next::Done || !self.emitted {
            return next;
        }
        self.round += 1;
        self.emitted = false;
        self.current = (self.make)(self.round);
        self.current.ready(context)
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        self.emitted = true;
        self.current.emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.current.saw(context, worker, event);
    }
}
