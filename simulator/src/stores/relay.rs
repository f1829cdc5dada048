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
    /// Counts up. After a crash the count begins again, but under a new incarnation: a late answer to the old one is
    /// not taken for an answer to the new one.
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

#[cfg(test)]
mod tests {
    use schism_history::Value;

    use super::super::single_copy::{SingleCopy, SingleCopyOptions};
    use super::*;
    use crate::context::Effect;
    use crate::lone::Lone;

    #[test]
    fn no_ticket_is_given_twice_not_even_after_a_crash() {
        let mut node = Lone::<SingleCopy>::new(SingleCopyOptions::default(), 3);
        let mut tickets = Vec::new();
        for _ in 0..3 {
            let mut last = Ticket::default();
            node.handle(|_, context| tickets.extend([last.next(context), last.next(context)]));
            node.restart();
        }
        assert!(
            tickets.windows(2).all(|pair| pair[0] < pair[1]),
            "{tickets:?}"
        );
    }

    #[test]
    fn calls_are_given_up_in_time_and_answered_once() {
        let mut node = Lone::<SingleCopy>::new(SingleCopyOptions::default(), 3);
        let mut relay = Relay::default();
        let patience = Duration::from_secs(1);
        let read = Request::Read { key: Value::Nil };
        let add = Request::Add {
            key: Value::Nil,
            element: Value::Nil,
        };
        let calls = [node.call(), node.call(), node.call()];
        let mut tickets = Vec::new();
        for (call, request) in calls.into_iter().zip([&read, &add, &read]) {
            node.handle(|_, context| tickets.extend(relay.open(context, call, request)));
            node.pass(patience / 2);
        }
        let answers = |effects: Vec<Effect<_>>| -> Vec<(Call, bool)> {
            let answer = |effect| match effect {
                Effect::Reply {
                    call,
                    reply: Reply::Refused(refusal),
                } => (call, refusal.certain),
                other => panic!("{other:?}"),
            };
            effects.into_iter().map(answer).collect()
        };
        let effects = node.handle(|_, context| relay.give_up(context, patience));
        assert_eq!(answers(effects), [(calls[0], true), (calls[1], false)]);
        assert!(!relay.is_empty());
        let late = node.handle(|_, context| relay.close(context, tickets[0], Reply::Done));
        assert!(late.is_empty(), "{late:?}");
        let first = node.handle(|_, context| relay.close(context, tickets[2], Reply::Done));
        assert_eq!(first.len(), 1);
        assert!(relay.is_empty());
    }

    #[test]
    fn too_many_calls_are_refused() {
        let mut node = Lone::<SingleCopy>::new(SingleCopyOptions::default(), 3);
        let mut relay = Relay::default();
        let read = Request::Read { key: Value::Nil };
        for _ in 0..MOST_OPEN {
            let call = node.call();
            node.handle(|_, context| assert!(relay.open(context, call, &read).is_some()));
        }
        let call = node.call();
        let effects = node.handle(|_, context| assert!(relay.open(context, call, &read).is_none()));
        assert!(matches!(
            &effects[..],
            [Effect::Reply { reply: Reply::Refused(refusal), .. }]
                if refusal.certain && refusal.class == Class::Overloaded
        ));
    }
}
