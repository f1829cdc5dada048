//! What can take effect next.

use super::notice::is_blind;
use super::trail::CLASS;
use super::{Bound, Class, Open, Search, Slot, clear, is_done};
use crate::linearizable::frontier::{self, MOST_USED};
use crate::models::Model;

/// How many configurations of a limited search may be on the way to a return, for each one of its width.
const SEEN_PER_WIDTH: usize = 16;

impl<M: Model> Search<'_, M> {
    /// Lets take effect, in whatever order, what can take effect before call `target` returns, until that one does.
    pub(super) fn extend_all(&mut self, target: usize, unknown: bool) -> Result<(), Bound> {
        let (mut config, mut after) = (self.take_room(0), self.take_room(1));
        let mut from = 0;
        while from < self.seen.entries() {
            if let Some(there) = self.seen.entry(from) {
                config.copy_from_slice(there);
                self.extend(&config, &mut after, target)?;
                if unknown {
                    self.extend_unknown(&config, &mut after, target)?;
                }
            }
            from += 1;
        }
        self.room = [config, after];
        Ok(())
    }

    /// Room for a configuration, to be given back.
    pub(super) fn take_room(&mut self, which: usize) -> Vec<u64> {
        let mut room = std::mem::take(&mut self.room[which]);
        room.resize(self.layout.words(), 0);
        room
    }

    /// Every open operation that can take effect next in `config`, in which call `target` has not. `after` is room for
    /// one configuration.
    fn extend(&mut self, config: &[u64], after: &mut [u64], target: usize) -> Result<(), Bound> {
        let state = frontier::state(config);
        // The action that was tried, and whether one that is not free did it.
        let mut tried = None;
        let mut steps = 1;
        let ranked = (!self.ranks.is_empty()).then(|| self.next_by_rank(config));
        for i in 0..self.open.len() {
            let Open {
                action,
                place,
                call,
                ..
            } = self.open[i];
            let is_free = matches!(place, Slot::Blind(slot) if self.layout.is_free(config, slot));
            let is_ruled_out = match (ranked, tried) {
                (Some(next), _) => next != Some(call),
                (None, Some((other, owed))) => other == action && (owed || is_free),
                (None, None) => false,
            };
            if is_ruled_out || is_done(self.layout, config, place) {
                continue;
            }
            tried = Some((action, !is_free));
            steps += 1;
            let Some(result) = self.model.step(state, action) else {
                continue;
            };
            after.copy_from_slice(config);
            if let Slot::Update(slot) = place {
                frontier::set(after, slot);
                self.settle(after, result);
            } else if let Slot::Blind(slot) = place {
                self.layout.set_blind(after, slot);
                self.layout.free(after, &self.blind_open);
                self.settle(after, result);
                if call as usize != target && !self.is_noticed(config, after) {
                    continue;
                }
            }
            self.keep(after, target, call);
        }
        self.pay(steps)
    }

    /// Which open operation must be the next one by rank; `None` when that one is not invoked yet.
    fn next_by_rank(&self, config: &[u64]) -> Option<u32> {
        let left = self.open.iter();
        let left = left.filter(|open| !is_done(self.layout, config, open.place));
        let (rank, call) = left
            .map(|open| (self.ranks[open.call as usize], open.call))
            .min()?;
        (rank < self.least_ahead).then_some(call)
    }

    /// Every operation of unknown outcome that can take effect next in `config`.
    fn extend_unknown(
        &mut self,
        config: &[u64],
        after: &mut [u64],
        target: usize,
    ) -> Result<(), Bound> {
        let state = frontier::state(config);
        let mut steps = 0;
        for class in 0..self.classes.len() {
            let Class { action, invoked } = self.classes[class];
            let used = self.layout.used(config, class);
            if used >= invoked || self.has_open_twin(config, action) {
                continue;
            }
            if used == MOST_USED - 1 {
                return Err(Bound::Bytes);
            }
            steps += 1;
            let Some(result) = self.model.step(state, action) else {
                continue;
            };
            after.copy_from_slice(config);
            self.layout.add_use(after, class);
            if is_blind(self.model, action) {
                self.layout.free(after, &self.blind_open);
            }
            self.settle(after, result);
            if self.model.result(action).is_none() || self.is_noticed(config, after) {
                self.keep(after, target, CLASS | class as u32);
            }
        }
        self.pay(steps)
    }

    /// Sets the state, and lets everything that changes nothing and fits it take effect.
    fn settle(&self, config: &mut [u64], state: u32) {
        frontier::set_state(config, state);
        let words = self.layout.pure_words();
        let fits = &self.fits[state as usize * words..][..words];
        let done = self.layout.pure_mut(config);
        for (word, fitting) in done.iter_mut().zip(fits) {
            *word |= fitting;
        }
        for &(slot, action) in &self.loose {
            if self.model.step(state, action).is_some() {
                let (word, bit) = super::pure_bit(slot);
                done[word] |= bit;
            }
        }
    }

    /// Takes over a configuration: as one after the return if the target has taken effect, else to go on from.
    /// `what` took effect just now.
    fn keep(&mut self, config: &mut [u64], target: usize, what: u32) {
        let before = self.trails.as_ref().map(|trails| {
            let before = self.layout.trail(config);
            self.layout.set_trail(config, trails.next());
            before as u32
        });
        let place = self.places[target];
        let is_new = if is_done(self.layout, config, place) {
            clear(self.layout, config, place);
            self.next.insert(config, &self.families)
        } else if self.seen.len() / SEEN_PER_WIDTH < self.width {
            self.seen.insert(config, &self.families)
        } else {
            self.dropped = true;
            false
        };
        if let (true, Some(before), Some(trails)) = (is_new, before, &mut self.trails) {
            trails.push(before, what, target);
        }
    }

    /// Whether a certain operation that does the same is open and has not taken effect: it goes first.
    /// Not so where an order is known: it may have to wait for others.
    fn has_open_twin(&self, config: &[u64], action: M::Action) -> bool {
        if !self.ranks.is_empty() {
            return false;
        }
        let begin = self.open.partition_point(|open| open.action < action);
        self.open[begin..]
            .iter()
            .take_while(|open| open.action == action)
            .any(|open| !is_done(self.layout, config, open.place))
    }
}
