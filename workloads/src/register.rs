//! Registers: single keys that are read, written and compared-and-set.
//!
//! The workload that linearizability is judged on. What it takes care of, so that judging stays feasible and finds
//! something: a handful of keys at once, so that operations meet on them; a key ends after a number of operations, or
//! sooner when too many of them are unknown, and a fresh one takes its place; a key that an unknown write may have
//! changed is read next, so that the doubt does not last.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use schism_history::{Event, F, Kind, Value};
use serde::{Deserialize, Serialize};

use crate::choice::{Weighted, about};
use crate::workload::judged_by;
use crate::{
    Answer, Capability, Client, Done, Failure, Invocation, Invoker, Turn, Within, Workload,
};

/// The name in plans.
pub const NAME: &str = "register";

/// A key is given up once this many of its writes are unknown: each of them may take effect at any later time, and a
/// checker has to think of all their orders.
const UNKNOWN_PER_KEY: u32 = 16;

/// How many reads of doubtful keys may wait. The doubts beyond that are left to chance.
const DOUBTS: usize = 64;

/// The final reads are of this many keys at most: those in use, and the last ones before them.
const FINAL_KEYS: usize = 500;

/// Reads, writes and compare-and-sets on single keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many keys are in use at once. Fewer: more operations meet on a key.
    pub keys: Within<1, 10_000>,
    /// After about this many operations (a tenth more or less) a key is left and a fresh one used in its place.
    pub ops_per_key: Within<1, 1_000_000>,
    /// How often to read, in relation to `write` and `cas`.
    pub read: Within<1, 1000>,
    /// How often to write.
    pub write: Within<1, 1000>,
    /// How often to compare and set; 0 for never. When absent: 2 where the database offers it, else never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cas: Option<Within<0, 1000>>,
    /// `"unique"`: every value is written once, so that a read names its write. A number: values from 1 to that, drawn
    /// anew each time, so that writes repeat each other.
    pub values: Values,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keys: Within::clamped(5),
            ops_per_key: Within::clamped(1000),
            read: Within::clamped(5),
            write: Within::clamped(3),
            cas: None,
            values: Values::Unique,
        }
    }
}

impl Options {
    /// What the options ask for, whatever the database.
    pub(crate) fn needs(&self) -> Vec<Capability> {
        let mut needs = vec![Capability::Registers];
        if self.cas.is_some_and(|weight| weight.get() > 0) {
            needs.push(Capability::CompareAndSet);
        }
        needs
    }
}

/// Which values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// Each value once in the run.
    #[default]
    Unique,
    /// Values from 1 to this, again and again.
    UpTo(Within<2, 1_000_000>),
}

impl Serialize for Values {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unique => serializer.serialize_str("unique"),
            Self::UpTo(largest) => largest.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl serde::de::Visitor<'_> for Either {
            type Value = Values;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"unique\" or a whole number from 2 to 1000000")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Values, E> {
                if text == "unique" {
                    Ok(Values::Unique)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Values, E> {
                u32::try_from(number)
                    .ok()
                    .and_then(Within::new)
                    .map(Values::UpTo)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Values, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(
                        serde::de::Unexpected::Signed(number),
                        &self,
                    )),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Values {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Values".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "const": "unique" },
                { "type": "integer", "minimum": 2, "maximum": 1_000_000 },
            ]
        })
    }
}

/// One of the keys in use.
#[derive(Debug)]
struct Slot {
    key: i64,
    /// Operations until it is left.
    left: u32,
    /// Writes that may still take effect.
    unknown: u32,
    /// What it held last, as far as the answers say: what a compare-and-set expects.
    latest: Value,
}

/// The register workload.
#[derive(Debug)]
pub(crate) struct Register {
    options: Options,
    needs: Vec<Capability>,
    actions: Weighted,
    /// The key in slot `i` is always `i` plus a multiple of the number of slots.
    slots: Vec<Slot>,
    /// Keys that were left, the last ones only.
    past: VecDeque<i64>,
    /// Keys that an unknown write may have changed, and that were not read since.
    doubts: VecDeque<i64>,
    /// The last unique value.
    written: i64,
}

impl Register {
    pub(crate) fn new(options: &Options, offered: &[Capability]) -> Self {
        let mut needs = options.needs();
        let cas = match options.cas {
            Some(weight) => weight.get(),
            None if offered.contains(&Capability::CompareAndSet) => 2,
            None => 0,
        };
        if cas > 0 && !needs.contains(&Capability::CompareAndSet) {
            needs.push(Capability::CompareAndSet);
        }
        Self {
            options: *options,
            needs,
            actions: Weighted::new([options.read.get(), options.write.get(), cas].map(u64::from)),
            slots: Vec::new(),
            past: VecDeque::new(),
            doubts: VecDeque::new(),
            written: 0,
        }
    }

    /// The slot that holds the key now.
    fn slot(&mut self, key: &Value) -> Option<&mut Slot> {
        let key = key.as_int()?;
        let index = usize::try_from(key.checked_rem(i64::from(self.options.keys.get()))?).ok()?;
        self.slots.get_mut(index).filter(|slot| slot.key == key)
    }

