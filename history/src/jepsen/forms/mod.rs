//! Cuts a stream into the forms of its operations, in memory bounded by the longest.
//!
//! A file is either one list of operations, or operations one after another; an operation may stand on several lines.
//! Only brackets, text, comments and (in EDN) characters are looked at here; what a form says is read when it is whole.

mod cut;
#[cfg(test)]
mod tests;

use std::io::{BufRead, ErrorKind};

use super::Notation;
use super::place::Place;
use crate::ReadError;
use cut::Cut;

/// The longest form that is read, in bytes: 256 MiB. Longer ones are a bracket or a quote that is never closed.
const LONGEST: usize = 256 << 20;

/// Reads forms one by one.
pub(super) struct Forms<R> {
    input: R,
    cut: Cut,
}

impl<R: BufRead> Forms<R> {
    pub(super) fn new(input: R, notation: Notation) -> Self {
        Self {
            input,
            cut: Cut::new(notation),
        }
    }

    /// Reads the next form: its bytes, and where it begins. `None` at the end.
    pub(super) fn next_form(&mut self) -> Result<Option<(&[u8], Place)>, ReadError> {
        self.cut.form.clear();
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => {
                    let line = self.cut.place.line;
                    return Err(ReadError::Io { line, source });
                }
            };
            if chunk.is_empty() {
                self.cut.end()?;
                return Ok(None);
            }
            let (used, whole) = self.cut.feed(chunk)?;
            self.cut.place = self.cut.place.after(&chunk[..used]);
            self.input.consume(used);
            if whole {
                return Ok(Some((&self.cut.form, self.cut.begin)));
            }
            if self.cut.form.len() > LONGEST {
                return Err(self.cut.begin.error(format!(
                    "what begins here has no end within {LONGEST} bytes: is a bracket or a quote left open?"
                )));
            }
        }
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> u64 {
        self.cut.begin.line
    }
}
