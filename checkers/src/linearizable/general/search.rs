//! The search for objects of any kind: a frontier of everything that may have happened so far.
//!
//! It is the search of [`linearizable::search`](crate::linearizable) for models that are given as code: just-in-time
//! linearization (Lowe, "Testing for linearizability", 2017) over numbered states. States get their numbers as they come
//! up, and each step of the model is computed once. What keeps the frontier small, and why it is fair, is told there:
//! reads at once, twins, classes, dominance. Of its fifth rule there is a general form here:
//!
//! - *As late as possible.* An operation of unknown outcome takes effect only right before somebody who notices. If the
//!   next to take effect could just as well come before it, with the same state after both, the order in which it does is
//!   as good, and is looked at by itself.
//!
//! When all that is left is one configuration with nothing open, what was before is settled, and its states are
//! forgotten. So memory is bounded by what is open at once and by what the object holds, not by the history's length.
//!
//! Cost: events × configurations × open operations; configurations up to 2^open × states. Bounded by steps and bytes.

use rustc_hash::FxHashSet;
use schism_history::Time;

use super::objects::Calls;
use super::space::Space;
use crate::Budget;
use crate::linearizable::agenda::{Event, Slot, events, slots};
use crate::linearizable::frontier::{self, Family, Frontier, Layout, MOST_USED};
use crate::model::Model;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is an order that explains every call.
    Explained,
    /// There is none: when this call (by index) returned, nothing was left.
    Impossible { at: usize },
    /// Not known. Up to the return of this call an order exists; why there is no more.
    Exhausted {
        reached: Option<usize>,
        why: &'static str,
    },
}

/// A width that keeps everything.
const EVERYTHING: usize = usize::MAX;
/// How many configurations per width may be visited between two returns.
const SEEN_PER_WIDTH: usize = 8;
/// States that are kept before old ones are forgotten.
const FORGET_AT: usize = 4_096;

/// Searches in narrow searches first, then in full; what was found, and how many steps that took.
///
/// A narrow search keeps only so many configurations. What it explains is explained; where it ends, nothing is proved.
///
/// `later`: it begins later than at the beginning, in the state that stands for [anything](Model::anything), or in the
/// first one if there is none.
pub(crate) fn search<M: Model>(
    model: &M,
    later: bool,
    calls: &Calls,
    budget: &Budget,
) -> (Found, u64) {
    /// Widths, and which part of what is left of the budget each may take.
    const WIDTHS: [(usize, u64); 3] = [(32, 16), (1_024, 4), (EVERYTHING, 1)];
    let mut left = budget.steps;
    let mut furthest: Option<(Option<usize>, &'static str)> = None;
    for (width, share) in WIDTHS {
        let each = budget.part(left / share, budget.bytes);
        let mut search = Search::new(model, later, calls, width, &each);
        let found = search.run();
        left = left.saturating_sub(each.steps - search.steps_left);
        match found {
            Ended::Explained => return (Found::Explained, budget.steps - left),
            Ended::Nothing { at } if !search.dropped => {
                return (Found::Impossible { at }, budget.steps - left);
            }
            Ended::Nothing { .. } => {}
            Ended::Bound { reached, why } => {
                if furthest.is_none_or(|(best, _)| best <= reached) {
                    furthest = Some((reached, why));
                }
            }
        }
    }
    let (reached, why) = furthest.unwrap_or((None, "the allowed number of steps was spent"));
    (Found::Exhausted { reached, why }, budget.steps - left)
}

enum Ended {
    Explained,
    Nothing {
        at: usize,
    },
    Bound {
        reached: Option<usize>,
        why: &'static str,
    },
}

/// An open operation that happened for sure. Twins stand next to each other, the first to return first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    action: u32,
    end: Time,
    slot: u32,
}

/// Operations of unknown outcome that would do the same.
struct Class {
    action: u32,
    invoked: u16,
}

