//! Who called: a logical client, or the nemesis.

use std::fmt;

/// A logical client, or the nemesis.
///
/// A process is sequential: it has at most one operation open. An operation that ends as `info` stays open for ever, so
/// its worker goes on as another process: its number plus the run's concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process(u32);

impl Process {
    /// The actor that injects and heals faults. Its events do not exclude each other: faults overlap.
    pub const NEMESIS: Self = Self(u32::MAX);

    /// The client with this number.
    ///
    /// # Panics
    /// When `number` is `u32::MAX`, which stands for the nemesis.
    pub const fn client(number: u32) -> Self {
        assert!(number != u32::MAX, "that number stands for the nemesis");
        Self(number)
    }

    /// The client's number; `None` for the nemesis.
    pub const fn number(self) -> Option<u32> {
        if self.0 == u32::MAX {
            None
        } else {
            Some(self.0)
        }
    }

    /// Whether this is the nemesis.
    pub const fn is_nemesis(self) -> bool {
        self.0 == u32::MAX
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("nemesis"),
        }
    }
}
