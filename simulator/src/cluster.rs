//! The event loop: nodes of one store, their links and clocks, in virtual time.

mod client_clocks;
mod delivery;
mod disks;
mod outside;
mod points;
mod size;
mod tracing;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::calls::{Calls, Progress};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::context::{Context, Effect};
use crate::disk::Snapshot;
use crate::network::{Departure, Network};
use crate::points::Points;
use crate::queue::Queue;
use crate::regions::Ground;
use crate::{
    Call, CallId, Disk, Durability, Link, Loss, NodeId, NodeSet, Place, Random, Region, Reply,
    Request, Statistics, Status, Store,
};
use client_clocks::ClientClocks;
use disks::Harmed;
use tracing::Tracer;

/// How many packets wait for a paused node; a socket's buffer is no larger.
const INBOX: usize = 4_096;

/// How much virtual time passes in vain before [`Simulation::next`](crate::Simulation::next) gives up.
const PATIENCE: u64 = 3_600 * 1_000_000_000;

/// Streams of random numbers; a node's own one is `NODES` plus its place.
const NETWORK: u64 = 0;
const CLOCKS: u64 = 1;
const DAMAGE: u64 = 2;
const TEARS: u64 = 3;
const NODES: u64 = 16;
/// Plus the number of the fault.
const POINTS: u64 = 1 << 40;
/// Plus the number of the client.
const CLIENTS: u64 = 2 << 40;

