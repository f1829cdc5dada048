//! `async-failover`: a primary acknowledges at once, replicates later, and is replaced when it falls silent.
//!
//! What it models: asynchronous replication with automatic failover, as Redis with Sentinel, `PostgreSQL` streaming
//! replication with a failover manager, or `MongoDB` with write concern 1. Replicas that hear nothing from the primary
//! for `failover` ask each other; the one that a majority votes for becomes primary. Everybody passes calls on to whom
//! they hold for the primary.
//!
//! The flaw, twice: what the old primary acknowledged and had not shipped is not on the new one; and an old primary
//! that is cut off goes on serving, until it hears of the new one, throws its own writes away and takes a copy.
//! (Kingsbury, "Call me maybe: Redis", 2013, lost 56 % of acknowledged writes that way.)
//!
//! Must be flagged, when the primary is cut off from most others or crashes: lost updates, linearizability. Once all
//! faults are healed the replicas converge.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use schism_history::Value;
use serde::{Deserialize, Serialize};

use super::object::{self, Object};
use super::relay::{Relay, Ticket};
use crate::{
    Call, Capability, Class, Context, Disk, NodeId, NodeSet, Preset, Reply, Request, Role, Store,
};

/// The tag of the one timer: the primary ships, the others listen.
const BEAT: u64 = 0;

/// What a plan can set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AsyncFailoverOptions {
    /// How often the primary ships what has changed, and says that it lives.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub ship: Duration,
    /// After how long a silence the others look for a new primary.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub failover: Duration,
    /// After how long a node gives a call up that it passed on.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub give_up: Duration,
}

impl Default for AsyncFailoverOptions {
    fn default() -> Self {
        Self {
            ship: Duration::from_millis(20),
            failover: Duration::from_millis(500),
            give_up: Duration::from_secs(5),
        }
    }
}

/// What nodes tell each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// To the primary: carry this out.
    Forward { ticket: Ticket, request: Request },
    /// From the primary: done.
    Answer { ticket: Ticket, reply: Reply },
    /// From the primary of an epoch: I live, and these changes follow the first `position` ones.
    Log {
        epoch: u64,
        position: u64,
        changes: Arc<[Request]>,
    },
    /// To the primary: my copy does not fit, send me all.
    Fetch { epoch: u64 },
    /// From the primary: all, after `position` changes.
    Copy {
        epoch: u64,
        position: u64,
        objects: Arc<[(Value, Object)]>,
    },
    /// I want to be the primary of this epoch, with so many changes of an earlier one.
    Stand {
        epoch: u64,
        base: u64,
        position: u64,
    },
    /// You have my vote.
    Vote { epoch: u64 },
}

/// What a node remembers of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The latest epoch it knows a primary of; epoch 0 has the first node.
    epoch: u64,
    /// That primary.
    primary: NodeId,
    /// How many changes of it the records hold.
    position: u64,
    /// Whether the records must be replaced by a copy of the primary's.
    stale: bool,
    /// The latest epoch it voted or stood in.
    voted: u64,
}

/// One node.
pub(crate) struct AsyncFailover {
    options: AsyncFailoverOptions,
    relay: Relay,
    /// Changes of the primary that are not shipped yet.
    unshipped: Vec<Request>,
    /// When it last heard from the primary, or stood for an election.
    heard: Duration,
    /// How much longer it waits than the others this time.
    stagger: Duration,
    votes: NodeSet,
}

impl AsyncFailover {
    fn is_primary(context: &Context<'_, Self>) -> bool {
        context.disk.header.primary == context.me()
    }

    fn carry_out(&mut self, context: &mut Context<'_, Self>, request: Request) -> Reply {
        if request.is_read() {
            return object::carry_out(context.disk, request);
        }
        let reply = object::carry_out(context.disk, request.clone());
        if !matches!(reply, Reply::Refused(_)) {
            // Counted at once: when it crashes before it ships, the others see the gap and fetch a copy.
            context.disk.header.position += 1;
            self.unshipped.push(request);
        }
        reply
    }

