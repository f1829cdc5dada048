//! The search for values that repeat: a frontier of everything that may have happened so far.
//!
//! Just-in-time linearization (Lowe, "Testing for linearizability", 2017): walk through invocations and returns in order
//! of time, and keep every *configuration* that is still possible: the object's state, and which of the open operations
//! have already taken effect. An operation is given its effect only when its return demands it. No configuration left
//! means that no order explains the history. Memory is bounded by what is open at once, not by the history's length.
//!
//! What keeps the frontier small, and why it is fair:
//!
//! 1. *Reads at once.* An open operation that changes nothing and fits the state takes effect immediately. In any order
//!    that begins like this configuration it comes later; moving it here disturbs nobody.
//! 2. *Twins.* Of open operations that do exactly the same, the one that returns first takes effect first: in an order
//!    that has them the other way round, swap them.
//! 3. *Classes.* Operations of unknown outcome that would do the same are one counter: they never return, so nothing
//!    tells them apart. One that is certain goes before an unknown one that does the same, by the swap of 2.
//! 4. *Dominance.* Of configurations that differ only in how many unknown operations they used, the one that used less
//!    is enough; a write can stand for a compare-and-set that leaves the same value. See [`Frontier`].
//! 5. *Only when needed.* An unknown operation that leaves a fixed state takes effect only right before somebody who
//!    notices that state. If the next to take effect does not notice, the order without it is as good.
//! 6. Unknown operations whose effect nobody ever sees are taken out beforehand, see [`relevant`](super::relevant).
//!
//! Cost: events × configurations × open operations; configurations up to 2^open × states in the worst case. Bounded by
//! steps and bytes.
//!
//! Where it is known in which order the certain updates took effect, only the next one by that order is ever tried, and
//! 2 and the second half of 3 do not apply.
//!
//! A search of limited *width* keeps only so many configurations, those that used the fewest unknown operations and, of
//! these, those that owe the least to what is open. What it explains is explained; where it ends, nothing is proved. Most histories with an order have many, so a narrow
//! search finds one where the full search would drown.

use schism_history::Time;

use super::agenda::{Event, events, slots};
use super::frontier::{self, Family, Frontier, Layout, MOST_USED};
use crate::Budget;
use crate::models::Model;
use crate::object::Call;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is an order that explains every call.
    Explained,
    /// There is none: when this call (by index) returned, nothing was left.
    Impossible {
        /// The call.
        at: usize,
    },
    /// Nothing was left when this call returned, but some configurations had been dropped to keep within the width.
    Lost {
        /// The call.
        at: usize,
    },
    /// A bound was hit, or the user stopped it.
    Exhausted {
        /// Up to the return of this call an order exists; `None` before the first return.
        reached: Option<usize>,
        /// How many configurations were open then.
        configurations: usize,
        /// Which bound it was.
        bound: Bound,
    },
}

/// Which bound ended a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Its steps.
    Steps,
    /// Its bytes.
    Bytes,
    /// The user.
    Stopped,
}

/// The width of a search that drops nothing.
pub(crate) const EVERYTHING: usize = usize::MAX;

/// Searches for an order that explains the calls (in order of invocation), beginning in any of the states `start`, and
/// keeping at most `width` configurations. Returns what was found and how many steps that took.
pub(crate) fn search<M: Model>(
    model: &M,
    calls: &[Call<M::Action>],
    start: impl IntoIterator<Item = u32>,
    width: usize,
    budget: &Budget,
) -> (Found, u64) {
    let mut search = Search::new(model, calls, width, budget);
    for state in start {
        let config = search.layout.start(state);
        search.current.insert(&config, &search.families);
    }
    let found = search.run();
    (found, budget.steps - search.steps_left)
}

