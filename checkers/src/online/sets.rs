//! Linearizable sets that only grow, event by event.
//!
//! An element is known once its addition was acknowledged, or somebody who saw it has returned. What is sent after that
//! must find it. So a set is not linearizable if
//!
//! - a read, or a `contains`, lacks an element that was known when it was sent;
//! - a read shows an element that nobody can have added by then, or one twice;
//! - a read shows an element whose addition was sent after another element was known, and lacks that other one;
//! - two reads each show an element that the other one lacks.
//!
//! An element that was known before every read that is still to return was sent, and every one that it is compared with,
//! is settled: all that is remembered of it is that it is there, and not even that of one in a run of numbers (see
//! [`ranges`](super::ranges)). O(log n) for each element of a read, and what overlaps with it.
//!
//! Sets from which something is removed are left to the checker, and so are keys that are read before anybody adds to them.
//! Of sets, between 1,000 and 2,000 are remembered; one that was not used for longer is not judged any more when it comes
//! back.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, Time, Value};

use super::calls::{Call, Ended};
use super::ranges::Ranges;
use super::recent::Recent;
use super::{Broken, Judge};

/// Sets that are remembered: so many, to twice as many.
const SETS: usize = 1_000;

/// All sets.
pub(super) struct Sets {
    keys: Recent<Set>,
    /// Elements that were seen and that nobody had added: somebody may send that at the same moment.
    early: Vec<(Time, Value, Value)>,
}

impl Default for Sets {
    fn default() -> Self {
        Self {
            keys: Recent::of_most(SETS),
            early: Vec::new(),
        }
    }
}

#[derive(Default)]
struct Set {
    /// What every read that is still to return must show, and how many those are.
    settled: Ranges,
    settled_count: usize,
    /// All other elements, but those of which nobody knows whether they were added.
    others: FxHashMap<Value, Element>,
    /// Those: their additions are over, and nobody has seen them.
    unknown: FxHashMap<Value, Element>,
    /// Reads that others that are still to return are compared with.
    reads: Vec<Read>,
    begun: bool,
}

/// An element that not every read must show.
#[derive(Clone, Copy)]
struct Element {
    /// When its addition was sent, the first one; [`Time::NEVER`] if nobody has sent any.
    sent: Time,
    /// Since when everybody must find it.
    known: Time,
    /// Additions that are not over.
    open: u32,
    /// Whether some addition is over, and not known to have failed.
    added: bool,
}

/// What a read showed, besides what was settled.
struct Read {
    invoked: Time,
    returned: Time,
    shows: BTreeSet<Value>,
}

impl Set {
    /// Somebody who returned now has seen an element; whether anybody has added it.
    fn see(&mut self, element: &Value, now: Time) -> bool {
        let new = Element {
            sent: Time::NEVER,
            known: now,
            open: 0,
            added: false,
        };
        let unknown = self.unknown.remove(element);
        let element = self.others.entry(element.clone());
        let element = element.or_insert(unknown.unwrap_or(new));
        element.known = element.known.min(now);
        element.sent != Time::NEVER
    }

    /// An addition came to an end; whether it failed, and with it all of them, and yet somebody saw the element.
    fn end(&mut self, value: &Value, ended: &Ended<'_>) -> bool {
        let Some(element) = self.others.get_mut(value) else {
            return false;
        };
        element.open = element.open.saturating_sub(1);
        if !ended.is_fail() {
            element.added = true;
            if ended.is_ok() {
                element.known = element.known.min(ended.event.time);
            }
        } else if element.open == 0 && !element.added {
            let seen = element.known != Time::NEVER;
            self.others.remove(value);
            return seen;
        }
        if element.open == 0 && element.known == Time::NEVER {
            let element = *element;
            self.others.remove(value);
            self.unknown.insert(value.clone(), element);
        }
        false
    }

    /// What is wrong with a read.
    fn read(&mut self, invoked: Time, now: Time, read: &[Value]) -> Result<Vec<Value>, String> {
        let mut all: FxHashSet<&Value> = FxHashSet::default();
        let mut settled = 0;
        let mut shows = BTreeSet::new();
        let mut early = Vec::new();
        let mut newest: Option<(Time, &Value)> = None;
        for value in read {
            if !all.insert(value) {
                return Err(format!("it was read with {value} in it more than once"));
            }
            if self.settled.contains(value) {
                settled += 1;
                continue;
            }
            shows.insert(value.clone());
            let element = self.others.get(value);
            match element.or_else(|| self.unknown.get(value)) {
                Some(element) if element.sent != Time::NEVER => {
                    newest = newest.max(Some((element.sent, value)));
                }
                _ => early.push(value.clone()),
            }
        }
        if settled < self.settled_count
            && let Some(lost) = self.settled.missing(&all)
        {
            return Err(format!(
                "a read lacks {lost}, which was known to be there before"
            ));
        }
        let lacking = self.others.iter().filter(|(value, _)| !all.contains(value));
        // The one that was known first, and of those the least.
        if let Some((known, lacks)) = lacking.map(|(value, it)| (it.known, value)).min() {
            if known < invoked {
                return Err(format!(
                    "a read lacks {lacks}, which was known to be there before"
                ));
            }
            if let Some((_, shown)) = newest.filter(|(sent, _)| known < *sent) {
                return Err(format!(
                    "a read shows {shown} and lacks {lacks}, which was known before {shown} was sent"
                ));
            }
        }
        for other in &self.reads {
            let mine = shows.iter().find(|value| !other.shows.contains(value));
            let theirs = other.shows.iter().find(|value| !all.contains(value));
            if let (Some(mine), Some(theirs)) = (mine, theirs) {
                return Err(format!(
                    "of two reads, one shows {mine} and lacks {theirs}, and the other one does the reverse"
                ));
            }
        }
        for value in &shows {
            self.see(value, now);
        }
        self.reads.push(Read {
            invoked,
            returned: now,
            shows,
        });
        Ok(early)
    }

