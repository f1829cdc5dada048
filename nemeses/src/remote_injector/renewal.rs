//! Renewing leases, and healing late what could not be healed in time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};

use super::{ASK_TIMEOUT, RemoteInjector, said};
use crate::control::Command;
use crate::fault::Effect;

impl RemoteInjector {
    /// How often to call [`RemoteInjector::renew`]: four times a lease.
    pub fn renew_every(&self) -> Duration {
        self.cluster.lease / 4
    }

    /// Renews the leases of all faults in force, and undoes what a healing could not, where a node did not answer. What
    /// is wrong, in sentences: a node that could not be told, or one whose lease was over, so that its faults have
    /// undone themselves.
    ///
    /// Takes at most a third of a lease, however long a node keeps silent, so that the others get theirs in time.
    pub async fn renew(&self) -> Vec<String> {
        let nodes: BTreeSet<Arc<str>> = self
            .active
            .borrow()
            .values()
            .filter(|active| !active.is_over)
            .flat_map(|active| active.fault.nodes.iter().cloned())
            .collect();
        let renewals = join_all(
            nodes
                .iter()
                .map(async |node| self.in_time(node, self.renew_on(node)).await),
        );
        let (mut wrong, renewed) = join(self.heal_late(), renewals).await;
        wrong.extend(renewed.into_iter().filter_map(Result::err));
        wrong
    }

    async fn renew_on(&self, node: &Arc<str>) -> Result<(), String> {
        let lease = self.lease(node).await?;
        let command = Command::root(lease.renew(&self.token()))
            .timeout(ASK_TIMEOUT)
            .idempotent();
        let output = self.exec(node, &command).await?;
        match (output.status, output.stdout.lines().next_back()) {
            (0, Some("lapsed")) if self.note_lapse(node, None) => Err(format!(
                "node {node}: the lease ran out, and the faults there have undone themselves"
            )),
            // Without a fault in force, there may be no lease to renew yet, or any more.
            (0, Some("renewed" | "lapsed")) => Ok(()),
            _ => Err(format!(
                "node {node}: the lease cannot be renewed: {}",
                said(&output)
            )),
        }
    }

    /// Undoes what is left of faults that are over. Another fault on the node, whose lease is renewed, would keep it
    /// there for as long.
    async fn heal_late(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (id, active) in self.active.borrow().iter() {
            let effect = &active.fault.effect;
            for (node, undo) in active.undos.iter().filter(|_| active.is_over) {
                left.push((*id, effect.clone(), node.clone(), undo.clone()));
            }
        }
        let late = join_all(left.iter().map(async |(id, effect, node, undo)| {
            let is_cut = matches!(effect, Effect::Cut { .. });
            let is_left = !is_cut
                && self
                    .other_active(*id, node, |other| !matches!(other, Effect::Cut { .. }))
                    .is_some();
            if is_left {
                // To heal this one would be to heal that one, too, which does it itself when it is over.
                return Ok(());
            }
            let undone = self.undo(node, *id, undo, ASK_TIMEOUT);
            self.in_time(node, undone).await.map(drop)
        }))
        .await;
        self.active
            .borrow_mut()
            .retain(|_, active| !active.is_over || !active.undos.is_empty());
        late.into_iter().filter_map(Result::err).collect()
    }

    /// What comes of it within a third of a lease.
    async fn in_time<T>(
        &self,
        node: &str,
        work: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        tokio::time::timeout(self.cluster.lease / 3, work)
            .await
            .unwrap_or_else(|_| Err(format!("node {node}: it keeps silent")))
    }
}
