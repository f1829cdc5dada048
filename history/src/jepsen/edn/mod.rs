//! The extensible data notation, as far as operations use it: a reader straight into [`Value`].
//!
//! What has no like among values is refused (ratios, characters, decimals that no float holds) or kept under a name of
//! its own: a tagged form `#inst "2024"` is the map `{"#inst": "2024"}`, and is written as a tagged form again.
//! Keywords, symbols and strings all become text, vectors and lists both lists, sets sorted lists. Keys of maps become
//! text: keywords and strings by their names, all others as they are written. After the specification at
//! <https://github.com/edn-format/edn>.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::plain;
use crate::Value;
use crate::json::{Fault, MAX_DEPTH, too_deep, unicode_escape};
use crate::scratch::Scratch;

/// Reads one EDN text from its begin.
pub(super) struct Parser<'a, 's> {
    text: &'a str,
    at: usize,
    scratch: &'s mut Scratch,
}

impl<'a, 's> Parser<'a, 's> {
    /// A parser of `bytes`.
    pub(super) fn new(bytes: &'a [u8], scratch: &'s mut Scratch) -> Result<Self, Fault> {
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
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a byte at which it was before.
    pub(super) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// The text, shared with an equal one if that was seen lately.
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        self.scratch.texts.share(text)
    }

