//! A small controller for tests: clients in closed loops, faults at random, everything they saw written down.

use std::fmt::Write;
use std::time::Duration;

use schism_history::{Time, Value};
use schism_simulator::{
    AlarmId, CallId, ClientId, Config, CutMode, Happening, Link, NodeId, Place, Random, Reply,
    Request, STORES, Simulation,
};

/// What a client saw of one call.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) client: ClientId,
    pub(crate) request: Request,
    pub(crate) invoked: Time,
    pub(crate) completed: Time,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok(Reply),
    /// It surely did not happen.
    Fail,
    /// Nobody knows.
    Info,
}

/// What to run.
pub(crate) struct Scenario {
    pub(crate) config: Config,
    pub(crate) operations: u32,
    pub(crate) clients: u32,
    /// The longest time that a client rests between two calls.
    pub(crate) rest: Duration,
    /// Draws the next request from the number of the operation, which is unique, and chance.
    pub(crate) ask: fn(u32, &mut Random) -> Request,
    pub(crate) faults: Faults,
}

/// Which faults there are.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) cuts: bool,
    pub(crate) crashes: bool,
    pub(crate) pauses: bool,
}

impl Faults {
    pub(crate) const ALL: Self = Self {
        cuts: true,
        crashes: true,
        pauses: true,
    };
    pub(crate) const NONE: Self = Self {
        cuts: false,
        crashes: false,
        pauses: false,
    };
}

/// What came of it.
pub(crate) struct Run {
    pub(crate) operations: Vec<Operation>,
    /// Every event that clients saw and every fault, a line each.
    pub(crate) log: String,
    /// What each node held at the end, after everything was healed.
    pub(crate) contents: Vec<Vec<(Value, Value)>>,
}

const TIMEOUT: Duration = Duration::from_millis(150);

/// Reads and writes of unique values. Every key is asked for about 40 times and then left alone, so that a judge has
/// little to do per key.
pub(crate) fn registers(number: u32, random: &mut Random) -> Request {
    let key = key(number);
    if random.below(2) == 0 {
        Request::Read { key }
    } else {
        Request::Write {
            key,
            value: Value::from(number),
        }
    }
}

/// Like [`registers`], with compare-and-set between recent values.
pub(crate) fn cas_registers(number: u32, random: &mut Random) -> Request {
    if random.below(3) > 0 {
        return registers(number, random);
    }
    Request::Cas {
        key: key(number),
        old: Value::from(number.saturating_sub(random.below(30) as u32 * 3)),
        new: Value::from(number),
    }
}

/// Adds of unique elements and reads of all.
pub(crate) fn sets(number: u32, random: &mut Random) -> Request {
    let key = key(number);
    if random.below(3) == 0 {
        Request::Elements { key }
    } else {
        Request::Add {
            key,
            element: Value::from(number),
        }
    }
}

fn key(number: u32) -> Value {
    Value::from(number % 3 + number / 120 * 3)
}

struct Client {
    id: ClientId,
    state: State,
    /// Its timeout, or the end of its pause between two calls.
    alarm: AlarmId,
}

enum State {
    Thinking,
    Waiting { call: CallId, operation: usize },
    Done,
}

struct Driver<'s> {
    scenario: &'s Scenario,
    cluster: Box<dyn Simulation>,
    random: Random,
    clients: Vec<Client>,
    operations: Vec<Operation>,
    log: String,
    fault: u32,
}

/// Runs a scenario: the operations under faults, then everything healed, then, for a store that is up, one read of
/// every key on every node by a fresh client.
pub(crate) fn run(scenario: &Scenario, seed: u64) -> Run {
    let mut cluster = scenario.config.open(seed).unwrap();
    let clients = (0..scenario.clients)
        .map(|number| Client {
            id: ClientId(number),
            state: State::Thinking,
            alarm: cluster.alarm(Time::from_millis(u64::from(number))),
        })
        .collect();
    let mut driver = Driver {
        scenario,
        cluster,
        random: Random::new(seed, 1_000),
        clients,
        operations: Vec::new(),
        log: String::new(),
        fault: 0,
    };
    driver.main();
    driver.finish()
}

