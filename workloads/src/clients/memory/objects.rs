//! What the database in memory holds besides registers, sets and lists: all of it plain, and its locks without leases,
//! because it has no clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use schism_history::Value;

use super::{Connection, State, set};
use crate::{
    Answer, Counters, Failure, FencedLocks, Locks, Logs, Queues, RegisterTransactions,
    SessionTokens, SetRemoval, Siblings, Step, UniqueIds,
};

/// The objects, by kind and key.
#[derive(Default)]
pub(super) struct Objects {
    counters: BTreeMap<Value, i64>,
    queues: BTreeMap<Value, VecDeque<Value>>,
    ids: i64,
    /// Who holds each lock.
    locks: BTreeMap<Value, u64>,
    tokens: i64,
    /// The highest token that each guarded register has seen.
    guards: BTreeMap<Value, i64>,
    logs: BTreeMap<Value, Vec<Value>>,
}

fn refused<T>(detail: &str) -> Result<T, Failure> {
    Err(Failure::fail("precondition", detail))
}

#[async_trait(?Send)]
impl SetRemoval for Connection {
    async fn remove(&mut self, key: &Value, element: &Value) -> Answer<()> {
        Self::write(self, |db, kept| {
            if kept && let Some(set) = db.sets.get_mut(key) {
                set.retain(|other| other != element);
            }
        })
        .await
    }
}

#[async_trait(?Send)]
impl Counters for Connection {
    async fn increment(&mut self, key: &Value, amount: i64) -> Answer<()> {
        Self::write(self, |db, kept| {
            *db.objects.counters.entry(key.clone()).or_default() += amount * i64::from(kept);
        })
        .await
    }

    async fn count(&mut self, key: &Value) -> Answer<i64> {
        Self::read(self, |db, _| {
            db.objects.counters.get(key).copied().unwrap_or(0)
        })
        .await
    }
}

#[async_trait(?Send)]
impl Queues for Connection {
    async fn enqueue(&mut self, key: &Value, value: &Value) -> Answer<()> {
        Self::write(self, |db, kept| {
            if kept {
                let queue = db.objects.queues.entry(key.clone()).or_default();
                queue.push_back(value.clone());
            }
        })
        .await
    }

    async fn dequeue(&mut self, key: &Value) -> Answer<Option<Value>> {
        Self::write(self, |db, kept| {
            let queue = db.objects.queues.entry(key.clone()).or_default();
            if kept {
                queue.pop_front()
            } else {
                queue.front().cloned()
            }
        })
        .await
    }

    async fn drain(&mut self, key: &Value) -> Answer<Vec<Value>> {
        Self::write(self, |db, kept| {
            let queue = db.objects.queues.entry(key.clone()).or_default();
            if kept {
                queue.drain(..).collect()
            } else {
                queue.iter().cloned().collect()
            }
        })
        .await
    }
}

#[async_trait(?Send)]
impl UniqueIds for Connection {
    async fn generate(&mut self, _key: &Value) -> Answer<Value> {
        Self::write(self, |db, kept| {
            db.objects.ids += i64::from(kept);
            Value::Int(db.objects.ids)
        })
        .await
    }
}

#[async_trait(?Send)]
impl Locks for Connection {
    async fn acquire(&mut self, key: &Value, _lease: Duration) -> Answer<Option<i64>> {
        self.attempt(|db, kept| {
            let objects = &mut db.objects;
            if objects.locks.contains_key(key) {
                return refused("somebody holds it");
            }
            if kept {
                objects.locks.insert(key.clone(), self.number);
            }
            objects.tokens += 1;
            Ok(Some(objects.tokens))
        })
        .await
    }

    async fn release(&mut self, key: &Value) -> Answer<()> {
        self.attempt(|db, kept| {
            if db.objects.locks.get(key) != Some(&self.number) {
                return refused("this client does not hold it");
            }
            if kept {
                db.objects.locks.remove(key);
            }
            Ok(())
        })
        .await
    }
}

