//! Unique ids, event by event: an id that was given out before.
//!
//! Ids that are integers, or texts or lists that end with one, are remembered as runs, so dense ones cost next to nothing:
//! a sequence, one of each process or node, blocks of a sequence. Of ids that are not dense (random ones, clocks) it
//! remembers between 50,000 and 100,000, those that were given out last: that an older one comes again is left to
//! the checker.

use schism_history::F;

use super::calls::{Call, Ended};
use super::ranges::Ranges;
use super::recent::Recent;
use super::{Broken, Judge};

/// Runs of ids, and ids that are in none, that are remembered of each key.
const REMEMBERED: usize = 100_000;

/// All spaces of ids.
#[derive(Default)]
pub(super) struct UniqueIds {
    keys: Recent<Ranges>,
}

impl Judge for UniqueIds {
    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        let id = &ended.event.value;
        if call.f != F::Generate || !ended.is_ok() || id.is_nil() {
            return None;
        }
        let ids = self.keys.of(&call.key)?;
        let is_new = ids.insert(id);
        ids.forget_beyond(REMEMBERED);
        (!is_new).then(|| Broken {
            sentence: format!(
                "process {} was given the id {id}, which had been given out before",
                call.process
            ),
            key: call.key.clone(),
        })
    }

    fn remembered(&self) -> usize {
        self.keys.values().map(Ranges::remembered).sum()
    }
}
