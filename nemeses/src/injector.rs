//! Who carries faults out.

use async_trait::async_trait;
use schism_history::{FaultOutcome, Value};

use crate::Fault;

/// What came of an injection or a healing.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Whether it took effect.
    pub outcome: FaultOutcome,
    /// What was measured, and, where it did not take effect, why. A [`Value::Map`].
    pub evidence: Value,
}

/// Injects and heals faults, and measures both.
#[async_trait(?Send)]
pub trait Injector {
    /// Carries the fault out. Never fails: what went wrong is in the report.
    async fn inject(&self, fault: &Fault) -> Report;

    /// Undoes the fault. Trying again does no harm.
    async fn heal(&self, fault: &Fault) -> Report;

    /// Renews the leases of what is injected, so that the nodes do not heal themselves. Called again and again, well
    /// within the lease, while anything is injected. A lease that cannot be renewed runs out, and the healing tells.
    async fn renew(&self) {}

    /// Undoes everything of ours, whatever run left it, and proves it.
    async fn heal_all(&self) -> Report;
}
