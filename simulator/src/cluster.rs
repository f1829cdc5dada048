//! The event loop: nodes of one store, their links and clocks, in virtual time.

mod delivery;

use std::collections::VecDeque;
use std::sync::Arc;

use schism_history::{Time, Value};

use crate::calls::{Calls, Progress};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::context::{Context, Effect};
use crate::network::Network;
use crate::queue::Queue;
use crate::{
    AlarmId, Call, CallId, Class, ClientId, Conditions, CutMode, Disk, Happening, Link, NodeId,
    Place, Random, Reply, Request, Role, Simulation, Statistics, Status, Store, WallTime,
};

/// How many packets wait for a paused node; a socket's buffer is no larger.
const INBOX: usize = 4_096;

/// How much virtual time passes in vain before [`Simulation::next`] gives up.
const PATIENCE: u64 = 3_600 * 1_000_000_000;

/// Streams of random numbers; a node's own one is `NODES` plus its place.
const NETWORK: u64 = 0;
const CLOCKS: u64 = 1;
const NODES: u64 = 16;

enum Event<M> {
    /// A request arrives at its node.
    Request {
        call: Call,
        node: NodeId,
        request: Request,
    },
    /// A reply arrives at its client.
    Reply {
        call: CallId,
        node: NodeId,
        reply: Reply,
    },
    /// A message arrives at a node.
    Message {
        from: NodeId,
        to: NodeId,
        copy: bool,
        message: M,
    },
    /// A refused message comes back to its sender.
    Undelivered {
        from: NodeId,
        to: NodeId,
        message: M,
    },
    Timer {
        node: NodeId,
        incarnation: u64,
        tag: u64,
    },
    Alarm,
}

struct Node<S: Store> {
    store: S,
    disk: Disk<S::Header, S::Record>,
    status: Status,
    /// Counts the starts.
    incarnation: u64,
    /// What the running clock showed at the latest start.
    started: u64,
    clock: Clock,
    /// Offset and drift at the beginning.
    first_clock: (i64, i32),
    random: Random,
    /// What waits while the node is paused.
    inbox: VecDeque<Event<S::Message>>,
}

/// A cluster whose nodes run the store `S`. See [`Simulation`] for what can be done with it.
pub struct Cluster<S: Store> {
    names: Vec<Arc<str>>,
    nodes: Vec<Node<S>>,
    options: S::Options,
    network: Network,
    queue: Queue<Event<S::Message>>,
    now: u64,
    calls: Calls,
    alarms: usize,
    statistics: Statistics,
    /// Kept for its memory only; empty between events.
    effects: Vec<Effect<S::Message>>,
}

impl<S: Store> Cluster<S> {
    /// A cluster with the nodes, network and clocks of `config`; its `store` and `options` are not looked at. All nodes
    /// are running.
    ///
    /// # Errors
    /// The configuration asks for something that is not possible, or the options do not fit the number of nodes.
    pub fn new(config: &Config, options: S::Options, seed: u64) -> Result<Self, ConfigError> {
        if let Some(error) = config.check_cluster().into_iter().next() {
            return Err(error);
        }
        let size = usize::from(config.nodes);
        S::check(&options, size).map_err(|reason| ConfigError::new("options", reason))?;
        let mut clocks = Random::new(seed, CLOCKS);
        let mut cluster = Self {
            names: (0..size)
                .map(|index| Arc::from(NodeId::new(index).to_string()))
                .collect(),
            nodes: (0..size)
                .map(|index| {
                    let (offset, drift) = config.clocks.draw(&mut clocks);
                    Node {
                        store: S::new(&options),
                        disk: Disk::default(),
                        status: Status::Running,
                        incarnation: 1,
                        started: 0,
                        clock: Clock::new(offset, drift),
                        first_clock: (offset, drift),
                        random: Random::new(seed, NODES + index as u64),
                        inbox: VecDeque::new(),
                    }
                })
                .collect(),
            options,
            network: Network::new(size, config.network, Random::new(seed, NETWORK)),
            queue: Queue::new(),
            now: 0,
            calls: Calls::default(),
            alarms: 0,
            statistics: Statistics::default(),
            effects: Vec::new(),
        };
        for index in 0..size {
            cluster.run(NodeId::new(index), Store::started);
        }
        Ok(cluster)
    }

