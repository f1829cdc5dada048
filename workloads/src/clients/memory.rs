//! A database in memory, for tests of everything around a database: it has no nodes, no network and no faults, but all
//! capabilities, and the bugs that it is asked for.
//!
//! No plan can name it. Time passes only if a latency is set, on tokio's clock; without one it answers at once, in which
//! case it needs no runtime. What it does follows from its seed and the order of the calls.

mod objects;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::Value;

use crate::{
    Answer, Capability, Client, CompareAndSet, Counters, Database, Done, Endpoint, Failure,
    FencedLocks, Locks, Logs, MicroOp, Queues, RegisterTransactions, Registers, Role,
    SessionTokens, SetRemoval, Sets, SetupError, Siblings, Transactions, UniqueIds,
};

/// How the database behaves. Shares are in thousandths of the calls they are about; the default is a correct database that
/// answers at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What the shares and latencies are drawn from.
    pub seed: u64,
    /// How long a call takes; it happens at a random moment between. At once when absent.
    pub latency: Option<RangeInclusive<Duration>>,
    /// Bug: reads that miss the last change.
    pub stale_reads: u32,
    /// Bug: writes that are acknowledged and do not happen.
    pub lost_writes: u32,
    /// Calls that fail and surely do not happen.
    pub refused: u32,
    /// Writes that end as `info`; every other one of them happens.
    pub unknown: u32,
}

/// The database. Its connections share what it holds; all nodes are the same.
pub struct Memory {
    shared: Rc<RefCell<State>>,
}

impl Memory {
    /// An empty database.
    pub fn new(options: Options) -> Self {
        let rng = Pcg64Mcg::seed_from_u64(options.seed);
        Self {
            shared: Rc::new(RefCell::new(State {
                options,
                rng,
                revision: 0,
                registers: BTreeMap::new(),
                lists: BTreeMap::new(),
                sets: BTreeMap::new(),
                objects: objects::Objects::default(),
                connections: 0,
            })),
        }
    }
}

#[async_trait(?Send)]
impl Database for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> &'static [Capability] {
        Capability::ALL
    }

    async fn connect(&self, _endpoint: &Endpoint) -> Result<Box<dyn Client>, Failure> {
        let mut state = self.shared.borrow_mut();
        state.connections += 1;
        Ok(Box::new(Connection {
            shared: Rc::clone(&self.shared),
            number: state.connections,
        }))
    }

    async fn prepare(&self, _endpoints: &[Endpoint]) -> Result<(), SetupError> {
        Ok(())
    }

    async fn health(&self, _endpoint: &Endpoint) -> Result<String, SetupError> {
        Ok("1".into())
    }

    /// The first node leads, for ever.
    async fn roles(&self, endpoints: &[Endpoint]) -> Vec<(Arc<str>, Role)> {
        let roles = std::iter::once(Role::Leader).chain(std::iter::repeat(Role::Follower));
        endpoints
            .iter()
            .map(|endpoint| Arc::clone(&endpoint.node))
            .zip(roles)
            .collect()
    }
}

struct State {
    options: Options,
    rng: Pcg64Mcg,
    /// Writes so far.
    revision: i64,
    /// What each key holds, and what it held before.
    registers: BTreeMap<Value, (Value, Value)>,
    lists: BTreeMap<Value, Vec<Value>>,
    sets: BTreeMap<Value, Vec<Value>>,
    /// All other objects.
    objects: objects::Objects,
    /// Connections so far.
    connections: u64,
}

impl State {
    fn happens(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.rng.random_ratio(thousandths.min(1000), 1000)
    }

    /// How long until the call happens, and from then to its answer.
    fn delays(&mut self) -> Option<(Duration, Duration)> {
        let latency = self.options.latency.clone()?;
        let nanos = |time: &Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (shortest, longest) = (nanos(latency.start()), nanos(latency.end()));
        let whole = self.rng.random_range(shortest..=longest.max(shortest));
        let before = self.rng.random_range(0..=whole);
        Some((
            Duration::from_nanos(before),
            Duration::from_nanos(whole - before),
        ))
    }

    fn list(&self, key: &Value, stale: bool) -> Vec<Value> {
        seen(self.lists.get(key), stale)
    }
}

/// A list, or all of it but its last element.
fn seen(list: Option<&Vec<Value>>, stale: bool) -> Vec<Value> {
    let list = list.map(Vec::as_slice).unwrap_or_default();
    list[..list.len() - usize::from(stale && !list.is_empty())].to_vec()
}

struct Connection {
    shared: Rc<RefCell<State>>,
    /// No other connection's: who holds a lock.
    number: u64,
}

impl Connection {
    /// A call that changes nothing; `act` is told whether it is to miss the last change.
    async fn read<T>(&self, act: impl FnOnce(&State, bool) -> T) -> Answer<T> {
        let delays = self.shared.borrow_mut().delays();
        sleep(delays.map(|(before, _)| before)).await;
        let result = {
            let db = &mut *self.shared.borrow_mut();
            if db.happens(db.options.refused) {
                Err(Failure::fail("refused", "as it was asked to"))
            } else {
                let stale = db.happens(db.options.stale_reads);
                Ok(Done {
                    value: act(db, stale),
                    revision: Some(db.revision),
                })
            }
        };
        sleep(delays.map(|(_, after)| after)).await;
        result
    }

    /// A call that may change something; `act` is told whether it is to be kept.
    async fn write<T>(&self, act: impl FnOnce(&mut State, bool) -> T) -> Answer<T> {
        self.attempt(|db, kept| Ok(act(db, kept))).await
    }

