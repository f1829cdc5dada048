//! Where forms begin and end, found byte by byte.

use super::super::Notation;
use super::super::place::Place;
use crate::ReadError;

/// What surrounds the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outer {
    /// Nothing was read yet.
    Begin,
    /// Nothing: they stand one after another.
    Nothing,
    /// A list that ends with this byte.
    List(u8),
    /// A list that has ended.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a form.
    Between,
    /// In a `#tag` or a `#_` before a form.
    Prefix,
    /// Behind one, before the form.
    Gap,
    /// In a collection.
    Inside,
    Text,
    TextEscape,
    Comment,
    /// Behind the backslash of a character.
    Character,
}

/// Whether commas that JSON wants between operations are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comma {
    /// None may stand here.
    Refused,
    /// An operation came; one must stand before the next.
    Wanted,
    /// It came; an operation must follow.
    Taken,
}

/// Bytes that mean something in a collection; all others are passed over.
const MEANS: [bool; 256] = {
    let mut means = [false; 256];
    let bytes = b"{}[]()\";\\";
    let mut i = 0;
    while i < bytes.len() {
        means[bytes[i] as usize] = true;
        i += 1;
    }
    means
};

/// What is known between two chunks of the input.
pub(super) struct Cut {
    edn: bool,
    outer: Outer,
    outer_begin: Place,
    state: State,
    comma: Comma,
    /// The closing brackets that are waited for.
    closing: Vec<u8>,
    pub(super) form: Vec<u8>,
    /// Where the form begins.
    pub(super) begin: Place,
    /// Where the chunk begins.
    pub(super) place: Place,
}

impl Cut {
    /// At the begin of a file.
    pub(super) fn new(notation: Notation) -> Self {
        Self {
            edn: notation == Notation::Edn,
            outer: Outer::Begin,
            outer_begin: Place::BEGIN,
            state: State::Between,
            comma: Comma::Refused,
            closing: Vec::new(),
            form: Vec::new(),
            begin: Place::BEGIN,
            place: Place::BEGIN,
        }
    }

