//! Certificates: one serial order of all transactions on lists, and whether it explains everything that was read.
//!
//! That a history is serializable is easy to believe with such an order at hand. [`verify`] runs the transactions in it,
//! one after the other, on empty lists, and compares what they read. It shares nothing with the judge that found the
//! order.

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Outcome, Time, Value};

use crate::micro_op::{MicroOp, micro_ops};
use crate::transactions::columns::{Include, Transactions};
use crate::transactions::graph::Graph;
use crate::transactions::list_append::lists::lists;
use crate::transactions::order::topological;

/// Why an order of transactions explains nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// A transaction stands in it that surely did not happen, or that is none.
    #[error("{0} did not happen, or is no transaction")]
    Stranger(OpId),
    /// A transaction stands in it twice.
    #[error("{0} stands in the order twice")]
    Twice(OpId),
    /// A transaction that surely happened is missing.
    #[error("{0} happened, but is not in the order")]
    Missing(OpId),
    /// A transaction reads something else.
    #[error("{transaction} read something else of key {key} than the order makes of it")]
    Read {
        /// Who.
        transaction: OpId,
        /// Of which key.
        key: Value,
    },
    /// A transaction stands behind one that was sent only after it had returned.
    #[error("{0} had returned before another one was sent that stands in front of it")]
    Late(OpId),
}

/// An order of all transactions on lists in which each reads what it read, and which respects real time and the order of
/// each session: a proof that the history is strict serializable. `None` if the judge knows none.
/// O(steps + transactions log transactions).
pub fn strict_serial_order(history: &History) -> Option<Vec<OpId>> {
    let transactions = Transactions::of(history, Include::Transactions);
    let lists = lists(&transactions);
    let graph = Graph::new(history, &transactions, &lists.versions, &lists.is_committed);
    let graph = graph.ok()?;
    let order = topological(&graph)?;
    let happened = |&node: &u32| graph.is_transaction(node) && lists.is_committed[node as usize];
    let order: Vec<OpId> = order
        .iter()
        .filter(|node| happened(node))
        .map(|&t| transactions.ops[t as usize])
        .collect();
    // What is wrong with single lists is no cycle.
    verify(history, &order).is_ok().then_some(order)
}

/// Whether transactions on lists, run one after the other in this order, read what they read; and whether the order
/// respects real time. O(operations + elements read).
///
/// # Errors
/// The first thing that is wrong with the order.
pub fn verify(history: &History, order: &[OpId]) -> Result<(), OrderError> {
    let mut stands = vec![false; history.len()];
    let mut lists: FxHashMap<&Value, Vec<&Value>> = FxHashMap::default();
    for &id in order {
        if id.index() >= history.len() {
            return Err(OrderError::Stranger(id));
        }
        let op = history.operation(id);
        if *op.f() != F::Txn || op.outcome == Outcome::Fail {
            return Err(OrderError::Stranger(id));
        }
        if std::mem::replace(&mut stands[id.index()], true) {
            return Err(OrderError::Twice(id));
        }
        for micro_op in micro_ops(&op) {
            match micro_op {
                MicroOp::Append { key, element } => lists.entry(key).or_default().push(element),
                MicroOp::Read { list: None, .. } => {}
                MicroOp::Read {
                    key,
                    list: Some(list),
                } => {
                    let now = lists.entry(key).or_default();
                    if !list.iter().eq(now.iter().copied()) {
                        return Err(OrderError::Read {
                            transaction: id,
                            key: key.clone(),
                        });
                    }
                }
            }
        }
    }
    let missing = history
        .operations()
        .find(|op| *op.f() == F::Txn && op.outcome == Outcome::Ok && !stands[op.id.index()]);
    if let Some(missing) = missing {
        return Err(OrderError::Missing(missing.id));
    }
    // Nobody stands in front of one that had returned before it was sent.
    let mut first_end = (Time::NEVER, OpId(0));
    for &id in order.iter().rev() {
        let op = history.operation(id);
        if first_end.0 < op.invoked {
            return Err(OrderError::Late(first_end.1));
        }
        if op.outcome == Outcome::Ok && op.end() < first_end.0 {
            first_end = (op.end(), id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    const SERIAL: &str = "
        0 |txn nil [[append,x,1],[append,y,1]]|
        1 |txn nil [] -> [[r,x,[1]],[append,x,2]]|
        2 |txn nil [[append,x,3]] ?
        0                                          |txn nil [] -> [[r,y,[1]],[r,x,[1,2]]]|
        ";

    #[test]
    fn a_strict_serializable_history_has_an_order_that_can_be_verified() {
        let history = testing::history(SERIAL);
        let order = strict_serial_order(&history).unwrap();
        assert_eq!(order, [OpId(0), OpId(1), OpId(3)]);
        assert_eq!(verify(&history, &order), Ok(()));
    }

    #[test]
    fn other_orders_are_refused() {
        let history = testing::history(SERIAL);
        let refused = |order: &[u32]| {
            let order: Vec<OpId> = order.iter().copied().map(OpId).collect();
            verify(&history, &order).unwrap_err()
        };
        assert_eq!(refused(&[0, 1]), OrderError::Missing(OpId(3)));
        assert_eq!(refused(&[0, 1, 3, 0]), OrderError::Twice(OpId(0)));
        assert_eq!(refused(&[9]), OrderError::Stranger(OpId(9)));
        assert!(matches!(refused(&[1, 0, 3]), OrderError::Read { .. }));
        let stale = testing::history(
            "
            0 |txn nil [[append,x,1]]|
            1                          |txn nil [] -> [[r,x,[]]]|
            ",
        );
        assert_eq!(strict_serial_order(&stale), None);
        assert_eq!(
            verify(&stale, &[OpId(1), OpId(0)]),
            Err(OrderError::Late(OpId(0)))
        );
    }
}
