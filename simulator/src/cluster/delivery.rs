//! What becomes of events when their time has come.

use super::{Cluster, Event, INBOX};
use crate::calls::Progress;
use crate::network::Arrival;
use crate::{
    Call, CallId, Class, Happening, Link, Loss, NodeId, Place, Region, Reply, Request, Simulation,
    Status, Store,
};

impl<S: Store> Cluster<S> {
    /// Handles one event; what those outside must see of it.
    pub(super) fn handle(&mut self, event: Event<S::Message>) -> Option<Happening> {
        match event {
            Event::Request {
                call,
                node,
                region,
                request,
            } => self.request_arrives(call, node, region, request),
            Event::Reply {
                call,
                node,
                region,
                reply,
            } => {
                if self.arrives(Link::new(node, Place::Clients), region) == Arrival::Passes {
                    if self.calls.close(call) {
                        self.statistics.replies += 1;
                        self.trace_arrival(None);
                        return Some(Happening::Reply { call, reply });
                    }
                    self.trace_stop(Loss::TooLate);
                } else {
                    self.trace_stop(Loss::Cut);
                }
            }
            Event::Message {
                from,
                to,
                copy,
                message,
            } => self.message_arrives(from, to, copy, message),
            Event::Undelivered { from, to, message } => {
                if self.arrives(Link::new(to, from), Region::default()) == Arrival::Passes {
                    if self.stands_still(from) {
                        self.keep(from, Event::Undelivered { from, to, message });
                    } else if self.status(from) == Status::Running {
                        self.run(from, None, |store, context| {
                            store.undelivered(context, to, message);
                        });
                        self.trace_arrival(Some(from));
                    }
                } else {
                    self.trace_stop(Loss::Cut);
                }
            }
            Event::Timer {
                node,
                incarnation,
                tag,
            } => {
                if self.nodes[node.index()].incarnation == incarnation {
                    if self.stands_still(node) {
                        // Never too many: a store sets no more timers while it stands still.
                        self.nodes[node.index()]
                            .inbox
                            .push_back((self.current, event));
                    } else if self.status(node) == Status::Running {
                        self.run(node, None, |store, context| store.timer(context, tag));
                        self.trace_timer(node, tag);
                    }
                }
            }
            Event::Synced { node, incarnation } => {
                if self.nodes[node.index()].incarnation == incarnation {
                    self.sync_is_through(node);
                }
            }
            Event::Written { node, incarnation } => {
                if self.nodes[node.index()].incarnation == incarnation {
                    self.release(node);
                    self.go_on(node);
                }
            }
            Event::Alarm => unreachable!("alarms are handled where their keys are known"),
        }
        None
    }

    fn request_arrives(&mut self, call: Call, node: NodeId, region: Region, request: Request) {
        let refuse = match self.arrives(Link::new(Place::Clients, node), region) {
            Arrival::Passes => self.status(node) == Status::Down,
            Arrival::Rejected => true,
            Arrival::Dropped => return self.trace_stop(Loss::Cut),
        };
        if refuse {
            self.trace_stop(Loss::Refused);
            // Nothing took the request, so it surely did not happen.
            return self.answer(node, call.id, Reply::refused(Class::ConnectionRefused, ""));
        }
        if self.stands_still(node) {
            if self.keep(
                node,
                Event::Request {
                    call,
                    node,
                    region,
                    request,
                },
            ) {
                self.mark_open(call.id);
            }
            return;
        }
        self.mark_open(call.id);
        self.run(node, None, |store, context| {
            store.request(context, call, request);
        });
        self.trace_arrival(Some(node));
    }

    fn message_arrives(&mut self, from: NodeId, to: NodeId, copy: bool, message: S::Message) {
        let link = Link::new(from, to);
        let refuse = match self.arrives(link, Region::default()) {
            Arrival::Passes => self.status(to) == Status::Down,
            Arrival::Rejected => true,
            Arrival::Dropped => return self.trace_stop(Loss::Cut),
        };
        if refuse {
            self.trace_stop(Loss::Refused);
            if !copy {
                self.send(
                    Link::new(to, from),
                    Region::default(),
                    Event::Undelivered { from, to, message },
                );
            }
            return;
        }
        // Only what has arrived is doubled: then a message that comes back was never delivered.
        if !copy && let Some(at) = self.network.repeat(self.now, link) {
            self.statistics.duplicated += 1;
            self.put_on_its_way(
                at,
                link,
                Event::Message {
                    from,
                    to,
                    copy: true,
                    message: message.clone(),
                },
            );
        }
        if self.stands_still(to) {
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
        self.run(to, Some(from), |store, context| {
            store.message(context, from, message);
        });
        self.trace_arrival(Some(to));
    }

    fn arrives(&mut self, link: Link, region: Region) -> Arrival {
        let arrival = self.network.arrive(link, region);
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

    /// Keeps a packet for a node that stands still; whether there was room.
    fn keep(&mut self, node: NodeId, event: Event<S::Message>) -> bool {
        let inbox = &mut self.nodes[node.index()].inbox;
        let room = inbox.len() < INBOX;
        if room {
            inbox.push_back((self.current, event));
        } else {
            self.statistics.overflowed += 1;
            self.trace_stop(Loss::Overflow);
        }
        room
    }

    /// Hands over what waited while the node stood still. It has passed its link already.
    pub(super) fn hand_over(&mut self, event: Event<S::Message>) {
        match event {
            Event::Request {
                call,
                node,
                request,
                ..
            } => {
                self.run(node, None, |store, context| {
                    store.request(context, call, request);
                });
                self.trace_arrival(Some(node));
            }
            Event::Message {
                from, to, message, ..
            } => {
                self.statistics.delivered += 1;
                self.run(to, Some(from), |store, context| {
                    store.message(context, from, message);
                });
                self.trace_arrival(Some(to));
            }
            Event::Undelivered { from, to, message } => {
                self.run(from, None, |store, context| {
                    store.undelivered(context, to, message);
                });
                self.trace_arrival(Some(from));
            }
            Event::Timer { node, tag, .. } => {
                self.run(node, None, |store, context| store.timer(context, tag));
                self.trace_timer(node, tag);
            }
            Event::Synced { node, .. } => self.sync_is_through(node),
            Event::Reply { .. } | Event::Written { .. } | Event::Alarm => {
                unreachable!("no node waits for these")
            }
        }
    }
}
