//! Disks that stall, are slow or full, or lose what is being written.

use std::collections::VecDeque;

use super::{Cluster, Event, Node};
use crate::context::Effect;
use crate::{DiskFault, DiskHarm, Durability, NodeId, Simulation, Status, Store};

/// A fault of a disk, and what it did.
pub(super) struct Harmed {
    id: u32,
    fault: DiskFault,
    harm: DiskHarm,
}

impl<S: Store> Node<S> {
    fn is_stalled(&self) -> bool {
        self.has(DiskFault::Stall)
    }

    fn has(&self, fault: DiskFault) -> bool {
        self.harms.iter().any(|harmed| harmed.fault == fault)
    }

    /// How much longer a write takes, in nanoseconds.
    fn slowness(&self) -> u64 {
        let each = |harmed: &Harmed| match harmed.fault {
            DiskFault::Slow { by } => u64::try_from(by.as_nanos()).unwrap_or(u64::MAX),
            _ => 0,
        };
        self.harms.iter().map(each).fold(0, u64::saturating_add)
    }

    /// Counts what the faults of a kind did.
    fn count(&mut self, kind: impl Fn(DiskFault) -> bool, count: impl Fn(&mut DiskHarm)) {
        let harmed = self.harms.iter_mut().filter(|harmed| kind(harmed.fault));
        harmed.for_each(|harmed| count(&mut harmed.harm));
    }

    fn count_wait(&mut self) {
        let waits = |fault| matches!(fault, DiskFault::Stall | DiskFault::Slow { .. });
        self.count(waits, |harm| harm.waited += 1);
    }

    /// Whether the event that the node has just handled wrote anything; only for disks whose parts are watched.
    fn has_written(&self) -> bool {
        self.disk.has_written()
            || self.disk.header_before().is_some_and(|before| {
                let text = |header: &S::Header| serde_json::to_string(header).ok();
                text(before) != text(&self.disk.header)
            })
    }
}

impl<S: Store> Cluster<S> {
    /// Before a watched node handles an event: what it writes can be taken back.
    pub(super) fn watch(node: &mut Node<S>) {
        if S::DURABILITY == Durability::EachWrite && !node.harms.is_empty() {
            node.disk.keep_all();
            node.disk.begin();
        }
    }

    /// After a watched node has handled an event: what the faults that wait for it make of that. What is left of the
    /// effects is to be carried out.
    pub(super) fn judge(
        &mut self,
        id: NodeId,
        from: Option<NodeId>,
        effects: &mut Vec<Effect<S::Message>>,
    ) {
        if self.die_at_point(id, effects) {
            return;
        }
        self.drop_replies(id, from, effects);
        if S::DURABILITY == Durability::OnSync {
            return;
        }
        let node = &mut self.nodes[id.index()];
        let wrote = !node.harms.is_empty() && node.has_written();
        if !wrote {
            return node.disk.keep_all();
        }
        if node.has(DiskFault::Full) || node.has(DiskFault::Tear) {
            effects.clear();
            return self.die_writing(id);
        }
        node.disk.keep_all();
        let slow = node.slowness();
        if slow == 0 && !node.is_stalled() {
            return;
        }
        node.count_wait();
        node.held = Some(std::mem::take(effects));
        node.disk_free = self.now.saturating_add(slow);
        let incarnation = node.incarnation;
        self.queue.push(
            self.now.saturating_add(slow),
            Event::Written {
                node: id,
                incarnation,
            },
        );
    }

    /// The node dies of what it was writing: on a full disk nothing of it is there, and when the power fails some is.
    fn die_writing(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        let torn = node.has(DiskFault::Tear);
        let lost = if torn {
            node.disk.tear(&mut self.tears)
        } else {
            node.disk.take_all_back()
        };
        let kind = if torn {
            DiskFault::Tear
        } else {
            DiskFault::Full
        };
        node.count(
            |fault| fault == kind,
            |harm| {
                harm.died += 1;
                harm.lost += lost as u64;
            },
        );
        // The power fails once.
        node.harms.iter_mut().for_each(|harmed| {
            if harmed.fault == DiskFault::Tear {
                harmed.fault = DiskFault::Slow {
                    by: std::time::Duration::ZERO,
                };
            }
        });
        self.crash(id);
    }

    pub(super) fn harm(&mut self, id: u32, node: NodeId, fault: DiskFault) {
        self.mend(id, node);
        let node = &mut self.nodes[node.index()];
        node.harms.push(Harmed {
            id,
            fault,
            harm: DiskHarm::default(),
        });
        node.disk.set_full(node.has(DiskFault::Full));
        node.look_again();
    }

    pub(super) fn mend(&mut self, id: u32, at: NodeId) -> Option<DiskHarm> {
        let now = self.now;
        let node = &mut self.nodes[at.index()];
        let place = node.harms.iter().position(|harmed| harmed.id == id)?;
        let harmed = node.harms.remove(place);
        node.disk.set_full(node.has(DiskFault::Full));
        if node.harms.is_empty() && S::DURABILITY == Durability::EachWrite {
            node.disk.keep_all();
        }
        node.look_again();
        if !node.is_stalled() {
            let incarnation = node.incarnation;
            if node.held.is_some() {
                let free = node.disk_free.max(now);
                self.queue.push(
                    free,
                    Event::Written {
                        node: at,
                        incarnation,
                    },
                );
            }
            for _ in 0..std::mem::take(&mut node.stalled_syncs) {
                self.queue.push(
                    now,
                    Event::Synced {
                        node: at,
                        incarnation,
                    },
                );
            }
        }
        Some(harmed.harm)
    }

    /// Lets a node have what it waited for, if its write is through.
    pub(super) fn release(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        if node.status != Status::Running || node.is_stalled() || node.disk_free > now {
            return;
        }
        for effect in node.held.take().into_iter().flatten() {
            self.carry_out(id, effect);
        }
    }

    /// Has the disk write out all that was written so far.
    pub(super) fn write_out(&mut self, id: NodeId, tag: u64) {
        let sync = u64::try_from(self.sync.as_nanos()).unwrap_or(u64::MAX);
        let node = &mut self.nodes[id.index()];
        if node.status == Status::Down {
            return;
        }
        if S::DURABILITY == Durability::OnSync {
            if node.has(DiskFault::Full) || node.has(DiskFault::Tear) {
                return self.die_writing(id);
            }
            node.disk.begin();
        }
        node.syncs.push_back(tag);
        let slow = node.slowness();
        if slow > 0 || node.is_stalled() {
            node.count_wait();
        }
        let through = self
            .now
            .max(node.disk_free)
            .saturating_add(sync)
            .saturating_add(slow);
        node.disk_free = through;
        let incarnation = node.incarnation;
        self.queue.push(
            through,
            Event::Synced {
                node: id,
                incarnation,
            },
        );
    }

    /// What was written before the oldest sync is safe, and the node is told.
    pub(super) fn sync_is_through(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        if node.is_stalled() {
            node.stalled_syncs += 1;
            return;
        }
        if node.status == Status::Down {
            return;
        }
        if self.stands_still(id) {
            let incarnation = self.nodes[id.index()].incarnation;
            let event = Event::Synced {
                node: id,
                incarnation,
            };
            self.nodes[id.index()]
                .inbox
                .push_back((self.current, event));
            return;
        }
        let node = &mut self.nodes[id.index()];
        if S::DURABILITY == Durability::OnSync {
            node.disk.keep_oldest();
        }
        let tags: VecDeque<u64> = node.syncs.pop_front().into_iter().collect();
        for tag in tags {
            self.run(id, None, |store, context| store.synced(context, tag));
        }
    }
}
