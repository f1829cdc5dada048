//! `history.jsonl`: a header line, then one event a line.
//!
//! ```text
//! {"schism":"history","version":1,"name":"demo","nodes":["n1","n2"],"concurrency":4}
//! {"index":0,"time":1200,"process":0,"type":"invoke","f":"write","key":7,"value":3,"node":"n1"}
//! {"index":1,"time":9400,"process":0,"type":"ok","f":"write","key":7,"value":3,"node":"n1","revision":12}
//! {"index":2,"time":9500,"process":"nemesis","type":"info","f":"inject","value":{"fault":0,"name":"partition"}}
//! ```
//!
//! The value of a `txn` is a list of its steps: `["r", key, what it read]`, `["w", key, value]`, `["append", key, element]`
//! and, by predicate, `["p", predicate, [[key, value], …]]`. Where the database tells the number of the version that a step
//! read or wrote, it is a fourth item; of a predicate, it is the revision that it was evaluated at. `revision` is the
//! database's own order of the whole operation: of a transaction, the version of all that it wrote.
//!
//! `index` counts the events from 0 without a gap; a reader takes lines without it as well. `time` and `due` are
//! nanoseconds since the run began. `key`, `value`, `node`, `error`, `revision` and `due` are left
//! out when there is none. Version 1 readers refuse lines with other fields: nothing that was observed is dropped
//! silently. Floats that are no numbers are written `{"#float":"NaN"}`, `{"#float":"inf"}` and `{"#float":"-inf"}`. A
//! last line without its line feed is what a killed run leaves behind: it is reported as [`Torn`] and the rest is read.

