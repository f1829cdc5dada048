//! What one copy of the data does: registers, compare-and-set, sets, one request after the other.

use std::collections::BTreeSet;

use schism_history::Value;
use serde::{Deserialize, Serialize};

use crate::{Class, Disk, Reply, Request};

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Object {
    Register(Value),
    Set(BTreeSet<Value>),
}

/// A key that was never written.
impl Default for Object {
    fn default() -> Self {
        Self::Register(Value::Nil)
    }
}

impl Object {
    /// As it is shown to those outside.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Register(value) => value.clone(),
            Self::Set(elements) => Value::list(elements.iter().cloned()),
        }
    }

    /// Whether it was never written.
    fn is_blank(&self) -> bool {
        *self == Self::default()
    }
}

/// Carries a request out on the disk's records.
pub(super) fn carry_out<H>(disk: &mut Disk<H, Object>, request: Request) -> Reply {
    match request {
        Request::Read { key } => match disk.get(&key) {
            None => Reply::Value(Value::Nil),
            Some(Object::Register(value)) => Reply::Value(value.clone()),
            Some(Object::Set(_)) => wrong_kind("a set"),
        },
        Request::Write { key, value } => {
            if let Some(Object::Set(_)) = disk.get(&key) {
                return wrong_kind("a set");
            }
            disk.put(key, Object::Register(value));
            Reply::Done
        }
        Request::Cas { key, old, new } => {
            let holds = match disk.get(&key) {
                None => old.is_nil(),
                Some(Object::Register(value)) => *value == old,
                Some(Object::Set(_)) => return wrong_kind("a set"),
            };
            if holds {
                disk.put(key, Object::Register(new));
            }
            Reply::Swapped(holds)
        }
        Request::Add { key, element } => {
            let object = disk.edit(&key);
            if object.is_blank() {
                *object = Object::Set(BTreeSet::new());
            }
            match object {
                Object::Set(elements) => {
                    elements.insert(element);
                    Reply::Done
                }
                Object::Register(_) => wrong_kind("a register"),
            }
        }
        Request::Elements { key } => match disk.get(&key) {
            Some(Object::Set(elements)) => Reply::Elements(elements.iter().cloned().collect()),
            Some(object) if !object.is_blank() => wrong_kind("a register"),
            _ => Reply::Elements(Vec::new()),
        },
        other => Reply::not_offered(&other),
    }
}

/// The contents of a disk of objects.
pub(super) fn contents<H>(disk: &Disk<H, Object>) -> Vec<(Value, Value)> {
    disk.iter()
        .map(|(key, object)| (key.clone(), object.to_value()))
        .collect()
}

fn wrong_kind(kind: &'static str) -> Reply {
    Reply::refused(Class::NotOffered, format!("the key holds {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_what_was_asked_for() {
        let mut disk = Disk::<(), Object>::default();
        let x = || Value::from("x");
        let mut ask = |request| carry_out(&mut disk, request);
        let read = || Request::Read { key: x() };
        let cas = |old, new: i32| Request::Cas {
            key: x(),
            old,
            new: Value::from(new),
        };
        assert_eq!(ask(read()), Reply::Value(Value::Nil));
        assert_eq!(ask(cas(Value::from(9), 1)), Reply::Swapped(false));
        assert_eq!(ask(cas(Value::Nil, 1)), Reply::Swapped(true));
        assert_eq!(ask(cas(Value::from(1), 2)), Reply::Swapped(true));
        assert_eq!(ask(read()), Reply::Value(Value::from(2)));
        let write = Request::Write {
            key: x(),
            value: Value::from(3),
        };
        assert_eq!(ask(write), Reply::Done);
        assert_eq!(ask(read()), Reply::Value(Value::from(3)));

        let s = || Value::from("s");
        assert_eq!(ask(Request::Elements { key: s() }), Reply::Elements(vec![]));
        for element in [2, 1, 2] {
            let add = Request::Add {
                key: s(),
                element: Value::from(element),
            };
            assert_eq!(ask(add), Reply::Done);
        }
        assert_eq!(
            ask(Request::Elements { key: s() }),
            Reply::Elements(vec![Value::from(1), Value::from(2)])
        );
        assert!(matches!(ask(Request::Read { key: s() }), Reply::Refused(_)));
        let add = Request::Add {
            key: x(),
            element: Value::Nil,
        };
        assert!(matches!(ask(add), Reply::Refused(refusal) if refusal.certain));
    }
}
