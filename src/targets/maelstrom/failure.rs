//! What an error that a node answers says about the operation.

use serde_json::Value;

use schism_workloads::Failure;

use super::message::Body;

/// An error of the protocol: its code, its name in histories, and whether it says that nothing happened.
struct Code {
    number: u64,
    class: &'static str,
    /// Maelstrom's protocol calls these definite: the node promises that the operation did not happen and never will.
    definite: bool,
}

/// The codes that the protocol defines (its document, section "Errors"); all others, those of nodes' own from 1000
/// on included, say nothing about what happened.
const CODES: &[Code] = &[
    Code {
        number: 0,
        class: "timeout",
        definite: false,
    },
    Code {
        number: 1,
        class: "node not found",
        definite: true,
    },
    Code {
        number: 10,
        class: "not supported",
        definite: true,
    },
    Code {
        number: 11,
        class: "temporarily unavailable",
        definite: true,
    },
    Code {
        number: 12,
        class: "malformed request",
        definite: true,
    },
    Code {
        number: 13,
        class: "crash",
        definite: false,
    },
    Code {
        number: 14,
        class: "abort",
        definite: true,
    },
    Code {
        number: 20,
        class: "key does not exist",
        definite: true,
    },
    Code {
        number: 21,
        class: "key already exists",
        definite: true,
    },
    // The class of an answer: the node served the call and said no, as it should.
    Code {
        number: 22,
        class: "precondition",
        definite: true,
    },
    Code {
        number: 30,
        class: "conflict",
        definite: true,
    },
];

/// The code for a key that does not exist.
pub(super) const NO_SUCH_KEY: u64 = 20;
/// The code for a compare-and-set whose expectation did not hold.
pub(super) const PRECONDITION: u64 = 22;
/// The code for a request that the receiver does not know.
pub(super) const NOT_SUPPORTED: u64 = 10;
/// The code for a request that lacks something.
pub(super) const MALFORMED: u64 = 12;

/// The code of an error's body.
pub(super) fn code(body: &Body) -> Option<u64> {
    body.get("code").and_then(Value::as_u64)
}

/// What an error's body says.
pub(super) fn failure(body: &Body) -> Failure {
    let text = body.get("text").and_then(Value::as_str).unwrap_or_default();
    let Some(number) = code(body) else {
        return Failure::info("error without a code", text);
    };
    match CODES.iter().find(|code| code.number == number) {
        Some(code) if code.definite => Failure::fail(code.class, text),
        Some(code) => Failure::info(code.class, text),
        None => Failure::info("own error", format!("{number} {text}")),
    }
}

#[cfg(test)]
mod tests {
    use schism_workloads::Certainty;
    use serde_json::json;

    use super::super::message::body;
    use super::*;

    #[test]
    fn only_what_the_protocol_calls_definite_surely_did_not_happen() {
        let certainty = |code: Value| failure(&body("error", json!({ "code": code }))).certainty;
        for definite in [1, 10, 11, 12, 14, 20, 21, 22, 30] {
            assert_eq!(certainty(definite.into()), Certainty::Fail, "{definite}");
        }
        for unknown in [0, 2, 13, 99, 1000, 1234] {
            assert_eq!(certainty(unknown.into()), Certainty::Info, "{unknown}");
        }
        assert_eq!(certainty(Value::from("20")), Certainty::Info);
        assert!(failure(&body("error", json!({ "code": 22 }))).is_answer());
    }
}