    fn ship(&mut self, context: &mut Context<'_, Self>) {
        let changes: Arc<[Request]> = std::mem::take(&mut self.unshipped).into();
        let header = &context.disk.header;
        context.broadcast(&Message::Log {
            epoch: header.epoch,
            position: header.position - changes.len() as u64,
            changes,
        });
    }

    fn stand_if_silent(&mut self, context: &mut Context<'_, Self>) {
        let silence = context.uptime().saturating_sub(self.heard);
        if silence < self.options.failover + self.stagger || context.disk.header.stale {
            return;
        }
        self.wait_again(context);
        let header = &mut context.disk.header;
        header.voted = header.voted.max(header.epoch) + 1;
        let epoch = header.voted;
        let stand = Message::Stand {
            epoch,
            base: header.epoch,
            position: header.position,
        };
        self.votes = NodeSet::of(context.me());
        context.broadcast(&stand);
        self.count(context, epoch);
    }

    /// Makes itself primary once a majority voted for it.
    fn count(&mut self, context: &mut Context<'_, Self>, epoch: u64) {
        if self.votes.len() < context.majority() {
            return;
        }
        self.votes = NodeSet::EMPTY;
        let me = context.me();
        let header = &mut context.disk.header;
        header.epoch = epoch;
        header.primary = me;
        self.unshipped.clear();
        self.ship(context);
    }

    fn log(
        &mut self,
        context: &mut Context<'_, Self>,
        from: NodeId,
        epoch: u64,
        position: u64,
        changes: &[Request],
    ) {
        let header = &mut context.disk.header;
        if epoch < header.epoch {
            return;
        }
        if epoch > header.epoch {
            // A new primary. Whatever this node has of its own is not asked for any more.
            header.epoch = epoch;
            header.primary = from;
            header.stale = true;
            self.unshipped.clear();
            self.votes = NodeSet::EMPTY;
        }
        if position > header.position {
            header.stale = true;
        }
        if header.stale {
            context.send(from, Message::Fetch { epoch });
        } else {
            let known = header.position - position;
            for change in changes.iter().skip(known as usize) {
                object::carry_out(context.disk, change.clone());
                context.disk.header.position += 1;
            }
        }
        self.wait_again(context);
    }

    /// Gives the primary time from now on. Each time another one, so that not all stand at once.
    fn wait_again(&mut self, context: &mut Context<'_, Self>) {
        self.heard = context.uptime();
        self.stagger = context.random().up_to(self.options.failover);
    }
}

impl Store for AsyncFailover {
    type Message = Message;
    type Header = Header;
    type Record = Object;
    type Options = AsyncFailoverOptions;

    fn new(options: &AsyncFailoverOptions) -> Self {
        Self {
            options: options.clone(),
            relay: Relay::default(),
            unshipped: Vec::new(),
            heard: Duration::ZERO,
            stagger: Duration::ZERO,
            votes: NodeSet::EMPTY,
        }
    }

    fn started(&mut self, context: &mut Context<'_, Self>) {
        self.wait_again(context);
        context.set_timer(self.options.ship, BEAT);
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        if request.capability() == Capability::CompareAndSet {
            return context.reply(call, Reply::not_offered(&request));
        }
        if Self::is_primary(context) {
            let reply = self.carry_out(context, request);
            context.reply(call, reply);
        } else if let Some(ticket) = self.relay.open(context, call, &request) {
            let primary = context.disk.header.primary;
            context.send(primary, Message::Forward { ticket, request });
        }
    }

