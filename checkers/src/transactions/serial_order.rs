//! From a graph of dependencies to one serial order of all transactions.
//!
//! That a history is serializable is easy to believe with such an order at hand: see [`Certificate::SerialOrder`], whose
//! verification shares nothing with the judges that find orders.

use schism_history::{History, OpId};

use crate::certificate::{Certificate, SerialOrder};
use crate::transactions::columns::Transactions;
use crate::transactions::graph::{Edge, Graph};
use crate::transactions::order::topological_along;
use crate::{Level, Levels, Validity, Verdict};

/// The levels that a serial order can show, from strong to weak.
pub(crate) const SHOWN: [Level; 3] = [
    Level::StrictSerializable,
    Level::StrongSessionSerializable,
    Level::Serializable,
];

/// The strongest level that a serial order can show and that is kept.
pub(crate) fn strongest_shown(levels: &Levels) -> Option<Level> {
    let is_held = |level: &Level| levels.held.iter().any(|held| held.implies(*level));
    SHOWN.into_iter().find(is_held)
}

/// The order of a graph for one of these levels, of the transactions that happened; `None` if there is a cycle.
/// O(nodes + edges).
pub(crate) fn of_graph(
    transactions: &Transactions<'_>,
    graph: &Graph,
    is_committed: &[bool],
    level: Level,
) -> Option<Vec<OpId>> {
    let order = topological_along(graph, |edge| match edge {
        Edge::Process => level != Level::Serializable,
        Edge::RealTime => level == Level::StrictSerializable,
        _ => true,
    })?;
    let happened = |&node: &u32| graph.is_transaction(node) && is_committed[node as usize];
    let order = order.into_iter().filter(happened);
    Some(order.map(|t| transactions.ops[t as usize]).collect())
}

/// The certificate of an order, once it is verified; otherwise the verdict says why there is none.
pub(crate) fn certified(
    history: &History,
    mut verdict: Verdict,
    order: Option<(Level, Vec<OpId>)>,
) -> Result<Certificate, Box<Verdict>> {
    let Some((level, order)) = order else {
        if verdict.validity == Validity::Valid {
            "only serializability is shown by an order of transactions, and this history is not known to be serializable"
                .clone_into(&mut verdict.summary);
            verdict.validity = Validity::Unknown;
        }
        return Err(Box::new(verdict));
    };
    let certificate = Certificate::SerialOrder(SerialOrder { level, order });
    match certificate.verify(history) {
        Ok(()) => Ok(certificate),
        Err(unproven) => Err(Box::new(Verdict {
            disagreement: Some(format!(
                "the checker found an order; verifying it found that {unproven}"
            )),
            ..Verdict::new(
                verdict.checker,
                Validity::Unknown,
                "two algorithms disagree about this history: a bug in schism, not in the database",
            )
        })),
    }
}
