//! The end of a wait for a node.

use std::time::Duration;

use tokio::time::Instant;

/// A point on the monotonic clock at which something is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// `limit` from now.
    pub(super) fn after(limit: Duration) -> Self {
        Self(now() + limit)
    }

    pub(super) fn is_over(self) -> bool {
        now() >= self.0
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only how long a connection is waited for depends on it; no history holds it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_when_its_time_has_come() {
        assert!(Deadline::after(Duration::ZERO).is_over());
        assert!(!Deadline::after(Duration::from_hours(1)).is_over());
    }
}
