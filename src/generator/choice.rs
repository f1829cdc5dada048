//! One of several.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_history::Event;

use super::{Context, Emitted, Generator, Next};

/// Each time one of them by weight, of those that could go on. Weights are relative; one of weight 0 is never chosen.
pub fn mix(rng: Pcg64Mcg, parts: Vec<(u32, Box<dyn Generator>)>) -> impl Generator {
    Mix {
        rng,
        parts,
        chosen: None,
    }
}

struct Mix {
    rng: Pcg64Mcg,
    parts: Vec<(u32, Box<dyn Generator>)>,
    /// Whose turn it is, until it has emitted.
    chosen: Option<usize>,
}

impl Generator for Mix {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        let now = |next| matches!(next, Next::At(time) if time <= context.time);
        if let Some(chosen) = self.chosen {
            let next = self.parts[chosen].1.ready(context);
            if now(next) {
                return next;
            }
        }
        self.chosen = None;
        let answers: Vec<(u32, Next)> = self
            .parts
            .iter_mut()
            .map(|(weight, part)| (*weight, part.ready(context)))
            .map(|(weight, next)| (weight, if weight == 0 { Next::Done } else { next }))
            .collect();
        let total: u32 = answers
            .iter()
            .filter(|(_, next)| now(*next))
            .map(|(weight, _)| weight)
            .sum();
        if total > 0 {
            let mut ticket = self.rng.random_range(0..total);
            for (i, (weight, next)) in answers
                .iter()
                .enumerate()
                .filter(|(_, (_, next))| now(*next))
            {
                if ticket < *weight {
                    self.chosen = Some(i);
                    return *next;
                }
                ticket -= *weight;
            }
        }
        answers
            .into_iter()
            .fold(Next::Done, |sooner, (_, next)| sooner.sooner(next))
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let chosen = self.chosen.take().expect("ready chose one");
        self.parts[chosen].1.emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        for (_, part) in &mut self.parts {
            part.saw(context, worker, event);
        }
    }
}

/// Whichever could go on first; of several at the same moment, they take turns.
pub fn any(parts: Vec<Box<dyn Generator>>) -> impl Generator {
    Any { parts, turn: 0 }
}

struct Any {
    parts: Vec<Box<dyn Generator>>,
    turn: usize,
}

impl Any {
    /// The one to go on, and when.
    fn soonest(&mut self, context: &Context<'_>) -> (Option<usize>, Next) {
        let mut best: (Option<usize>, Next) = (None, Next::Done);
        let count = self.parts.len();
        for offset in 0..count {
            let i = (self.turn + offset) % count;
            let next = self.parts[i].ready(context);
            let sooner = match (next, best.1) {
                (Next::At(a), Next::At(b)) => a < b,
                (Next::At(_), _) => true,
                _ => false,
            };
            if sooner {
                best = (Some(i), next);
            } else if best.0.is_none() {
                best.1 = best.1.sooner(next);
            }
        }
        best
    }
}

impl Generator for Any {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        self.soonest(context).1
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let chosen = self
            .soonest(context)
            .0
            .expect("ready said that one of them can go on");
        self.turn = (chosen + 1) % self.parts.len();
        self.parts[chosen].emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        for part in &mut self.parts {
            part.saw(context, worker, event);
        }
    }
}

/// One of the first, one of the second, one of the first again. Done when the one whose turn it is is done.
pub fn flip_flop<A: Generator, B: Generator>(first: A, second: B) -> impl Generator {
    FlipFlop {
        first,
        second,
        flipped: false,
    }
}

struct FlipFlop<A, B> {
    first: A,
    second: B,
    flipped: bool,
}

impl<A: Generator, B: Generator> Generator for FlipFlop<A, B> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        if self.flipped {
            self.second.ready(context)
        } else {
            self.first.ready(context)
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        self.flipped = !self.flipped;
        if self.flipped {
            self.first.emit(context)
        } else {
            self.second.emit(context)
        }
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.first.saw(context, worker, event);
        self.second.saw(context, worker, event);
    }
}
