//! Linearizable registers whose values are written once, event by event.
//!
//! The zones of Gibbons and Korach ("Testing shared memories", 1997), kept per key: each value's first return and last
//! invocation, ordered by the former. A finished operation moves one zone, and only the zones around it can be in
//! conflict with it: O(log n + operations that overlap it). A value is forgotten once any later read of it would be a
//! violation, because another one has surely replaced it and no read that is older is still open; a read of a value
//! that is not remembered is then as impossible as one of a value that nobody wrote.
//!
//! For reads and writes it finds a violation at the very event after which the checker `linearizable` finds one (a read
//! of what nobody has written yet is told as soon as time has gone on). A compare-and-set counts as a read and a write,
//! and no two may replace one value; that its write directly follows what it found is left to the checker, and so are
//! compare-and-sets that were refused. A key of which something is read before anybody writes it is judged when somebody
//! does: until then it may be a set. A key on which a value is written again while it may still be read is left to
//! the checker from then on.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use schism_history::{F, Time, Value};

use super::calls::{Call, Ended};
use super::recent::Recent;
use super::{Broken, Judge};

/// All registers.
#[derive(Default)]
pub(super) struct Registers {
    keys: Recent<Register>,
    /// Reads of what nobody has written, which returned just now: somebody may send that at the same moment.
    early: Vec<Early>,
}

/// A read of what nobody has written.
struct Early {
    key: Value,
    value: Value,
    invoked: Time,
    returned: Time,
}

struct Register {
    /// Values of which it is not known whether they were written: sent, and not yet acknowledged or found.
    sent: FxHashMap<Value, Time>,
    /// What was acknowledged or found.
    zones: FxHashMap<Value, Zone>,
    /// All of those by first return, and those that are forward (first return before last invocation).
    by_end: BTreeMap<(Time, u64), (Time, Value)>,
    forward: BTreeMap<(Time, u64), Time>,
    /// The last invocation of any zone that was forgotten.
    past: Option<Time>,
    next: u64,
    /// Somebody has sent a write: it is a register.
    written: bool,
    /// What was found before that, if it is something: a register would hold nothing.
    found_before: Option<Value>,
    /// Values were written twice: nothing more can be said.
    given_up: bool,
}

#[derive(Clone, Copy)]
struct Zone {
    number: u64,
    /// When the value was sent.
    sent: Time,
    first_return: Time,
    last_invocation: Time,
    replaced: bool,
}

impl Default for Register {
    fn default() -> Self {
        let mut this = Self {
            sent: FxHashMap::default(),
            zones: FxHashMap::default(),
            by_end: BTreeMap::new(),
            forward: BTreeMap::new(),
            past: None,
            next: 0,
            written: false,
            found_before: None,
            given_up: false,
        };
        // The value that it holds first was there before all.
        this.insert(
            Value::Nil,
            Zone {
                number: 0,
                sent: Time::ZERO,
                first_return: Time::ZERO,
                last_invocation: Time::ZERO,
                replaced: false,
            },
        );
        this.next = 1;
        this
    }
}

impl Register {
    fn insert(&mut self, value: Value, zone: Zone) {
        let at = (zone.first_return, zone.number);
        if zone.first_return < zone.last_invocation {
            self.forward.insert(at, zone.last_invocation);
        }
        self.by_end
            .insert(at, (zone.last_invocation, value.clone()));
        self.zones.insert(value, zone);
    }

    fn remove(&mut self, value: &Value) -> Option<Zone> {
        let zone = self.zones.remove(value)?;
        let at = (zone.first_return, zone.number);
        self.forward.remove(&at);
        self.by_end.remove(&at);
        Some(zone)
    }

    /// Somebody will write a value.
    fn begin(&mut self, value: &Value, now: Time) {
        if value.is_nil() || self.zones.contains_key(value) || self.sent.contains_key(value) {
            self.given_up = true;
        } else {
            self.sent.insert(value.clone(), now);
        }
    }

