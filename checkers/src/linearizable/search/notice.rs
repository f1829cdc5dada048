//! Who depends on what an operation leaves behind.

use super::{Class, Open, Search, is_done};
use crate::linearizable::frontier::{self, Family};
use crate::models::Model;

impl<M: Model> Search<'_, M> {
    /// Whether somebody notices the state that an operation has just left: a read took effect, or something
    /// that depends on the state can be next and leads somewhere.
    pub(super) fn is_noticed(&self, before: &[u64], after: &[u64]) -> bool {
        let state = frontier::state(after);
        if self.layout.pure(before) != self.layout.pure(after) {
            return true;
        }
        let open = |open: &Open<M::Action>| {
            !is_blind(self.model, open.action)
                && !is_done(self.layout, after, open.place)
                && self.model.step(state, open.action).is_some()
        };
        let unknown = |(class, it): (usize, &Class<M::Action>)| {
            !is_blind(self.model, it.action)
                && self.layout.used(after, class) < it.invoked
                && match self.model.step(state, it.action) {
                    Some(next) => next != state && self.is_wanted(next),
                    None => false,
                }
        };
        self.open.iter().any(open) || self.classes.iter().enumerate().any(unknown)
    }

    /// Whether something open, or unknown operations one after the other, may depend on the state.
    fn is_wanted(&self, state: u32) -> bool {
        !self.loose.is_empty() || self.wanted.contains(&state)
    }

    /// Finds the states that are wanted: those in which an open operation can happen that cannot happen in all, and
    /// those from which unknown operations lead to such a state.
    pub(super) fn find_wanted(&mut self) {
        self.wanted.clear();
        let chains = |class: &Class<M::Action>| !is_blind(self.model, class.action);
        if !self.classes.iter().any(chains) {
            // Then nobody asks.
            return;
        }
        let want = |state: u32, wanted: &mut Vec<u32>| {
            if !wanted.contains(&state) {
                wanted.push(state);
            }
        };
        for &(_, state) in &self.reads {
            want(state, &mut self.wanted);
        }
        for open in &self.open {
            if let Some(state) = self.model.only_in(open.action) {
                want(state, &mut self.wanted);
            }
        }
        let mut at = 0;
        while at < self.wanted.len() {
            for class in self.classes.iter().filter(|class| class.invoked > 0) {
                if let (Some(from), Some(to)) = (
                    self.model.only_in(class.action),
                    self.model.result(class.action),
                ) && to == self.wanted[at]
                {
                    want(from, &mut self.wanted);
                }
            }
            at += 1;
        }
    }
}

/// Whether an action happens in every state and leaves the same one: it does not notice what was before.
pub(super) fn is_blind<M: Model>(model: &M, action: M::Action) -> bool {
    model.fits_anywhere(action) && model.result(action).is_some()
}

/// Classes that leave the same state belong together, see [`Family`].
pub(super) fn families<M: Model>(model: &M, actions: &[M::Action]) -> Vec<Family> {
    let mut by_result: Vec<(Option<u32>, usize)> = actions
        .iter()
        .enumerate()
        .map(|(class, &action)| (model.result(action), class))
        .collect();
    by_result.sort_unstable();
    let mut families: Vec<(Option<u32>, Family)> = Vec::new();
    for (result, class) in by_result {
        let alone = result.is_none() || families.last().is_none_or(|(last, _)| *last != result);
        if alone {
            families.push((result, Family::default()));
        }
        if let Some((_, family)) = families.last_mut() {
            if is_blind(model, actions[class]) {
                family.anywhere = Some(class);
            } else {
                family.somewhere.push(class);
            }
        }
    }
    families.into_iter().map(|(_, family)| family).collect()
}
