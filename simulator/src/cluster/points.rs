//! What becomes of a node that comes to a point where a fault waits for it.

use super::{Cluster, Node, POINTS};
use crate::context::Effect;
use crate::{AtPoint, Durability, Link, Loss, NodeId, Place, Random, Simulation, Store};

impl<S: Store> Node<S> {
    /// Looks whether anything waits for this node.
    pub(super) fn look_again(&mut self) {
        self.is_watched = self.points.is_armed() || !self.harms.is_empty();
    }
}

impl<S: Store> Cluster<S> {
    pub(super) fn arm_point(&mut self, id: u32, node: NodeId, point: &str, action: AtPoint) {
        let stream = POINTS + (u64::from(id) << 8) + node.index() as u64;
        let random = Random::new(self.seed, stream);
        let node = &mut self.nodes[node.index()];
        node.points.arm(id, point, action, random);
        node.look_again();
    }

    /// Has the node die if it came to a point where it must: what it wanted before is carried out, and the rest of the
    /// effects is gone. Whether it died.
    pub(super) fn die_at_point(
        &mut self,
        id: NodeId,
        effects: &mut Vec<Effect<S::Message>>,
    ) -> bool {
        let node = &mut self.nodes[id.index()];
        let Some((fault, done)) = node.points.crashed.take() else {
            return false;
        };
        node.points.dropping = None;
        node.points.count(fault, 1);
        node.disk.take_back();
        if S::DURABILITY == Durability::EachWrite {
            node.disk.keep_all();
        }
        effects.truncate(done);
        for effect in effects.drain(..) {
            self.carry_out(id, effect);
        }
        self.crash(id);
        true
    }

    /// Takes the acknowledgements away that a fault wants lost.
    pub(super) fn drop_replies(
        &mut self,
        id: NodeId,
        from: Option<NodeId>,
        effects: &mut Vec<Effect<S::Message>>,
    ) {
        let Some((fault, first)) = self.nodes[id.index()].points.dropping.take() else {
            return;
        };
        let mut place = 0;
        let mut dropped = Vec::new();
        effects.retain(|effect| {
            let late = place >= first;
            place += 1;
            let lost = match effect {
                Effect::Reply { call, reply } => {
                    let text = || format!("{reply:?}");
                    Some((Place::Clients, Some(call.id), text()))
                }
                Effect::Send { to, message } if Some(*to) == from => {
                    Some((Place::Node(*to), None, format!("{message:?}")))
                }
                _ => None,
            };
            let lost = lost.filter(|_| late);
            let keeps = lost.is_none();
            dropped.extend(lost);
            keeps
        });
        let node = &mut self.nodes[id.index()];
        node.points.count(fault, dropped.len() as u64);
        for (to, call, text) in dropped {
            if let Some(waiting) = call.and_then(|call| self.calls.get(call)) {
                // It was sent, as far as the node knows.
                waiting.progress = crate::calls::Progress::Answered;
            }
            self.statistics.lost += 1;
            self.trace_lost(Link::new(id, to), text, Loss::Acknowledgement);
        }
    }
}