impl Driver<'_> {
    fn main(&mut self) {
        let mut strike = self.cluster.alarm(Time::from_millis(50));
        let mut heal: Option<AlarmId> = None;
        while self.clients.iter().any(|c| !matches!(c.state, State::Done)) {
            match self.cluster.next().expect("clients set alarms") {
                Happening::Reply { call, reply } => self.replied(call, reply),
                Happening::Alarm { id } if id == strike => {
                    self.strike();
                    let until = self.cluster.now() + self.draw(40, 260);
                    heal = Some(self.cluster.alarm(until));
                }
                Happening::Alarm { id } if Some(id) == heal => {
                    self.heal();
                    let next = self.cluster.now() + self.draw(10, 120);
                    strike = self.cluster.alarm(next);
                }
                Happening::Alarm { id } => self.rang(id),
            }
        }
        self.cluster.cancel(strike);
        if let Some(heal) = heal {
            self.cluster.cancel(heal);
        }
    }

    fn finish(mut self) -> Run {
        self.heal();
        self.rest(Duration::from_secs(5));
        let mut keys: Vec<Value> = self
            .operations
            .iter()
            .map(|operation| operation.request.key().clone())
            .collect();
        keys.sort();
        keys.dedup();
        let sets = matches!(
            self.operations[0].request,
            Request::Add { .. } | Request::Elements { .. }
        );
        for (number, key) in keys.into_iter().enumerate() {
            for index in 0..self.cluster.nodes().len() {
                let request = if sets {
                    Request::Elements { key: key.clone() }
                } else {
                    Request::Read { key: key.clone() }
                };
                let invoked = self.cluster.now();
                let client = ClientId(u32::MAX - number as u32);
                let call = self
                    .cluster
                    .submit(client, NodeId::new(index), request.clone());
                let timeout = self.cluster.alarm(invoked + Duration::from_secs(1));
                let outcome = match self.cluster.next() {
                    Some(Happening::Reply { reply, .. }) => outcome(reply),
                    _ => Outcome::Fail,
                };
                self.cluster.cancel(timeout);
                self.cluster.abandon(call);
                self.operations.push(Operation {
                    client,
                    request,
                    invoked,
                    completed: self.cluster.now(),
                    outcome,
                });
                self.note_last("final");
            }
        }
        let contents = (0..self.cluster.nodes().len())
            .map(|index| self.cluster.contents(NodeId::new(index)).unwrap())
            .collect();
        Run {
            operations: self.operations,
            log: self.log,
            contents,
        }
    }

    /// Lets time pass with nobody calling.
    fn rest(&mut self, time: Duration) {
        let alarm = self.cluster.alarm(self.cluster.now() + time);
        while self.cluster.next() != Some(Happening::Alarm { id: alarm }) {}
    }

    fn draw(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + self.random.below(to_ms - from_ms))
    }

    fn rang(&mut self, id: AlarmId) {
        let index = self.clients.iter().position(|c| c.alarm == id).unwrap();
        match self.clients[index].state {
            State::Thinking => self.invoke(index),
            State::Waiting { call, operation } => {
                self.cluster.abandon(call);
                let outcome = if self.operations[operation].request.is_read() {
                    Outcome::Fail
                } else {
                    Outcome::Info
                };
                self.complete(index, operation, outcome);
            }
            State::Done => unreachable!("a client that is done sets no alarm"),
        }
    }

    fn replied(&mut self, call: CallId, reply: Reply) {
        let (index, operation) = self
            .clients
            .iter()
            .enumerate()
            .find_map(|(index, client)| match client.state {
                State::Waiting {
                    call: own,
                    operation,
                } if own == call => Some((index, operation)),
                _ => None,
            })
            .expect("only calls that are waited for are answered");
        self.cluster.cancel(self.clients[index].alarm);
        self.complete(index, operation, outcome(reply));
    }

    fn complete(&mut self, index: usize, operation: usize, outcome: Outcome) {
        if outcome == Outcome::Info {
            // Its operation stays open for ever, so it goes on as somebody else.
            self.clients[index].id.0 += self.scenario.clients;
        }
        let now = self.cluster.now();
        self.operations[operation].completed = now;
        self.operations[operation].outcome = outcome;
        let pause = self.random.up_to(self.scenario.rest);
        let client = &mut self.clients[index];
        client.state = State::Thinking;
        client.alarm = self.cluster.alarm(now + pause);
        let done = &self.operations[operation];
        writeln!(
            self.log,
            "{} {:?} {:?}",
            now.as_nanos(),
            done.request,
            done.outcome
        )
        .unwrap();
    }

    fn invoke(&mut self, index: usize) {
        if self.operations.len() == self.scenario.operations as usize {
            self.clients[index].state = State::Done;
            return;
        }
        let operation = self.operations.len();
        let request = (self.scenario.ask)(operation as u32, &mut self.random);
        let now = self.cluster.now();
        // Clients stay with their node.
        let node = NodeId::new(index % self.cluster.nodes().len());
        let client = &mut self.clients[index];
        let call = self.cluster.submit(client.id, node, request.clone());
        client.state = State::Waiting { call, operation };
        client.alarm = self.cluster.alarm(now + TIMEOUT);
        writeln!(self.log, "{} {node} {request:?}", now.as_nanos()).unwrap();
        self.operations.push(Operation {
            client: client.id,
            request,
            invoked: now,
            completed: Time::NEVER,
            outcome: Outcome::Info,
        });
    }

    fn strike(&mut self) {
        let Faults {
            cuts,
            crashes,
            pauses,
        } = self.scenario.faults;
        let nodes = self.cluster.nodes().len() as u64;
        let victim = NodeId::new(self.random.below(nodes) as usize);
        self.fault += 1;
        match self.random.below(6) {
            0 | 1 if cuts => {
                let side: Vec<bool> = (0..nodes).map(|_| self.random.below(2) == 0).collect();
                self.cut("halves", |from, to| side[from] != side[to]);
            }
            2 if cuts => self.cut("alone", |from, to| {
                (from == victim.index()) != (to == victim.index())
            }),
            3 if cuts => self.cut("deaf", |_, to| to == victim.index()),
            4 if crashes => {
                writeln!(self.log, "crash {victim}").unwrap();
                self.cluster.crash(victim);
            }
            5 if pauses => {
                writeln!(self.log, "pause {victim}").unwrap();
                self.cluster.pause(victim);
            }
            _ => {}
        }
    }

    fn cut(&mut self, name: &str, cuts: impl Fn(usize, usize) -> bool) {
        let links: Vec<Link> = self
            .cluster
            .links()
            .into_iter()
            .filter(|link| match (link.from, link.to) {
                (Place::Node(from), Place::Node(to)) => cuts(from.index(), to.index()),
                _ => false,
            })
            .collect();
        let mode = if self.random.below(4) == 0 {
            CutMode::Reject
        } else {
            CutMode::Drop
        };
        writeln!(self.log, "{name} {mode:?} {links:?}").unwrap();
        self.cluster.cut(self.fault, &links, mode);
    }

    fn heal(&mut self) {
        self.cluster.join(self.fault);
        for index in 0..self.cluster.nodes().len() {
            self.cluster.start(NodeId::new(index));
            self.cluster.resume(NodeId::new(index));
        }
        self.log.push_str("heal\n");
    }

    fn note_last(&mut self, what: &str) {
        let last = self.operations.last().unwrap();
        writeln!(
            self.log,
            "{} {what} {:?} {:?}",
            last.completed.as_nanos(),
            last.request,
            last.outcome
        )
        .unwrap();
    }
}

fn outcome(reply: Reply) -> Outcome {
    match reply {
        Reply::Refused(refusal) if refusal.certain => Outcome::Fail,
        Reply::Refused(_) => Outcome::Info,
        reply => Outcome::Ok(reply),
    }
}

/// A store with options that suit short runs.
pub(crate) fn config(store: &str) -> Config {
    assert!(STORES.iter().any(|listed| listed.name == store));
    let mut config = Config::new(store);
    let options: &[(&str, &str)] = match store {
        "async-failover" => &[("failover", "60ms"), ("ship", "10ms"), ("give_up", "120ms")],
        "single-copy" => &[("give_up", "120ms")],
        _ => &[("retry", "20ms"), ("give_up", "120ms")],
    };
    for (name, value) in options {
        config
            .options
            .insert((*name).to_owned(), serde_json::Value::from(*value));
    }
    config
}
