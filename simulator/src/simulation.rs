//! A simulated cluster as those outside see it, whatever store it runs.

use std::sync::Arc;
use std::time::Duration;

use schism_history::{Time, Value};

use crate::queue::Key;
use crate::{
    AtPoint, CallId, ClientId, ClockFault, Conditions, CutMode, Disturbance, Link, MemberChange,
    NodeId, NodeSet, Region, Reply, Request, Role, Share, Touched, Traced, WallTime,
};

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

/// What a fault does to a node's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// Nothing gets through: a node that writes, or waits for [`Context::sync`](crate::Context::sync), waits until the
    /// fault is healed.
    Stall,
    /// Each write, or sync, takes so much longer.
    Slow {
        /// How much.
        by: Duration,
    },
    /// There is no room: a node that writes dies, unless its store looks at [`Disk::is_full`](crate::Disk::is_full) and
    /// does not write.
    Full,
    /// The power fails in the middle of the node's next write: the node dies, and of what it was writing some is there
    /// and some is not.
    Tear,
}

/// What a fault did to a node through its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskHarm {
    /// How often the node had to wait for a write.
    pub waited: u64,
    /// How often the node died of it.
    pub died: u64,
    /// How many records that were being written got lost.
    pub lost: u64,
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
    /// Packets that were damaged, and discarded for it.
    pub corrupted: u64,
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

    /// Makes links worse until [`Simulation::calm`] is called with the same id, on top of all that lies there.
    fn disturb(&mut self, id: u32, links: &[Link], disturbance: Disturbance);

    /// Takes a disturbance away; what it did, if there was one.
    fn calm(&mut self, id: u32) -> Option<Touched>;

    /// How many disturbances lie on a link.
    fn disturbances_on(&self, link: Link) -> usize;

    /// How long a packet takes on average over a link as it is now; without the time it waits for its turn, where a
    /// rate is at work.
    fn mean_delay(&self, link: Link) -> Duration;

    /// In which data centre a node is.
    fn region(&self, node: NodeId) -> Region;

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

    /// Begins a fault of a node's clock, which lasts until [`Simulation::calm_clock`] is called with the same id. Several
    /// add up.
    fn disturb_clock(&mut self, id: u32, node: NodeId, fault: ClockFault);

    /// Ends a fault of a node's clock; whether there was one.
    fn calm_clock(&mut self, id: u32, node: NodeId) -> bool;

    /// Begins a fault of the clocks of a share of the clients, drawn, those that come later included.
    fn disturb_client_clocks(&mut self, id: u32, share: Share, fault: ClockFault);

    /// Ends a fault of clients' clocks; how many requests were sent under it, if there was one.
    fn calm_client_clocks(&mut self, id: u32) -> Option<u64>;

    /// What a client's clock shows.
    fn client_clock(&self, client: ClientId) -> WallTime;

    /// Begins a fault of a node's disk.
    fn harm_disk(&mut self, id: u32, node: NodeId, fault: DiskFault);

    /// Ends a fault of a node's disk; what it did, if there was one. A node that died of it stays dead.
    fn mend_disk(&mut self, id: u32, node: NodeId) -> Option<DiskHarm>;

    /// Keeps a copy of a node's disk as it is now. How many records it holds.
    fn snapshot(&mut self, id: u32, node: NodeId) -> usize;

    /// Puts the copy in the place of a dead node's disk; how many records the node has forgotten by that. `None` when
    /// there is no copy, or the node is not dead.
    fn restore(&mut self, id: u32, node: NodeId) -> Option<usize>;

    /// Wipes a dead node's disk; how many records there were. `None` when the node is not dead.
    fn wipe(&mut self, node: NodeId) -> Option<usize>;

    /// The named points that nodes pass, at which [`Simulation::arm`] can have something happen.
    fn points(&self) -> Vec<&'static str>;

    /// From now on something happens whenever the node comes to this point, until [`Simulation::disarm`] is called with
    /// the same id.
    fn arm(&mut self, id: u32, node: NodeId, point: &str, action: AtPoint);

    /// Lets the node pass again; how often it happened, if it was armed.
    fn disarm(&mut self, id: u32, node: NodeId) -> Option<u64>;

    /// Whether nodes can be added and removed.
    fn has_membership(&self) -> bool;

    /// An operator asks a running node to add or remove a node; whether it runs. What comes of it takes time.
    fn change_members(&mut self, at: NodeId, change: MemberChange) -> bool;

    /// Which nodes each running node takes for members; nobody, when that never changes.
    fn members(&self) -> Vec<(NodeId, NodeSet)>;

    /// Writes down every packet from now on, or no longer.
    fn set_tracing(&mut self, on: bool);

    /// What was written down since the last time, in order.
    fn take_trace(&mut self) -> Vec<Traced>;

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