    fn message(&mut self, context: &mut Context<'_, Self>, from: NodeId, message: Message) {
        match message {
            Message::Forward { ticket, request } => {
                let reply = if Self::is_primary(context) {
                    self.carry_out(context, request)
                } else {
                    Reply::refused(Class::NoLeader, "the primary has changed")
                };
                context.send(from, Message::Answer { ticket, reply });
            }
            Message::Answer { ticket, reply } => self.relay.close(context, ticket, reply),
            Message::Log {
                epoch,
                position,
                changes,
            } => self.log(context, from, epoch, position, &changes),
            Message::Fetch { epoch } => {
                if epoch == context.disk.header.epoch && Self::is_primary(context) {
                    // What is not shipped yet comes after the copy, so it is shipped first.
                    self.ship(context);
                    let objects = context
                        .disk
                        .iter()
                        .map(|(key, object)| (key.clone(), object.clone()))
                        .collect();
                    let position = context.disk.header.position;
                    context.send(
                        from,
                        Message::Copy {
                            epoch,
                            position,
                            objects,
                        },
                    );
                }
            }
            Message::Copy {
                epoch,
                position,
                objects,
            } => {
                if epoch == context.disk.header.epoch && context.disk.header.stale {
                    context.disk.replace(objects.iter().cloned());
                    context.disk.header.position = position;
                    context.disk.header.stale = false;
                }
            }
            Message::Stand {
                epoch,
                base,
                position,
            } => {
                let silent = !Self::is_primary(context)
                    && context.uptime().saturating_sub(self.heard) >= self.options.failover / 2;
                let header = &mut context.disk.header;
                let later = epoch > header.voted && epoch > header.epoch;
                let knows_enough =
                    header.stale || (base, position) >= (header.epoch, header.position);
                if silent && later && knows_enough {
                    header.voted = epoch;
                    context.send(from, Message::Vote { epoch });
                }
            }
            Message::Vote { epoch } => {
                let header = &context.disk.header;
                if epoch == header.voted && epoch > header.epoch && !self.votes.is_empty() {
                    self.votes.insert(from);
                    self.count(context, epoch);
                }
            }
        }
    }

    fn undelivered(&mut self, context: &mut Context<'_, Self>, to: NodeId, message: Message) {
        if let Message::Forward { ticket, .. } = message {
            // It was not delivered and never will be, so it surely did not happen.
            let reply = Reply::refused(Class::NoLeader, format!("{to} refuses connections"));
            self.relay.close(context, ticket, reply);
        }
    }

    fn timer(&mut self, context: &mut Context<'_, Self>, _tag: u64) {
        context.set_timer(self.options.ship, BEAT);
        self.relay.give_up(context, self.options.give_up);
        if Self::is_primary(context) {
            self.ship(context);
        } else {
            self.stand_if_silent(context);
        }
    }

    fn contents(&self, disk: &Disk<Header, Object>) -> Vec<(Value, Value)> {
        object::contents(disk)
    }

    fn role(&self, me: NodeId, disk: &Disk<Header, Object>) -> Option<Role> {
        Some(if disk.header.primary == me {
            Role::Leader
        } else {
            Role::Follower
        })
    }

    fn check(options: &AsyncFailoverOptions, _nodes: usize) -> Result<(), String> {
        if options.ship.is_zero() {
            return Err("ship must be longer than zero".to_owned());
        }
        if options.failover < 2 * options.ship {
            return Err(format!(
                "failover ({:?}) must be at least twice ship ({:?}), or a healthy primary is replaced",
                options.failover, options.ship
            ));
        }
        Ok(())
    }
}

impl Preset for AsyncFailover {
    type Store = Self;
    const FILE: &'static str = "async_failover";
    const NAME: &'static str = "async-failover";
    const GOOD: bool = false;
    const SUMMARY: &'static str =
        "asynchronous replication with failover: acknowledged writes are lost";
    const CAPABILITIES: &'static [Capability] = &[Capability::Registers, Capability::Sets];
    const FLAGGED_BY: &'static [&'static str] = &["linearizable", "lost-updates"];
    const PASSED_BY: &'static [&'static str] = &[];
}