    /// An operation that wrote or found a value has returned. What is in conflict with it, or `Err` when nobody wrote it.
    fn touch(&mut self, value: &Value, invoked: Time, returned: Time) -> Result<Option<Value>, ()> {
        let zone = if let Some(mut zone) = self.remove(value) {
            if !value.is_nil() {
                zone.first_return = zone.first_return.min(returned);
            }
            zone.last_invocation = zone.last_invocation.max(invoked);
            zone
        } else {
            let sent = self.sent.remove(value).ok_or(())?;
            let number = self.next;
            self.next += 1;
            Zone {
                number,
                sent,
                first_return: returned,
                last_invocation: sent.max(invoked),
                replaced: false,
            }
        };
        let conflict = self.conflict(&zone);
        self.insert(value.clone(), zone);
        Ok(conflict)
    }

    /// A value whose zone must precede this one and follow it.
    fn conflict(&self, zone: &Zone) -> Option<Value> {
        let (first, last) = (zone.first_return, zone.last_invocation);
        // Nearest before: of the forward zones only the last one can reach over.
        if let Some((at, &reaches)) = self.forward.range(..=(first, u64::MAX)).next_back()
            && reaches > first
            && at.0 < last
        {
            return self.by_end.get(at).map(|(_, value)| value.clone());
        }
        if first >= last {
            return None;
        }
        // Inside: those that return first within this zone.
        self.by_end
            .range((first, u64::MAX)..(last, 0))
            .find(|(_, (other, _))| *other > first)
            .map(|(_, (_, value))| value.clone())
    }

    /// Forgets the values that no read that is sent from `settled` on may return.
    fn retire(&mut self, settled: Time) {
        // The two greatest last invocations among what was written before that, and whose the first is.
        let mut top = (self.past.unwrap_or(Time::ZERO), u64::MAX, Time::ZERO);
        for (&(_, number), &(last, _)) in self.by_end.range(..(settled, 0)) {
            top = if last > top.0 {
                (last, number, top.0)
            } else {
                (top.0, top.1, top.2.max(last))
            };
        }
        let over: Vec<Value> = self
            .by_end
            .range(..(settled, 0))
            .filter(|&(&(first, number), _)| first < if top.1 == number { top.2 } else { top.0 })
            .map(|(_, (_, value))| value.clone())
            .collect();
        for value in over {
            if let Some(zone) = self.remove(&value) {
                self.past = self.past.max(Some(zone.last_invocation));
            }
        }
    }
}

fn broken(key: &Value, sentence: String) -> Broken {
    Broken {
        sentence,
        key: key.clone(),
    }
}

impl Registers {
    /// A write has returned. If others found its value and it was forgotten since, that changes nothing.
    fn acknowledged(&mut self, call: &Call, value: &Value, now: Time) -> Option<Broken> {
        let register = self.keys.of(&call.key)?;
        let known = register.zones.contains_key(value) || register.sent.contains_key(value);
        if known {
            self.touch(call, value, now)
        } else {
            None
        }
    }

    fn touch(&mut self, call: &Call, value: &Value, now: Time) -> Option<Broken> {
        let register = self.keys.of(&call.key)?;
        if register.given_up {
            return None;
        }
        match register.touch(value, call.invoked, now) {
            Ok(None) => None,
            Ok(Some(other)) => Some(broken(
                &call.key,
                format!(
                    "{} of key {}: {value} and {other} would each have to be there before the other",
                    call.f, call.key
                ),
            )),
            Err(()) if !register.written => {
                register.found_before.get_or_insert_with(|| value.clone());
                None
            }
            Err(()) => {
                self.early.push(Early {
                    key: call.key.clone(),
                    value: value.clone(),
                    invoked: call.invoked,
                    returned: now,
                });
                None
            }
        }
    }
}

