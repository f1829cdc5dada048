//! What the judges hold after a long time: no more than after a short one.

use super::*;

/// A run that goes on and on, of which nothing is kept: the next event, by number of operation.
struct Endless<'a> {
    judge: &'a str,
    rng: Pcg64Mcg,
    online: Online,
    open: Vec<Option<Event>>,
    time: u64,
    /// What the object holds, in the words of each kind.
    lists: Vec<(i64, Vec<Value>)>,
    next: i64,
    accounts: [i64; 4],
    count: i64,
    set: (i64, Vec<Value>),
}

/// How many clients there are.
const CLIENTS: usize = 8;

impl<'a> Endless<'a> {
    fn new(judge: &'a str) -> Self {
        Self {
            judge,
            rng: Pcg64Mcg::seed_from_u64(8),
            online: Online::of([judge]),
            open: vec![None; CLIENTS],
            time: 0,
            lists: (0..10).map(|key| (key, Vec::new())).collect(),
            next: 10,
            accounts: [100; 4],
            count: 0,
            set: (0, Vec::new()),
        }
    }

    fn take(&mut self, mut event: Event) {
        self.time += 1;
        event.time = Time::from_micros(self.time);
        assert_eq!(self.online.push(&event), None, "{}", self.judge);
    }

    /// Goes on for some operations; what is held at most.
    fn run(&mut self, kind: &str, operations: usize) -> usize {
        let mut most = 0;
        for i in 0..operations {
            let client = i % CLIENTS;
            if let Some(end) = self.open[client].take() {
                self.take(end);
            }
            let (f, key, input, output) = self.draw(kind, client);
            let event = |kind, value| {
                let process = Process::client(client as u32);
                Event::new(Time::ZERO, process, kind, f.clone())
                    .key(key.clone())
                    .value(value)
            };
            self.take(event(Kind::Invoke, input));
            self.open[client] = Some(event(Kind::Ok, output));
            if i % 500 == 0 {
                most = most.max(self.online.remembered());
            }
        }
        most
    }

    fn draw(&mut self, kind: &str, client: usize) -> (F, Value, Value, Value) {
        let half = self.rng.random_bool(0.5);
        let place = self.rng.random_range(0..self.lists.len());
        self.count += 1;
        let fresh = Value::from(self.count);
        match kind {
            "register" => {
                let (_, held) = &mut self.lists[place];
                if half {
                    *held = vec![fresh.clone()];
                    return (F::Write, (place as i64).into(), fresh.clone(), fresh);
                }
                let found = held.last().cloned().unwrap_or_default();
                (F::Read, (place as i64).into(), Value::Nil, found)
            }
            "set" => {
                if self.set.1.len() == 50 {
                    self.set = (self.set.0 + 1, Vec::new());
                }
                if self.count % 100 == 0 {
                    // One that grows for ever, and is never read.
                    let element = Value::from(self.count / 100);
                    return (F::Add, "all".into(), element.clone(), element);
                }
                let (key, held) = &mut self.set;
                let key = Value::from(*key);
                if half {
                    return (F::Read, key, Value::Nil, Value::list(held.clone()));
                }
                held.push(fresh.clone());
                (F::Add, key, fresh.clone(), fresh)
            }
            "lists" => {
                let (key, list) = &mut self.lists[place];
                let key_value = Value::from(*key);
                let step = |name: &str, value: Value| {
                    Value::list([Value::list([Value::from(name), key_value.clone(), value])])
                };
                if half {
                    list.push(fresh.clone());
                    let append = step("append", fresh);
                    if list.len() == 20 {
                        self.lists[place] = (self.next, Vec::new());
                        self.next += 1;
                    }
                    return (F::Txn, Value::Nil, append.clone(), append);
                }
                let read = step("r", Value::list(list.iter().cloned()));
                (F::Txn, Value::Nil, step("r", Value::Nil), read)
            }
            "bank" => {
                let (from, to) = (place % 4, (place + 1) % 4);
                self.accounts[from] -= 1;
                self.accounts[to] += 1;
                if self.accounts[from] < 0 {
                    self.accounts = [100; 4];
                }
                let names = ["a", "b", "c", "d"];
                let held = Value::map(names.iter().zip(self.accounts));
                (F::Read, Value::Nil, Value::Nil, held)
            }
            "counter" => (F::Add, Value::Nil, 1.into(), 1.into()),
            "sequence" => (F::Generate, Value::Nil, Value::Nil, fresh),
            "of-processes" => {
                let id = format!("{client}-{}", self.count / CLIENTS as i64 + 1);
                (F::Generate, Value::Nil, Value::Nil, Value::from(id))
            }
            _ => {
                let id = format!("{:x}z", self.rng.random_range(0..u64::MAX));
                (F::Generate, Value::Nil, Value::Nil, Value::from(id))
            }
        }
    }
}

#[test]
fn four_times_as_many_operations_take_no_more_memory() {
    // A million and four million; fewer where nothing is optimised.
    let million = if cfg!(debug_assertions) {
        40_000
    } else {
        1_000_000
    };
    for (judge, kind, bound) in [
        ("linearizable", "register", 200),
        ("monotonic-reads", "register", 50_000),
        ("read-your-writes", "register", 50_000),
        ("linearizable", "set", 110_000),
        ("lost-updates", "set", 110_000),
        ("set-full", "set", 110_000),
        ("list-order", "lists", 150_000),
        ("list-append", "lists", 400_000),
        ("bank", "bank", 100),
        ("counter", "counter", 100),
        ("unique-ids", "sequence", 100),
        ("unique-ids", "of-processes", 100),
        ("unique-ids", "random", 101_000),
    ] {
        let mut run = Endless::new(judge);
        let most = run.run(kind, million);
        let later = run.run(kind, 3 * million);
        assert!(
            later <= most.max(bound) && later <= bound,
            "{judge} of {kind}: {most}, and then {later}"
        );
    }
}
