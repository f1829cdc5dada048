//! A few operations that are impossible together: what an anomaly is made of before it is told in words.

use schism_history::{OpId, Time, Value};

/// What kind of object the operations act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// Keys that hold one value: `read`, `write`, `cas`.
    Register,
    /// Keys that hold a list: transactions of `r` and `append`.
    List,
    /// Keys that hold a set: `add`, and `read` with a list as result.
    Set,
}

/// How much of an operation a proof needs. Less than the whole makes the proof stronger: more orders are allowed, and
/// still none fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// All of it.
    Whole,
    /// Of a compare-and-set, that it wrote its new value; what it expected does not matter.
    WriteOnly,
    /// Of a compare-and-set, that it found the value it expected; what it wrote does not matter.
    ReadOnly,
}

/// One operation of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Which.
    pub(crate) id: OpId,
    /// How much of it.
    pub(crate) role: Role,
    /// It was still open where the proof begins or ends, so it may have taken effect outside: it counts as one of
    /// unknown outcome, which may take effect at any time after its invocation, or never.
    pub(crate) open: bool,
}

impl Part {
    /// The whole operation.
    pub(crate) const fn whole(id: OpId) -> Self {
        Self {
            id,
            role: Role::Whole,
            open: false,
        }
    }
}

/// Operations that no order explains.
#[derive(Clone, Debug)]
pub(crate) struct Witness<'h> {
    /// What they act on.
    pub(crate) object: Object,
    /// The operations.
    pub(crate) parts: Vec<Part>,
    /// Where the proof begins: what completed before is left out, and a register may hold any value there. `None`: at
    /// the run's first moment, when every register is nil and every list and set is empty.
    pub(crate) since: Option<Time>,
    /// Of lists and sets, only these elements (key, element) are looked at. All others are as if they did not exist.
    pub(crate) scope: Vec<(&'h Value, &'h Value)>,
    /// Whether writes must also follow each other as the database's own revisions say.
    pub(crate) revisions: bool,
}

impl<'h> Witness<'h> {
    /// Whole operations on registers, from the beginning of the run.
    pub(crate) fn registers(ids: impl IntoIterator<Item = OpId>) -> Self {
        Self {
            object: Object::Register,
            parts: parts(ids),
            since: None,
            scope: Vec::new(),
            revisions: false,
        }
    }

    /// Whole transactions on lists, of which only the elements of `scope` matter.
    pub(crate) fn lists(
        ids: impl IntoIterator<Item = OpId>,
        scope: Vec<(&'h Value, &'h Value)>,
    ) -> Self {
        Self {
            object: Object::List,
            scope,
            ..Self::registers(ids)
        }
    }

    /// Whole operations on sets, of which only the elements of `scope` matter.
    pub(crate) fn sets(
        ids: impl IntoIterator<Item = OpId>,
        scope: Vec<(&'h Value, &'h Value)>,
    ) -> Self {
        Self {
            object: Object::Set,
            ..Self::lists(ids, scope)
        }
    }

    /// The operations, in the order of the parts.
    pub(crate) fn ids(&self) -> Vec<OpId> {
        self.parts.iter().map(|part| part.id).collect()
    }
}

/// Whole operations, each once, in order of invocation.
fn parts(ids: impl IntoIterator<Item = OpId>) -> Vec<Part> {
    let mut ids: Vec<OpId> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(Part::whole).collect()
}
