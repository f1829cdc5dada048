//! In which order invocations and returns are looked at, and which operations are open at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::object::Call;

/// One end of a call, by its place among the calls.
pub(crate) enum Event {
    /// It was sent.
    Invoke(usize),
    /// It had happened.
    Return(usize),
}

/// Invocations and returns in order of time; at one moment, invocations first: operations that only touch overlap.
pub(crate) fn events<A>(calls: &[Call<A>]) -> Vec<Event> {
    let returns = by_return(calls);
    let mut events = Vec::with_capacity(calls.len() + returns.len());
    let mut invoked = 0;
    for i in returns {
        while invoked < calls.len() && calls[invoked].invoked <= calls[i].end {
            events.push(Event::Invoke(invoked));
            invoked += 1;
        }
        events.push(Event::Return(i));
    }
    // What is invoked after the last return never has to take effect.
    events
}

/// The certain calls, in order of return.
fn by_return<A>(calls: &[Call<A>]) -> Vec<usize> {
    let mut returns: Vec<usize> = (0..calls.len())
        .filter(|&i| calls[i].is_certain())
        .collect();
    returns.sort_by_key(|&i| calls[i].end);
    returns
}

/// How many slots the calls need, and for each call its slot or class.
pub(crate) fn slots<A: Copy + Ord>(calls: &[Call<A>], classes: &[A]) -> (usize, Vec<u32>) {
    let mut number = vec![0; calls.len()];
    let mut free: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
    let mut slots = 0;
    for event in events(calls) {
        match event {
            Event::Invoke(i) if calls[i].is_certain() => {
                number[i] = free.pop().map_or_else(
                    || {
                        slots += 1;
                        slots - 1
                    },
                    |Reverse(slot)| slot,
                );
            }
            Event::Invoke(i) => {
                let class = classes.binary_search(&calls[i].action);
                number[i] = class.expect("each unknown action has a class") as u32;
            }
            Event::Return(i) => free.push(Reverse(number[i])),
        }
    }
    (slots as usize, number)
}
