//! Values in JSON, read and written without an intermediate tree.
//!
//! A reader of a million events spends its time here, so this is a parser of its own: it reads straight into [`Value`],
//! shares equal short texts, keeps every float exact, and says at which byte something is wrong. Nesting is bounded by
//! [`MAX_DEPTH`]. JSON has no name for the floats that are no numbers; they are written `{"#float":"NaN"}`,
//! `{"#float":"inf"}` and `{"#float":"-inf"}` and read back as floats.

mod print;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use print::{write_float, write_text, write_value};

use crate::Value;
use crate::scratch::Scratch;

/// How deep lists and maps may be nested in a file.
pub const MAX_DEPTH: usize = 128;

/// The name of the only part of a map that stands for a float that is no number.
const FLOAT: &str = "#float";

/// What is wrong, and at which byte of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self {
            at,
            reason: reason.into(),
        }
    }
}

/// Reads one JSON text from its begin.
pub(crate) struct Parser<'a, 's> {
    text: &'a str,
    at: usize,
    pub(crate) scratch: &'s mut Scratch,
}

impl<'a, 's> Parser<'a, 's> {
    /// A parser of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], scratch: &'s mut Scratch) -> Result<Self, Fault> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Fault::new(error.valid_up_to(), "this is not UTF-8"))?;
        // A fault may have left something behind.
        scratch.items.clear();
        scratch.parts.clear();
        Ok(Self {
            text,
            at: 0,
            scratch,
        })
    }

    /// The byte at which it reads next.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// A fault at the byte at which it reads next.
    pub(crate) fn fault<T>(&self, reason: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::new(self.at, reason))
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fault("this follows a whole value; there should be one on a line"),
        }
    }

    /// Reads an object; `member` is given the name of each member, and reads its value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek() != Some(b'{') {
            return self.fault(format!("{} begins with {{", self.found("it")));
        }
        self.at += 1;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fault(format!("{} is text in quotes", self.found("a name")));
            }
            let name = self.text()?;
            if !self.take(b':') {
                return self.fault(format!("{} is followed by a colon", self.found("a name")));
            }
            self.peek();
            member(self, name)?;
            if self.take(b',') {
                continue;
            }
            if self.take(b'}') {
                return Ok(());
            }
            return self.fault(format!(
                "{} is followed by a comma or }}",
                self.found("a member")
            ));
        }
    }

    /// Reads any value; `depth` is how many lists and maps it stands in.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        match self.peek() {
            Some(b'"') => {
                let text = self.text()?;
                Ok(Value::Text(self.scratch.texts.share(&text)))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.map(depth),
            Some(b'n') if self.word("null") => Ok(Value::Nil),
            Some(b't') if self.word("true") => Ok(Value::Bool(true)),
            Some(b'f') if self.word("false") => Ok(Value::Bool(false)),
            _ => self.fault(format!(
                "{} is null, true, false, a number, text, a list or a map",
                self.found("a value")
            )),
        }
    }

    /// Reads text in quotes; the next byte is the quote.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        let begin = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut at = begin;
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Cow::Borrowed(&self.text[begin..at]));
                }
                Some(b'\\' | 0x00..0x20) | None => break,
                Some(_) => at += 1,
            }
        }
        self.text_with_escapes(begin, at).map(Cow::Owned)
    }

    fn text_with_escapes(&mut self, begin: usize, first: usize) -> Result<String, Fault> {
        let bytes = self.text.as_bytes();
        let mut out = String::with_capacity(first - begin + 16);
        let mut plain = begin;
        let mut at = first;
        loop {
            match bytes.get(at) {
                None => return Err(Fault::new(begin - 1, "this text has no closing quote")),
                // The end of the line that all of it stands on.
                Some(b'\n') if at + 1 == bytes.len() => {
                    return Err(Fault::new(begin - 1, "this text has no closing quote"));
                }
                Some(b'"') => {
                    out.push_str(&self.text[plain..at]);
                    self.at = at + 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(&self.text[plain..at]);
                    at = self.escape(at, &mut out)?;
                    plain = at;
                }
                Some(0x00..0x20) => {
                    return Err(Fault::new(
                        at,
                        "a control character in text is written with a backslash",
                    ));
                }
                Some(_) => at += 1,
            }
        }
    }

    /// Appends the character that the escape at `at` stands for; what follows it is where to go on.
    fn escape(&self, at: usize, out: &mut String) -> Result<usize, Fault> {
        let bytes = self.text.as_bytes();
        let plain = match bytes.get(at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let (character, len) = unicode_escape(&bytes[at..])
                    .ok_or_else(|| Fault::new(at, "\\u is followed by the four hexadecimal digits of a character, or of both halves of one"))?;
                out.push(character);
                return Ok(at + len);
            }
            _ => {
                return Err(Fault::new(
                    at,
                    "an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u",
                ));
            }
        };
        out.push(plain);
        Ok(at + 2)
    }

    fn number(&mut self) -> Result<Value, Fault> {
        if let Some(n) = self.take_integer() {
            return Ok(Value::Int(n));
        }
        let begin = self.at;
        let digits = self.number_token()?;
        if digits
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit())
        {
            return digits.parse().map(Value::Int).map_err(|_| {
                Fault::new(
                    begin,
                    format!(
                        "{digits} does not fit: integers go from {} to {}",
                        i64::MIN,
                        i64::MAX
                    ),
                )
            });
        }
        match digits.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(Value::Float(x)),
            _ => Err(Fault::new(
                begin,
                format!("{digits} does not fit: numbers go to {:e}", f64::MAX),
            )),
        }
    }

    /// Reads an integer that is not negative.
    pub(crate) fn unsigned(&mut self, what: &str) -> Result<u64, Fault> {
        if self.peek() != Some(b'-')
            && let Some(n) = self.take_integer()
        {
            return Ok(n as u64);
        }
        let begin = self.at;
        let wrong = |at: usize, found: &str| {
            Fault::new(
                at,
                format!("{what} is {found}; it is an integer from 0 to {}", u64::MAX),
            )
        };
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {
                let digits = self.number_token()?;
                digits.parse().map_err(|_| wrong(begin, digits))
            }
            _ => Err(wrong(begin, &self.found(""))),
        }
    }

    /// Reads an integer.
    pub(crate) fn signed(&mut self, what: &str) -> Result<i64, Fault> {
        let begin = self.at;
        match self.value(0)? {
            Value::Int(n) => Ok(n),
            other => Err(Fault::new(
                begin,
                format!("{what} is {}; it is an integer", brief(&other)),
            )),
        }
    }

    /// Takes an integer of at most 18 digits, as nearly all are; leaves anything else, wrong or right, to others.
    fn take_integer(&mut self) -> Option<i64> {
        let bytes = &self.text.as_bytes()[self.at..];
        let negative = bytes.first() == Some(&b'-');
        let begin = usize::from(negative);
        let mut end = begin;
        let mut n = 0_i64;
        while let Some(digit @ b'0'..=b'9') = bytes.get(end) {
            // 18 digits fit, and more are refused below.
            n = n.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            end += 1;
        }
        let digits = end - begin;
        let wrong = digits == 0 || digits > 18 || (bytes[begin] == b'0' && digits > 1);
        if wrong || matches!(bytes.get(end), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.at += end;
        Some(if negative { -n } else { n })
    }

    fn number_token(&mut self) -> Result<&'a str, Fault> {
        let bytes = self.text.as_bytes();
        let begin = self.at;
        let digits_from = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let malformed = |at: usize| Err(Fault::new(at, "a digit is missing here, or too much"));
        let whole = begin + usize::from(bytes.get(begin) == Some(&b'-'));
        let mut end = digits_from(whole);
        if end == whole || (bytes[whole] == b'0' && end > whole + 1) {
            return malformed(whole);
        }
        if bytes.get(end) == Some(&b'.') {
            let fraction = end + 1;
            end = digits_from(fraction);
            if end == fraction {
                return malformed(end);
            }
        }
        if let Some(b'e' | b'E') = bytes.get(end) {
            let exponent = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            end = digits_from(exponent);
            if end == exponent {
                return malformed(end);
            }
        }
        self.at = end;
        Ok(&self.text[begin..end])
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        self.bounded(depth)?;
        let begin = self.at;
        self.at += 1;
        let base = self.scratch.items.len();
        if !self.take(b']') {
            loop {
                let item = self.value(depth + 1)?;
                self.scratch.items.push(item);
                if self.take(b',') {
                    continue;
                }
                if self.take(b']') {
                    break;
                }
                if self.peek().is_none() {
                    return Err(Fault::new(begin, "this list has no closing ]"));
                }
                return self.fault(format!(
                    "{} is followed by a comma or ]",
                    self.found("an item")
                ));
            }
        }
        Ok(Value::List(self.scratch.items.drain(base..).collect()))
    }

    fn map(&mut self, depth: usize) -> Result<Value, Fault> {
        self.bounded(depth)?;
        let base = self.scratch.parts.len();
        self.object(|parser, name| {
            let name = parser.scratch.texts.share(&name);
            let value = parser.value(depth + 1)?;
            parser.scratch.parts.push((name, value));
            Ok(())
        })?;
        if let [(name, Value::Text(text))] = &self.scratch.parts[base..]
            && **name == *FLOAT
            && let Some(x) = named_float(text)
        {
            self.scratch.parts.truncate(base);
            return Ok(Value::Float(x));
        }
        Ok(Value::Map(self.scratch.parts.drain(base..).collect()))
    }

    fn bounded(&self, depth: usize) -> Result<(), Fault> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        self.fault(too_deep())
    }

    /// The next byte that is no white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `null` or another word, if it stands here.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// The begin of a sentence about what stands here: `found ']', but a value`.
    fn found(&self, subject: &str) -> String {
        let found = match self.text[self.at..].chars().next() {
            None => "the end".to_owned(),
            Some(character) => format!("{character:?}"),
        };
        if subject.is_empty() {
            found
        } else {
            format!("found {found}, but {subject}")
        }
    }
}

/// A value as a message shows it: not more than a line of it.
pub(crate) fn brief(value: &Value) -> String {
    let shown = value.to_string();
    match shown.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// What to say about a value that is nested too deep.
pub(crate) fn too_deep() -> String {
    format!("lists and maps are nested deeper than {MAX_DEPTH} levels here")
}

/// The character of `\u1234`, or of `\ud83d\ude00`, and how many bytes that is.
pub(crate) fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = bytes.get(from..from + 4)?;
        digits.iter().try_fold(0_u32, |unit, &digit| {
            Some(unit * 16 + char::from(digit).to_digit(16)?)
        })
    };
    let high = unit(2)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    if bytes.get(6..8) != Some(b"\\u") {
        return None;
    }
    let low = unit(8)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    let character = char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?;
    Some((character, 12))
}

fn named_float(name: &str) -> Option<f64> {
    Some(match name {
        "NaN" => f64::NAN,
        "inf" => f64::INFINITY,
        "-inf" => f64::NEG_INFINITY,
        _ => return None,
    })
}
