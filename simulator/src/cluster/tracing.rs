//! Writing down what happens between the nodes.

use schism_history::Time;

use super::{Cluster, Event};
use crate::{Link, Loss, NodeId, PacketId, Store, TraceStep, Traced};

/// What was written down.
#[derive(Debug, Default)]
pub(super) struct Tracer {
    lines: Vec<Traced>,
}

impl Tracer {
    pub(super) fn take(&mut self) -> Vec<Traced> {
        std::mem::take(&mut self.lines)
    }
}

impl<S: Store> Cluster<S> {
    fn write_down(&mut self, step: TraceStep) {
        let at = Time::from_nanos(self.now);
        if let Some(tracer) = &mut self.tracer {
            tracer.lines.push(Traced { at, step });
        }
    }

    /// Puts a packet on its way and writes it down.
    #[cold]
    pub(super) fn trace_sending(&mut self, at: u64, link: Link, event: Event<S::Message>) {
        let text = words(&event);
        let call = match &event {
            Event::Request { call, .. } => Some(call.id),
            Event::Reply { call, .. } => Some(*call),
            _ => None,
        };
        let packet = PacketId(self.queue.push(at, event).number());
        self.write_down(TraceStep::Sent {
            packet,
            from: link.from,
            to: link.to,
            text,
            call,
        });
    }

    pub(super) fn trace_loss(&mut self, link: Link, event: &Event<S::Message>, why: Loss) {
        if self.tracer.is_some() {
            self.trace_lost(link, words(event), why);
        }
    }

    pub(super) fn trace_lost(&mut self, link: Link, text: String, why: Loss) {
        self.write_down(TraceStep::Lost {
            from: link.from,
            to: link.to,
            text,
            why,
        });
    }

    /// The packet that is being handled has arrived, at a node or at a client.
    pub(super) fn trace_arrival(&mut self, node: Option<NodeId>) {
        if self.tracer.is_some() {
            let state = node.map(|node| self.note(node)).unwrap_or_default();
            let packet = PacketId(self.current);
            self.write_down(TraceStep::Arrived { packet, state });
        }
    }

    pub(super) fn trace_stop(&mut self, why: Loss) {
        let packet = PacketId(self.current);
        self.write_down(TraceStep::Stopped { packet, why });
    }

    pub(super) fn trace_timer(&mut self, node: NodeId, tag: u64) {
        if self.tracer.is_some() {
            let state = self.note(node);
            self.write_down(TraceStep::Timer { node, tag, state });
        }
    }

    pub(super) fn trace_fault(&mut self, node: Option<NodeId>, text: impl FnOnce() -> String) {
        if self.tracer.is_some() {
            let text = text();
            self.write_down(TraceStep::Fault { node, text });
        }
    }

    fn note(&self, id: NodeId) -> String {
        let node = &self.nodes[id.index()];
        node.store.note(id, &node.disk)
    }
}

/// What a packet says.
fn words<M: std::fmt::Debug>(event: &Event<M>) -> String {
    match event {
        Event::Request { request, .. } => format!("{request:?}"),
        Event::Reply { reply, .. } => format!("{reply:?}"),
        Event::Message { message, .. } => format!("{message:?}"),
        Event::Undelivered { message, .. } => format!("undelivered: {message:?}"),
        _ => String::new(),
    }
}