    /// The index of a random slot that holds a key with operations left.
    fn pick(&mut self, rng: &mut Pcg64Mcg) -> usize {
        let keys = self.options.keys.get();
        while self.slots.len() < keys as usize {
            let key = self.slots.len() as i64;
            self.slots.push(self.fresh(key, rng));
        }
        let index = rng.random_range(0..keys) as usize;
        if self.slots[index].left == 0 {
            let old = self.slots[index].key;
            self.slots[index] = self.fresh(old + i64::from(keys), rng);
            if self.past.len() == FINAL_KEYS {
                self.past.pop_front();
            }
            self.past.push_back(old);
        }
        index
    }

    fn fresh(&self, key: i64, rng: &mut Pcg64Mcg) -> Slot {
        Slot {
            key,
            left: about(self.options.ops_per_key.get(), rng),
            unknown: 0,
            latest: Value::Nil,
        }
    }

    fn value(&mut self, rng: &mut Pcg64Mcg) -> Value {
        match self.options.values {
            Values::Unique => {
                self.written += 1;
                Value::Int(self.written)
            }
            Values::UpTo(largest) => Value::from(rng.random_range(1..=largest.get())),
        }
    }
}

impl Workload for Register {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self) -> &[Capability] {
        &self.needs
    }

    fn draw(&mut self, _turn: &Turn, rng: &mut Pcg64Mcg) -> Invocation {
        if let Some(key) = self.doubts.pop_front() {
            return Invocation::new(F::Read, key, Value::Nil);
        }
        let index = self.pick(rng);
        let slot = &mut self.slots[index];
        slot.left -= 1;
        let key = slot.key;
        match self.actions.draw(rng) {
            0 => Invocation::new(F::Read, key, Value::Nil),
            1 => Invocation::new(F::Write, key, self.value(rng)),
            _ => {
                let old = match self.options.values {
                    Values::Unique => slot.latest.clone(),
                    Values::UpTo(_) => self.value(rng),
                };
                let new = self.value(rng);
                Invocation::new(F::Cas, key, Value::list([old, new]))
            }
        }
    }

    fn saw(&mut self, event: &Event) {
        let doubts = self.doubts.len();
        let Some(slot) = self.slot(&event.key) else {
            return;
        };
        match (event.kind, &event.f) {
            (Kind::Ok, F::Read | F::Write) => slot.latest = event.value.clone(),
            (Kind::Ok, F::Cas) => {
                if let Some((_, new)) = event.value.as_pair() {
                    slot.latest = new.clone();
                }
            }
            (Kind::Info, F::Write | F::Cas) => {
                slot.unknown += 1;
                if slot.unknown >= UNKNOWN_PER_KEY {
                    slot.left = 0;
                }
                if doubts < DOUBTS {
                    let key = slot.key;
                    self.doubts.push_back(key);
                }
            }
            _ => {}
        }
    }

    fn final_reads(&self) -> Vec<Invocation> {
        let past = FINAL_KEYS.saturating_sub(self.slots.len());
        let past = self.past.len().saturating_sub(past);
        self.past
            .iter()
            .skip(past)
            .copied()
            .chain(self.slots.iter().map(|slot| slot.key))
            .map(|key| Invocation::new(F::Read, key, Value::Nil))
            .collect()
    }

    fn checkers(&self) -> &'static [&'static str] {
        match self.options.values {
            Values::Unique => judged_by![
                "linearizable",
                "read-your-writes",
                "monotonic-reads",
                "monotonic-writes",
                "writes-follow-reads",
                "lost-updates",
                "staleness",
            ],
            // When writes repeat each other, a read does not name its write, and only the search over all orders can say
            // something.
            Values::UpTo(_) => judged_by!["linearizable"],
        }
    }

    fn invoker(&self) -> Arc<dyn Invoker> {
        Arc::new(Calls)
    }
}

struct Calls;

#[async_trait(?Send)]
impl Invoker for Calls {
    async fn invoke(&self, client: &mut dyn Client, call: &Invocation) -> Answer<Value> {
        match &call.f {
            F::Read => match client.registers() {
                Some(registers) => registers.read(&call.key).await,
                None => Err(Failure::not_offered(Capability::Registers)),
            },
            F::Write => match client.registers() {
                Some(registers) => {
                    let done = registers.write(&call.key, &call.value).await?;
                    Ok(done.map(|()| call.value.clone()))
                }
                None => Err(Failure::not_offered(Capability::Registers)),
            },
            F::Cas => {
                let Some((old, new)) = call.value.as_pair() else {
                    return Err(Failure::not_drawn(call));
                };
                let Some(cas) = client.compare_and_set() else {
                    return Err(Failure::not_offered(Capability::CompareAndSet));
                };
                let Done { value, revision } = cas.cas(&call.key, old, new).await?;
                if value {
                    Ok(Done {
                        value: call.value.clone(),
                        revision,
                    })
                } else {
                    // The database compared, found another value and changed nothing: its answer is the proof.
                    Err(Failure::fail(
                        "precondition",
                        format!("it does not hold {old}"),
                    ))
                }
            }
            _ => Err(Failure::not_drawn(call)),
        }
    }
}

#[cfg(test)]
mod tests;
