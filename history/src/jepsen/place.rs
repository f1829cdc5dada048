//! Places in a file.

use crate::ReadError;

/// A place in a file: line and column in bytes, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: usize,
}

impl Place {
    pub(super) const BEGIN: Self = Self { line: 1, column: 1 };

    /// The place behind `bytes`, which stand here.
    pub(super) fn after(self, bytes: &[u8]) -> Self {
        match memchr::memrchr(b'\n', bytes) {
            None => Self {
                line: self.line,
                column: self.column + bytes.len(),
            },
            Some(last) => Self {
                line: self.line + memchr::memchr_iter(b'\n', bytes).count() as u64,
                column: bytes.len() - last,
            },
        }
    }

    pub(super) fn error(self, reason: impl Into<String>) -> ReadError {
        ReadError::Syntax {
            line: self.line,
            column: self.column,
            reason: reason.into(),
        }
    }
}
