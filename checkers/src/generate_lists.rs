//! Random histories of transactions on lists with a known truth, for tests and benches: what clients of a perfect store
//! would have seen, and of one with a flaw.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::{Rng, RngExt};
use schism_history::{Event, F, Kind, Process, Time, Value};

/// What the store promises, and how it breaks that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// Each transaction happens at one moment between its begin and its end.
    Strict,
    /// The same, but this one of 1,000 reads misses the newest element.
    Stale(u32),
    /// The same, but one read in the middle of the history misses the newest 15 elements.
    StaleOnce,
    /// The same, but two transactions in the middle of the history each read as empty what the other one appends to.
    SkewOnce,
    /// Each transaction reads what was there at one moment, appends at a later one, and fails if somebody else appended to
    /// one of its lists between them.
    Snapshots,
}

/// What clients do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients {
    /// How many call at once.
    pub(crate) concurrency: u32,
    /// How many transactions they send in all.
    pub(crate) transactions: u32,
    /// How many lists are in use at a time.
    pub(crate) lists: usize,
    /// How often is appended to a list before another one takes its place.
    pub(crate) appends: i64,
    /// Of 1,000 transactions, how many end unknown: half of them happen.
    pub(crate) unknown: u32,
    /// What they call.
    pub(crate) store: Store,
}

