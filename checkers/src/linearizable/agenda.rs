//! In which order invocations and returns are looked at, and which operations are open at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use schism_history::Time;

use super::frontier::Slots;
use crate::object::Call;

/// One end of a call, by its place among the calls.
pub(crate) enum Event {
    /// It was sent.
    Invoke(usize),
    /// It had happened.
    Return(usize),
}

/// Invocations and returns in order of time; at one moment, invocations first: operations that only touch overlap.
/// O(log clients) each, in memory of what is open at once.
pub(crate) const fn events<A>(calls: &[Call<A>]) -> Events<'_, A> {
    Events {
        calls,
        invoked: 0,
        open: BinaryHeap::new(),
    }
}

/// See [`events`].
pub(crate) struct Events<'a, A> {
    calls: &'a [Call<A>],
    /// How many were invoked.
    invoked: usize,
    /// The certain ones of them that have not returned.
    open: BinaryHeap<Reverse<(Time, usize)>>,
}

impl<A> Iterator for Events<'_, A> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let first = self.open.peek().map(|&Reverse((end, _))| end);
        if let Some(call) = self.calls.get(self.invoked)
            && first.is_none_or(|end| call.invoked <= end)
        {
            if call.is_certain() {
                self.open.push(Reverse((call.end, self.invoked)));
            }
            self.invoked += 1;
            return Some(Event::Invoke(self.invoked - 1));
        }
        let Reverse((_, i)) = self.open.pop()?;
        Some(Event::Return(i))
    }
}

/// What a call needs to be told apart from the others that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// It changes the state, depending on what that is.
    Update(u32),
    /// It changes nothing.
    Pure(u32),
    /// It happens in every state and leaves a fixed one.
    Blind(u32),
    /// It is one of a class of unknown outcome.
    Class(u32),
}

/// How many slots the calls need, and for each call its slot or class; `kind` makes a slot of a number. The number is
/// the least that no open call of its kind has. O(calls × log clients).
pub(crate) fn slots<A: Copy + Ord>(
    calls: &[Call<A>],
    classes: &[A],
    kind: impl Fn(A) -> fn(u32) -> Slot,
) -> (Slots, Vec<Slot>) {
    let mut places = vec![Slot::Class(0); calls.len()];
    let mut kinds = [const { Free::new() }; 3];
    for event in events(calls) {
        match event {
            Event::Invoke(i) if calls[i].is_certain() => {
                let make = kind(calls[i].action);
                places[i] = make(kinds[make(0).kind()].take());
            }
            Event::Invoke(i) => {
                let class = classes.binary_search(&calls[i].action);
                places[i] = Slot::Class(class.expect("each unknown action has a class") as u32);
            }
            Event::Return(i) => kinds[places[i].kind()].give(places[i].number()),
        }
    }
    let [updates, pure, blind] = kinds.map(|free| free.most);
    let slots = Slots {
        updates,
        pure,
        blind,
    };
    (slots, places)
}

impl Slot {
    /// Which kind it is; classes have none.
    const fn kind(self) -> usize {
        match self {
            Self::Update(_) | Self::Class(_) => 0,
            Self::Pure(_) => 1,
            Self::Blind(_) => 2,
        }
    }

    /// Its number among those of its kind.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Update(number)
            | Self::Pure(number)
            | Self::Blind(number)
            | Self::Class(number) => number,
        }
    }
}

/// Numbers that nobody has.
struct Free {
    given_back: BinaryHeap<Reverse<u32>>,
    most: u32,
}

impl Free {
    const fn new() -> Self {
        Self {
            given_back: BinaryHeap::new(),
            most: 0,
        }
    }

    fn take(&mut self) -> u32 {
        if let Some(Reverse(number)) = self.given_back.pop() {
            return number;
        }
        self.most += 1;
        self.most - 1
    }

    fn give(&mut self, number: u32) {
        self.given_back.push(Reverse(number));
    }
}
