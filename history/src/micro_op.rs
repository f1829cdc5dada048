//! The steps of transactions, in columns.
//!
//! A transaction's value is a list of steps such as `["r", key, list]` and `["append", key, element]`. As a tree of
//! values each of them would take some hundred bytes, and the elements of each list that is read 24 bytes each. Here a
//! step takes 13 bytes, and a read that saw the beginning of what another read saw takes nothing more.

use crate::column::Column;
use crate::{KeyId, Value, ValueId};

/// What a step of a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MicroKind {
    /// `r`: reads a key.
    Read,
    /// `w`: writes a key.
    Write,
    /// `append`: appends an element to the list of a key.
    Append,
    /// `p`: reads all pairs of key and value that match a predicate.
    Predicate,
    /// Anything else: its key is nil, and its argument is the whole of it as one value.
    Other,
}

impl MicroKind {
    /// Those that have a name.
    pub(crate) const NAMED: [Self; 4] = [Self::Read, Self::Write, Self::Append, Self::Predicate];

    /// The name used in files; empty for [`MicroKind::Other`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "r",
            Self::Write => "w",
            Self::Append => "append",
            Self::Predicate => "p",
            Self::Other => "",
        }
    }

    /// The kind with this name in files.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether its argument is what it saw: nothing is known of it when it is invoked.
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::Predicate)
    }
}

/// What a step read, wrote or appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument<'h> {
    /// One value. [`ValueId::NIL`] for a read that saw nothing, or of which nothing is known.
    One(ValueId),
    /// What a read of a list saw, element by element. Of two that begin at the same place in memory the shorter is a
    /// beginning of the longer; as long as the lists of a key only grow, all of them do.
    List(&'h [ValueId]),
}

/// One step of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicroOp<'h> {
    /// What it does.
    pub kind: MicroKind,
    /// The key, or the predicate.
    pub key: KeyId,
    /// What it read, wrote or appended.
    pub argument: Argument<'h>,
    /// The number of the version that it read or wrote, or of a predicate the revision that it was evaluated at, where the
    /// database tells it.
    pub version: Option<i64>,
}

impl<'h> MicroOp<'h> {
    /// The elements of the list that it read; `None` when it read none, or wrote or appended.
    pub const fn list(&self) -> Option<&'h [ValueId]> {
        match self.argument {
            Argument::List(list) => Some(list),
            Argument::One(_) => None,
        }
    }

    /// The one value that it read, wrote or appended; `None` for a list that it read.
    pub const fn value(&self) -> Option<ValueId> {
        match self.argument {
            Argument::One(value) => Some(value),
            Argument::List(_) => None,
        }
    }
}

/// The argument of a step while a history is built: a list is a place and a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draft {
    One(ValueId),
    List { place: u32, len: u32 },
}

/// One step of a transaction while a history is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) kind: MicroKind,
    pub(crate) key: KeyId,
    pub(crate) argument: Draft,
    pub(crate) version: Option<i64>,
}

/// Stands in the column of lengths where the argument is one value.
const ONE: u32 = u32::MAX;

/// Steps, in columns.
#[derive(Debug)]
pub(crate) struct Steps {
    kind: Vec<MicroKind>,
    key: Vec<KeyId>,
    /// A value, or the place of a list.
    argument: Vec<u32>,
    /// The length of a list, or [`ONE`].
    len: Vec<u32>,
    version: Column<i64>,
}

