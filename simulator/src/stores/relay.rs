//! Calls that a node has passed on to another node, and whose answer it waits for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Call, Class, Context, Reply, Request, Store};

/// The most calls that a node keeps open; a further one is refused.
pub(super) const MOST_OPEN: usize = 10_000;

/// Names one thing that a node does, and nothing else ever: the node's incarnation in the upper 24 bits, then a count.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// Counts up. After a crash the count begins again, but under a new incarnation: a late answer to the old one is not
    /// taken for an answer to the new one.
    pub(super) fn next<S: Store>(&mut self, context: &Context<'_, S>) -> Self {
        self.0 = (self.0 + 1).max(context.incarnation() << 40);
        *self
    }
}

struct Open {
    call: Call,
    read: bool,
    since: Duration,
}

/// The calls that were passed on.
#[derive(Default)]
pub(crate) struct Relay {
    last: Ticket,
    open: BTreeMap<Ticket, Open>,
}

impl Relay {
    /// Remembers a call that is about to be passed on. When there are too many already it is refused, and `None`.
    pub(super) fn open<S: Store>(
        &mut self,
        context: &mut Context<'_, S>,
        call: Call,
        request: &Request,
    ) -> Option<Ticket> {
        if self.open.len() >= MOST_OPEN {
            context.reply(
                call,
                Reply::refused(Class::Overloaded, "too many calls are open"),
            );
            return None;
        }
        let ticket = self.last.next(context);
        self.open.insert(
            ticket,
            Open {
                call,
                read: request.is_read(),
                since: context.uptime(),
            },
        );
        Some(ticket)
    }

    /// Hands the answer to the client, if it is the first one.
    pub(super) fn close<S: Store>(
        &mut self,
        context: &mut Context<'_, S>,
        ticket: Ticket,
        reply: Reply,
    ) {
        if let Some(open) = self.open.remove(&ticket) {
            context.reply(open.call, reply);
        }
    }

    /// Gives up calls that are older than `patience`. They may have been carried out, unless they are reads.
    pub(super) fn give_up<S: Store>(&mut self, context: &mut Context<'_, S>, patience: Duration) {
        let now = context.uptime();
        // Tickets are in the order of time.
        while let Some(oldest) = self.open.first_entry()
            && now.saturating_sub(oldest.get().since) >= patience
        {
            let Open { call, read, .. } = oldest.remove();
            let detail = "the leader does not answer";
            context.reply(
                call,
                if read {
                    Reply::refused(Class::TimedOut, detail)
                } else {
                    Reply::unknown(Class::TimedOut, detail)
                },
            );
        }
    }

    /// Whether no call is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
