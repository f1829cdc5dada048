//! schism's judges for C, and for every language that can call C. `include/schism.h` says what each function does.
//!
//! A history goes in as bytes in any format that schism reads, or event by event; verdicts come out as JSON. Nothing is
//! kept between calls but what the caller holds a pointer to, and no panic crosses the boundary.

#![expect(
    unsafe_code,
    reason = "pointers cross the boundary; each use says why it is sound"
)]

mod boundary;
mod judge;

use std::ffi::{c_char, c_int};
use std::io::Cursor;
use std::ptr;
use std::sync::Arc;

use boundary::{Code, guarded, hand_out, optional_text, text};
use schism_history::format::read_any;
use schism_history::jepsen::Options;
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

/// A history, ready to be judged.
pub struct SchismHistory(History);

/// A history that grows event by event.
pub struct SchismBuilder(schism_history::Builder);

/// The version of the library, as text that lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn schism_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Reads a history from bytes.
///
/// # Safety
/// `bytes` points to `length` readable bytes; `history` and `error` may be written, or `error` is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schism_history_read(
    bytes: *const u8,
    length: usize,
    keyed: c_int,
    history: *mut *mut SchismHistory,
    error: *mut *mut c_char,
) -> c_int {
    guarded(error, || {
        if bytes.is_null() || history.is_null() {
            return Err((Code::Usage, "a pointer is null".to_owned()));
        }
        // SAFETY: not null, and the caller says that so many bytes can be read for the time of this call.
        let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
        let options = Options {
            keyed: keyed != 0,
            f: None,
        };
        let import = read_any(Cursor::new(bytes), options)
            .map_err(|error| (Code::Usage, error.to_string()))?;
        // SAFETY: not null, and the caller says that it may be written.
        unsafe { *history = Box::into_raw(Box::new(SchismHistory(import.history))) };
        Ok(Code::Valid)
    })
}

/// An empty builder.
#[unsafe(no_mangle)]
pub extern "C" fn schism_builder_new() -> *mut SchismBuilder {
    let builder = schism_history::Builder::new(Header::default());
    Box::into_raw(Box::new(SchismBuilder(builder)))
}

/// Adds an event.
///
/// # Safety
/// `builder` is from [`schism_builder_new`] and neither freed nor finished; texts end with a zero byte, and those that
/// may be null are null or such a text; `error` may be written, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schism_builder_push(
    builder: *mut SchismBuilder,
    time: u64,
    process: u32,
    kind: *const c_char,
    f: *const c_char,
    key: *const c_char,
    value: *const c_char,
    node: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    guarded(error, || {
        // SAFETY: null, or from `schism_builder_new` and still alive, says the caller; nobody else uses it meanwhile.
        let Some(builder) = (unsafe { builder.as_mut() }) else {
            return Err((Code::Usage, "the builder is null".to_owned()));
        };
        // SAFETY: the caller says that these are texts that end with a zero byte, or null where that is allowed.
        let (kind, f, key, value, node) = unsafe {
            (
                text(kind, "kind")?,
                text(f, "f")?,
                optional_text(key, "key")?,
                optional_text(value, "value")?,
                optional_text(node, "node")?,
            )
        };
        let kind = Kind::from_name(kind).ok_or_else(|| {
            let message = format!("kind is {kind:?}, and neither invoke, ok, fail nor info");
            (Code::Usage, message)
        })?;
        let event = Event {
            key: json(key, "key")?,
            value: json(value, "value")?,
            node: node.map(Arc::from),
            ..Event::new(
                Time::from_nanos(time),
                Process::client(process),
                kind,
                F::from(f),
            )
        };
        builder
            .0
            .push(event)
            .map_err(|malformed| (Code::Usage, malformed.to_string()))?;
        Ok(Code::Valid)
    })
}

/// Makes a history of a builder, which is gone then.
///
/// # Safety
/// `builder` is null, or from [`schism_builder_new`] and neither freed nor finished.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schism_builder_finish(builder: *mut SchismBuilder) -> *mut SchismHistory {
    if builder.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: made by `Box::into_raw` in `schism_builder_new`, and given back once only, says the caller.
    let builder = unsafe { Box::from_raw(builder) };
    Box::into_raw(Box::new(SchismHistory(builder.0.finish())))
}

/// How many operations a history has.
///
/// # Safety
/// `history` is null, or from this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schism_history_length(history: *const SchismHistory) -> usize {
    // SAFETY: null, or from this library and still alive, says the caller.
    unsafe { history.as_ref() }.map_or(0, |history| history.0.len())
}

/// Judges a history.
///
/// # Safety
/// `history` is from this library and not freed; `request` is null or a text that ends with a zero byte; `verdicts` and
/// `error` may be written, or are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schism_check(
    history: *const SchismHistory,
    request: *const c_char,
    verdicts: *mut *mut c_char,
    error: *mut *mut c_char,
) -> c_int {
    guarded(error, || {
        // SAFETY: null, or from this library and still alive, says the caller.
        let Some(history) = (unsafe { history.as_ref() }) else {
            return Err((Code::Usage, "the history is null".to_owned()));
        };
        // SAFETY: null, or a text that ends with a zero byte, says the caller.
        let request = unsafe { optional_text(request, "request") }?;
        let (code, text) = judge::judge(&history.0, request)?;
        if !verdicts.is_null() {
            // SAFETY: not null, and the caller says that it may be written.
            unsafe { *verdicts = hand_out(&text) };
        }
        Ok(code)
    })
}

/// Frees a history.
///
/// # Safety
/// `history` is null, or from this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schism_history_free(history: *mut SchismHistory) {
    if !history.is_null() {
        // SAFETY: made by `Box::into_raw` here, and given back once only, says the caller.
        drop(unsafe { Box::from_raw(history) });
    }
}

/// Frees a builder that was not finished.
///
/// # Safety
/// `builder` is null, or from this library and neither freed nor finished.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schism_builder_free(builder: *mut SchismBuilder) {
    if !builder.is_null() {
        // SAFETY: made by `Box::into_raw` here, and given back once only, says the caller.
        drop(unsafe { Box::from_raw(builder) });
    }
}

/// Frees a text.
///
/// # Safety
/// `text` is null, or was handed out by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schism_text_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: made by `CString::into_raw` in `hand_out`, and given back once only, says the caller.
        drop(unsafe { std::ffi::CString::from_raw(text) });
    }
}

/// A value from JSON; nothing is nil.
fn json(text: Option<&str>, what: &str) -> Result<Value, (Code, String)> {
    let Some(text) = text else {
        return Ok(Value::Nil);
    };
    serde_json::from_str(text)
        .map_err(|error| (Code::Usage, format!("{what} is no JSON: {error}: {text:?}")))
}