struct Search<'m, M: Model> {
    space: Space<'m, M>,
    calls: &'m Calls,
    budget: &'m Budget,
    steps_left: u64,
    width: usize,
    dropped: bool,
    layout: Layout,
    /// For each call its slot, or its class.
    number: Vec<u32>,
    classes: Vec<Class>,
    families: Vec<Family>,
    pure: Vec<bool>,
    open: Vec<Open>,
    /// Open operations that change nothing.
    reads: Vec<(u32, u32)>,
    current: Frontier,
    next: Frontier,
    seen: Frontier,
    start: u32,
}

type Bound = &'static str;

impl<'m, M: Model> Search<'m, M> {
    fn new(model: &'m M, later: bool, calls: &'m Calls, width: usize, budget: &'m Budget) -> Self {
        let mut unknown: Vec<u32> = calls
            .calls
            .iter()
            .filter(|call| !call.is_certain())
            .map(|call| call.action)
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        let (slots, places) = slots(&calls.calls, &unknown, |_| Slot::Update);
        let number = places.into_iter().map(Slot::number).collect();
        let layout = Layout::new(slots, unknown.len());
        let mut space = Space::new(model, &calls.actions);
        let anything = model.anything().filter(|_| later);
        // What a read found narrows it down, so that reads change something.
        let narrows = anything.is_some();
        let start = space.number(anything.unwrap_or_else(|| model.init()));
        Self {
            space,
            calls,
            budget,
            steps_left: budget.steps,
            width,
            dropped: false,
            layout,
            number,
            families: (0..unknown.len())
                .map(|class| Family {
                    anywhere: None,
                    somewhere: vec![class],
                })
                .collect(),
            classes: unknown
                .into_iter()
                .map(|action| Class { action, invoked: 0 })
                .collect(),
            pure: calls
                .actions
                .iter()
                .map(|action| !narrows && model.is_pure(action))
                .collect(),
            open: Vec::new(),
            reads: Vec::new(),
            current: Frontier::new(layout),
            next: Frontier::new(layout),
            seen: Frontier::new(layout),
            start,
        }
    }

    fn run(&mut self) -> Ended {
        let mut reached = None;
        let start = self.layout.start(self.start);
        self.current.insert(&start, &self.families);
        for event in events(&self.calls.calls) {
            match event {
                Event::Invoke(i) => self.invoke(i),
                Event::Return(i) => {
                    if let Err(why) = self.complete(i) {
                        return Ended::Bound { reached, why };
                    }
                    if self.current.len() == 0 {
                        return Ended::Nothing { at: i };
                    }
                    reached = Some(i);
                }
            }
        }
        Ended::Explained
    }

    fn invoke(&mut self, i: usize) {
        let call = &self.calls.calls[i];
        let (action, slot) = (call.action, self.number[i]);
        if !call.is_certain() {
            let invoked = &mut self.classes[slot as usize].invoked;
            *invoked = invoked.saturating_add(1);
        } else if self.pure[action as usize] {
            self.reads.push((slot, action));
            let space = &mut self.space;
            self.current.update(|config| {
                if space.allows(frontier::state(config), action) {
                    frontier::set(config, slot);
                }
            });
        } else {
            let open = Open {
                action,
                end: call.end,
                slot,
            };
            let place = self.open.partition_point(|other| *other < open);
            self.open.insert(place, open);
        }
    }

    fn complete(&mut self, i: usize) -> Result<(), Bound> {
        let slot = self.number[i];
        self.next.clear();
        self.seen.clear();
        let mut config = vec![0; self.layout.words()];
        for there in self.current.iter() {
            config.copy_from_slice(there);
            if frontier::has(&config, slot) {
                frontier::clear(&mut config, slot);
                self.next.insert(&config, &self.families);
            } else {
                self.seen.insert(&config, &self.families);
            }
        }
        self.pay(self.current.len() as u64)?;
        // Where not everything is kept anyway, unknown operations are the last resort.
        let frugal = self.width != EVERYTHING && self.classes.iter().any(|class| class.invoked > 0);
        self.extend_all(slot, !frugal)?;
        if frugal && self.seen.len() > 0 {
            self.dropped = true;
            if self.next.len() == 0 {
                self.extend_all(slot, true)?;
            }
        }
        self.open.retain(|open| open.slot != slot);
        self.reads.retain(|&(other, _)| other != slot);
        std::mem::swap(&mut self.current, &mut self.next);
        if self.current.len() > self.width {
            self.narrow();
        }
        if self.space.len() > FORGET_AT && self.space.len() / 8 > self.current.len() {
            self.forget();
        }
        Ok(())
    }

