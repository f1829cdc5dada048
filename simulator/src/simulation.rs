//! A simulated cluster as those outside see it, whatever store it runs.

use std::sync::Arc;

use schism_history::{Time, Value};

use crate::queue::Key;
use crate::{CallId, ClientId, Conditions, CutMode, Link, NodeId, Reply, Request, Role, WallTime};

/// An alarm of those outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlarmId(pub(crate) Key);

/// What those outside must see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A call is over.
    Reply {
        /// The call.
        call: CallId,
        /// What the client got.
        reply: Reply,
    },
    /// An alarm rings.
    Alarm {
        /// The alarm.
        id: AlarmId,
    },
}

/// Whether a node's process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It runs.
    Running,
    /// It stands still. What is sent to it waits.
    Paused,
    /// It is dead. Connections to it are refused.
    Down,
}

/// What a cluster has done since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Events that were handled.
    pub events: u64,
    /// Calls of clients.
    pub calls: u64,
    /// Calls that got an answer while the client waited.
    pub replies: u64,
    /// Messages between nodes that were sent.
    pub sent: u64,
    /// Messages between nodes that were delivered, each copy counted.
    pub delivered: u64,
    /// Packets that got lost, as `loss` asks for.
    pub lost: u64,
    /// Messages that arrived once more.
    pub duplicated: u64,
    /// Packets that cuts stopped.
    pub cut: u64,
    /// Packets for paused nodes that did not fit into their inbox any more.
    pub overflowed: u64,
}

/// A cluster in virtual time.
///
/// Time passes in [`Simulation::next`] only; everything else takes effect at the present moment. The nodes are
/// called `n1`, `n2` and so on. All of them are started at time zero.
///
/// Methods that take a node, a link or a call expect one of this simulation; they panic when the cluster is smaller.
pub trait Simulation {
    /// The present moment, in virtual time since the beginning.
    fn now(&self) -> Time;

    /// The names of the nodes, each at its [`NodeId::index`].
    fn nodes(&self) -> &[Arc<str>];

    /// A client sends a request to a node, over the link between them.
    fn submit(&mut self, client: ClientId, node: NodeId, request: Request) -> CallId;

    /// The client gives up waiting. Its request may still be carried out, now or later; no reply to it will be seen.
    /// Does nothing when the call is over.
    fn abandon(&mut self, call: CallId);

    /// Wakes those outside at this time, or now when that is over.
    fn alarm(&mut self, at: Time) -> AlarmId;

    /// Forgets an alarm; whether it was still to ring.
    fn cancel(&mut self, alarm: AlarmId) -> bool;

    /// Lets time pass until something happens that those outside must see.
    ///
    /// `None` when no call and no alarm is open, so that nothing can, or when no alarm is set and an hour has passed in
    /// vain: a store with a heartbeat never comes to rest by itself. To see what it does meanwhile, set an alarm.
    fn next(&mut self) -> Option<Happening>;

    /// Cuts links. Several cuts may overlap; each lasts until [`Simulation::join`] is called with its id. A packet is
    /// stopped where it would arrive, also when it was sent before. Where cuts of both kinds lie on a link, packets are
    /// dropped.
    fn cut(&mut self, id: u32, links: &[Link], mode: CutMode);

    /// Undoes a cut; whether there was one.
    fn join(&mut self, id: u32) -> bool;

    /// Lays other conditions on links until [`Simulation::unshape`] is called with the same id. Where several overlap,
    /// the latest counts.
    fn shape(&mut self, id: u32, links: &[Link], conditions: Conditions);

    /// Takes the conditions away; whether there were any.
    fn unshape(&mut self, id: u32) -> bool;

    /// All links, in order: every pair of places, both directions.
    fn links(&self) -> Vec<Link>;

    /// How many packets cuts have stopped on a link since the beginning.
    fn dropped(&self, link: Link) -> u64;

    /// Whether cuts would let a packet pass now.
    fn probe(&self, link: Link) -> bool;

    /// Kills a node's process, also a paused one: it forgets everything but its disk, and open calls to it are reset.
    /// Whether it was alive.
    fn crash(&mut self, node: NodeId) -> bool;

    /// Starts a dead node; whether it was dead.
    fn start(&mut self, node: NodeId) -> bool;

    /// Makes a running node stand still; whether it was running.
    fn pause(&mut self, node: NodeId) -> bool;

    /// Lets a paused node go on with what has come meanwhile; whether it was paused.
    fn resume(&mut self, node: NodeId) -> bool;

    /// Whether a node's process runs.
    fn status(&self, node: NodeId) -> Status;

    /// Sets a node's wall clock so many nanoseconds ahead of the truth (negative: behind), and has its clocks run fast
    /// by so many millionths (negative: slow), at most [`MAX_DRIFT_PPM`](crate::MAX_DRIFT_PPM) either way. Timers that
    /// run already keep their time.
    fn set_clock(&mut self, node: NodeId, offset_ns: i64, drift_ppm: i32);

    /// Sets a node's clocks as they were at the beginning.
    fn reset_clock(&mut self, node: NodeId);

    /// What a node's wall clock shows.
    fn clock(&self, node: NodeId) -> WallTime;

    /// What a clock shows that is right.
    fn true_clock(&self) -> WallTime;

    /// What each running node says it is; nodes that do not answer are left out, and all are when the store has no
    /// roles.
    fn roles(&self) -> Vec<(NodeId, Role)>;

    /// What a node holds under each key, in the order of the keys; `None` when it is down.
    fn contents(&self, node: NodeId) -> Option<Vec<(Value, Value)>>;

    /// What has been done since the beginning.
    fn statistics(&self) -> Statistics;
}
