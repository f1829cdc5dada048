//! What a store is, and what a plan calls it.

use std::fmt::Debug;

use schemars::JsonSchema;
use schism_history::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    Call, Capability, Context, Disk, Durability, MemberChange, NodeId, NodeSet, Random, Request,
};

/// What a node is to its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It decides: a leader, a primary.
    Leader,
    /// It follows a leader.
    Follower,
}

/// One node's replica of a store.
///
/// The value itself is what the node forgets when it crashes; what it keeps is on [`Context::disk`]. A store sees and
/// does everything through its context, one event at a time, and keeps no time and no random numbers of its own: then
/// the same seed gives the same run.
pub trait Store: Sized + 'static {
    /// What nodes tell each other.
    type Message: Clone + Debug + Serialize + DeserializeOwned;
    /// What the disk holds once per node; `()` when there is nothing.
    type Header: Clone + Debug + Default + Serialize + DeserializeOwned;
    /// What the disk holds per key.
    type Record: Clone + Debug + Serialize + DeserializeOwned;
    /// What a plan can set; `()` when there is nothing.
    type Options: Clone + Debug + Default + Serialize + DeserializeOwned + JsonSchema;

    /// When what it writes is safe from a crash: at once, unless it says otherwise.
    const DURABILITY: Durability = Durability::EachWrite;
    /// The names that it gives to [`Context::point`], besides `reply` and `send`, which every store passes.
    const POINTS: &'static [&'static str] = &[];
    /// Whether nodes can be added and removed while it runs. It then has [`Store::change_members`] and
    /// [`Store::members`].
    const MEMBERSHIP: bool = false;

    /// A node that remembers nothing yet: at first, and after each crash.
    fn new(options: &Self::Options) -> Self;

    /// A client asks for something. It waits until [`Context::reply`] is called, or until it has enough.
    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request);

    /// Another node sent something.
    fn message(&mut self, context: &mut Context<'_, Self>, from: NodeId, message: Self::Message);

    /// What the node holds under each key, in any order: to see whether replicas converged.
    fn contents(&self, disk: &Disk<Self::Header, Self::Record>) -> Vec<(Value, Value)>;

    /// The node has just been started: at the beginning of the run, and after each crash.
    fn started(&mut self, _context: &mut Context<'_, Self>) {}

    /// A timer has run out.
    fn timer(&mut self, _context: &mut Context<'_, Self>, _tag: u64) {}

    /// Everything is safe that was written before [`Context::sync`] was called with this tag.
    fn synced(&mut self, _context: &mut Context<'_, Self>, _tag: u64) {}

    /// What arrives when a bit of this message was flipped on its way; `None`, as for every store with a checksum, when
    /// it is discarded.
    fn damaged(_message: Self::Message, _random: &mut Random) -> Option<Self::Message> {
        None
    }

    /// An operator asks this node to add a node to the cluster, or to remove one.
    fn change_members(&mut self, _context: &mut Context<'_, Self>, _change: MemberChange) {}

    /// Which nodes are in the cluster, as far as this node knows; `None` when that never changes.
    fn members(&self, _me: NodeId, _disk: &Disk<Self::Header, Self::Record>) -> Option<NodeSet> {
        None
    }

    /// The node's state in a few words, for a diagram of messages; empty when there is nothing to say.
    fn note(&self, _me: NodeId, _disk: &Disk<Self::Header, Self::Record>) -> String {
        String::new()
    }

    /// A message was refused, because nothing listens at `to` or a firewall rejects packets there. This very message
    /// was not delivered and never will be. A message that is merely lost or dropped does not come back.
    fn undelivered(
        &mut self,
        _context: &mut Context<'_, Self>,
        _to: NodeId,
        _message: Self::Message,
    ) {
    }

    /// What the node is to its cluster, as far as it knows; `None` when the store has no roles.
    fn role(&self, _me: NodeId, _disk: &Disk<Self::Header, Self::Record>) -> Option<Role> {
        None
    }

    /// Whether a cluster of this size can run with these options.
    ///
    /// # Errors
    /// It cannot: which option is wrong, and what would be right.
    fn check(_options: &Self::Options, _nodes: usize) -> Result<(), String> {
        Ok(())
    }
}

/// A name that plans use: a store with its options set.
pub trait Preset {
    /// The store.
    type Store: Store;
    /// The file in `stores/` where it stands, without its ending.
    const FILE: &'static str;
    /// Its name. A prefix says what is known of it: `kg-` known good, `kb-` known bad.
    const NAME: &'static str;
    /// Whether it keeps its promises under every fault.
    const GOOD: bool;
    /// What it models, in one line.
    const SUMMARY: &'static str;
    /// What its clients can ask for.
    const CAPABILITIES: &'static [Capability];
    /// The checkers that must find it invalid, each in at least one of 200 seeds under the faults that bite it.
    const FLAGGED_BY: &'static [&'static str];
    /// The checkers that must never find it invalid, under any fault.
    const PASSED_BY: &'static [&'static str];

    /// The options, where the plan sets none.
    fn options() -> <Self::Store as Store>::Options {
        <Self::Store as Store>::Options::default()
    }
}
