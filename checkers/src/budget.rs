//! How much a checker may spend.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bounds on a checker's work. Counted in steps and bytes, not in seconds, so that a verdict never depends on how busy
/// the machine is.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Search steps (configurations visited) a checker may take, all its parts together.
    pub steps: u64,
    /// Bytes a checker's own tables may take, the history not counted.
    pub bytes: u64,
    stop: Option<Arc<AtomicBool>>,
}

impl Default for Budget {
    /// About a minute of search on one core of a small machine, and 2 GiB.
    fn default() -> Self {
        Self {
            steps: 500_000_000,
            bytes: 2 << 30,
            stop: None,
        }
    }
}

impl Budget {
    /// This budget, with a flag that ends the work early once it is set: an impatient user, a wall clock.
    #[must_use]
    pub fn stopped_by(self, flag: Arc<AtomicBool>) -> Self {
        Self {
            stop: Some(flag),
            ..self
        }
    }

    /// A part of this budget, for a part of the work: other bounds, the same flag.
    #[must_use]
    pub fn part(&self, steps: u64, bytes: u64) -> Self {
        Self {
            steps,
            bytes,
            stop: self.stop.clone(),
        }
    }

    /// Whether the work shall end now.
    pub fn is_stopped(&self) -> bool {
        self.stop
            .as_ref()
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}
