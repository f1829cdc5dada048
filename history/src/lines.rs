//! Cuts an input into lines, in memory bounded by the longest.

use std::io::{BufRead, Read as _};

use crate::ReadError;

/// The longest line that is read, in bytes: 256 MiB.
const LONGEST: u64 = 256 << 20;

/// Reads lines one by one.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next line, without its end; `None` at the end of the input.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>, ReadError> {
        self.line.clear();
        self.number += 1;
        let mut bounded = (&mut self.input).take(LONGEST + 1);
        let read = bounded.read_until(b'\n', &mut self.line);
        let read = read.map_err(|source| ReadError::Io {
            line: self.number,
            source,
        })?;
        if read as u64 > LONGEST {
            let reason = format!("this line is longer than {LONGEST} bytes, which no operation is");
            return Err(self.error(0, reason));
        }
        if read == 0 {
            self.number -= 1;
            return Ok(None);
        }
        let end = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        Ok(Some(end.strip_suffix(b"\r").unwrap_or(end)))
    }

    /// The number of the last line read, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.number
    }

    /// An error at a byte of the last line, from 0.
    pub(crate) fn error(&self, at: usize, reason: impl Into<String>) -> ReadError {
        ReadError::Syntax {
            line: self.number,
            column: at + 1,
            reason: reason.into(),
        }
    }
}