    /// Lets a node handle one event, and carries out what it wants done.
    fn run(&mut self, id: NodeId, handle: impl FnOnce(&mut S, &mut Context<'_, S>)) {
        let size = self.nodes.len();
        let node = &mut self.nodes[id.index()];
        let mut effects = std::mem::take(&mut self.effects);
        let mut context = Context {
            disk: &mut node.disk,
            me: id,
            nodes: size,
            incarnation: node.incarnation,
            now: self.now,
            started: node.started,
            clock: &node.clock,
            random: &mut node.random,
            effects: &mut effects,
        };
        handle(&mut node.store, &mut context);
        for effect in effects.drain(..) {
            self.carry_out(id, effect);
        }
        self.effects = effects;
    }

    fn carry_out(&mut self, me: NodeId, effect: Effect<S::Message>) {
        match effect {
            Effect::Send { to, message } => {
                self.statistics.sent += 1;
                self.send(
                    Link::new(me, to),
                    Event::Message {
                        from: me,
                        to,
                        copy: false,
                        message,
                    },
                );
            }
            Effect::Reply { call, reply } => self.answer(me, call.id, reply),
            Effect::Timer { after, tag } => {
                let node = &self.nodes[me.index()];
                let at = self.now.saturating_add(node.clock.true_span(after));
                let incarnation = node.incarnation;
                self.queue.push(
                    at,
                    Event::Timer {
                        node: me,
                        incarnation,
                        tag,
                    },
                );
            }
        }
    }

    /// Sends a packet on its way, unless it gets lost.
    fn send(&mut self, link: Link, event: Event<S::Message>) {
        if let Some(at) = self.network.depart(self.now, link) {
            self.queue.push(at, event);
        } else {
            self.statistics.lost += 1;
        }
    }

    /// Sends a reply to the client that waits for it, once.
    fn answer(&mut self, me: NodeId, call: CallId, reply: Reply) {
        let Some(waiting) = self.calls.get(call) else {
            return;
        };
        assert!(
            waiting.node == me,
            "{me} answers a call that came to {}",
            waiting.node
        );
        if waiting.progress == Progress::Answered {
            return;
        }
        waiting.progress = Progress::Answered;
        self.send(
            Link::new(me, Place::Clients),
            Event::Reply {
                call,
                node: me,
                reply,
            },
        );
    }
}

impl<S: Store> Simulation for Cluster<S> {
    fn now(&self) -> Time {
        Time::from_nanos(self.now)
    }

    fn nodes(&self) -> &[Arc<str>] {
        &self.names
    }

    fn submit(&mut self, client: ClientId, node: NodeId, request: Request) -> CallId {
        let id = self.calls.open(node, request.is_read());
        self.statistics.calls += 1;
        let call = Call { id, client };
        self.send(
            Link::new(Place::Clients, node),
            Event::Request {
                call,
                node,
                request,
            },
        );
        id
    }

    fn abandon(&mut self, call: CallId) {
        self.calls.close(call);
    }

    fn alarm(&mut self, at: Time) -> AlarmId {
        self.alarms += 1;
        AlarmId(self.queue.push(at.as_nanos().max(self.now), Event::Alarm))
    }

    fn cancel(&mut self, alarm: AlarmId) -> bool {
        let cancelled = self.queue.cancel(alarm.0).is_some();
        self.alarms -= usize::from(cancelled);
        cancelled
    }

