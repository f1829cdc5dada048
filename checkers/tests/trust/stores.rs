//! Stores of registers that keep a level by construction, and what clients of them see.

use rand::{Rng, RngExt};
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

/// What a store promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// Transactions take effect at one moment while they run: strict serializability.
    Serial,
    /// Transactions read the newest snapshot when they begin, and write when they end unless somebody else wrote the
    /// same keys meanwhile: strong snapshot isolation.
    Snapshot,
    /// Each session has its own replica; what a transaction wrote arrives everywhere at once, after its causes, and the
    /// newest writer of a key wins: causal convergence.
    Causal,
    /// Each read sees the newest committed value: monotonic atomic view.
    Committed,
}

/// What clients do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients {
    /// How many call at once; each is a session.
    pub(crate) sessions: u32,
    /// How many transactions they send in all.
    pub(crate) transactions: usize,
    /// How many keys there are, used equally.
    pub(crate) keys: u32,
    /// Reads and writes of each transaction.
    pub(crate) steps: u32,
    /// Of 100 transactions, how many only read.
    pub(crate) read_only: u32,
    /// Of 100 steps of the others, how many read.
    pub(crate) reads: u32,
}

/// One step: whether it writes, the key, and the value (0: nil).
pub(crate) type Step = (bool, u32, i64);

/// A transaction as a client saw it.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    /// Who.
    pub(crate) session: u32,
    /// When it was sent, in nanoseconds.
    pub(crate) invoked: u64,
    /// When it returned.
    pub(crate) completed: u64,
    /// How it ended.
    pub(crate) outcome: Kind,
    /// What it did.
    pub(crate) steps: Vec<Step>,
}

struct Session {
    running: Transaction,
    /// The moment at which each step happens.
    at: u64,
    next: usize,
    began: usize,
}

/// What clients of a store see.
pub(crate) fn run(store: Store, clients: &Clients, rng: &mut impl Rng) -> Vec<Transaction> {
    if store == Store::Causal {
        return causal(clients, rng);
    }
    let mut done = Vec::with_capacity(clients.transactions);
    // The value of each key, and the commit that wrote it.
    let mut held: Vec<Vec<(i64, usize)>> = vec![vec![(0, 0)]; clients.keys as usize];
    let mut commits = 0;
    let mut value = 0;
    let mut sent = 0;
    let mut sessions: Vec<Session> = (0..clients.sessions)
        .map(|session| Session {
            running: draw(
                clients,
                session,
                rng.random_range(1..1_000),
                &mut value,
                rng,
            ),
            at: 0,
            next: 0,
            began: 0,
        })
        .collect();
    for session in &mut sessions {
        session.at = session.running.invoked + rng.random_range(1..1_000);
        sent += 1;
    }
    while !sessions.is_empty() {
        let place = (0..sessions.len())
            .min_by_key(|&place| sessions[place].at)
            .expect("there is a session");
        let session = &mut sessions[place];
        let count = session.running.steps.len();
        if session.next == 0 {
            session.began = commits;
        }
        let newest = |held: &[(i64, usize)], limit: usize| {
            let version = held.iter().rev().find(|version| version.1 <= limit);
            version.map_or(0, |version| version.0)
        };
        match store {
            Store::Serial => {
                commits += 1;
                for (writes, key, value) in &mut session.running.steps {
                    let held = &mut held[*key as usize];
                    if *writes {
                        held.clear();
                        held.push((*value, commits));
                    } else {
                        *value = held[held.len() - 1].0;
                    }
                }
                session.next = count;
            }
            Store::Snapshot | Store::Committed => {
                if session.next < count {
                    let (writes, key, _) = session.running.steps[session.next];
                    if !writes {
                        let limit = if store == Store::Snapshot {
                            session.began
                        } else {
                            usize::MAX
                        };
                        let mut seen = newest(&held[key as usize], limit);
                        for &(writes, other, value) in &session.running.steps[..session.next] {
                            if writes && other == key {
                                seen = value;
                            }
                        }
                        session.running.steps[session.next].2 = seen;
                    }
                    session.next += 1;
                    session.at += rng.random_range(1..500);
                    continue;
                }
                let conflict = store == Store::Snapshot
                    && session.running.steps.iter().any(|&(writes, key, _)| {
                        let held = &held[key as usize];
                        writes && held[held.len() - 1].1 > session.began
                    });
                if conflict {
                    session.running.outcome = Kind::Fail;
                } else {
                    commits += 1;
                    for &(writes, key, value) in &session.running.steps {
                        if writes {
                            held[key as usize].push((value, commits));
                        }
                    }
                }
            }
            Store::Causal => {}
        }
        let end = session.at + rng.random_range(1..1_000);
        session.running.completed = end;
        let id = session.running.session;
        if sent < clients.transactions {
            sent += 1;
            let begin = end + rng.random_range(1..100);
            let next = draw(clients, id, begin, &mut value, rng);
            done.push(std::mem::replace(&mut session.running, next));
            session.at = begin + rng.random_range(1..1_000);
            session.next = 0;
        } else {
            done.push(sessions.swap_remove(place).running);
        }
    }
    done
}