enum Event<M> {
    /// A request arrives at its node.
    Request {
        call: Call,
        node: NodeId,
        region: Region,
        request: Request,
    },
    /// A reply arrives at its client.
    Reply {
        call: CallId,
        node: NodeId,
        region: Region,
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
    /// A sync is through.
    Synced {
        node: NodeId,
        incarnation: u64,
    },
    /// A write that a node waits for is through.
    Written {
        node: NodeId,
        incarnation: u64,
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
    /// What waits while the node stands still, each with its number.
    inbox: VecDeque<(u64, Event<S::Message>)>,
    /// Whether anything of what follows is in use: nodes without look no further.
    is_watched: bool,
    points: Points,
    /// What is wrong with the disk.
    harms: Vec<Harmed>,
    /// Copies of the disk, by the number of the fault.
    snapshots: BTreeMap<u32, Snapshot<S::Header, S::Record>>,
    /// What it wants done once its write is through; it stands still meanwhile.
    held: Option<Vec<Effect<S::Message>>>,
    /// When its disk has done what it was asked for.
    disk_free: u64,
    /// The tags of syncs that are not through.
    syncs: VecDeque<u64>,
    /// How many of them wait for a stalled disk.
    stalled_syncs: usize,
}

/// A cluster whose nodes run the store `S`. See [`Simulation`](crate::Simulation) for what can be done with it.
pub struct Cluster<S: Store> {
    names: Vec<Arc<str>>,
    nodes: Vec<Node<S>>,
    options: S::Options,
    network: Network,
    ground: Ground,
    uncertainty: Duration,
    sync: Duration,
    /// Who is a member at first.
    members: NodeSet,
    client_clocks: ClientClocks,
    seed: u64,
    damage: Random,
    tears: Random,
    /// The number of the event that is being handled.
    current: u64,
    tracer: Option<Box<Tracer>>,
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
        if config.spares > 0 && !S::MEMBERSHIP {
            let reason = "the members of this store never change, so none can be spare";
            return Err(ConfigError::new("spares", reason));
        }
        let mut members = NodeSet::EMPTY;
        for index in 0..size - usize::from(config.spares) {
            members.insert(NodeId::new(index));
        }
        let ground = config.ground();
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
                        is_watched: false,
                        points: Points::default(),
                        harms: Vec::new(),
                        snapshots: BTreeMap::new(),
                        held: None,
                        disk_free: 0,
                        syncs: VecDeque::new(),
                        stalled_syncs: 0,
                    }
                })
                .collect(),
            options,
            network: Network::new(size, ground.clone(), Random::new(seed, NETWORK)),
            ground,
            uncertainty: config.clocks.uncertainty(),
            sync: config.disk.sync,
            members,
            client_clocks: ClientClocks::new(config.clients.clocks, seed),
            seed,
            damage: Random::new(seed, DAMAGE),
            tears: Random::new(seed, TEARS),
            current: 0,
            tracer: None,
            queue: Queue::new(),
            now: 0,
            calls: Calls::default(),
            alarms: 0,
            statistics: Statistics::default(),
            effects: Vec::new(),
        };
        for index in 0..size {
            cluster.begin(NodeId::new(index));
        }
        Ok(cluster)
    }

    /// A node that has just been started begins its work.
    fn begin(&mut self, id: NodeId) {
        if S::DURABILITY == Durability::OnSync {
            let disk = &mut self.nodes[id.index()].disk;
            disk.keep_all();
            disk.begin();
        }
        self.run(id, None, Store::started);
    }

    /// Lets a node handle one event, and carries out what it wants done. `from` is the node whose message it handles.
    #[inline]
    fn run(
        &mut self,
        id: NodeId,
        from: Option<NodeId>,
        handle: impl FnOnce(&mut S, &mut Context<'_, S>),
    ) {
        let size = self.nodes.len();
        let node = &mut self.nodes[id.index()];
        let is_watched = node.is_watched;
        if is_watched {
            Self::watch(node);
        }
        let mut effects = std::mem::take(&mut self.effects);
        let mut context = Context {
            disk: &mut node.disk,
            me: id,
            nodes: size,
            members: self.members,
            incarnation: node.incarnation,
            now: self.now,
            started: node.started,
            clock: &node.clock,
            uncertainty: self.uncertainty,
            points: &mut node.points,
            random: &mut node.random,
            effects: &mut effects,
        };
        handle(&mut node.store, &mut context);
        if is_watched {
            self.judge(id, from, &mut effects);
        }
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
                    Region::default(),
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
            Effect::Sync { tag } => self.write_out(me, tag),
        }
    }

    /// Sends a packet on its way, unless it gets lost.
    fn send(&mut self, link: Link, region: Region, event: Event<S::Message>) {
        let departure = self
            .network
            .depart(self.now, link, region, || size::of(&event));
        match departure {
            Departure::Lost => {
                self.statistics.lost += 1;
                self.trace_loss(link, &event, Loss::Link);
            }
            Departure::Arrives { at, damaged: false } => self.put_on_its_way(at, link, event),
            Departure::Arrives { at, damaged: true } => self.send_damaged(at, link, event),
        }
    }

    fn put_on_its_way(&mut self, at: u64, link: Link, event: Event<S::Message>) {
        if self.tracer.is_some() {
            return self.trace_sending(at, link, event);
        }
        self.queue.push(at, event);
    }

    #[cold]
    fn send_damaged(&mut self, at: u64, link: Link, event: Event<S::Message>) {
        if let Event::Message {
            from,
            to,
            copy,
            message,
        } = event
        {
            // Without tracing the message is not needed again.
            let text = self.tracer.is_some().then(|| format!("{message:?}"));
            if let Some(message) = S::damaged(message, &mut self.damage) {
                let event = Event::Message {
                    from,
                    to,
                    copy,
                    message,
                };
                return self.put_on_its_way(at, link, event);
            }
            self.trace_lost(link, text.unwrap_or_default(), Loss::Damaged);
        } else {
            self.trace_loss(link, &event, Loss::Damaged);
        }
        self.statistics.corrupted += 1;
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
        let region = waiting.region;
        self.send(
            Link::new(me, Place::Clients),
            region,
            Event::Reply {
                call,
                node: me,
                region,
                reply,
            },
        );
    }

    /// Whether the node stands still: paused, or waiting for its disk.
    fn stands_still(&self, id: NodeId) -> bool {
        let node = &self.nodes[id.index()];
        node.status == Status::Paused || node.held.is_some()
    }

    /// Lets a node handle what waits for it, until it stands still again.
    fn go_on(&mut self, id: NodeId) {
        while self.nodes[id.index()].status == Status::Running && !self.stands_still(id) {
            let Some((number, event)) = self.nodes[id.index()].inbox.pop_front() else {
                return;
            };
            self.current = number;
            self.hand_over(event);
        }
    }
}
