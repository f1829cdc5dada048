//! Lines as they are written by machines, read straight into the columns of a history.
//!
//! Most lines have their fields in the order in which [`encode`](super::encode) writes them, name functions and nodes
//! that were named before, and hold numbers, short texts, and lists and transactions of those. Such a line is read here
//! in one pass, without an event in between, and nothing is allocated for it. Whatever is in any way unusual, wrong lines
//! included, is left to the parser of any line, which is also the one that says what is wrong.

use crate::builder::{Builder, Content, End, NO_NODE};
use crate::interner::Interner;
use crate::lists::Seen;
use crate::micro_op::{Draft, MicroKind, Step};
use crate::scratch::Scratch;
use crate::slots::Slot;
use crate::{F, KeyId, Kind, Process, Time, Value, ValueId, json};

/// Takes a line as the next event, the `index`-th. False when it is not for this reader; then nothing of it is in the
/// history, but for keys and values that no operation has.
pub(super) fn take(line: &[u8], index: u64, builder: &mut Builder, scratch: &mut Scratch) -> bool {
    let mut cursor = Cursor { rest: line };
    cursor.event(index, builder, scratch).is_some()
}

struct Cursor<'a> {
    /// What was not read yet.
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn event(&mut self, index: u64, builder: &mut Builder, scratch: &mut Scratch) -> Option<()> {
        self.byte(b'{')?;
        if self.name(b"\"index\":") {
            if self.unsigned()? != index {
                return None;
            }
            self.comma()?;
        }
        self.name(b"\"time\":").then_some(())?;
        let time = Time::from_nanos(self.unsigned()?);
        builder.may_follow(time).then_some(())?;
        self.comma()?;
        self.name(b"\"process\":").then_some(())?;
        let process = u32::try_from(self.unsigned()?).ok()?;
        if process == u32::MAX {
            return None;
        }
        let process = Process::client(process);
        self.comma()?;
        self.name(b"\"type\":").then_some(())?;
        let kind = Kind::from_name(self.text()?)?;
        self.comma()?;
        self.name(b"\"f\":").then_some(())?;
        let f = self.text()?;
        let (function, invoked) = match (builder.slot(process), kind) {
            (Slot::Free, Kind::Invoke) => (builder.known_function(f.as_bytes())?, None),
            (Slot::Open(id), Kind::Ok | Kind::Fail | Kind::Info) => {
                let function = builder.function_of(id);
                if builder.function(function).name() != f {
                    return None;
                }
                (function, Some(id))
            }
            _ => return None,
        };
        let is_transaction = *builder.function(function) == F::Txn;

        let mut more = self.more()?;
        let mut key = invoked.map_or(KeyId(0), |id| builder.key_of(id));
        if more && self.name(b"\"key\":") {
            let named = KeyId(self.number(&mut builder.keys, scratch)?);
            if invoked.is_some() && named != key && named.0 != 0 {
                return None;
            }
            if invoked.is_none() {
                key = named;
            }
            more = self.more()?;
        }
        let mut content = Content::Value(0);
        if more && self.name(b"\"value\":") {
            content = if is_transaction && self.rest.first() == Some(&b'[') {
                self.steps(builder, scratch)?;
                builder.check_steps().ok()?;
                Content::Steps
            } else {
                Content::Value(self.value(builder, scratch)?)
            };
            more = self.more()?;
        }
        let mut node = NO_NODE;
        if more && self.name(b"\"node\":") {
            let name = self.text()?;
            // A completion's tells nothing new.
            if invoked.is_none() {
                node = builder.known_node(name.as_bytes())?;
            }
            more = self.more()?;
        }
        let mut error = None;
        if more && self.name(b"\"error\":") {
            error = Some(scratch.texts.share(self.text()?));
            more = self.more()?;
        }
        let mut revision = None;
        if more && self.name(b"\"revision\":") {
            revision = Some(self.integer()?);
            more = self.more()?;
        }
        let mut due = None;
        if more && self.name(b"\"due\":") {
            due = Some(Time::from_nanos(self.unsigned()?));
            more = self.more()?;
        }
        if more || !matches!(self.rest, b"\n" | b"\r\n" | b"") {
            return None;
        }
        let end = End {
            time,
            process,
            content,
            error,
            revision,
            due,
        };
        match invoked {
            None => builder.take_invocation(end, function, key, node),
            Some(id) => builder.take_completion(end, id, kind),
        }
        Some(())
    }

    /// The number of a value that is no transaction.
    fn value(&mut self, builder: &mut Builder, scratch: &mut Scratch) -> Option<u32> {
        if self.rest.first() == Some(&b'[') {
            let begin = self.rest;
            if self.list(scratch).is_some() {
                return Some(builder.values.list(&scratch.items));
            }
            self.rest = begin;
        }
        self.number(&mut builder.values, scratch)
    }

    /// The number of a value that is easily read, or of any other.
    fn number(&mut self, interner: &mut Interner, scratch: &mut Scratch) -> Option<u32> {
        if let Some(scalar) = self.scalar() {
            return Some(scalar.number(interner, scratch));
        }
        let mut parser = json::Parser::new(self.rest, scratch).ok()?;
        let value = parser.value(1).ok()?;
        let at = parser.at();
        self.rest = &self.rest[at..];
        Some(interner.number(&value))
    }

    /// A list of plain items, into the `items`.
    fn list(&mut self, scratch: &mut Scratch) -> Option<()> {
        self.byte(b'[')?;
        scratch.items.clear();
        if self.byte(b']').is_some() {
            return Some(());
        }
        loop {
            let item = match self.scalar()? {
                Scalar::Integer(n) => Value::Int(n),
                Scalar::Text(text) => Value::Text(scratch.texts.share(text)),
                Scalar::Word(value) => value,
            };
            scratch.items.push(item);
            if self.comma().is_none() {
                return self.byte(b']');
            }
        }
    }

    /// The steps of a transaction, into the builder's `steps`.
    fn steps(&mut self, builder: &mut Builder, scratch: &mut Scratch) -> Option<()> {
        builder.steps.clear();
        self.byte(b'[')?;
        if self.byte(b']').is_some() {
            return Some(());
        }
        loop {
            self.byte(b'[')?;
            let kind = MicroKind::from_name(self.text()?)?;
            self.comma()?;
            let key = KeyId(self.scalar()?.number(&mut builder.keys, scratch));
            self.comma()?;
            let argument = match self.rest.first()? {
                b'[' if kind == MicroKind::Read => self.read_of(key, builder, scratch)?,
                _ => {
                    let number = self.scalar()?.number(&mut builder.values, scratch);
                    Draft::One(ValueId(number))
                }
            };
            let mut version = None;
            if self.comma().is_some() {
                version = Some(self.integer()?);
            }
            self.byte(b']')?;
            builder.steps.push(Step {
                kind,
                key,
                argument,
                version,
            });
            if self.comma().is_none() {
                return self.byte(b']');
            }
        }
    }

    /// A list that was read of a key.
    fn read_of(
        &mut self,
        key: KeyId,
        builder: &mut Builder,
        scratch: &mut Scratch,
    ) -> Option<Draft> {
        self.byte(b'[')?;
        let longer = match builder.lists.look(key, self.rest) {
            Seen::Whole(list, len) => {
                self.rest = &self.rest[len + 1..];
                return Some(list);
            }
            Seen::More(longer) => {
                self.rest = &self.rest[longer.bytes..];
                self.space();
                Some(longer)
            }
            Seen::New => None,
        };
        let begin = self.rest;
        builder.elements.clear();
        scratch.ends.clear();
        if longer.is_some() || self.byte(b']').is_none() {
            loop {
                let number = self.scalar()?.number(&mut builder.values, scratch);
                builder.elements.push(ValueId(number));
                let end = begin.len() - self.rest.len();
                scratch.ends.push(u32::try_from(end).ok()?);
                if self.comma().is_none() {
                    self.byte(b']')?;
                    break;
                }
            }
        }
        let end = scratch.ends.last().copied().unwrap_or_default() as usize;
        let text = (&begin[..end], &scratch.ends[..]);
        let (lists, elements) = (&mut builder.lists, &mut builder.elements);
        let Some(longer) = longer else {
            return lists.take(key, elements, Some(text)).ok();
        };
        if let Some(list) = lists.take_longer(longer, elements, text).ok()? {
            return Some(list);
        }
        elements.splice(..0, lists.known(longer).iter().copied());
        lists.take(key, elements, None).ok()
    }

    /// A value that is easily read; `None`, and nothing is read, when it is another one.
    #[inline]
    fn scalar(&mut self) -> Option<Scalar<'a>> {
        match self.rest.first()? {
            b'"' => self.text().map(Scalar::Text),
            b'n' => self.word(b"null", Value::Nil),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            _ => self.integer().map(Scalar::Integer),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Option<Scalar<'a>> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(Scalar::Word(value))
    }

    /// A text in quotes without escapes.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let inside = self.rest.strip_prefix(b"\"")?;
        let end = inside
            .iter()
            .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
        if inside[end] != b'"' {
            return None;
        }
        let text = std::str::from_utf8(&inside[..end]).ok()?;
        self.rest = &inside[end + 1..];
        Some(text)
    }

    /// An integer of at most 18 digits.
    fn integer(&mut self) -> Option<i64> {
        let Some(digits) = self.rest.strip_prefix(b"-") else {
            return Some(self.unsigned()? as i64);
        };
        let mut digits = Cursor { rest: digits };
        let n = digits.unsigned()? as i64;
        self.rest = digits.rest;
        Some(-n)
    }

    /// An integer of at most 18 digits that is not negative.
    #[inline]
    fn unsigned(&mut self) -> Option<u64> {
        let mut n = 0_u64;
        let mut len = 0;
        for &byte in self.rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            // 18 digits fit, and more are refused below.
            n = n.wrapping_mul(10).wrapping_add(u64::from(digit));
            len += 1;
        }
        let leading_zero = len > 1 && self.rest[0] == b'0';
        let next = self.rest.get(len);
        if len == 0 || len > 18 || leading_zero || matches!(next, Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.rest = &self.rest[len..];
        Some(n)
    }

    /// Takes a name with its colon, if it stands here.
    #[inline]
    fn name<const N: usize>(&mut self, name: &[u8; N]) -> bool {
        // Of a length that is known, it is compared in a few instructions.
        match self.rest.split_first_chunk() {
            Some((first, rest)) if first == name => {
                self.rest = rest;
                self.space();
                true
            }
            _ => false,
        }
    }

    /// A comma, or the end of the line's object: whether there is more.
    #[inline]
    fn more(&mut self) -> Option<bool> {
        if self.comma().is_some() {
            return Some(true);
        }
        self.byte(b'}').map(|()| false)
    }

    #[inline]
    fn comma(&mut self) -> Option<()> {
        self.byte(b',')?;
        self.space();
        Some(())
    }

    #[inline]
    fn byte(&mut self, byte: u8) -> Option<()> {
        let (&first, rest) = self.rest.split_first()?;
        (first == byte).then(|| self.rest = rest)
    }

    /// Some programs write a space behind each comma and each colon.
    #[inline]
    fn space(&mut self) {
        if let [b' ', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

/// A value that is easily read.
enum Scalar<'a> {
    Integer(i64),
    Text(&'a str),
    /// Nil, true or false.
    Word(Value),
}

impl Scalar<'_> {
    fn number(self, interner: &mut Interner, scratch: &mut Scratch) -> u32 {
        match self {
            Scalar::Integer(n) => interner.integer(n),
            Scalar::Text(text) => interner.text(text, || scratch.texts.share(text)),
            Scalar::Word(value) => interner.number(&value),
        }
    }
}