    /// Takes bytes up to the end of a form or of the chunk: how many, and whether the form is whole.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<(usize, bool), ReadError> {
        // Where the form begins in this chunk.
        let mut from = if self.form.is_empty() { chunk.len() } else { 0 };
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            match self.state {
                State::Between => {
                    if self.between(chunk, at)? {
                        self.begin = self.place.after(&chunk[..at]);
                        from = at;
                    }
                }
                State::Prefix | State::Gap => self.before_collection(chunk, at)?,
                State::Inside if MEANS[usize::from(byte)] => {
                    if self.inside(chunk, at)? {
                        self.form.extend_from_slice(&chunk[from..=at]);
                        self.state = State::Between;
                        return Ok((at + 1, true));
                    }
                }
                State::Text if byte == b'"' => self.state = State::Inside,
                State::Text if byte == b'\\' => self.state = State::TextEscape,
                State::TextEscape => self.state = State::Text,
                State::Character => self.state = State::Inside,
                State::Comment if byte == b'\n' => {
                    let in_form = !self.form.is_empty() || from < at;
                    self.state = match (in_form, self.closing.is_empty()) {
                        (false, _) => State::Between,
                        (true, true) => State::Gap,
                        (true, false) => State::Inside,
                    };
                }
                // Most bytes mean nothing: on to the next that does.
                State::Inside => {
                    let rest = &chunk[at..];
                    let next = rest.iter().position(|&byte| MEANS[usize::from(byte)]);
                    at += next.unwrap_or(rest.len());
                    continue;
                }
                State::Text => {
                    let rest = &chunk[at..];
                    at += memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    continue;
                }
                State::Comment => {}
            }
            at += 1;
        }
        self.form.extend_from_slice(&chunk[from..]);
        Ok((at, false))
    }

    /// Looks at a byte between forms; whether a form begins with it.
    fn between(&mut self, chunk: &[u8], at: usize) -> Result<bool, ReadError> {
        let byte = chunk[at];
        if is_space(byte, self.edn) {
            return Ok(false);
        }
        match (self.outer, byte) {
            (_, b';') if self.edn => self.state = State::Comment,
            (Outer::Ended, _) => {
                let reason =
                    "something follows the list of operations; there is one list in a file";
                return Err(self.error(chunk, at, reason));
            }
            (Outer::Begin, b'[') => self.list(chunk, at, b']'),
            (Outer::Begin, b'(') if self.edn => self.list(chunk, at, b')'),
            (Outer::List(close), _) if byte == close => {
                if self.comma == Comma::Taken {
                    let reason = "an operation is missing after the last comma";
                    return Err(self.error(chunk, at, reason));
                }
                self.outer = Outer::Ended;
            }
            (Outer::List(_), b',') if self.comma == Comma::Wanted => self.comma = Comma::Taken,
            (_, b'{') if self.comma == Comma::Wanted => {
                let reason = "a comma is missing between two operations";
                return Err(self.error(chunk, at, reason));
            }
            (_, b'{') => {
                self.closing.push(b'}');
                self.form_begins(State::Inside);
                return Ok(true);
            }
            (_, b'#') if self.edn => {
                self.form_begins(State::Prefix);
                return Ok(true);
            }
            _ => return Err(self.no_operation(chunk, at)),
        }
        Ok(false)
    }

    fn list(&mut self, chunk: &[u8], at: usize, close: u8) {
        self.outer = Outer::List(close);
        self.outer_begin = self.place.after(&chunk[..at]);
    }

    fn form_begins(&mut self, state: State) {
        self.state = state;
        if self.outer == Outer::Begin {
            self.outer = Outer::Nothing;
        }
        if let (false, Outer::List(_)) = (self.edn, self.outer) {
            self.comma = Comma::Wanted;
        }
    }

    /// Looks at a byte between a tag, or a `#_`, and the collection that it stands before.
    fn before_collection(&mut self, chunk: &[u8], at: usize) -> Result<(), ReadError> {
        let byte = chunk[at];
        if let Some(close) = closing(byte) {
            self.closing.push(close);
            self.state = State::Inside;
        } else if is_space(byte, true) {
            self.state = State::Gap;
        } else if byte == b';' {
            self.state = State::Comment;
        } else if byte == b'#' {
            self.state = State::Prefix;
        } else if self.state == State::Gap || MEANS[usize::from(byte)] {
            return Err(self.no_operation(chunk, at));
        }
        Ok(())
    }

    /// Looks at a byte in a collection that means something; whether the form ends with it.
    fn inside(&mut self, chunk: &[u8], at: usize) -> Result<bool, ReadError> {
        match chunk[at] {
            b'"' => self.state = State::Text,
            b';' if self.edn => self.state = State::Comment,
            b'\\' if self.edn => self.state = State::Character,
            byte @ (b'{' | b'[' | b'(') => self.closing.extend(closing(byte)),
            byte @ (b'}' | b']' | b')') => {
                let expected = self.closing.pop().unwrap_or_default();
                if expected != byte {
                    let (found, expected) = (char::from(byte), char::from(expected));
                    let reason = format!("found {found}, but {expected} closes what is open here");
                    return Err(self.error(chunk, at, reason));
                }
                return Ok(self.closing.is_empty());
            }
            _ => {}
        }
        Ok(false)
    }

    /// The input has ended.
    pub(super) fn end(&self) -> Result<(), ReadError> {
        match (self.state, self.outer) {
            (State::Between | State::Comment, Outer::List(_)) if self.form.is_empty() => {
                Err(self.outer_begin.error(
                    "the list that begins here has no end: the file was cut off between two operations",
                ))
            }
            (State::Between | State::Comment, _) if self.form.is_empty() => Ok(()),
            _ => Err(self.begin.error(
                "what begins here has no end: a bracket or a quote is left open, or the file was cut off",
            )),
        }
    }

    fn no_operation(&self, chunk: &[u8], at: usize) -> ReadError {
        let rest = &chunk[at..chunk.len().min(at + 4)];
        let found = String::from_utf8_lossy(rest).chars().next();
        let found = found.unwrap_or_default();
        let right = if self.edn {
            "{:type :invoke, :process 0, :f :read}"
        } else {
            r#"{"type": "invoke", "process": 0, "f": "read"}"#
        };
        let reason = format!("found {found:?}, but an operation is a map like {right}");
        self.error(chunk, at, reason)
    }

    fn error(&self, chunk: &[u8], at: usize, reason: impl Into<String>) -> ReadError {
        self.place.after(&chunk[..at]).error(reason)
    }
}

fn closing(byte: u8) -> Option<u8> {
    match byte {
        b'{' => Some(b'}'),
        b'[' => Some(b']'),
        b'(' => Some(b')'),
        _ => None,
    }
}

fn is_space(byte: u8, edn: bool) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n') || (edn && matches!(byte, b',' | 0x0c))
}
