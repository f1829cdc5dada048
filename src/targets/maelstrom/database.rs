//! Such nodes as a database: what a client asks becomes a message, what a node answers becomes a result.
//!
//! One call is one message to one node, and its answer is the one that carries its number. An error is `fail` only where
//! the protocol calls its code definite (`failure.rs`).

use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use schism_history::Value;
use schism_workloads::{
    Answer, Capability, Client, CompareAndSet, Database, Done, Endpoint, Failure, Registers, Role,
    Sets, SetupError,
};
use serde_json::{Value as Json, json};

use super::failure::{NO_SUCH_KEY, PRECONDITION, code, failure};
use super::message::{Body, body, kind};
use super::network::{Down, Network};
use super::{Cluster, Protocol};

/// The nodes as a database.
pub struct MaelstromDatabase {
    cluster: Rc<Cluster>,
}

impl MaelstromDatabase {
    /// The database that this cluster is.
    pub fn new(cluster: Rc<Cluster>) -> Self {
        Self { cluster }
    }

    fn protocol(&self) -> &'static Protocol {
        self.cluster.config.protocol
    }
}

#[async_trait(?Send)]
impl Database for MaelstromDatabase {
    fn name(&self) -> &'static str {
        "maelstrom"
    }

    fn capabilities(&self) -> &'static [Capability] {
        self.protocol().offers
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Box<dyn Client>, Failure> {
        Ok(Box::new(NodeClient {
            network: Rc::clone(&self.cluster.network),
            name: self.cluster.network.new_client(),
            node: Arc::clone(&endpoint.node),
            protocol: self.protocol(),
        }))
    }

    async fn prepare(&self, _: &[Endpoint]) -> Result<(), SetupError> {
        Ok(())
    }

    async fn health(&self, endpoint: &Endpoint) -> Result<String, SetupError> {
        let processes = self.cluster.processes.borrow();
        let reason = match processes.get(&endpoint.node) {
            None => "it is not running",
            Some(process) if process.is_paused => "it is paused",
            Some(process) if process.is_ending => "it is ending",
            Some(_) => return Ok(self.cluster.config.bin.display().to_string()),
        };
        Err(SetupError::Node {
            node: Arc::clone(&endpoint.node),
            reason: reason.to_owned(),
        })
    }

    async fn roles(&self, _: &[Endpoint]) -> Vec<(Arc<str>, Role)> {
        // The protocol has no message that asks for it.
        Vec::new()
    }
}

/// A client of one node.
struct NodeClient {
    network: Rc<Network>,
    name: Arc<str>,
    node: Arc<str>,
    protocol: &'static Protocol,
}

impl NodeClient {
    /// Asks the node; its answer, be it an error.
    async fn ask(&self, request: &str, fields: Json) -> Result<Body, Failure> {
        let expected = format!("{request}_ok");
        let asked = self
            .network
            .call(&self.name, &self.node, body(request, fields));
        match asked.await {
            // Nothing was sent.
            Err(Down) => Err(Failure::fail("not running", "")),
            Ok(answer) if kind(&answer) == expected || kind(&answer) == "error" => Ok(answer),
            Ok(answer) => Err(Failure::info(
                "malformed answer",
                format!("of the type {:?}, not {expected:?}", kind(&answer)),
            )),
        }
    }

    /// Asks the node; its answer, unless that is an error.
    async fn ask_for(&self, request: &str, fields: Json) -> Result<Body, Failure> {
        let answer = self.ask(request, fields).await?;
        if kind(&answer) == "error" {
            Err(failure(&answer))
        } else {
            Ok(answer)
        }
    }

    fn offers(&self, capability: Capability) -> bool {
        self.protocol.offers.contains(&capability)
    }
}

/// A field of an answer.
fn field<'a>(answer: &'a Body, name: &str) -> Result<&'a Json, Failure> {
    answer.get(name).ok_or_else(|| {
        Failure::info(
            "malformed answer",
            format!("a {} needs the field `{name}`", kind(answer)),
        )
    })
}

