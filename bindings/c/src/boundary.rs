//! What crosses the boundary: texts, codes, and no panic.

use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a function returns. The numbers are those of the program `schism`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// It worked; of a judgement, valid.
    Valid = 0,
    /// An anomaly, proved.
    Invalid = 1,
    /// It is not known.
    Unknown = 2,
    /// What was passed is wrong.
    Usage = 64,
    /// A bug of schism.
    Bug = 70,
}

/// Runs the body of a function. An error's message goes to `error`, unless that is null.
pub(crate) fn guarded(
    error: *mut *mut c_char,
    body: impl FnOnce() -> Result<Code, (Code, String)>,
) -> c_int {
    // What the body leaves half done is seen by nobody: it ends with the call, or is handed out whole.
    let ended = catch_unwind(AssertUnwindSafe(body));
    let (code, message) = match ended {
        Ok(Ok(code)) => return code as c_int,
        Ok(Err((code, message))) => (code, message),
        Err(_) => (Code::Bug, "a bug in schism: it panicked".to_owned()),
    };
    if !error.is_null() {
        // SAFETY: not null, and every caller of the library's functions says that it may be written.
        unsafe { *error = hand_out(&message) };
    }
    code as c_int
}

/// A text that the caller frees.
pub(crate) fn hand_out(text: &str) -> *mut c_char {
    // A zero byte would end it early; JSON has none, and messages quote them.
    let text = CString::new(text.replace('\0', "\\0")).expect("zero bytes were replaced");
    text.into_raw()
}

/// A text from outside.
///
/// # Safety
/// It is null, or ends with a zero byte and lives as long as the call.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, (Code, String)> {
    // SAFETY: the same contract.
    let text = unsafe { optional_text(text, what) }?;
    text.ok_or_else(|| (Code::Usage, format!("{what} is null")))
}

/// A text from outside, or nothing when it is null.
///
/// # Safety
/// It is null, or ends with a zero byte and lives as long as the call.
pub(crate) unsafe fn optional_text<'a>(
    text: *const c_char,
    what: &str,
) -> Result<Option<&'a str>, (Code, String)> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not null, and the caller says that it ends with a zero byte and lives long enough.
    let text = unsafe { CStr::from_ptr(text) };
    match text.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err((Code::Usage, format!("{what} is not UTF-8"))),
    }
}
