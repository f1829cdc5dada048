//! What can be wrong with lists themselves.

/// Something wrong that is no cycle. Transactions, keys and values by number; values within their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direct {
    /// `reader` saw an element that only the failed `writer` appended.
    Aborted {
        reader: u32,
        writer: u32,
        key: u32,
        value: u32,
    },
    /// `reader` saw an element that nobody appended.
    Garbage { reader: u32, key: u32, value: u32 },
    /// `reader` saw `value` of `writer` as the last element, and not what `writer` appended next.
    Intermediate {
        reader: u32,
        writer: u32,
        key: u32,
        value: u32,
        next: u32,
    },
    /// `reader` saw an element twice; `writer` is the only one who appended it, once.
    Duplicate {
        reader: u32,
        writer: u32,
        key: u32,
        value: u32,
    },
    /// The lists that two transactions read have different elements at one place.
    Incompatible {
        one: u32,
        other: u32,
        key: u32,
        values: (u32, u32),
    },
    /// `reader` saw the second of two elements that `writer` appended one after the other, and not the first before it.
    Misplaced {
        reader: u32,
        writer: u32,
        key: u32,
        values: (u32, u32),
    },
    /// What `transaction` read at its step does not follow from its own steps before.
    Internal {
        transaction: u32,
        key: u32,
        step: u32,
    },
    /// `transaction` read an element that it appended only later.
    Future {
        transaction: u32,
        key: u32,
        value: u32,
    },
    /// `writer` appended `value` right behind what the failed `aborted` had appended; `reader` saw both.
    DirtyUpdate {
        reader: u32,
        aborted: u32,
        writer: u32,
        key: u32,
        values: (u32, u32),
    },
    /// Both read the same version of a key, and appended to it.
    LostUpdate { one: u32, other: u32, key: u32 },
}

impl Direct {
    /// What the catalogue calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aborted { .. } => "G1a",
            Self::Garbage { .. } => "garbage-read",
            Self::Intermediate { .. } => "G1b",
            Self::Duplicate { .. } => "duplicate-elements",
            Self::Incompatible { .. } | Self::Misplaced { .. } => "incompatible-order",
            Self::Internal { .. } => "internal",
            Self::Future { .. } => "future-read",
            Self::DirtyUpdate { .. } => "dirty-update",
            Self::LostUpdate { .. } => "lost-update",
        }
    }
}
