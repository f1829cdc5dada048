//! Waiting for a condition, on a machine that may be busy.

use std::time::{Duration, Instant};

/// How long anything may take that takes a moment on a quiet machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until it holds; how long that took.
#[expect(
    clippy::disallowed_methods,
    reason = "a wait for another process needs an end; nothing is asserted about its length"
)]
pub(crate) fn eventually(
    what: &str,
    within: Duration,
    mut holds: impl FnMut() -> bool,
) -> Duration {
    let began = Instant::now();
    loop {
        if holds() {
            return began.elapsed();
        }
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        // Only so as not to keep the machine from getting there.
        std::thread::park_timeout(LOOK_EVERY);
    }
}
