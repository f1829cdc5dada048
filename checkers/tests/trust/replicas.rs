//! What clients of replicated registers see, each of whom talks to a replica of its own: right by construction for the
//! consistency that the replicas keep.

use rand::{Rng, RngExt};
use schism_history::{Builder, Event, F, Header, History, Kind, Process, Time, Value};

/// What the replicas keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// One log of all writes, of which each replica has applied a beginning: sequential consistency.
    OneLog,
    /// Writes arrive after their causes, and the newest by a common clock stays: causal convergence.
    NewestStays,
    /// Writes arrive after their causes, and the last to arrive stays: causal memory.
    LastToArriveStays,
    /// The writes of each client arrive in its order, and the last to arrive stays: PRAM.
    EachClientsOrder,
}

/// A run of replicated registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicas {
    /// What they keep.
    pub(crate) keeps: Keeps,
    /// How many clients there are, each with a replica.
    pub(crate) clients: usize,
    /// How many keys.
    pub(crate) keys: usize,
    /// How many operations.
    pub(crate) operations: usize,
    /// Of 100 operations, how many write.
    pub(crate) writes: u32,
    /// How many writes each replica takes from the others after each operation, on average.
    pub(crate) arrivals: u32,
}

/// A write on its way.
struct Write {
    key: usize,
    value: i64,
    clock: u64,
    /// How many writes of each client came before it.
    causes: Vec<u32>,
}

/// One operation of a client: what it wrote, or what it read (0: nothing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) client: usize,
    pub(crate) key: usize,
    pub(crate) writes: bool,
    pub(crate) value: i64,
}

impl Replicas {
    /// Calls `act` with one operation after the other, in order of time.
    pub(crate) fn run(&self, rng: &mut impl Rng, mut act: impl FnMut(Act)) {
        let mut writes: Vec<Vec<Write>> = (0..self.clients).map(|_| Vec::new()).collect();
        let mut log: Vec<(usize, i64)> = Vec::new();
        let mut applied = vec![vec![0_u32; self.clients]; self.clients];
        let mut place = vec![0_usize; self.clients];
        let mut held = vec![vec![(0_u64, 0_i64); self.keys]; self.clients];
        let mut clock = vec![0_u64; self.clients];
        let mut next = 0;
        for _ in 0..self.operations {
            let own = rng.random_range(0..self.clients);
            let key = rng.random_range(0..self.keys);
            if rng.random_range(0..100) < self.writes {
                next += 1;
                if self.keeps == Keeps::OneLog {
                    log.push((key, next));
                    for &(key, value) in &log[place[own]..] {
                        held[own][key] = (0, value);
                    }
                    place[own] = log.len();
                } else {
                    // Ties of clocks are broken by the client.
                    clock[own] = (clock[own] / 1_024 + 1) * 1_024 + own as u64;
                    writes[own].push(Write {
                        key,
                        value: next,
                        clock: clock[own],
                        causes: applied[own].clone(),
                    });
                    applied[own][own] += 1;
                    held[own][key] = (clock[own], next);
                }
                act(Act {
                    client: own,
                    key,
                    writes: true,
                    value: next,
                });
            } else {
                let value = held[own][key].1;
                act(Act {
                    client: own,
                    key,
                    writes: false,
                    value,
                });
            }
            let to = rng.random_range(0..self.clients);
            for _ in 0..rng.random_range(0..=2 * self.arrivals) {
                if self.keeps == Keeps::OneLog {
                    if let Some(&(key, value)) = log.get(place[to]) {
                        held[to][key] = (0, value);
                        place[to] += 1;
                    }
                    continue;
                }
                let from = rng.random_range(0..self.clients);
                let Some(write) = writes[from].get(applied[to][from] as usize) else {
                    continue;
                };
                let known = write
                    .causes
                    .iter()
                    .zip(&applied[to])
                    .all(|(cause, applied)| cause <= applied);
                if from == to || !(known || self.keeps == Keeps::EachClientsOrder) {
                    continue;
                }
                applied[to][from] += 1;
                clock[to] = clock[to].max(write.clock);
                let stays = held[to][write.key].0;
                if self.keeps != Keeps::NewestStays || stays < write.clock {
                    held[to][write.key] = (write.clock, write.value);
                }
            }
        }
    }
}

/// Builds a history of operations, one after the other.
pub(crate) struct Writer {
    builder: Builder,
    now: u64,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self {
            builder: Builder::new(Header::default()),
            now: 0,
        }
    }

    pub(crate) fn push(&mut self, act: Act) {
        let f = if act.writes { F::Write } else { F::Read };
        let value = if act.value == 0 {
            Value::Nil
        } else {
            Value::from(act.value)
        };
        let input = if act.writes {
            value.clone()
        } else {
            Value::Nil
        };
        for (kind, value) in [(Kind::Invoke, input), (Kind::Ok, value)] {
            self.now += 100;
            let process = Process::client(act.client as u32);
            let event = Event::new(Time::from_nanos(self.now), process, kind, f.clone())
                .key(act.key as i64)
                .value(value);
            self.builder
                .push(event)
                .expect("operations one after the other");
        }
    }

    pub(crate) fn finish(self) -> History {
        self.builder.finish()
    }
}
