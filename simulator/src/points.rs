//! Named points in what a store does, at which a fault can strike.

use std::sync::Arc;

use crate::{Random, Share};

/// Passed by every store just before it answers a client.
pub const REPLY: &str = "reply";
/// Passed by every store just before it sends a message.
pub const SEND: &str = "send";

/// What happens to a node that comes to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtPoint {
    /// It dies there: what it did before is done, what would come after is not.
    Crash,
    /// Its acknowledgements get lost in this share of cases: the replies to clients, and the messages to the node whose
    /// message it is handling, that it sends from there on while it handles the same event.
    DropReplies(Share),
}

struct Armed {
    id: u32,
    name: Arc<str>,
    action: AtPoint,
    random: Random,
    hits: u64,
}

/// The points of one node at which something is going to happen, and what did while it handled one event.
#[derive(Default)]
pub(crate) struct Points {
    armed: Vec<Armed>,
    /// Where it died: which fault, and after how many effects.
    pub(crate) crashed: Option<(u32, usize)>,
    /// From which effect on its acknowledgements get lost, and by which fault.
    pub(crate) dropping: Option<(u32, usize)>,
}

impl Points {
    pub(crate) fn is_armed(&self) -> bool {
        !self.armed.is_empty()
    }

    pub(crate) fn arm(&mut self, id: u32, name: &str, action: AtPoint, random: Random) {
        self.disarm(id);
        self.armed.push(Armed {
            id,
            name: Arc::from(name),
            action,
            random,
            hits: 0,
        });
    }

    /// How often it struck, if it was armed.
    pub(crate) fn disarm(&mut self, id: u32) -> Option<u64> {
        let place = self.armed.iter().position(|armed| armed.id == id)?;
        Some(self.armed.remove(place).hits)
    }

    /// Counts what a fault did.
    pub(crate) fn count(&mut self, id: u32, hits: u64) {
        if let Some(armed) = self.armed.iter_mut().find(|armed| armed.id == id) {
            armed.hits += hits;
        }
    }

    /// The store passes a point after so many effects; whether it dies there.
    pub(crate) fn pass(&mut self, name: &str, effects: usize) -> bool {
        if self.crashed.is_some() {
            return false;
        }
        for armed in &mut self.armed {
            if *armed.name != *name {
                continue;
            }
            match armed.action {
                AtPoint::Crash => {
                    self.crashed = Some((armed.id, effects));
                    return true;
                }
                AtPoint::DropReplies(share) => {
                    if self.dropping.is_none() && armed.random.chance(share) {
                        self.dropping = Some((armed.id, effects));
                    }
                }
            }
        }
        false
    }
}
