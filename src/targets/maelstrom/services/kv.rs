//! The key-value stores: `lin-kv` is linearizable, `seq-kv` sequentially consistent, `lww-kv` keeps the last write by
//! the clocks of replicas that learn of each other late.
//!
//! Requests: `read {key}`, `write {key, value}`, `cas {key, from, to, create_if_not_exists}`.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use super::super::failure::{MALFORMED, NO_SUCH_KEY, PRECONDITION};
use super::super::message::{Body, body, kind};
use super::{Service, error, not_supported};

/// What is asked of a store.
enum Request<'a> {
    Read,
    Write(&'a Value),
    Cas {
        from: &'a Value,
        to: &'a Value,
        create: bool,
    },
}

/// A request and the key it is about, keys being any JSON.
fn read_request<'a>(service: &str, body: &'a Body) -> Result<(String, Request<'a>), Body> {
    let field = |name: &str| {
        body.get(name).ok_or_else(|| {
            error(
                MALFORMED,
                &format!("a {} of {service} needs `{name}`", kind(body)),
            )
        })
    };
    let request = match kind(body) {
        "read" => Request::Read,
        "write" => Request::Write(field("value")?),
        "cas" => Request::Cas {
            from: field("from")?,
            to: field("to")?,
            create: body.get("create_if_not_exists") == Some(&Value::Bool(true)),
        },
        _ => return Err(not_supported(service, body)),
    };
    Ok((field("key")?.to_string(), request))
}

/// What a request does to a key that holds `current`: the answer, and the new value if there is one.
fn apply(key: &str, current: Option<&Value>, request: &Request<'_>) -> (Body, Option<Value>) {
    let missing = || error(NO_SUCH_KEY, &format!("there is no key {key}"));
    match (request, current) {
        (Request::Read, Some(value)) => (body("read_ok", json!({ "value": value })), None),
        (Request::Write(value), _) => (body("write_ok", json!({})), Some((*value).clone())),
        (
            Request::Cas {
                to, create: true, ..
            },
            None,
        ) => (body("cas_ok", json!({})), Some((*to).clone())),
        (Request::Read | Request::Cas { .. }, None) => (missing(), None),
        (Request::Cas { from, to, .. }, Some(value)) => {
            if *from == value {
                (body("cas_ok", json!({})), Some((*to).clone()))
            } else {
                let text = format!("the key {key} holds {value}, not {from}");
                (error(PRECONDITION, &text), None)
            }
        }
    }
}

/// `lin-kv`.
#[derive(Debug, Default)]
pub(super) struct Linearizable {
    values: BTreeMap<String, Value>,
}

impl Service for Linearizable {
    fn name(&self) -> &'static str {
        "lin-kv"
    }

    fn answer(&mut self, _from: &str, request: &Body, _random: &mut Pcg64Mcg) -> Body {
        let (key, request) = match read_request(self.name(), request) {
            Ok(read) => read,
            Err(error) => return error,
        };
        let (answer, value) = apply(&key, self.values.get(&key), &request);
        if let Some(value) = value {
            self.values.insert(key, value);
        }
        answer
    }
}

/// How many states back a client of `seq-kv` may look.
const STATES: u64 = 16;

/// `seq-kv`: all clients see the same order of changes, and each its own changes at once; reads may lag behind, but never
/// go back.
#[derive(Debug, Default)]
pub(super) struct Sequential {
    /// How many changes there were.
    changes: u64,
    /// Each key's values, with the change that made them; the last ones only.
    values: BTreeMap<String, VecDeque<(u64, Value)>>,
    /// How many changes each client has seen.
    seen: BTreeMap<String, u64>,
}

impl Sequential {
    /// What a key held after so many changes.
    fn at(&self, key: &str, changes: u64) -> Option<&Value> {
        let values = self.values.get(key)?;
        let held = values.iter().rev().find(|(change, _)| *change <= changes);
        held.map(|(_, value)| value)
    }
}

impl Service for Sequential {
    fn name(&self) -> &'static str {
        "seq-kv"
    }

    fn answer(&mut self, from: &str, request: &Body, random: &mut Pcg64Mcg) -> Body {
        let (key, request) = match read_request(self.name(), request) {
            Ok(read) => read,
            Err(error) => return error,
        };
        let oldest = self.changes.saturating_sub(STATES);
        let seen = self.seen.get(from).copied().unwrap_or(0).max(oldest);
        // A read looks at any state that is not older than what the client saw; half of them at the newest one.
        let at = match request {
            Request::Read if random.random_bool(0.5) => random.random_range(seen..=self.changes),
            _ => self.changes,
        };
        let (answer, value) = apply(&key, self.at(&key, at), &request);
        let mut at = at;
        if let Some(value) = value {
            self.changes += 1;
            at = self.changes;
            let values = self.values.entry(key).or_default();
            values.push_back((at, value));
            // What nobody can look at any more goes: all but the last value of the oldest state.
            let oldest = at.saturating_sub(STATES);
            while values.len() > 1 && values[1].0 <= oldest {
                values.pop_front();
            }
        }
        self.seen.insert(from.to_owned(), at);
        answer
    }
}