mod direct;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{BufRead, ErrorKind, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::field::{Field, Fields};
use crate::history::Builder;
use crate::json::{self, Fault, Parser};
use crate::scratch::Scratch;
use crate::{Event, F, Header, History, Kind, Process, Time, Value};

pub use crate::read_error::{ReadError, Torn};

/// The version of the format that this crate writes, and the newest it reads.
pub const VERSION: u32 = 1;

/// The longest line that is read, in bytes: 256 MiB. Of a longer one no more than that is read.
const LONGEST: u64 = if cfg!(test) { 1 << 20 } else { 256 << 20 };

#[derive(Serialize, Deserialize)]
struct HeaderLine {
    schism: Cow<'static, str>,
    version: u32,
    #[serde(flatten)]
    header: Header,
}

/// Appends the header line to `out`.
pub fn encode_header(header: &Header, out: &mut Vec<u8>) {
    let line = HeaderLine {
        schism: Cow::Borrowed("history"),
        version: VERSION,
        header: header.clone(),
    };
    serde_json::to_writer(&mut *out, &line)
        .expect("a header has text keys and is written to memory");
    out.push(b'\n');
}

/// Appends the line of one event, the `index`-th of the history, to `out`. Allocates nothing but what `out` needs.
///
/// Values nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH) are written, but not read again.
pub fn encode(index: u64, event: &Event, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"{\"index\":");
    out.extend_from_slice(digits.format(index).as_bytes());
    out.extend_from_slice(b",\"time\":");
    out.extend_from_slice(digits.format(event.time.as_nanos()).as_bytes());
    out.extend_from_slice(b",\"process\":");
    match event.process.number() {
        Some(number) => out.extend_from_slice(digits.format(number).as_bytes()),
        None => out.extend_from_slice(b"\"nemesis\""),
    }
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(event.kind.name().as_bytes());
    out.extend_from_slice(b"\",\"f\":");
    match &event.f {
        F::Other(name) => json::write_text(name, out),
        known => {
            out.push(b'"');
            out.extend_from_slice(known.name().as_bytes());
            out.push(b'"');
        }
    }
    if !event.key.is_nil() {
        out.extend_from_slice(b",\"key\":");
        json::write_value(&event.key, out);
    }
    if !event.value.is_nil() {
        out.extend_from_slice(b",\"value\":");
        json::write_value(&event.value, out);
    }
    if let Some(node) = &event.node {
        out.extend_from_slice(b",\"node\":");
        json::write_text(node, out);
    }
    if let Some(error) = &event.error {
        out.extend_from_slice(b",\"error\":");
        json::write_text(error, out);
    }
    if let Some(revision) = event.revision {
        out.extend_from_slice(b",\"revision\":");
        out.extend_from_slice(digits.format(revision).as_bytes());
    }
    if let Some(due) = event.due {
        out.extend_from_slice(b",\"due\":");
        out.extend_from_slice(digits.format(due.as_nanos()).as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

/// Reads a header line.
pub(crate) fn header(line: &[u8]) -> Result<Header, ReadError> {
    let no_header = |reason: String| ReadError::NoHeader { reason };
    if line.is_empty() {
        return Err(no_header("the file is empty".to_owned()));
    }
    let parsed: HeaderLine =
        serde_json::from_slice(line).map_err(|error| no_header(error.to_string()))?;
    if parsed.schism != "history" {
        return Err(no_header(format!(
            "\"schism\" is {:?}, not \"history\"",
            parsed.schism
        )));
    }
    if parsed.version > VERSION {
        return Err(ReadError::Newer {
            found: parsed.version,
        });
    }
    Ok(parsed.header)
}

/// Reads events one by one, in memory bounded by the longest line (at most 256 MiB).
pub struct Reader<R> {
    input: R,
    header: Header,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
    torn: Option<Torn>,
    scratch: Scratch,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// There is none, or it is of a newer version, or the input cannot be read.
    pub fn new(mut input: R) -> Result<Self, ReadError> {
        let mut line = Vec::new();
        read_line(&mut input, 1, &mut line)?;
        let header = header(&line)?;
        Ok(Self {
            bytes: line.len() as u64,
            input,
            header,
            line,
            number: 1,
            torn: None,
            scratch: Scratch::default(),
        })
    }

    /// What the history says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The line of the last event read, from 1.
    pub fn line(&self) -> u64 {
        self.number
    }

    /// How many bytes were read so far, the header included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The cut-off last line, once all events are read.
    pub fn torn(&self) -> Option<Torn> {
        self.torn
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// The line is no event, or the input cannot be read. Reading can not go on after that.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        self.number += 1;
        self.read_line()?;
        self.event()
    }

    /// Reads the next event straight into a history; false at the end. Much faster than [`Reader::next_event`] and
    /// [`Builder::push`].
    ///
    /// # Errors
    /// The line is no event, or cannot follow the ones before it, or the input cannot be read. Reading can not go on
    /// after that.
    pub fn next_into(&mut self, builder: &mut Builder) -> Result<bool, ReadError> {
        self.number += 1;
        let line = self.number;
        let chunk = loop {
            match self.input.fill_buf() {
                Ok(chunk) => break chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { line, source }),
            }
        };
        let len = memchr::memchr(b'\n', chunk).map(|end| end + 1);
        if let Some(len) = len
            && direct::take(&chunk[..len], line - 2, builder, &mut self.scratch)
        {
            self.input.consume(len);
            self.bytes += len as u64;
            return Ok(true);
        }
        self.read_line()?;
        if len.is_none() && direct::take(&self.line, line - 2, builder, &mut self.scratch) {
            return Ok(true);
        }
        let Some(event) = self.event()? else {
            return Ok(false);
        };
        builder
            .push(event)
            .map_err(|malformed| ReadError::Malformed { line, malformed })?;
        Ok(true)
    }

    fn read_line(&mut self) -> Result<(), ReadError> {
        self.line.clear();
        read_line(&mut self.input, self.number, &mut self.line)?;
        self.bytes += self.line.len() as u64;
        Ok(())
    }

    /// The event of the line that was read; `None` when there is none any more.
    fn event(&mut self) -> Result<Option<Event>, ReadError> {
        if self.line.is_empty() {
            return Ok(None);
        }
        let line = self.number;
        let whole = self.line.ends_with(b"\n");
        match read_event(&self.line, line - 2, &mut self.scratch) {
            Ok(event) => Ok(Some(event)),
            Err(_) if !whole => {
                self.torn = Some(Torn {
                    line,
                    bytes: self.line.len(),
                });
                Ok(None)
            }
            Err(fault) => Err(ReadError::Syntax {
                line,
                column: fault.at + 1,
                reason: fault.reason,
            }),
        }
    }
}

fn read_line<R: BufRead>(input: &mut R, line: u64, out: &mut Vec<u8>) -> Result<(), ReadError> {
    input
        .take(LONGEST)
        .read_until(b'\n', out)
        .map_err(|source| ReadError::Io { line, source })?;
    if out.len() as u64 == LONGEST && !out.ends_with(b"\n") {
        return Err(ReadError::Syntax {
            line,
            column: 1,
            reason: format!("this line is longer than {LONGEST} bytes; an event is shorter"),
        });
    }
    Ok(())
}

const REQUIRED: &[Field] = &[Field::Time, Field::Process, Field::Type, Field::F];

/// `index`: how many events stand before it.
fn read_event(line: &[u8], index: u64, scratch: &mut Scratch) -> Result<Event, Fault> {
    let mut parser = Parser::new(line, scratch)?;
    let mut event = Event::new(Time::ZERO, Process::NEMESIS, Kind::Info, F::Read);
    let mut seen = Fields::default();
    parser.object(|parser, name| {
        let Some(field) = Field::from_name(&name) else {
            let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
            let names = names.join(", ");
            return parser.fault(format!("unknown field {name:?}; the fields are {names}"));
        };
        if !seen.insert(field) {
            return parser.fault(format!("a second {name:?} on one line"));
        }
        if !REQUIRED.contains(&field) && parser.word("null") {
            return Ok(());
        }
        let begin = parser.at();
        match field {
            // Where it stands it shows that no line before it is gone. Left out, the line's place counts.
            Field::Index => {
                let found = parser.unsigned("index")?;
                if found != index {
                    let reason = format!(
                        "index is {found}, and {index} follows: lines are missing before this one, or in another order; to \
                         read a part of a history, leave the indices out"
                    );
                    return Err(Fault::new(begin, reason));
                }
            }
            Field::Time => event.time = Time::from_nanos(parser.unsigned("time")?),
            Field::Process => event.process = process(parser)?,
            Field::Type => {
                let name = text(parser, "type")?;
                event.kind = Kind::from_name(&name).ok_or_else(|| {
                    Fault::new(
                        begin,
                        format!("type is {name:?}; it is one of invoke, ok, fail, info"),
                    )
                })?;
            }
            Field::F => event.f = F::from(&*text(parser, "f")?),
            Field::Key => event.key = parser.value(1)?,
            Field::Value => event.value = parser.value(1)?,
            Field::Node => event.node = Some(shared(parser, "node")?),
            Field::Error => event.error = Some(shared(parser, "error")?),
            Field::Revision => event.revision = Some(parser.signed("revision")?),
            Field::Due => event.due = Some(Time::from_nanos(parser.unsigned("due")?)),
        }
        Ok(())
    })?;
    parser.end()?;
    match seen.missing(REQUIRED) {
        Some(missing) => Err(Fault::new(
            0,
            format!("this line has no {:?}", missing.name()),
        )),
        None => Ok(event),
    }
}

fn process(parser: &mut Parser<'_, '_>) -> Result<Process, Fault> {
    let begin = parser.at();
    match parser.value(0)? {
        Value::Int(n) if (0..i64::from(u32::MAX)).contains(&n) => Ok(Process::client(n as u32)),
        Value::Text(name) if *name == *"nemesis" => Ok(Process::NEMESIS),
        other => Err(Fault::new(
            begin,
            format!(
                "process is {}; it is a number from 0 to {}, or \"nemesis\"",
                json::brief(&other),
                u32::MAX - 1
            ),
        )),
    }
}

fn text<'a>(parser: &mut Parser<'a, '_>, what: &str) -> Result<Cow<'a, str>, Fault> {
    if parser.peek() == Some(b'"') {
        return parser.text();
    }
    let begin = parser.at();
    let other = parser.value(0)?;
    let other = json::brief(&other);
    Err(Fault::new(begin, format!("{what} is {other}; it is text")))
}

fn shared(parser: &mut Parser<'_, '_>, what: &str) -> Result<Arc<str>, Fault> {
    let text = text(parser, what)?;
    Ok(parser.scratch.texts.share(&text))
}

/// Reads a whole history. O(bytes).
///
/// # Errors
/// The first line that is no event or cannot follow the ones before it; a cut-off last line is no error.
pub fn read<R: BufRead>(input: R) -> Result<(History, Option<Torn>), ReadError> {
    let mut reader = Reader::new(input)?;
    let mut builder = Builder::new(reader.header().clone());
    while reader.next_into(&mut builder)? {}
    Ok((builder.finish(), reader.torn()))
}
