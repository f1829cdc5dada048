//! The order behind a valid verdict.

use schism_history::{History, OpId};

use super::{ListAppend, lists};
use crate::certificate::Certificate;
use crate::transactions::columns::{Include, Transactions};
use crate::transactions::graph::Graph;
use crate::transactions::serial_order::{certified, of_graph, strongest_shown};
use crate::{Budget, Checker, Level, Validity, Verdict};

impl ListAppend {
    /// One order of all transactions that explains what each of them read, for the strongest kind of serializability that
    /// the history keeps. It has been verified. About the cost of [`check`](Checker::check) twice.
    ///
    /// # Errors
    /// The verdict, if it is not valid, or if it is but the history is not known to be serializable.
    pub fn certify(&self, history: &History, budget: &Budget) -> Result<Certificate, Box<Verdict>> {
        let verdict = self.check(history, budget);
        let level = strongest_shown(&verdict.levels);
        let level = level.filter(|_| verdict.validity == Validity::Valid);
        let order = level.and_then(|level| Some((level, order(history, level)?)));
        certified(history, verdict, order)
    }
}

fn order(history: &History, level: Level) -> Option<Vec<OpId>> {
    let transactions = Transactions::of(history, Include::Transactions);
    let lists = lists::lists(&transactions);
    let graph = Graph::new(&transactions, &lists.versions, &lists.is_committed);
    of_graph(&transactions, &graph.ok()?, &lists.is_committed, level)
}
