//! The order behind a valid verdict.

use schism_history::{History, OpId, Time};

use super::orders::{Open, Orders};
use super::{KeyValue, orders};
use crate::certificate::{Certificate, SerialOrder};
use crate::transactions::columns::{Include, NONE, Transactions};
use crate::transactions::graph::Graph;
use crate::transactions::serial_order::{SHOWN, certified, of_graph, strongest_shown};
use crate::{Budget, Checker, Level, Validity, Verdict};

/// Choices that are tried where all of them are no more than these.
const CHOICES: usize = 64;

impl KeyValue {
    /// One order of all transactions that explains what each of them read, for the strongest kind of serializability that
    /// the history keeps. It has been verified. About the cost of [`check`](Checker::check) twice.
    ///
    /// # Errors
    /// The verdict, if it is not valid, or if it is but the history is not known to be serializable.
    pub fn certify(&self, history: &History, budget: &Budget) -> Result<Certificate, Box<Verdict>> {
        let verdict = self.check(history, budget);
        let level = strongest_shown(&verdict.levels);
        let is_valid = verdict.validity == Validity::Valid;
        let order = level.filter(|_| is_valid).and_then(|_| {
            let transactions = Transactions::of(history, Include::Transactions);
            let orders = orders::orders(&transactions, budget.steps);
            shown(history, &transactions, &orders, budget)
        });
        certified(history, verdict, order)
    }
}

/// The strongest level that an order shows which keeps to the known dependencies and explains all reads. Where it is not
/// known at which of several times a key did not match a predicate, likely ones are tried, and all where they are few.
pub(super) fn shown(
    history: &History,
    transactions: &Transactions<'_>,
    orders: &Orders,
    budget: &Budget,
) -> Option<(Level, Vec<OpId>)> {
    let mut best: Option<(Level, Vec<OpId>)> = None;
    for choice in choices(transactions, orders) {
        let mut versions = orders.versions.clone();
        for (open, place) in orders.open.iter().zip(choice) {
            let (first, last) = open.parts[place];
            let around = versions.around(open.reader, first, last);
            versions.by_predicate.extend(around);
        }
        let graph = Graph::new(transactions, &versions, &orders.is_committed).ok()?;
        let stronger = (SHOWN.into_iter())
            .filter(|level| best.as_ref().is_none_or(|(best, _)| !best.implies(*level)));
        for level in stronger {
            let order = of_graph(transactions, &graph, &orders.is_committed, level);
            let Some(order) = order else { continue };
            let certificate = Certificate::SerialOrder(SerialOrder {
                level,
                order: order.clone(),
            });
            if certificate.verify(history).is_ok() {
                best = Some((level, order));
                break;
            }
        }
        let is_best = matches!(best, Some((Level::StrictSerializable, _)));
        if is_best || budget.is_stopped() {
            break;
        }
    }
    best
}

/// For each open key, which of its parts is taken; likely choices first.
fn choices(transactions: &Transactions<'_>, orders: &Orders) -> Vec<Vec<usize>> {
    let began = |slot: u32, time: &[Time]| match orders.versions.writer[slot as usize] {
        NONE => Time::ZERO,
        writer => time[writer as usize],
    };
    // The last one that was surely there when the reader began, and the last one that may have been there at its end.
    let last = |open: &Open, time: &[Time], until: Time| {
        let is_there = |&(first, _): &(u32, u32)| began(first, time) <= until;
        open.parts.iter().rposition(is_there).unwrap_or(0)
    };
    let settled = orders.open.iter().map(|open| {
        let until = transactions.invoked[open.reader as usize];
        last(open, &transactions.end, until)
    });
    let newest = orders.open.iter().map(|open| {
        let until = transactions.end[open.reader as usize];
        last(open, &transactions.invoked, until)
    });
    let mut choices = vec![settled.collect()];
    if orders.open.is_empty() {
        return choices;
    }
    choices.push(newest.collect());
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    for open in &orders.open {
        if all.len() * open.parts.len() > CHOICES {
            return choices;
        }
        let longer = |chosen: &Vec<usize>| {
            let chosen = chosen.clone();
            (0..open.parts.len()).map(move |part| [&chosen[..], &[part]].concat())
        };
        all = all.iter().flat_map(longer).collect();
    }
    choices.extend(all);
    choices
}
