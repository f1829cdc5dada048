//! The capabilities: what a client of etcd can do, in requests.

use std::sync::Arc;

use async_trait::async_trait;
use schism_history::Value;

use super::failure::{Effect, Trouble};
use super::gateway::Gateway;
use super::wire::{
    Bytes, Compare, Int64, KeyValue, Put, PutAnswer, Range, RangeAnswer, Request, Target, Txn,
    TxnAnswer,
};
use crate::{Answer, Client, CompareAndSet, Done, Failure, MicroOp, Registers, Sets, Transactions};

/// The method that reads keys.
pub(super) const RANGE: &str = "/v3/kv/range";
/// The method that runs a transaction.
pub(super) const TXN: &str = "/v3/kv/txn";
const PUT: &str = "/v3/kv/put";

/// What all our keys begin with.
pub(super) const PREFIX: &str = "schism/";

/// An element that was put more often than this is shown as if it was put this often.
const REPEATS: i64 = 8;

/// The names of our keys.
pub(super) struct Keys {
    /// `schism/<run>/`.
    run: String,
}

impl Keys {
    pub(super) fn new(run: &str) -> Self {
        let run: String = run
            .chars()
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
                _ => '_',
            })
            .collect();
        Self {
            run: format!("{PREFIX}{run}/"),
        }
    }

    fn register(&self, key: &Value) -> Bytes {
        Bytes(format!("{}r/{}", self.run, Json(key)).into_bytes())
    }

    fn list(&self, key: &Value) -> Bytes {
        Bytes(format!("{}l/{}", self.run, Json(key)).into_bytes())
    }

    /// What all elements of a set begin with.
    fn set(&self, set: &Value) -> Vec<u8> {
        format!("{}s/{}/", self.run, Json(set)).into_bytes()
    }
}

/// A value as JSON.
struct Json<'a>(&'a Value);

impl std::fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| std::fmt::Error)?)
    }
}

/// The end of the range of all keys with this beginning.
pub(super) fn behind(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Bytes(end);
        }
    }
    // Nothing is behind: etcd takes a single zero for the end of all keys.
    Bytes(vec![0])
}

/// A client of one node.
pub(super) struct EtcdClient {
    gateway: Gateway,
    keys: Arc<Keys>,
    serializable: bool,
}

impl EtcdClient {
    pub(super) fn new(gateway: Gateway, keys: Arc<Keys>, serializable: bool) -> Self {
        Self {
            gateway,
            keys,
            serializable,
        }
    }

    fn range(&self, key: Bytes) -> Range {
        Range {
            key,
            serializable: self.serializable,
            ..Range::default()
        }
    }

    /// Reads the lists of these keys at one revision, in one request; and that revision.
    async fn lists(&mut self, keys: &[&Value]) -> Answer<Vec<List>> {
        let txn = Txn {
            success: keys
                .iter()
                .map(|key| Request::Range(self.range(self.keys.list(key))))
                .collect(),
            ..Txn::default()
        };
        let answer: TxnAnswer = self
            .gateway
            .call(TXN, &txn)
            .await
            .map_err(|trouble| trouble.failure(Effect::Read))?;
        let revision = answer.header.revision;
        let lists: Vec<List> = answer.ranges().map(List::new).collect();
        if lists.len() != keys.len() {
            let trouble = Trouble::Garbled {
                detail: format!("{} answers to {} reads", lists.len(), keys.len()),
            };
            return Err(trouble.failure(Effect::Read));
        }
        Ok(done(lists, revision))
    }
}

impl Client for EtcdClient {
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
}

#[async_trait(?Send)]
impl Registers for EtcdClient {
    async fn read(&mut self, key: &Value) -> Answer<Value> {
        let range = self.range(self.keys.register(key));
        let answer: RangeAnswer = self
            .gateway
            .call(RANGE, &range)
            .await
            .map_err(|trouble| trouble.failure(Effect::Read))?;
        Ok(match answer.kvs.into_iter().next() {
            Some(found) => done(parse(&found.value.0), found.mod_revision),
            None => Done::new(Value::Nil),
        })
    }