impl Clients {
    /// Ten clients of a perfect store.
    pub(crate) const fn ten(transactions: u32) -> Self {
        Self {
            concurrency: 10,
            transactions,
            lists: 20,
            appends: 100,
            unknown: 0,
            store: Store::Strict,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Look,
    Commit,
    Return,
    Invoke,
}

/// A step: which list, and what is appended to it.
type Step = (usize, Option<i64>);

struct Running {
    steps: Vec<Step>,
    /// For each step, how long its list was when the transaction looked.
    lengths: Vec<usize>,
    /// It sees nothing but empty lists.
    is_blind: bool,
    happens: bool,
    unknown: bool,
    failed: bool,
}

struct World {
    /// What is in each list, as values.
    lists: Vec<Vec<Value>>,
    /// Lists in use, and how many elements were drawn for each.
    live: Vec<(usize, i64)>,
    /// The flaw of a store that has one once is still to come.
    is_due: bool,
    /// How many transactions were sent.
    sent: u32,
    /// The two lists of the flaw.
    skewed: [usize; 2],
}

/// The events of clients of a store, one after the other.
pub(crate) fn transactions(clients: &Clients, rng: &mut impl Rng, mut emit: impl FnMut(Event)) {
    const LONGEST: u64 = 500;
    let mut world = World {
        lists: vec![Vec::new(); clients.lists + 2],
        live: (0..clients.lists).map(|list| (list, 0)).collect(),
        is_due: true,
        sent: 0,
        skewed: [clients.lists, clients.lists + 1],
    };
    let mut process: Vec<u32> = (0..clients.concurrency).collect();
    let mut running: Vec<Option<Running>> = (0..clients.concurrency).map(|_| None).collect();
    let mut agenda: BinaryHeap<Reverse<(u64, What, usize)>> = BinaryHeap::new();
    for worker in 0..running.len() {
        agenda.push(Reverse((rng.random_range(1..50), What::Invoke, worker)));
    }
    while let Some(Reverse((now, what, worker))) = agenda.pop() {
        let mut event = |kind, steps: Vec<Value>| {
            let process = Process::client(process[worker]);
            emit(Event::new(Time::from_nanos(now), process, kind, F::Txn).value(steps));
        };
        match what {
            What::Invoke if world.sent == clients.transactions => {}
            What::Invoke => {
                let transaction = world.draw(clients, rng);
                event(Kind::Invoke, world.told(&transaction, false));
                let end = now + rng.random_range(3..LONGEST);
                let commit = rng.random_range(now + 1..end);
                if clients.store == Store::Snapshots {
                    let look = rng.random_range(now + 1..=commit);
                    agenda.push(Reverse((look, What::Look, worker)));
                }
                agenda.push(Reverse((commit, What::Commit, worker)));
                agenda.push(Reverse((end, What::Return, worker)));
                running[worker] = Some(transaction);
            }
            What::Look => {
                let transaction = running[worker].as_mut().expect("it was sent");
                world.look(transaction, clients, rng);
            }
            What::Commit => {
                let transaction = running[worker].as_mut().expect("it was sent");
                if clients.store != Store::Snapshots {
                    world.look(transaction, clients, rng);
                }
                world.commit(transaction, clients.store == Store::Snapshots);
            }
            What::Return => {
                let transaction = running[worker].take().expect("it was sent");
                if transaction.unknown {
                    event(Kind::Info, world.told(&transaction, false));
                    process[worker] += clients.concurrency;
                } else if transaction.failed {
                    event(Kind::Fail, world.told(&transaction, false));
                } else {
                    event(Kind::Ok, world.told(&transaction, true));
                }
                let begin = now + rng.random_range(1..50);
                agenda.push(Reverse((begin, What::Invoke, worker)));
            }
        }
    }
}

impl World {
    fn draw(&mut self, clients: &Clients, rng: &mut impl Rng) -> Running {
        self.sent += 1;
        let [one, other] = self.skewed;
        let behind = self.sent.wrapping_sub(clients.transactions / 2);
        let (steps, is_blind) = match behind {
            0 if clients.store == Store::SkewOnce => (vec![(one, None), (other, Some(1))], true),
            1 if clients.store == Store::SkewOnce => (vec![(other, None), (one, Some(1))], true),
            50 if clients.store == Store::SkewOnce => (vec![(one, None), (other, None)], false),
            _ => (self.steps(clients, rng), false),
        };
        let unknown = steps[0].0 != one && steps[0].0 != other;
        let unknown = unknown && rng.random_range(0..1_000) < clients.unknown;
        Running {
            steps,
            lengths: Vec::new(),
            is_blind,
            happens: !unknown || rng.random_bool(0.5),
            unknown,
            failed: false,
        }
    }

    fn steps(&mut self, clients: &Clients, rng: &mut impl Rng) -> Vec<Step> {
        let count = rng.random_range(1..5);
        let step = |_| {
            let place = rng.random_range(0..self.live.len());
            let (list, drawn) = &mut self.live[place];
            if rng.random_bool(0.5) {
                return (*list, None);
            }
            *drawn += 1;
            let step = (*list, Some(*drawn));
            if *drawn == clients.appends {
                (*list, *drawn) = (self.lists.len(), 0);
                self.lists.push(Vec::new());
            }
            step
        };
        (0..count).map(step).collect()
    }

    fn look(&mut self, transaction: &mut Running, clients: &Clients, rng: &mut impl Rng) {
        let length = |&(list, _): &Step| {
            if transaction.is_blind {
                0
            } else {
                self.lists[list].len()
            }
        };
        transaction.lengths = transaction.steps.iter().map(length).collect();
        let missed = match clients.store {
            Store::Stale(share) => usize::from(rng.random_range(0..1_000) < share),
            Store::StaleOnce if self.is_due && self.sent > clients.transactions / 2 => 15,
            _ => 0,
        };
        if missed == 0 || transaction.unknown {
            return;
        }
        let own = |list: usize| {
            let mut steps = transaction.steps.iter();
            steps.any(|&(other, appended)| other == list && appended.is_some())
        };
        let read = (transaction.steps.iter())
            .position(|&(list, appended)| appended.is_none() && !own(list))
            .filter(|&place| transaction.lengths[place] >= missed);
        if let Some(place) = read {
            let list = transaction.steps[place].0;
            for (step, length) in transaction.steps.iter().zip(&mut transaction.lengths) {
                *length -= if step.0 == list { missed } else { 0 };
            }
            self.is_due = false;
        }
    }

    fn commit(&mut self, transaction: &mut Running, checks: bool) {
        let appended = |&(_, appended): &Step| appended.is_some();
        let mut steps = transaction.steps.iter().zip(&transaction.lengths);
        let lost =
            steps.any(|(step, &length)| appended(step) && self.lists[step.0].len() != length);
        transaction.failed = checks && lost;
        if transaction.failed || !transaction.happens {
            return;
        }
        for &(list, element) in &transaction.steps {
            self.lists[list].extend(element.map(Value::from));
        }
    }

    /// A transaction's steps as it was asked for, or as it was answered.
    fn told(&self, transaction: &Running, answered: bool) -> Vec<Value> {
        let mut own: Vec<Step> = Vec::new();
        let mut told = Vec::with_capacity(transaction.steps.len());
        for (place, &(list, element)) in transaction.steps.iter().enumerate() {
            let key = Value::from(list as i64);
            told.push(match element {
                Some(element) => {
                    own.push((list, Some(element)));
                    Value::list(["append".into(), key, Value::from(element)])
                }
                None if answered => {
                    let seen = self.lists[list][..transaction.lengths[place]]
                        .iter()
                        .cloned();
                    let mine = own.iter().filter(|(other, _)| *other == list);
                    let mine = mine.filter_map(|(_, element)| element.map(Value::from));
                    Value::list(["r".into(), key, Value::list(seen.chain(mine))])
                }
                None => Value::list(["r".into(), key, Value::Nil]),
            });
        }
        told
    }
}
