//! What nodes, clients and services send each other: one JSON object a line.
//!
//! The format is Maelstrom's (<https://github.com/jepsen-io/maelstrom/blob/main/doc/protocol.md>), so that nodes written
//! for it run here unchanged.

use std::sync::Arc;

use serde_json::{Map, Value, json};

/// What a message says; `type`, `msg_id` and `in_reply_to` are among its keys.
pub(super) type Body = Map<String, Value>;

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// Who sent it.
    pub(super) src: Arc<str>,
    /// Who gets it.
    pub(super) dest: Arc<str>,
    /// What it says.
    pub(super) body: Body,
}

/// Why a line that a node printed is no message, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotAMessage {
    reason: String,
}

impl NotAMessage {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// What a right message looks like, for those who wrote a wrong one.
const EXAMPLE: &str =
    r#"{"src": "n1", "dest": "c2", "body": {"type": "echo_ok", "in_reply_to": 1}}"#;

impl Message {
    /// A message from its line.
    ///
    /// # Errors
    /// It is none: what is wrong with it, and what would be right.
    pub(super) fn read(line: &str, sender: &str) -> Result<Self, NotAMessage> {
        let json: Value = serde_json::from_str(line).map_err(|error| {
            NotAMessage::new(format!(
                "this is no JSON ({error}); a node prints messages to stdout, one a line, and everything else to stderr"
            ))
        })?;
        let Value::Object(mut fields) = json else {
            return Err(NotAMessage::new(format!(
                "a message is an object, as in {EXAMPLE}"
            )));
        };
        let mut name = |key: &str| match fields.remove(key) {
            Some(Value::String(name)) if !name.is_empty() => Ok(Arc::<str>::from(name)),
            Some(other) => Err(NotAMessage::new(format!(
                "`{key}` is {other}, and should be a name, as in {EXAMPLE}"
            ))),
            None => Err(NotAMessage::new(format!(
                "`{key}` is missing; a message is an object, as in {EXAMPLE}"
            ))),
        };
        let (src, dest) = (name("src")?, name("dest")?);
        if *src != *sender {
            return Err(NotAMessage::new(format!(
                "`src` is {src:?}, but the node that sent it is {sender:?}"
            )));
        }
        let body = match fields.remove("body") {
            Some(Value::Object(body)) => body,
            Some(other) => {
                return Err(NotAMessage::new(format!(
                    "`body` is {other}, and should be an object, as in {EXAMPLE}"
                )));
            }
            None => {
                return Err(NotAMessage::new(format!(
                    "`body` is missing; a message is an object, as in {EXAMPLE}"
                )));
            }
        };
        check_body(&body)?;
        Ok(Self { src, dest, body })
    }

    /// The line of the message, without its end.
    pub(super) fn line(&self, id: u64) -> String {
        json!({ "id": id, "src": &*self.src, "dest": &*self.dest, "body": self.body }).to_string()
    }

    /// The number of the request that it answers, if it answers one.
    pub(super) fn in_reply_to(&self) -> Option<u64> {
        self.body.get("in_reply_to").and_then(Value::as_u64)
    }
}

/// The type of a body; empty when it has none.
pub(super) fn kind(body: &Body) -> &str {
    body.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// A body of this type with these fields.
pub(super) fn body(kind: &str, fields: Value) -> Body {
    let mut body = Body::new();
    body.insert("type".to_owned(), Value::from(kind));
    if let Value::Object(fields) = fields {
        body.extend(fields);
    }
    body
}

fn check_body(body: &Body) -> Result<(), NotAMessage> {
    match body.get("type") {
        Some(Value::String(kind)) if !kind.is_empty() => {}
        Some(other) => {
            return Err(NotAMessage::new(format!(
                "`body.type` is {other}, and should be a text such as \"echo_ok\""
            )));
        }
        None => {
            return Err(NotAMessage::new(format!(
                "`body.type` is missing, as in {EXAMPLE}"
            )));
        }
    }
    for key in ["msg_id", "in_reply_to"] {
        if let Some(number) = body.get(key)
            && !number.is_u64()
        {
            return Err(NotAMessage::new(format!(
                "`body.{key}` is {number}, and should be a whole number from 0"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(line: &str) -> String {
        Message::read(line, "n1").unwrap_err().to_string()
    }

    #[test]
    fn a_message_is_read_as_it_is_written() {
        let line =
            r#"{"src":"n1","dest":"c2","body":{"type":"read_ok","in_reply_to":3,"value":[1,2]}}"#;
        let message = Message::read(line, "n1").unwrap();
        assert_eq!(kind(&message.body), "read_ok");
        assert_eq!(message.in_reply_to(), Some(3));
        assert_eq!(
            Message::read(&message.line(17), "n1").unwrap(),
            message,
            "the number of a message is the network's own"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (line, expected) in [
            ("hello", "everything else to stderr"),
            ("[1]", "a message is an object"),
            (r#"{"dest":"c1","body":{}}"#, "`src` is missing"),
            (r#"{"src":1,"dest":"c1","body":{}}"#, "`src` is 1"),
            (
                r#"{"src":"n2","dest":"c1","body":{"type":"x"}}"#,
                "the node that sent it is \"n1\"",
            ),
            (r#"{"src":"n1","dest":"c1"}"#, "`body` is missing"),
            (r#"{"src":"n1","dest":"c1","body":7}"#, "`body` is 7"),
            (
                r#"{"src":"n1","dest":"c1","body":{}}"#,
                "`body.type` is missing",
            ),
            (
                r#"{"src":"n1","dest":"c1","body":{"type":1}}"#,
                "`body.type` is 1",
            ),
            (
                r#"{"src":"n1","dest":"c1","body":{"type":"x","in_reply_to":"1"}}"#,
                "`body.in_reply_to` is \"1\"",
            ),
        ] {
            assert!(wrong(line).contains(expected), "{line}: {}", wrong(line));
        }
    }
}
