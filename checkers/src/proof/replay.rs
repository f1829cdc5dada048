//! Cycles, read again: each dependency straight from what the history says about the two transactions.
//!
//! Shares nothing with the judges of transactions but the history itself: it looks at keys and elements as they were
//! written down, and knows no version order.

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, History, KeyId, MicroKind, OpId, Operation, Outcome, Value};

use crate::micro_op::{MicroOp, micro_ops};
use crate::verdict::{Dependency, DependencyKind};

/// Who may have appended some elements: all who did not fail.
pub(crate) struct Appenders<'h> {
    by: FxHashMap<(&'h Value, &'h Value), Vec<OpId>>,
}

impl<'h> Appenders<'h> {
    /// Looks for those who appended these (key, element). One pass over the history.
    pub(crate) fn of(
        history: &'h History,
        elements: impl IntoIterator<Item = (&'h Value, &'h Value)>,
    ) -> Self {
        let mut by: FxHashMap<_, Vec<OpId>> =
            elements.into_iter().map(|at| (at, Vec::new())).collect();
        if by.is_empty() {
            return Self { by };
        }
        let keys = (0..history.key_count() as u32).map(|key| history.key(KeyId(key)));
        let is_asked_for: FxHashSet<&Value> = by.keys().map(|(key, _)| *key).collect();
        let is_asked_for: Vec<bool> = keys.map(|key| is_asked_for.contains(key)).collect();
        let transactions = history.operations().filter(|op| *op.f() == F::Txn);
        for op in transactions.filter(|op| op.outcome != Outcome::Fail) {
            let mut meet = |key, element| {
                if let Some(appenders) = by.get_mut(&(key, element)) {
                    appenders.push(op.id);
                }
            };
            let body = match op.outcome {
                Outcome::Ok => op.output_id,
                _ => op.input_id,
            };
            // Without making values of whole transactions, of which a history has many.
            let Some(steps) = history.micro_ops(body) else {
                for micro_op in micro_ops(&op) {
                    if let MicroOp::Append { key, element } = micro_op {
                        meet(key, element);
                    }
                }
                continue;
            };
            for step in steps {
                if step.kind == MicroKind::Append
                    && is_asked_for[step.key.0 as usize]
                    && step.version.is_none()
                {
                    let element = step.value().expect("what is appended is one value");
                    meet(history.key(step.key), history.value(element));
                }
            }
        }
        Self { by }
    }

    /// Those who may have appended an element.
    pub(crate) fn who<'a>(&'a self, key: &'a Value, element: &'a Value) -> &'a [OpId] {
        let by: &FxHashMap<(&'a Value, &'a Value), Vec<OpId>> = &self.by;
        by.get(&(key, element)).map_or(&[], Vec::as_slice)
    }

    /// Whether this transaction, and nobody else, may have appended the element.
    fn only(&self, id: OpId, key: &Value, element: &Value) -> bool {
        self.who(key, element) == [id]
    }
}

/// Whether each of these dependencies follows from what these transactions saw and did. What goes wrong, as the end of
/// a sentence; `None` if nothing does.
pub(crate) fn refute(
    history: &History,
    transactions: &[OpId],
    cycle: &[Dependency],
    appenders: &Appenders<'_>,
) -> Option<String> {
    let closed = cycle
        .iter()
        .zip(cycle.iter().cycle().skip(1))
        .all(|(one, next)| one.to == next.from);
    if cycle.is_empty() || !closed {
        return Some("its dependencies are no cycle".to_owned());
    }
    let wrong = cycle
        .iter()
        .find(|dependency| !follows(history, transactions, dependency, appenders))?;
    Some(format!(
        "nothing in these transactions says that {} comes before {} ({})",
        wrong.from,
        wrong.to,
        wrong.kind.name()
    ))
}

fn follows(
    history: &History,
    transactions: &[OpId],
    dependency: &Dependency,
    appenders: &Appenders<'_>,
) -> bool {
    let (from, to) = (
        history.operation(dependency.from),
        history.operation(dependency.to),
    );
    let key = &dependency.key;
    let appended = |op: &Operation<'_>, element: &Value| {
        appenders.only(op.id, key, element) && appends(op, key).any(|appended| appended == element)
    };
    match dependency.kind {
        DependencyKind::Process => {
            from.process == to.process && from.id < to.id && from.outcome == Outcome::Ok
        }
        DependencyKind::RealTime => from.outcome == Outcome::Ok && from.end() < to.invoked,
        DependencyKind::WriteRead => {
            reads(&to, key).any(|list| list.iter().any(|element| appended(&from, element)))
        }
        DependencyKind::ReadWrite => reads(&from, key).any(|list| {
            appends(&to, key).any(|element| appended(&to, element) && !list.contains(element))
        }),
        DependencyKind::WriteWrite => transactions.iter().any(|&id| {
            let reader = history.operation(id);
            reads(&reader, key).any(|list| {
                let first = list.iter().position(|element| appended(&from, element));
                // A list that holds the one without the other was there before the other one.
                first.is_some_and(|first| {
                    list[first..].iter().any(|element| appended(&to, element))
                        || appends(&to, key)
                            .any(|element| appended(&to, element) && !list.contains(element))
                })
            })
        }),
        DependencyKind::Derived => false,
    }
}

fn appends<'h>(op: &Operation<'h>, key: &Value) -> impl Iterator<Item = &'h Value> {
    micro_ops(op).filter_map(move |micro_op| match micro_op {
        MicroOp::Append { key: at, element } if at == key => Some(element),
        _ => None,
    })
}

fn reads<'h>(op: &Operation<'h>, key: &Value) -> impl Iterator<Item = &'h [Value]> {
    micro_ops(op).filter_map(move |micro_op| match micro_op {
        MicroOp::Read {
            key: at,
            list: Some(list),
        } if at == key => Some(list),
        _ => None,
    })
}