/// A field of an answer that must be a list.
fn list<'a>(answer: &'a Body, name: &str) -> Result<&'a Vec<Json>, Failure> {
    match field(answer, name)? {
        Json::Array(items) => Ok(items),
        other => Err(Failure::info(
            "malformed answer",
            format!(
                "the field `{name}` of a {} is {other}, not a list",
                kind(answer)
            ),
        )),
    }
}

/// A value as nodes see it.
fn to_json(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

/// A value that a node sent.
fn from_json(json: &Json) -> Result<Value, Failure> {
    serde_json::from_value(json.clone())
        .map_err(|error| Failure::info("malformed answer", format!("{json}: {error}")))
}

impl Client for NodeClient {
    fn registers(&mut self) -> Option<&mut dyn Registers> {
        self.offers(Capability::Registers).then_some(self as _)
    }

    fn compare_and_set(&mut self) -> Option<&mut dyn CompareAndSet> {
        self.offers(Capability::CompareAndSet).then_some(self as _)
    }

    fn sets(&mut self) -> Option<&mut dyn Sets> {
        self.offers(Capability::Sets).then_some(self as _)
    }
}

#[async_trait(?Send)]
impl Registers for NodeClient {
    async fn read(&mut self, key: &Value) -> Answer<Value> {
        let answer = self.ask("read", json!({ "key": to_json(key) })).await?;
        if kind(&answer) == "error" {
            // A key that was never written holds nothing: that is an answer.
            return if code(&answer) == Some(NO_SUCH_KEY) {
                Ok(Done::new(Value::Nil))
            } else {
                Err(failure(&answer))
            };
        }
        Ok(Done::new(from_json(field(&answer, "value")?)?))
    }

    async fn write(&mut self, key: &Value, value: &Value) -> Answer<()> {
        let fields = json!({ "key": to_json(key), "value": to_json(value) });
        self.ask_for("write", fields).await?;
        Ok(Done::new(()))
    }
}

#[async_trait(?Send)]
impl CompareAndSet for NodeClient {
    async fn cas(&mut self, key: &Value, old: &Value, new: &Value) -> Answer<bool> {
        let fields = json!({ "key": to_json(key), "from": to_json(old), "to": to_json(new) });
        let answer = self.ask("cas", fields).await?;
        match code(&answer) {
            _ if kind(&answer) != "error" => Ok(Done::new(true)),
            // The node looked, and the key did not hold the old value.
            Some(PRECONDITION | NO_SUCH_KEY) => Ok(Done::new(false)),
            _ => Err(failure(&answer)),
        }
    }
}

/// The protocols have one set without a name; a workload has many. So elements carry the number of their set: those of
/// the first one are themselves.
const ELEMENTS: i64 = 1 << 32;

fn set_number(key: &Value) -> i64 {
    key.as_int().unwrap_or(0)
}

#[async_trait(?Send)]
impl Sets for NodeClient {
    async fn add(&mut self, key: &Value, element: &Value) -> Answer<()> {
        let Some(element) = element
            .as_int()
            .filter(|element| (0..ELEMENTS).contains(element))
        else {
            return Err(Failure::fail("not drawn", "elements are whole numbers"));
        };
        let number = set_number(key) * ELEMENTS + element;
        if self.protocol.has_topology {
            self.ask_for("broadcast", json!({ "message": number }))
                .await?;
        } else {
            self.ask_for("add", json!({ "element": number })).await?;
        }
        Ok(Done::new(()))
    }

    async fn elements(&mut self, key: &Value) -> Answer<Vec<Value>> {
        let answer = self.ask_for("read", json!({})).await?;
        let name = if self.protocol.has_topology {
            "messages"
        } else {
            "value"
        };
        let mut elements = Vec::new();
        for item in list(&answer, name)? {
            // What is no number of ours stays what it is: the checker tells that nobody added it.
            match item.as_i64() {
                Some(number) if number.div_euclid(ELEMENTS) == set_number(key) => {
                    elements.push(Value::from(number.rem_euclid(ELEMENTS)));
                }
                Some(_) => {}
                None => elements.push(from_json(item)?),
            }
        }
        Ok(Done::new(elements))
    }
}