    async fn write(&mut self, key: &Value, value: &Value) -> Answer<()> {
        let put = Put {
            key: self.keys.register(key),
            value: Bytes(Json(value).to_string().into_bytes()),
        };
        let answer: PutAnswer = self
            .gateway
            .call(PUT, &put)
            .await
            .map_err(|trouble| trouble.failure(Effect::Write))?;
        Ok(done((), answer.header.revision))
    }
}

#[async_trait(?Send)]
impl CompareAndSet for EtcdClient {
    async fn cas(&mut self, key: &Value, old: &Value, new: &Value) -> Answer<bool> {
        let key = self.keys.register(key);
        let target = match old {
            // A key that was never written has no value to compare; it has had no puts.
            Value::Nil => Target::Version { version: Int64(0) },
            old => Target::Value {
                value: Bytes(Json(old).to_string().into_bytes()),
            },
        };
        let txn = Txn {
            compare: vec![Compare::equal(key.clone(), target)],
            success: vec![Request::Put(Put {
                key,
                value: Bytes(Json(new).to_string().into_bytes()),
            })],
            failure: Vec::new(),
        };
        let answer: TxnAnswer = self
            .gateway
            .call(TXN, &txn)
            .await
            .map_err(|trouble| trouble.failure(Effect::Write))?;
        Ok(done(answer.succeeded, answer.header.revision))
    }
}

/// One key an element, rather than one key a set that is changed under a guard: adds then never conflict, so that many are
/// acknowledged and each of them can be missed; a read has to find thousands of keys of one revision; and how often a key
/// was put shows whether etcd carried an add out twice. Changes under a guard are what append transactions are for.
#[async_trait(?Send)]
impl Sets for EtcdClient {
    async fn add(&mut self, set: &Value, element: &Value) -> Answer<()> {
        let mut key = self.keys.set(set);
        key.extend(Json(element).to_string().into_bytes());
        let put = Put {
            key: Bytes(key),
            value: Bytes::default(),
        };
        let answer: PutAnswer = self
            .gateway
            .call(PUT, &put)
            .await
            .map_err(|trouble| trouble.failure(Effect::Write))?;
        Ok(done((), answer.header.revision))
    }

    /// An element that was put more than once is there more than once: we send each add once.
    async fn elements(&mut self, set: &Value) -> Answer<Vec<Value>> {
        let prefix = self.keys.set(set);
        let range = Range {
            range_end: Some(behind(&prefix)),
            keys_only: true,
            ..self.range(Bytes(prefix.clone()))
        };
        let answer: RangeAnswer = self
            .gateway
            .call(RANGE, &range)
            .await
            .map_err(|trouble| trouble.failure(Effect::Read))?;
        let mut elements = Vec::with_capacity(answer.kvs.len());
        for found in &answer.kvs {
            let element = parse(
                found
                    .key
                    .0
                    .strip_prefix(&prefix[..])
                    .unwrap_or(&found.key.0),
            );
            for _ in 0..found.version.0.clamp(1, REPEATS) {
                elements.push(element.clone());
            }
        }
        Ok(done(elements, answer.header.revision))
    }
}

/// A list as it was read.
struct List {
    elements: Vec<Value>,
    /// The revision of its last change; 0 when there is no such list.
    revision: Int64,
    /// What is stored is no list: nothing that we wrote.
    broken: bool,
}

impl List {
    fn new(found: Vec<KeyValue>) -> Self {
        let Some(found) = found.into_iter().next() else {
            return Self {
                elements: Vec::new(),
                revision: Int64(0),
                broken: false,
            };
        };
        let (elements, broken) = match parse(&found.value.0) {
            Value::List(elements) => (elements.to_vec(), false),
            // Shown as an element that nobody appended, for the checkers to find.
            other => (vec![other], true),
        };
        Self {
            elements,
            revision: found.mod_revision,
            broken,
        }
    }
}

