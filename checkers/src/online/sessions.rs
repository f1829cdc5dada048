//! Read your writes and monotonic reads on registers whose values are written once, event by event.
//!
//! As in the checkers of these names, a version is older than another one for sure if it had been written (its write, or
//! somebody who found it, had returned) before the other's write was sent; where the database numbers writes, its
//! numbers decide instead. A session must not find anything older than its floor: the newest it had found, or written.
//!
//! It remembers for each key the newest 4,096 versions, and for each session that is alive and each key one floor.
//! What a session finds beyond that, or before anybody has written it, what compare-and-sets say about the order, and
//! lists, are left to the checkers.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use schism_history::{F, Kind, Process, Time, Value};

use super::calls::{Call, Ended};
use super::{Broken, Judge};

/// Versions of a key that are remembered.
const REMEMBERED: usize = 4_096;

/// One of the two guarantees, on all registers.
pub(super) struct Sessions {
    /// Whether what a session wrote binds it; else what it found does.
    writes: bool,
    keys: FxHashMap<Value, Versions>,
    floors: FxHashMap<Process, FxHashMap<Value, Floor>>,
}

#[derive(Default)]
struct Versions {
    known: FxHashMap<Value, Version>,
    /// In order of being sent.
    order: VecDeque<Value>,
    /// Nil was written: whoever finds it may have found that.
    nil_written: bool,
}

#[derive(Clone, Copy)]
struct Version {
    sent: Time,
    first_return: Time,
    revision: Option<i64>,
    /// How many operations write it: none so far if it was only found.
    writers: u8,
}

impl Versions {
    /// A version that was not known before.
    fn remember(&mut self, value: &Value, version: Version) {
        self.known.insert(value.clone(), version);
        self.order.push_back(value.clone());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// What a session must not fall behind.
#[derive(Clone)]
struct Floor {
    value: Value,
    sent: Time,
    revision: Option<i64>,
}

impl Sessions {
    /// Read your writes.
    pub(super) fn of_writes() -> Self {
        Self::new(true)
    }

    /// Monotonic reads.
    pub(super) fn of_reads() -> Self {
        Self::new(false)
    }

    fn new(writes: bool) -> Self {
        Self {
            writes,
            keys: FxHashMap::default(),
            floors: FxHashMap::default(),
        }
    }

    /// A session finds a value that is older than its floor.
    fn look(&self, call: &Call, value: &Value) -> Option<Broken> {
        let floor = self.floors.get(&call.process)?.get(&call.key)?;
        let versions = self.keys.get(&call.key)?;
        if *value == floor.value {
            return None;
        }
        let is_older = if value.is_nil() {
            !versions.nil_written
        } else {
            let version = versions
                .known
                .get(value)
                .filter(|version| version.writers == 1)?;
            // The floor's write may have been acknowledged, and numbered, since.
            let numbered = versions
                .known
                .get(&floor.value)
                .map_or(floor.revision, |it| it.revision);
            match (version.revision, numbered) {
                (Some(found), Some(floor)) => found < floor,
                // The other's number may be on its way, and say something else.
                (Some(_), None) | (None, Some(_)) => false,
                (None, None) => version.first_return < floor.sent,
            }
        };
        let what = if self.writes {
            format!(
                "although it had written {} and that had been acknowledged",
                floor.value
            )
        } else {
            format!("although it had found {} before", floor.value)
        };
        is_older.then(|| Broken {
            sentence: format!(
                "process {} found {value} in key {}, {what} and {value} is older",
                call.process, call.key
            ),
            key: call.key.clone(),
        })
    }

    /// What a session found or wrote is its floor, if it is newer than that was.
    fn raise(&mut self, call: &Call, value: &Value) {
        let version = self
            .keys
            .get(&call.key)
            .and_then(|versions| versions.known.get(value));
        let Some(version) = version.filter(|version| version.writers == 1) else {
            return;
        };
        let floors = self.floors.entry(call.process).or_default();
        let floor = floors.entry(call.key.clone()).or_insert_with(|| Floor {
            value: value.clone(),
            sent: version.sent,
            revision: version.revision,
        });
        let newer = match (version.revision, floor.revision) {
            (Some(this), Some(that)) => this > that,
            _ => version.sent > floor.sent,
        };
        if newer || floor.value == *value {
            *floor = Floor {
                value: value.clone(),
                sent: version.sent,
                revision: version.revision,
            };
        }
    }
}

/// What an operation leaves in a register, or would.
fn left(call: &Call) -> Option<&Value> {
    match call.f {
        F::Write => Some(&call.input),
        F::Cas => call.input.as_pair().map(|(_, new)| new),
        _ => None,
    }
}

impl Judge for Sessions {
    fn sent(&mut self, call: &Call) -> Option<Broken> {
        let value = left(call)?;
        let versions = self.keys.entry(call.key.clone()).or_default();
        if value.is_nil() {
            versions.nil_written = true;
        } else if let Some(version) = versions.known.get_mut(value) {
            version.writers = (version.writers + 1).min(2);
            if version.writers == 1 {
                version.sent = call.invoked;
            }
        } else {
            let version = Version {
                sent: call.invoked,
                first_return: Time::NEVER,
                revision: None,
                writers: 1,
            };
            versions.remember(value, version);
        }
        None
    }

    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        let event = ended.event;
        if event.kind == Kind::Info {
            self.floors.remove(&call.process);
            return None;
        }
        let refused = call.f == F::Cas && event.value == Value::Bool(false);
        if ended.is_fail() || refused {
            return None;
        }
        let found = match call.f {
            F::Read => Some(&event.value),
            F::Cas => Some(call.input.as_pair()?.0),
            _ => None,
        };
        let left = left(call);
        let versions = self.keys.entry(call.key.clone()).or_default();
        for value in found.into_iter().chain(left) {
            if let Some(version) = versions.known.get_mut(value) {
                version.first_return = version.first_return.min(event.time);
                if Some(value) == left && event.revision.is_some() {
                    version.revision = event.revision;
                }
            } else if !value.is_nil() {
                let version = Version {
                    sent: Time::NEVER,
                    first_return: event.time,
                    revision: None,
                    writers: 0,
                };
                versions.remember(value, version);
            }
        }
        let broken = found.and_then(|value| self.look(call, value));
        match (self.writes, found, left) {
            (true, _, Some(value)) | (false, Some(value), _) => self.raise(call, value),
            _ => {}
        }
        broken
    }

    fn remembered(&self) -> usize {
        let versions: usize = self.keys.values().map(|it| 1 + it.known.len()).sum();
        let floors: usize = self.floors.values().map(FxHashMap::len).sum();
        versions + floors
    }
}
