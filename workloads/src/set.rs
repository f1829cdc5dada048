//! Sets that grow: every element is added once, and nothing may get lost.
//!
//! The cheapest way to see whether an acknowledged write survives. A set is left after a number of elements, so that
//! reading one whole stays cheap.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use schism_history::{F, Value};
use serde::{Deserialize, Serialize};

use crate::choice::{Weighted, about};
use crate::workload::judged_by;
use crate::{Answer, Capability, Client, Failure, Invocation, Invoker, Turn, Within, Workload};

/// The name in plans.
pub const NAME: &str = "set";

/// The final reads are of this many sets at most: the one in use, and the last ones before it.
const FINAL_SETS: usize = 500;

/// Adds of elements to a set, and reads of the whole set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// After about this many elements (a tenth more or less) a set is left and a fresh one used.
    pub elements_per_set: Within<1, 100_000>,
    /// How often to add, in relation to `read`.
    pub add: Within<1, 1000>,
    /// How often to read the whole set while it grows; 0 for only at the end of the run.
    pub read: Within<0, 1000>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            elements_per_set: Within::clamped(1000),
            add: Within::clamped(20),
            read: Within::clamped(1),
        }
    }
}

/// The set workload.
#[derive(Debug)]
pub(crate) struct Set {
    options: Options,
    actions: Weighted,
    /// The set in use; none before the first operation.
    current: Option<i64>,
    /// Elements until it is left.
    left: u32,
    /// Sets that were left, the last ones only.
    past: VecDeque<i64>,
    /// The last element.
    added: i64,
}

impl Set {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            options: *options,
            actions: Weighted::new([options.add.get(), options.read.get()].map(u64::from)),
            current: None,
            left: 0,
            past: VecDeque::new(),
            added: 0,
        }
    }

    /// The set to work on.
    fn pick(&mut self, rng: &mut Pcg64Mcg) -> i64 {
        match self.current {
            Some(set) if self.left > 0 => set,
            old => {
                if let Some(old) = old {
                    if self.past.len() == FINAL_SETS - 1 {
                        self.past.pop_front();
                    }
                    self.past.push_back(old);
                }
                let fresh = old.map_or(0, |old| old + 1);
                self.current = Some(fresh);
                self.left = about(self.options.elements_per_set.get(), rng);
                fresh
            }
        }
    }
}

impl Workload for Set {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self) -> &[Capability] {
        &[Capability::Sets]
    }

    fn draw(&mut self, _turn: &Turn, rng: &mut Pcg64Mcg) -> Invocation {
        let set = self.pick(rng);
        if self.actions.draw(rng) == 0 {
            self.left -= 1;
            self.added += 1;
            Invocation::new(F::Add, set, self.added)
        } else {
            Invocation::new(F::Read, set, Value::Nil)
        }
    }

    fn final_reads(&self) -> Vec<Invocation> {
        self.past
            .iter()
            .copied()
            .chain(self.current)
            .map(|set| Invocation::new(F::Read, set, Value::Nil))
            .collect()
    }

    fn checkers(&self) -> &'static [&'static str] {
        judged_by!["lost-updates"]
    }

    fn invoker(&self) -> Arc<dyn Invoker> {
        Arc::new(Calls)
    }
}

struct Calls;

#[async_trait(?Send)]
impl Invoker for Calls {
    async fn invoke(&self, client: &mut dyn Client, call: &Invocation) -> Answer<Value> {
        let Some(sets) = client.sets() else {
            return Err(Failure::not_offered(Capability::Sets));
        };
        match &call.f {
            F::Add => {
                let done = sets.add(&call.key, &call.value).await?;
                Ok(done.map(|()| call.value.clone()))
            }
            F::Read => Ok(sets.elements(&call.key).await?.map(Value::list)),
            _ => Err(Failure::not_drawn(call)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand::SeedableRng;

    use super::*;

    const TURN: Turn = Turn {
        worker: 0,
        workers: 1,
        operations: 0,
    };

    fn draw(set: &mut Set, count: usize) -> Vec<Invocation> {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        (0..count).map(|_| set.draw(&TURN, &mut rng)).collect()
    }

    #[test]
    fn every_element_is_added_once_and_sets_end() {
        let mut set = Set::new(&Options::default());
        let mut added: BTreeMap<Value, BTreeSet<Value>> = BTreeMap::new();
        let mut reads = 0;
        for call in draw(&mut set, 21_000) {
            match call.f {
                F::Add => assert!(added.entry(call.key).or_default().insert(call.value)),
                _ => reads += 1,
            }
        }
        assert!((900..1100).contains(&reads), "{reads}");
        let sizes: Vec<usize> = added.values().map(BTreeSet::len).collect();
        let (last, whole) = sizes.split_last().unwrap();
        assert!(whole.iter().all(|size| (900..=1100).contains(size)) && *last <= 1100);
        let finals: Vec<Value> = set.final_reads().into_iter().map(|call| call.key).collect();
        assert_eq!(finals, added.into_keys().collect::<Vec<_>>());
    }

    #[test]
    fn without_reads_there_are_only_adds() {
        let options = Options {
            read: Within::clamped(0),
            ..Options::default()
        };
        let mut set = Set::new(&options);
        assert!(draw(&mut set, 1000).iter().all(|call| call.f == F::Add));
    }

    #[test]
    fn final_reads_are_bounded() {
        let options = Options {
            elements_per_set: Within::clamped(1),
            ..Options::default()
        };
        let mut set = Set::new(&options);
        assert_eq!(set.final_reads(), []);
        let last = draw(&mut set, 2000).pop().unwrap().key;
        let finals = set.final_reads();
        assert_eq!(finals.len(), FINAL_SETS);
        assert_eq!(finals.last().unwrap().key, last);
    }
}
