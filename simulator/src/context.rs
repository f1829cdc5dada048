//! All that a store knows of the world, and all that it can do to it.
//!
//! A context holds nothing of the event loop: it is made of a node's own parts and a list of effects that whoever runs
//! the store carries out afterwards. That can be the simulated cluster as well as a process with sockets.

use std::time::Duration;

use crate::clock::Clock;
use crate::points::{self, Points};
use crate::{Call, Disk, Interval, NodeId, NodeSet, Random, Reply, Store, WallTime};

/// What a store wants done.
#[derive(Debug)]
pub(crate) enum Effect<M> {
    Send { to: NodeId, message: M },
    Reply { call: Call, reply: Reply },
    Timer { after: Duration, tag: u64 },
    Sync { tag: u64 },
}

/// A node's view of the world while it handles one event.
pub struct Context<'a, S: Store> {
    /// What the node keeps when it crashes.
    pub disk: &'a mut Disk<S::Header, S::Record>,
    pub(crate) me: NodeId,
    pub(crate) nodes: usize,
    pub(crate) members: NodeSet,
    pub(crate) incarnation: u64,
    /// The true time; nodes never see it.
    pub(crate) now: u64,
    /// What the running clock showed when the node was started.
    pub(crate) started: u64,
    pub(crate) clock: &'a Clock,
    /// How inaccurate the node takes its wall clock to be.
    pub(crate) uncertainty: Duration,
    pub(crate) points: &'a mut Points,
    pub(crate) random: &'a mut Random,
    pub(crate) effects: &'a mut Vec<Effect<S::Message>>,
}

impl<S: Store> Context<'_, S> {
    /// The node itself.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// How many nodes the cluster has.
    pub fn cluster_size(&self) -> usize {
        self.nodes
    }

    /// The nodes that are members at the beginning: all but the spare ones of a plan.
    pub fn first_members(&self) -> NodeSet {
        self.members
    }

    /// How many nodes are more than half.
    pub fn majority(&self) -> usize {
        self.nodes / 2 + 1
    }

    /// All nodes, this one included.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<S> {
        (0..self.nodes).map(NodeId::new)
    }

    /// All nodes but this one.
    pub fn others(&self) -> impl Iterator<Item = NodeId> + use<S> {
        let me = self.me;
        self.nodes().filter(move |node| *node != me)
    }

    /// Counts the starts of this node, this one included: 1 at first. Survives crashes, so that names made from it are
    /// never given twice.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// What this node's wall clock shows: off, drifting, and set forwards and back at any time.
    pub fn now(&self) -> WallTime {
        self.clock.wall(self.now)
    }

    /// Between which times the truth lies, as far as this node knows: its wall clock, give or take what the
    /// configuration says of clocks' uncertainty. A clock that a fault has set wrong does not know that it is.
    pub fn now_within(&self) -> Interval {
        Interval::around(self.now(), self.uncertainty)
    }

    /// The time since this node was started, on its own running clock: it may run fast or slow, but never jumps. Timers
    /// use the same clock.
    pub fn uptime(&self) -> Duration {
        Duration::from_nanos(self.clock.running(self.now).saturating_sub(self.started))
    }

    /// This node's own random numbers.
    pub fn random(&mut self) -> &mut Random {
        self.random
    }

    /// Sends a message. It may be lost, late, doubled or overtaken; one to the node itself arrives at once.
    pub fn send(&mut self, to: NodeId, message: S::Message) {
        self.point(points::SEND);
        self.effects.push(Effect::Send { to, message });
    }

    /// Sends a message to all other nodes.
    pub fn broadcast(&mut self, message: &S::Message) {
        for to in self.others() {
            self.send(to, message.clone());
        }
    }

    /// Answers a call that came to this node. Only the first answer counts, and only while the client waits for it.
    pub fn reply(&mut self, call: Call, reply: Reply) {
        self.point(points::REPLY);
        self.effects.push(Effect::Reply { call, reply });
    }

    /// Has [`Store::timer`] called with this tag after this time on the node's own running clock, unless the node
    /// crashes before.
    pub fn set_timer(&mut self, after: Duration, tag: u64) {
        self.effects.push(Effect::Timer { after, tag });
    }

    /// Has the disk written out, and [`Store::synced`] called with this tag once everything that was written before is
    /// safe. Syncs are through in the order in which they were asked for; a crash forgets those that are not.
    pub fn sync(&mut self, tag: u64) {
        self.effects.push(Effect::Sync { tag });
    }

    /// The node comes to a named point of what it does (see [`Store::POINTS`]): a plan can have it die there, or lose its
    /// acknowledgements from there on. If it dies, nothing happens of what the store still does in this event.
    pub fn point(&mut self, name: &'static str) {
        if self.points.is_armed() && self.points.pass(name, self.effects.len()) {
            self.disk.begin();
        }
    }
}