    /// Keeps as many configurations as the width allows: those that used the fewest unknown operations, of equals those
    /// that came first.
    fn narrow(&mut self) {
        self.dropped = true;
        let mut order: Vec<(u64, usize)> = (0..self.current.entries())
            .filter_map(|i| Some((self.layout.used_in_all(self.current.entry(i)?), i)))
            .collect();
        order.select_nth_unstable(self.width);
        order.truncate(self.width);
        order.sort_unstable_by_key(|&(_, i)| i);
        self.next.clear();
        for (_, i) in order {
            if let Some(config) = self.current.entry(i) {
                self.next.insert(config, &self.families);
            }
        }
        std::mem::swap(&mut self.current, &mut self.next);
    }

    /// Forgets the states that no configuration is in.
    fn forget(&mut self) {
        let mut live: Vec<u32> = self.current.iter().map(frontier::state).collect();
        live.sort_unstable();
        live.dedup();
        self.space.keep(&live);
        self.next.clear();
        let mut config = vec![0; self.layout.words()];
        for there in self.current.iter() {
            config.copy_from_slice(there);
            let number = live.partition_point(|&state| state < frontier::state(there));
            frontier::set_state(&mut config, number as u32);
            self.next.insert(&config, &self.families);
        }
        std::mem::swap(&mut self.current, &mut self.next);
    }

    /// Lets take effect, in whatever order, what can take effect before the operation in slot `target`, until that one
    /// does.
    fn extend_all(&mut self, target: u32, unknown: bool) -> Result<(), Bound> {
        let mut from = 0;
        while from < self.seen.entries() {
            if let Some(there) = self.seen.entry(from) {
                let config = there.to_vec();
                self.extend(&config, target)?;
                if unknown {
                    self.extend_unknown(&config, target)?;
                }
            }
            from += 1;
        }
        Ok(())
    }

    /// Every open operation that can take effect next in `config`, in which the one in slot `target` has not.
    fn extend(&mut self, config: &[u64], target: u32) -> Result<(), Bound> {
        let state = frontier::state(config);
        let mut tried = None;
        let mut steps = 1;
        for i in 0..self.open.len() {
            let Open { action, slot, .. } = self.open[i];
            if frontier::has(config, slot) || tried == Some(action) {
                continue;
            }
            tried = Some(action);
            steps += 1;
            for place in self.space.steps(state, action) {
                let mut after = config.to_vec();
                frontier::set(&mut after, slot);
                self.settle(&mut after, self.space.result(place));
                self.keep(&after, target);
            }
        }
        self.pay(steps)
    }

    /// Chains of unknown operations, each noticed by the next one, and the last one by an operation that happened or by
    /// a read.
    fn extend_unknown(&mut self, config: &[u64], target: u32) -> Result<(), Bound> {
        /// What the chain is so far, the state before its last one, and that one's action.
        type Chain = (Vec<u64>, u32, u32);
        let mut chains: Vec<Chain> = Vec::new();
        let mut known: FxHashSet<Chain> = FxHashSet::default();
        let mut at = 0;
        self.prolong(config, None, &mut chains, &mut known)?;
        while at < chains.len() {
            let (config, before, last) = chains[at].clone();
            at += 1;
            let state = frontier::state(&config);
            // A read that fits now and did not before has noticed: go on from here as from anywhere.
            let mut settled = config.clone();
            self.settle(&mut settled, state);
            if settled != config {
                self.keep(&settled, target);
                continue;
            }
            let mut tried = None;
            for i in 0..self.open.len() {
                let Open { action, slot, .. } = self.open[i];
                if frontier::has(&config, slot) || tried == Some(action) {
                    continue;
                }
                tried = Some(action);
                self.pay(1)?;
                for place in self.space.steps(state, action) {
                    let result = self.space.result(place);
                    if self.may_swap(before, last, action, result) {
                        continue;
                    }
                    let mut after = config.clone();
                    frontier::set(&mut after, slot);
                    self.settle(&mut after, result);
                    self.keep(&after, target);
                }
            }
            self.prolong(&config, Some((before, last)), &mut chains, &mut known)?;
        }
        Ok(())
    }

