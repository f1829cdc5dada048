//! `history.jsonl`: a header line, then one event a line.
//!
//! ```text
//! {"schism":"history","version":1,"name":"demo","nodes":["n1","n2"],"concurrency":4}
//! {"index":0,"time":1200,"process":0,"type":"invoke","f":"write","key":7,"value":3,"node":"n1"}
//! {"index":1,"time":9400,"process":0,"type":"ok","f":"write","key":7,"value":3,"node":"n1","revision":12}
//! {"index":2,"time":9500,"process":"nemesis","type":"info","f":"inject","value":{"fault":0,"name":"partition"}}
//! ```
//!
//! `time` and `due` are nanoseconds since the run began. `key`, `value`, `node`, `error`, `revision` and `due` are left
//! out when there is none. Version 1 readers refuse lines with other fields: nothing that was observed is dropped
//! silently. A last line without its line feed is what a killed run leaves behind: it is reported as [`Torn`] and the
//! rest is read.

use std::borrow::Cow;
use std::io::{self, BufRead};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::history::Builder;
use crate::{Event, F, Header, History, Kind, Malformed, Process, Time, Value};

/// The version of the format that this crate writes, and the newest it reads.
pub const VERSION: u32 = 1;

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
        F::Other(name) => encode_text(name, out),
        known => {
            out.push(b'"');
            out.extend_from_slice(known.name().as_bytes());
            out.push(b'"');
        }
    }
    if !event.key.is_nil() {
        out.extend_from_slice(b",\"key\":");
        encode_value(&event.key, out);
    }
    if !event.value.is_nil() {
        out.extend_from_slice(b",\"value\":");
        encode_value(&event.value, out);
    }
    if let Some(node) = &event.node {
        out.extend_from_slice(b",\"node\":");
        encode_text(node, out);
    }
    if let Some(error) = &event.error {
        out.extend_from_slice(b",\"error\":");
        encode_text(error, out);
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

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    if let Value::Int(n) = value {
        out.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes());
    } else {
        serde_json::to_writer(out, value).expect("values have text keys and are written to memory");
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
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

/// Why a history file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read at all.
    #[error("line {line}: {source}")]
    Io {
        /// The line at which reading failed, from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The first line is no header of ours.
    #[error("line 1: this is not the header of a schism history ({reason})")]
    NoHeader {
        /// What it is instead.
        reason: String,
    },
    /// A newer program wrote it.
    #[error(
        "line 1: the history has format version {found}; this program reads up to version {VERSION}"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// A line is no event.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: u64,
        /// The column, in bytes, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An event that cannot follow the ones before it.
    #[error("line {line}: {malformed}")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        malformed: Malformed,
    },
}

/// The last line of a file that was cut off while it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The line, from 1.
    pub line: u64,
    /// How many bytes of it there are.
    pub bytes: usize,
}

