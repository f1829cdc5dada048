//! Values in JSON, read and written without an intermediate tree.
//!
//! A reader of a million events spends its time here, so this is a parser of its own: it reads straight into [`Value`],
//! shares equal short texts, keeps every float exact, and says at which byte something is wrong. Nesting is bounded by
//! [`MAX_DEPTH`]. JSON has no name for the floats that are no numbers; they are written `{"#float":"NaN"}`,
//! `{"#float":"inf"}` and `{"#float":"-inf"}` and read back as floats.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::Value;

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

/// Memory that a reader uses again for each event, and the texts it saw lately.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) items: Vec<Value>,
    pub(crate) parts: Vec<(Arc<str>, Value)>,
    pub(crate) texts: Texts,
}

/// Shares equal short texts that stand near each other: function names, nodes, error messages.
pub(crate) struct Texts(Box<[Option<Arc<str>>]>);

impl Texts {
    const SLOTS: usize = 512;
    const LONGEST: usize = 128;

    /// The text, shared with an equal one if that was seen lately.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::LONGEST {
            return Arc::from(text);
        }
        let mut hasher = FxHasher::default();
        text.hash(&mut hasher);
        let slot = &mut self.0[hasher.finish() as usize % Self::SLOTS];
        match slot {
            Some(known) if **known == *text => Arc::clone(known),
            _ => {
                let new: Arc<str> = Arc::from(text);
                *slot = Some(Arc::clone(&new));
                new
            }
        }
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self(vec![None; Self::SLOTS].into())
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
        let begin = self.at;
        let digits = self.number_token()?;
        if let Some(n) = small_integer(digits.as_bytes()) {
            return Ok(Value::Int(n));
        }
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
                format!("{what} is {other}; it is an integer"),
            )),
        }
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

/// The integer, if it has at most 18 digits and so surely fits.
pub(crate) fn small_integer(token: &[u8]) -> Option<i64> {
    let (negative, digits) = match token {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut n = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        n = n * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -n } else { n })
}

fn named_float(name: &str) -> Option<f64> {
    Some(match name {
        "NaN" => f64::NAN,
        "inf" => f64::INFINITY,
        "-inf" => f64::NEG_INFINITY,
        _ => return None,
    })
}

/// Appends a value.
pub(crate) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(n) => out.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes()),
        Value::Float(x) if x.is_finite() => write_float(*x, out),
        Value::Float(x) => {
            let name = if x.is_nan() {
                "NaN"
            } else if *x > 0.0 {
                "inf"
            } else {
                "-inf"
            };
            out.extend_from_slice(b"{\"#float\":\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\"}");
        }
        Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Map(parts) => {
            out.push(b'{');
            for (i, (name, part)) in parts.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write_value(part, out);
            }
            out.push(b'}');
        }
    }
}

/// Appends a finite float, in the fewest digits that read back as the same.
pub(crate) fn write_float(x: f64, out: &mut Vec<u8>) {
    serde_json::to_writer(out, &x).expect("a finite number is written to memory");
}

/// Appends text in quotes.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    let plain = text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("text is written to memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Value, Fault> {
        let mut scratch = Scratch::default();
        let mut parser = Parser::new(text.as_bytes(), &mut scratch)?;
        let value = parser.value(0)?;
        parser.end()?;
        Ok(value)
    }

    #[test]
    fn reads_what_json_can_say() {
        let cases = [
            (" null ", Value::Nil),
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("9223372036854775807", Value::Int(i64::MAX)),
            ("1e3", Value::Float(1000.0)),
            ("-0.0", Value::Float(-0.0)),
            // Its shortest form needs all 17 digits.
            ("0.30000000000000004", Value::Float(0.1 + 0.2)),
            (
                r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#,
                Value::from("a\"\\/\u{8}\u{c}\n\r\té😀é"),
            ),
            ("[]", Value::list::<Value>([])),
            (
                "[1, [true,false] ,{}]",
                Value::list([
                    Value::from(1),
                    Value::list([true, false]),
                    Value::Map([].into()),
                ]),
            ),
            (
                r#"{"a":{"b":[]},"a":1}"#,
                Value::map([
                    ("a", Value::map([("b", Value::list::<Value>([]))])),
                    ("a", Value::from(1)),
                ]),
            ),
            (r##"{"#float":"-inf"}"##, Value::Float(f64::NEG_INFINITY)),
            (r##"{"#float":"big"}"##, Value::map([("#float", "big")])),
        ];
        for (text, value) in cases {
            assert_eq!(read(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn refuses_what_json_cannot_say_and_shows_where() {
        let cases = [
            ("", 0, "found the end, but a value is"),
            ("nul", 0, "a value is null"),
            ("1 2", 2, "one on a line"),
            ("01", 0, "a digit"),
            ("-", 1, "a digit"),
            ("1.", 2, "a digit"),
            ("1e+", 3, "a digit"),
            ("9223372036854775808", 0, "integers go from"),
            ("1e999", 0, "numbers go to"),
            ("\"a", 0, "no closing quote"),
            ("\"a\n\"", 2, "control character"),
            (r#""\x""#, 1, "an escape is one of"),
            (r#""\ud83d""#, 1, "both halves"),
            (r#""\ud83dA""#, 1, "both halves"),
            (r#""\u12"#, 1, "four hexadecimal digits"),
            ("[1 2]", 3, "a comma or ]"),
            ("[1,", 3, "a value is"),
            ("[1", 0, "no closing ]"),
            ("{1:2}", 1, "text in quotes"),
            (r#"{"a" 2}"#, 5, "a colon"),
            (r#"{"a":2]"#, 6, "a comma or }"),
        ];
        for (text, at, reason) in cases {
            let fault = read(text).unwrap_err();
            assert!(fault.reason.contains(reason), "{text}: {fault:?}");
            assert_eq!(fault.at, at, "{text}: {fault:?}");
        }
        let mut scratch = Scratch::default();
        let fault = Parser::new(b"\"a\xff\"", &mut scratch).err().unwrap();
        assert_eq!(fault.at, 2);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        let fault = read(&nested(MAX_DEPTH + 1)).unwrap_err();
        assert!(fault.reason.contains("nested deeper"), "{fault:?}");
        assert!(read(&"[".repeat(1_000_000)).is_err());
        assert!(read(&"{\"a\":".repeat(1_000_000)).is_err());
    }

    #[test]
    fn equal_short_texts_are_shared() {
        let Ok(Value::List(items)) = read(r#"["append","append"]"#) else {
            panic!("a list")
        };
        let [Value::Text(a), Value::Text(b)] = &items[..] else {
            panic!("two texts")
        };
        assert!(Arc::ptr_eq(a, b));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in crate::arbitrary::value()) {
            let mut out = Vec::new();
            write_value(&value, &mut out);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(read(&text), Ok(value));
        }

        #[test]
        fn agrees_with_another_parser(value in crate::arbitrary::value()) {
            let text = serde_json::to_string(&value).unwrap();
            let plain = read(&text).unwrap();
            prop_assert_eq!(serde_json::to_string(&plain).unwrap(), text);
        }

        #[test]
        fn arbitrary_text_never_panics(text in r#"[\[\]{}:,"\\u0-9a-e.\-+ \n]{0,40}"#) {
            let accepted = read(&text).is_ok();
            // What the other parser takes, this one takes, but for its floats that have no name here.
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert!(accepted || text.contains('e') || text.len() > 18, "{}", text);
            }
        }
    }
}
