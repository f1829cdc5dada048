//! Random histories of objects of every kind with a known truth, for tests and benches: what clients of a perfect object
//! would have seen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use rand::{Rng, RngExt};
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

/// An operation with its result.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) process: u32,
    pub(crate) f: F,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) kind: Kind,
    pub(crate) invoked: u64,
    pub(crate) completed: u64,
}

/// What clients do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients {
    /// How many call at once.
    pub(crate) concurrency: u32,
    /// How many operations they call in all.
    pub(crate) operations: usize,
    /// Of 100 operations, how many end unknown: half of them happen, at any later time.
    pub(crate) unknown: u32,
    /// How long an operation takes at most, in nanoseconds; at least 2.
    pub(crate) longest: u64,
    /// Of 100 operations that could be reads of the whole, how many are.
    pub(crate) reads: u32,
}

/// A perfect object.
#[derive(Debug)]
pub(crate) enum Perfect {
    Queue(VecDeque<Value>),
    Bag(Vec<Value>),
    Stack(Vec<Value>),
    PriorityQueue(BinaryHeap<i64>),
    /// A set of which elements are removed.
    Set(BTreeSet<i64>),
    /// A set that only grows, and is read as a whole.
    GrowingSet(BTreeSet<i64>),
    Log(Vec<Value>),
    Text(String),
    Counter(i64),
    Mutex(bool),
    FencedLock(bool, i64),
    Ids(i64),
    Map(BTreeMap<i64, Value>),
    MultiRegister(BTreeMap<i64, Value>),
}

impl Perfect {
    /// An empty one of this kind.
    pub(crate) fn of(model: &str) -> Self {
        match model {
            "queue" => Self::Queue(VecDeque::new()),
            "unordered-queue" => Self::Bag(Vec::new()),
            "stack" => Self::Stack(Vec::new()),
            "priority-queue" => Self::PriorityQueue(BinaryHeap::new()),
            "set" => Self::Set(BTreeSet::new()),
            "growing-set" => Self::GrowingSet(BTreeSet::new()),
            "append-log" => Self::Log(Vec::new()),
            "text" => Self::Text(String::new()),
            "counter" => Self::Counter(0),
            "mutex" => Self::Mutex(false),
            "fenced-lock" => Self::FencedLock(false, 0),
            "unique-ids" => Self::Ids(0),
            "map" => Self::Map(BTreeMap::new()),
            "multi-register" => Self::MultiRegister(BTreeMap::new()),
            other => panic!("no such model: {other}"),
        }
    }

    /// What to call next. `fresh` is a number that was not used before; `held`: this client holds the lock.
    fn draw(&self, fresh: i64, held: bool, reads: u32, rng: &mut impl Rng) -> (F, Value) {
        let half = rng.random_bool(0.5);
        let new = Value::from(fresh);
        let (put, take) = match self {
            Self::Queue(_) | Self::Bag(_) => ((F::Enqueue, new), (F::Dequeue, Value::Nil)),
            Self::PriorityQueue(_) => {
                // Any order, each number once.
                let number =
                    fresh.wrapping_mul(7_919) % 1_000_003 + (fresh / 1_000_003) * 1_000_003;
                ((F::Enqueue, Value::from(number)), (F::Dequeue, Value::Nil))
            }
            Self::Stack(_) => ((F::Push, new), (F::Pop, Value::Nil)),
            Self::Set(_) => {
                let element = Value::from(rng.random_range(0..=fresh / 8));
                match rng.random_range(0..5) {
                    0 | 1 => return (F::Add, element),
                    2 => return (F::Remove, element),
                    _ => return (F::from("contains"), element),
                }
            }
            Self::GrowingSet(_) if rng.random_range(0..100) < reads => {
                return (F::Read, Value::Nil);
            }
            Self::GrowingSet(_) => return (F::Add, new),
            Self::Log(_) if rng.random_range(0..100) < reads => return (F::Read, Value::Nil),
            Self::Log(_) => return (F::Append, new),
            Self::Text(_) if rng.random_range(0..100) < reads => {
                return (F::from("get"), Value::Nil);
            }
            Self::Text(_) => {
                let is_put = rng.random_range(0..8) == 0;
                let f = if is_put { F::from("put") } else { F::Append };
                return (f, Value::from(format!("{fresh}.")));
            }
            Self::Counter(_) => ((F::Add, Value::from(1)), (F::Read, Value::Nil)),
            Self::Mutex(_) | Self::FencedLock(..) => {
                let f = if held { F::Release } else { F::Acquire };
                return (f, Value::Nil);
            }
            Self::Ids(_) => return (F::Generate, Value::Nil),
            Self::Map(_) => {
                let key = Value::from(rng.random_range(0..4));
                match rng.random_range(0..6) {
                    0..3 => return (F::from("put"), Value::list([key, new])),
                    3 => return (F::Remove, key),
                    _ => return (F::from("get"), key),
                }
            }
            Self::MultiRegister(_) => {
                let micro = |key: i64, write: bool| {
                    let value = if write {
                        Value::from(fresh)
                    } else {
                        Value::Nil
                    };
                    let name = if write { "w" } else { "r" };
                    Value::list([Value::from(name), Value::from(key), value])
                };
                let micros: Vec<Value> =
                    (0..2).map(|key| micro(key, rng.random_bool(0.5))).collect();
                return (F::Txn, Value::list(micros));
            }
        };
        if half { put } else { take }
    }

