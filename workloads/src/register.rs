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
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand::SeedableRng;
    use schism_history::{Process, Time};

    use super::*;

    const TURN: Turn = Turn {
        worker: 0,
        workers: 1,
        operations: 0,
    };
    const ALL: [Capability; 2] = [Capability::Registers, Capability::CompareAndSet];

    fn draw(register: &mut Register, count: usize) -> Vec<Invocation> {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        (0..count).map(|_| register.draw(&TURN, &mut rng)).collect()
    }

    fn completion(call: &Invocation, kind: Kind) -> Event {
        Event::new(Time::ZERO, Process::client(0), kind, call.f.clone())
            .key(call.key.clone())
            .value(call.value.clone())
    }

    #[test]
    fn functions_are_drawn_by_weight() {
        let mut register = Register::new(&Options::default(), &ALL);
        let mut counts = BTreeMap::new();
        for call in draw(&mut register, 100_000) {
            *counts.entry(call.f).or_insert(0_u32) += 1;
        }
        for (f, expected) in [(F::Read, 50_000), (F::Write, 30_000), (F::Cas, 20_000)] {
            assert!(counts[&f].abs_diff(expected) < 1000, "{counts:?}");
        }
    }

    #[test]
    fn compare_and_set_is_drawn_where_it_is_offered_and_needed_where_it_is_asked_for() {
        let only = [Capability::Registers];
        let mut register = Register::new(&Options::default(), &only);
        assert_eq!(register.needs(), only);
        assert!(
            draw(&mut register, 1000)
                .iter()
                .all(|call| call.f != F::Cas)
        );
        let asked = |weight| Options {
            cas: Within::new(weight),
            ..Options::default()
        };
        assert_eq!(Register::new(&asked(1), &only).needs(), ALL);
        assert_eq!(Register::new(&asked(0), &ALL).needs(), only);
        assert_eq!(asked(1).needs(), ALL);
    }

    #[test]
    fn unique_values_are_written_once() {
        let mut register = Register::new(&Options::default(), &ALL);
        let mut written = BTreeSet::new();
        for call in draw(&mut register, 50_000) {
            let value = match call.f {
                F::Write => call.value,
                F::Cas => call.value.as_pair().unwrap().1.clone(),
                _ => continue,
            };
            assert!(written.insert(value));
        }
    }

    #[test]
    fn a_small_range_is_used_up_and_not_left() {
        let options = Options {
            values: Values::UpTo(Within::clamped(5)),
            ..Options::default()
        };
        let mut register = Register::new(&options, &ALL);
        let values: BTreeSet<Value> = draw(&mut register, 1000)
            .into_iter()
            .flat_map(|call| match call.f {
                F::Write => vec![call.value],
                F::Cas => call.value.as_list().unwrap().to_vec(),
                _ => vec![],
            })
            .collect();
        assert_eq!(values, (1..=5).map(Value::from).collect());
        assert!(!register.checkers().contains(&"staleness"));
    }

    #[test]
    fn keys_end_after_their_operations_and_new_ones_come() {
        let options = Options {
            keys: Within::clamped(3),
            ops_per_key: Within::clamped(100),
            ..Options::default()
        };
        let mut register = Register::new(&options, &ALL);
        let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
        for call in draw(&mut register, 10_000) {
            let key = call.key.as_int().unwrap();
            *counts.entry(key).or_default() += 1;
            // A key that was left is never used again: at most three keys have operations left.
            let open = counts.values().filter(|count| **count < 90).count();
            assert!(open <= 3, "{counts:?}");
        }
        assert!((90..=110).contains(&counts.len()), "{counts:?}");
        assert!(counts.values().all(|count| *count <= 110), "{counts:?}");
    }

    #[test]
    fn a_key_in_doubt_is_read_next_and_left_when_doubts_pile_up() {
        let options = Options {
            keys: Within::clamped(1),
            ..Options::default()
        };
        let mut register = Register::new(&options, &ALL);
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let first = register.draw(&TURN, &mut rng).key;
        let mut writes = 0;
        while writes < UNKNOWN_PER_KEY {
            let call = register.draw(&TURN, &mut rng);
            assert_eq!(call.key, first);
            if call.f == F::Read {
                // A read in doubt is no doubt about the key.
                register.saw(&completion(&call, Kind::Info));
                continue;
            }
            writes += 1;
            register.saw(&completion(&call, Kind::Info));
            let next = register.draw(&TURN, &mut rng);
            assert_eq!(next, Invocation::new(F::Read, first.clone(), Value::Nil));
        }
        let next = register.draw(&TURN, &mut rng).key;
        assert_ne!(next, first);
        // The late answers of a key that was left change nothing.
        let late = Invocation::new(F::Write, first.clone(), 1);
        register.saw(&completion(&late, Kind::Info));
        assert_eq!(register.draw(&TURN, &mut rng).key, next);
        let finals: Vec<Value> = register
            .final_reads()
            .into_iter()
            .map(|call| call.key)
            .collect();
        assert_eq!(finals, [first, next]);
    }

    #[test]
    fn the_doubts_that_wait_are_bounded() {
        let mut register = Register::new(&Options::default(), &ALL);
        draw(&mut register, 1);
        for _ in 0..10 * DOUBTS {
            register.saw(&completion(&Invocation::new(F::Write, 0, 1), Kind::Info));
        }
        assert_eq!(register.doubts.len(), DOUBTS);
    }

    #[test]
    fn compare_and_set_expects_what_was_seen_last() {
        let options = Options {
            keys: Within::clamped(1),
            ..Options::default()
        };
        let mut register = Register::new(&options, &ALL);
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let mut latest = Value::Nil;
        let mut swaps = 0;
        for _ in 0..200 {
            let call = register.draw(&TURN, &mut rng);
            let seen = match call.f {
                F::Cas => {
                    swaps += 1;
                    let (old, new) = call.value.as_pair().unwrap();
                    assert_eq!(*old, latest);
                    new.clone()
                }
                F::Write => call.value.clone(),
                _ => latest.clone(),
            };
            let mut event = completion(&call, Kind::Ok);
            if call.f == F::Read {
                event.value = seen.clone();
            }
            register.saw(&event);
            latest = seen;
        }
        assert!(swaps > 10);
    }

    #[test]
    fn final_reads_are_bounded_and_have_the_last_keys() {
        let options = Options {
            keys: Within::clamped(10),
            ops_per_key: Within::clamped(2),
            ..Options::default()
        };
        let mut register = Register::new(&options, &ALL);
        let last = draw(&mut register, 20_000).pop().unwrap().key;
        let keys: Vec<Value> = register
            .final_reads()
            .into_iter()
            .map(|call| call.key)
            .collect();
        assert_eq!(keys.len(), FINAL_KEYS);
        assert!(keys.contains(&last));
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), FINAL_KEYS);
    }
}