/// Reads events one by one, in memory bounded by the longest line.
pub struct Reader<R> {
    input: R,
    header: Header,
    line: Vec<u8>,
    number: u64,
    torn: Option<Torn>,
    nodes: Vec<Arc<str>>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// There is none, or it is of a newer version, or the input cannot be read.
    pub fn new(mut input: R) -> Result<Self, ReadError> {
        let mut line = Vec::new();
        input
            .read_until(b'\n', &mut line)
            .map_err(|source| ReadError::Io { line: 1, source })?;
        let no_header = |reason: String| ReadError::NoHeader { reason };
        if line.is_empty() {
            return Err(no_header("the file is empty".to_owned()));
        }
        let parsed: HeaderLine =
            serde_json::from_slice(&line).map_err(|error| no_header(error.to_string()))?;
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
        let nodes = parsed.header.nodes.clone();
        Ok(Self {
            input,
            header: parsed.header,
            line,
            number: 1,
            torn: None,
            nodes,
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

    /// The cut-off last line, once all events are read.
    pub fn torn(&self) -> Option<Torn> {
        self.torn
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// The line is no event, or the input cannot be read. Reading can not go on after that.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        self.line.clear();
        self.number += 1;
        let line = self.number;
        self.input
            .read_until(b'\n', &mut self.line)
            .map_err(|source| ReadError::Io { line, source })?;
        if self.line.is_empty() {
            return Ok(None);
        }
        let whole = self.line.ends_with(b"\n");
        match serde_json::from_slice::<RawEvent<'_>>(&self.line) {
            Ok(raw) => raw
                .lower(&mut self.nodes)
                .map(Some)
                .map_err(|reason| ReadError::Syntax {
                    line,
                    column: 1,
                    reason,
                }),
            Err(_) if !whole => {
                self.torn = Some(Torn {
                    line,
                    bytes: self.line.len(),
                });
                Ok(None)
            }
            Err(error) => Err(ReadError::Syntax {
                line,
                column: error.column(),
                reason: plain_reason(&error),
            }),
        }
    }
}

/// The error without serde's own "at line 1 column 7": the line is ours to say.
fn plain_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent<'a> {
    // Redundant by design: a reader with other tools wants it. Its truth is checked nowhere: the line's place counts.
    #[serde(rename = "index")]
    _index: Option<u64>,
    time: u64,
    process: RawProcess,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    f: Cow<'a, str>,
    #[serde(default)]
    key: Value,
    #[serde(default)]
    value: Value,
    #[serde(borrow, default)]
    node: Option<Cow<'a, str>>,
    #[serde(default)]
    error: Option<Arc<str>>,
    #[serde(default)]
    revision: Option<i64>,
    #[serde(default)]
    due: Option<u64>,
}

struct RawProcess(Process);

impl<'de> Deserialize<'de> for RawProcess {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrNemesis;

        impl serde::de::Visitor<'_> for NumberOrNemesis {
            type Value = RawProcess;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a process: a number from 0 to 4294967294, or \"nemesis\"")
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<RawProcess, E> {
                match u32::try_from(n) {
                    Ok(n) if n != u32::MAX => Ok(RawProcess(Process::client(n))),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(n), &self)),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawProcess, E> {
                match text {
                    "nemesis" => Ok(RawProcess(Process::NEMESIS)),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }

        deserializer.deserialize_any(NumberOrNemesis)
    }
}

impl RawEvent<'_> {
    fn lower(self, nodes: &mut Vec<Arc<str>>) -> Result<Event, String> {
        let kind = Kind::from_name(&self.kind).ok_or_else(|| {
            format!(
                "type is {:?}; it is one of invoke, ok, fail, info",
                self.kind
            )
        })?;
        let node = self.node.map(|name| {
            if let Some(known) = nodes.iter().find(|node| ***node == *name) {
                Arc::clone(known)
            } else {
                let node: Arc<str> = Arc::from(name);
                nodes.push(Arc::clone(&node));
                node
            }
        });
        Ok(Event {
            time: Time::from_nanos(self.time),
            process: self.process.0,
            kind,
            f: F::from(&*self.f),
            key: self.key,
            value: self.value,
            node,
            error: self.error,
            revision: self.revision,
            due: self.due.map(Time::from_nanos),
        })
    }
}

