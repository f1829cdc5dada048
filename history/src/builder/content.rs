//! What an event says, as a history keeps it: a value by its number, or the steps of a transaction.

use super::Builder;
use crate::micro_op::{Draft, MicroKind, Step, parts};
use crate::{F, KeyId, Malformed, Value, ValueId};

/// The value of an event, as it is kept.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// A value by its number.
    Value(u32),
    /// A transaction: the builder's `steps`.
    Steps,
}

impl Builder {
    /// The value of an event as it is kept.
    pub(super) fn content(&mut self, f: &F, value: &Value) -> Result<Content, Malformed> {
        if *f == F::Txn
            && let Some(list) = value.as_list()
        {
            self.read_steps(list)?;
            self.check_steps()?;
            return Ok(Content::Steps);
        }
        Ok(Content::Value(self.values.number(value)))
    }

    /// Whether the history has room for the steps.
    pub(crate) fn check_steps(&self) -> Result<(), Malformed> {
        if self.history.bodies.has_room(self.steps.len()) {
            return Ok(());
        }
        Err(Malformed::TooMany {
            what: "steps of transactions",
            limit: u32::MAX as usize,
        })
    }

    /// Reads the steps of a transaction.
    fn read_steps(&mut self, list: &[Value]) -> Result<(), Malformed> {
        self.steps.clear();
        for step in list {
            let Some((kind, key, argument, version)) = parts(step) else {
                self.steps.push(Step {
                    kind: MicroKind::Other,
                    key: KeyId(0),
                    argument: Draft::One(ValueId(self.values.number(step))),
                    version: None,
                });
                continue;
            };
            let key = KeyId(self.keys.number(key));
            let argument = match argument {
                Value::List(list) if kind == MicroKind::Read => {
                    self.elements.clear();
                    for element in list.iter() {
                        let number = self.values.number(element);
                        self.elements.push(ValueId(number));
                    }
                    self.lists.take(key, &self.elements, None)?
                }
                one => Draft::One(ValueId(self.values.number(one))),
            };
            self.steps.push(Step {
                kind,
                key,
                argument,
                version,
            });
        }
        Ok(())
    }
}
