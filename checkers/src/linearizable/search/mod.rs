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
//! 7. *Free writes.* When a write takes effect, each other write that is open may have done so right before it, seen by
//!    nobody. Which of them did is not decided then: all are *free* from now on. A free write may return as if it had
//!    been done, or still take effect where it is seen. Of configurations that differ only in that, the one that has more
//!    free writes and more reads done is enough. So a write is only made to take effect where an open read or
//!    compare-and-set notices it, or when it returns: written over unseen, it is free anyway.
//! 8. When a write returns, and takes effect as late as that, what it wrote over need not be another write's value that
//!    nobody saw: that other one can as well take effect afterwards.
//!
//! Cost: events × configurations × open operations; configurations up to 2^(open compare-and-sets) × states, times the
//! ways in which open writes were seen, in the worst case. Bounded by steps and bytes.
//!
//! Where it is known in which order the certain updates took effect, only the next one by that order is ever tried, and
//! 2, the second half of 3, 7 and 8 do not apply.
//!
//! A search of limited *width* keeps only so many configurations, those that used the fewest unknown operations and, of
//! these, those that owe the least to what is open. What it explains is explained; where it ends, nothing is proved.
//! Most histories with an order have many, so a narrow search finds one where the full search would drown.

mod extend;
mod narrow;
mod notice;
mod trail;

use schism_history::Time;

use self::notice::{families, is_blind};
use self::trail::Trails;
use super::agenda::{Event, Slot, events, slots};
use super::frontier::{self, Family, Frontier, Layout};
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
    let mut search = Search::new(model, calls, width, true, budget);
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
    let mut search = Search::new(model, calls, width, how.ranks.is_none(), budget);
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

/// An open operation that changes the state. They stand by action, then in order of return.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Open<A> {
    action: A,
    // Those that return at one moment do so in order of invocation.
    end: Time,
    call: u32,
    place: Slot,
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
    places: Vec<Slot>,
    classes: Vec<Class<M::Action>>,
    families: Vec<Family>,
    /// For each state, the open operations that change nothing and fit only there: as a mask.
    fits: Vec<u64>,
    /// The open operations with slots among the blind: as a mask.
    blind_open: Vec<u64>,
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
    trails: Option<Trails>,
}