    /// Does it; the result, `None` when it is refused.
    fn apply(&mut self, f: &F, input: &Value, rng: &mut impl Rng) -> Option<Value> {
        let done = Some(input.clone());
        match self {
            Self::Queue(items) if *f == F::Enqueue => items.push_back(input.clone()),
            Self::Queue(items) => return Some(items.pop_front().unwrap_or_default()),
            Self::Bag(items) if *f == F::Enqueue => items.push(input.clone()),
            Self::Bag(items) if items.is_empty() => return Some(Value::Nil),
            Self::Bag(items) => {
                let any = rng.random_range(0..items.len());
                return Some(items.swap_remove(any));
            }
            Self::Stack(items) if *f == F::Push => items.push(input.clone()),
            Self::Stack(items) => return Some(items.pop().unwrap_or_default()),
            Self::PriorityQueue(items) => match input.as_int() {
                Some(number) => items.push(number),
                None => return Some(items.pop().map_or(Value::Nil, Value::from)),
            },
            Self::Set(elements) | Self::GrowingSet(elements) => {
                let Some(element) = input.as_int() else {
                    return Some(Value::list(elements.iter().copied()));
                };
                match f {
                    F::Add => {
                        elements.insert(element);
                    }
                    F::Remove => {
                        elements.remove(&element);
                    }
                    _ => return Some(Value::from(elements.contains(&element))),
                }
            }
            Self::Log(items) if *f == F::Append => items.push(input.clone()),
            Self::Log(items) => return Some(Value::list(items.iter().cloned())),
            Self::Text(text) => match (f.name(), input.as_text()) {
                ("put", Some(new)) => new.clone_into(text),
                ("append", Some(more)) => text.push_str(more),
                _ => return Some(Value::from(&text[..])),
            },
            Self::Counter(sum) => match input.as_int() {
                Some(delta) => *sum += delta,
                None => return Some(Value::from(*sum)),
            },
            Self::Mutex(held) | Self::FencedLock(held, _) if *held == (*f == F::Acquire) => {
                return None;
            }
            Self::Mutex(held) => *held = !*held,
            Self::FencedLock(held, token) => {
                *held = !*held;
                if *held {
                    *token += 1;
                    return Some(Value::from(*token));
                }
            }
            Self::Ids(last) => {
                *last += 1;
                return Some(Value::from(*last));
            }
            Self::Map(map) => match (f.name(), input.as_pair()) {
                ("put", Some((key, value))) => {
                    map.insert(key.as_int().unwrap_or_default(), value.clone());
                }
                ("get", _) => {
                    let held = map.get(&input.as_int().unwrap_or_default());
                    return Some(held.cloned().unwrap_or_default());
                }
                _ => {
                    map.remove(&input.as_int().unwrap_or_default());
                }
            },
            Self::MultiRegister(map) => {
                let micros = input.as_list().unwrap_or_default().iter().map(|micro| {
                    let items = micro.as_list().unwrap_or_default();
                    let key = items[1].as_int().unwrap_or_default();
                    if items[0].as_text() == Some("w") {
                        map.insert(key, items[2].clone());
                        return micro.clone();
                    }
                    let held = map.get(&key).cloned().unwrap_or_default();
                    Value::list([items[0].clone(), items[1].clone(), held])
                });
                return Some(Value::list(micros.collect::<Vec<_>>()));
            }
        }
        done
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Effect,
    Return,
    Invoke,
}

/// What clients of a perfect object saw, in order of invocation.
pub(crate) fn observe(model: &str, clients: &Clients, rng: &mut impl Rng) -> Vec<Seen> {
    let mut object = Perfect::of(model);
    let mut all: Vec<Seen> = Vec::with_capacity(clients.operations);
    let mut results: Vec<Option<Value>> = Vec::with_capacity(clients.operations);
    let mut agenda: BinaryHeap<Reverse<(u64, What, u32, usize)>> = BinaryHeap::new();
    let mut process: Vec<u32> = (0..clients.concurrency).collect();
    let mut holds = vec![false; clients.concurrency as usize];
    for worker in 0..clients.concurrency {
        let begin = rng.random_range(1..=clients.longest);
        agenda.push(Reverse((begin, What::Invoke, worker, usize::MAX)));
    }
    while let Some(Reverse((now, what, worker, i))) = agenda.pop() {
        let place = worker as usize;
        match what {
            What::Invoke if all.len() == clients.operations => {}
            What::Invoke => {
                let fresh = all.len() as i64 + 1;
                let (f, input) = object.draw(fresh, holds[place], clients.reads, rng);
                // A client that does not know whether it holds the lock would not go on.
                let lock = matches!(f, F::Acquire | F::Release);
                let unknown = !lock && rng.random_range(0..100) < clients.unknown;
                let long = rng.random_range(2..=clients.longest);
                let i = all.len();
                if !unknown || rng.random_bool(0.5) {
                    let late = if unknown { clients.longest * 5 } else { long };
                    let effect = now + rng.random_range(0..=late);
                    agenda.push(Reverse((effect, What::Effect, worker, i)));
                }
                agenda.push(Reverse((now + long, What::Return, worker, i)));
                all.push(Seen {
                    process: process[place],
                    f,
                    output: input.clone(),
                    input,
                    kind: if unknown { Kind::Info } else { Kind::Ok },
                    invoked: now,
                    completed: now + long,
                });
                results.push(None);
            }
            What::Effect => {
                let (f, input) = (all[i].f.clone(), all[i].input.clone());
                results[i] = object.apply(&f, &input, rng);
            }
            What::Return => {
                let this = &mut all[i];
                match (&this.kind, results[i].take()) {
                    (Kind::Info, _) => process[place] += clients.concurrency,
                    (_, Some(output)) => {
                        this.output = output;
                        if matches!(this.f, F::Acquire | F::Release) {
                            holds[place] = this.f == F::Acquire;
                        }
                    }
                    (_, None) => this.kind = Kind::Fail,
                }
                let pause = rng.random_range(1..=clients.longest.div_ceil(4));
                agenda.push(Reverse((now + pause, What::Invoke, worker, usize::MAX)));
            }
        }
    }
    all
}

/// A history of what was seen on one object.
///
/// # Panics
/// When it is no history: a bug in this file, or of who changed it.
pub(crate) fn history(seen: &[Seen]) -> History {
    let mut events: Vec<(u64, u8, Event)> = Vec::with_capacity(seen.len() * 2);
    for op in seen {
        let event = |time, kind, value: &Value| {
            let who = Process::client(op.process);
            Event::new(Time::from_nanos(time), who, kind, op.f.clone())
                .key("o")
                .value(value.clone())
        };
        events.push((op.invoked, 0, event(op.invoked, Kind::Invoke, &op.input)));
        events.push((op.completed, 1, event(op.completed, op.kind, &op.output)));
    }
    events.sort_by_key(|&(time, order, _)| (time, order));
    let events = events.into_iter().map(|(.., event)| event);
    History::from_events(Header::default(), events)
        .unwrap_or_else(|(place, malformed)| panic!("event {place}: {malformed}"))
}