/// Reads a whole history. O(bytes).
///
/// # Errors
/// The first line that is no event or cannot follow the ones before it; a cut-off last line is no error.
pub fn read<R: BufRead>(input: R) -> Result<(History, Option<Torn>), ReadError> {
    let mut reader = Reader::new(input)?;
    let mut builder = Builder::new(reader.header().clone());
    while let Some(event) = reader.next_event()? {
        let line = reader.line();
        builder
            .push(event)
            .map_err(|malformed| ReadError::Malformed { line, malformed })?;
    }
    Ok((builder.finish(), reader.torn()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            name: "t".to_owned(),
            nodes: vec![Arc::from("n1")],
            concurrency: 2,
        }
    }

    fn file(events: &[Event]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_header(&header(), &mut out);
        for (index, event) in events.iter().enumerate() {
            encode(index as u64, event, &mut out);
        }
        out
    }

    fn events() -> Vec<Event> {
        let mut invoke = Event::new(
            Time::from_nanos(12),
            Process::client(0),
            Kind::Invoke,
            F::Cas,
        )
        .key("k\"ey")
        .value(Value::list([1, 2]))
        .node("n1");
        invoke.due = Some(Time::from_nanos(10));
        let ok = Event {
            due: None,
            ..invoke.clone()
        };
        let ok = Event {
            time: Time::from_nanos(13),
            kind: Kind::Ok,
            revision: Some(-4),
            ..ok
        };
        let other = F::Other(Arc::from("odd \u{7} name"));
        let odd = Event::new(
            Time::from_nanos(14),
            Process::client(1),
            Kind::Invoke,
            other.clone(),
        );
        let lost = Event::new(Time::from_nanos(14), Process::client(1), Kind::Info, other)
            .error("line\nbreak");
        let nemesis = Event::new(
            Time::from_nanos(15),
            Process::NEMESIS,
            Kind::Info,
            F::Inject,
        )
        .value(Value::map([("fault", 1)]));
        vec![invoke, ok, odd, lost, nemesis]
    }

    fn read_events(bytes: &[u8]) -> Result<(Vec<Event>, Option<Torn>), ReadError> {
        let mut reader = Reader::new(bytes)?;
        let mut events = Vec::new();
        while let Some(event) = reader.next_event()? {
            events.push(event);
        }
        Ok((events, reader.torn()))
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = file(&events());
        let (read, torn) = read_events(&bytes).unwrap();
        assert_eq!(read, events());
        assert_eq!(torn, None);
        assert_eq!(Reader::new(&bytes[..]).unwrap().header(), &header());
    }

    #[test]
    fn the_format_stays_as_documented() {
        let text = String::from_utf8(file(&events())).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next().unwrap(),
            r#"{"schism":"history","version":1,"name":"t","nodes":["n1"],"concurrency":2}"#
        );
        assert_eq!(
            lines.next().unwrap(),
            r#"{"index":0,"time":12,"process":0,"type":"invoke","f":"cas","key":"k\"ey","value":[1,2],"node":"n1","due":10}"#
        );
    }

    #[test]
    fn a_cut_anywhere_loses_the_last_line_only() {
        let bytes = file(&events());
        let header_end = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for cut in header_end..bytes.len() {
            let (read, torn) = read_events(&bytes[..cut]).unwrap();
            assert_eq!(read[..], events()[..read.len()]);
            let begin = bytes[..cut]
                .iter()
                .rposition(|&byte| byte == b'\n')
                .unwrap()
                + 1;
            // A line that lacks nothing but its line feed is whole.
            let whole = cut > begin && bytes[cut] == b'\n';
            assert_eq!(torn.is_some(), cut > begin && !whole, "cut at {cut}");
        }
    }

    #[test]
    fn damage_in_the_middle_is_an_error_with_its_place() {
        let mut bytes = file(&events());
        let second_line = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        bytes[second_line + 8] = b'#';
        let error = read_events(&bytes).unwrap_err();
        assert!(
            matches!(
                error,
                ReadError::Syntax {
                    line: 2,
                    column: 9,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn errors_say_what_would_be_right() {
        let cases = [
            ("", "the file is empty"),
            ("{\"a\":1}\n", "missing field `schism`"),
            ("{\"schism\":\"plan\",\"version\":1}\n", "not \"history\""),
            (
                "{\"schism\":\"history\",\"version\":9}\n",
                "reads up to version 1",
            ),
        ];
        for (text, expected) in cases {
            let error = read_events(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let line = |line: &str| format!("{{\"schism\":\"history\",\"version\":1}}\n{line}\n");
        let cases = [
            (
                r#"{"time":1,"process":"nobody","type":"ok","f":"read"}"#,
                "or \"nemesis\"",
            ),
            (
                r#"{"time":1,"process":0,"type":"maybe","f":"read"}"#,
                "one of invoke, ok, fail, info",
            ),
            (
                r#"{"time":1,"process":0,"type":"ok","f":"read","colour":1}"#,
                "unknown field `colour`",
            ),
            (
                r#"{"time":-1,"process":0,"type":"ok","f":"read"}"#,
                "invalid value",
            ),
        ];
        for (text, expected) in cases {
            let error = read_events(line(text).as_bytes()).unwrap_err().to_string();
            assert!(
                error.starts_with("line 2") && error.contains(expected),
                "{error}"
            );
        }
        let orphan = line(r#"{"time":1,"process":0,"type":"ok","f":"read"}"#);
        let error = read(orphan.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error,
            "line 2: process 0 completes read, but it has no operation open"
        );
    }
}