    fn next(&mut self) -> Option<Happening> {
        let patience = self.now.saturating_add(PATIENCE);
        loop {
            if self.alarms == 0
                && (self.calls.is_empty() || self.queue.next_at().is_none_or(|at| at > patience))
            {
                return None;
            }
            let (at, key, event) = self.queue.pop()?;
            self.now = at;
            self.statistics.events += 1;
            if matches!(event, Event::Alarm) {
                self.alarms -= 1;
                return Some(Happening::Alarm { id: AlarmId(key) });
            }
            if let Some(happening) = self.handle(event) {
                return Some(happening);
            }
        }
    }

    fn cut(&mut self, id: u32, links: &[Link], mode: CutMode) {
        self.network.cut(id, links, mode);
    }

    fn join(&mut self, id: u32) -> bool {
        self.network.join(id)
    }

    fn shape(&mut self, id: u32, links: &[Link], conditions: Conditions) {
        self.network.shape(id, links, conditions);
    }

    fn unshape(&mut self, id: u32) -> bool {
        self.network.unshape(id)
    }

    fn links(&self) -> Vec<Link> {
        let places: Vec<Place> = (0..self.nodes.len())
            .map(|index| Place::Node(NodeId::new(index)))
            .chain([Place::Clients])
            .collect();
        places
            .iter()
            .flat_map(|from| places.iter().map(|to| Link::new(*from, *to)))
            .filter(|link| link.from != link.to)
            .collect()
    }

    fn dropped(&self, link: Link) -> u64 {
        self.network.dropped(link)
    }

    fn probe(&self, link: Link) -> bool {
        self.network.is_open(link)
    }

    fn crash(&mut self, id: NodeId) -> bool {
        let store = S::new(&self.options);
        let node = &mut self.nodes[id.index()];
        if node.status == Status::Down {
            return false;
        }
        node.status = Status::Down;
        node.store = store;
        node.inbox.clear();
        for call in self.calls.open_at(id) {
            let read = self.calls.get(call).is_some_and(|waiting| waiting.read);
            let reply = if read {
                // A read changes nothing, whether it was carried out or not.
                Reply::refused(Class::ConnectionReset, "")
            } else {
                Reply::unknown(Class::ConnectionReset, "")
            };
            self.answer(id, call, reply);
        }
        true
    }

    fn start(&mut self, id: NodeId) -> bool {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        if node.status != Status::Down {
            return false;
        }
        node.status = Status::Running;
        node.incarnation += 1;
        node.started = node.clock.running(now);
        self.run(id, Store::started);
        true
    }

    fn pause(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id.index()];
        let running = node.status == Status::Running;
        if running {
            node.status = Status::Paused;
        }
        running
    }

    fn resume(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id.index()];
        if node.status != Status::Paused {
            return false;
        }
        node.status = Status::Running;
        for event in std::mem::take(&mut node.inbox) {
            self.hand_over(event);
        }
        true
    }

    fn status(&self, node: NodeId) -> Status {
        self.nodes[node.index()].status
    }

    fn set_clock(&mut self, node: NodeId, offset_ns: i64, drift_ppm: i32) {
        let now = self.now;
        self.nodes[node.index()]
            .clock
            .set(now, offset_ns, drift_ppm);
    }

    fn reset_clock(&mut self, node: NodeId) {
        let (offset, drift) = self.nodes[node.index()].first_clock;
        self.set_clock(node, offset, drift);
    }

    fn clock(&self, node: NodeId) -> WallTime {
        self.nodes[node.index()].clock.wall(self.now)
    }

    fn true_clock(&self) -> WallTime {
        WallTime::perfect(self.now)
    }

    fn roles(&self) -> Vec<(NodeId, Role)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.status == Status::Running)
            .filter_map(|(index, node)| {
                let id = NodeId::new(index);
                Some((id, node.store.role(id, &node.disk)?))
            })
            .collect()
    }

    fn contents(&self, node: NodeId) -> Option<Vec<(Value, Value)>> {
        let node = &self.nodes[node.index()];
        (node.status != Status::Down).then(|| {
            let mut contents = node.store.contents(&node.disk);
            contents.sort();
            contents
        })
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}
