//! The operations that are open, while events come in.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use schism_history::{Event, F, Kind, Process, Time, Value};

/// An operation that was sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Its number, in order of invocation.
    pub(super) number: u64,
    /// Who sent it.
    pub(super) process: Process,
    /// What was called.
    pub(super) f: F,
    /// On which object.
    pub(super) key: Value,
    /// The argument.
    pub(super) input: Value,
    /// When it was sent.
    pub(super) invoked: Time,
}

/// How an operation ended.
pub(super) struct Ended<'a> {
    /// Its completion.
    pub(super) event: &'a Event,
    /// What is still open.
    pub(super) open: &'a Calls,
}

impl Ended<'_> {
    /// Whether it happened.
    pub(super) fn is_ok(&self) -> bool {
        self.event.kind == Kind::Ok
    }

    /// Whether it surely did not.
    pub(super) fn is_fail(&self) -> bool {
        self.event.kind == Kind::Fail
    }
}

/// What an event is.
pub(super) enum Taken<'a> {
    Sent(&'a Call),
    Ended(Call),
    /// It cannot follow the others.
    Nothing,
}

/// All operations that are open, and those that may still return what they find on a key.
#[derive(Default)]
pub(super) struct Calls {
    open: FxHashMap<Process, Call>,
    /// For each key, when open operations that read it were sent.
    readers: FxHashMap<Value, BTreeSet<(Time, u64)>>,
    next: u64,
}

impl Calls {
    /// Takes an event.
    pub(super) fn take(&mut self, event: &Event) -> Taken<'_> {
        if event.kind == Kind::Invoke {
            let call = Call {
                number: self.next,
                process: event.process,
                f: event.f.clone(),
                key: event.key.clone(),
                input: event.value.clone(),
                invoked: event.time,
            };
            self.next += 1;
            if call.f != F::Write {
                let readers = self.readers.entry(call.key.clone()).or_default();
                readers.insert((call.invoked, call.number));
            }
            // Only a broken history sends a second one: then the first is forgotten, and nothing is lost but a finding.
            if let Some(lost) = self.open.insert(event.process, call) {
                self.forget(&lost);
            }
            return self
                .open
                .get(&event.process)
                .map_or(Taken::Nothing, Taken::Sent);
        }
        match self.open.remove(&event.process) {
            Some(call) => {
                self.forget(&call);
                Taken::Ended(call)
            }
            None => Taken::Nothing,
        }
    }

    fn forget(&mut self, call: &Call) {
        if call.f == F::Write {
            return;
        }
        if let Some(readers) = self.readers.get_mut(&call.key) {
            readers.remove(&(call.invoked, call.number));
            if readers.is_empty() {
                self.readers.remove(&call.key);
            }
        }
    }

    /// No operation that is still to return from reading this key was sent before this moment; none is open: `now`.
    pub(super) fn settled(&self, key: &Value, now: Time) -> Time {
        let first = self.readers.get(key).and_then(|readers| readers.first());
        first.map_or(now, |&(invoked, _)| invoked)
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}
