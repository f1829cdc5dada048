//! The steps of a transaction, as they stand in a history: `["r", key, list or null]` and `["append", key, element]`.

use schism_history::{Operation, Outcome, Value};

/// One step of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MicroOp<'h> {
    /// Reads a key's list; `None` when the history does not say what was read.
    Read {
        /// The key.
        key: &'h Value,
        /// What was read. An absent list is empty.
        list: Option<&'h [Value]>,
    },
    /// Appends an element to a key's list.
    Append {
        /// The key.
        key: &'h Value,
        /// The element.
        element: &'h Value,
    },
}

/// The names of a transaction's steps, as they were asked for: `r`, `w`, `append`, and whatever else there is.
pub(crate) fn names<'h>(op: &Operation<'h>) -> impl Iterator<Item = &'h str> + use<'h> {
    let steps = op.input().as_list().unwrap_or_default();
    steps
        .iter()
        .filter_map(|step| step.as_list()?.first()?.as_text())
}

/// The steps of a transaction: with what its reads saw if it is `ok`, else as they were asked for. Anything that is no
/// such step is passed over.
pub(crate) fn micro_ops<'h>(op: &Operation<'h>) -> impl Iterator<Item = MicroOp<'h>> + use<'h> {
    let ok = op.outcome == Outcome::Ok;
    let steps = if ok { op.output() } else { op.input() };
    steps
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(move |step| match step.as_list()? {
            [name, key, argument] => match name.as_text()? {
                "r" => Some(MicroOp::Read {
                    key,
                    list: ok.then(|| argument.as_list().unwrap_or_default()),
                }),
                "append" => Some(MicroOp::Append {
                    key,
                    element: argument,
                }),
                _ => None,
            },
            _ => None,
        })
}
