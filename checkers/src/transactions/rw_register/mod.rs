//! Transactions that read and write registers, against every isolation level.
//!
//! Histories: `txn` of `["r", key, value or nil]` and `["w", key, value]`. A key is nil before anybody wrote it. Who wrote
//! what a read saw is known where each value of a key is written once; where values repeat, a violation counts only if it
//! is one whoever wrote them (`no-order`), and a level holds if some choice of writers shows it.
//!
//! Sound and complete: the order of versions need not be known. A level is refuted by a proof that the fewest
//! transactions make, or shown by an order that explains every read and that a verifier of its own has checked. Where
//! the search for either takes more than the budget, the level stays unknown. Transactions of unknown outcome count as
//! committed if somebody read from them, otherwise they are left out, which no level minds.
//!
//! The history is invalid when the claimed level is refuted. Levels that are refuted or held besides it are told in
//! [`Verdict::levels`].
//!
//! Anomalies: `garbage-read`, `G1a` (aborted read), `G1b` (intermediate read), `future-read`, `internal`,
//! `non-repeatable-read`; and those of order: `G1c`, `observed-transaction-vanishes`, `fractured-read`,
//! `causality-violation`, `lost-update`, `long-fork`, `G-single`, `G-nonadjacent`, `write-skew`, `G2-item`, `G-update`;
//! the same with `-process` where it takes the order of sessions to see them, and `-realtime` where it takes real time.
//!
//! Figures: `transactions` (committed ones, and those of unknown outcome that were read from), `reads` (of registers),
//! `reads_of_writes` (that saw what another transaction wrote), `ambiguous_reads` (of values that several transactions
//! wrote), `undecided_levels`, `anomalies` (a map from name to how many were found, those that the claim allows included).
//!
//! Sources: see the module `saturation`.

mod ambiguity;
mod certify;
mod choices;
mod direct;
mod explain;
mod prover;
mod refine;
mod resolve;
mod witness;

use schemars::JsonSchema;
use schism_history::{History, Value};
use serde::{Deserialize, Serialize};

use crate::proof::conclusion::{Case, conclude};
use crate::proof::story::count;
use crate::transactions::DEFAULT_CLAIM;
use crate::transactions::columns::{Include, Transactions};
use crate::transactions::saturation::levels::Judged;
use crate::{Budget, Checker, Level, Levels, Validity, Verdict};

use resolve::{OddKind, Resolved};

/// Judges transactions on registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RwRegister {
    /// The level that the database claims to give. When absent: serializable.
    pub claim: Level,
}

impl Default for RwRegister {
    fn default() -> Self {
        Self {
            claim: DEFAULT_CLAIM,
        }
    }
}

impl Checker for RwRegister {
    fn name(&self) -> &'static str {
        "rw-register"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let transactions = Transactions::of(history, Include::Transactions);
        let resolved = Resolved::of(&transactions);
        let view = resolved.view(&transactions, &[]);
        let direct = direct::find(history, &transactions, &resolved);
        let (judged, by_choice) =
            ambiguity::judge(&transactions, &resolved, &view, &direct.refuted, budget);
        let mut orders = witness::cases(history, &transactions, &view, &judged, budget);
        orders.extend(choices::cases(
            history,
            &transactions,
            &resolved,
            &judged,
            &by_choice,
        ));
        let refuted: Vec<Level> = judged.refuted.iter().map(|&(level, _)| level).collect();
        let refuted = Level::weakest(&refuted);
        let comparable = resolved.reads_of_writes > 0;
        let internal = resolved.odd.iter().any(|odd| odd.kind == OddKind::Internal);
        // What a transaction saw instead of its own write is not looked into.
        let held = if comparable && !resolved.incomplete && !internal {
            Level::strongest(&judged.held)
        } else {
            Vec::new()
        };
        let mut counts = direct.counts.clone();
        for (_, (anomaly, _)) in &orders {
            match counts.iter_mut().find(|(name, _)| *name == anomaly.name) {
                Some((_, count)) => *count += 1,
                None => counts.push((anomaly.name, 1)),
            }
        }
        counts.sort_unstable();
        let figures = Value::map([
            ("transactions", Value::from(view.number.len() as u64)),
            ("reads", Value::from(resolved.reads)),
            ("reads_of_writes", Value::from(resolved.reads_of_writes)),
            (
                "ambiguous_reads",
                Value::from(resolved.ambiguous.len() as u64),
            ),
            ("undecided_levels", Value::from(judged.open.len() as u64)),
            ("anomalies", Value::map(counts.iter().copied())),
        ]);
        // What the claim allows proves nothing against it.
        let breaks_claim = |levels: &[Level]| levels.iter().any(|&level| self.claim.implies(level));
        let against = |cases: Vec<(Vec<Level>, Case)>| {
            let against = cases.into_iter().filter(|(levels, _)| breaks_claim(levels));
            against.map(|(_, case)| case).collect::<Vec<Case>>()
        };
        let total = direct.against(self.claim);
        let mut cases = against(direct.cases);
        let orders = against(orders);
        let total = total + orders.len() as u64;
        cases.extend(orders);
        let levels = Levels { refuted, held };
        let otherwise = || self.otherwise(&resolved, &judged, &levels, view.number.len());
        let verdict = conclude(self.name(), cases, total, otherwise).figures(figures);
        if verdict.disagreement.is_some() {
            verdict
        } else {
            verdict.levels(levels)
        }
    }
}

impl RwRegister {
    /// The verdict when nothing refutes the claim.
    fn otherwise(
        self,
        resolved: &Resolved,
        judged: &Judged,
        levels: &Levels,
        transactions: usize,
    ) -> (Validity, String) {
        let transactions = count(transactions as u64, "transaction");
        if resolved.reads_of_writes == 0 {
            return (
                Validity::Unknown,
                format!(
                    "there is nothing to judge: in {transactions}, no read saw what another transaction wrote"
                ),
            );
        }
        let besides = || match levels.refuted.first() {
            Some(level) => format!("; but not {level}"),
            None => String::new(),
        };
        if levels.held.iter().any(|held| held.implies(self.claim)) {
            return (
                Validity::Valid,
                format!(
                    "an order of {transactions} explains every read: {}{}",
                    names(&levels.held),
                    besides()
                ),
            );
        }
        if resolved.incomplete {
            return (
                Validity::Unknown,
                "some steps of committed transactions cannot be read as reads or writes of registers"
                    .to_owned(),
            );
        }
        let open = judged.open.iter().find(|(level, _)| {
            *level == self.claim || self.claim.implies(*level) || level.implies(self.claim)
        });
        let why = match open {
            Some((_, why)) => why.clone(),
            None => "this checker has no complete way to decide it".to_owned(),
        };
        (
            Validity::Unknown,
            format!(
                "it is not known whether {transactions} keep {}: {why}",
                self.claim
            ),
        )
    }
}

fn names(levels: &[Level]) -> String {
    let names: Vec<&str> = levels.iter().map(|level| level.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod public_cases;
#[cfg(test)]
mod repeated;
#[cfg(test)]
mod tests;
