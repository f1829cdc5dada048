//! Transactions that read and append to lists.
//!
//! Every element of a list names the transaction that appended it, and the list itself is the order of the appends: a
//! history of such transactions says more about what happened than any other (Kingsbury and Alvaro, "Elle: Inferring
//! Isolation Anomalies from Experimental Observations", VLDB 2020). Some keys are hot and some cold; some live short and
//! some long, because both have hidden bugs from tests that had one kind only.

use std::sync::Arc;

use async_trait::async_trait;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use schism_history::{F, Value};
use serde::{Deserialize, Serialize};

use crate::choice::{Distribution, Weighted};
use crate::workload::judged_by;
use crate::{
    Answer, Capability, Client, Failure, Invocation, Invoker, MicroOp, Turn, Within, Workload,
};

/// The name in plans.
pub const NAME: &str = "append";

/// Keys read by one final transaction.
const FINAL_GROUP: usize = 8;

/// The final reads are of this many keys at most: the last ones.
const FINAL_KEYS: i64 = 4000;

/// Transactions of reads and appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many keys are in use at once.
    pub keys: Within<1, 10_000>,
    /// How the key of a micro-operation is chosen among them.
    pub distribution: Distribution,
    /// The most micro-operations of one transaction; each has from 1 to this many.
    pub micro_ops: Within<1, 64>,
    /// The most elements of one list. After between 1 and this many appends, short lives being more frequent, a key is
    /// left and a fresh one used in its place.
    pub writes_per_key: Within<1, 10_000>,
    /// How many of a hundred micro-operations are reads.
    pub reads: Within<1, 99>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keys: Within::clamped(10),
            distribution: Distribution::Exponential,
            micro_ops: Within::clamped(4),
            writes_per_key: Within::clamped(256),
            reads: Within::clamped(50),
        }
    }
}

/// One of the keys in use.
#[derive(Debug)]
struct Slot {
    key: i64,
    /// Appends so far; the last one's element.
    appended: i64,
    /// Appends until it is left.
    left: u32,
}

/// The append workload.
#[derive(Debug)]
pub(crate) struct Append {
    options: Options,
    choice: Weighted,
    lives: Weighted,
    slots: Vec<Slot>,
    /// The key that comes next.
    next_key: i64,
}

impl Append {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            options: *options,
            choice: options.distribution.over(options.keys.get()),
            lives: Distribution::Zipf.over(options.writes_per_key.get()),
            slots: Vec::new(),
            next_key: 0,
        }
    }

    fn fresh(&mut self, rng: &mut Pcg64Mcg) -> Slot {
        let key = self.next_key;
        self.next_key += 1;
        Slot {
            key,
            appended: 0,
            left: self.lives.draw(rng) as u32 + 1,
        }
    }

    fn micro_op(&mut self, rng: &mut Pcg64Mcg) -> MicroOp {
        let index = self.choice.draw(rng);
        if rng.random_ratio(self.options.reads.get(), 100) {
            return MicroOp::Read {
                key: self.slots[index].key.into(),
                list: None,
            };
        }
        let slot = &mut self.slots[index];
        slot.appended += 1;
        slot.left -= 1;
        let (key, element) = (slot.key.into(), slot.appended.into());
        if slot.left == 0 {
            self.slots[index] = self.fresh(rng);
        }
        MicroOp::Append { key, element }
    }
}

impl Workload for Append {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self) -> &[Capability] {
        &[Capability::AppendTransactions]
    }

    fn draw(&mut self, _turn: &Turn, rng: &mut Pcg64Mcg) -> Invocation {
        while self.slots.len() < self.options.keys.get() as usize {
            let slot = self.fresh(rng);
            self.slots.push(slot);
        }
        let count = rng.random_range(1..=self.options.micro_ops.get());
        let micro_ops = (0..count).map(|_| self.micro_op(rng).to_value());
        Invocation::new(F::Txn, Value::Nil, Value::list(micro_ops))
    }

    fn final_reads(&self) -> Vec<Invocation> {
        let keys: Vec<i64> = ((self.next_key - FINAL_KEYS).max(0)..self.next_key).collect();
        keys.chunks(FINAL_GROUP)
            .map(|group| {
                let reads = group.iter().map(|key| {
                    let read = MicroOp::Read {
                        key: Value::Int(*key),
                        list: None,
                    };
                    read.to_value()
                });
                Invocation::new(F::Txn, Value::Nil, Value::list(reads))
            })
            .collect()
    }

    fn checkers(&self) -> &'static [&'static str] {
        judged_by![
            "list-order",
            "read-your-writes",
            "monotonic-reads",
            "monotonic-writes",
            "writes-follow-reads",
            "lost-updates",
        ]
    }

    fn invoker(&self) -> Arc<dyn Invoker> {
        Arc::new(Calls)
    }
}