impl Steps {
    pub(crate) const fn new() -> Self {
        Self {
            kind: Vec::new(),
            key: Vec::new(),
            argument: Vec::new(),
            len: Vec::new(),
            version: Column::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.kind.len()
    }

    pub(crate) fn push(&mut self, step: Step) {
        let row = self.kind.len();
        self.kind.push(step.kind);
        self.key.push(step.key);
        self.argument.push(0);
        self.len.push(ONE);
        self.set(row, step);
    }

    /// Sets what a step saw.
    pub(crate) fn set(&mut self, row: usize, step: Step) {
        (self.argument[row], self.len[row]) = columns(step.argument);
        if let Some(version) = step.version {
            self.version.set(row, version);
        }
    }

    /// Whether `step` is the step `row`.
    pub(crate) fn is(&self, row: usize, step: &Step) -> bool {
        let (argument, len) = columns(step.argument);
        self.kind[row] == step.kind
            && self.key[row] == step.key
            && self.argument[row] == argument
            && self.len[row] == len
            && self.version.get(row) == step.version
    }

    /// Whether `done` is what became of the step `row` as it was asked for: the same, but for what it saw.
    pub(crate) fn became(&self, row: usize, done: &Step) -> bool {
        self.kind[row] == done.kind
            && self.key[row] == done.key
            && self.len[row] == ONE
            && self.version.get(row).is_none()
            && if done.kind.is_read() {
                self.argument[row] == ValueId::NIL.0
            } else {
                done.argument == Draft::One(ValueId(self.argument[row]))
            }
    }

    /// Gives every list its place among all elements.
    pub(crate) fn settle(&mut self, place: impl Fn(u32) -> u32) {
        for (argument, &len) in self.argument.iter_mut().zip(&self.len) {
            if len != ONE {
                *argument = place(*argument);
            }
        }
        self.kind.shrink_to_fit();
        self.key.shrink_to_fit();
        self.argument.shrink_to_fit();
        self.len.shrink_to_fit();
        self.version.shrink_to_fit();
    }
}

fn columns(argument: Draft) -> (u32, u32) {
    match argument {
        Draft::One(value) => (value.0, ONE),
        Draft::List { place, len } => (place, len),
    }
}

/// The steps of one transaction, in its own order.
///
/// ```
/// use schism_history::{MicroKind, testing};
///
/// let history = testing::history("0 |txn nil [[r,x,nil],[append,x,3]] -> [[r,x,[1,2]],[append,x,3]]|");
/// let op = history.operations().next().expect("one transaction");
/// let steps: Vec<_> = op.output_micro_ops().expect("it has steps").collect();
/// assert_eq!(steps[0].kind, MicroKind::Read);
/// assert_eq!(steps[0].list().expect("it read a list").len(), 2);
/// let appended = steps[1].value().expect("it appended one element");
/// assert_eq!(history.value(appended).as_int(), Some(3));
/// ```
#[derive(Clone, Debug)]
pub struct MicroOps<'h> {
    pub(crate) steps: &'h Steps,
    pub(crate) elements: &'h [ValueId],
    pub(crate) begin: u32,
    pub(crate) end: u32,
    /// As it was asked for: nothing is known of what its steps saw.
    pub(crate) asked: bool,
}

impl<'h> MicroOps<'h> {
    #[inline]
    fn at(&self, row: u32) -> MicroOp<'h> {
        let row = row as usize;
        let kind = self.steps.kind[row];
        let (argument, len) = (self.steps.argument[row], self.steps.len[row]);
        MicroOp {
            kind,
            key: self.steps.key[row],
            argument: if self.asked && kind.is_read() {
                Argument::One(ValueId::NIL)
            } else if len == ONE {
                Argument::One(ValueId(argument))
            } else {
                let begin = argument as usize;
                Argument::List(&self.elements[begin..begin + len as usize])
            },
            version: if self.asked {
                None
            } else {
                self.steps.version.get(row)
            },
        }
    }
}

impl<'h> Iterator for MicroOps<'h> {
    type Item = MicroOp<'h>;

    #[inline]
    fn next(&mut self) -> Option<MicroOp<'h>> {
        (self.begin < self.end).then(|| {
            self.begin += 1;
            self.at(self.begin - 1)
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.begin) as usize;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for MicroOps<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        (self.begin < self.end).then(|| {
            self.end -= 1;
            self.at(self.end)
        })
    }
}

impl ExactSizeIterator for MicroOps<'_> {}

/// A step as it stands in a value: its kind, its key, its argument and its version; `None` when it is no step.
pub(crate) fn parts(step: &Value) -> Option<(MicroKind, &Value, &Value, Option<i64>)> {
    let (name, key, argument, version) = match step.as_list()? {
        [name, key, argument] => (name, key, argument, None),
        [name, key, argument, version] => (name, key, argument, Some(version.as_int()?)),
        _ => return None,
    };
    let kind = MicroKind::from_name(name.as_text()?)?;
    Some((kind, key, argument, version))
}
