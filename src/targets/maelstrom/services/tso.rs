//! `lin-tso`: a linearizable source of timestamps, each larger than all before it.

use rand_pcg::Pcg64Mcg;
use serde_json::json;

use super::super::message::{Body, body, kind};
use super::{Service, not_supported};

/// The service.
#[derive(Debug, Default)]
pub(super) struct Timestamps {
    next: u64,
}

impl Service for Timestamps {
    fn name(&self) -> &'static str {
        "lin-tso"
    }

    fn answer(&mut self, _from: &str, request: &Body, _random: &mut Pcg64Mcg) -> Body {
        if kind(request) != "ts" {
            return not_supported(self.name(), request);
        }
        self.next += 1;
        body("ts_ok", json!({ "ts": self.next - 1 }))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn timestamps_grow() {
        let mut service = Timestamps::default();
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let mut ask = |kind| service.answer("n1", &body(kind, json!({})), &mut random);
        assert_eq!(ask("ts")["ts"], 0);
        assert_eq!(ask("ts")["ts"], 1);
        assert_eq!(ask("read")["code"], 10);
    }
}
