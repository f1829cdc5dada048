//! How fast.

use std::time::Duration;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, Time};

use super::{Context, Emitted, Generator, Next, nanos};

/// Lateness that is made up for: timers wake in steps of a millisecond, and a rate of thousands a second is still a rate.
const SLACK: Duration = Duration::from_millis(5);

/// One invocation each `mean` on average, all workers together: the gaps are uniform from 0 to twice the mean. What
/// falls behind is not caught up.
pub fn stagger<G: Generator>(rng: Pcg64Mcg, mean: Duration, inner: G) -> impl Generator {
    Paced {
        gap: Gap::Uniform { rng, mean },
        next: None,
        inner,
    }
}

/// One invocation each `gap`, all workers together. What falls behind is not caught up: for that, see [`open_loop`].
pub fn delay<G: Generator>(gap: Duration, inner: G) -> impl Generator {
    Paced {
        gap: Gap::Fixed(gap),
        next: None,
        inner,
    }
}

enum Gap {
    Fixed(Duration),
    Uniform { rng: Pcg64Mcg, mean: Duration },
}

impl Gap {
    fn draw(&mut self) -> Duration {
        match self {
            Self::Fixed(gap) => *gap,
            Self::Uniform { rng, mean } => {
                Duration::from_nanos(rng.random_range(0..=nanos(*mean).saturating_mul(2)))
            }
        }
    }
}

struct Paced<G> {
    gap: Gap,
    /// Not before; `None` before the first.
    next: Option<Time>,
    inner: G,
}

impl<G: Generator> Generator for Paced<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        self.inner
            .ready(context)
            .not_before(self.next.unwrap_or(Time::ZERO))
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let planned = self.next.unwrap_or(context.time);
        let begin = if context.time.since(planned) > SLACK {
            context.time
        } else {
            planned
        };
        self.next = Some(begin + self.gap.draw());
        self.inner.emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.inner.saw(context, worker, event);
    }
}

/// An open loop: an invocation is due each `gap`, whether or not a worker is free. What falls behind is caught up as
/// fast as workers come free, and remembers when it was due: latency counted from there does not hide a stall
/// (coordinated omission).
pub fn open_loop<G: Generator>(gap: Duration, inner: G) -> impl Generator {
    OpenLoop {
        gap,
        due: None,
        inner,
    }
}

struct OpenLoop<G> {
    gap: Duration,
    due: Option<Time>,
    inner: G,
}

impl<G: Generator> Generator for OpenLoop<G> {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        let due = *self.due.get_or_insert(context.time);
        self.inner.ready(context).not_before(due)
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let due = self.due.unwrap_or(context.time);
        self.due = Some(due + self.gap);
        Emitted {
            due,
            ..self.inner.emit(context)
        }
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        self.inner.saw(context, worker, event);
    }
}

/// Nothing, for so long from when it is first asked; then it is done.
pub fn sleep(length: Duration) -> impl Generator {
    Sleep {
        length,
        until: None,
    }
}

struct Sleep {
    length: Duration,
    until: Option<Time>,
}

impl Generator for Sleep {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        let until = *self.until.get_or_insert(context.time + self.length);
        if context.time >= until {
            Next::Done
        } else {
            Next::At(until)
        }
    }

    fn emit(&mut self, _: &Context<'_>) -> Emitted {
        unreachable!("at the moment it names, a sleep is done")
    }
}

/// Each of them for its time, in turn, again and again; each goes on where it left off.
pub fn cycle_times(parts: Vec<(Duration, Box<dyn Generator>)>) -> impl Generator {
    CycleTimes { parts, begin: None }
}

struct CycleTimes {
    parts: Vec<(Duration, Box<dyn Generator>)>,
    begin: Option<Time>,
}

impl CycleTimes {
    /// Whose time it is, and until when.
    fn current(&mut self, now: Time) -> Option<(usize, Time)> {
        let begin = *self.begin.get_or_insert(now);
        let period: u64 = self.parts.iter().map(|(length, _)| nanos(*length)).sum();
        if period == 0 {
            return None;
        }
        let mut into = nanos(now.since(begin)) % period;
        for (i, (length, _)) in self.parts.iter().enumerate() {
            let length = nanos(*length);
            if into < length {
                return Some((i, now + Duration::from_nanos(length - into)));
            }
            into -= length;
        }
        None
    }
}

impl Generator for CycleTimes {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        let Some((current, until)) = self.current(context.time) else {
            return Next::Done;
        };
        match self.parts[current].1.ready(context) {
            Next::At(time) => Next::At(time.min(until)),
            // It is the next one's turn, soon.
            Next::Pending if context.free().is_empty() => Next::Pending,
            Next::Pending => Next::At(until),
            Next::Done => Next::Done,
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let (current, _) = self
            .current(context.time)
            .expect("ready said that it is somebody's time");
        self.parts[current].1.emit(context)
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        for (_, part) in &mut self.parts {
            part.saw(context, worker, event);
        }
    }
}
