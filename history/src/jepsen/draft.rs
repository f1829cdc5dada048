//! An operation map on its way to an event: fields may come in any order, and be absent.

use std::sync::Arc;
use std::time::Duration;

use super::error_text::Rest;
use super::{Options, Retimed};
use crate::field::{Field, Fields};
use crate::json::brief;
use crate::{Event, F, Kind, Process, Time, Value};

/// What was read of an operation so far.
pub(crate) struct Draft {
    pub(crate) rest: Rest,
    /// Whether the value is a tuple of the key and the value proper.
    pub(crate) tuple: bool,
    seen: Fields,
    index: Option<u64>,
    time: Option<u64>,
    process: Process,
    kind: Kind,
    f: Option<F>,
    key: Value,
    value: Value,
    node: Option<Arc<str>>,
    revision: Option<i64>,
    due: Option<u64>,
}

impl Draft {
    pub(crate) fn new() -> Self {
        Self {
            rest: Rest::default(),
            tuple: false,
            seen: Fields::default(),
            index: None,
            time: None,
            process: Process::NEMESIS,
            kind: Kind::Info,
            f: None,
            key: Value::Nil,
            value: Value::Nil,
            node: None,
            revision: None,
            due: None,
        }
    }

    /// Notes that the operation has a field; whose value comes next.
    pub(crate) fn sees(&mut self, field: Field) -> Result<(), String> {
        if self.seen.insert(field) {
            return Ok(());
        }
        Err(format!("a second {} in one operation", field.name()))
    }

    /// Sets a field other than the error.
    pub(crate) fn set(&mut self, field: Field, value: Value) -> Result<(), String> {
        let wrong = |value: &Value, right: &str| {
            Err(format!(
                "{} is {}; it is {right}",
                field.name(),
                brief(value)
            ))
        };
        // Absent, or not assigned yet in Jepsen's own words.
        let unassigned = matches!(value, Value::Nil | Value::Int(-1));
        let unsigned = || match value {
            Value::Int(n) if n >= 0 => Ok(Some(n as u64)),
            _ if unassigned => Ok(None),
            _ => wrong(&value, "an integer, and not negative").map(|()| None),
        };
        match field {
            Field::Index => self.index = unsigned()?,
            Field::Time => self.time = unsigned()?,
            Field::Due => self.due = unsigned()?,
            Field::Process => {
                self.process = match value {
                    Value::Int(n) if (0..i64::from(u32::MAX)).contains(&n) => {
                        Process::client(n as u32)
                    }
                    Value::Text(name) if *name == *"nemesis" => Process::NEMESIS,
                    _ => {
                        let right = format!("a number from 0 to {}, or nemesis", u32::MAX - 1);
                        return wrong(&value, &right);
                    }
                }
            }
            Field::Type => {
                self.kind = match value.as_text().and_then(Kind::from_name) {
                    Some(kind) => kind,
                    None => return wrong(&value, "one of invoke, ok, fail, info"),
                }
            }
            Field::F => match &value {
                Value::Nil => {}
                Value::Text(name) => self.f = Some(F::from(&**name)),
                _ => return wrong(&value, "a name"),
            },
            Field::Key => self.key = value,
            Field::Value => self.value = value,
            Field::Node => match value {
                Value::Nil => {}
                Value::Text(name) => self.node = Some(name),
                _ => return wrong(&value, "a name"),
            },
            Field::Revision => match value {
                Value::Nil => {}
                Value::Int(n) => self.revision = Some(n),
                _ => return wrong(&value, "an integer"),
            },
            Field::Error => {}
        }
        Ok(())
    }

    /// The event, as the next of its history.
    pub(crate) fn finish(mut self, options: &Options, order: &mut Order) -> Result<Event, String> {
        if let Some(missing) = self.seen.missing(&[Field::Process, Field::Type]) {
            return Err(format!("this operation has no {}", missing.name()));
        }
        let f = self.f.or_else(|| options.f.clone());
        let Some(f) = f.or_else(|| is_transaction(&self.value).then_some(F::Txn)) else {
            return Err(
                "this operation has no f; if all of its kind lack it, name the function when reading"
                    .to_owned(),
            );
        };
        if self.tuple || (options.keyed && !self.process.is_nemesis()) {
            let tuple = self.value.as_pair().map(|(k, v)| (k.clone(), v.clone()));
            let Some((key, value)) = tuple else {
                return Err(format!(
                    "its value is {}; with independent keys it is a pair [key value]",
                    brief(&self.value)
                ));
            };
            if self.seen.contains(Field::Key) {
                return Err("its value is a pair [key value], but it has a key as well".to_owned());
            }
            (self.key, self.value) = (key, value);
        }
        let time = order.next(self.index, self.time)?;
        Ok(Event {
            time,
            process: self.process,
            kind: self.kind,
            f,
            key: self.key,
            value: self.value,
            node: self.node,
            error: self.rest.text().map(Arc::from),
            revision: self.revision,
            due: self.due.map(Time::from_nanos),
        })
    }
}

/// Whether a value is a list of micro-operations, as some of Elle's files have them without a function.
fn is_transaction(value: &Value) -> bool {
    let is_micro = |item: &Value| {
        let name = item.as_list().and_then(|parts| parts.first()?.as_text());
        matches!(name, Some("r" | "w" | "append"))
    };
    matches!(value.as_list(), Some(items) if !items.is_empty() && items.iter().all(is_micro))
}

/// Jepsen's order of operations is their order in the file; times follow it.
#[derive(Debug, Default)]
pub(crate) struct Order {
    position: u64,
    last_index: Option<u64>,
    last: Time,
    retimed: Option<Retimed>,
}

impl Order {
    /// The time of the next operation, which has this index and this time in nanoseconds, if any.
    fn next(&mut self, index: Option<u64>, nanos: Option<u64>) -> Result<Time, String> {
        if let (Some(index), Some(last)) = (index, self.last_index)
            && index <= last
        {
            return Err(format!(
                "its index is {index}, but {last} came before; operations stand in the order of their indices"
            ));
        }
        self.last_index = index.or(self.last_index);
        let time = Time::from_nanos(nanos.or(index).unwrap_or(self.position));
        self.position += 1;
        if time < self.last {
            let by = self.last.since(time);
            let retimed = self.retimed.get_or_insert(Retimed {
                events: 0,
                most: Duration::ZERO,
            });
            retimed.events += 1;
            retimed.most = retimed.most.max(by);
        } else {
            self.last = time;
        }
        Ok(self.last)
    }

    pub(crate) fn retimed(&self) -> Option<Retimed> {
        self.retimed
    }
}
