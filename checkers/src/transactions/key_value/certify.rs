//! The order behind a valid verdict.

use schism_history::{History, OpId};

use super::{KeyValue, Orders, orders};
use crate::certificate::{Certificate, SerialOrder};
use crate::transactions::columns::{Include, Transactions};
use crate::transactions::graph::Graph;
use crate::transactions::serial_order::{SHOWN, certified, of_graph, strongest_shown};
use crate::{Budget, Checker, Level, Validity, Verdict};

impl KeyValue {
    /// One order of all transactions that explains what each of them read, for the strongest kind of serializability that
    /// the history keeps. It has been verified. About the cost of [`check`](Checker::check) twice.
    ///
    /// # Errors
    /// The verdict, if it is not valid, or if it is but the history is not known to be serializable.
    pub fn certify(&self, history: &History, budget: &Budget) -> Result<Certificate, Box<Verdict>> {
        let verdict = self.check(history, budget);
        let level = strongest_shown(&verdict.levels);
        let level = level.filter(|_| verdict.validity == Validity::Valid);
        let order = level.and_then(|level| {
            let transactions = Transactions::of(history, Include::Transactions);
            let orders = orders::orders(&transactions, budget.steps);
            let committed = &orders.is_committed;
            let graph = Graph::new(history, &transactions, &orders.versions, committed).ok()?;
            let order = of_graph(&transactions, &graph, committed, level)?;
            Some((level, order))
        });
        certified(history, verdict, order)
    }
}

/// The strongest level that an order of the known dependencies shows, though not all are known: one that explains all
/// reads.
pub(super) fn shown(
    history: &History,
    transactions: &Transactions<'_>,
    orders: &Orders,
    graph: &Graph,
) -> Option<(Level, Vec<OpId>)> {
    SHOWN.into_iter().find_map(|level| {
        let order = of_graph(transactions, graph, &orders.is_committed, level)?;
        let certificate = Certificate::SerialOrder(SerialOrder { level, order });
        let is_shown = certificate.verify(history).is_ok();
        let Certificate::SerialOrder(SerialOrder { order, .. }) = certificate else {
            return None;
        };
        is_shown.then_some((level, order))
    })
}