struct Calls;

#[async_trait(?Send)]
impl Invoker for Calls {
    async fn invoke(&self, client: &mut dyn Client, call: &Invocation) -> Answer<Value> {
        let micro_ops: Option<Vec<MicroOp>> = call
            .value
            .as_list()
            .filter(|_| call.f == F::Txn)
            .and_then(|micro_ops| micro_ops.iter().map(MicroOp::from_value).collect());
        let Some(micro_ops) = micro_ops else {
            return Err(Failure::not_drawn(call));
        };
        let Some(transactions) = client.transactions() else {
            return Err(Failure::not_offered(Capability::AppendTransactions));
        };
        let done = transactions.transact(&micro_ops).await?;
        Ok(done.map(|micro_ops| Value::list(micro_ops.iter().map(MicroOp::to_value))))
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

    fn draw(append: &mut Append, count: usize) -> Vec<Vec<MicroOp>> {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        (0..count)
            .map(|_| {
                let call = append.draw(&TURN, &mut rng);
                assert_eq!((&call.f, &call.key), (&F::Txn, &Value::Nil));
                let micro_ops = call.value.as_list().unwrap();
                micro_ops
                    .iter()
                    .map(|micro_op| MicroOp::from_value(micro_op).unwrap())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn transactions_have_all_lengths_and_half_of_their_steps_are_reads() {
        let drawn = draw(&mut Append::new(&Options::default()), 10_000);
        let mut lengths = BTreeMap::new();
        let mut reads = 0;
        for transaction in &drawn {
            *lengths.entry(transaction.len()).or_insert(0_u32) += 1;
            for micro_op in transaction {
                match micro_op {
                    MicroOp::Read { list, .. } => {
                        assert_eq!(*list, None);
                        reads += 1;
                    }
                    MicroOp::Append { .. } => {}
                }
            }
        }
        assert_eq!(lengths.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(lengths.values().all(|count| count.abs_diff(2500) < 200));
        assert!(12_500_u32.abs_diff(reads) < 500, "{reads}");
    }

    #[test]
    fn elements_are_unique_and_lists_end() {
        let options = Options {
            writes_per_key: Within::clamped(20),
            ..Options::default()
        };
        let mut append = Append::new(&options);
        let mut lists: BTreeMap<Value, Vec<Value>> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for micro_op in draw(&mut append, 20_000).into_iter().flatten() {
            keys.insert(micro_op.key().clone());
            if let MicroOp::Append { key, element } = micro_op {
                let list = lists.entry(key).or_default();
                assert!(!list.contains(&element));
                list.push(element);
            }
        }
        let mut sizes: Vec<usize> = lists.values().map(Vec::len).collect();
        sizes.sort_unstable();
        assert_eq!((sizes[0], sizes.last()), (1, Some(&20)));
        // Most live shorter than the mean of the bounds, and some all the way.
        assert!(sizes[sizes.len() / 2] < 10);
        assert!(keys.len() > 1000, "{}", keys.len());
    }

    #[test]
    fn some_keys_are_hotter_than_others() {
        let options = Options {
            writes_per_key: Within::clamped(10_000),
            ..Options::default()
        };
        let mut uses: BTreeMap<Value, u32> = BTreeMap::new();
        for micro_op in draw(&mut Append::new(&options), 2000).into_iter().flatten() {
            *uses.entry(micro_op.key().clone()).or_default() += 1;
        }
        let mut uses: Vec<u32> = uses.into_values().collect();
        uses.sort_unstable();
        assert!(uses[uses.len() - 1] > 20 * uses[0], "{uses:?}");
    }

    #[test]
    fn final_reads_are_groups_of_all_keys_and_bounded() {
        let mut append = Append::new(&Options::default());
        assert_eq!(append.final_reads(), []);
        draw(&mut append, 100);
        let keys = |append: &Append| -> Vec<i64> {
            let finals = append.final_reads();
            let reads = finals.iter().flat_map(|call| {
                let reads = call.value.as_list().unwrap();
                assert!(reads.len() <= FINAL_GROUP);
                reads.iter().map(|read| MicroOp::from_value(read).unwrap())
            });
            reads.map(|read| read.key().as_int().unwrap()).collect()
        };
        assert_eq!(keys(&append), (0..append.next_key).collect::<Vec<_>>());
        append.next_key = 3 * FINAL_KEYS;
        assert_eq!(keys(&append).len(), FINAL_KEYS as usize);
    }
}