/// Searches from the initial state, with more to go by or to be told.
pub(crate) fn search_as<M: Model>(
    model: &M,
    calls: &[Call<M::Action>],
    width: usize,
    how: How<'_>,
    budget: &Budget,
) -> Searched {
    let mut search = Search::new(model, calls, width, budget);
    if let Some(ranks) = how.ranks {
        let mut least = UNRANKED;
        search.ahead = vec![UNRANKED; calls.len() + 1];
        for i in (0..calls.len()).rev() {
            least = least.min(ranks[i]);
            search.ahead[i] = least;
        }
        search.ranks = ranks.to_vec();
    }
    if how.traced {
        search.trace();
    }
    let start = search.layout.start(0);
    search.current.insert(&start, &search.families);
    let found = search.run();
    Searched {
        updates: (how.traced && found == Found::Explained).then(|| search.updates()),
        found,
        steps: budget.steps - search.steps_left,
    }
}

/// What a search may go by, and what it shall tell.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How<'a> {
    /// For each call its place in an order of those that change the state and happened for sure; [`UNRANKED`] for the
    /// others. Only orders of all calls that agree with it are searched.
    pub(crate) ranks: Option<&'a [u32]>,
    /// Whether the order that was found is wanted.
    pub(crate) traced: bool,
}

/// What a search says.
#[derive(Debug)]
pub(crate) struct Searched {
    /// What it found.
    pub(crate) found: Found,
    /// The calls that change the state and took effect, in that order, if it was asked for and there is one.
    pub(crate) updates: Option<Vec<u32>>,
    /// How many steps it took.
    pub(crate) steps: u64,
}

/// A call that has no place in the order that is known.
pub(crate) const UNRANKED: u32 = u32::MAX;

/// Marks a class in a trail.
const CLASS: u32 = 1 << 31;

/// How many configurations of a limited search may be on the way to a return, for each one of its width.
const SEEN_PER_WIDTH: usize = 16;

/// An open operation that changes the state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Open<A> {
    action: A,
    end: Time,
    slot: u32,
    call: u32,
}