    /// One more unknown operation at the end of a chain.
    fn prolong(
        &mut self,
        config: &[u64],
        last: Option<(u32, u32)>,
        chains: &mut Vec<(Vec<u64>, u32, u32)>,
        known: &mut FxHashSet<(Vec<u64>, u32, u32)>,
    ) -> Result<(), Bound> {
        let state = frontier::state(config);
        for class in 0..self.classes.len() {
            let Class { action, invoked } = self.classes[class];
            let used = self.layout.used(config, class);
            if used >= invoked || self.has_open_twin(config, action) {
                continue;
            }
            if used == MOST_USED - 1 {
                return Err("more unknown operations took effect than can be counted");
            }
            self.pay(1)?;
            for place in self.space.steps(state, action) {
                let result = self.space.result(place);
                // One that leaves the state as it is helps nobody.
                let idle = result == state;
                let swaps = last.is_some_and(|(before, last)| {
                    // Of two that may be swapped, the order of their numbers is enough.
                    action < last && self.may_swap(before, last, action, result)
                });
                if idle || swaps {
                    continue;
                }
                let mut after = config.to_vec();
                self.layout.add_use(&mut after, class);
                frontier::set_state(&mut after, result);
                let chain = (after, state, action);
                if known.insert(chain.clone()) {
                    chains.push(chain);
                    if chains.len() / SEEN_PER_WIDTH >= self.width {
                        self.dropped = true;
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether `first` and then `second`, from state `before` to state `result`, may as well come the other way round.
    fn may_swap(&mut self, before: u32, first: u32, second: u32, result: u32) -> bool {
        for place in self.space.steps(before, second) {
            let between = self.space.result(place);
            for place in self.space.steps(between, first) {
                if self.space.result(place) == result {
                    return true;
                }
            }
        }
        false
    }

    /// Sets the state, and lets everything that changes nothing and fits it take effect.
    fn settle(&mut self, config: &mut [u64], state: u32) {
        frontier::set_state(config, state);
        for i in 0..self.reads.len() {
            let (slot, action) = self.reads[i];
            if !frontier::has(config, slot) && self.space.allows(state, action) {
                frontier::set(config, slot);
            }
        }
    }

    /// Takes over a configuration: as one after the return if the target has taken effect, else to go on from.
    fn keep(&mut self, config: &[u64], target: u32) {
        if frontier::has(config, target) {
            let mut config = config.to_vec();
            frontier::clear(&mut config, target);
            self.next.insert(&config, &self.families);
        } else if self.seen.len() / SEEN_PER_WIDTH < self.width {
            self.seen.insert(config, &self.families);
        } else {
            self.dropped = true;
        }
    }

    /// Whether a certain operation that does the same is open and has not taken effect: it goes first.
    fn has_open_twin(&self, config: &[u64], action: u32) -> bool {
        let begin = self.open.partition_point(|open| open.action < action);
        self.open[begin..]
            .iter()
            .take_while(|open| open.action == action)
            .any(|open| !frontier::has(config, open.slot))
    }

    fn pay(&mut self, steps: u64) -> Result<(), Bound> {
        let steps = steps + self.next.take_comparisons() + self.seen.take_comparisons();
        let before = self.steps_left;
        if before < steps {
            self.steps_left = 0;
            return Err("the allowed number of steps was spent");
        }
        self.steps_left -= steps;
        if before >> 12 != self.steps_left >> 12 {
            let frontiers = self.current.bytes() + self.next.bytes() + self.seen.bytes();
            if frontiers + self.space.bytes() > self.budget.bytes {
                return Err("the allowed memory was full");
            }
            if self.budget.is_stopped() {
                return Err("the check was stopped");
            }
        }
        Ok(())
    }
}
