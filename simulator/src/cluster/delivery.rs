//! What becomes of events when their time has come.

use super::{Cluster, Event, INBOX};
use crate::calls::Progress;
use crate::network::Arrival;
use crate::{
    Call, CallId, Class, Happening, Link, NodeId, Place, Reply, Request, Simulation, Status, Store,
};

impl<S: Store> Cluster<S> {
    /// Handles one event; what those outside must see of it.
    pub(super) fn handle(&mut self, event: Event<S::Message>) -> Option<Happening> {
        match event {
            Event::Request {
                call,
                node,
                request,
            } => self.request_arrives(call, node, request),
            Event::Reply { call, node, reply } => {
                if self.arrives(Link::new(node, Place::Clients)) == Arrival::Passes
                    && self.calls.close(call)
                {
                    self.statistics.replies += 1;
                    return Some(Happening::Reply { call, reply });
                }
            }
            Event::Message {
                from,
                to,
                copy,
                message,
            } => self.message_arrives(from, to, copy, message),
            Event::Undelivered { from, to, message } => {
                if self.arrives(Link::new(to, from)) == Arrival::Passes {
                    match self.status(from) {
                        Status::Running => {
                            self.run(from, |store, context| {
                                store.undelivered(context, to, message);
                            });
                        }
                        Status::Paused => {
                            self.keep(from, Event::Undelivered { from, to, message });
                        }
                        Status::Down => {}
                    }
                }
            }
            Event::Timer {
                node,
                incarnation,
                tag,
            } => {
                let own = &mut self.nodes[node.index()];
                if own.incarnation == incarnation {
                    match own.status {
                        Status::Running => {
                            self.run(node, |store, context| store.timer(context, tag));
                        }
                        // Never too many: a store sets no more timers while it stands still.
                        Status::Paused => own.inbox.push_back(Event::Timer {
                            node,
                            incarnation,
                            tag,
                        }),
                        Status::Down => {}
                    }
                }
            }
            Event::Alarm => unreachable!("alarms are handled where their keys are known"),
        }
        None
    }

    fn request_arrives(&mut self, call: Call, node: NodeId, request: Request) {
        let refuse = match self.arrives(Link::new(Place::Clients, node)) {
            Arrival::Passes => self.status(node) == Status::Down,
            Arrival::Rejected => true,
            Arrival::Dropped => return,
        };
        if refuse {
            // Nothing took the request, so it surely did not happen.
            return self.answer(node, call.id, Reply::refused(Class::ConnectionRefused, ""));
        }
        if self.status(node) == Status::Paused {
            if self.keep(
                node,
                Event::Request {
                    call,
                    node,
                    request,
                },
            ) {
                self.mark_open(call.id);
            }
            return;
        }
        self.mark_open(call.id);
        self.run(node, |store, context| store.request(context, call, request));
    }

    fn message_arrives(&mut self, from: NodeId, to: NodeId, copy: bool, message: S::Message) {
        let link = Link::new(from, to);
        let refuse = match self.arrives(link) {
            Arrival::Passes => self.status(to) == Status::Down,
            Arrival::Rejected => true,
            Arrival::Dropped => return,
        };
        if refuse {
            if !copy {
                self.send(
                    Link::new(to, from),
                    Event::Undelivered { from, to, message },
                );
            }
            return;
        }
        // Only what has arrived is doubled: then a message that comes back was never delivered.
        if !copy && let Some(at) = self.network.repeat(self.now, link) {
            self.statistics.duplicated += 1;
            self.queue.push(
                at,
                Event::Message {
                    from,
                    to,
                    copy: true,
                    message: message.clone(),
                },
            );
        }
        if self.status(to) == Status::Paused {
            self.keep(
                to,
                Event::Message {
                    from,
                    to,
                    copy,
                    message,
                },
            );
            return;
        }
        self.statistics.delivered += 1;
        self.run(to, |store, context| store.message(context, from, message));
    }

    fn arrives(&mut self, link: Link) -> Arrival {
        let arrival = self.network.arrive(link);
        if arrival != Arrival::Passes {
            self.statistics.cut += 1;
        }
        arrival
    }

    fn mark_open(&mut self, call: CallId) {
        if let Some(waiting) = self.calls.get(call) {
            waiting.progress = Progress::Open;
        }
    }

    /// Keeps a packet for a paused node; whether there was room.
    fn keep(&mut self, node: NodeId, event: Event<S::Message>) -> bool {
        let inbox = &mut self.nodes[node.index()].inbox;
        let room = inbox.len() < INBOX;
        if room {
            inbox.push_back(event);
        } else {
            self.statistics.overflowed += 1;
        }
        room
    }

    /// Hands over what waited while the node was paused. It has passed its link already.
    pub(super) fn hand_over(&mut self, event: Event<S::Message>) {
        match event {
            Event::Request {
                call,
                node,
                request,
            } => self.run(node, |store, context| store.request(context, call, request)),
            Event::Message {
                from, to, message, ..
            } => {
                self.statistics.delivered += 1;
                self.run(to, |store, context| store.message(context, from, message));
            }
            Event::Undelivered { from, to, message } => {
                self.run(from, |store, context| {
                    store.undelivered(context, to, message);
                });
            }
            Event::Timer { node, tag, .. } => {
                self.run(node, |store, context| store.timer(context, tag));
            }
            Event::Reply { .. } | Event::Alarm => unreachable!("these go to no node"),
        }
    }
}
