//! The order behind a valid verdict.

use rayon::prelude::*;
use schism_history::{History, OpId};

use super::{Linearizable, order, widening, zones};
use crate::certificate::{Certificate, Linearization};
use crate::object::{RegisterObject, Registers};
use crate::{Budget, Checker, Validity, Verdict};

impl Linearizable {
    /// An order for every key that explains what each operation found. It has been verified.
    ///
    /// About the cost of [`check`](Checker::check) twice; a search remembers where it came from, which takes memory in
    /// proportion to the operations.
    ///
    /// # Errors
    /// The verdict, if it is not valid, or if finding the order again took more than the budget.
    pub fn certify(&self, history: &History, budget: &Budget) -> Result<Certificate, Box<Verdict>> {
        let verdict = self.check(history, budget);
        if verdict.validity != Validity::Valid {
            return Err(Box::new(verdict));
        }
        let registers = Registers::of(history);
        let orders: Option<Vec<Linearization>> = registers
            .objects
            .par_iter()
            .map(|object| {
                Some(Linearization {
                    key: history.key(object.key).clone(),
                    order: order_of(history, &registers, object, budget)?,
                })
            })
            .collect();
        let Some(orders) = orders else {
            return Err(Box::new(Verdict::new(
                self.name(),
                Validity::Unknown,
                "an order exists, but writing it down took more than the allowed number of steps",
            )));
        };
        let certificate = Certificate::Linearization(orders);
        match certificate.verify(history) {
            Ok(()) => Ok(certificate),
            Err(unproven) => Err(Box::new(Verdict {
                disagreement: Some(format!(
                    "the checker found an order; verifying it found that {unproven}"
                )),
                ..Verdict::new(
                    self.name(),
                    Validity::Unknown,
                    "two algorithms disagree about this history: a bug in schism, not in the database",
                )
            })),
        }
    }
}

/// The order of one key; the key has one.
fn order_of(
    history: &History,
    registers: &Registers,
    object: &RegisterObject,
    budget: &Budget,
) -> Option<Vec<OpId>> {
    let calls = registers.calls(object);
    let values = object.values;
    if let Some(zones) = zones::judge(calls, values).filter(|zones| zones.count == 0) {
        let order = order::around(&zones.calls, values, &order::by_zones(&zones))?;
        return Some(
            order
                .into_iter()
                .map(|i| zones.calls[i as usize].id)
                .collect(),
        );
    }
    let known = order::by_revision(history, calls);
    let order = known
        .as_deref()
        .and_then(|updates| order::around(calls, values, updates))
        .or_else(|| {
            let updates = widening::trace(calls, values, known.as_deref(), budget)?;
            order::around(calls, values, &updates)
        })?;
    Some(order.into_iter().map(|i| calls[i as usize].id).collect())
}
