//! `single-copy`: one node owns all data, the others pass calls on to it.
//!
//! What it models: a server without replicas behind proxies. It is trivially linearizable, for registers,
//! compare-and-set and sets alike, and gone when its node is: the control against which everything replicated is
//! compared.
//!
//! No checker may flag it, under any fault. While the owner is down, paused or cut off, no call succeeds that must
//! reach it.
//!
//! One thing is less trivial than it looks: a call that is passed on must not be carried out twice, or a write that the
//! network doubled comes back after it was overwritten. So the owner carries out a node's calls in the order of their
//! tickets only, and ignores what is not newer than the last one, also after a crash.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use schism_history::Value;
use serde::{Deserialize, Serialize};

use super::object::{self, Object};
use super::relay::{Relay, Ticket};
use crate::{Call, Capability, Class, Context, Disk, NodeId, Reply, Request, Role, Store};

const OWNER: NodeId = NodeId::new(0);

/// What a plan can set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SingleCopyOptions {
    /// Whether nodes that own nothing pass calls on; otherwise they refuse them.
    pub forward: bool,
    /// After how long a node gives a call up that it passed on.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub give_up: Duration,
}

impl Default for SingleCopyOptions {
    fn default() -> Self {
        Self {
            forward: true,
            give_up: Duration::from_secs(5),
        }
    }
}

/// What nodes tell each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// To the owner: carry this out.
    Forward { ticket: Ticket, request: Request },
    /// From the owner: done.
    Answer { ticket: Ticket, reply: Reply },
}

/// The last call of each other node that the owner has carried out.
pub(crate) type Seen = BTreeMap<NodeId, Ticket>;

/// One node.
pub(crate) struct SingleCopy {
    options: SingleCopyOptions,
    relay: Relay,
    waiting: bool,
}

impl Store for SingleCopy {
    type Message = Message;
    type Header = Seen;
    type Record = Object;
    type Options = SingleCopyOptions;

    fn new(options: &SingleCopyOptions) -> Self {
        Self {
            options: options.clone(),
            relay: Relay::default(),
            waiting: false,
        }
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        if context.me() == OWNER {
            let reply = object::carry_out(context.disk, request);
            context.reply(call, reply);
        } else if !self.options.forward {
            let detail = format!("{OWNER} owns the data");
            context.reply(call, Reply::refused(Class::NoLeader, detail));
        } else if let Some(ticket) = self.relay.open(context, call, &request) {
            context.send(OWNER, Message::Forward { ticket, request });
            if !self.waiting {
                self.waiting = true;
                context.set_timer(self.options.give_up, 0);
            }
        }
    }

    fn message(&mut self, context: &mut Context<'_, Self>, from: NodeId, message: Message) {
        match message {
            Message::Forward { ticket, request } => {
                let last = context.disk.header.entry(from).or_default();
                if ticket > *last {
                    *last = ticket;
                    let reply = object::carry_out(context.disk, request);
                    context.send(from, Message::Answer { ticket, reply });
                }
            }
            Message::Answer { ticket, reply } => self.relay.close(context, ticket, reply),
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
        self.relay.give_up(context, self.options.give_up);
        self.waiting = !self.relay.is_empty();
        if self.waiting {
            context.set_timer(self.options.give_up / 10, 0);
        }
    }

    fn contents(&self, disk: &Disk<Seen, Object>) -> Vec<(Value, Value)> {
        object::contents(disk)
    }

    fn role(&self, me: NodeId, _disk: &Disk<Seen, Object>) -> Option<Role> {
        Some(if me == OWNER {
            Role::Leader
        } else {
            Role::Follower
        })
    }

    fn check(options: &SingleCopyOptions, _nodes: usize) -> Result<(), String> {
        if options.give_up < Duration::from_millis(1) {
            return Err("give_up must be at least 1ms".to_owned());
        }
        Ok(())
    }
}

presets! { SingleCopy in "single_copy";
    /// `single-copy`.
    Plain = "single-copy": good, "one node owns all data: linearizable, and gone when that node is",
        offers &[Capability::Registers, Capability::CompareAndSet, Capability::Sets],
        flagged by [],
        passed by [
            "linearizable",
            "lost-updates",
            "monotonic-reads",
            "monotonic-writes",
            "read-your-writes",
            "writes-follow-reads",
        ],
        options SingleCopyOptions::default();
}