/// What a replica sends to the others: what a transaction did, its rank, and what had arrived before.
type Sent = (Vec<Step>, (u64, u32), Vec<usize>);

/// Sessions with replicas of their own.
fn causal(clients: &Clients, rng: &mut impl Rng) -> Vec<Transaction> {
    let count = clients.sessions as usize;
    let mut done: Vec<Transaction> = Vec::with_capacity(clients.transactions);
    // Of each replica: the value of each key with the rank of its writer, and how much of each session has arrived.
    let mut held = vec![vec![(0_i64, (0_u64, 0_u32)); clients.keys as usize]; count];
    let mut arrived = vec![vec![0_usize; count]; count];
    let mut lamport = vec![0_u64; count];
    // Of each session: what it committed, with its rank and what had arrived before.
    let mut log: Vec<Vec<Sent>> = vec![Vec::new(); count];
    let mut value = 0;
    for i in 0..clients.transactions {
        let now = (i as u64 + 1) * 1_000;
        let me = rng.random_range(0..count);
        // Some of what others did arrives.
        for _ in 0..rng.random_range(0..4) {
            let from = rng.random_range(0..count);
            if from == me {
                continue;
            }
            let next = arrived[me][from];
            let Some((steps, rank, causes)) = log[from].get(next) else {
                continue;
            };
            if (0..count).all(|other| causes[other] <= arrived[me][other]) {
                for &(writes, key, value) in steps {
                    let held = &mut held[me][key as usize];
                    if writes && *rank >= held.1 {
                        *held = (value, *rank);
                    }
                }
                arrived[me][from] += 1;
                lamport[me] = lamport[me].max(rank.0);
            }
        }
        let mut transaction = draw(clients, me as u32, now, &mut value, rng);
        transaction.completed = now + 500;
        let mut own: Vec<(u32, i64)> = Vec::new();
        for (writes, key, value) in &mut transaction.steps {
            if *writes {
                own.push((*key, *value));
            } else {
                let written = own.iter().rev().find(|(written, _)| written == key);
                *value = written.map_or(held[me][*key as usize].0, |&(_, value)| value);
            }
        }
        lamport[me] += 1;
        let rank = (lamport[me], me as u32);
        for (key, value) in own {
            held[me][key as usize] = (value, rank);
        }
        let causes = arrived[me].clone();
        log[me].push((transaction.steps.clone(), rank, causes));
        arrived[me][me] += 1;
        done.push(transaction);
    }
    done
}

fn draw(
    clients: &Clients,
    session: u32,
    invoked: u64,
    next_value: &mut i64,
    rng: &mut impl Rng,
) -> Transaction {
    let read_only = rng.random_ratio(clients.read_only, 100);
    let mut steps: Vec<Step> = Vec::new();
    for _ in 0..clients.steps {
        let key = rng.random_range(0..clients.keys);
        let reads = read_only || rng.random_ratio(clients.reads, 100);
        if steps
            .iter()
            .any(|&(writes, other, _)| writes != reads && other == key)
        {
            continue;
        }
        if reads {
            steps.push((false, key, 0));
        } else {
            *next_value += 1;
            steps.push((true, key, *next_value));
        }
    }
    Transaction {
        session,
        invoked,
        completed: invoked + 1,
        outcome: Kind::Ok,
        steps,
    }
}

/// The history of some transactions.
pub(crate) fn history(transactions: &[Transaction]) -> History {
    let value = |steps: &[Step], told: bool| {
        Value::list(steps.iter().map(|&(writes, key, value)| {
            let value = match (writes, told, value) {
                (false, false, _) | (_, _, 0) => Value::Nil,
                _ => Value::from(value),
            };
            Value::list([
                Value::from(if writes { "w" } else { "r" }),
                Value::from(key),
                value,
            ])
        }))
    };
    let mut events: Vec<(u64, u8, Event)> = Vec::with_capacity(transactions.len() * 2);
    for transaction in transactions {
        let process = Process::client(transaction.session);
        let event =
            |at, kind, value| Event::new(Time::from_nanos(at), process, kind, F::Txn).value(value);
        let asked = value(&transaction.steps, false);
        let told = if transaction.outcome == Kind::Ok {
            value(&transaction.steps, true)
        } else {
            asked.clone()
        };
        let (invoked, completed) = (transaction.invoked, transaction.completed);
        events.push((invoked, 1, event(invoked, Kind::Invoke, asked)));
        events.push((completed, 0, event(completed, transaction.outcome, told)));
    }
    events.sort_by_key(|&(at, order, _)| (at, order));
    let events = events.into_iter().map(|(_, _, event)| event);
    History::from_events(Header::default(), events).expect("sessions are sequential")
}
