//! The calls that clients wait for.

use crate::{CallId, NodeId, Region};

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The request is on its way to the node.
    Sent,
    /// The node has it.
    Open,
    /// The answer is on its way to the client, or lost.
    Answered,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) node: NodeId,
    pub(crate) read: bool,
    pub(crate) progress: Progress,
    /// Where the client is.
    pub(crate) region: Region,
}

struct Slot {
    generation: u32,
    waiting: Option<Waiting>,
}

/// Calls in slots that are used again; the generation tells an old call from a new one in the same slot.
#[derive(Default)]
pub(crate) struct Calls {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Calls {
    pub(crate) fn open(&mut self, node: NodeId, read: bool, region: Region) -> CallId {
        let waiting = Some(Waiting {
            node,
            read,
            progress: Progress::Sent,
            region,
        });
        if let Some(slot) = self.free.pop() {
            let place = &mut self.slots[slot as usize];
            place.waiting = waiting;
            return CallId {
                slot,
                generation: place.generation,
            };
        }
        let slot = u32::try_from(self.slots.len())
            .expect("four thousand million open calls do not fit into memory");
        self.slots.push(Slot {
            generation: 0,
            waiting,
        });
        CallId {
            slot,
            generation: 0,
        }
    }

    /// The call, while the client waits for it.
    pub(crate) fn get(&mut self, id: CallId) -> Option<&mut Waiting> {
        self.slots
            .get_mut(id.slot as usize)
            .filter(|slot| slot.generation == id.generation)?
            .waiting
            .as_mut()
    }

    /// The client waits no longer; whether it did.
    pub(crate) fn close(&mut self, id: CallId) -> bool {
        if self.get(id).is_none() {
            return false;
        }
        let slot = &mut self.slots[id.slot as usize];
        slot.waiting = None;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        true
    }

    /// Whether no client waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// The calls that a node has not answered yet. O(slots).
    pub(crate) fn open_at(&self, node: NodeId) -> Vec<CallId> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| {
                slot.waiting.is_some_and(|waiting| {
                    waiting.node == node && waiting.progress == Progress::Open
                })
            })
            .map(|(index, slot)| CallId {
                slot: index as u32,
                generation: slot.generation,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_call_is_not_taken_for_a_new_one_in_its_slot() {
        let mut calls = Calls::default();
        let node = NodeId::new(0);
        let first = calls.open(node, true, Region::default());
        assert!(!calls.is_empty());
        assert!(calls.close(first));
        assert!(calls.is_empty());
        let second = calls.open(node, false, Region::default());
        assert_eq!(first.slot, second.slot);
        assert!(calls.get(first).is_none());
        assert!(!calls.close(first));
        assert!(calls.get(second).is_some());
    }

    #[test]
    fn a_crash_finds_the_calls_that_the_node_has() {
        let mut calls = Calls::default();
        let (a, b) = (NodeId::new(0), NodeId::new(1));
        let progress = [
            Progress::Sent,
            Progress::Open,
            Progress::Answered,
            Progress::Open,
        ];
        let ids: Vec<CallId> = progress
            .iter()
            .map(|progress| {
                let id = calls.open(a, true, Region::default());
                calls.get(id).unwrap().progress = *progress;
                id
            })
            .collect();
        let other = calls.open(b, true, Region::default());
        calls.get(other).unwrap().progress = Progress::Open;
        assert_eq!(calls.open_at(a), [ids[1], ids[3]]);
    }
}