#[async_trait(?Send)]
impl FencedLocks for Connection {
    async fn guarded_write(&mut self, key: &Value, token: i64, value: &Value) -> Answer<()> {
        self.attempt(|db, kept| {
            let highest = db.objects.guards.get(key).copied().unwrap_or(0);
            if token < highest {
                return refused("a higher token was seen");
            }
            if kept {
                db.objects.guards.insert(key.clone(), token);
                set(db, key, value);
            }
            Ok(())
        })
        .await
    }
}

#[async_trait(?Send)]
impl Logs for Connection {
    async fn append(&mut self, key: &Value, message: &Value) -> Answer<i64> {
        Self::write(self, |db, kept| {
            let log = db.objects.logs.entry(key.clone()).or_default();
            if kept {
                log.push(message.clone());
            }
            log.len() as i64 - i64::from(kept)
        })
        .await
    }

    async fn poll(&mut self, key: &Value, from: i64) -> Answer<Vec<(i64, Value)>> {
        Self::read(self, |db, _| {
            let log = db.objects.logs.get(key).map_or(&[][..], Vec::as_slice);
            let messages = (0..).zip(log.iter().cloned());
            messages.filter(|(offset, _)| *offset >= from).collect()
        })
        .await
    }
}

#[async_trait(?Send)]
impl Siblings for Connection {
    /// One copy has no siblings.
    async fn get(&mut self, key: &Value) -> Answer<(Vec<Value>, Value)> {
        let read = Self::read(self, |db, _| {
            let (now, _) = db.registers.get(key).cloned().unwrap_or_default();
            (vec![now], Value::Nil)
        });
        read.await
    }

    async fn put(&mut self, key: &Value, value: &Value, _context: &Value) -> Answer<()> {
        crate::Registers::write(self, key, value).await
    }
}

#[async_trait(?Send)]
impl SessionTokens for Connection {
    /// One copy needs no tokens.
    async fn read_within(&mut self, key: &Value, _token: &Value) -> Answer<(Value, Value)> {
        let done = crate::Registers::read(self, key).await?;
        Ok(done.map(|value| (value, Value::Nil)))
    }

    async fn write_within(&mut self, key: &Value, value: &Value, _token: &Value) -> Answer<Value> {
        let done = crate::Registers::write(self, key, value).await?;
        Ok(done.map(|()| Value::Nil))
    }
}

#[async_trait(?Send)]
impl RegisterTransactions for Connection {
    async fn run(&mut self, steps: &[Step]) -> Answer<Vec<Step>> {
        self.attempt(|db, kept| run(db, kept, steps)).await
    }
}

fn run(db: &mut State, kept: bool, steps: &[Step]) -> Result<Vec<Step>, Failure> {
    let mut own: BTreeMap<&Value, Value> = BTreeMap::new();
    let mut results = Vec::with_capacity(steps.len());
    for step in steps {
        let (Step::Read { key, .. }
        | Step::Write { key, .. }
        | Step::Add { key, .. }
        | Step::AtLeast { key, .. }
        | Step::Holds { key, .. }) = step;
        let held = own.entry(key).or_insert_with(|| {
            let (now, _) = db.registers.get(key).cloned().unwrap_or_default();
            now
        });
        let mut result = step.clone();
        match (&mut result, step) {
            (Step::Read { value, .. }, _) => *value = held.clone(),
            (_, Step::Write { value, .. }) => *held = value.clone(),
            (_, Step::Add { amount, .. }) => {
                *held = Value::Int(held.as_int().unwrap_or(0) + amount);
            }
            (_, Step::AtLeast { amount, .. }) => {
                if held.as_int().unwrap_or(0) < *amount {
                    return refused("there is less");
                }
            }
            (_, Step::Holds { value, .. }) => {
                if held != value {
                    return refused("it holds another value");
                }
            }
            (_, Step::Read { .. }) => {}
        }
        results.push(result);
    }
    if kept {
        for (key, value) in own {
            set(db, key, &value);
        }
    }
    Ok(results)
}