impl Judge for Registers {
    fn sent(&mut self, call: &Call) -> Option<Broken> {
        let value = match call.f {
            F::Write => &call.input,
            F::Cas => match call.input.as_pair() {
                Some((_, new)) => new,
                None => return None,
            },
            F::Read => return None,
            _ => {
                // A set, a list, a queue: not judged here.
                self.keys.give_up(&call.key);
                return None;
            }
        };
        let register = self.keys.of(&call.key)?;
        if let Some(found) = register.found_before.take()
            && !register.given_up
        {
            return Some(broken(
                &call.key,
                format!(
                    "{found} was read from key {}, where nobody had written anything",
                    call.key
                ),
            ));
        }
        register.written = true;
        register.begin(value, call.invoked);
        // Somebody found it at this very moment: it may have been there already.
        let now = |early: &Early| {
            early.returned == call.invoked && early.key == call.key && early.value == *value
        };
        for early in self.early.iter().filter(|early| now(early)) {
            if let Ok(Some(other)) = register.touch(value, early.invoked, early.returned) {
                return Some(broken(
                    &call.key,
                    format!(
                        "{value} and {other} of key {} would each have to be there before the other",
                        call.key
                    ),
                ));
            }
        }
        self.early.retain(|early| !now(early));
        None
    }

    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        let now = ended.event.time;
        let refused = *call.f.name() == *"cas" && ended.event.value == Value::Bool(false);
        let result = if ended.is_ok() && !refused {
            match (&call.f, call.input.as_pair()) {
                (F::Read, _) => self.touch(call, &ended.event.value, now),
                (F::Write, _) => self.acknowledged(call, &call.input, now),
                (F::Cas, Some((old, new))) => self
                    .replaced(call, old)
                    .or_else(|| self.touch(call, old, now))
                    .or_else(|| self.acknowledged(call, new, now)),
                _ => return None,
            }
        } else if ended.is_fail() || refused {
            self.failed(call)
        } else {
            None
        };
        if let Some(register) = self.keys.of(&call.key) {
            if register.given_up {
                self.keys.give_up(&call.key);
            } else {
                register.retire(ended.open.settled(&call.key, now));
            }
        }
        result
    }

    fn at(&mut self, now: Time) -> Option<Broken> {
        let mut found = None;
        let keys = &mut self.keys;
        self.early.retain(|early| {
            let known = keys.of(&early.key).is_some_and(|register| !register.given_up);
            if early.returned < now && known && found.is_none() {
                let Early { key, value, .. } = early;
                found = Some(broken(
                    key,
                    format!(
                        "{value} was read from key {key}, where nobody has written it or something else has replaced it"
                    ),
                ));
            }
            early.returned >= now
        });
        found
    }

    fn remembered(&self) -> usize {
        let keys = self.keys.values();
        let keys: usize = keys.map(|it| 1 + it.sent.len() + it.zones.len()).sum();
        keys + self.keys.forgotten()
    }
}

impl Registers {
    /// What was never written after all.
    fn failed(&mut self, call: &Call) -> Option<Broken> {
        let value = match &call.f {
            F::Write => &call.input,
            F::Cas => call.input.as_pair()?.1,
            _ => return None,
        };
        let register = self.keys.of(&call.key)?;
        if register.given_up || register.sent.remove(value).is_some() {
            return None;
        }
        let zone = register.zones.get(value)?;
        (zone.sent == call.invoked).then(|| {
            broken(
                &call.key,
                format!(
                    "{value} was read from key {}, but its write surely failed",
                    call.key
                ),
            )
        })
    }

    /// Two compare-and-sets cannot both replace one value.
    fn replaced(&mut self, call: &Call, old: &Value) -> Option<Broken> {
        let register = self.keys.of(&call.key)?;
        if register.given_up {
            return None;
        }
        let zone = register.zones.get_mut(old)?;
        std::mem::replace(&mut zone.replaced, true).then(|| {
            broken(
                &call.key,
                format!(
                    "two compare-and-sets of key {} both replaced {old}",
                    call.key
                ),
            )
        })
    }
}