    /// The next byte of a form, past white space, comments and discarded forms.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let byte = self.blank();
            let begin = self.at;
            if byte != Some(b'#') || !self.take("#_") {
                return Ok(byte);
            }
            self.pass(begin, "the form that #_ discards")?;
        }
    }

    /// The next byte that is neither white space nor in a comment.
    fn blank(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b',' | b'\n' | b'\r' | b'\t' | 0x0c) => self.at += 1,
                Some(b';') => {
                    let rest = &bytes[self.at..];
                    let line = rest.iter().position(|&byte| byte == b'\n');
                    self.at += line.unwrap_or(rest.len());
                }
                byte => return byte.copied(),
            }
        }
    }

    /// Whether `text` stands here; it is taken.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(text.as_bytes());
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Takes a keyword, if one stands here: its name.
    pub(super) fn keyword(&mut self) -> Option<&'a str> {
        if self.text.as_bytes().get(self.at) == Some(&b':') {
            Some(&self.token()[1..])
        } else {
            None
        }
    }

    /// Takes a tag, if one stands here: `#` and its name.
    pub(super) fn tag(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let is_tag = bytes.get(self.at) == Some(&b'#')
            && bytes.get(self.at + 1).is_some_and(u8::is_ascii_alphabetic);
        is_tag.then(|| self.token())
    }

    /// Reads a map; `part` is called at each key, and reads it and its value.
    pub(super) fn map(
        &mut self,
        mut part: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let begin = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                None => return Err(Fault::new(begin, "this map has no closing }")),
                Some(_) => part(self)?,
            }
        }
    }

    /// Moves to the value of the key that was just read.
    pub(super) fn value_of(&mut self, key: usize) -> Result<(), Fault> {
        match self.peek()? {
            None | Some(b'}' | b']' | b')') => Err(Fault::new(key, "this key has no value")),
            Some(_) => Ok(()),
        }
    }

    /// Reads any form; `depth` is how many collections it stands in.
    pub(super) fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        match self.peek()? {
            Some(b'"') => {
                let text = self.string()?;
                Ok(Value::Text(self.scratch.texts.share(&text)))
            }
            Some(b'[') => self.items(b']', depth),
            Some(b'(') => self.items(b')', depth),
            Some(b'{') => self.map_value(depth),
            Some(b'#') => self.dispatch(depth),
            None => Err(Fault::new(self.at, "a form is missing at the end")),
            Some(byte @ (b']' | b')' | b'}')) => Err(Fault::new(
                self.at,
                format!("found {}, but a form is missing here", char::from(byte)),
            )),
            Some(_) => self.atom(),
        }
    }

    /// Passes over any form, also one that is no value, and returns it as it is written.
    pub(super) fn form(&mut self) -> Result<&'a str, Fault> {
        self.peek()?;
        let begin = self.at;
        self.pass(begin, "a form")?;
        Ok(&self.text[begin..self.at])
    }

    /// Passes over one form. Without recursion: its depth is no matter.
    fn pass(&mut self, begin: usize, what: &str) -> Result<(), Fault> {
        let bytes = self.text.as_bytes();
        let mut closing = Vec::new();
        // `#_ a b` is two forms on the way to one.
        let mut wanted = 1;
        while wanted > 0 {
            let byte = self.blank();
            match byte {
                None => {
                    return Err(Fault::new(
                        begin,
                        format!("{what} has no end, or is missing"),
                    ));
                }
                Some(b'"') => {
                    self.string()?;
                }
                Some(open @ (b'(' | b'[' | b'{')) => {
                    closing.push(if open == b'(' { b')' } else { open + 2 });
                    self.at += 1;
                    continue;
                }
                Some(close @ (b')' | b']' | b'}')) => {
                    if closing.pop() != Some(close) {
                        let close = char::from(close);
                        return Err(Fault::new(
                            self.at,
                            format!("found {close}, but {what} is missing here"),
                        ));
                    }
                    self.at += 1;
                }
                Some(b'#') if self.take("#_") => {
                    wanted += usize::from(closing.is_empty());
                    continue;
                }
                // A tag, or the begin of a set.
                Some(b'#') if bytes.get(self.at + 1) != Some(&b'#') => {
                    self.token();
                    continue;
                }
                Some(b'\\') => {
                    self.character();
                }
                Some(_) => {
                    self.token();
                }
            }
            wanted -= usize::from(closing.is_empty());
        }
        Ok(())
    }

    /// Takes everything up to the next delimiter.
    fn token(&mut self) -> &'a str {
        let begin = self.at;
        let rest = &self.text.as_bytes()[begin..];
        let end = rest.iter().position(|&byte| is_delimiter(byte));
        self.at = begin + end.unwrap_or(rest.len());
        &self.text[begin..self.at]
    }

    /// Takes a character: a backslash, whatever comes next, and the rest of its name.
    fn character(&mut self) -> &'a str {
        let begin = self.at;
        let first = self.text[begin + 1..].chars().next();
        self.at = begin + 1 + first.map_or(0, char::len_utf8);
        self.token();
        &self.text[begin..self.at]
    }

    fn atom(&mut self) -> Result<Value, Fault> {
        let begin = self.at;
        let wrong = |reason: String| Err(Fault::new(begin, reason));
        if self.text.as_bytes()[begin] == b'\\' {
            let character = self.character();
            return wrong(format!(
                "{character} is a character, and values have none; text would be right"
            ));
        }
        let token = self.token();
        match token.as_bytes() {
            b"nil" => Ok(Value::Nil),
            b"true" => Ok(Value::Bool(true)),
            b"false" => Ok(Value::Bool(false)),
            [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => number(token).or_else(wrong),
            [b':', name @ ..] => {
                if name.is_empty() || name.starts_with(b":") || name.starts_with(b"/") {
                    return wrong(format!("{token:?} is no keyword; :name would be one"));
                }
                Ok(Value::Text(self.scratch.texts.share(&token[1..])))
            }
            [b'^' | b'@' | b'~' | b'`' | b'\'', ..] => wrong(format!(
                "{token:?} begins with Clojure's own notation, which is no data"
            )),
            _ => Ok(Value::Text(self.scratch.texts.share(token))),
        }
    }

    fn items(&mut self, close: u8, depth: usize) -> Result<Value, Fault> {
        let base = self.collect(close, depth)?;
        Ok(Value::List(self.scratch.items.drain(base..).collect()))
    }

    /// Reads the items of a collection onto the scratch; from which place they stand there.
    fn collect(&mut self, close: u8, depth: usize) -> Result<usize, Fault> {
        self.bounded(depth)?;
        let begin = self.at;
        self.at += 1;
        let base = self.scratch.items.len();
        loop {
            match self.peek()? {
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(base);
                }
                None => {
                    let close = char::from(close);
                    return Err(Fault::new(begin, format!("this has no closing {close}")));
                }
                Some(_) => {
                    let item = self.value(depth + 1)?;
                    self.scratch.items.push(item);
                }
            }
        }
    }

    fn map_value(&mut self, depth: usize) -> Result<Value, Fault> {
        self.bounded(depth)?;
        let base = self.scratch.parts.len();
        self.map(|parser| {
            let key = parser.at;
            let name = parser.name(depth)?;
            parser.value_of(key)?;
            let value = parser.value(depth + 1)?;
            parser.scratch.parts.push((name, value));
            Ok(())
        })?;
        Ok(Value::Map(self.scratch.parts.drain(base..).collect()))
    }

    /// Reads a key of a map.
    fn name(&mut self, depth: usize) -> Result<Arc<str>, Fault> {
        let begin = self.at;
        Ok(match self.value(depth + 1)? {
            Value::Text(name) => name,
            Value::Int(n) => self.share(itoa::Buffer::new().format(n)),
            _ => {
                let text = self.text;
                self.share(&squeeze(&text[begin..self.at]))
            }
        })
    }

    /// Reads a set, a tagged form or a float without digits.
    fn dispatch(&mut self, depth: usize) -> Result<Value, Fault> {
        let begin = self.at;
        if let Some(tag) = self.tag() {
            self.bounded(depth)?;
            if !plain::is_tag(tag) {
                return Err(Fault::new(begin, format!("{tag} is no tag")));
            }
            if let None | Some(b'}' | b']' | b')') = self.peek()? {
                return Err(Fault::new(begin, format!("a form is missing after {tag}")));
            }
            let name = self.share(tag);
            let value = self.value(depth + 1)?;
            return Ok(Value::Map([(name, value)].into()));
        }
        self.at += 1;
        match self.text.as_bytes().get(self.at) {
            Some(b'{') => {
                let base = self.collect(b'}', depth)?;
                self.scratch.items[base..].sort();
                Ok(Value::List(self.scratch.items.drain(base..).collect()))
            }
            Some(b'#') => match self.token() {
                "#NaN" => Ok(Value::Float(f64::NAN)),
                "#Inf" => Ok(Value::Float(f64::INFINITY)),
                "#-Inf" => Ok(Value::Float(f64::NEG_INFINITY)),
                other => Err(Fault::new(
                    begin,
                    format!("found #{other}, but it is one of ##NaN, ##Inf, ##-Inf"),
                )),
            },
            _ => Err(Fault::new(
                begin,
                "# begins a set #{…}, a tagged form #tag …, or a discarded one #_ …",
            )),
        }
    }

    fn bounded(&self, depth: usize) -> Result<(), Fault> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        Err(Fault::new(self.at, too_deep()))
    }

    /// Reads text in quotes; the next byte is the quote.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let bytes = self.text.as_bytes();
        let begin = self.at + 1;
        let mut out = String::new();
        let mut plain = begin;
        let mut at = begin;
        loop {
            match bytes.get(at) {
                None => return Err(Fault::new(begin - 1, "this text has no closing quote")),
                Some(b'"') => {
                    self.at = at + 1;
                    let rest = &self.text[plain..at];
                    if plain == begin {
                        return Ok(Cow::Borrowed(rest));
                    }
                    out.push_str(rest);
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    out.push_str(&self.text[plain..at]);
                    let (character, len) = escape(&bytes[at..]).ok_or_else(|| {
                        Fault::new(
                            at,
                            "an escape is one of \\t \\r \\n \\b \\f \\\\ \\\" or \\u and four hexadecimal digits",
                        )
                    })?;
                    out.push(character);
                    at += len;
                    plain = at;
                }
                Some(_) => at += 1,
            }
        }
    }
}

fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b','
            | b'\n'
            | b'\r'
            | b'\t'
            | 0x0c
            | b'"'
            | b';'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
    )
}

/// The character that an escape stands for, and how many bytes it has.
pub(super) fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    Some(match bytes.get(1)? {
        b't' => ('\t', 2),
        b'r' => ('\r', 2),
        b'n' => ('\n', 2),
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'\\' => ('\\', 2),
        b'"' => ('"', 2),
        b'u' => return unicode_escape(bytes),
        _ => return None,
    })
}

/// A number: `7`, `-7N`, `0x1f`, `0.5`, `1e9`, `0.5M`.
fn number(token: &str) -> Result<Value, String> {
    if let Some(n) = plain::small_integer(token.as_bytes())
        && !plain::has_leading_zero(token)
    {
        return Ok(Value::Int(n));
    }
    match plain::number(token) {
        Some(plain::Number::Integer(digits)) => digits.parse().map(Value::Int).map_err(|_| {
            format!(
                "{token} does not fit: integers go from {} to {}",
                i64::MIN,
                i64::MAX
            )
        }),
        Some(plain::Number::Hexadecimal { negative, digits }) => {
            let sign = if negative { "-" } else { "" };
            i64::from_str_radix(&format!("{sign}{digits}"), 16)
                .map(Value::Int)
                .map_err(|_| format!("{token} does not fit: integers have 64 bits"))
        }
        Some(plain::Number::Float(digits)) => match digits.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(Value::Float(x)),
            _ => Err(format!(
                "{token} does not fit: numbers go to {:e}",
                f64::MAX
            )),
        },
        // Every decimal of 15 digits reads back from a float as itself.
        Some(plain::Number::Decimal(digits)) => match digits.parse::<f64>() {
            Ok(x) if x.is_finite() && plain::significant(digits) <= 15 => Ok(Value::Float(x)),
            _ => Err(format!(
                "{token} is a decimal of more than 15 digits, which no float holds; text would be right"
            )),
        },
        Some(plain::Number::Ratio) => Err(format!(
            "{token} is a ratio, and values have none; a float or text would be right"
        )),
        None => Err(format!("{token:?} is no number")),
    }
}

/// A form on one line: line breaks and comments between its parts become spaces.
pub(super) fn squeeze(form: &str) -> Cow<'_, str> {
    if !form.contains(['\n', '\r', '\t', ';']) {
        return Cow::Borrowed(form);
    }
    let mut out = String::with_capacity(form.len());
    let mut rest = form.chars();
    let mut in_text = false;
    while let Some(character) = rest.next() {
        let blank = match character {
            ';' if !in_text => rest.by_ref().find(|&c| c == '\n').is_some(),
            ' ' | '\n' | '\r' | '\t' => !in_text,
            _ => false,
        };
        if blank {
            if !out.ends_with(' ') {
                out.push(' ');
            }
            continue;
        }
        in_text ^= character == '"';
        out.push(character);
        if character == '\\' {
            out.extend(rest.next());
        }
    }
    Cow::Owned(out)
}