impl<'a, M: Model> Search<'a, M> {
    /// With `frees`, writes can be free.
    fn new(
        model: &'a M,
        calls: &'a [Call<M::Action>],
        width: usize,
        frees: bool,
        budget: &'a Budget,
    ) -> Self {
        let mut actions: Vec<M::Action> = calls
            .iter()
            .filter(|call| !call.is_certain())
            .map(|call| call.action)
            .collect();
        actions.sort_unstable();
        actions.dedup();
        let families = families(model, &actions);
        let (slots, places) = slots(calls, &actions, |action| {
            if model.is_pure(action) {
                Slot::Pure
            } else if frees && is_blind(model, action) {
                Slot::Blind
            } else {
                Slot::Update
            }
        });
        let layout = Layout::new(slots, actions.len());
        Self {
            model,
            calls,
            budget,
            steps_left: budget.steps,
            width,
            dropped: false,
            layout,
            places,
            classes: actions
                .into_iter()
                .map(|action| Class { action, invoked: 0 })
                .collect(),
            families,
            fits: vec![0; model.states() as usize * layout.pure_words()],
            blind_open: vec![0; layout.blind_words()],
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
        let (action, place) = (call.action, self.places[i]);
        if let Some(&least) = self.ahead.get(i + 1) {
            self.least_ahead = least;
        }
        match place {
            Slot::Class(class) => {
                let invoked = &mut self.classes[class as usize].invoked;
                // More than that cannot be counted, and `complete` refuses to use more.
                *invoked = invoked.saturating_add(1);
            }
            Slot::Update(_) | Slot::Blind(_) => {
                if let Slot::Blind(slot) = place {
                    self.blind_open[slot as usize / 64] |= 1 << (slot % 64);
                }
                let open = Open {
                    action,
                    end: call.end,
                    place,
                    call: i as u32,
                };
                let at = self.open.partition_point(|other| *other < open);
                self.open.insert(at, open);
            }
            Slot::Pure(slot) => {
                let (word, bit) = pure_bit(slot);
                if let Some(state) = self.model.only_in(action) {
                    self.fits[state as usize * self.layout.pure_words() + word] |= bit;
                    self.reads.push((slot, state));
                } else {
                    self.loose.push((slot, action));
                }
                let (model, layout) = (self.model, self.layout);
                self.current.update(|config| {
                    if model.step(frontier::state(config), action).is_some() {
                        layout.pure_mut(config)[word] |= bit;
                    }
                });
            }
        }
    }

    fn complete(&mut self, i: usize) -> Result<(), Bound> {
        let place = self.places[i];
        self.next.clear();
        self.seen.clear();
        let layout = self.layout;
        let mut config = self.take_room(0);
        for there in self.current.iter() {
            config.copy_from_slice(there);
            let is_free = matches!(place, Slot::Blind(slot) if layout.is_free(&config, slot));
            let is_done = is_done(layout, &config, place);
            if is_done || is_free {
                clear(layout, &mut config, place);
                self.next.insert(&config, &self.families);
            }
            if !is_done {
                self.seen.insert(there, &self.families);
            }
        }
        self.room[0] = config;
        self.pay(self.current.len() as u64)?;
        if self.seen.len() > 0 {
            self.find_wanted();
        }
        // Where not everything is kept anyway, unknown operations are the last resort.
        let frugal = self.width != EVERYTHING && self.classes.iter().any(|class| class.invoked > 0);
        self.extend_all(i, !frugal)?;
        if frugal && self.seen.len() > 0 {
            self.dropped = true;
            if self.next.len() == 0 {
                self.extend_all(i, true)?;
            }
        }
        self.close(i);
        std::mem::swap(&mut self.current, &mut self.next);
        if self.current.len() > self.width {
            self.narrow();
        }
        Ok(())
    }

    /// The operation has returned: its slot is free.
    fn close(&mut self, i: usize) {
        let (action, place) = (self.calls[i].action, self.places[i]);
        match place {
            Slot::Pure(slot) => {
                if let Some(state) = self.model.only_in(action) {
                    let (word, bit) = pure_bit(slot);
                    self.fits[state as usize * self.layout.pure_words() + word] &= !bit;
                    self.reads.retain(|&(other, _)| other != slot);
                } else {
                    self.loose.retain(|&(other, _)| other != slot);
                }
            }
            Slot::Blind(slot) => {
                self.blind_open[slot as usize / 64] &= !(1 << (slot % 64));
                self.open.retain(|open| open.place != place);
            }
            Slot::Update(_) | Slot::Class(_) => self.open.retain(|open| open.place != place),
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
                + self.trails.as_ref().map_or(0, Trails::bytes);
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

/// The word and the bit of a pure operation's slot.
const fn pure_bit(slot: u32) -> (usize, u64) {
    (slot as usize / 64, 1 << (slot % 64))
}

/// Whether the certain operation there is done.
fn is_done(layout: Layout, config: &[u64], place: Slot) -> bool {
    match place {
        Slot::Update(slot) => frontier::has(config, slot),
        Slot::Pure(slot) => {
            let (word, bit) = pure_bit(slot);
            layout.pure(config)[word] & bit != 0
        }
        Slot::Blind(slot) => layout.is_blind_done(config, slot),
        Slot::Class(_) => false,
    }
}

/// The place of a certain operation is for others now.
fn clear(layout: Layout, config: &mut [u64], place: Slot) {
    match place {
        Slot::Update(slot) => frontier::clear(config, slot),
        Slot::Pure(slot) => {
            let (word, bit) = pure_bit(slot);
            layout.pure_mut(config)[word] &= !bit;
        }
        Slot::Blind(slot) => layout.clear_blind(config, slot),
        Slot::Class(_) => {}
    }
}
