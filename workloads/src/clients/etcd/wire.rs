//! What goes over the wire: the parts of etcd's JSON gateway that we use.
//!
//! The gateway writes 64-bit integers as strings, bytes as base64, and leaves out whatever is zero, false or empty. It is
//! the same from etcd 3.4 on.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Bytes, as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        STANDARD
            .decode(text.as_bytes())
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// A 64-bit integer, as a string; a plain number is understood too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Int64(pub(super) i64);

impl Serialize for Int64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Int64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 64-bit integer, or one in a string")
            }

            /// Member and cluster ids are unsigned; they are only compared, so their bits are enough.
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Int64, E> {
                text.parse()
                    .or_else(|_| text.parse::<u64>().map(u64::cast_signed))
                    .map(Int64)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Int64, E> {
                Ok(Int64(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Int64, E> {
                Ok(Int64(number.cast_signed()))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// `/v3/kv/range`.
#[expect(clippy::struct_field_names, reason = "the names are etcd's")]
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Range {
    pub(super) key: Bytes,
    /// The first key behind the range; a single key when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range_end: Option<Bytes>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) limit: Int64,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) serializable: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) keys_only: bool,
}

/// `/v3/kv/put`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Put {
    pub(super) key: Bytes,
    pub(super) value: Bytes,
}

/// `/v3/kv/txn`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Txn {
    /// All must hold for `success` to run, else `failure` does.
    pub(super) compare: Vec<Compare>,
    pub(super) success: Vec<Request>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failure: Vec<Request>,
}

/// A condition of a transaction: the target equals what is given.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Compare {
    pub(super) result: &'static str,
    #[serde(flatten)]
    pub(super) target: Target,
    pub(super) key: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range_end: Option<Bytes>,
}

impl Compare {
    /// The target of the key equals what is given.
    pub(super) fn equal(key: Bytes, target: Target) -> Self {
        Self {
            result: "EQUAL",
            target,
            key,
            range_end: None,
        }
    }
}

/// What is compared.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "target")]
pub(super) enum Target {
    /// The key's value. Never equal when there is no such key.
    #[serde(rename = "VALUE")]
    Value { value: Bytes },
    /// How many puts the key had; 0 when there is no such key.
    #[serde(rename = "VERSION")]
    Version { version: Int64 },
    /// The revision of the key's last put; 0 when there is no such key.
    #[serde(rename = "MOD")]
    Mod { mod_revision: Int64 },
}

/// One step of a transaction.
#[derive(Clone, Debug, Serialize)]
pub(super) enum Request {
    #[serde(rename = "request_range")]
    Range(Range),
    #[serde(rename = "request_put")]
    Put(Put),
}

/// What stands before every answer.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Header {
    /// The node that answered.
    #[serde(default)]
    pub(super) member_id: Int64,
    /// The store's revision: of this write, or as of this read.
    #[serde(default)]
    pub(super) revision: Int64,
}

/// A key and what it holds.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct KeyValue {
    pub(super) key: Bytes,
    #[serde(default)]
    pub(super) value: Bytes,
    /// The revision of its last put.
    pub(super) mod_revision: Int64,
    /// How many puts it had.
    pub(super) version: Int64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct RangeAnswer {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) kvs: Vec<KeyValue>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PutAnswer {
    pub(super) header: Header,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct TxnAnswer {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) succeeded: bool,
    #[serde(default)]
    pub(super) responses: Vec<Response>,
}

impl TxnAnswer {
    /// What each range of the transaction found, in order. A range that found nothing may be left out of the JSON but for
    /// its header, never as a whole.
    pub(super) fn ranges(self) -> impl Iterator<Item = Vec<KeyValue>> {
        self.responses
            .into_iter()
            .filter_map(|response| response.response_range)
            .map(|found| found.kvs)
    }
}

/// What one step of a transaction answered.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Response {
    #[serde(default)]
    pub(super) response_range: Option<Found>,
}

/// What a range of a transaction found.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    pub(super) kvs: Vec<KeyValue>,
}

/// `/v3/auth/authenticate`.
#[derive(Serialize)]
pub(super) struct Authenticate<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

#[derive(Deserialize)]
pub(super) struct AuthenticateAnswer {
    pub(super) token: String,
}

/// `/v3/maintenance/status`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Empty {}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StatusAnswer {
    pub(super) header: Header,
    /// The leader's member id; 0 when this node knows none.
    #[serde(default)]
    pub(super) leader: Int64,
    #[serde(default, rename = "raftTerm", alias = "raft_term")]
    pub(super) raft_term: Int64,
}

/// `GET /version`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Version {
    pub(super) etcdserver: String,
}

/// `GET /health`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Health {
    #[serde(default)]
    pub(super) health: String,
    #[serde(default)]
    pub(super) reason: String,
}

/// An answer that is an error. The text is in `message`, in `error`, or in both.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ErrorAnswer {
    #[serde(default)]
    pub(super) code: Option<i64>,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) error: String,
}

/// Whether a part may be left out.
fn is_default<T: Default + PartialEq>(part: &T) -> bool {
    *part == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_the_gateway_reads() {
        let txn = Txn {
            compare: vec![
                Compare::equal(
                    Bytes(b"a".to_vec()),
                    Target::Mod {
                        mod_revision: Int64(7),
                    },
                ),
                Compare::equal(
                    Bytes(b"b".to_vec()),
                    Target::Value {
                        value: Bytes(b"1".to_vec()),
                    },
                ),
            ],
            success: vec![
                Request::Put(Put {
                    key: Bytes(b"a".to_vec()),
                    value: Bytes(b"2".to_vec()),
                }),
                Request::Range(Range {
                    key: Bytes(b"b".to_vec()),
                    serializable: true,
                    ..Range::default()
                }),
            ],
            failure: Vec::new(),
        };
        assert_eq!(
            serde_json::to_value(&txn).unwrap(),
            serde_json::json!({
                "compare": [
                    { "result": "EQUAL", "target": "MOD", "mod_revision": "7", "key": "YQ==" },
                    { "result": "EQUAL", "target": "VALUE", "value": "MQ==", "key": "Yg==" },
                ],
                "success": [
                    { "request_put": { "key": "YQ==", "value": "Mg==" } },
                    { "request_range": { "key": "Yg==", "serializable": true } },
                ],
            })
        );
    }

    #[test]
    fn what_is_left_out_is_zero_false_or_empty() {
        let answer: TxnAnswer = serde_json::from_str(
            r#"{"header":{"member_id":"10276657743932975437","revision":"3"},
                "responses":[{"response_range":{"header":{"revision":"3"}}}]}"#,
        )
        .unwrap();
        assert!(!answer.succeeded);
        assert_eq!(answer.header.revision, Int64(3));
        assert_eq!(
            answer.ranges().map(|kvs| kvs.len()).collect::<Vec<_>>(),
            [0]
        );
    }

    #[test]
    fn an_answer_without_header_is_none() {
        serde_json::from_str::<PutAnswer>("{}").unwrap_err();
    }
}
