//! Bytes of a binary file, with their place.

use std::io::{BufRead, ErrorKind, Read as _};

use crate::ReadError;

/// Reads numbers one after another.
pub(super) struct Bytes<R> {
    input: R,
    at: u64,
}

impl<R: BufRead> Bytes<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, at: 0 }
    }

    /// The next bytes; `what` they are, for an error.
    pub(super) fn take<const N: usize>(&mut self, what: &str) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => {
                self.at += N as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.error(format!("the file ends where {what} should stand")))
            }
            Err(source) => Err(ReadError::Io { line: 1, source }),
        }
    }

    /// Passes over bytes.
    pub(super) fn skip(&mut self, count: u64, what: &str) -> Result<(), ReadError> {
        let skipped = std::io::copy(&mut (&mut self.input).take(count), &mut std::io::sink());
        let skipped = skipped.map_err(|source| ReadError::Io { line: 1, source })?;
        self.at += skipped;
        if skipped < count {
            return Err(self.error(format!("the file ends within {what}")));
        }
        Ok(())
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(&mut self) -> Result<bool, ReadError> {
        loop {
            match self.input.fill_buf() {
                Ok(chunk) => return Ok(chunk.is_empty()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { line: 1, source }),
            }
        }
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> ReadError {
        ReadError::Binary {
            at: self.at,
            reason: reason.into(),
        }
    }
}