    /// Forgets what every read that is sent from `open` on must find.
    fn settle(&mut self, open: Time) {
        self.reads.retain(|read| read.returned >= open);
        let first = self.reads.iter().map(|read| read.invoked).min();
        let until = first.map_or(open, |first| first.min(open));
        let over = |it: &Element| it.known < until && it.open == 0 && it.sent != Time::NEVER;
        let settled: Vec<Value> = self
            .others
            .iter()
            .filter(|(_, element)| over(element))
            .map(|(value, _)| value.clone())
            .collect();
        for value in settled {
            self.others.remove(&value);
            for read in &mut self.reads {
                read.shows.remove(&value);
            }
            self.settled_count += usize::from(self.settled.insert(&value));
        }
    }
}

impl Judge for Sets {
    fn sent(&mut self, call: &Call) -> Option<Broken> {
        let set = self.keys.of(&call.key)?;
        match call.f {
            F::Read => {}
            F::Add => {
                set.begun = true;
                if !set.settled.contains(&call.input) {
                    let unknown = set.unknown.remove(&call.input);
                    let element = set.others.entry(call.input.clone());
                    let element = element.or_insert(unknown.unwrap_or(Element {
                        sent: call.invoked,
                        known: Time::NEVER,
                        open: 0,
                        added: false,
                    }));
                    element.sent = element.sent.min(call.invoked);
                    element.open += 1;
                }
                self.early
                    .retain(|(_, key, element)| *key != call.key || *element != call.input);
            }
            _ if call.f.name() == "contains" => {}
            _ => self.keys.give_up(&call.key),
        }
        None
    }

    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        let now = ended.event.time;
        let set = self.keys.of(&call.key)?;
        let broken = |sentence: String| Broken {
            sentence: format!("set {}: {sentence}", call.key),
            key: call.key.clone(),
        };
        let value = &ended.event.value;
        let mut early = Vec::new();
        let result = match call.f {
            F::Add => set.end(&call.input, ended).then(|| {
                let input = &call.input;
                format!("{input} was seen, although adding it surely failed")
            }),
            F::Read if ended.is_ok() => match (value, set.begun) {
                (Value::List(read), true) => match set.read(call.invoked, now, read) {
                    Ok(unknown) => {
                        early = unknown;
                        None
                    }
                    Err(wrong) => Some(wrong),
                },
                (Value::Nil, true) => set.read(call.invoked, now, &[]).err(),
                (Value::Nil, false) => None,
                (Value::List(read), false) if read.is_empty() => None,
                _ => {
                    self.keys.give_up(&call.key);
                    return None;
                }
            },
            _ if ended.is_ok() && set.begun && call.f != F::Read => {
                let input = &call.input;
                let settled = set.settled.contains(input);
                match value {
                    Value::Bool(true) if !settled && !set.see(input, now) => {
                        early = vec![input.clone()];
                        None
                    }
                    Value::Bool(false) => {
                        let known = set.others.get(input);
                        let missed = settled || known.is_some_and(|it| it.known < call.invoked);
                        missed.then(|| {
                            format!("{input} was not found, which was known to be there before")
                        })
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        set.settle(ended.open.settled(&call.key, now));
        let early = early.into_iter();
        self.early
            .extend(early.map(|element| (now, call.key.clone(), element)));
        result.map(broken)
    }

    fn at(&mut self, now: Time) -> Option<Broken> {
        let place = self.early.iter().position(|(time, ..)| *time < now)?;
        let (_, key, element) = self.early.swap_remove(place);
        Some(Broken {
            sentence: format!("set {key}: {element} was seen, and nobody had added it"),
            key,
        })
    }

    fn remembered(&self) -> usize {
        let sets = self.keys.values();
        sets.map(|set| {
            let reads = set.reads.iter().map(|read| 1 + read.shows.len());
            let elements = set.settled.remembered() + set.others.len() + set.unknown.len();
            1 + elements + reads.sum::<usize>()
        })
        .sum::<usize>()
            + self.keys.forgotten()
    }
}