/// How many replicas `lww-kv` has.
const REPLICAS: usize = 3;

/// `lww-kv`: each request is served by any of three replicas; they learn of each other's writes later, and the last
/// write wins.
#[derive(Debug, Default)]
pub(super) struct LastWriteWins {
    clock: u64,
    replicas: [BTreeMap<String, (u64, Value)>; REPLICAS],
}

impl LastWriteWins {
    /// One replica learns what another one knows.
    fn exchange(&mut self, random: &mut Pcg64Mcg) {
        let from = random.random_range(0..REPLICAS);
        let to = (from + random.random_range(1..REPLICAS)) % REPLICAS;
        let known = self.replicas[from].clone();
        for (key, (time, value)) in known {
            let held = self.replicas[to].entry(key).or_insert((0, Value::Null));
            if time > held.0 {
                *held = (time, value);
            }
        }
    }
}

impl Service for LastWriteWins {
    fn name(&self) -> &'static str {
        "lww-kv"
    }

    fn answer(&mut self, _from: &str, request: &Body, random: &mut Pcg64Mcg) -> Body {
        let (key, request) = match read_request(self.name(), request) {
            Ok(read) => read,
            Err(error) => return error,
        };
        if random.random_bool(0.25) {
            self.exchange(random);
        }
        let replica = random.random_range(0..REPLICAS);
        let held = self.replicas[replica].get(&key).map(|(_, value)| value);
        let (answer, value) = apply(&key, held, &request);
        if let Some(value) = value {
            self.clock += 1;
            self.replicas[replica].insert(key, (self.clock, value));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn asked(service: &mut dyn Service, random: &mut Pcg64Mcg, kind: &str, fields: Value) -> Body {
        service.answer("n1", &body(kind, fields), random)
    }

    #[test]
    fn every_store_reads_writes_and_swaps() {
        for service in &mut super::super::all()[..3] {
            let mut random = Pcg64Mcg::seed_from_u64(1);
            let mut ask = |kind, fields| asked(&mut **service, &mut random, kind, fields);
            assert_eq!(ask("read", json!({ "key": "x" }))["code"], 20);
            assert_eq!(
                ask("cas", json!({ "key": "x", "from": 1, "to": 2 }))["code"],
                20
            );
            let create = json!({ "key": "x", "from": 1, "to": 2, "create_if_not_exists": true });
            assert_eq!(ask("cas", create)["type"], "cas_ok");
            assert_eq!(ask("write", json!({ "key": "x" }))["code"], 12);
            assert_eq!(ask("read", json!({}))["code"], 12);
            assert_eq!(ask("merge", json!({ "key": "x" }))["code"], 10);
        }
    }

    #[test]
    fn a_linearizable_store_shows_the_last_write() {
        let (mut service, mut random) = (Linearizable::default(), Pcg64Mcg::seed_from_u64(1));
        for value in 0..100 {
            let write = json!({ "key": [1], "value": value });
            assert_eq!(
                asked(&mut service, &mut random, "write", write)["type"],
                "write_ok"
            );
            let read = asked(&mut service, &mut random, "read", json!({ "key": [1] }));
            assert_eq!(read["value"], value);
        }
        let cas = json!({ "key": [1], "from": 7, "to": 8 });
        assert_eq!(asked(&mut service, &mut random, "cas", cas)["code"], 22);
    }

    #[test]
    fn a_sequential_store_may_lag_but_never_goes_back() {
        let (mut service, mut random) = (Sequential::default(), Pcg64Mcg::seed_from_u64(1));
        let mut lagged = false;
        let mut last = 0;
        for value in 1..=200_u64 {
            let write = body("write", json!({ "key": "x", "value": value }));
            service.answer("writer", &write, &mut random);
            let read = body("read", json!({ "key": "x" }));
            let own = service.answer("writer", &read, &mut random);
            assert_eq!(own["value"], value, "its own change is seen at once");
            let seen = service.answer("reader", &read, &mut random);
            let seen = seen.get("value").and_then(Value::as_u64).unwrap_or(0);
            assert!(seen >= last && value - seen.min(value) <= STATES);
            lagged |= seen < value;
            last = seen;
        }
        assert!(lagged);
        assert!(service.values["\"x\""].len() <= STATES as usize + 1);
    }

    #[test]
    fn a_store_of_last_writes_forgets_and_goes_back() {
        let (mut service, mut random) = (LastWriteWins::default(), Pcg64Mcg::seed_from_u64(1));
        let mut went_back = false;
        for value in 1..=200_u64 {
            let write = json!({ "key": "x", "value": value });
            asked(&mut service, &mut random, "write", write);
            let read = asked(&mut service, &mut random, "read", json!({ "key": "x" }));
            went_back |= read.get("value").and_then(Value::as_u64) != Some(value);
        }
        assert!(went_back);
    }
}
