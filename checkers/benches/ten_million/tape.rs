//! Histories of an object that does one thing after the other, asked by ten clients at once.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_history::{Builder, Event, F, Header, History, Kind, Process, Time, Value};

/// How many clients there are.
pub(crate) const CLIENTS: usize = 10;

/// One operation: what is asked, and what is answered.
pub(crate) struct Act {
    pub(crate) f: F,
    pub(crate) key: Value,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) kind: Kind,
    pub(crate) revision: Option<i64>,
    /// The number of the node that is asked; the client's own one if it is `None`.
    pub(crate) node: Option<usize>,
}

/// An operation that is `ok`.
pub(crate) fn act(f: impl Into<F>, key: impl Into<Value>, input: Value, output: Value) -> Act {
    Act {
        f: f.into(),
        key: key.into(),
        input,
        output,
        kind: Kind::Ok,
        revision: None,
        node: None,
    }
}

/// Builds a history.
pub(crate) struct Tape {
    builder: Builder,
    open: Vec<Option<Event>>,
    time: u64,
    count: usize,
}

impl Tape {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            builder: Builder::new(Header::default()),
            open: vec![None; CLIENTS],
            time: 0,
            count: 0,
        }
    }

    fn put(&mut self, mut event: Event) {
        self.time += 1;
        event.time = Time::from_micros(self.time);
        self.builder.push(event).expect("events in order");
    }

    /// The next client does something: it takes effect now, and is answered when all others have asked something.
    pub(crate) fn push(&mut self, act: Act) {
        const NODES: [&str; 5] = ["n1", "n2", "n3", "n4", "n5"];
        let client = self.count % CLIENTS;
        self.count += 1;
        if let Some(end) = self.open[client].take() {
            self.put(end);
        }
        let node = NODES[act.node.unwrap_or(client) % NODES.len()];
        let event = |kind, value| {
            let process = Process::client(client as u32);
            Event::new(Time::ZERO, process, kind, act.f.clone())
                .key(act.key.clone())
                .value(value)
                .node(node)
        };
        self.put(event(Kind::Invoke, act.input.clone()));
        let output = if act.kind == Kind::Ok {
            act.output
        } else {
            act.input
        };
        let mut end = event(act.kind, output);
        end.revision = act.revision;
        self.open[client] = Some(end);
    }

    /// All are answered.
    pub(crate) fn quiet(&mut self) {
        for client in 0..CLIENTS {
            if let Some(end) = self.open[client].take() {
                self.put(end);
            }
        }
    }

    /// Everything is healed: what follows are the last reads.
    pub(crate) fn final_reads(&mut self) {
        self.quiet();
        let phase = Event::new(Time::ZERO, Process::NEMESIS, Kind::Info, F::Phase);
        self.put(phase.value("final-reads"));
    }

    /// The history.
    pub(crate) fn finish(mut self) -> History {
        self.quiet();
        self.builder.finish()
    }
}

/// The history of so many operations: `next` says what the next one asks and gets.
pub(crate) fn tape(
    operations: usize,
    mut next: impl FnMut(usize, &mut Pcg64Mcg) -> Act,
) -> History {
    let mut rng = rng();
    let mut tape = Tape::new();
    for i in 0..operations {
        tape.push(next(i, &mut rng));
    }
    tape.finish()
}

/// Where all randomness of a history comes from.
pub(crate) fn rng() -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(7)
}
