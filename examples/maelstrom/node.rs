//! The same node as `node.py`, in Rust: the first node keeps everything, the others pass on to it what they are asked.
//!
//! With the argument `local`, each node keeps what it was told itself, and tells nobody: wrong, and schism shows why.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

/// What a node keeps.
#[derive(Default)]
struct Store {
    set: Vec<Value>,
    counter: i64,
    ids: u64,
    values: BTreeMap<String, Value>,
    logs: BTreeMap<String, Vec<Value>>,
    committed: BTreeMap<String, Value>,
}

impl Store {
    /// The answer to a request, without `in_reply_to`.
    fn answer(&mut self, body: &Value) -> Value {
        let key = body["key"].to_string();
        match body["type"].as_str().unwrap_or_default() {
            "echo" => json!({ "type": "echo_ok", "echo": body["echo"] }),
            "generate" => {
                self.ids += 1;
                json!({ "type": "generate_ok", "id": self.ids })
            }
            "topology" => json!({ "type": "topology_ok" }),
            "broadcast" => {
                self.set.push(body["message"].clone());
                json!({ "type": "broadcast_ok" })
            }
            "add" if body.get("element").is_some() => {
                self.set.push(body["element"].clone());
                json!({ "type": "add_ok" })
            }
            "add" => {
                self.counter += body["delta"].as_i64().unwrap_or_default();
                json!({ "type": "add_ok" })
            }
            "read" if body.get("key").is_some() => match self.values.get(&key) {
                Some(value) => json!({ "type": "read_ok", "value": value }),
                None => error(20, "there is no such key"),
            },
            // Whoever has been told elements reads those, else the counter: a node serves one workload.
            "read" if self.set.is_empty() => {
                json!({ "type": "read_ok", "messages": [], "value": self.counter })
            }
            "read" => json!({ "type": "read_ok", "messages": self.set, "value": self.set }),
            "write" => {
                self.values.insert(key, body["value"].clone());
                json!({ "type": "write_ok" })
            }
            "cas" => match self.values.get_mut(&key) {
                None => error(20, "there is no such key"),
                Some(value) if *value != body["from"] => error(22, "it holds another value"),
                Some(value) => {
                    *value = body["to"].clone();
                    json!({ "type": "cas_ok" })
                }
            },
            "txn" => {
                let steps = body["txn"].as_array().into_iter().flatten();
                let done: Vec<Value> = steps.map(|step| self.step(step)).collect();
                json!({ "type": "txn_ok", "txn": done })
            }
            "send" => {
                let log = self.logs.entry(text(&body["key"])).or_default();
                log.push(body["msg"].clone());
                json!({ "type": "send_ok", "offset": log.len() - 1 })
            }
            "poll" => {
                let offsets = body["offsets"].as_object().into_iter().flatten();
                let messages: serde_json::Map<String, Value> = offsets
                    .map(|(key, from)| (key.clone(), self.after(key, from.as_u64().unwrap_or(0))))
                    .collect();
                json!({ "type": "poll_ok", "msgs": messages })
            }
            "commit_offsets" => {
                for (key, offset) in body["offsets"].as_object().into_iter().flatten() {
                    self.committed.insert(key.clone(), offset.clone());
                }
                json!({ "type": "commit_offsets_ok" })
            }
            "list_committed_offsets" => {
                json!({ "type": "list_committed_offsets_ok", "offsets": self.committed })
            }
            kind => error(10, &format!("no request of the type {kind}")),
        }
    }

    /// One step of a transaction, with what it read.
    fn step(&mut self, step: &Value) -> Value {
        let key = step[1].to_string();
        match step[0].as_str() {
            Some("r") => json!(["r", step[1], self.values.get(&key)]),
            Some("append") => {
                let list = self.values.entry(key).or_insert_with(|| json!([]));
                if let Value::Array(list) = list {
                    list.push(step[2].clone());
                }
                step.clone()
            }
            _ => {
                self.values.insert(key, step[2].clone());
                step.clone()
            }
        }
    }

    /// The messages of a log from an offset on.
    fn after(&self, key: &str, offset: u64) -> Value {
        let log = self.logs.get(key).into_iter().flatten().enumerate();
        log.filter(|(at, _)| *at as u64 >= offset)
            .map(|(at, message)| json!([at, message]))
            .collect()
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn error(code: u64, text: &str) -> Value {
    json!({ "type": "error", "code": code, "text": text })
}

fn main() -> io::Result<()> {
    let local = env::args().any(|argument| argument == "local");
    let (mut store, mut me, mut first) = (Store::default(), Value::Null, Value::Null);
    let mut asked: HashMap<u64, (Value, Value)> = HashMap::new();
    let mut numbers = 0_u64;
    let mut output = io::stdout();
    for line in io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line?)?;
        let (src, mut body) = (message["src"].clone(), message["body"].clone());
        let passed_on = body["in_reply_to"]
            .as_u64()
            .and_then(|at| asked.remove(&at));
        let (dest, answer) = if body["type"] == "init" {
            me = body["node_id"].clone();
            first = body["node_ids"][0].clone();
            let answer = json!({ "type": "init_ok", "in_reply_to": body["msg_id"] });
            (src, answer)
        } else if let Some((client, number)) = passed_on {
            // The first node's answer to what a client asked of this one.
            body["in_reply_to"] = number;
            (client, body)
        } else if local || me == first {
            let mut answer = store.answer(&body);
            answer["in_reply_to"] = body["msg_id"].clone();
            (src, answer)
        } else {
            numbers += 1;
            asked.insert(numbers, (src, body["msg_id"].clone()));
            body["msg_id"] = json!(numbers);
            (first.clone(), body)
        };
        writeln!(
            output,
            "{}",
            json!({ "src": me, "dest": dest, "body": answer })
        )?;
        output.flush()?;
    }
    Ok(())
}
