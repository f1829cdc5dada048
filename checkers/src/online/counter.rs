//! Bounds of counters, event by event: no read returns more than all that anybody had tried to add by then, or less than
//! all that anybody had tried to take off (`impossible-count` of the checker `counter`). What is counted at the end is
//! left to the checker. It remembers two sums for each key.

use schism_history::{F, Value};

use super::calls::{Call, Ended};
use super::recent::Recent;
use super::{Broken, Judge};

/// All counters.
#[derive(Default)]
pub(super) struct Counters {
    keys: Recent<Sums>,
}

#[derive(Default)]
struct Sums {
    /// All that may have been added, and taken off, so far.
    added: i128,
    taken: i128,
    /// It is no counter: it was written, or a read returned something else than an integer.
    other: bool,
}

/// By how much an operation changes a counter; `Err` for an operation that no counter knows.
fn delta(call: &Call) -> Result<Option<i128>, ()> {
    let amount = match &call.input {
        Value::Nil => Ok(1),
        Value::Int(amount) => Ok(i128::from(*amount)),
        _ => Err(()),
    };
    match call.f.name() {
        "read" => Ok(None),
        "add" | "increment" => amount.map(Some),
        "decrement" => amount.map(|amount| Some(-amount)),
        _ => Err(()),
    }
}

impl Judge for Counters {
    fn sent(&mut self, call: &Call) -> Option<Broken> {
        let sums = self.keys.of(&call.key)?;
        match delta(call) {
            Ok(Some(amount)) if amount > 0 => sums.added += amount,
            Ok(Some(amount)) => sums.taken += amount,
            Ok(None) => {}
            Err(()) => sums.other = true,
        }
        None
    }

    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        let sums = self.keys.of(&call.key)?;
        if sums.other {
            return None;
        }
        if ended.is_fail() {
            match delta(call) {
                Ok(Some(amount)) if amount > 0 => sums.added -= amount,
                Ok(Some(amount)) => sums.taken -= amount,
                _ => {}
            }
            return None;
        }
        if call.f != F::Read || !ended.is_ok() {
            return None;
        }
        let Value::Int(count) = ended.event.value else {
            sums.other = true;
            return None;
        };
        let (key, count) = (&call.key, i128::from(count));
        let sentence = if count > sums.added {
            format!(
                "process {} read {count} from the counter {key}, but all that was added makes {}",
                call.process, sums.added
            )
        } else if count < sums.taken {
            format!(
                "process {} read {count} from the counter {key}, but all that was taken off makes {}",
                call.process, sums.taken
            )
        } else {
            return None;
        };
        Some(Broken {
            sentence,
            key: key.clone(),
        })
    }

    fn remembered(&self) -> usize {
        self.keys.values().count() + self.keys.forgotten()
    }
}