/// Operations of unknown outcome that would do the same.
struct Class<A> {
    action: A,
    /// How many were invoked so far.
    invoked: u16,
}

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Action>],
    budget: &'a Budget,
    steps_left: u64,
    width: usize,
    /// Whether a configuration was dropped to keep within the width.
    dropped: bool,
    layout: Layout,
    /// For each certain call its slot; for each unknown one its class.
    number: Vec<u32>,
    classes: Vec<Class<M::Action>>,
    families: Vec<Family>,
    /// For each state, the open operations that change nothing and fit only there: as a mask.
    fits: Vec<u64>,
    mask_words: usize,
    /// The same, as slot and state.
    reads: Vec<(u32, u32)>,
    /// Open operations that change nothing and fit several states.
    loose: Vec<(u32, M::Action)>,
    /// See [`Search::find_wanted`].
    wanted: Vec<u32>,
    /// Open operations that change the state, by action and return.
    open: Vec<Open<M::Action>>,
    /// What may be the case now.
    current: Frontier,
    /// What may be the case after the return that is being looked at.
    next: Frontier,
    /// What may be the case before it: reached, but the returning operation has not taken effect.
    seen: Frontier,
    /// Room for two configurations.
    room: [Vec<u64>; 2],
    /// See [`How::ranks`]; empty when there are none.
    ranks: Vec<u32>,
    /// The least rank of the calls from each one on.
    ahead: Vec<u32>,
    /// The least rank of those that are not invoked yet.
    least_ahead: u32,
    /// Where configurations came from: the place of what was before, and the call or class that took effect then.
    trails: Option<Vec<(u32, u32)>>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, calls: &'a [Call<M::Action>], width: usize, budget: &'a Budget) -> Self {
        let mut actions: Vec<M::Action> = calls
            .iter()
            .filter(|call| !call.is_certain())
            .map(|call| call.action)
            .collect();
        actions.sort_unstable();
        actions.dedup();
        let families = families(model, &actions);
        let (slots, number) = slots(calls, &actions);
        let layout = Layout::new(slots, actions.len());
        let mask_words = layout.words() - actions.len().div_ceil(4);
        Self {
            model,
            calls,
            budget,
            steps_left: budget.steps,
            width,
            dropped: false,
            layout,
            number,
            classes: actions
                .into_iter()
                .map(|action| Class { action, invoked: 0 })
                .collect(),
            families,
            fits: vec![0; model.states() as usize * mask_words],
            mask_words,
            reads: Vec::new(),
            loose: Vec::new(),
            wanted: Vec::new(),
            open: Vec::new(),
            current: Frontier::new(layout),
            next: Frontier::new(layout),
            seen: Frontier::new(layout),
            room: [const { Vec::new() }; 2],
            ranks: Vec::new(),
            ahead: Vec::new(),
            least_ahead: UNRANKED,
            trails: None,
        }
    }

    /// Remembers from now on where configurations come from.
    fn trace(&mut self) {
        self.layout = self.layout.with_trail();
        self.current = Frontier::new(self.layout);
        self.next = Frontier::new(self.layout);
        self.seen = Frontier::new(self.layout);
        self.trails = Some(vec![(0, 0)]);
    }

    /// The updates that led to one of the configurations at the end.
    fn updates(&self) -> Vec<u32> {
        let (Some(trails), Some(config)) = (&self.trails, self.current.iter().next()) else {
            return Vec::new();
        };
        let mut updates = Vec::new();
        let mut at = self.layout.trail(config) as usize;
        while at != 0 {
            let (before, what) = trails[at];
            updates.push(what);
            at = before as usize;
        }
        updates.reverse();
        // Of a class, those that were invoked first.
        let mut of_class: Vec<Vec<u32>> = vec![Vec::new(); self.classes.len()];
        for (i, call) in self.calls.iter().enumerate().rev() {
            if !call.is_certain() {
                of_class[self.number[i] as usize].push(i as u32);
            }
        }
        for what in &mut updates {
            if *what & CLASS != 0 {
                let next = of_class[(*what & !CLASS) as usize].pop();
                *what = next.expect("no more of a class are used than were invoked");
            }
        }
        updates
    }

    fn run(&mut self) -> Found {
        let mut reached = None;
        for event in events(self.calls) {
            match event {
                Event::Invoke(i) => self.invoke(i),
                Event::Return(i) => {
                    if let Err(bound) = self.complete(i) {
                        return Found::Exhausted {
                            reached,
                            configurations: self.seen.len() + self.next.len(),
                            bound,
                        };
                    }
                    if self.current.len() == 0 {
                        return if self.dropped {
                            Found::Lost { at: i }
                        } else {
                            Found::Impossible { at: i }
                        };
                    }
                    reached = Some(i);
                }
            }
        }
        Found::Explained
    }

    fn invoke(&mut self, i: usize) {
        let call = &self.calls[i];
        let (action, slot) = (call.action, self.number[i]);
        if let Some(&least) = self.ahead.get(i + 1) {
            self.least_ahead = least;
        }
        if !call.is_certain() {
            let invoked = &mut self.classes[slot as usize].invoked;
            // More than that cannot be counted, and `complete` refuses to use more.
            *invoked = invoked.saturating_add(1);
        } else if !self.model.is_pure(action) {
            let open = Open {
                action,
                end: call.end,
                slot,
                call: i as u32,
            };
            let place = self.open.partition_point(|other| *other < open);
            self.open.insert(place, open);
        } else {
            if let Some(state) = self.model.only_in(action) {
                let (word, bit) = frontier::place(slot);
                self.fits[state as usize * self.mask_words + word] |= bit;
                self.reads.push((slot, state));
            } else {
                self.loose.push((slot, action));
            }
            let model = self.model;
            self.current.update(|config| {
                if model.step(frontier::state(config), action).is_some() {
                    frontier::set(config, slot);
                }
            });
        }
    }

    fn complete(&mut self, i: usize) -> Result<(), Bound> {
        let slot = self.number[i];
        self.next.clear();
        self.seen.clear();
        let mut config = self.take_room(0);
        for there in self.current.iter() {
            config.copy_from_slice(there);
            if frontier::has(&config, slot) {
                frontier::clear(&mut config, slot);
                self.next.insert(&config, &self.families);
            } else {
                self.seen.insert(&config, &self.families);
            }
        }
        self.room[0] = config;
        self.pay(self.current.len() as u64)?;
        if self.seen.len() > 0 {
            self.find_wanted();
        }
        // Where not everything is kept anyway, unknown operations are the last resort.
        let frugal = self.width != EVERYTHING && self.classes.iter().any(|class| class.invoked > 0);
        self.extend_all(slot, !frugal)?;
        if frugal && self.seen.len() > 0 {
            self.dropped = true;
            if self.next.len() == 0 {
                self.extend_all(slot, true)?;
            }
        }
        self.close(i);
        std::mem::swap(&mut self.current, &mut self.next);
        if self.current.len() > self.width {
            self.narrow();
        }
        Ok(())
    }

    /// Keeps as many configurations as the width allows: those that used the fewest unknown operations, of equals those
    /// that owe the least, of equals those that came first.
    fn narrow(&mut self) {
        self.dropped = true;
        let weighed = self.weighed();
        let mut order: Vec<(u64, i64, usize)> = (0..self.current.entries())
            .filter_map(|i| {
                let config = self.current.entry(i)?;
                Some((self.layout.used_in_all(config), owed(config, &weighed), i))
            })
            .collect();
        order.select_nth_unstable(self.width);
        order.truncate(self.width);
        order.sort_unstable_by_key(|&(.., i)| i);
        self.next.clear();
        for (.., i) in order {
            if let Some(config) = self.current.entry(i) {
                self.next.insert(config, &self.families);
            }
        }
        std::mem::swap(&mut self.current, &mut self.next);
    }

    /// The open operations that are assets and debts, and the reads, as masks.
    fn weighed(&self) -> [Vec<u64>; 3] {
        let mut masks = [(); 3].map(|()| vec![0; self.mask_words]);
        let updates = self.open.iter().map(|it| {
            let is_asset = self.model.fits_anywhere(it.action);
            (usize::from(!is_asset), it.slot)
        });
        let reads = self.reads.iter().map(|&(slot, _)| (2, slot));
        for (which, slot) in updates.chain(reads) {
            let (word, bit) = frontier::place(slot);
            masks[which][word] |= bit;
        }
        masks
    }

    /// Lets take effect, in whatever order, what can take effect before the operation in slot `target`, until that one
    /// does.
    fn extend_all(&mut self, target: u32, unknown: bool) -> Result<(), Bound> {
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
    fn take_room(&mut self, which: usize) -> Vec<u64> {
        let mut room = std::mem::take(&mut self.room[which]);
        room.resize(self.layout.words(), 0);
        room
    }

    /// Every open operation that can take effect next in `config`, in which the one in slot `target` has not. `after` is
    /// room for one configuration.
    fn extend(&mut self, config: &[u64], after: &mut [u64], target: u32) -> Result<(), Bound> {
        let state = frontier::state(config);
        let mut tried = None;
        let mut steps = 1;
        let ranked = (!self.ranks.is_empty()).then(|| self.next_by_rank(config));
        for i in 0..self.open.len() {
            let Open {
                action, slot, call, ..
            } = self.open[i];
            let is_ruled_out = match ranked {
                Some(next) => next != Some(call),
                None => tried == Some(action),
            };
            if is_ruled_out || frontier::has(config, slot) {
                continue;
            }
            tried = Some(action);
            steps += 1;
            if let Some(result) = self.model.step(state, action) {
                after.copy_from_slice(config);
                frontier::set(after, slot);
                self.settle(after, result);
                self.keep(after, target, call);
            }
        }
        self.pay(steps)
    }

    /// Which open operation must be the next one by rank; `None` when that one is not invoked yet.
    fn next_by_rank(&self, config: &[u64]) -> Option<u32> {
        let left = self.open.iter();
        let left = left.filter(|open| !frontier::has(config, open.slot));
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
        target: u32,
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
        let fits = &self.fits[state as usize * self.mask_words..][..self.mask_words];
        for (word, fitting) in config.iter_mut().zip(fits) {
            *word |= fitting;
        }
        for &(slot, action) in &self.loose {
            if self.model.step(state, action).is_some() {
                frontier::set(config, slot);
            }
        }
    }

    /// Takes over a configuration: as one after the return if the target has taken effect, else to go on from.
    /// `what` took effect just now.
    fn keep(&mut self, config: &mut [u64], target: u32, what: u32) {
        let before = self.trails.as_ref().map(|trails| {
            let before = self.layout.trail(config);
            self.layout.set_trail(config, trails.len() as u64);
            before as u32
        });
        let is_new = if frontier::has(config, target) {
            frontier::clear(config, target);
            self.next.insert(config, &self.families)
        } else if self.seen.len() / SEEN_PER_WIDTH < self.width {
            self.seen.insert(config, &self.families)
        } else {
            self.dropped = true;
            false
        };
        if let (true, Some(before), Some(trails)) = (is_new, before, &mut self.trails) {
            trails.push((before, what));
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
            .any(|open| !frontier::has(config, open.slot))
    }

    /// Whether somebody notices the state that an unknown operation has just left: a read took effect, or something
    /// that depends on the state can be next and leads somewhere.
    fn is_noticed(&self, before: &[u64], after: &[u64]) -> bool {
        let state = frontier::state(after);
        let done = |config: &[u64], word: usize| {
            // The low half of the first word is the state.
            if word == 0 {
                config[0] >> 32
            } else {
                config[word]
            }
        };
        if (0..self.mask_words).any(|word| done(before, word) != done(after, word)) {
            return true;
        }
        let open = |open: &Open<M::Action>| {
            !frontier::has(after, open.slot)
                && !is_blind(self.model, open.action)
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
    fn find_wanted(&mut self) {
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

    /// The operation has returned: its slot is free.
    fn close(&mut self, i: usize) {
        let (action, slot) = (self.calls[i].action, self.number[i]);
        if !self.model.is_pure(action) {
            self.open.retain(|open| open.slot != slot);
        } else if let Some(state) = self.model.only_in(action) {
            let (word, bit) = frontier::place(slot);
            self.fits[state as usize * self.mask_words + word] &= !bit;
            self.reads.retain(|&(other, _)| other != slot);
        } else {
            self.loose.retain(|&(other, _)| other != slot);
        }
    }

    fn pay(&mut self, steps: u64) -> Result<(), Bound> {
        let steps = steps + self.next.take_comparisons() + self.seen.take_comparisons();
        let before = self.steps_left;
        if before < steps {
            self.steps_left = 0;
            return Err(Bound::Steps);
        }
        self.steps_left -= steps;
        if before >> 12 != self.steps_left >> 12 {
            let bytes = self.current.bytes()
                + self.next.bytes()
                + self.seen.bytes()
                + self.fits.len() as u64 * 8
                + self.trails.as_ref().map_or(0, Vec::capacity) as u64 * 8;
            if bytes > self.budget.bytes {
                return Err(Bound::Bytes);
            }
            if self.budget.is_stopped() {
                return Err(Bound::Stopped);
            }
        }
        Ok(())
    }
}

/// What a configuration still has to do before the open operations return: an operation that needs a certain state
/// is a debt, the larger when it changes the state too; one that can happen in any state is an asset, since it can
/// make the state that somebody needs. The weights are the result of trying some on busy registers: with them, a
/// narrow search hardly ever loses its way.
fn owed(config: &[u64], [assets, debts, reads]: &[Vec<u64>; 3]) -> i64 {
    let left = |mask: &[u64]| -> i64 {
        let words = mask.iter().zip(config);
        words
            .map(|(mask, done)| i64::from((mask & !done).count_ones()))
            .sum()
    };
    2 * left(debts) - 2 * left(assets) + left(reads)
}

/// Whether an action happens in every state and leaves the same one: it does not notice what was before.
fn is_blind<M: Model>(model: &M, action: M::Action) -> bool {
    model.fits_anywhere(action) && model.result(action).is_some()
}

/// Classes that leave the same state belong together, see [`Family`].
fn families<M: Model>(model: &M, actions: &[M::Action]) -> Vec<Family> {
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
