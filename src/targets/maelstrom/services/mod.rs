//! The services that every network offers to its nodes: key-value stores of three consistencies, and a clock.
//!
//! Each is a state machine of one request at a time. What makes the weak ones weak is drawn from the run's seed.

mod kv;
mod tso;

use rand_pcg::Pcg64Mcg;
use serde_json::json;

use super::failure::NOT_SUPPORTED;
use super::message::{Body, body, kind};

/// A service.
pub(super) trait Service {
    /// Its address.
    fn name(&self) -> &'static str;

    /// Answers a request; no answer carries `in_reply_to` yet.
    fn answer(&mut self, from: &str, request: &Body, random: &mut Pcg64Mcg) -> Body;
}

/// All services.
pub(super) fn all() -> Vec<Box<dyn Service>> {
    vec![
        Box::new(kv::Linearizable::default()),
        Box::new(kv::Sequential::default()),
        Box::new(kv::LastWriteWins::default()),
        Box::new(tso::Timestamps::default()),
    ]
}

/// The answer to a request that the service does not know.
fn not_supported(service: &str, request: &Body) -> Body {
    error(
        NOT_SUPPORTED,
        &format!("{service} knows no request of the type {:?}", kind(request)),
    )
}

/// An error.
fn error(code: u64, text: &str) -> Body {
    body("error", json!({ "code": code, "text": text }))
}