/// A transaction that only reads is one request. One that appends is two: the first reads all its keys at one revision,
/// the second writes the longer lists, guarded by the revisions of all keys that were read.
#[async_trait(?Send)]
impl Transactions for EtcdClient {
    async fn transact(&mut self, micro_ops: &[MicroOp]) -> Answer<Vec<MicroOp>> {
        let mut keys: Vec<&Value> = Vec::new();
        for micro_op in micro_ops {
            if !keys.contains(&micro_op.key()) {
                keys.push(micro_op.key());
            }
        }
        if keys.is_empty() {
            return Ok(Done::new(Vec::new()));
        }
        // Nothing has been written yet, so a failure here is one of a read.
        let read = self.lists(&keys).await?;
        let mut lists = read.value;
        let mut appended = vec![false; keys.len()];
        let mut results = Vec::with_capacity(micro_ops.len());
        for micro_op in micro_ops {
            let Some(index) = keys.iter().position(|key| *key == micro_op.key()) else {
                continue;
            };
            let list = &mut lists[index];
            match micro_op {
                MicroOp::Read { key, .. } => results.push(MicroOp::Read {
                    key: key.clone(),
                    list: Some(list.elements.clone()),
                }),
                MicroOp::Append { element, .. } => {
                    if list.broken {
                        // Nothing has been written yet.
                        return Err(Failure::fail(
                            "broken list",
                            format!("the key {} holds no list", micro_op.key()),
                        ));
                    }
                    list.elements.push(element.clone());
                    appended[index] = true;
                    results.push(micro_op.clone());
                }
            }
        }
        if !appended.contains(&true) {
            return Ok(Done {
                value: results,
                revision: read.revision,
            });
        }
        let touched = keys.iter().zip(&lists).zip(&appended);
        let txn = Txn {
            compare: touched
                .clone()
                .map(|((key, list), _)| {
                    Compare::equal(
                        self.keys.list(key),
                        Target::Mod {
                            mod_revision: list.revision,
                        },
                    )
                })
                .collect(),
            success: touched
                .filter(|(_, appended)| **appended)
                .map(|((key, list), _)| {
                    Request::Put(Put {
                        key: self.keys.list(key),
                        value: Bytes(
                            Json(&Value::list(list.elements.iter().cloned()))
                                .to_string()
                                .into_bytes(),
                        ),
                    })
                })
                .collect(),
            failure: Vec::new(),
        };
        let answer: TxnAnswer = self
            .gateway
            .call(TXN, &txn)
            .await
            .map_err(|trouble| trouble.failure(Effect::Write))?;
        if !answer.succeeded {
            // etcd compared, found another revision, and ran the other branch, which is empty: its answer is the proof.
            return Err(Failure::fail(
                "conflict",
                "another transaction changed one of the keys meanwhile",
            ));
        }
        Ok(done(results, answer.header.revision))
    }
}

fn done<T>(value: T, revision: Int64) -> Done<T> {
    Done {
        value,
        revision: (revision.0 > 0).then_some(revision.0),
    }
}

/// The value that is stored. Bytes that are no JSON are nothing that we wrote: they are shown as text, for the checkers to
/// find.
fn parse(stored: &[u8]) -> Value {
    serde_json::from_slice(stored)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(stored).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_set_begins_like_another() {
        let keys = Keys::new("r/1 é");
        assert_eq!(keys.run, "schism/r_1__/");
        let sets = [
            Value::from(1),
            Value::from(10),
            Value::from("1"),
            Value::from("a\"/x"),
            Value::from("a"),
            Value::from("a/b"),
            Value::list([1]),
        ];
        let prefixes: Vec<Vec<u8>> = sets.iter().map(|set| keys.set(set)).collect();
        for (i, a) in prefixes.iter().enumerate() {
            for (j, b) in prefixes.iter().enumerate() {
                assert!(i == j || !a.starts_with(b), "{} {}", sets[i], sets[j]);
            }
        }
    }

    #[test]
    fn a_range_ends_behind_its_prefix() {
        assert_eq!(behind(b"a/").0, b"a0");
        assert_eq!(behind(b"a\xff").0, b"b");
        assert_eq!(behind(b"\xff\xff").0, b"\0");
    }

    #[test]
    fn what_we_did_not_write_is_shown_as_text() {
        assert_eq!(parse(b"7"), Value::from(7));
        assert_eq!(parse(b"\x00x"), Value::from("\0x"));
        let list = List::new(vec![KeyValue {
            key: Bytes::default(),
            value: Bytes(b"oops".to_vec()),
            mod_revision: Int64(3),
            version: Int64(1),
        }]);
        assert!(list.broken);
        assert_eq!(list.elements, [Value::from("oops")]);
    }
}