    /// A call that may change something, or be refused: then `act` has changed nothing.
    async fn attempt<T>(
        &self,
        act: impl FnOnce(&mut State, bool) -> Result<T, Failure>,
    ) -> Answer<T> {
        let delays = self.shared.borrow_mut().delays();
        sleep(delays.map(|(before, _)| before)).await;
        let result = {
            let db = &mut *self.shared.borrow_mut();
            if db.happens(db.options.refused) {
                Err(Failure::fail("refused", "as it was asked to"))
            } else {
                let unknown = db.happens(db.options.unknown);
                let lost = if unknown { 500 } else { db.options.lost_writes };
                let kept = !db.happens(lost);
                let value = act(db, kept);
                db.revision += i64::from(kept && value.is_ok());
                if unknown {
                    Err(Failure::info("timeout", "as it was asked to"))
                } else {
                    value.map(|value| Done {
                        value,
                        revision: Some(db.revision),
                    })
                }
            }
        };
        sleep(delays.map(|(_, after)| after)).await;
        result
    }
}

/// Lets time pass, if there is any to pass.
async fn sleep(time: Option<Duration>) {
    if let Some(time) = time {
        tokio::time::sleep(time).await;
    }
}

impl Client for Connection {
    fn registers(&mut self) -> Option<&mut dyn Registers> {
        Some(self)
    }

    fn compare_and_set(&mut self) -> Option<&mut dyn CompareAndSet> {
        Some(self)
    }

    fn sets(&mut self) -> Option<&mut dyn Sets> {
        Some(self)
    }

    fn transactions(&mut self) -> Option<&mut dyn Transactions> {
        Some(self)
    }

    fn set_removal(&mut self) -> Option<&mut dyn SetRemoval> {
        Some(self)
    }

    fn register_transactions(&mut self) -> Option<&mut dyn RegisterTransactions> {
        Some(self)
    }

    fn counters(&mut self) -> Option<&mut dyn Counters> {
        Some(self)
    }

    fn queues(&mut self) -> Option<&mut dyn Queues> {
        Some(self)
    }

    fn unique_ids(&mut self) -> Option<&mut dyn UniqueIds> {
        Some(self)
    }

    fn locks(&mut self) -> Option<&mut dyn Locks> {
        Some(self)
    }

    fn fenced_locks(&mut self) -> Option<&mut dyn FencedLocks> {
        Some(self)
    }

    fn logs(&mut self) -> Option<&mut dyn Logs> {
        Some(self)
    }

    fn siblings(&mut self) -> Option<&mut dyn Siblings> {
        Some(self)
    }

    fn session_tokens(&mut self) -> Option<&mut dyn SessionTokens> {
        Some(self)
    }
}

#[async_trait(?Send)]
impl Registers for Connection {
    async fn read(&mut self, key: &Value) -> Answer<Value> {
        let read = Self::read(self, |db, stale| match db.registers.get(key) {
            Some((_, before)) if stale => before.clone(),
            Some((now, _)) => now.clone(),
            None => Value::Nil,
        });
        // The store's revision is not that of the value.
        read.await.map(|done| Done::new(done.value))
    }

    async fn write(&mut self, key: &Value, value: &Value) -> Answer<()> {
        Self::write(self, |db, kept| {
            if kept {
                set(db, key, value);
            }
        })
        .await
    }
}

fn set(db: &mut State, key: &Value, value: &Value) {
    if let Some((now, before)) = db.registers.get_mut(key) {
        *before = std::mem::replace(now, value.clone());
    } else {
        db.registers
            .insert(key.clone(), (value.clone(), Value::Nil));
    }
}

#[async_trait(?Send)]
impl CompareAndSet for Connection {
    async fn cas(&mut self, key: &Value, old: &Value, new: &Value) -> Answer<bool> {
        Self::write(self, |db, kept| {
            let holds = db.registers.get(key).map_or(&Value::Nil, |(now, _)| now);
            let equal = holds == old;
            if equal && kept {
                set(db, key, new);
            }
            equal
        })
        .await
    }
}

#[async_trait(?Send)]
impl Sets for Connection {
    async fn add(&mut self, key: &Value, element: &Value) -> Answer<()> {
        Self::write(self, |db, kept| {
            if kept {
                let set = db.sets.entry(key.clone()).or_default();
                if !set.contains(element) {
                    set.push(element.clone());
                }
            }
        })
        .await
    }

    async fn elements(&mut self, key: &Value) -> Answer<Vec<Value>> {
        Self::read(self, |db, stale| seen(db.sets.get(key), stale)).await
    }
}

#[async_trait(?Send)]
impl Transactions for Connection {
    async fn transact(&mut self, micro_ops: &[MicroOp]) -> Answer<Vec<MicroOp>> {
        let read = |key: &Value, list| MicroOp::Read {
            key: key.clone(),
            list: Some(list),
        };
        if micro_ops
            .iter()
            .all(|micro_op| matches!(micro_op, MicroOp::Read { .. }))
        {
            return Self::read(self, |db, stale| {
                micro_ops
                    .iter()
                    .map(|micro_op| read(micro_op.key(), db.list(micro_op.key(), stale)))
                    .collect()
            })
            .await;
        }
        Self::write(self, |db, kept| {
            // What the transaction sees, and leaves behind if it is kept.
            let mut own: BTreeMap<&Value, Vec<Value>> = BTreeMap::new();
            let results = micro_ops
                .iter()
                .map(|micro_op| {
                    let key = micro_op.key();
                    let list = own.entry(key).or_insert_with(|| db.list(key, false));
                    match micro_op {
                        MicroOp::Read { .. } => read(key, list.clone()),
                        MicroOp::Append { element, .. } => {
                            list.push(element.clone());
                            micro_op.clone()
                        }
                    }
                })
                .collect();
            if kept {
                for (key, list) in own {
                    db.lists.insert(key.clone(), list);
                }
            }
            results
        })
        .await
    }
}
