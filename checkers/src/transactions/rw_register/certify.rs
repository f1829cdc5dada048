//! The order behind a valid verdict.

use schism_history::{History, OpId};

use super::resolve::{Resolved, View};
use super::{RwRegister, ambiguity};
use crate::certificate::Certificate;
use crate::transactions::columns::{Include, Transactions};
use crate::transactions::saturation::Answer;
use crate::transactions::saturation::certificate::Certificate as Order;
use crate::transactions::saturation::levels::judge;
use crate::transactions::serial_order::{certified, strongest_shown};
use crate::{Budget, Checker, Level, Validity, Verdict};

impl RwRegister {
    /// One order of all transactions that explains what each of them read, for the strongest kind of serializability that
    /// the history keeps. It has been verified. About the cost of [`check`](Checker::check) twice.
    ///
    /// # Errors
    /// The verdict, if it is not valid, or if it is but the history is not known to be serializable.
    pub fn certify(&self, history: &History, budget: &Budget) -> Result<Certificate, Box<Verdict>> {
        let verdict = self.check(history, budget);
        let level = strongest_shown(&verdict.levels);
        let level = level.filter(|_| verdict.validity == Validity::Valid);
        let order = level.and_then(|level| Some((level, order(history, level, budget)?)));
        certified(history, verdict, order)
    }
}

fn order(history: &History, level: Level, budget: &Budget) -> Option<Vec<OpId>> {
    let transactions = Transactions::of(history, Include::Transactions);
    let resolved = Resolved::of(&transactions);
    let of = |view: &View| match judge(&view.committed, level, budget)? {
        Answer::Holds(Order::Serial(order)) => Some(
            order
                .into_iter()
                .map(|t| transactions.ops[view.number[t as usize] as usize])
                .collect(),
        ),
        _ => None,
    };
    if resolved.ambiguous.is_empty() {
        return of(&resolved.view(&transactions, &[]));
    }
    let chosen = ambiguity::shown(&transactions, &resolved, level, budget)?;
    of(&resolved.view(&transactions, &chosen))
}
