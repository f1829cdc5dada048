//! Keeps damaged files from ending the program: the libraries that read tables panic on some of them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ReadError;

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside of a library that reads tables. A panic then says that the file is damaged; it becomes
/// an error, and a panic hook need not report it.
pub fn is_reading() -> bool {
    READING.get()
}

/// Reads something. What was read from must not be used again after an error.
pub(super) fn guarded<T, E: std::fmt::Display>(
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T, ReadError> {
    READING.set(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    READING.set(false);
    let reason = match result {
        Ok(Ok(read)) => return Ok(read),
        Ok(Err(error)) => format!("the table cannot be read: {error}"),
        Err(_) => "the table cannot be read: it is damaged".to_owned(),
    };
    Err(ReadError::Table { reason })
}
