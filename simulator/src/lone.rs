//! One node outside of any cluster, to test a store message by message.

use std::time::Duration;

use crate::clock::Clock;
use crate::context::{Context, Effect};
use crate::points::Points;
use crate::{Call, CallId, ClientId, Disk, NodeId, NodeSet, Random, Store, WallTime};

pub(crate) struct Lone<S: Store> {
    pub(crate) store: S,
    pub(crate) disk: Disk<S::Header, S::Record>,
    options: S::Options,
    nodes: usize,
    incarnation: u64,
    now: u64,
    clock: Clock,
    random: Random,
    calls: u32,
}

impl<S: Store> Lone<S> {
    /// The first of so many nodes.
    pub(crate) fn new(options: S::Options, nodes: usize) -> Self {
        Self {
            store: S::new(&options),
            disk: Disk::default(),
            options,
            nodes,
            incarnation: 1,
            now: 0,
            clock: Clock::new(0, 0),
            random: Random::new(1, 0),
            calls: 0,
        }
    }

    /// Forgets everything but the disk.
    pub(crate) fn restart(&mut self) {
        self.store = S::new(&self.options);
        self.incarnation += 1;
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time.as_nanos() as u64;
    }

    /// A new call.
    pub(crate) fn call(&mut self) -> Call {
        self.calls += 1;
        let id = CallId {
            slot: self.calls,
            generation: 0,
        };
        Call {
            id,
            client: ClientId(0),
            sent: WallTime::perfect(self.now),
        }
    }

    /// Has the store handle something; what it wants done.
    pub(crate) fn handle(
        &mut self,
        handle: impl FnOnce(&mut S, &mut Context<'_, S>),
    ) -> Vec<Effect<S::Message>> {
        let mut effects = Vec::new();
        let mut context = Context {
            disk: &mut self.disk,
            me: NodeId::new(0),
            nodes: self.nodes,
            members: NodeSet::EMPTY,
            incarnation: self.incarnation,
            now: self.now,
            started: 0,
            clock: &self.clock,
            uncertainty: Duration::ZERO,
            points: &mut Points::default(),
            random: &mut self.random,
            effects: &mut effects,
        };
        handle(&mut self.store, &mut context);
        effects
    }
}
